"""I8: whatever changes what a listing shows raises its revision, in the same transaction."""

import httpx
import pytest

from support.builders import API, Json, a_purchase, an_event, buy, execute, pay, rows
from support.host import ext
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def revision(event_id: str) -> int | None:
    """None: there is no document of this event."""
    found = await rows("SELECT * FROM events.nostr_documents WHERE event_id = :id", id=event_id)
    assert len(found) <= 1
    return int(found[0]["rev"]) if found else None


async def published(client: httpx.AsyncClient, organiser: Person, **more: object) -> Json:
    return await an_event(client, organiser, nostr_publish=True, **more)


EVENT = {
    "a sale": "UPDATE events.events SET sold = sold + 1 WHERE id = :id",
    "a name": "UPDATE events.events SET name = 'Other' WHERE id = :id",
    "a start": "UPDATE events.events SET starts_at = 1 WHERE id = :id",
    "a place": "UPDATE events.events SET location = 'there' WHERE id = :id",
    "more seats": "UPDATE events.events SET capacity = 99 WHERE id = :id",
    "cancelled by 1.6.9": "UPDATE events.events SET canceled = TRUE WHERE id = :id",
    "written whole by 1.6.9": "UPDATE events.events SET wallet = wallet, name = name, info = info,"
    " closing_date = closing_date, sold = sold, amount_tickets = amount_tickets WHERE id = :id",
    "hidden counts": "UPDATE events.events SET nostr_hide_counts = TRUE WHERE id = :id",
    "a price": "UPDATE events.packages SET price_minor = 7 WHERE event_id = :id",
    "a sale window": "UPDATE events.packages SET sale_ends_at = 7 WHERE event_id = :id",
    "a package less": "DELETE FROM events.packages WHERE event_id = :id",
    "taken off": "UPDATE events.events SET nostr_publish = FALSE WHERE id = :id",
}
UNSEEN = {
    "held seats": "UPDATE events.events SET held = held + 1 WHERE id = :id",
    "a version": "UPDATE events.events SET version = version + 1 WHERE id = :id",
    "a number given": "UPDATE events.events SET ticket_seq = ticket_seq + 1 WHERE id = :id",
    "what 1.6.9 reads": "UPDATE events.events SET amount_tickets = 1, extra = '{}' WHERE id = :id",
    "held of a package": "UPDATE events.packages SET held = held + 1 WHERE event_id = :id",
}


@pytest.mark.parametrize("change", EVENT)
async def test_i8_what_is_shown_raises_it(
    client: httpx.AsyncClient, organiser: Person, change: str
) -> None:
    event = await published(client, organiser)
    before = await revision(event["id"])
    assert before is not None
    assert await execute(EVENT[change], id=event["id"]) == 1
    assert await revision(event["id"]) == before + 1


@pytest.mark.parametrize("change", UNSEEN)
async def test_i8_what_is_not_shown_does_not(
    client: httpx.AsyncClient, organiser: Person, change: str
) -> None:
    event = await published(client, organiser)
    before = await revision(event["id"])
    assert await execute(UNSEEN[change], id=event["id"]) == 1
    assert await revision(event["id"]) == before


async def test_i8_it_rises_with_the_settlement_and_not_with_the_hold(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await published(client, organiser)
    before = await revision(event["id"])
    purchase = await a_purchase(client, event["id"], quantity=2)
    assert await revision(event["id"]) == before
    await pay(buyer, purchase)
    assert before is not None
    assert (await revision(event["id"]) or 0) > before


async def test_i8_a_rolled_back_change_does_not_raise_it(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await published(client, organiser)
    before = await revision(event["id"])
    with pytest.raises(RuntimeError):
        async with ext("crud").transaction() as tx:
            await tx.execute(EVENT["a sale"], {"id": event["id"]})
            raise RuntimeError("the process is not that lucky")
    assert await revision(event["id"]) == before


async def test_i8_an_event_that_is_not_published_has_none(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    await buy(client, event["id"])
    assert await revision(event["id"]) is None
    url = f"{API}/events/{event['id']}"
    answer = await client.put(url, json={"nostr_publish": True}, headers=organiser.admin)
    assert answer.json()["nostr_publish"] is True
    assert await revision(event["id"]) is not None


async def test_i8_a_deleted_event_leaves_what_is_to_be_taken_back(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await published(client, organiser)
    before = await revision(event["id"]) or 0
    answer = await client.delete(f"{API}/events/{event['id']}", headers=organiser.admin)
    assert answer.status_code < 300
    [left] = await rows("SELECT * FROM events.nostr_documents WHERE event_id = :id", id=event["id"])
    assert left["is_gone"]
    assert left["rev"] > before


async def test_i12_events_that_were_to_be_published_before_get_one(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """The step that makes the triggers looks for them; run again it changes nothing."""
    event = await published(client, organiser)
    await execute("DELETE FROM events.nostr_documents WHERE event_id = :id", id=event["id"])
    for _ in range(2):
        async with ext("crud").db.connect() as conn:
            await ext("migrations_nostr").m023_nostr_revisions(conn)
        assert await revision(event["id"]) == 1
