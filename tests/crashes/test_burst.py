"""I8 and I9: thirty SIGKILLs in a burst of sales, with a relay and a mail server that stay up."""

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import host, postgres
from support.mailbox import Mailbox
from support.rates import URL_VARIABLE, rates_url
from support.relays import Keeping, LmdbRelay, publish

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

KILLS = 30
_TESTS = Path(__file__).resolve().parents[1]


async def burst(relay: Keeping, box: Mailbox) -> dict[str, Any]:
    """Run the driver; these two live in this process, and see all that comes out of it."""
    command = [sys.executable, "-m", "support.burst_driver", "--kills", str(KILLS)]
    command += ["--relay", relay.url, "--smtp-port", str(box.port)]
    if host.on_postgres():
        command += ["--database-url", postgres.new_database("burst")]
    running = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "PYTHONPATH": str(_TESTS), URL_VARIABLE: rates_url()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said, complaints = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
    assert running.returncode == 0, complaints.decode()[-4000:]
    found: dict[str, Any] = json.loads(said.decode().splitlines()[-1])
    return found


async def test_i8_i9_after_thirty_kills_in_a_burst_nothing_is_lost_or_turned_back(
    client: httpx.AsyncClient,
) -> None:
    box = Mailbox()
    await box.up()
    async with Keeping() as relay:
        found = await burst(relay, box)
        versions = [e for e in relay.received if e["kind"] == 31923 or e["kind"] == 31922]
        await shows_the_truth_wherever_the_same_is_sent(versions, found)
    await box.down()
    assert found["killed"] == KILLS
    assert found["waiting"] == 0
    assert len(found["orders"]) > KILLS
    never_turned_back(versions)
    nobody_was_forgotten(found, box)


def never_turned_back(versions: list[dict[str, Any]]) -> None:
    """A version is signed once; sent again it is the same; no other has its time."""
    times = [version["created_at"] for version in versions]
    assert times == sorted(times)
    assert len({(v["created_at"], v["id"]) for v in versions}) == len(set(times))


async def shows_the_truth_wherever_the_same_is_sent(
    versions: list[dict[str, Any]], found: dict[str, Any]
) -> None:
    """On a relay with a disk, which keeps one version by the rules of NIP-01."""
    async with LmdbRelay() as strict:
        for version in versions:
            await publish(strict.url, json.dumps(version))
        [kept] = await strict.events({"kinds": [31922, 31923]})
    assert kept["id"] == found["listing"]["id"]
    assert ["tickets_sold", str(found["sold"])] in kept["tags"]
    assert found["sold"] == len(found["orders"])


def nobody_was_forgotten(found: dict[str, Any], box: Mailbox) -> None:
    """Each order that was answered is confirmed; each that is has its mail, under one id."""
    orders = {tuple(order) for order in found["orders"]}
    assert {tuple(order) for order in found["told"]} <= orders
    ids: dict[str, set[str]] = {}
    for caught in box.messages:
        [address] = caught.recipients
        ids.setdefault(address, set()).add(caught.message_id)
    assert set(ids) == {email for _, email in orders}
    assert all(len(found) == 1 for found in ids.values())
    # Twice only where a process died between the server's answer and writing it down.
    again = sum(count - 1 for count in Counter(c.recipients[0] for c in box.messages).values())
    assert again <= KILLS
