"""1.6.9's register: its answers, with a scanner's token as well, and a row for every one."""

import asyncio

import httpx
import pytest

from support.builders import API, Json, a_purchase, an_event, execute
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.scanners import a_scanner, shows
from support.scanning import a_party, scan, scan_rows, set_ticket, state
from test_scans import in_ms

pytestmark = pytest.mark.asyncio


async def register(
    client: httpx.AsyncClient, who: dict[str, str], ticket_id: str
) -> httpx.Response:
    return await client.put(f"{API}/tickets/register/{ticket_id}", headers=who)


async def refused(
    client: httpx.AsyncClient, who: dict[str, str], ticket_id: str, status: int
) -> str:
    """The sentence of a refusal that changed nothing but the log of scans."""
    async with nothing_written("scans"):
        answer = await register(client, who, ticket_id)
        assert_refused(answer, status)
    return str(answer.json()["detail"])


async def outcomes(event: Json) -> list[tuple[str, str | None]]:
    return [(found["outcome"], found["ticket_id"]) for found in await scan_rows(event)]


async def test_i5_entry_register_admits_once_and_leaves_a_row_each_time(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    answer = await register(client, organiser.admin, ticket)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["id"], found["registered"], found["paid"]) == (ticket, True, True)
    assert (found["status"], found["name"]) == ("used", "Ada Lovelace")
    assert (found["wallet"], found["email"]) == (organiser.wallet, "ada@example.com")
    assert found["reg_timestamp"].endswith("Z")
    listed = (await client.get(f"{API}/tickets", headers=organiser.admin)).json()
    assert found in listed
    again = await refused(client, organiser.admin, ticket, 403)
    assert again == "Ticket already registered"
    assert await outcomes(event) == [("admitted", ticket), ("already_used", ticket)]
    # Its scan is one like others.
    [made, _] = await scan_rows(event)
    url = f"{API}/door/{event['id']}/scans/{made['scan_id']}/annul"
    assert (await client.post(url, headers=organiser.admin)).status_code == 200
    assert (await register(client, organiser.admin, ticket)).status_code == 200


async def test_i5_entry_register_and_the_door_page_admit_once_together(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    gate = await a_scanner(client, organiser, event["id"])
    registers = [register(client, shows(gate), ticket) for _ in range(8)]
    scans = [scan(client, event, organiser.admin, ticket) for _ in range(8)]
    answers, told = (
        await asyncio.gather(asyncio.gather(*registers), asyncio.gather(*scans))
    )  # fmt: skip
    wins = [a for a in answers if a.is_success] + [a for a in told if a["outcome"] == "admitted"]
    assert len(wins) == 1
    assert len(await scan_rows(event)) == 16
    assert await state(ticket) == ("used", True, False)


async def test_register_takes_a_scanner_of_the_event_and_tells_it_less(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [one, two] = await a_party(client, organiser, quantity=2)
    for ticket, sees_names in ((one, True), (two, False)):
        gate = await a_scanner(client, organiser, event["id"], sees_names=sees_names)
        found = (await register(client, shows(gate), ticket)).json()
        assert (found["id"], found["registered"]) == (ticket, True)
        assert found["name"] == ("Ada Lovelace" if sees_names else "")
        assert (found["email"], found["wallet"], found["extra"]) == ("", "", {})
        assert (found["order_id"], found["payment_hash"]) == (None, None)
        [*_, left] = await scan_rows(event)
        assert left["scanner_id"] == gate["id"]


async def test_i6_register_knows_no_ticket_of_another_event(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    elsewhere, _ = await a_party(client, organiser)
    gate = await a_scanner(client, organiser, elsewhere["id"])
    for who, wanted in (
        (shows(gate), ticket),
        (shows(gate), "none"),
        (other_organiser.admin, ticket),
        (organiser.admin, "none"),
    ):
        assert await refused(client, who, wanted, 404) == "Ticket does not exist."
    # A scanner leaves its rows at its own door, a stranger leaves none.
    assert await outcomes(event) == []
    assert sorted(await outcomes(elsewhere)) == [("unknown", None), ("wrong_event", None)]
    async with nothing_written():
        lost = await register(client, {"X-Scanner-Token": "lost"}, ticket)
        assert assert_refused(lost, 403) == "forbidden"
        assert_refused(await register(client, {}, ticket), 401)


async def test_register_refuses_with_the_sentences_of_1_6_9(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, tickets = await a_party(client, organiser, quantity=4)
    [unpaid] = (await a_purchase(client, (await an_event(client, organiser))["id"]))["ticket_ids"]
    cancelled, refunded, early, late = tickets
    await set_ticket(cancelled, status="cancelled", paid=False)
    await set_ticket(refunded, status="refunded", paid=False)
    await set_ticket(early, valid_from=in_ms(hours=1))
    await set_ticket(late, valid_until=in_ms(hours=-1))
    expected = {
        unpaid: "Ticket not paid for.",
        cancelled: "Ticket was cancelled.",
        refunded: "Ticket was refunded.",
        early: "Ticket is not valid yet.",
        late: "Ticket is not valid any more.",
    }
    for ticket, sentence in expected.items():
        assert await refused(client, organiser.admin, ticket, 403) == sentence
    assert len(await outcomes(event)) == 4
    await execute("UPDATE events.events SET status = 'cancelled' WHERE id = :id", id=event["id"])
    told = await refused(client, organiser.admin, late, 403)
    assert told == "The event was cancelled."


async def test_register_refuses_an_add_on_and_says_so(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, _ = await a_party(client, organiser)
    body = {"name": "Drink", "kind": "addon", "price": 0, "currency": "sat"}
    url = f"{API}/events/{event['id']}/packages"
    drink = (await client.post(url, json=body, headers=organiser.admin)).json()
    [ticket] = (await a_purchase(client, event["id"], package_id=drink["id"]))["ticket_ids"]
    told = await refused(client, organiser.admin, ticket, 403)
    assert told == "This is no ticket for the door."
    assert await outcomes(event) == [("unknown", ticket)]
    assert (await scan(client, event, organiser.admin, ticket))["outcome"] == "admitted"
    assert await refused(client, organiser.admin, ticket, 403) == told


async def test_i5_entry_register_lets_a_guest_back_in_where_guests_come_back(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser, entry="reentry")
    assert (await register(client, organiser.admin, ticket)).status_code == 200
    assert await refused(client, organiser.admin, ticket, 403) == "Ticket already registered"
    await scan(client, event, organiser.admin, ticket, type="check_out")
    assert await state(ticket) == ("used", True, True)
    assert (await register(client, organiser.admin, ticket)).status_code == 200
    assert await state(ticket) == ("used", True, False)
