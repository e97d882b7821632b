"""A scan, and beside it what 1.6.9 did at the door: read, update, read, each by itself."""

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Annotated

import httpx
from fastapi import Body, FastAPI

from support import host
from support.builders import API
from support.people import Person
from support.scanners import a_scanner, shows

_REGISTER = "/bench/register"


def add_plain_register(app: FastAPI) -> None:
    """A route with the statements of 1.6.9's register, by the host's own methods, which connect
    and commit for each. It asks for no credential, and writes no scan. The ticket comes in a body,
    as a scan's does: the host takes its time for one, whatever is in it."""

    @app.post(_REGISTER)
    async def register(body: Annotated[dict[str, str], Body()]) -> dict[str, object]:
        db, wanted = host.ext("crud").db, {"id": body["code"]}
        read = "SELECT * FROM events.ticket WHERE id = :id"
        assert await db.fetchone(read, wanted)
        await db.execute(
            "UPDATE events.ticket SET registered = TRUE,"  # noqa: S608 - the host's own word
            f" reg_timestamp = {db.timestamp_placeholder('at')} WHERE id = :id",
            {**wanted, "at": datetime.now(timezone.utc).timestamp()},
        )
        return {"ticket": dict(await db.fetchone(read, wanted))}


class Door:
    """A scanner at an event's door; `next_ticket` gives valid tickets nobody has used."""

    def __init__(
        self, client: httpx.AsyncClient, event_id: str, next_ticket: Callable[[], str]
    ) -> None:
        self._client, self._event_id, self._next = client, event_id, next_ticket
        self._headers: dict[str, str] = {}

    async def open(self, organiser: Person) -> None:
        scanner = await a_scanner(self._client, organiser, self._event_id)
        self._headers = shows(scanner)

    async def scan(self) -> None:
        url, body = f"{API}/door/{self._event_id}/scans", {"code": f"ticket://{self._next()}"}
        answer = await self._client.post(url, json=body, headers=self._headers)
        assert answer.json()["outcome"] == "admitted", answer.text

    async def plain_register(self) -> None:
        answer = await self._client.post(_REGISTER, json={"code": self._next()})
        assert answer.status_code == 200, answer.text
