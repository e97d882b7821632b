"""A person buys, in a real browser, with and without JavaScript."""

import re

import pytest
from playwright.async_api import Page, expect

from browser.desk import Desk
from browser.shop import Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def to_payment(page: Page, name: str = "Ada Lovelace") -> str:
    """Fill the form and send it; returns the invoice."""
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Continue to payment").click()
    await page.wait_for_url("**/events/o/*")
    return await page.get_by_label("Lightning invoice").input_value()


async def test_the_page_turns_into_tickets_when_the_invoice_is_paid(shop: Shop, desk: Desk) -> None:
    """Live, with a promo code and three tickets; the document is never loaded again."""
    event = shop.an_event(extra={"promo_codes": [{"code": "HALF", "discount_percent": 50}]})
    page = await desk.page(f"/events/{event}")
    await page.get_by_role("button", name="One more").click(click_count=2)
    await expect(page.locator("#total")).to_have_text("Total 300 sat")
    await page.get_by_text("I have a promo code").click()
    await page.get_by_label("Promo code").fill("half")
    invoice = await to_payment(page)
    await expect(page.locator(".amount")).to_have_text("150\u00a0sat")
    assert (
        await page.locator("a[href^='lightning:']").get_attribute("href") == f"lightning:{invoice}"
    )
    await page.evaluate("document.stillTheSame = true")
    shop.pay(invoice)
    await expect(page.get_by_role("heading", level=1)).to_have_text("You have your tickets")
    assert await page.evaluate("document.stillTheSame")
    await expect(page.get_by_role("link", name="Open ticket")).to_have_count(3)
    await page.get_by_role("link", name="Open ticket").first.click()
    await expect(page.get_by_text("Valid", exact=True)).to_be_visible()


async def test_everything_works_without_javascript(shop: Shop, desk: Desk) -> None:
    """The order page reloads itself until it is paid."""
    page = await desk.page(f"/events/{shop.an_event()}", java_script_enabled=False)
    await page.get_by_label("How many").fill("2")
    invoice = await to_payment(page)
    await expect(page.get_by_role("img", name="QR code of the invoice")).to_be_visible()
    shop.pay(invoice)
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "You have your tickets", timeout=10_000
    )
    await page.get_by_role("link", name="Open ticket").last.click()
    await expect(page.get_by_role("img", name="QR code of this ticket")).to_be_visible()


async def test_a_refresh_or_a_second_device_finds_the_same_order(shop: Shop, desk: Desk) -> None:
    event = shop.an_event()
    page = await desk.page(f"/events/{event}")
    invoice = await to_payment(page)
    await page.reload()
    assert await page.get_by_label("Lightning invoice").input_value() == invoice
    # The second device has no websocket, as behind many proxies: it asks every few seconds.
    phone = await desk.page(width=390)
    await phone.route_web_socket("**", lambda socket: socket.close())
    await phone.goto(page.url)
    assert await phone.get_by_label("Lightning invoice").input_value() == invoice
    shop.pay(invoice)
    for screen in (page, phone):
        await expect(screen.get_by_role("heading", level=1)).to_have_text("You have your ticket")
    assert len(shop.orders(event)) == 1


@pytest.mark.parametrize("with_script", [True, False])
async def test_a_double_click_makes_one_order(shop: Shop, desk: Desk, with_script: bool) -> None:
    event = shop.an_event()
    page = await desk.page(f"/events/{event}", java_script_enabled=with_script)
    await page.get_by_label("Your name").fill("Ada Lovelace")
    await page.get_by_role("button", name="Continue to payment").dblclick()
    await page.wait_for_url("**/events/o/*")
    assert len(shop.orders(event)) == 1


async def test_the_back_button_leads_to_a_form_that_can_be_sent(shop: Shop, desk: Desk) -> None:
    """Back brings the old page with its used key; a changed wish is a new order all the same."""
    event = shop.an_event()
    page = await desk.page(f"/events/{event}")
    first = await to_payment(page)
    await page.go_back()
    await page.wait_for_load_state()
    assert await to_payment(page, "Grace Hopper") != first
    assert len(shop.orders(event)) == 2


async def test_a_purchase_by_keyboard_alone(shop: Shop, desk: Desk) -> None:
    page = await desk.page(f"/events/{shop.an_event()}")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    await tab_to(page, "quantity")
    await page.keyboard.press("ArrowUp")
    await tab_to(page, "name")
    await page.keyboard.type("Ada Lovelace")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/events/o/*")
    await expect(page.get_by_text(re.compile("^2 . Ticket$"))).to_be_visible()
    shop.pay(await page.get_by_label("Lightning invoice").input_value())
    await expect(page.get_by_role("heading", level=1)).to_be_focused()


async def tab_to(page: Page, field: str) -> None:
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == field:
            return
    raise AssertionError(f"The Tab key never reaches {field}.")


async def test_a_refusal_is_focused_and_keeps_what_was_typed(shop: Shop, desk: Desk) -> None:
    event = shop.an_event(amount_tickets=3)
    page = await desk.page(f"/events/{event}")
    await page.get_by_label("How many").fill("5")
    await page.get_by_label("Your name").fill("O'Neil-Smith 李雷")
    await page.get_by_role("button", name="Continue to payment").click()
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_role("alert")).to_contain_text("Only 3 tickets are left.")
    await expect(page.get_by_label("Your name")).to_have_value("O'Neil-Smith 李雷")
    await expect(page.get_by_label("How many")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("How many").fill("3")
    await page.get_by_role("button", name="Continue to payment").click()
    await page.wait_for_url("**/events/o/*")


async def test_the_page_says_so_when_the_time_to_pay_is_over(shop: Shop, desk: Desk) -> None:
    shop.set_hold(3)
    page = await desk.page(f"/events/{shop.an_event()}")
    await to_payment(page)
    shop.set_hold(900)
    await expect(page.get_by_role("heading", level=1)).to_have_text("The time to pay is over")
    await expect(page.get_by_label("Lightning invoice")).to_have_count(0)
