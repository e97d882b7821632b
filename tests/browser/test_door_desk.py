"""The organiser's side of the door: scanners, who joins, conflicts, and the log of scans."""

import re
from base64 import b64encode
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from browser.conftest import needs_reader
from browser.desk import Desk
from browser.shop import Shop
from support.builders import API

pytestmark = [pytest.mark.asyncio(loop_scope="session"), needs_reader]

HOSTILE = "<img src=x onerror=alert(1)> {{7*7}} {{$emit.constructor('alert(1)')()}} </script>"

# So often the panel of an open door looks for news.
LOOKS_EVERY_MS = 10_000

# What the door page itself reads codes with.
_DECODE = """async shown => {
    const {makeDecoder} = await import('/events/static/js/door/decoder.js')
    const image = new Image()
    image.src = shown
    await image.decode()
    const canvas = document.createElement('canvas')
    canvas.width = image.width
    canvas.height = image.height
    canvas.getContext('2d').drawImage(image, 0, 0)
    return (await makeDecoder()).read(canvas)
}"""


def a_scanner(shop: Shop, event: str, name: str, **changes: object) -> dict[str, Any]:
    """Made by the API; with its token."""
    body = {"name": name, "may_work_offline": True, "sees_names": True, **changes}
    url = f"{API}/events/{event}/scanners"
    made: dict[str, Any] = ok(shop.client.post(url, json=body, headers=shop.organiser.headers))
    return made


def scan(
    shop: Shop, event: str, scanner: dict[str, Any], ticket: str, **more: object
) -> dict[str, Any]:
    body = {"code": ticket, "type": "check_in", **more}
    headers = {"X-Scanner-Token": scanner["token"]}
    answer: dict[str, Any] = ok(
        shop.client.post(f"{API}/door/{event}/scans", json=body, headers=headers)
    )
    return answer


def as_picture(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"


def minutes_ago(minutes: int) -> str:
    moment = datetime.now(timezone.utc) - timedelta(minutes=minutes)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code < 300, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json()


async def open_door(page: Page, name: str) -> Locator:
    """The door of the event with this name."""
    card = page.locator(".ev-list > li", has_text=name)
    await card.get_by_role("button", name="Door of").click()
    return card.get_by_role("region", name="Door")


async def test_an_organiser_makes_a_scanner_and_a_phone_joins_by_its_code(
    shop: Shop, desk: Desk
) -> None:
    days = {"event_start_date": "2099-05-31", "event_end_date": "2099-05-31"}
    event = shop.an_event(name="Joining", timezone="Europe/Berlin", **days)
    page = await desk.organiser_page("/events/", own_clock=True)
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    door = await open_door(page, "Joining")
    await expect(door).to_contain_text("No phone can scan yet.")
    await door.get_by_role("button", name="New scanner").click()
    await expect(door.get_by_label("Name", exact=True)).to_be_focused()
    await door.get_by_role("button", name="Make it").click()
    await expect(door.get_by_text("Give it a name")).to_be_visible()
    await door.get_by_label("Name", exact=True).fill("Main gate")
    await expect(door.get_by_label("Works until (Europe/Berlin)")).to_have_value("2099-06-01T12:00")
    await door.get_by_role("switch", name="Sees guests' names").click()
    await door.get_by_role("button", name="Make it").click()
    dialog = page.get_by_role("dialog", name="Join as “Main gate”")
    link = await dialog.get_by_label("The same as a link").input_value()
    code = await dialog.get_by_role("img", name="QR code to join").screenshot()
    phone = await desk.page(f"/events/door/{event}")
    assert await phone.evaluate(_DECODE, as_picture(code)) == [link]
    joining = urlsplit(link)
    assert joining.path == f"/events/door/{event}"
    assert not joining.query
    token = joining.fragment
    assert len(token) >= 43
    await phone.goto("about:blank")
    await phone.goto(f"{shop.url}{joining.path}#{token}")
    await expect(phone.get_by_text("Main gate").first).to_be_visible()
    await dialog.get_by_role("button", name="Done").click()
    await expect(dialog).to_be_hidden()
    await expect(door.get_by_role("button", name="New scanner")).to_be_focused()
    await expect(door.get_by_text("“Main gate” may scan now.")).to_be_visible()
    row = door.get_by_role("list", name="Scanners").get_by_role("listitem")
    await expect(row).to_contain_text("sees names · until 1 Jun 2099, 12:00:00")
    await page.clock.fast_forward(LOOKS_EVERY_MS)
    await expect(row).to_contain_text("Online")
    await expect(row).to_contain_text("Last seen")
    # Nothing keeps the token: not this page, its storage, an address, or the server's log.
    assert token not in await page.content()
    assert token not in await page.evaluate("JSON.stringify([{...localStorage}, history.state])")
    assert not [url for url in asked if token in url]
    assert token not in shop.host.log()
    await page.reload()
    door = await open_door(page, "Joining")
    await expect(door.get_by_text("Main gate").first).to_be_visible()
    assert token not in await page.content()


async def test_a_revoked_scanner_is_refused_at_once(shop: Shop, desk: Desk) -> None:
    event = shop.an_event(name="Revoking")
    scanner = a_scanner(shop, event, "Lost phone")
    headers = {"X-Scanner-Token": scanner["token"]}
    hello = f"{API}/door/{event}/hello"
    ok(shop.client.post(hello, json={"page_version": "v1", "pending": 2}, headers=headers))
    page = await desk.organiser_page("/events/")
    door = await open_door(page, "Revoking")
    row = door.get_by_role("list", name="Scanners").get_by_role("listitem")
    await expect(row).to_contain_text("page v1")
    await expect(row).to_contain_text("2 scans wait on this device")
    await row.get_by_role("button", name="Revoke").click()
    dialog = page.get_by_role("dialog", name="Revoke “Lost phone”?")
    await expect(dialog).to_contain_text("2 scans wait on it and will be refused.")
    await dialog.get_by_role("button", name="Leave it").click()
    await expect(dialog).to_be_hidden()
    await expect(row.get_by_role("button", name="Revoke")).to_be_focused()
    ok(shop.client.post(hello, headers=headers))
    await row.get_by_role("button", name="Revoke").click()
    await dialog.get_by_role("button", name="Revoke").click()
    await expect(door.get_by_text("“Lost phone” is revoked.")).to_be_visible()
    refused = shop.client.post(hello, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "scanner_revoked")
    await expect(row).to_have_count(0)
    await door.get_by_role("button", name="Show revoked and expired scanners (1)").click()
    await expect(row).to_contain_text("Revoked")
    assert await row.get_by_role("button").count() == 0


async def test_i5_entry_conflicts_are_told_in_words(shop: Shop, desk: Desk) -> None:
    """Which ticket, which devices, when: also of somebody who came in on money given back."""
    event = shop.an_event(name="Conflicts", price_per_ticket=0)
    placed = shop.buy(event, name="Ada Lovelace", quantity=2)
    twice, returned = placed["ticket_ids"]
    gate, side = (a_scanner(shop, event, name) for name in ("Main gate", "Side entrance"))
    scan(shop, event, gate, twice)
    cancel = f"{API}/tickets/{returned}/cancel"
    ok(shop.client.post(cancel, json={}, headers={"X-Order-Secret": placed["order_secret"]}))
    page = await desk.organiser_page("/events/", own_clock=True)
    door = await open_door(page, "Conflicts")
    log = door.get_by_role("list", name="Scans").get_by_role("listitem")
    await expect(log).to_have_count(1)
    assert await door.get_by_text("conflict").count() == 0
    late = {"force": True, "scanned_at": minutes_ago(20)}
    scan(shop, event, side, twice, scan_id="late-001", **late)
    scan(shop, event, side, returned, scan_id="late-002", **late)
    # The panel learns of it by itself.
    await page.clock.fast_forward(LOOKS_EVERY_MS)
    await expect(door.get_by_text("2 conflicts")).to_be_visible()
    rows = door.get_by_role("list", name="Conflicts").get_by_role("listitem")
    first = rows.filter(has_text="let in twice")
    await expect(first).to_contain_text("No. 1, Ada Lovelace")
    # In the order of the guests, not of the reports.
    words = re.compile("Let in by Side entrance, .+, without network, reported .+Let in by Main")
    await expect(first).to_contain_text(words)
    other = rows.filter(has_text="No. 2, Ada Lovelace")
    await expect(other).to_contain_text("let in, but its ticket was cancelled")
    await first.get_by_role("button", name="All scans of this ticket").click()
    await expect(log).to_have_count(2)
    await expect(door.get_by_text("Only No. 1, Ada Lovelace")).to_be_visible()
    await door.get_by_role("button", name="Show all tickets").click()
    await expect(log).to_have_count(3)


async def test_the_log_shows_refused_scans_and_an_organiser_undoes_an_admission(
    shop: Shop, desk: Desk
) -> None:
    event = shop.an_event(name="Logging", price_per_ticket=0)
    ticket = shop.buy(event, name="Grace Hopper")["ticket_ids"][0]
    gate, side = (a_scanner(shop, event, name) for name in ("Main gate", "Side entrance"))
    for scanner, code in ((gate, ticket), (side, ticket), (side, "no-such-ticket")):
        scan(shop, event, scanner, code, location="North")
    page = await desk.organiser_page("/events/")
    door = await open_door(page, "Logging")
    log = door.get_by_role("list", name="Scans").get_by_role("listitem")
    await expect(log).to_have_count(3)
    for place, (word, by) in enumerate(
        (("Unknown code", "Side entrance"), ("Already used", "Side entrance"), ("Admitted", "Main"))
    ):
        await expect(log.nth(place)).to_contain_text(word)
        await expect(log.nth(place)).to_contain_text(f"Check in · by {by}")
    await expect(log.nth(0)).to_contain_text("No ticket of this event")
    await expect(log.nth(1)).to_contain_text("No. 1, Grace Hopper")
    await expect(log.nth(1)).to_contain_text("North")
    await expect(door.locator(".ev-sums")).to_contain_text("1 of 1")
    await door.get_by_label("Scanner", exact=True).click()
    await page.get_by_role("option", name="Main gate").click()
    await expect(log).to_have_count(1)
    await door.get_by_label("Outcome").click()
    await page.get_by_role("option", name="Unknown code").click()
    await expect(door.get_by_text("No scans like that.")).to_be_visible()
    await door.get_by_label("Outcome").click()
    await page.get_by_role("option", name="All outcomes").click()
    await log.get_by_role("button", name="Undo").click()
    dialog = page.get_by_role("dialog", name="Undo this admission?")
    await dialog.get_by_role("button", name="Undo").click()
    await expect(door.get_by_text("The admission is undone.")).to_be_visible()
    await expect(log).to_contain_text("by the organiser")
    assert await log.get_by_role("button", name="Undo").count() == 0
    assert scan(shop, event, side, ticket)["outcome"] == "admitted"


async def test_the_door_keeps_hostile_texts_and_narrow_screens(shop: Shop, desk: Desk) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitaenswitwe"
    event = shop.an_event(name=HOSTILE + " at the door", price_per_ticket=0)
    ticket = shop.buy(event, name=HOSTILE + long)["ticket_ids"][0]
    hostile = a_scanner(shop, event, HOSTILE)
    scan(shop, event, hostile, ticket, location=HOSTILE)
    narrow = a_scanner(shop, event, (long * 3)[:100])
    late = {"force": True, "scanned_at": minutes_ago(2000), "scan_id": "late-003"}
    scan(shop, event, narrow, ticket, **late)
    page = await desk.organiser_page("/events/")
    await page.set_viewport_size({"width": 320, "height": 800})
    door = await open_door(page, "at the door")
    for name in ("Scanners", "Conflicts", "Scans"):
        await expect(door.get_by_role("list", name=name)).to_contain_text("{{7*7}}")
    await expect(door.get_by_role("list", name="Scans")).to_contain_text("<img src=x")
    await door.get_by_role("button", name="New scanner").click()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await door.get_by_label("Name", exact=True).fill(HOSTILE)
    await door.get_by_role("button", name="Make it").click()
    dialog = page.get_by_role("dialog", name="{{7*7}}")
    await expect(dialog.get_by_role("img", name="QR code to join")).to_be_visible()
    assert await page.locator(".ev img").count() == 1
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await dialog.get_by_role("button", name="Done").click()
    await door.get_by_role("button", name="Revoke " + HOSTILE).first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("{{7*7}}")
    assert await page.locator(".ev img").count() == 0
