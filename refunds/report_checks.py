"""Compare the books of one order with what the host has of it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .crud_report import OrderBooks
from .host_rows import HostRow
from .models import PAID_BY_HAND, Refund, RefundStatus

ONCHAIN = "onchain"
NO_PRICE = "taken over without a price"
CALLED_REFUNDED = "1.6.9 called it refunded, but paid nothing back"
UNSETTLED = "paid, but not settled yet"
_CAUSE = "payment:"

# For each wallet of ours, the wallets of the host where its payments lie.
Wallets = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Finding:
    """What came of comparing one order. All in sats, as far as the event is concerned.

    `unknown_sat`: received, and what became of it was never written down by 1.6.9.
    """

    books: OrderBooks
    received_sat: int
    unknown_sat: int
    notes: tuple[str, ...]
    is_wrong: bool

    @property
    def is_onchain(self) -> bool:
        return self.books.method == ONCHAIN

    @property
    def refunded_sat(self) -> int:
        return paid_sat(self.books.refunds)

    @property
    def due_sat(self) -> int:
        return due_sat(self.books.refunds)

    @property
    def unsettled_sat(self) -> int:
        if not self.books.is_unsettled:
            return 0
        # A second invoice of the order may have been paid as well, and is owed already.
        matched = self.books.kept_sat + self.refunded_sat + self.due_sat
        return max(0, self.received_sat - matched)


def paid_sat(refunds: Iterable[Refund]) -> int:
    return sum(r.amount_sat for r in refunds if r.status is RefundStatus.PAID)


def due_sat(refunds: Iterable[Refund]) -> int:
    return sum(r.amount_sat for r in refunds if r.status is not RefundStatus.PAID)


def payment_hashes(books: OrderBooks) -> list[str]:
    """Hashes of all the host's payments that the books of an order speak of."""
    found = [books.payment_hash, *(refund.payment_hash for refund in books.refunds)]
    return [value for value in (*found, *_causes(books)) if value]


def attempt_ids(books: OrderBooks) -> list[str]:
    """The `external_id` of every payout that was begun, also of those the ledger has forgotten."""
    return [
        f"{refund.id}.{attempt}"
        for refund in books.refunds
        for attempt in range(1, refund.attempts + 1)
    ]


def check(books: OrderBooks, rows: Sequence[HostRow], wallets: Wallets) -> Finding:
    """`rows`: at least all the host has of this order and its refunds, in any state."""
    succeeded = [row for row in rows if row.succeeded]
    payouts = [
        note for refund in books.refunds for note in _check_payout(refund, succeeded, wallets)
    ]
    if books.method == ONCHAIN:
        # Its money never passed the host.
        return Finding(books, 0, 0, tuple(payouts), bool(payouts))
    received = books.share(
        sum(row.amount_msat // 1000 for row in succeeded if _is_received(row, books, wallets))
    )
    matched = books.kept_sat + paid_sat(books.refunds) + due_sat(books.refunds)
    unknown, excuse = _unknown(books, received - matched)
    wrong = _difference(books, received - matched - unknown)
    notes = (*excuse, *wrong, *payouts)
    return Finding(books, received, unknown, notes, bool(wrong or payouts))


def _causes(books: OrderBooks) -> list[str]:
    """Payments of the order that were turned into debts."""
    return [
        refund.cause[len(_CAUSE) :] for refund in books.refunds if refund.cause.startswith(_CAUSE)
    ]


def _is_received(row: HostRow, books: OrderBooks, wallets: Wallets) -> bool:
    """Whether a payment is the order's: by its hash; or it names the order and settlement has
    believed it, or would (see `orders.settlement`: the order's wallet and its exact sum)."""
    if row.amount_msat <= 0:
        return False
    if row.payment_hash == books.payment_hash:
        return True
    if (row.order_id or row.external_id) != books.id:
        return False
    if row.payment_hash in _causes(books):
        return True
    is_exact = row.amount_msat == books.total_sat * 1000
    return is_exact and row.wallet_id in wallets[books.wallet]


def _unknown(books: OrderBooks, rest_sat: int) -> tuple[int, tuple[str, ...]]:
    """How much of what nothing stands for is 1.6.9's silence, and why."""
    if not books.is_legacy or books.is_unsettled or rest_sat <= 0:
        return 0, ()
    # Before version 6 it kept no price of a ticket.
    if books.total_sat == 0 and books.highest_sat == 0:
        return rest_sat, (NO_PRICE,)
    if books.called_refunded_sat:
        return min(rest_sat, books.called_refunded_sat), (CALLED_REFUNDED,)
    return 0, ()


def _difference(books: OrderBooks, rest_sat: int) -> list[str]:
    if books.is_unsettled and rest_sat > 0:
        return [UNSETTLED]
    if rest_sat > 0:
        return [f"the host received {rest_sat} sat that no ticket and no refund stands for"]
    if rest_sat < 0:
        return [f"tickets and refunds stand for {-rest_sat} sat that the host did not receive"]
    return []


def _check_payout(refund: Refund, succeeded: Sequence[HostRow], wallets: Wallets) -> list[str]:
    """What is wrong between a refund and the payments the host made for it."""
    attempts = f"{refund.id}."
    sent = [
        row for row in succeeded if row.amount_msat < 0 and row.wallet_id in wallets[refund.wallet]
    ]
    begun = [row for row in sent if (row.external_id or "").startswith(attempts)]
    its_own = [row for row in sent if row.payment_hash == refund.payment_hash]
    name = f"refund {refund.id}"
    if refund.status is RefundStatus.PAYING:
        others = [row for row in begun if row not in its_own]
        return [f"{name} is being paid, but the host has paid it before"] if others else []
    if refund.status is not RefundStatus.PAID:
        return [f"{name} is not marked paid, but the host paid it"] if begun or its_own else []
    if refund.paid_by == PAID_BY_HAND:
        return [f"{name} was paid by hand, and by the host as well"] if begun else []
    # A row without `paid_by` was marked by the operator's own SQL, before there were payouts.
    if not any(row.amount_msat == -refund.amount_sat * 1000 for row in its_own):
        return [f"{name} is marked paid, but the host made no payment of {refund.amount_sat} sat"]
    times = len({row.id for row in (*begun, *its_own)})
    return [f"{name} was paid {times} times"] if times > 1 else []
