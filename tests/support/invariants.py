"""The invariants that tables alone can show, for one event or for the whole database.

Each function returns what is wrong, in words; an empty list is what tests want.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from support.builders import Row
from support.host import ext

_SEATED = ("active", "used")
_ENDED = ("cancelled", "refunded")
# No event has this id: with it the functions look at all of them.
_ALL = ""
_OF_EVENT = {
    "events": "SELECT * FROM events.events WHERE CAST(:id AS TEXT) = '' OR id = :id",
    "packages": "SELECT * FROM events.packages WHERE CAST(:id AS TEXT) = '' OR event_id = :id",
    "tickets": "SELECT * FROM events.ticket WHERE CAST(:id AS TEXT) = '' OR event = :id",
    "lines": "SELECT * FROM events.order_lines WHERE CAST(:id AS TEXT) = '' OR event_id = :id",
    "orders": "SELECT o.* FROM events.orders o WHERE CAST(:id AS TEXT) = '' OR EXISTS"
    " (SELECT 1 FROM events.order_lines l WHERE l.order_id = o.id AND l.event_id = :id)",
    "refunds": "SELECT r.* FROM events.refunds r WHERE CAST(:id AS TEXT) = '' OR EXISTS"
    " (SELECT 1 FROM events.order_lines l WHERE l.order_id = r.order_id AND l.event_id = :id)",
}
_AT_THE_DOOR = {
    "events": _OF_EVENT["events"],
    "tickets": _OF_EVENT["tickets"],
    "scans": "SELECT * FROM events.scans WHERE CAST(:id AS TEXT) = '' OR event_id = :id",
    "scanners": "SELECT * FROM events.scanners WHERE CAST(:id AS TEXT) = '' OR event_id = :id",
}


@dataclass(frozen=True)
class _Books:
    """The rows of an event, what the host received, and what it paid or may still pay."""

    events: list[Row]
    packages: list[Row]
    tickets: list[Row]
    lines: list[Row]
    orders: list[Row]
    refunds: list[Row]
    received_sat: Mapping[str, int]
    payouts: Sequence["_Payout"]
    # For each wallet with refunds, the one its payments lie in.
    sources: Mapping[str, str]


@dataclass(frozen=True)
class _Payout:
    """An outgoing payment of the host that says it is for a refund, or has a refund's hash."""

    wallet: str
    payment_hash: str
    amount_msat: int
    status: str
    refund_id: str


async def broken_invariants(event_id: str = _ALL) -> list[str]:
    """I1, I2 and I4 of an event, its orders and their payments, in and out; I5 of its door."""
    books = await _read(event_id)
    return [
        *_broken_seats(books),
        *_broken_money(books),
        *(text for refund in books.refunds for text in _broken_payout(books, refund)),
        *_broken_endings(books),
        *_broken_counters(books),
        *await broken_entries(event_id),
    ]


async def broken_seats(event_id: str = _ALL) -> list[str]:
    """I1 alone."""
    return _broken_seats(await _read(event_id))


async def broken_entries(event_id: str = _ALL) -> list[str]:
    """I5: what the tickets say and what the scans say is the same, and nobody came in twice
    without a conflict being shown."""
    return broken_at_the_door(await read_door(event_id))


async def read_door(event_id: str = _ALL) -> Mapping[str, list[Row]]:
    """Its `events`, `tickets`, `scans` and `scanners`."""
    async with ext("crud").reading() as tx:
        return {
            name: await tx.fetch_all(sql, {"id": event_id}) for name, sql in _AT_THE_DOOR.items()
        }


def broken_at_the_door(found: Mapping[str, list[Row]]) -> list[str]:
    """I5 of what `read_door` found."""
    entry_of = {event["id"]: event["entry"] for event in found["events"]}
    of_ticket: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for scan in found["scans"]:
        of_ticket[scan["event_id"], scan["ticket_id"]].append(scan)
    gates = {(scanner["event_id"], scanner["id"]) for scanner in found["scanners"]}
    wrong = [f"I5 scan {dict(s)}" for s in found["scans"] if not _is_sound(s, gates)]
    for ticket in found["tickets"]:
        scans = of_ticket.pop((ticket["event"], ticket["id"]), [])
        wrong += _broken_entry(ticket, scans, entry_of.get(ticket["event"]))
    # A ticket whose entry was annulled may be deleted; one that stands needs its ticket.
    lost = [scan for scans in of_ticket.values() for scan in scans if _stands(scan)]
    return wrong + [f"I5 admitted with no ticket of the event: {dict(scan)}" for scan in lost]


async def _read(event_id: str) -> _Books:
    async with ext("crud").reading() as tx:
        found = {name: await tx.fetch_all(sql, {"id": event_id}) for name, sql in _OF_EVENT.items()}
    return _Books(
        **found,
        received_sat=await _received_sat(found["orders"]),
        payouts=await _payouts(found["refunds"]),
        sources=await _sources(found["refunds"]),
    )


async def _received_sat(orders: Sequence[Row]) -> dict[str, int]:
    """Sats the host received per order, from its own payments.

    An invoice is an order's by its hash, or when it names the order, has its sum and lies in its
    wallet: anybody can make one that only names it.
    """
    from lnbits.core.db import db

    payments: list[Row] = await db.fetchall(
        "SELECT wallet_id, payment_hash, amount, extra FROM apipayments"
        " WHERE status = 'success' AND amount > 0 AND extra LIKE '%events%'"
    )
    by_hash = {order["payment_hash"]: order for order in orders if order["payment_hash"]}
    by_id = {order["id"]: order for order in orders}
    received: dict[str, int] = defaultdict(int)
    for payment in payments:
        named = str(json.loads(payment["extra"]).get("order_id"))
        order = by_hash.get(payment["payment_hash"]) or by_id.get(named)
        if order is None:
            continue
        is_its_own = payment["payment_hash"] == order["payment_hash"]
        if is_its_own or (payment["wallet_id"], payment["amount"]) == (
            order["wallet"],
            order["total_sat"] * 1000,
        ):
            received[order["id"]] += payment["amount"] // 1000
    return received


async def _payouts(refunds: Sequence[Row]) -> list[_Payout]:
    from lnbits.core.db import db

    ids = {refund["id"] for refund in refunds}
    hashes = {refund["payment_hash"] for refund in refunds if refund["payment_hash"]}
    if not ids:
        return []
    payments: list[Row] = await db.fetchall(
        "SELECT wallet_id, payment_hash, amount, status, extra FROM apipayments"
        " WHERE amount < 0 AND status <> 'failed' AND extra LIKE '%refund_id%'"
    )
    found = [
        _Payout(
            wallet=payment["wallet_id"],
            payment_hash=payment["payment_hash"],
            amount_msat=payment["amount"],
            status=payment["status"],
            refund_id=str(json.loads(payment["extra"]).get("refund_id")),
        )
        for payment in payments
    ]
    return [sent for sent in found if sent.refund_id in ids or sent.payment_hash in hashes]


async def _sources(refunds: Sequence[Row]) -> dict[str, str]:
    """A shared wallet's payments lie in the wallet that shares it."""
    from lnbits.core.crud import get_wallet

    found = {}
    for wallet_id in {refund["wallet"] for refund in refunds}:
        wallet = await get_wallet(wallet_id)
        found[wallet_id] = wallet.source_wallet_id if wallet else wallet_id
    return found


def _broken_seats(books: _Books) -> list[str]:
    """I1: 0 <= held + sold <= limit, on every event and package."""
    wrong = []
    for kind, limit_name, found in (
        ("event", "capacity", books.events),
        ("package", "quantity_limit", books.packages),
    ):
        for item in found:
            limit, taken = item[limit_name], item["held"] + item["sold"]
            if min(item["held"], item["sold"]) < 0 or (limit is not None and taken > limit):
                wrong.append(
                    f"I1 {kind} {item['id']}: held {item['held']}, sold {item['sold']} of {limit}"
                )
    return wrong


def _broken_money(books: _Books) -> list[str]:
    """I2: what was received for an order is matched by its valid tickets, by what the organiser
    keeps of the others, and by refund rows.

    To be asked when every payment has been announced or swept.
    """
    matched: dict[str, int] = defaultdict(int)
    for ticket in books.tickets:
        if ticket["status"] in _SEATED:
            matched[ticket["order_id"]] += ticket["price_sat"]
        matched[ticket["order_id"]] += ticket["retained_sat"]
    for refund in books.refunds:
        matched[refund["order_id"]] += refund["amount_sat"]
    return [
        f"I2 order {order['id']} ({order['status']}): received"
        f" {books.received_sat.get(order['id'], 0)} sat, matched {matched[order['id']]}"
        for order in books.orders
        if books.received_sat.get(order["id"], 0) != matched[order["id"]]
    ]


def _broken_payout(books: _Books, refund: Row) -> list[str]:
    """I2, I3: what is marked paid over Lightning was paid by the host, once, to the sat, from its
    wallet; what is not was not paid, and cannot be any more."""
    named = [sent for sent in books.payouts if sent.refund_id == refund["id"]]
    its_own = [sent for sent in named if sent.payment_hash == refund["payment_hash"]]
    name = f"refund {refund['id']} ({refund['status']}, {refund['amount_sat']} sat)"
    if named != its_own:
        return [f"I3 {name}: other invoices were paid for it: {named}"]
    if refund["status"] == "paid" and refund["paid_by"] == "lightning":
        source = books.sources[refund["wallet"]]
        expected = (source, -refund["amount_sat"] * 1000, "success")
        if [(sent.wallet, sent.amount_msat, sent.status) for sent in its_own] != [expected]:
            return [f"I2 {name}: the host paid {its_own}"]
    elif refund["status"] == "paying":
        if len(its_own) > 1:
            return [f"I3 {name}: is paid {len(its_own)} times"]
    elif named:
        return [f"I3 {name}: the host paid, or is about to pay, {named}"]
    return []


def _broken_endings(books: _Books) -> list[str]:
    """I2: who waits for money has a debt on the books that is not paid; who was told that it went
    back has none."""
    unpaid = Counter(r["order_id"] for r in books.refunds if r["status"] != "paid")
    wrong = [
        f"I2 order {order['id']}: {order['status']}, but no refund of it is to be paid"
        for order in books.orders
        if order["status"] == "refund_due" and not unpaid[order["id"]]
    ]
    status_of = {refund["id"]: refund["status"] for refund in books.refunds}
    for ticket in books.tickets:
        status = status_of.get(ticket["refund_id"] or "")
        if status and (ticket["status"] == "refunded") != (status == "paid"):
            wrong.append(f"I2 ticket {ticket['id']}: {ticket['status']}, its refund is {status}")
    return wrong


def _broken_counters(books: _Books) -> list[str]:
    """I4: counters say what the rows say, and the legacy columns agree."""
    seated = [ticket for ticket in books.tickets if ticket["status"] in _SEATED]
    open_orders = {order["id"] for order in books.orders if order["status"] == "reserved"}
    held_lines = [line for line in books.lines if line["order_id"] in open_orders]
    wrong = []
    # An add-on takes no seat of the event.
    of_event = [line for line in held_lines if line["kind"] == "admission"]
    sold = Counter(t["event"] for t in seated if t["kind"] == "admission")
    held = _sum(of_event, "event_id")
    for event in books.events:
        expected = {"held": held[event["id"]], "sold": sold[event["id"]]}
        if event["capacity"] is not None:
            expected["amount_tickets"] = event["capacity"] - event["sold"]
        wrong += _differences("event", event, expected)
    sold, held = Counter(t["package_id"] for t in seated), _sum(held_lines, "package_id")
    for package in books.packages:
        expected = {"held": held[package["id"]], "sold": sold[package["id"]]}
        wrong += _differences("package", package, expected)
    return wrong + [text for ticket in books.tickets for text in _broken_ticket(ticket)]


def _broken_ticket(ticket: Row) -> list[str]:
    """1.6.9's columns follow the status. What was used before it was cancelled stays registered."""
    status = ticket["status"]
    if status in _ENDED:
        wrong = bool(ticket["paid"]) or (bool(ticket["registered"]) and not ticket["reg_timestamp"])
    else:
        wrong = bool(ticket["registered"]) != (status == "used")
    if status == "reserved":
        wrong |= bool(ticket["paid"])
    elif status in _SEATED:
        wrong |= not ticket["paid"]
    if ticket["retained_sat"] and status not in _ENDED:
        wrong = True
    names = ("id", "status", "paid", "registered", "retained_sat")
    shown = {name: ticket[name] for name in names}
    return [f"I4 ticket {shown}"] if wrong else []


def _sum(lines: Sequence[Row], key: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for line in lines:
        total[line[key]] += line["quantity"]
    return total


def _differences(kind: str, found: Mapping[str, Any], expected: Mapping[str, int]) -> list[str]:
    return [
        f"I4 {kind} {found['id']}: {name} is {found[name]}, should be {value}"
        for name, value in expected.items()
        if found[name] != value
    ]


def _stands(scan: Row) -> bool:
    return bool(scan["outcome"] == "admitted" and scan["annulled_at"] is None)


def _is_sound(scan: Row, gates: Collection[tuple[str, str]]) -> bool:
    """It names its ticket, or else what was read; it was made by a scanner of the event, or the
    organiser; what was done beside the rules shows that it was made offline."""
    return (
        (scan["ticket_id"] is None) != (scan["code_hash"] is None)
        and (scan["scanner_id"] is None or (scan["event_id"], scan["scanner_id"]) in gates)
        and (bool(scan["is_forced"]) or not scan["is_conflict"])
        and (scan["annulled_at"] is None or scan["outcome"] == "admitted")
    )


def _broken_entry(ticket: Row, scans: Sequence[Row], entry: str | None) -> list[str]:
    """A used ticket was admitted, one that is not was not. As often as its holder went out it may
    have been admitted again, where the event lets them come back."""
    standing = [scan for scan in scans if _stands(scan)]
    in_order = sum(not scan["is_conflict"] for scan in standing)
    returns = sum(scan["outcome"] == "left" for scan in scans) if entry == "reentry" else 0
    by_the_old_program = ticket["payment_hash"] in (None, ticket["id"])
    wrong = in_order > 1 + returns
    if ticket["status"] == "used":
        wrong |= not standing and not by_the_old_program
    elif ticket["status"] not in _ENDED:
        wrong |= bool(standing) or ticket["left_at"] is not None
    told = [(scan["outcome"], bool(scan["is_conflict"]), scan["annulled_at"]) for scan in scans]
    names = ("id", "status", "left_at")
    return [f"I5 ticket { ({name: ticket[name] for name in names}) }: {told}"] if wrong else []
