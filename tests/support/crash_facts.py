"""Facts written down in the transactions that make them true: what is missing or doubled."""

from collections import Counter

from support.builders import rows
from support.crash_sale import Place, orders


async def wrong_facts(place: Place) -> list[str]:
    """I9: an order confirmed, a refund owed or paid, an order cancelled by its buyer or organiser
    has one fact each, and nothing else has."""
    due = {("order_confirmed", o["id"]) for o in await orders(place) if _has_tickets(o["status"])}
    for refund in await rows(
        "SELECT id, order_id, status, reason FROM events.refunds WHERE event_id = :id",
        id=place.event_id,
    ):
        due.add(("refund_due", refund["id"]))
        if refund["reason"] in ("buyer_cancelled", "organiser_cancelled"):
            due.add(("tickets_cancelled", refund["order_id"]))
        if refund["status"] == "paid":
            due.add(("refund_paid", refund["id"]))
    found = Counter(
        (fact["topic"], fact["subject_id"])
        for fact in await rows(
            "SELECT topic, subject_id FROM events.outbox WHERE event_id = :id", id=place.event_id
        )
        if fact["topic"] != "event_cancelled"
    )
    # An order refunded since was confirmed before: its fact is still there.
    wrong = [f"nobody is told: {fact}" for fact in due - set(found)]
    known = {subject for _, subject in due} | {order["id"] for order in await orders(place)}
    wrong += [
        f"told for nothing: {fact}"
        for fact in found
        if fact[1] not in known or (fact[0] == "tickets_cancelled" and fact not in due)
    ]
    return wrong + [f"told {n} times: {fact}" for fact, n in found.items() if n > 1]


def _has_tickets(status: str) -> bool:
    return status == "confirmed"
