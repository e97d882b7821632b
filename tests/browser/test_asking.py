"""A person buys tickets that ask questions, in a real browser, with and without JavaScript."""

import httpx
import pytest
from playwright.async_api import Page, expect

from browser.desk import Desk
from browser.shop import Shop
from support.builders import API
from support.pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = {"label": "Shirt size", "type": "single", "choices": ["S", "M", "L"], "required": True}
FOOD = {"label": "What you eat", "type": "multi", "choices": ["Meat", "Fish", "Neither"]}


def _made(answer: httpx.Response) -> str:
    assert answer.status_code < 300, answer.text
    return str(answer.json()["id"])


def a_festival(shop: Shop) -> str:
    """Three ticket types: a plain one, one with a picture that asks two things, an add-on."""
    event = shop.an_event(
        name="Summer festival",
        location="Volkspark, Berlin",
        event_type="series",
        timezone="Europe/Berlin",
        starts_at="2099-07-04T16:00",
        ends_at="2099-07-05T23:00",
    )
    headers, path = shop.organiser.headers, f"{API}/events/{event}/packages"
    weekend = {
        "name": "Weekend with shirt",
        "description": "Both days, and the shirt of this year.",
        "price": 200,
        "quantity_limit": 8,
        "valid_from": "2099-07-04T15:00",
        "valid_until": "2099-07-06T00:00",
        "sale_ends_at": "2099-07-01T00:00",
    }
    asking = _made(shop.client.post(path, json=weekend, headers=headers))
    for option in (SIZES, FOOD):
        _made(shop.client.post(f"{path}/{asking}/options", json=option, headers=headers))
    file = {"file": ("shirt.png", picture(width=800, height=400), "image/png")}
    _made(shop.client.put(f"{path}/{asking}/image", files=file, headers=headers))
    drink = {"name": "Drink", "kind": "addon", "price": 50, "description": "One at any bar."}
    _made(shop.client.post(path, json=drink, headers=headers))
    return event


async def choose_two(page: Page) -> None:
    await page.get_by_label("Weekend with shirt").check()
    await page.get_by_label("How many").fill("2")
    await page.get_by_label("Your name").fill("Ada Lovelace")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Who is coming?")


async def test_two_guests_answer_and_find_it_on_their_tickets(shop: Shop, desk: Desk) -> None:
    event = a_festival(shop)
    page = await desk.page(f"/events/{event}", width=390)
    picture_loads = "image => image.decode().then(() => image.naturalWidth)"
    assert await page.locator(".package-image").evaluate(picture_loads) > 0
    await expect(page.get_by_text("Not a ticket for the door.")).to_be_visible()
    await choose_two(page)
    first, second = (
        page.get_by_role("group", name="Ticket 1"),
        page.get_by_role("group", name="Ticket 2"),
    )
    await first.get_by_label("L", exact=True).check()
    await second.get_by_label("Name").fill("Grace Hopper")
    await page.get_by_role("button", name="Continue to payment").click()
    await expect(page.get_by_role("alert")).to_be_focused()
    await page.get_by_role("link", name="Ticket 2: Please answer: Shirt size").click()
    await expect(second.get_by_label("S", exact=True)).to_be_focused()
    await page.keyboard.press("Space")
    await second.get_by_label("Fish").check()
    await second.get_by_label("Neither").check()
    await page.get_by_role("button", name="Continue to payment").click()
    await page.wait_for_url("**/events/o/*")
    shop.pay(await page.get_by_label("Lightning invoice").input_value())
    await expect(page.get_by_role("heading", level=1)).to_have_text("You have your tickets")
    await page.get_by_role("link", name="Open ticket").last.click()
    await expect(page.get_by_text("Grace Hopper")).to_be_visible()
    await expect(page.get_by_text("Fish, Neither")).to_be_visible()
    await expect(page.get_by_text("4 July 2099, 15:00 to 6 July 2099, 00:00")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_one_answer_serves_all_tickets(shop: Shop, desk: Desk) -> None:
    """The script hides the questions of the others; without it they may be left empty."""
    event = a_festival(shop)
    for with_script in (True, False):
        page = await desk.page(f"/events/{event}", java_script_enabled=with_script)
        await choose_two(page)
        await page.get_by_role("group", name="Ticket 1").get_by_label("M", exact=True).check()
        await page.get_by_label("The same answers for all tickets").check()
        asked = page.get_by_label("M", exact=True).filter(visible=True)
        await expect(asked).to_have_count(1 if with_script else 2)
        await page.get_by_role("button", name="Continue to payment").click()
        await page.wait_for_url("**/events/o/*")
    assert len(shop.orders(event)) == 2
