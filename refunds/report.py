"""The reconciliation report: what an event received, kept, paid back and still owes, to the sat,
against the host's own payment rows. See `docs/operations.md`."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..catalog.models import Event
from ..catalog.services import own_event
from ..crud import reading
from ..models import OrderStatus
from . import crud_report
from .crud_report import OrderBooks
from .host_rows import HostRow, HostRows
from .models import PAID_BY_HAND, RefundStatus
from .report_checks import Finding, attempt_ids, check, payment_hashes

_BATCH = 250
# A payment may succeed between reading our tables and the host's. What differs is looked at
# again after this pause, in which the listener settles it.
_SECOND_LOOK_S = 0.2
# Orders shown; the sums count all.
_SHOWN = 1000
_EVENT_REASONS = frozenset({"event_cancelled", "minimum_not_reached"})


async def ledger_report(event_id: str, wallet: str) -> dict[str, Any]:
    """What `GET /events/{event_id}/ledger` answers. Raises NotFound, or Forbidden when the event
    lies in another wallet.

    received_sat = kept_sat + refunded_sat + due_sat + legacy_unknown_sat + difference_sat.
    `balanced`: not one order differs, and the host made every payout that is marked paid.
    Orders paid on-chain passed no wallet of the host: their money is in `onchain_sat` (of it
    still owed: `onchain_due_sat`) and in no other sum.
    """
    async with reading() as tx:
        event = await own_event(tx, event_id, wallet)
    sums, host, after = _Sums(), HostRows(), ""
    while found := await _findings_after(event_id, after, host):
        for finding in found:
            sums.add(finding)
        after = found[-1].books.id
    return sums.view(event)


async def _findings_after(event_id: str, after: str, host: HostRows) -> list[Finding]:
    # Never both databases at once: each reading is over before the other begins.
    async with reading() as tx:
        books = await crud_report.list_after(tx, event_id, after, _BATCH)
    found = await _compare(books, host)
    doubtful = [finding.books.id for finding in found if finding.is_wrong]
    if not doubtful:
        return found
    await asyncio.sleep(_SECOND_LOOK_S)
    async with reading() as tx:
        books = await crud_report.list_some(tx, event_id, doubtful)
    again = {finding.books.id: finding for finding in await _compare(books, host)}
    return [again.get(finding.books.id, finding) for finding in found]


async def _compare(batch: Sequence[OrderBooks], host: HostRows) -> list[Finding]:
    """All that the host has of a batch of orders is read with a few statements."""
    ids = {books.wallet for books in batch}
    ids |= {refund.wallet for books in batch for refund in books.refunds}
    wallets = {wallet: await host.wallets_of(wallet) for wallet in sorted(ids)}
    by_hash, by_name = defaultdict(list), defaultdict(list)
    for row in await host.by_hash(value for books in batch for value in payment_hashes(books)):
        by_hash[row.payment_hash].append(row)
    named = await host.by_external_id(
        name for books in batch for name in (books.id, *attempt_ids(books))
    )
    for row in named:
        by_name[row.external_id or ""].append(row)
    for wallet in sorted({place for books in batch for place in wallets[books.wallet]}):
        for row in await host.naming_an_order(wallet):
            by_name[row.order_id or ""].append(row)
    return [check(books, _about(books, by_hash, by_name), wallets) for books in batch]


def _about(
    books: OrderBooks,
    by_hash: Mapping[str, Sequence[HostRow]],
    by_name: Mapping[str, Sequence[HostRow]],
) -> list[HostRow]:
    """The rows that may be about an order, each once."""
    found = [row for value in payment_hashes(books) for row in by_hash.get(value, ())]
    for name in (books.id, *attempt_ids(books)):
        found += by_name.get(name, ())
    return list({row.id: row for row in found}.values())


@dataclass
class _Sums:
    """The report so far."""

    sat: Counter[str] = field(default_factory=Counter)
    refunds: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    fee_msat: int = 0
    wrong: list[dict[str, Any]] = field(default_factory=list)
    excused: list[dict[str, Any]] = field(default_factory=list)
    noted: int = 0
    is_balanced: bool = True

    def add(self, finding: Finding) -> None:
        self._add_money(finding)
        self._add_counts(finding.books)
        if finding.is_wrong:
            self.is_balanced = False
        if finding.notes:
            self.noted += 1
            shown = self.wrong if finding.is_wrong else self.excused
            if len(shown) < _SHOWN:
                shown.append(_difference(finding))

    def _add_money(self, finding: Finding) -> None:
        books = finding.books
        if finding.is_onchain:
            owed = finding.refunded_sat + finding.due_sat
            self.sat.update(onchain=books.kept_sat + owed, onchain_due=finding.due_sat)
            return
        by_hand = (
            refund.amount_sat
            for refund in books.refunds
            if refund.status is RefundStatus.PAID and refund.paid_by == PAID_BY_HAND
        )
        self.sat.update(
            received=finding.received_sat,
            kept=books.kept_sat,
            refunded=finding.refunded_sat,
            by_hand=sum(by_hand),
            due=finding.due_sat,
            unsettled=finding.unsettled_sat,
            unknown=finding.unknown_sat,
        )

    def _add_counts(self, books: OrderBooks) -> None:
        for refund in books.refunds:
            self.refunds[refund.status.value] += 1
            self.fee_msat += refund.fee_msat or 0
        is_booked = any(refund.reason in _EVENT_REASONS for refund in books.refunds)
        is_confirmed = books.status is OrderStatus.CONFIRMED
        self.orders.update(confirmed=int(is_confirmed), booked=int(is_booked))

    def view(self, event: Event) -> dict[str, Any]:
        sat = self.sat
        explained = sat["kept"] + sat["refunded"] + sat["due"] + sat["unknown"]
        differences = [*self.wrong, *self.excused][:_SHOWN]
        confirmed = self.orders["confirmed"]
        return {
            "event_id": event.id,
            "event_name": event.name,
            "balanced": self.is_balanced,
            "received_sat": sat["received"],
            "kept_sat": sat["kept"],
            "refunded_sat": sat["refunded"],
            "refunded_by_hand_sat": sat["by_hand"],
            "due_sat": sat["due"],
            "difference_sat": sat["received"] - explained,
            "unsettled_sat": sat["unsettled"],
            "legacy_unknown_sat": sat["unknown"],
            "onchain_sat": sat["onchain"],
            "onchain_due_sat": sat["onchain_due"],
            # The host counts millisats; a part of a sat was paid, too.
            "fees_sat": -(-self.fee_msat // 1000),
            "refunds": {status.value: self.refunds[status.value] for status in RefundStatus},
            "orders": {
                "confirmed": confirmed,
                # What 1.6.9 cancelled has no such moment, and nobody was promised money for it.
                "to_book": confirmed if event.cancelled_at else 0,
                "booked": self.orders["booked"],
            },
            "differences": differences,
            "differences_left_off": self.noted - len(differences),
        }


def _difference(finding: Finding) -> dict[str, Any]:
    return {
        "order_id": finding.books.id,
        "received_sat": finding.received_sat,
        "kept_sat": finding.books.kept_sat,
        "refunded_sat": finding.refunded_sat,
        "due_sat": finding.due_sat,
        "note": "; ".join(finding.notes),
    }
