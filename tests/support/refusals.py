"""What a refusal looks like, and proof that nothing was written on the way to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from support.host import ext

# Any insert, delete or change that a request can make shows in one of these figures.
_FIGURES = {
    "events": "count(*), sum(held), sum(sold), sum(ticket_seq), sum(version), sum(length(extra))",
    "packages": "count(*), sum(held), sum(sold), sum(version)",
    "promo_codes": "count(*), sum(percent_bp), sum(uses), sum(version)",
    "promo_uses": "count(*), count(freed_at)",
    "options": "count(*), sum(length(label)), sum(length(choices))",
    "option_responses": "count(*)",
    "audit": "count(*)",
    "orders": "count(*), sum(length(status)), count(payment_hash), sum(hold_expires_at)",
    "order_lines": "count(*)",
    "ticket": "count(*), sum(length(status)), sum(length(payment_hash)), sum(length(name))",
    "refunds": "count(*), sum(length(status))",
    "scanners": "count(*), count(revoked_at), sum(last_seen_at), sum(pending)",
    "scans": "count(*), count(annulled_at)",
    "nostr_accounts": "count(*), sum(version)",
    "nostr_keys": "count(*), count(retired_at), sum(length(secret)), count(problem)",
    "settings": "count(*), sum(length(value))",
    "outbox": "count(*)",
    "messages": "count(*), sum(length(state)), sum(attempts), sum(next_try_at)",
    "announcements": "count(*)",
}


def assert_refused(answer: httpx.Response, *statuses: int, about: str = "") -> str:
    """4xx (or one of `statuses`) with a sentence and a code; returns the code."""
    expected = answer.status_code in statuses if statuses else 400 <= answer.status_code < 500
    assert expected, f"{about} {answer.status_code} {answer.text[:500]}"
    body = answer.json()
    assert isinstance(body["detail"], str), body
    assert body["detail"].strip()
    code: str = body["code"]
    assert code
    assert " " not in code
    return code


async def figures() -> dict[str, str]:
    found = {}
    async with ext("crud").reading() as tx:
        for table, names in _FIGURES.items():
            [row] = await tx.fetch_all(f"SELECT {names} FROM events.{table}")  # noqa: S608 - ours
            found[table] = str(tuple(row.values()))
    return found


@dataclass
class Writing:
    """`allowed` may be set in the block, by who learns only there that it should have worked."""

    allowed: bool = False


@asynccontextmanager
async def nothing_written(*but: str) -> AsyncIterator[Writing]:
    """Fails when the extension's tables differ after the block, others than those named."""
    before, writing = await figures(), Writing()
    yield writing
    after = await figures() | {table: before[table] for table in but}
    assert writing.allowed or after == before
