"""Nostr and messages as organiser and buyer see them, with real relays and a real mail server."""

import re
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio
from nostr_sdk import Keys, Nip19Coordinate
from playwright.async_api import Locator, Page, Route, expect

from browser.desk import Desk
from browser.shop import Shop
from support.builders import eventually
from support.mailbox import Mailbox
from support.relays import LmdbRelay, Refusing

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror=alert(1)> {{7*7}} {{$emit.constructor('alert(1)')()}} </script>"
# A name server that answers nothing is asked for no such name (RFC 6761).
NOBODY = "ada@nowhere.invalid"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def relay(shop: Shop) -> AsyncIterator[LmdbRelay]:
    shop.set(allow_private_relays=True)
    async with LmdbRelay() as opened:
        yield opened
    shop.set(allow_private_relays=False)


@pytest_asyncio.fixture(loop_scope="session")
async def box(shop: Shop) -> AsyncIterator[Mailbox]:
    opened = Mailbox()
    await opened.up()
    shop.set_mail(opened.port)
    yield opened
    shop.set_mail(None)
    await opened.down()


async def panel(page: Page, event: str, button: str) -> Locator:
    """The part of an event's card that this button opens."""
    card = page.locator(".ev-list > li", has_text=event)
    await card.get_by_role("button", name=f"{button} of {event}").click()
    return card


async def open_settings(page: Page) -> Locator:
    await page.get_by_role("button", name="Nostr: key and relays").click()
    form = page.get_by_role("region", name="Nostr: key and relays")
    await expect(form.get_by_role("heading", level=2)).to_be_focused()
    await expect(form.get_by_label("Add a relay")).to_be_visible()
    return form


async def save(form: Locator) -> None:
    await form.get_by_role("button", name="Save").click()
    await expect(form.get_by_text("Saved.")).to_be_visible()


async def test_a_new_event_says_what_is_sent_and_published(shop: Shop, desk: Desk) -> None:
    page = await desk.organiser_page("/events/")
    await page.get_by_role("button", name="New event").click()
    await page.get_by_label("Name", exact=True).fill("Open air")
    await page.get_by_label("First day").fill("2099-05-31")
    await expect(page.get_by_text("Buyers may leave it empty.")).to_be_visible()
    for name in ("Ask for a mail address", "Remind one day before", "Publish on Nostr"):
        await page.get_by_role("switch", name=name).click()
    await page.get_by_role("switch", name="Hide how many are sold").click()
    await expect(page.get_by_text("Nobody can buy without one.")).to_be_visible()
    await page.get_by_role("switch", name="Own words for the confirmation").click()
    await page.get_by_label("Subject").fill("See you, {name}")
    await page.get_by_label("Text (Markdown)").fill("Bring {tickets} to {where}.")
    await page.get_by_role("button", name="Publish event").click()
    await expect(page.get_by_text("“Open air” is published.")).to_be_visible()
    [made] = [event for event in shop.events() if event["name"] == "Open air"]
    for name in ("nostr_publish", "nostr_hide_counts", "send_messages", "send_reminder"):
        assert made[name] is True
    assert made["extra"]["email_notifications"] is True
    assert made["extra"]["notification_subject"] == "See you, {name}"
    assert made["extra"]["notification_body"] == "Bring {tickets} to {where}."


async def test_an_organiser_sees_what_each_relay_has(
    shop: Shop, desk: Desk, relay: LmdbRelay
) -> None:
    shop.an_event(name="On relays", nostr_publish=True)
    async with Refusing("blocked: only members may write here") as closed:
        page = await desk.organiser_page("/events/")
        form = await open_settings(page)
        for url in ("http://relay.example.com", relay.url, closed.url):
            await form.get_by_label("Add a relay").fill(url)
            await form.get_by_role("button", name="Add this relay").click()
        await expect(form.get_by_text("Like wss://relay.example.com")).to_be_hidden()
        await expect(form.get_by_role("list", name="Your relays").locator("li")).to_have_count(2)
        await save(form)
        await form.get_by_role("button", name="Close").click()
        await expect(page.get_by_role("button", name="Nostr: key and relays")).to_be_focused()
        card = await panel(page, "On relays", "Nostr state")
        address = card.get_by_role("textbox", name="Address of the event (naddr)")
        await expect(address).to_have_value(re.compile("^naddr1"))
        naddr = await address.input_value()
        rows = card.get_by_role("list", name="Relays").get_by_role("listitem")
        await expect(rows.filter(has_text=relay.url)).to_contain_text("Up to date")
        await expect(rows.filter(has_text=closed.url)).to_contain_text("Refused")
        await expect(rows.filter(has_text=closed.url)).to_contain_text("only members may write")
        await expect(card.get_by_text("1 of 2 relays have the newest version.")).to_be_visible()
        await card.get_by_role("button", name="Publish again").click()
        await expect(card.get_by_text("Every relay is asked again")).to_be_visible()
    where = Nip19Coordinate.from_bech32(naddr).coordinate()
    wanted = {"kinds": [where.kind().as_u16()], "#d": [where.identifier()]}
    [listing] = await relay.events({**wanted, "authors": [where.public_key().to_hex()]})
    assert ["title", "On relays"] in listing["tags"]


async def test_an_event_is_put_on_nostr_and_taken_off_again(
    shop: Shop, desk: Desk, relay: LmdbRelay
) -> None:
    event = shop.an_event(name="Maybe on Nostr")
    page = await desk.organiser_page("/events/")
    card = await panel(page, "Maybe on Nostr", "Nostr state")
    await expect(card.get_by_text("This event is not published on Nostr.")).to_be_visible()
    for is_on in (True, False):
        await card.get_by_role("button", name="Change what is published").click()
        await card.get_by_role("switch", name="Publish on Nostr").click()
        await card.get_by_role("button", name="Save").click()
        await expect(card.get_by_role("button", name="Change what is published")).to_be_focused()
        [stored] = [each for each in shop.events() if each["id"] == event]
        assert stored["nostr_publish"] is is_on


async def test_a_private_key_never_comes_back(shop: Shop, desk: Desk, relay: LmdbRelay) -> None:
    keys = Keys.generate()
    nsec, npub = keys.secret_key().to_bech32(), keys.public_key().to_bech32()
    page = await desk.organiser_page("/events/")
    form = await open_settings(page)
    await form.get_by_role("radio", name="Use my own key (nsec)").click()
    field = form.get_by_label("Private key (nsec)")
    await expect(field).to_have_attribute("type", "password")
    await form.get_by_role("button", name="Save").click()
    await expect(form.get_by_text("Paste the key")).to_be_visible()
    await field.fill("nsec1nonsense")
    await form.get_by_role("button", name="Save").click()
    await expect(form.get_by_text("This is no secret key")).to_be_visible()
    await field.fill(nsec)
    await save(form)
    await expect(field).to_be_hidden()
    await expect(form.get_by_label("Public key (npub)", exact=True)).to_have_value(npub)
    await expect(form.get_by_text("Your own key, kept by this server.")).to_be_visible()
    assert nsec not in await page.content()
    form = await open_settings(await desk.organiser_page("/events/"))
    await form.get_by_role("radio", name="Have a new one made for me").click()
    await save(form)
    await expect(form.get_by_text("Made for you by this server.")).to_be_visible()


async def test_what_an_earlier_key_left_behind_is_told(
    shop: Shop, desk: Desk, relay: LmdbRelay
) -> None:
    keys = Keys.generate()
    shop.nostr(key={"mode": "nsec", "nsec": keys.secret_key().to_bech32()}, relays=[relay.url])
    event = shop.an_event(name="Moved on", nostr_publish=True)

    async def is_signed() -> bool:
        return shop.listing(event)["naddr"] is not None

    await eventually(is_signed)
    shop.lose_key(keys.public_key().to_hex())
    shop.nostr(key={"mode": "generated"})
    page = await desk.organiser_page("/events/")
    card = await panel(page, "Moved on", "Nostr state")
    left = card.get_by_text("An older address of this event waits to be deleted.")
    await expect(left).to_contain_text("The key it was published with cannot be used any more.")


async def test_what_did_not_arrive_is_sent_again(shop: Shop, desk: Desk, box: Mailbox) -> None:
    event = shop.an_event(name="By mail", price_per_ticket=0)
    box.refused["bad@example.com"] = "550 no such mailbox"
    shop.buy(event, email="ada@example.com", name="Ada")
    shop.buy(event, email="bad@example.com", name="Bert")
    page = await desk.organiser_page("/events/")
    card = await panel(page, "By mail", "Messages")
    rows = card.get_by_role("list", name="Messages").get_by_role("listitem")
    lost, good = rows.filter(has_text="bad@example.com"), rows.filter(has_text="ada@example.com")
    await expect(lost).to_contain_text("Failed")
    await expect(good).to_contain_text("Sent")
    await expect(lost).to_contain_text("550")
    await expect(card.get_by_text("1 message was given up.")).to_be_visible()
    box.refused.clear()
    await card.get_by_role("button", name="Send all failed again").click()
    await expect(card.get_by_text("1 message is on the way again.")).to_be_visible()
    await expect(lost).to_contain_text("Sent")
    await card.get_by_role("button", name="Send again to ada@example.com").click()
    await expect(good).to_have_count(2)
    await card.get_by_role("combobox", name="State").click()
    await page.get_by_role("option", name="Failed").click()
    await expect(card.get_by_text("No messages like that.")).to_be_visible()
    await card.get_by_role("button", name="Send tickets again").click()
    await card.get_by_label("Find by name").fill("bert")
    await card.get_by_role("button", name="Send again all tickets of Bert").click()
    await expect(card.get_by_text("Bert: Sent by mail.")).to_be_visible(timeout=15_000)
    await card.get_by_role("button", name="Single tickets of Bert").click()
    await card.get_by_role("button", name="Send again No. 2, Bert").click()
    await expect(card.get_by_text("No. 2, Bert: Sent by mail.")).to_be_visible(timeout=15_000)
    assert len(box.sent_to("ada@example.com")) == 2
    assert len(box.sent_to("bad@example.com")) == 3


async def test_all_that_failed_is_sent_again_with_few_requests(
    shop: Shop, desk: Desk, box: Mailbox
) -> None:
    """The host answers a few hundred a minute, and the organiser wants to go on afterwards."""
    event = shop.an_event(name="After an outage", price_per_ticket=0, amount_tickets=30)
    lost = [f"lost{number}@example.com" for number in range(12)]
    for address in lost:
        box.refused[address] = "550 5.1.1 no such mailbox"
        shop.buy(event, email=address)
    page = await desk.organiser_page("/events/")
    card = await panel(page, "After an outage", "Messages")
    await expect(card.get_by_text("12 messages were given up.")).to_be_visible(timeout=20_000)
    box.refused.clear()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    await card.get_by_role("button", name="Send all failed again").click()
    await expect(card.get_by_text("12 messages are on the way again.")).to_be_visible()
    await expect(card.get_by_role("button", name="Send all failed again")).to_be_hidden()
    await box.wait(12)
    assert sorted(address for each in box.messages for address in each.recipients) == sorted(lost)
    posted = [each for each in asked if each.startswith("POST")]
    assert [each.rsplit("/", 1)[1] for each in posted] == ["resend-failed"]


async def test_more_than_one_request_takes_are_asked_for_until_none_is_left(
    shop: Shop, desk: Desk
) -> None:
    event = shop.an_event(name="Many pages", price_per_ticket=0)
    page = await desk.organiser_page("/events/")
    answers = [(500, 700), (500, 200), (200, 0)]
    # The first is followed by as many as had failed by then, however much fails anew.
    endless = [(500, 100), (500, 100), (500, 100)]

    async def answer(route: Route) -> None:
        queued, left = answers.pop(0)
        await route.fulfill(json={"queued": queued, "left": left})

    async def listed(route: Route) -> None:
        summary = {"failed": 1200}
        found = {"data": [], "total": 0, "summary": summary, "mail_configured": True}
        await route.fulfill(json=found)

    await page.route(re.compile(f"{event}/messages/resend-failed"), answer)
    await page.route(re.compile(f"{event}/messages\\?"), listed)
    card = await panel(page, "Many pages", "Messages")
    await card.get_by_role("button", name="Send all failed again").click()
    await expect(card.get_by_text("1,200 messages are on the way again.")).to_be_visible()
    assert answers == []
    answers += endless
    await card.get_by_role("button", name="Send all failed again").click()
    await expect(card.get_by_text("1,000 messages are on the way again.")).to_be_visible()
    assert answers == endless[2:]


async def test_an_organiser_writes_to_holders(shop: Shop, desk: Desk, box: Mailbox) -> None:
    event = shop.an_event(name="Letters", price_per_ticket=0)
    shop.buy(event, email="ada@example.com")
    shop.buy(event, email="bob@example.com")
    await box.wait(2)
    page = await desk.organiser_page("/events/")
    card = await panel(page, "Letters", "Messages")
    await card.get_by_role("button", name="Write to holders").click()
    await expect(card.get_by_label("Subject")).to_be_focused()
    await expect(card.get_by_text("It goes to 2 recipients.")).to_be_visible()
    await card.get_by_role("button", name="Go on").click()
    await expect(card.get_by_text("A subject, so that it is read.")).to_be_visible()
    await card.get_by_label("Subject").fill("Doors at seven")
    await card.get_by_label("Text (Markdown)").fill("**Please** be early.")
    await card.get_by_role("button", name="Send a test to me").click()
    await expect(card.get_by_text("on the way to the mail address of your account")).to_be_visible()
    await card.get_by_role("button", name="Go on").click()
    dialog = page.get_by_role("dialog", name="Write to 2 recipients?")
    await expect(dialog).to_contain_text("“Doors at seven” leaves at once")
    await dialog.get_by_role("button", name="Send").click()
    await expect(card.get_by_text("on the way to 2 recipients.")).to_be_visible()
    await expect(card.get_by_role("button", name="Write to holders")).to_be_focused()
    caught = await box.wait(5)
    [letter] = [each for each in box.sent_to("bob@example.com") if "seven" in each.mail["Subject"]]
    assert "Please" in letter.part("text/plain")
    assert len(caught) == 5
    # Pressed again, as by somebody who got no answer.
    await card.get_by_role("button", name="Write to holders").click()
    await card.get_by_label("Subject").fill("Doors at seven")
    await card.get_by_label("Text (Markdown)").fill("**Please** be early.")
    await card.get_by_role("button", name="Go on").click()
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("less than ten minutes ago")
    assert len(box.messages) == 5


async def test_a_server_without_mail_says_so(shop: Shop, desk: Desk) -> None:
    event = shop.an_event(name="No mail here", price_per_ticket=0)
    shop.buy(event, email="waits@example.com", nostr_identifier=NOBODY)
    page = await desk.organiser_page("/events/")
    card = await panel(page, "No mail here", "Messages")
    await expect(card.get_by_text("This server has no mail set up")).to_be_visible()
    listed = card.get_by_role("list", name="Messages").get_by_role("listitem")
    message = listed.filter(has_text=NOBODY)
    await expect(message).to_contain_text("Order confirmed, by Nostr message")
    # It leaves once there is a server.
    await expect(listed.filter(has_text="waits@example.com")).to_contain_text("Waiting")
    await card.get_by_role("button", name="Change what is sent").click()
    await card.get_by_role("switch", name="Send tickets by mail").click()
    await expect(card.get_by_text("Buyers find their tickets on the page")).to_be_visible()
    await card.get_by_role("button", name="Save").click()
    await expect(card.get_by_text("Saved.")).to_be_visible()
    assert [each["send_messages"] for each in shop.events() if each["id"] == event] == [False]


@pytest.mark.parametrize("with_script", [True, False])
async def test_a_buyer_asks_for_the_tickets_again(
    shop: Shop, desk: Desk, box: Mailbox, with_script: bool
) -> None:
    event = shop.an_event(price_per_ticket=0)
    # Nobody else's: mail of other tests may still wait for a server.
    address = f"asks-{with_script}@example.com".lower()

    async def sent(times: int) -> bool:
        return len(box.sent_to(address)) == times

    page = await desk.page(f"/events/{event}", java_script_enabled=with_script)
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_label("E-mail").fill(address)
    await page.get_by_label("Nostr address").fill("nonsense")
    await page.get_by_role("button", name="Get tickets").click()
    await expect(page.get_by_role("alert")).to_contain_text("Nostr")
    await page.get_by_label("Nostr address").fill("")
    await page.get_by_role("button", name="Get tickets").click()
    await expect(page.get_by_text("Did nothing arrive at a•••@example.com?")).to_be_visible()
    # One that has not left yet would not be sent a second time.
    await eventually(partial(sent, 1))
    await page.get_by_role("button", name="Send the ticket again").click()
    told = page.get_by_role("status").filter(has_text="On the way to a•••@example.com.")
    await expect(told).to_be_visible()
    if with_script:
        await expect(told).to_be_focused()
    await eventually(partial(sent, 2))


async def test_hostile_texts_stay_texts_and_nothing_scrolls_sideways(
    shop: Shop, desk: Desk, relay: LmdbRelay
) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitaenswitwe" * 2
    words = {"notification_subject": HOSTILE, "notification_body": HOSTILE + long}
    event = shop.an_event(name=HOSTILE + long, nostr_publish=True, extra=words, price_per_ticket=0)
    shop.buy(event, name=HOSTILE + long, nostr_identifier=f"{long[:60]}@nowhere.invalid")
    page = await desk.organiser_page("/events/")
    await page.set_viewport_size({"width": 360, "height": 800})
    card = page.locator(".ev-list > li", has_text=long)
    for name in ("Nostr state of", "Change what is published", "Messages of", "Send tickets again"):
        await card.get_by_role("button", name=name).click()
    await expect(card.get_by_role("list", name="Orders")).to_contain_text("{{7*7}}")
    await expect(card.get_by_role("list", name="Messages")).to_be_visible()
    await card.get_by_role("button", name="Change what is sent").click()
    await expect(card.get_by_label("Subject")).to_have_value(HOSTILE)
    await page.get_by_role("button", name="Nostr: key and relays").click()
    await expect(page.get_by_label("Add a relay")).to_be_visible()
    assert await page.locator(".ev img").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
