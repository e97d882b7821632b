"""The door page without a connection: it decides, remembers, and tells the server once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Route, expect

from browser.conftest import needs_reader
from browser.desk import Desk
from browser.door import AMBER, GREEN, GREY, Door, Phone, qr_picture
from browser.shop import Shop

pytestmark = [pytest.mark.asyncio(loop_scope="session"), needs_reader]

SCANS = "**/events/api/v1/door/*/scans"


async def test_i5_entry_ten_scans_offline_outlive_a_reload_and_arrive_once_each(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop, name="Cellar bar")
    tickets = door.tickets(10, name="Grace Hopper")
    phone = await door.phone(desk)
    await phone.is_ready()
    await phone.go_offline()
    await expect(phone.page.locator("#banner-title")).to_have_text("OFFLINE")
    told = await phone.hold(qr_picture(f"ticket://{tickets[0]}"))
    assert (told.kind, told.colour, told.is_offline) == ("admitted", GREEN, True)
    assert (told.name, "No. 1" in told.ticket) == ("Grace Hopper", True)
    for ticket in tickets[1:]:
        assert (await phone.enter(ticket)).kind == "admitted"
    told = await phone.enter(tickets[3])
    assert (told.kind, told.colour) == ("already_used", AMBER)
    assert told.lines[0].endswith("by Main gate (this device).")
    # The one who was turned away is told, too.
    await expect(phone.page.locator("#banner-text")).to_contain_text("11 scans wait to be sent.")
    await phone.close_verdict()
    await phone.page.reload()
    # From what the device kept: the page, the list, the queue.
    await expect(phone.page.get_by_role("heading", name="Cellar bar")).to_be_visible()
    await phone.has_pending(11)
    await expect(phone.page.locator("#banner-text")).to_contain_text("11 scans wait to be sent.")
    assert (await phone.enter(tickets[9])).kind == "already_used"
    assert door.scans() == []
    await phone.go_online()
    await phone.has_pending(0)
    assert door.admitted() == sorted(tickets)
    refused = [scan["outcome"] for scan in door.scans() if scan["outcome"] != "admitted"]
    assert refused == ["already_used"] * 2
    assert len(door.scans()) == 12
    assert door.scans(conflict="true") == []
    await phone.has_counted("10 / 10 in")


async def test_i5_entry_two_devices_offline_end_in_one_admission_and_one_conflict(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop)
    ticket = door.a_ticket(name="Grace Hopper")
    gate = await door.phone(desk, door.scanner("Main gate"))
    side = await door.phone(desk, door.scanner("Side entrance"))
    for phone in (gate, side):
        await phone.is_ready()
        await phone.go_offline()
        assert (await phone.enter(ticket)).kind == "admitted"
    for phone in (gate, side):
        await phone.go_online()
        await phone.has_pending(0)
    await expect(gate.page.locator("#conflicts")).to_be_hidden()
    conflict = side.page.locator("#conflicts")
    await expect(conflict).to_contain_text("1 conflict")
    await expect(conflict).to_contain_text("Grace Hopper")
    await expect(conflict).to_contain_text("already let in at")
    await expect(conflict).to_contain_text("by Main gate")
    [entry] = door.scans(conflict="true")
    assert (entry["scanner"], entry["ticket"]["id"]) == ("Side entrance", ticket)
    assert [other["scanner"] for other in entry["others"]] == ["Main gate"]
    assert len(door.scans()) == 2
    # One guest in the figures, and the conflict stays until staff took notice.
    await side.has_counted("1 / 1 in")
    await side.page.reload()
    await expect(conflict).to_contain_text("1 conflict")
    await side.press("Dismiss")
    await expect(conflict).to_be_hidden()
    assert len(door.scans(conflict="true")) == 1


@asynccontextmanager
async def answers_lost(phone: Phone) -> AsyncIterator[asyncio.Event]:
    """The server gets scans, and the device no answer; set once the first was lost."""
    lost = asyncio.Event()

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()
        lost.set()

    await phone.page.route(SCANS, lose)
    yield lost
    await phone.page.unroute(SCANS)


async def test_i5_entry_a_scan_whose_answer_is_lost_is_told_again_and_counted_once(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop)
    online, offline = door.a_ticket(), door.a_ticket()
    phone = await door.phone(desk)
    await phone.is_ready()
    async with answers_lost(phone):
        told = await phone.enter(online)
        assert (told.kind, told.is_offline) == ("admitted", True)
    await phone.is_online()
    await phone.has_pending(0)
    await phone.go_offline()
    await phone.enter(offline)
    async with answers_lost(phone) as lost:
        await phone.page.context.set_offline(False)
        await asyncio.wait_for(lost.wait(), 10)
        assert sorted(door.admitted()) == sorted([online, offline])
        await phone.has_pending(1)
    await phone.has_pending(0)
    assert door.admitted() == sorted([online, offline])
    assert len(door.scans()) == 2
    assert door.scans(conflict="true") == []


# Booting a host takes its time.
@pytest.mark.timeout(120)
async def test_i5_entry_a_host_killed_under_two_devices_loses_and_doubles_nothing(
    desk: Desk, shop: Shop
) -> None:
    """Killed before one device's scans, and between the other's upload and its answer."""
    door = Door(shop)
    first, second, third = (door.a_ticket() for _ in range(3))
    gate = await door.phone(desk, door.scanner("Main gate"))
    side = await door.phone(desk, door.scanner("Side entrance"))
    for phone in (gate, side):
        await phone.is_ready()
    await side.go_offline()
    await side.enter(first)
    await side.enter(second)
    killed = asyncio.Event()

    async def kill(route: Route) -> None:
        await route.fetch()
        if not killed.is_set():
            shop.host.kill()
            killed.set()
        await route.abort()

    await side.page.route(SCANS, kill)
    await side.page.context.set_offline(False)
    await asyncio.wait_for(killed.wait(), 10)
    await side.page.unroute(SCANS)
    told = await gate.enter(third)
    assert (told.kind, told.is_offline) == ("admitted", True)
    await gate.has_pending(1)
    await side.has_pending(2)
    assert (await gate.enter(third)).kind == "already_used"
    await asyncio.to_thread(shop.host.restart)
    for phone in (gate, side):
        await phone.is_online()
        await phone.has_pending(0)
    assert door.admitted() == sorted([first, second, third])
    # Three entries, and the one who was turned away.
    assert len(door.scans()) == 4
    assert door.scans(conflict="true") == []


async def test_i5_entry_an_undo_made_offline_reaches_the_server(desk: Desk, shop: Shop) -> None:
    door = Door(shop)
    ticket = door.a_ticket()
    phone = await door.phone(desk)
    await phone.is_ready()
    await phone.go_offline()
    await phone.enter(ticket)
    await phone.press("Undo")
    await expect(phone.page.locator("#strip")).to_contain_text("Taken back.")
    assert (await phone.enter(ticket)).kind == "admitted"
    await phone.press("Undo")
    await expect(phone.page.locator("#strip")).to_contain_text("Taken back.")
    await phone.go_online()
    await phone.has_pending(0)
    assert door.admitted() == []
    assert [bool(scan["annulled_at"]) for scan in door.scans()] == [True, True]
    assert door.outcome_now(ticket) == "admitted"


async def test_i5_entry_a_device_that_may_not_work_offline_says_so_and_admits_nobody(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop)
    ticket = door.a_ticket()
    phone = await door.phone(desk, door.scanner(may_work_offline=False))
    await phone.go_offline()
    banner = phone.page.locator("#banner")
    await expect(banner).to_contain_text("NO CONNECTION")
    await expect(banner).to_contain_text("This device may not check tickets offline.")
    told = await phone.enter(ticket)
    assert (told.kind, told.word, told.colour) == ("no_connection", "No connection", GREY)
    await phone.has_pending(0)
    await phone.page.context.set_offline(False)
    # Somebody asks again by hand; nothing happened meanwhile.
    assert door.scans() == []
    await phone.page.get_by_role("button", name="Try again").click()
    assert (await phone.verdict()).kind == "admitted"
    assert door.admitted() == [ticket]


async def test_i5_entry_a_revoked_device_keeps_its_queue_until_it_may_send_it(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop)
    tickets = door.tickets(2)
    lost = door.scanner("Old link")
    phone = await door.phone(desk, lost)
    page = phone.page
    await phone.is_ready()
    await phone.go_offline()
    for ticket in tickets:
        await phone.enter(ticket)
    door.revoke(lost)
    await phone.close_verdict()
    await page.context.set_offline(False)
    for _ in range(2):
        await expect(page.get_by_text("This device may not scan")).to_be_visible()
        await expect(page.get_by_text("was revoked by the organiser")).to_be_visible()
        await expect(page.locator("#gate")).to_contain_text("2 scans wait")
        await expect(page.locator("#work")).to_be_hidden()
        await page.reload()
    assert door.scans() == []
    await page.get_by_label("Door link or token").fill(door.link(door.scanner("New link")))
    await page.get_by_role("button", name="Join").click()
    await phone.is_online()
    await phone.has_pending(0)
    assert door.admitted() == sorted(tickets)
    assert {scan["scanner"] for scan in door.scans()} == {"New link"}


async def test_i5_entry_offline_each_reason_to_refuse_is_known_from_the_list(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop)
    cancelled, used, unknown = shop.buy(door.event), door.a_ticket(), Door(shop).a_ticket()
    shop.cancel(cancelled)
    phone = await door.phone(desk)
    await phone.enter(used)
    await phone.is_ready()
    await phone.go_offline()
    expected = [
        (cancelled["ticket_ids"][0], "Cancelled"),
        (used, "Already used"),
        (unknown, "Unknown"),
        ("https://example.org/menu", "Not a ticket"),
    ]
    for code, word in expected:
        told = await phone.enter(code)
        assert (told.word, told.is_offline) == (word, True)
    await phone.go_online()
    await phone.has_pending(0)
    assert door.admitted() == [used]
    # They are on record as the device told them.
    refused = sorted(scan["outcome"] for scan in door.scans() if scan["outcome"] != "admitted")
    assert refused == ["already_used", "cancelled", "unknown", "unknown"]
