"""What tests of the listing and of messages over Nostr begin with."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from nostr_sdk import Keys

from support import direct
from support.builders import Json
from support.direct import nostr_settings
from support.lanes import nostr_on_loopback
from support.listings import a_listed_event, a_shop, forgotten_afterwards, watch_versions
from support.people import Person, a_person
from support.relays import LmdbRelay


@pytest_asyncio.fixture(loop_scope="session")
async def loopback(app: object) -> AsyncIterator[None]:
    """Relays on this machine may be used."""
    async with nostr_on_loopback():
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def forgotten(app: object) -> AsyncIterator[None]:
    """No listing of this test is left to be signed in the next one."""
    async with forgotten_afterwards():
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def shop(forgotten: None) -> Person:
    return await a_shop()


@pytest_asyncio.fixture(loop_scope="session")
async def event(client: httpx.AsyncClient, shop: Person) -> Json:
    """An event with 500 seats whose organiser has relays and a key; nothing is signed yet."""
    return await a_listed_event(client, shop, amount_tickets=500)


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    return watch_versions(monkeypatch)


@pytest.fixture
def impatient(app: object, monkeypatch: pytest.MonkeyPatch) -> None:
    direct.take_silence_for_one_after(0.5, monkeypatch)


@pytest_asyncio.fixture(loop_scope="session")
async def relay(app: object) -> AsyncIterator[LmdbRelay]:
    """The instance's own relay, where people's lists are found; private ones are allowed."""
    async with LmdbRelay() as running, nostr_settings(running.url):
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def inbox(app: object) -> AsyncIterator[LmdbRelay]:
    async with LmdbRelay() as running:
        yield running


@pytest.fixture
def bob() -> Keys:
    return Keys.generate()


@pytest_asyncio.fixture(loop_scope="session")
async def seller(app: object) -> Person:
    """An organiser without any settings."""
    return await a_person()
