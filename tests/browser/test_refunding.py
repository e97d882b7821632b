"""Money goes back, in a real browser: cancelling, claiming, and the organiser's side of it."""

import re

import pytest
from playwright.async_api import Page, expect

from browser.desk import Desk
from browser.shop import Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror=alert(1)> {{7*7}} {{$emit.constructor('alert(1)')()}} </script>"
# An open page looks at least so often.
LOOKS_WITHIN_MS = 15_000


async def buy_two(page: Page, shop: Shop) -> None:
    await page.get_by_role("button", name="One more").click()
    await page.get_by_label("Your name").fill("Ada Lovelace")
    await page.get_by_role("button", name="Continue to payment").click()
    await page.wait_for_url("**/events/o/*")
    shop.pay(await page.get_by_label("Lightning invoice").input_value())
    await expect(page.get_by_role("heading", level=1)).to_have_text("You have your tickets")


async def test_a_buyer_cancels_one_of_two_tickets_and_has_the_money_back(
    shop: Shop, desk: Desk
) -> None:
    page = await desk.page(f"/events/{shop.an_event(price_per_ticket=500)}")
    await buy_two(page, shop)
    await page.get_by_role("link", name="Cancel ticket 2").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Cancel ticket no. 2?")
    await page.get_by_role("button", name="Cancel and get 500\u00a0sat back").click()
    await page.wait_for_url(re.compile("/events/o/[^/]+$"))
    await expect(page.get_by_role("heading", name="1 valid ticket")).to_be_visible()
    # It stays open: the order page learns by itself what happens on the claim page.
    claim = await page.context.new_page()
    link = await page.get_by_role("link", name="Claim 500\u00a0sat").get_attribute("href")
    await claim.goto(f"{shop.url}{link}")
    await expect(claim.get_by_role("img", name="QR code to claim the money")).to_be_visible()
    await claim.get_by_label("paste an invoice").fill(shop.invoice(499))
    await claim.get_by_role("button", name="Get 500\u00a0sat").click()
    await expect(claim.get_by_role("alert")).to_be_focused()
    await expect(claim.get_by_role("alert")).to_contain_text("exactly 500 sat")
    await claim.get_by_label("paste an invoice").fill(shop.invoice(500))
    await claim.get_by_role("button", name="Get 500\u00a0sat").click()
    await expect(claim.get_by_role("heading", level=1)).to_have_text("Paid back")
    # A tab that nobody looks at does not ask; coming back to it does.
    await page.bring_to_front()
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await expect(page.get_by_text("Paid back on")).to_be_visible()
    await expect(page.get_by_text("refunded")).to_be_visible()


async def test_a_claim_page_changes_by_itself_when_the_wallet_took_the_money(
    shop: Shop, desk: Desk
) -> None:
    """What was typed meanwhile is not lost at a change that keeps the form."""
    placed = shop.bought(shop.an_event())
    shop.cancel(placed)
    page = await desk.page(shop.claim_path(placed), own_clock=True)
    await page.evaluate("document.stillTheSame = true")
    await page.get_by_label("paste an invoice").fill("half an inv")
    # As after a failed attempt elsewhere: another mark.
    await page.evaluate("document.getElementById('watched').dataset.mark = 'older'")
    await page.clock.fast_forward(LOOKS_WITHIN_MS)
    await expect(page.locator("#watched")).not_to_have_attribute("data-mark", "older")
    await expect(page.get_by_label("paste an invoice")).to_have_value("half an inv")
    await expect(page.get_by_label("paste an invoice")).to_be_focused()
    shop.withdraw(shop.claim_path(placed))
    await page.clock.fast_forward(LOOKS_WITHIN_MS)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Paid back")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await expect(page.get_by_role("status")).to_have_text("Paid back")
    assert await page.evaluate("document.stillTheSame")


async def test_cancelling_and_claiming_work_without_javascript(shop: Shop, desk: Desk) -> None:
    placed = shop.bought(shop.an_event(), quantity=2)
    page = await desk.page(f"/events/o/{placed['order_secret']}", java_script_enabled=False)
    await page.get_by_role("link", name="Cancel all tickets").click()
    await page.get_by_label("Lightning address or LNURL").fill("nonsense")
    await page.get_by_role("button", name="Cancel and get").click()
    await expect(page.get_by_role("alert")).to_contain_text("lightning address")
    await page.get_by_label("Lightning address or LNURL").fill("")
    await page.get_by_role("button", name="Cancel and get").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You cancelled this order")
    await page.get_by_role("link", name="Claim").click()
    await page.get_by_label("paste an invoice").fill(shop.invoice(200))
    await page.get_by_role("button", name="Get 200\u00a0sat").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Paid back")


@pytest.mark.parametrize("with_script", [True, False])
async def test_a_double_click_cancels_once(shop: Shop, desk: Desk, with_script: bool) -> None:
    placed = shop.bought(shop.an_event())
    path = f"/events/o/{placed['order_secret']}"
    page = await desk.page(f"{path}/cancel", java_script_enabled=with_script)
    await page.get_by_role("button", name="Cancel and get").dblclick()
    await page.wait_for_url(f"**{path}")
    await expect(page.get_by_role("link", name="Claim")).to_have_count(1)
    assert len(shop.order(placed)["refunds"]) == 1


async def test_an_organiser_cancels_an_event_and_pays_back(shop: Shop, desk: Desk) -> None:
    event = shop.an_event(name="Rained off", price_per_ticket=100)
    orders = [shop.bought(event, name=f"Guest {number}") for number in range(3)]
    page = await desk.organiser_page("/events/")
    card = page.locator(".ev-list li", has_text="Rained off")
    await card.get_by_role("button", name="Cancel event").click()
    dialog = page.get_by_role("dialog", name="Cancel “Rained off”?")
    await expect(dialog).to_contain_text("3 orders will be cancelled, and up to 300 sat go back")
    await expect(dialog).to_contain_text("This cannot be undone.")
    await dialog.get_by_role("button", name="Keep the event").click()
    await expect(dialog).to_be_hidden()
    await expect(card.get_by_text("On sale")).to_be_visible()
    await card.get_by_role("button", name="Cancel event").click()
    await dialog.get_by_role("button", name="Cancel the event").click()
    await expect(card.get_by_text("Cancelled", exact=True)).to_be_visible()
    await expect(card.locator(".ev-progress")).to_have_text(
        "Refunds: 3 of 3 orders booked, 0 paid", timeout=15_000
    )
    await expect(card.get_by_text("Balanced")).to_be_visible()
    await expect(card.get_by_label("Money and refunds")).to_be_focused()
    rows = card.get_by_role("list", name="Refunds").get_by_role("listitem")
    await expect(rows).to_have_count(3)
    await expect(rows.first).to_contain_text("Waits for the buyer to claim it")
    await pay_there(page, shop)
    await expect(card.locator(".ev-progress")).to_contain_text("1 paid")
    waiting = rows.filter(has_text="Waits for")
    await waiting.first.get_by_role("button", name="Mark as paid by hand").click()
    await page.get_by_label("How was it paid?").fill("cash, " + HOSTILE)
    await page.get_by_role("button", name="Mark as paid", exact=True).click()
    await expect(card.get_by_text("Note: cash, <img")).to_be_visible()
    await expect(card.locator(".ev-progress")).to_contain_text("2 paid")
    shop.withdraw(shop.claim_path(next(o for o in orders if is_open(shop, o))))
    # Nothing is under way, so the open panel asks only now and then; opened anew it knows.
    for _ in range(2):
        await card.get_by_role("button", name="Refunds").click()
    await expect(card.locator(".ev-progress")).to_contain_text("3 paid")
    assert {shop.order(each)["status"] for each in orders} == {"refunded"}
    assert await page.locator(".ev img").count() == 0


def is_open(shop: Shop, placed: dict[str, str]) -> bool:
    return bool(shop.order(placed)["refunds"][0]["status"] == "offered")


async def pay_there(page: Page, shop: Shop) -> None:
    """The organiser sends a refund to an invoice the buyer has given them."""
    await page.get_by_role("button", name="Other destination").first.click()
    field = page.get_by_label("Lightning address, LNURL or invoice")
    await expect(field).to_be_focused()
    await field.fill("nonsense")
    await page.get_by_role("button", name="Pay there").click()
    await expect(page.get_by_text("must be a lightning address or an LNURL")).to_be_visible()
    await field.fill(shop.invoice(100))
    await page.get_by_role("button", name="Pay there").click()
    await expect(page.get_by_text("The payment was sent off: Paid back")).to_be_visible()


async def test_an_organiser_makes_an_event_with_a_time_and_no_returns(
    shop: Shop, desk: Desk
) -> None:
    page = await desk.organiser_page("/events/")
    await page.get_by_role("button", name="New event").click()
    zone = page.get_by_label("Time zone")
    browsers = await page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    await expect(zone).to_have_value(browsers)
    assert await page.locator("#ev-zones option").count() > 100
    await page.get_by_label("Name", exact=True).fill("Night walk")
    await page.get_by_label("First day").fill("2099-05-31")
    await page.get_by_label("Start time").fill("21:30")
    await zone.fill("Mars/Olympus")
    await expect(page.get_by_text("Until 7 days before the start they get 100 %")).to_be_visible()
    await page.get_by_role("switch", name="Buyers may cancel").click()
    await expect(page.get_by_text("Buyers cannot give tickets back.")).to_be_visible()
    await page.get_by_role("button", name="Publish event").click()
    await expect(page.get_by_text("must be an IANA name")).to_be_visible()
    await zone.fill("Europe/Berlin")
    await page.get_by_role("button", name="Publish event").click()
    card = page.locator(".ev-list li", has_text="Night walk")
    await expect(card).to_contain_text("31 May 2099, 21:30 (Europe/Berlin)")
    link = await card.get_by_role("link", name="Public page").get_attribute("href")
    public = await desk.page(str(link))
    await expect(public.locator(".when")).to_have_text("Sunday 31 May 2099, 21:30 (Europe/Berlin)")
    await expect(public.get_by_text("Tickets cannot be given back.")).to_be_visible()


async def test_refund_pages_keep_hostile_texts_and_narrow_screens(shop: Shop, desk: Desk) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitaenswitwe" * 2
    event = shop.an_event(name=HOSTILE + long)
    placed = shop.bought(event, name=HOSTILE + long, quantity=2)
    order = f"/events/o/{placed['order_secret']}"
    pages = [await desk.page(f"{order}/cancel", width=320)]
    shop.cancel(placed)
    pages += [await desk.page(path, width=320) for path in (order, shop.claim_path(placed))]
    for page in pages:
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320, page.url
        await expect(page.get_by_text("{{7*7}}").first).to_be_visible()
        assert await page.locator("img").count() == 0
    admin = await desk.organiser_page("/events/")
    await admin.set_viewport_size({"width": 360, "height": 800})
    card = admin.locator(".ev-list li", has_text="Donaudampf").first
    await card.get_by_role("button", name="Refunds").click()
    await expect(card.get_by_role("list", name="Refunds")).to_be_visible()
    await card.get_by_role("button", name="Cancel event").click()
    await expect(admin.get_by_role("dialog")).to_contain_text("{{7*7}}")
    assert await admin.locator(".ev img").count() == 0
    assert await admin.evaluate("document.documentElement.scrollWidth") <= 360
