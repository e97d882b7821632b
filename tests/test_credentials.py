"""I6 and I7: what each route asks for, and that nothing public leads to what is private."""

import asyncio
import hashlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from httpx import ASGITransport
from starlette.middleware.exceptions import ExceptionMiddleware

from support import websocket
from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    event_body,
    pay,
    purchase_body,
    rows,
)
from support.credentials import CREDENTIALS, Guarded, Secrets
from support.host import ext
from support.people import Person
from support.refusals import nothing_written
from support.route_table import CODE, KNOWING_IS_OWNING, MAIL, SCAN_ID, Scene, guarded
from support.scanners import a_scanner, revoke
from support.settling import host_payment

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="session")
async def bare_client(app: FastAPI, client: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the host's routes past its layers for compression, limits and the like, which take
    most of the time and know no credential of ours."""
    inner: Any = app.middleware_stack
    while not isinstance(inner, ExceptionMiddleware):
        inner = inner.app
    transport = ASGITransport(app=inner, client=("127.0.0.1", 50_000), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=client.base_url) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(
    client: httpx.AsyncClient,
    organiser: Person,
    other_organiser: Person,
    instance_admin: Person,
    buyer: Person,
) -> Scene:
    extra = {"promo_codes": [{"code": CODE, "discount_percent": 5}]}
    # Nothing comes back by the policy, so that nobody in the table cancels anything.
    event = await an_event(client, organiser, extra=extra, refund_tiers=[])
    purchase = await a_purchase(client, event["id"], email=MAIL, quantity=2)
    await pay(buyer, purchase)
    unpaid = await a_purchase(client, event["id"], email=MAIL)
    refund = await a_refund(client, organiser, buyer, event)
    tokens = await door_tokens(client, organiser, event, spare := await an_event(client, organiser))
    await let_in(client, event, purchase["ticket_ids"][1], tokens[0])
    payment = await host_payment(purchase["payment_hash"])
    draft = await an_event(client, organiser, status="draft")
    secrets = Secrets(
        organiser,
        other_organiser,
        instance_admin,
        order_secret=purchase["order_secret"],
        other_secret=unpaid["order_secret"],
        payment_hash=purchase["payment_hash"],
        preimage=payment.preimage,
        scanner_token=tokens[0],
        other_scanner_token=tokens[1],
        revoked_scanner_token=tokens[2],
    )
    claim_secret = refund["claim_url"].rsplit("/", 1)[1]
    return Scene(
        event["id"],
        spare["id"],
        draft["id"],
        purchase,
        unpaid,
        secrets,
        refund["id"],
        claim_secret,
    )


async def door_tokens(
    client: httpx.AsyncClient, organiser: Person, event: Json, other: Json
) -> list[str]:
    """Of a scanner of the event, of one of another event, and of a revoked one."""
    made = [await a_scanner(client, organiser, id_["id"]) for id_ in (event, other, event)]
    await revoke(client, organiser, event["id"], made[2])
    return [scanner["token"] for scanner in made]


async def let_in(client: httpx.AsyncClient, event: Json, ticket_id: str, token: str) -> None:
    url, sent = f"{API}/door/{event['id']}/scans", {"code": ticket_id, "type": "check_in"}
    answer = await client.post(
        url, json={**sent, "scan_id": SCAN_ID}, headers={"X-Scanner-Token": token}
    )
    assert answer.json()["outcome"] == "admitted"


async def a_refund(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, event: Json
) -> Json:
    """The organiser gave somebody else's money back; nobody has claimed it."""
    purchase = await a_purchase(client, event["id"], email="somebody@example.com")
    await pay(buyer, purchase)
    url = f"{API}/orders/{purchase['order_id']}/cancel"
    answer = await client.post(url, json={"percent": 100}, headers=organiser.admin)
    refund: Json = answer.json()["refund"]
    return refund


async def test_i6_credentials_every_route_is_in_the_table(scene: Scene) -> None:
    """A route that is added without saying who may use it fails here."""
    routes = ext("").events_ext.routes
    assert all(isinstance(route, (APIRoute, APIWebSocketRoute)) for route in routes)
    there = {
        f"{method} {route.path}"
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    sockets = {route.path for route in routes if isinstance(route, APIWebSocketRoute)}
    assert there == set(guarded(scene))
    assert sockets == {f"{API}/tickets/ws/{{payment_hash}}"}


@dataclass(frozen=True)
class Ask:
    """One route with one credential."""

    name: str
    route: Guarded
    credential: str

    @property
    def expected(self) -> int:
        return self.route.statuses[self.credential]

    @property
    def changes_nothing(self) -> bool:
        is_refused = self.expected >= 400 or self.name.startswith("GET ")
        return is_refused and self.credential not in self.route.insiders

    async def problems(self, client: httpx.AsyncClient, scene: Scene) -> list[str]:
        """What is wrong with the answer: its status, or what it shows."""
        method, url = self.name.split(" ")[0], self.route.url
        headers = scene.secrets.headers(self.credential)
        answer = await client.request(method, url, json=self.route.body, headers=headers)
        found = []
        if answer.status_code != self.expected:
            found.append(f"{answer.status_code} {answer.text[:90]}")
        if self.name not in KNOWING_IS_OWNING:
            hidden = scene.private_to(self.credential, self.route.insiders)
            seen = {text for text in hidden if text in answer.text}
            if leaked := {text for text in seen if text not in url}:
                found.append(f"shows {leaked}")
        return [f"{self.name} with {self.credential}: {problem}" for problem in found]


async def test_i6_credentials_of_all_routes(
    client: httpx.AsyncClient, bare_client: httpx.AsyncClient, scene: Scene
) -> None:
    """Each route with each credential: the expected status, and nothing private for outsiders."""
    asked = [
        Ask(name, route, credential)
        for name, route in guarded(scene).items()
        for credential in CREDENTIALS
    ]
    quiet = [ask for ask in asked if ask.changes_nothing]
    nobody = [ask for ask in quiet if ask.credential == "none"]
    # What a scanner of another event reads leaves a row there, as any wrong ticket does.
    async with nothing_written("scans"):
        wrong = await all_problems(client, scene, nobody)
        shown = [ask for ask in quiet if ask.credential != "none"]
        wrong += await all_problems(bare_client, scene, shown)
    of_event = "SELECT * FROM events.scans WHERE event_id = :id"
    assert [scan["scan_id"] for scan in await rows(of_event, id=scene.event_id)] == [SCAN_ID]
    # One after the other, and the right ones last: what they change must not spoil the others.
    others = [ask for ask in asked if not ask.changes_nothing]
    for ask in sorted(others, key=lambda ask: ask.credential in ask.route.insiders):
        wrong += await ask.problems(client, scene)
    assert not wrong, "\n".join(wrong)


async def all_problems(client: httpx.AsyncClient, scene: Scene, asked: list[Ask]) -> list[str]:
    """Of requests that change nothing: several at once."""
    waiting, wrong = iter(asked), list[str]()

    async def take_turns() -> None:
        for ask in waiting:
            wrong.extend(await ask.problems(client, scene))

    await asyncio.gather(*(take_turns() for _ in range(8)))
    return wrong


async def test_i6_credentials_an_invoice_key_stays_one_once_the_host_has_seen_it(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    """The host caches keys without their kind: a seen invoice key passes as an admin key there."""
    invoice, url = scene.secrets.organiser.invoice, f"{API}/events/{scene.event_id}"
    assert (await client.get(f"{API}/events", headers=invoice)).status_code == 200
    for method, path in (
        ("POST", f"{API}/events"),
        ("PUT", url),
        ("PUT", f"{url}/cancel"),
        ("GET", f"{url}/orders"),
        ("GET", f"{API}/tickets"),
        ("GET", f"{API}/orders/{scene.purchase['order_id']}"),
    ):
        answer = await client.request(method, path, headers=invoice, json=event_body())
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_i6_credentials_a_refusal_does_not_tell_what_exists(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    """Somebody else's thing and no thing at all look alike, but for 1.6.9's "Not your event."."""
    foreign = scene.secrets.other.admin
    wrong_secret = {"X-Order-Secret": scene.secrets.other_secret}
    for method, path, there, headers in (
        ("GET", "orders/{}", scene.purchase["order_id"], foreign),
        ("GET", "orders/{}", scene.purchase["order_id"], wrong_secret),
        ("POST", "refunds/{}/pay", scene.refund_id, foreign),
        ("POST", "orders/{}/cancel", scene.purchase["order_id"], foreign),
        ("POST", "orders/{}/cancel", scene.purchase["order_id"], wrong_secret),
        ("POST", "tickets/{}/cancel", scene.ticket_id, foreign),
        ("POST", "tickets/{}/cancel", scene.ticket_id, wrong_secret),
        ("PUT", "tickets/register/{}", scene.ticket_id, foreign),
        ("DELETE", "tickets/{}", scene.ticket_id, foreign),
    ):
        answers = [
            await client.request(method, f"{API}/{path.format(id_)}", headers=headers)
            for id_ in (there, "no-such-thing")
        ]
        assert answers[0].status_code == answers[1].status_code == 404
        assert answers[0].json() == answers[1].json()


async def test_i6_credentials_a_draft_is_nobody_elses(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    for method, url in (
        ("GET", f"{API}/events/{scene.draft_id}"),
        ("GET", f"/events/{scene.draft_id}"),
        ("POST", f"{API}/tickets/{scene.draft_id}"),
    ):
        answer = await client.request(method, url, json=purchase_body())
        assert answer.status_code == 404


async def test_i6_credentials_all_wallets_need_the_admin_key(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    """An invoice key is handed to shops: it must not open the user's other wallets."""
    url, organiser = f"{API}/events?all_wallets=true", scene.secrets.organiser
    assert (await client.get(url, headers=organiser.invoice)).status_code == 403
    mine = await client.get(url, headers=organiser.admin)
    assert scene.event_id in {event["id"] for event in mine.json()}
    theirs = await client.get(url, headers=scene.secrets.other.admin)
    assert scene.event_id not in {event["id"] for event in theirs.json()}
    for path in ("tickets", "tickets/paginated"):
        tickets = await client.get(f"{API}/{path}?all_wallets=true", headers=organiser.admin)
        assert scene.ticket_id in tickets.text


async def test_i6_credentials_the_public_view_of_a_ticket_names_no_buyer_data(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    for url in (f"{API}/tickets/{scene.ticket_id}", f"/events/ticket/{scene.ticket_id}"):
        answer = await client.get(url)
        assert answer.status_code == 200
        seen = {text for text in scene.private - {scene.ticket_id} if text in answer.text}
        assert seen == set()


@pytest.mark.parametrize("as_header", [True, False])
async def test_i7_secrets_the_poll_shows_ids_to_the_orders_secret_only(
    client: httpx.AsyncClient, scene: Scene, as_header: bool
) -> None:
    url = f"{API}/tickets/{scene.event_id}/{scene.secrets.payment_hash}"
    secrets = scene.secrets
    for shown in (
        secrets.payment_hash,
        secrets.preimage,
        secrets.other_secret,
        scene.purchase["order_id"],
        "",
        None,
    ):
        answer = await show(client, url, shown, as_header=as_header)
        assert answer.json() == {
            "paid": True,
            "status": "confirmed",
            "ticket_id": None,
            "ticket_ids": [],
        }
    answer = await show(client, url, secrets.order_secret, as_header=as_header)
    assert answer.json()["ticket_ids"] == scene.purchase["ticket_ids"]
    assert answer.json()["ticket_id"] == scene.ticket_id
    elsewhere = f"{API}/tickets/{scene.spare_event_id}/{secrets.payment_hash}"
    answer = await show(client, elsewhere, secrets.order_secret, as_header=as_header)
    assert answer.status_code == 404


async def show(
    client: httpx.AsyncClient, url: str, secret: str | None, *, as_header: bool
) -> httpx.Response:
    if as_header:
        return await client.post(url, headers={"X-Order-Secret": secret} if secret else {})
    return await client.post(url, json={"order_secret": secret})


async def test_i7_secrets_an_unpaid_order_shows_no_ticket(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    """Who never pays must not hold ids that could be mistaken for tickets."""
    headers = {"X-Order-Secret": scene.unpaid["order_secret"]}
    order = await client.get(f"{API}/orders/{scene.unpaid['order_id']}", headers=headers)
    assert (order.json()["status"], order.json()["tickets"]) == ("reserved", [])
    url = f"{API}/tickets/{scene.event_id}/{scene.unpaid['payment_hash']}"
    polled = await client.post(url, headers=headers)
    assert (polled.json()["paid"], polled.json()["ticket_ids"]) == (False, [])


async def test_i7_secrets_the_websocket_says_nothing_but_paid(app: FastAPI, scene: Scene) -> None:
    path = f"{API}/tickets/ws/{scene.secrets.payment_hash}"
    async with websocket.connect(app, path) as socket:
        assert (await socket.next())["type"] == "websocket.accept"
        assert await socket.next_json() == {"paid": True}


async def test_i7_secrets_follow_from_nothing_public(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    """On this host anybody who has the invoice gets its hash and, once paid, its preimage."""
    payment_hash, preimage = scene.secrets.payment_hash, scene.secrets.preimage
    told = await client.get(f"/api/v1/payments/{payment_hash}")
    assert preimage in told.text
    ids = [*scene.purchase["ticket_ids"], scene.secrets.order_secret]
    assert [text for text in ids if text in told.text] == []
    public_texts = [payment_hash, preimage, scene.event_id, scene.purchase["order_id"], MAIL]
    assert set(ids).isdisjoint(derived(public_texts))
    for text in ids:
        assert len(text) >= 20
    for wrong in (payment_hash, preimage, scene.purchase["order_id"], scene.ticket_id):
        assert (await client.get(f"/events/o/{wrong}")).status_code == 404
    for wrong in (payment_hash, preimage, scene.purchase["order_id"]):
        assert (await client.get(f"/events/ticket/{wrong}")).status_code == 404
        assert (await client.get(f"{API}/tickets/{wrong}")).status_code == 404


def derived(texts: list[str]) -> set[str]:
    """What somebody would try: the texts, their digests, in the usual spellings, cut or whole."""
    found = set()
    for text in texts:
        raws = [text.encode()]
        if len(text) == 64:
            raws.append(bytes.fromhex(text))
        for raw in raws:
            for digest in (raw, hashlib.sha256(raw).digest(), hashlib.sha1(raw).digest()):  # noqa: S324
                for spelling in (
                    digest.hex(),
                    urlsafe_b64encode(digest).decode(),
                    b64encode(digest).decode(),
                ):
                    found |= {spelling, spelling.rstrip("="), spelling[:22], spelling[:43]}
    return found


async def test_i7_secrets_repeat_in_no_two_orders(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0, amount_tickets=100)
    made = [
        await a_purchase(client, event["id"], quantity=5, email=f"{n}@example.com")
        for n in range(10)
    ]
    ids = [id_ for purchase in made for id_ in purchase["ticket_ids"]]
    secrets = [purchase["order_secret"] for purchase in made]
    orders = [purchase["order_id"] for purchase in made]
    assert len({*ids, *secrets, *orders}) == 50 + 10 + 10
    for texts in (ids, secrets):
        assert len({text[:6] for text in texts}) == len(texts)
