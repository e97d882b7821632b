"""Messages as tests need them: facts told, what was written down for whom, passes of the lanes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from support.builders import Json, Row, a_purchase, an_event, execute, row, rows
from support.host import ext
from support.mailbox import Mailbox
from support.people import Person

ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"


async def forget_all() -> None:
    """What other tests have left to be told or sent."""
    await execute("DELETE FROM events.outbox")
    await execute("DELETE FROM events.messages")


async def drain(**later: float) -> Any:
    """Carry out all facts, now or in some time."""
    now = ext("clock").now() + timedelta(**later)
    done = await ext("outbox.services").drain(ext("notifications.facts").HANDLERS, now)
    assert done.failed == 0, await rows("SELECT topic, last_error FROM events.outbox")
    return done


async def messages(event_id: str) -> list[Row]:
    """All of an event, as they are, the oldest first."""
    return await rows(
        "SELECT * FROM events.messages WHERE event_id = :id ORDER BY created_at, kind, recipient",
        id=event_id,
    )


async def told(event_id: str, *kinds: str) -> list[tuple[str, str, str]]:
    """Kind, channel and recipient of each, sorted; of these kinds, if any are named."""
    found = [(m["kind"], m["channel"], m["recipient"]) for m in await messages(event_id)]
    return sorted(one for one in found if not kinds or one[0] in kinds)


async def message(event_id: str, **where: object) -> Row:
    """The one with these columns."""
    found = [
        one
        for one in await messages(event_id)
        if all(one[name] == value for name, value in where.items())
    ]
    assert len(found) == 1, found
    return found[0]


async def states(event_id: str) -> list[str]:
    return sorted(str(one["state"]) for one in await messages(event_id))


async def a_free_event(client: httpx.AsyncClient, organiser: Person, **changes: object) -> Json:
    """Its orders are confirmed at once."""
    more = {"price_per_ticket": 0, "amount_tickets": 100, **changes}
    return await an_event(client, organiser, **more)


async def a_party_of_three(client: httpx.AsyncClient, event: Mapping[str, Any]) -> Json:
    """Ada buys three tickets: for herself, for Bob who has mail, for Eve who has Nostr."""
    return await a_purchase(
        client,
        event["id"],
        email=ADA,
        quantity=3,
        nostr_identifier="ada@nostr.example",
        attendees=[
            {"name": "Ada", "email": ADA.upper()},
            {"name": "Bob", "email": BOB},
            {"name": "Eve", "nostr_identifier": "eve@nostr.example"},
        ],
    )


def a_lane(timeout_s: float = 2.0) -> Any:
    """A worker of its own for mail, as another process would have one."""
    server = ext("notifications.email").MailServer
    return ext("notifications.mail_lane").MailLane(lambda: server(timeout_s))


async def send_mail(lane: Any = None, **later: float) -> Any:
    """One pass over the mail, now or in some time."""
    worker = lane or a_lane()
    try:
        return await worker.send_due(ext("clock").now() + timedelta(**later))
    finally:
        if lane is None:
            await worker.close()


async def letter_of(found: Row) -> Any:
    """What a message would say now; None when there is nothing to say."""
    async with ext("crud").reading() as tx:
        known = await ext("notifications.crud").get_message(tx, found["id"])
    return await ext("notifications.letters").read_letter(known)


async def ticket_extra(ticket_id: str) -> Json:
    found = await row("SELECT extra FROM events.ticket WHERE id = :id", id=ticket_id)
    extra: Json = ext("catalog.models").read_json(found["extra"])
    return extra


async def bought_by(client: httpx.AsyncClient, organiser: Person, *buyers: str) -> Json:
    """An event with an order for each of them, which waits to be sent."""
    event = await a_free_event(client, organiser)
    for address in buyers:
        await a_purchase(client, event["id"], email=address)
    await drain()
    return event


def guests(count: int) -> list[str]:
    return [f"guest{number}@example.com" for number in range(count)]


def arrived(box: Mailbox) -> list[str]:
    return sorted(address for caught in box.messages for address in caught.recipients)
