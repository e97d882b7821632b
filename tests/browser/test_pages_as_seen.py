"""What pages look like and keep out: hostile texts, narrow screens, paper, the organiser's page."""

import re

import pytest
from playwright.async_api import expect

from browser.desk import Desk
from browser.shop import Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror=alert(1)> {{7*7}} {{$emit.constructor('alert(1)')()}} </script>"
HOSTILE_INFO = f"""{HOSTILE}

<script>alert(1)</script>

[a link](javascript:alert(1)) ![a picture](https://elsewhere.example/x.png)
"""


async def test_hostile_texts_stay_texts(shop: Shop, desk: Desk) -> None:
    """On every page that shows them; the desk fails on dialogs and foreign requests."""
    wave = {"id": "w", "title": HOSTILE[:100], "amount_tickets": 5, "price_per_ticket": 0}
    event = shop.an_event(
        name=HOSTILE, info=HOSTILE_INFO, price_per_ticket=0, extra={"ticket_waves": [wave]}
    )
    bought = shop.buy(event, name=HOSTILE)
    paths = (
        f"/events/{event}",
        f"/events/o/{bought['order_secret']}",
        f"/events/ticket/{bought['ticket_ids'][0]}",
    )
    for path in paths:
        page = await desk.page(path)
        await expect(page.get_by_text("<img src=x").first).to_be_visible()
        await expect(page.get_by_text("{{7*7}}").first).to_be_visible()
        assert await page.locator("img, a[href^='javascript']").count() == 0
    admin = await desk.organiser_page("/events/")
    await expect(admin.locator(".ev-name", has_text="{{7*7}}").first).to_be_visible()
    assert await admin.locator(".ev img").count() == 0


async def test_nothing_scrolls_sideways_on_the_narrowest_phone(shop: Shop, desk: Desk) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitaenswitwe" * 3
    event = shop.an_event(name=long, info=f"# {long}\n`{long}`", price_per_ticket=0)
    bought = shop.buy(event, name=long, quantity=2)
    unpaid = shop.buy(shop.an_event(name=long, price_per_ticket=1_000_000), name=long)
    paths = (
        f"/events/{event}",
        f"/events/o/{bought['order_secret']}",
        f"/events/o/{unpaid['order_secret']}",
        f"/events/ticket/{bought['ticket_ids'][0]}",
        "/events/no-such-event",
    )
    for path in paths:
        page = await desk.page(path, width=320)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320, path


async def test_a_ticket_prints_on_one_page_with_title_and_code(shop: Shop, desk: Desk) -> None:
    bought = shop.buy(shop.an_event(price_per_ticket=0))
    page = await desk.page(f"/events/ticket/{bought['ticket_ids'][0]}", color_scheme="dark")
    await page.emulate_media(media="print")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Concert")
    await expect(page.get_by_role("img", name="QR code of this ticket")).to_be_visible()
    await expect(page.get_by_text("Event page")).to_be_hidden()
    paper = await page.pdf(format="A6", print_background=False)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1


async def test_the_organiser_makes_an_event_and_admits_a_guest(shop: Shop, desk: Desk) -> None:
    page = await desk.organiser_page("/events/")
    await page.get_by_role("button", name="New event").click()
    await page.get_by_role("button", name="Publish event").click()
    await expect(page.get_by_text("Give the event a name.")).to_be_visible()
    await page.get_by_label("Name", exact=True).fill("Garden party")
    await page.get_by_label("First day").fill("2099-05-31")
    await page.get_by_label("Price of a ticket").fill("0.5")
    await page.get_by_role("button", name="Publish event").click()
    await expect(page.get_by_text("The price must be in whole sats.")).to_be_visible()
    await page.get_by_label("Price of a ticket").fill("0")
    await page.get_by_role("button", name="Publish event").click()
    await expect(page.get_by_role("status")).to_contain_text("“Garden party” is published.")
    card = page.locator(".ev-list li", has_text="Garden party")
    link = await card.get_by_role("link", name="Public page").get_attribute("href")
    assert link
    event = link.rsplit("/", 1)[1]
    ticket = shop.buy(event, name="O'Neil")["ticket_ids"][0]
    # The door page of 1.6.9 leads to the new one, which asks who is there.
    await page.goto(f"{shop.url}/events/register/{event}")
    await expect(page.get_by_label("Door link or token")).to_be_visible()
    await page.goto(f"{shop.url}/events/?event={event}")
    await expect(page.get_by_label("Ticket code")).to_be_focused()
    for code, word in ((f"ticket://{ticket}", "Admitted"), (ticket, "Already used")):
        await page.get_by_label("Ticket code").fill(code)
        await page.keyboard.press("Enter")
        await expect(page.locator(".ev-door [role=alert]")).to_contain_text(word)
    await page.get_by_label("Ticket code").fill("no-such-ticket")
    await page.keyboard.press("Enter")
    await expect(page.locator(".ev-door [role=alert]")).to_contain_text("Unknown")
