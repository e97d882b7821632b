"""The door page with a connection: real codes before a camera, typed, or from a hand scanner."""

import re
from base64 import b64encode

import pytest
from playwright.async_api import expect

from browser.conftest import needs_reader
from browser.desk import Desk
from browser.door import AMBER, GREEN, GREY, RED, Door, Phone, qr_picture
from browser.shop import Shop

pytestmark = [pytest.mark.asyncio(loop_scope="session"), needs_reader]


async def test_a_phone_joins_by_its_link_and_the_token_leaves_the_address_bar(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop, name="Summer night")
    scanner = door.scanner("North gate")
    phone = await door.phone(desk, scanner)
    page = phone.page
    plain = f"{shop.url}/events/door/{door.event}"
    assert page.url == plain
    await expect(page.get_by_role("heading", name="Summer night")).to_be_visible()
    await expect(page.locator("#device")).to_have_text("North gate")
    assert scanner["token"] not in await page.content()
    await page.reload()
    await phone.is_online()
    assert page.url == plain
    # Without a token there is a place to paste one, and nothing else.
    other = await desk.page(f"/events/door/{door.event}", width=390)
    await expect(other.get_by_role("heading", name="Join this door")).to_be_visible()
    await expect(other.locator("#work")).to_be_hidden()
    for wrong, why in (
        ("hello", "neither a door link nor a token"),
        (f"{shop.url}/events/door/another#{scanner['token']}", "for another event"),
    ):
        await other.get_by_label("Door link or token").fill(wrong)
        await other.get_by_role("button", name="Join").click()
        await expect(other.locator("#gate-error")).to_contain_text(why)
    await other.get_by_label("Door link or token").fill(door.link(scanner))
    await other.get_by_role("button", name="Join").click()
    await expect(other.locator("#device")).to_have_text("North gate")


async def test_i5_entry_one_ticket_before_two_cameras_is_admitted_once(
    desk: Desk, shop: Shop
) -> None:
    """The second device says when and by which device; a ticket held for long is one scan."""
    door = Door(shop)
    ticket, other = door.a_ticket(name="Grace Hopper"), door.a_ticket(name="Ada Lovelace")
    gate = await door.phone(desk, door.scanner("Main gate"))
    # The code as the guest's own phone shows it.
    shown = await desk.page(f"/events/ticket/{ticket}", width=390)
    code = await shown.get_by_role("img", name="QR code of this ticket").screenshot()
    picture = f"data:image/png;base64,{b64encode(code).decode()}"
    told = await gate.hold(picture)
    assert (told.kind, told.word, told.colour) == ("admitted", "Valid", GREEN)
    assert told.name == "Grace Hopper"
    assert "No. 1" in told.ticket
    # It goes by itself, with the ticket still before the camera.
    await expect(gate.page.locator("#result")).to_be_hidden()
    assert (await gate.hold(qr_picture(f"ticket://{other}"))).name == "Ada Lovelace"
    side = await door.phone(desk, door.scanner("Side entrance"))
    told = await side.hold(picture)
    assert (told.kind, told.word, told.colour) == ("already_used", "Already used", AMBER)
    assert re.fullmatch(r"Let in at \d\d:\d\d( \S+)? by Main gate\.", told.lines[0])
    # This one waits for somebody.
    await side.page.get_by_role("button", name="Next").click()
    await expect(side.page.locator("#result")).to_be_hidden()
    told = await gate.enter(ticket)
    assert told.lines[0].endswith("by Main gate (this device).")
    assert door.admitted() == sorted([ticket, other])
    assert door.outcomes() == ["admitted", "admitted", "already_used", "already_used"]
    await side.has_counted("2 / 2 in")


async def test_i5_entry_each_reason_to_refuse_has_its_own_word_and_colour(
    desk: Desk, shop: Shop
) -> None:
    door, free = Door(shop, price_per_ticket=100), Door(shop)
    unpaid = shop.buy(door.event)
    cancelled, refunded = (shop.bought(door.event) for _ in range(2))
    for bought in (cancelled, refunded):
        shop.cancel(bought)
    shop.withdraw(shop.claim_path(refunded))
    expected = [
        (free.a_ticket(), "Wrong event", RED, ""),
        (unpaid["ticket_ids"][0], "Not paid", RED, "Ada Lovelace"),
        (cancelled["ticket_ids"][0], "Cancelled", RED, "Ada Lovelace"),
        (refunded["ticket_ids"][0], "Refunded", RED, "Ada Lovelace"),
        ("https://example.org/menu", "Not a ticket", GREY, ""),
        ("ticket://WhoMadeThisOneUp", "Unknown", RED, ""),
    ]
    phone = await door.phone(desk)
    for code, *as_told in expected:
        told = await phone.hold(qr_picture(code))
        assert [told.word, told.colour, told.name] == as_told
    assert door.outcomes() == [
        *("wrong_event", "unpaid", "cancelled", "refunded", "unknown", "unknown")
    ]
    assert door.admitted() == []


async def test_i5_entry_typed_codes_and_hand_scanners_count_like_the_camera(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop)
    typed, pasted, by_hand = (door.a_ticket() for _ in range(3))
    phone = await door.phone(desk)
    page = phone.page
    assert (await phone.enter(f"  {typed} ")).kind == "admitted"
    link = f"https://tickets.example/events/ticket/{pasted}?from=mail"
    assert (await phone.enter(link)).kind == "admitted"
    assert (await phone.enter(typed)).kind == "already_used"
    await phone.close_verdict()
    # A burst of keys and Enter, while a button has the focus that Enter would press.
    burst = """text => {
      const target = document.activeElement
      const keys = [...text, 'Enter']
      return keys.map(key => target.dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })
      )).at(-1)
    }"""
    await page.get_by_role("button", name="Sound").focus()
    assert await page.evaluate(burst, f"ticket://{by_hand}") is False
    assert (await phone.verdict()).kind == "admitted"
    # The trigger was pulled twice.
    await page.evaluate(burst, f"ticket://{by_hand}")
    assert (await phone.enter(by_hand)).kind == "already_used"
    assert phone.is_silent()
    assert door.admitted() == sorted([typed, pasted, by_hand])


async def test_i5_entry_an_undone_admission_lets_the_ticket_in_again(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop)
    ticket = door.a_ticket(name="Grace Hopper")
    phone = await door.phone(desk)
    await phone.enter(ticket)
    await expect(phone.page.locator("#strip")).to_contain_text("Valid · Grace Hopper")
    await phone.press("Undo")
    await expect(phone.page.locator("#strip")).to_contain_text("Taken back.")
    await expect(phone.page.get_by_role("button", name="Undo")).to_be_hidden()
    assert door.admitted() == []
    assert door.outcome_now(ticket) == "admitted"
    assert (await phone.enter(ticket)).kind == "admitted"
    assert [bool(scan["annulled_at"]) for scan in door.scans()] == [True, False]


async def test_i5_entry_all_of_an_order_come_in_when_staff_say_so(desk: Desk, shop: Shop) -> None:
    door = Door(shop)
    tickets = door.tickets(4)
    phone = await door.phone(desk)
    told = await phone.enter(tickets[1])
    assert "1 of 4 of this order are in." in told.lines
    await phone.press("Admit the other 3 of this order")
    told = await phone.verdict()
    assert (told.colour, told.lines[0]) == (GREEN, "3 more of this order let in.")
    assert door.admitted() == sorted(tickets)
    await phone.has_counted("4 / 4 in")
    await phone.press("Undo")
    await expect(phone.page.locator("#strip")).to_contain_text("Taken back.")
    assert (await phone.enter(tickets[0])).kind == "admitted"


async def test_i5_entry_guests_leave_and_come_back_where_the_event_allows_it(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop, entry="reentry")
    ticket = door.a_ticket()
    phone = await door.phone(desk)
    page = phone.page

    async def in_mode(name: str) -> str:
        await phone.close_verdict()
        await page.locator("#modes").get_by_text(name).click()
        return (await phone.enter(ticket)).word

    assert await in_mode("Check out") == "Not checked in"
    assert await in_mode("Access") == "Access"
    assert await in_mode("Check in") == "Valid"
    assert await in_mode("Check in") == "Already used"
    assert await in_mode("Check out") == "Checked out"
    await expect(page.get_by_text("CHECK OUT: scanned guests leave.")).to_be_visible()
    await phone.has_counted("0 inside")
    assert await in_mode("Check in") == "Valid"
    # The mode is remembered, and still said loudly.
    await in_mode("Access")
    await page.reload()
    await expect(page.get_by_text("ACCESS: tickets are looked at")).to_be_visible()


async def test_a_guest_without_a_code_is_found_by_name_where_names_are_shown(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop)
    ticket = door.a_ticket(name="Grace Hopper")
    door.a_ticket(name="Ada Lovelace")
    phone = await door.phone(desk)
    find = phone.page.get_by_label("Name, e-mail or number")
    await find.fill("hopper")
    await find.press("Enter")
    await expect(phone.page.locator("#find-says")).to_have_text("1 guest found")
    await phone.press("Scan the ticket of Grace Hopper")
    assert (await phone.verdict()).word == "Valid"
    assert door.admitted() == [ticket]
    blind = await door.phone(desk, door.scanner("Blind", sees_names=False))
    await expect(blind.page.get_by_label("Name, e-mail or number")).to_be_hidden()
    assert (await blind.enter(ticket)).name == ""


# What the loudspeaker and the motor of the phone would have done.
_SENSES = """
window.tones = []
window.buzzes = []
const { start } = OscillatorNode.prototype
OscillatorNode.prototype.start = function (at) {
  tones.push(this.frequency.value)
  start.call(this, at)
}
navigator.vibrate = pattern => buzzes.push(pattern)
"""


async def test_verdicts_are_heard_and_felt_until_muted(desk: Desk, shop: Shop) -> None:
    door = Door(shop)
    phone = await door.phone(desk)
    page = phone.page
    await page.add_init_script(_SENSES)
    await page.reload()
    await phone.is_online()
    await page.locator("#modes").get_by_text("Check in").click()
    await expect(page.get_by_text("Touch the page once")).to_be_hidden()
    ticket = door.a_ticket()
    await phone.enter(ticket)
    await phone.enter(ticket)
    assert await page.evaluate("tones.splice(0)") == [880, 220, 220]
    assert await page.evaluate("buzzes.splice(0).map(each => [].concat(each).length)") == [1, 3]
    await phone.press("Sound")
    await phone.enter(ticket)
    assert await page.evaluate("[tones.length, buzzes.length]") == [0, 1]


async def test_a_camera_without_its_decoder_says_so_and_reads_when_the_network_is_back(
    desk: Desk, shop: Shop
) -> None:
    door = Door(shop)
    page = await desk.page(width=390, permissions=["camera"], service_workers="block")
    await page.route("**/*.wasm?*", lambda route: route.abort())
    phone = Phone(page)
    await phone.open(door.link(door.scanner()))
    await expect(page.locator("#camera-says")).to_contain_text("cannot read codes")
    # Nor is there a worker that would keep the page.
    await expect(page.locator("#hint")).to_contain_text("Not ready to work offline yet.")
    await page.unroute("**/*.wasm?*")
    # What the decoder itself says of it.
    desk.watch.faults.clear()
    await page.context.set_offline(True)
    await page.context.set_offline(False)
    await expect(page.locator("#camera-says")).to_be_empty()
    assert (await phone.hold(qr_picture(door.a_ticket()))).kind == "admitted"
