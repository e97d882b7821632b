"""What is killed at every await, what a kill leaves, and what a start of the host then does.

A scenario makes an event of its own, so one database serves for all kills.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from support import host
from support.builders import Row, execute
from support.crash_door import DOOR
from support.crash_refunds import REFUNDS
from support.crash_sale import SALE, Place, Scenario, wake
from support.host import ext

_ROWS = {
    "events": "SELECT * FROM events.events WHERE id = :id",
    "packages": "SELECT * FROM events.packages WHERE event_id = :id ORDER BY id",
    "orders": "SELECT o.* FROM events.orders o JOIN events.order_lines l ON l.order_id = o.id"
    " WHERE l.event_id = :id ORDER BY o.created_at, o.id",
    "tickets": "SELECT * FROM events.ticket WHERE event = :id ORDER BY number, id",
    "scans": "SELECT * FROM events.scans WHERE event_id = :id ORDER BY received_at, id",
    "refunds": "SELECT * FROM events.refunds WHERE event_id = :id ORDER BY created_at, id",
}

# The quick ones first: each pass over lapsed orders asks for all that the others leave.
SCENARIOS: Mapping[str, Scenario] = {**REFUNDS, **DOOR, **SALE}
# Those that are repeated with statements that commit one by one.
_CONTROLS = ("buy", "settle", "cancel an order", "scan")
# Of two engines side by side each kills some of these, both the rest; `make test-kills` does all
# on both.
_ELSEWHERE = {
    "postgres": {"book an event", "cancel an order", "settle without a seat", "expire"},
    "sqlite": {"claim", "resolve", "cancel an event", "settle late"},
}


def _here(names: Iterable[str]) -> list[str]:
    return [n for n in names if not (host.is_shared() and n in _ELSEWHERE[host.ENGINE])]


HERE, CONTROLS = _here(SCENARIOS), _here(_CONTROLS)


async def restart() -> None:
    """What the extension does when the host starts: migrations, a look far back, and a pass over
    the refunds; so late that nobody can be paying any more what is under way."""
    tasks = ext("tasks")
    await tasks.migrate()
    await wake()
    await tasks.sweep_once()
    await execute(
        "UPDATE events.refunds SET attempted_at = attempted_at - 120000 WHERE status = 'paying'"
    )
    await ext("refunds.worker").run_once(ext("clock").now())


async def look(place: Place) -> tuple[str, str]:
    """What a kill left: in words that do not name rows; and a fingerprint of all rows of the
    place, ours and the host's, which is the same if nothing has changed."""
    async with ext("crud").reading() as tx:
        found = {
            name: await tx.fetch_all(sql, {"id": place.event_id}) for name, sql in _ROWS.items()
        }
    payments = await _payments(place, found)
    content = repr([[dict(row) for row in rows] for rows in (*found.values(), payments)])
    return _words(found, payments), hashlib.sha256(content.encode()).hexdigest()


async def _payments(place: Place, found: Mapping[str, Sequence[Row]]) -> list[Row]:
    """The host's rows for invoices of orders, payouts, and what the buyer's wallet gets back."""
    from lnbits.core.db import db

    kinds = {order["id"]: "invoice" for order in found["orders"]} | {place.event_id: "claim"}
    for refund in found["refunds"]:
        kinds |= {f"{refund['id']}.{n}": "payout" for n in range(refund["attempts"] + 1)}
    marks = {f"v{number}": name for number, name in enumerate(kinds)}
    payments: list[Row] = await db.fetchall(
        # Only bind marks are put in.
        "SELECT external_id, payment_hash, amount, fee, status FROM apipayments"  # noqa: S608
        f" WHERE external_id IN ({', '.join(f':{mark}' for mark in marks)})"
        " ORDER BY external_id, payment_hash",
        marks,
    )
    return [{"what": kinds[payment["external_id"]], **dict(payment)} for payment in payments]


def _words(found: Mapping[str, Sequence[Row]], payments: Sequence[Row]) -> str:
    [event] = found["events"]
    said = [f"event {event['status']}, held {event['held']}, sold {event['sold']}"]
    said += ["refunds booked"] if event["refunds_booked_at"] else []
    for order in found["orders"]:
        said.append(f"order {order['status']}{'' if order['payment_hash'] else ' without hash'}")
    said += sorted({f"tickets {t['status']} {bool(t['payment_hash'])}" for t in found["tickets"]})
    said += sorted(f"scan {scan['outcome']}" for scan in found["scans"])
    said += [f"refund {refund['status']}" for refund in found["refunds"]]
    said += sorted(f"{payment['what']} {payment['status']}" for payment in payments)
    return ", ".join(said)
