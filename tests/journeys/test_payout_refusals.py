"""I2: what does not fit is refused before anything is written, and can be claimed again."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from support.builders import API, order_row
from support.host import ext
from support.invariants import broken_invariants
from support.lnurl_server import Does, LnurlServer
from support.people import Person, a_person
from support.refunding import (
    a_debt,
    an_invoice,
    balance_msat,
    becomes,
    call_back,
    claim,
    moves,
    refund_row,
    send_to,
    the_node,
    withdraw_request,
    work,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("service"),
]

SAT = 777


def an_odd_invoice(amount_msat: int | None, **changes: int) -> str:
    """An invoice no wallet here would make: without an amount, or with a part of a sat."""
    from bolt11 import Bolt11, MilliSatoshi, TagChar, Tags, encode

    tags = Tags()
    tags.add(TagChar.payment_hash, "ab" * 32)
    tags.add(TagChar.payment_secret, "cd" * 32)
    tags.add(TagChar.description, "odd")
    amount = MilliSatoshi(amount_msat) if amount_msat else None
    now = ext("clock").to_ms(ext("clock").now()) // 1000
    made = Bolt11(currency="bc", amount_msat=amount, date=now, tags=tags)
    return str(encode(made, the_node().privkey))


BadText = Callable[[Person, Person], Awaitable[str]]


async def a_sat_more(receiver: Person, organiser: Person) -> str:
    return await an_invoice(receiver, SAT + 1)


async def a_sat_less(receiver: Person, organiser: Person) -> str:
    return await an_invoice(receiver, SAT - 1)


async def half_a_sat_more(receiver: Person, organiser: Person) -> str:
    return an_odd_invoice(SAT * 1000 + 500)


async def without_an_amount(receiver: Person, organiser: Person) -> str:
    return an_odd_invoice(None)


async def expired(receiver: Person, organiser: Person) -> str:
    made = await an_invoice(receiver, SAT, expiry_s=1)
    await asyncio.sleep(1.1)
    return made


async def paid_before(receiver: Person, organiser: Person) -> str:
    from lnbits.core.services import pay_invoice

    made = await an_invoice(receiver, SAT)
    await pay_invoice(wallet_id=organiser.wallet, payment_request=made)
    return made


async def cut_off(receiver: Person, organiser: Person) -> str:
    return (await an_invoice(receiver, SAT))[:-9]


async def one_letter_wrong(receiver: Person, organiser: Person) -> str:
    made = await an_invoice(receiver, SAT)
    return made[:60] + ("q" if made[60] != "q" else "p") + made[61:]


async def a_url(receiver: Person, organiser: Person) -> str:
    return "https://wallet.example.org/ada"


async def a_bitcoin_address(receiver: Person, organiser: Person) -> str:
    return "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


async def words(receiver: Person, organiser: Person) -> str:
    return "please pay me"


async def a_withdraw_link(receiver: Person, organiser: Person) -> str:
    return "lnurlw://wallet.example.org/take"


BAD: list[tuple[BadText, str]] = [
    (a_sat_more, "amount_wrong"),
    (a_sat_less, "amount_wrong"),
    (half_a_sat_more, "amount_wrong"),
    (without_an_amount, "amount_wrong"),
    (expired, "invoice_expired"),
    (paid_before, "invoice_used"),
    (cut_off, "invalid_input"),
    (one_letter_wrong, "invalid_input"),
    (a_url, "invalid_input"),
    (a_bitcoin_address, "invalid_input"),
    (words, "invalid_input"),
    (a_withdraw_link, "invalid_input"),
]


@pytest.mark.parametrize(("bad", "code"), BAD)
async def test_i2_money_an_invoice_that_does_not_fit_is_refused_before_anything_is_written(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, bad: BadText, code: str
) -> None:
    """By the organiser, by what is pasted into the claim page, and by a wallet's callback."""
    organiser = await a_person(balance_sat=10_000)
    debt = await a_debt(client, buyer, SAT, organiser=organiser)
    text = await bad(receiver, organiser)
    before, balance = dict(await refund_row(debt)), await balance_msat(organiser)

    answer = await send_to(client, debt, text)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text
    assert answer.json()["detail"].endswith(".")
    assert dict(await refund_row(debt)) == before

    with pytest.raises(ext("errors").TicketingError) as refusal:
        await ext("refunds.claims").claim_by_text(debt.secret, text)
    assert refusal.value.code == code
    assert dict(await refund_row(debt)) == before

    said = await claim(client, debt, text)
    assert (said["status"], said["reason"][-1]) == ("ERROR", ".")
    assert dict(await refund_row(debt)) == before
    assert await balance_msat(organiser) == balance


async def test_lud_03_names_exactly_the_sum_and_says_what_it_is_for(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    from lnurl import LnurlResponse, LnurlWithdrawResponse

    debt = await a_debt(client, buyer, SAT)
    request = await withdraw_request(client, debt)
    read = LnurlResponse.from_dict(request)
    assert isinstance(read, LnurlWithdrawResponse)
    assert (read.minWithdrawable, read.maxWithdrawable) == (SAT * 1000, SAT * 1000)
    assert "Concert" in request["defaultDescription"]
    assert debt.id not in str(request) and debt.order_id not in str(request)


async def test_i7_secrets_a_claim_needs_its_own_secret_and_k1(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    debt, other = [await a_debt(client, buyer, SAT) for _ in range(2)]
    request, of_other = [await withdraw_request(client, one) for one in (debt, other)]
    bolt11 = await an_invoice(receiver, SAT)
    before = dict(await refund_row(debt))
    async with moves(debt.organiser, receiver, 0):
        for k1 in ("", "0" * 64, of_other["k1"], request["k1"][:-1], request["k1"].upper() + " "):
            said = await call_back(client, {**request, "k1": k1}, bolt11)
            assert said["status"] == "ERROR", k1
        for secret in ("nothing", debt.id, debt.order_id, debt.secret[:-1], before["claim_hash"]):
            for path in (secret, f"{secret}/callback"):
                answer = await client.get(
                    f"{API}/refunds/claim/{path}", params={"k1": request["k1"], "pr": bolt11}
                )
                assert answer.status_code == 404, answer.text
        no_invoice = await call_back(client, request, "")
        assert no_invoice["status"] == "ERROR"
    assert dict(await refund_row(debt)) == before


@pytest.mark.parametrize("way", ["an invoice", "an address", "an lnurl"])
async def test_i2_money_claimed_by_what_was_pasted_into_the_page(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer, way: str
) -> None:
    debt = await a_debt(client, buyer, SAT)
    texts = {
        "an invoice": f" {await an_invoice(receiver, SAT)}\n",
        "an address": service.address("ada"),
        "an lnurl": service.bech32("ada").upper(),
    }
    async with moves(debt.organiser, receiver, SAT):
        found = await ext("refunds.claims").claim_by_text(debt.secret, texts[way])
    assert found.status.value == "paid"
    assert await broken_invariants(debt.event_id) == []


async def test_i2_money_an_address_pasted_that_fails_is_told_and_another_one_works(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer
) -> None:
    claims, errors = ext("refunds.claims"), ext("errors")
    debt = await a_debt(client, buyer, SAT)
    service.behave("bob", Does.ERROR)
    async with moves(debt.organiser, receiver, SAT):
        with pytest.raises(errors.TicketingError) as refusal:
            await claims.claim_by_text(debt.secret, service.address("bob"))
        assert refusal.value.code == "destination_unreachable"
        assert refusal.value.message.endswith(".")
        found = await claims.claim_by_text(debt.secret, service.address("ada"))
        assert found.status.value == "paid"
        with pytest.raises(errors.RefundSettled):
            await claims.claim_by_text(debt.secret, service.address("ada"))
    assert service.invoiced == {"ada": 1}


async def test_i3_once_the_invoice_of_another_refund_is_refused(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    organiser = await a_person()
    first, second = [await a_debt(client, buyer, SAT, organiser=organiser) for _ in range(2)]
    bolt11 = await an_invoice(receiver, SAT)
    async with moves(organiser, receiver, SAT):
        await send_to(client, first, bolt11)
        await becomes(first, "paid")
        before = dict(await refund_row(second))
        answer = await send_to(client, second, bolt11)
        assert (answer.status_code, answer.json()["code"]) == (400, "invoice_used")
        assert (await claim(client, second, bolt11))["status"] == "ERROR"
    assert dict(await refund_row(second)) == before


async def test_i3_once_paid_another_invoice_is_told_so_whichever_way_it_comes(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    """Somebody has read the QR code before it was paid; the wallet that was paid asks again."""
    organiser = await a_person(balance_sat=10_000)
    debt = await a_debt(client, buyer, SAT, organiser=organiser)
    request = await withdraw_request(client, debt)
    first, other = [await an_invoice(receiver, SAT) for _ in range(2)]
    async with moves(organiser, receiver, SAT):
        assert (await call_back(client, request, first))["status"] == "OK"
    before = dict(await refund_row(debt))
    async with moves(organiser, receiver, 0):
        assert (await call_back(client, request, first))["status"] == "OK"
        assert (await call_back(client, request, other))["status"] == "ERROR"
        answer = await send_to(client, debt, other)
        assert (answer.status_code, answer.json()["code"]) == (409, "refund_settled")
        for text in (other, "ada@wallet.example.org"):
            with pytest.raises(ext("errors").RefundSettled):
                await ext("refunds.claims").claim_by_text(debt.secret, text)
    assert dict(await refund_row(debt)) == before


async def test_i6_credentials_only_the_organiser_of_the_order_pays_it_back(
    client: httpx.AsyncClient, buyer: Person, other_organiser: Person, receiver: Person
) -> None:
    debt = await a_debt(client, buyer, SAT)
    body = {"destination": await an_invoice(receiver, SAT)}
    url = f"{API}/refunds/{debt.id}/pay"
    for headers, status in (
        ({}, 401),
        (debt.organiser.invoice, 403),
        (other_organiser.admin, 404),
        (buyer.admin, 404),
    ):
        answer = await client.post(url, json=body, headers=headers)
        assert answer.status_code == status, answer.text
    assert (await refund_row(debt))["status"] == "offered"


async def test_i2_money_paid_by_hand_is_paid_no_second_time(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    debt = await a_debt(client, buyer, SAT)
    async with moves(debt.organiser, receiver, 0):
        answer = await send_to(client, debt, by_hand=True, note="In cash at the door.")
        assert answer.status_code == 200, answer.text
        found = await refund_row(debt)
        assert (found["status"], found["paid_by"], found["note"]) == (
            "paid",
            "hand",
            "In cash at the door.",
        )
        assert found["payment_hash"] is None
        assert (await claim(client, debt, await an_invoice(receiver, SAT)))["status"] == "ERROR"
        for again in ({"by_hand": True}, {"destination": await an_invoice(receiver, SAT)}):
            answer = await send_to(client, debt, **again)
            assert (answer.status_code, answer.json()["code"]) == (409, "refund_settled")
        await work(hours=48)
    assert (await order_row(debt.order_id))["status"] == "refunded"
    assert await broken_invariants(debt.event_id) == []
