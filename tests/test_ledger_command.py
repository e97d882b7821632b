"""`make ledger`: what an operator sees, and the exit codes."""

import asyncio
import importlib
from types import ModuleType
from typing import Any

import httpx
import pytest

from support.books import a_paid_order, make_legacy
from support.builders import an_event, execute
from support.host import REPO
from support.people import Person, a_person

pytestmark = pytest.mark.asyncio

URL = "http://events.test"


class _Inside(httpx.BaseTransport):
    """Requests of the command, which runs in a thread, end in the host under test."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._answer(request), self._loop).result(30)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        key = {"X-API-KEY": request.headers["X-API-KEY"]}
        answer = await self._client.request(request.method, str(request.url), headers=key)
        return httpx.Response(answer.status_code, content=answer.content)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(REPO / "dev"))
    monkeypatch.delenv("EVENTS_ADMIN_KEY", raising=False)
    return importlib.import_module("ledger")


def connect(command: ModuleType, transport: httpx.BaseTransport, patch: Any) -> None:
    class Connected(command.Client):  # type: ignore[name-defined, misc]
        def __init__(self, url: str) -> None:
            self.url = url
            self._http = httpx.Client(base_url=url, transport=transport)

    patch.setattr(command, "Client", Connected)


async def test_the_command_tells_a_balanced_wallet_and_then_the_difference(
    client: httpx.AsyncClient,
    buyer: Person,
    command: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    owner = await a_person()
    connect(command, _Inside(client), monkeypatch)
    monkeypatch.setenv("EVENTS_ADMIN_KEY", owner.adminkey)

    async def run(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(command.main, ["--url", URL, *arguments])
        return code, capsys.readouterr().out

    assert await run() == (0, f"Ledger of {URL}, in sats\n  This wallet has no events.\n")

    good = await an_event(client, owner, name="Good evening")
    bad = await an_event(client, owner, name="A name that is longer than its column is wide")
    old = await a_paid_order(client, buyer, good)
    await make_legacy(old, None)
    sold = await a_paid_order(client, buyer, bad, quantity=2)
    code, out = await run()
    assert code == 0, out
    row = next(line for line in out.splitlines() if "A name that" in line)
    assert row.split() == [*"A name that is longer than its…".split(), *"200 200 0 0 yes".split()]
    assert "100 sat received by 1.6.9, which did not write down what for" in out
    assert f"order {old['order_id']}: received 100," in out
    assert out.endswith("Balanced, against the host's own payments.\n")

    sold_id = sold["order_id"]
    await execute("UPDATE events.ticket SET price_sat = 90 WHERE order_id = :id", id=sold_id)
    await execute(
        "UPDATE events.events SET cancelled_at = 1, name = :name WHERE id = :id",
        name="Bad\x1b[31m",
        id=bad["id"],
    )
    code, out = await run()
    assert code == 1
    assert "\x1b" not in out
    assert "  NO\n" in out
    assert f"    order {sold_id}: received 200, kept 180, refunded 0, due 0: the host" in out
    assert "20 sat received that nothing stands for" in out
    assert "1 orders of the cancelled event wait for their refund" in out
    assert "1 of 2 events do not balance." in out
    assert (await run("--event", bad["id"]))[0] == 1
    code, out = await run("--event", good["id"])
    assert code == 0
    assert bad["id"] not in out


async def test_the_command_says_in_a_sentence_why_there_is_no_report(
    client: httpx.AsyncClient,
    organiser: Person,
    command: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> str:
        assert command.main(["--url", URL, *arguments]) == 2
        told = capsys.readouterr()
        assert told.err.count("\n") == 1
        return told.err

    assert "EVENTS_ADMIN_KEY" in run()
    monkeypatch.setenv("EVENTS_ADMIN_KEY", organiser.adminkey)
    for url in ("http://127.0.0.1:port", "127.0.0.1:5000"):
        assert "not this extension" not in run("--url", url)
    monkeypatch.setenv("EVENTS_ADMIN_KEY", organiser.adminkey)
    connect(command, _Inside(client), monkeypatch)
    assert "This event does not exist." in await asyncio.to_thread(run, "--event", "none")
    assert "Not Found." in await asyncio.to_thread(run, "--event", "no/../ne")
    monkeypatch.setenv("EVENTS_ADMIN_KEY", "0" * 32)
    assert "Is it the admin key" in await asyncio.to_thread(run)
    monkeypatch.setenv("EVENTS_ADMIN_KEY", organiser.inkey)
    an_id = (await an_event(client, organiser))["id"]
    assert "The host refused" in await asyncio.to_thread(run, "--event", an_id)

    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    for answer, sentence in (
        (gone, f"No answer from {URL}"),
        (lambda _: httpx.Response(503, json={"detail": "x"}), "was answered with 503"),
        (lambda _: httpx.Response(200, text="<html>"), "is not this extension"),
        (lambda _: httpx.Response(200, json={"detail": 1}), "is not this extension"),
    ):
        connect(command, httpx.MockTransport(answer), monkeypatch)
        assert sentence in run()


async def test_the_command_waits_out_the_hosts_rate_limit(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVENTS_ADMIN_KEY", "0" * 32)
    monkeypatch.setattr(command, "_WAIT_S", 0)
    answers = [httpx.Response(429, json={"error": "x"}), httpx.Response(200, json=[])]
    connect(command, httpx.MockTransport(lambda _: answers.pop(0)), monkeypatch)
    assert command.main(["--url", URL]) == 0
    connect(command, httpx.MockTransport(lambda _: httpx.Response(429, json={})), monkeypatch)
    assert command.main(["--url", URL]) == 2
    assert "too many requests" in capsys.readouterr().err
