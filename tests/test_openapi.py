"""The description of the API: every number says its unit, and every route its refusals."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.builders import Json

pytestmark = pytest.mark.asyncio

API = "/events/api/v1/"
# Events, ticket types, questions, codes: the routes with described answers.
DESCRIBED = (f"{API}events", f"{API}public/events", f"{API}tickets/{{event_id}}")


def schemas_of(part: Any, known: Json) -> Iterator[str]:
    """Names of all schemas that a part of the description leads to."""
    if isinstance(part, dict):
        if "$ref" in part:
            name = part["$ref"].rsplit("/", 1)[1]
            yield name
            yield from schemas_of(known[name], known)
        for inner in part.values():
            yield from schemas_of(inner, known)
    elif isinstance(part, list):
        for inner in part:
            yield from schemas_of(inner, known)


async def test_every_number_of_events_and_what_belongs_to_them_says_what_it_counts(
    client: httpx.AsyncClient,
) -> None:
    told = (await client.get("/openapi.json")).json()
    known = told["components"]["schemas"]
    routes = {p: r for p, r in told["paths"].items() if p.startswith(DESCRIBED)}
    assert len(routes) > 15
    names = set(schemas_of(routes, known)) - {"HTTPValidationError", "ValidationError"}
    expected = {"EventBody", "PackageBody", "OptionBody", "CodePatch", "PurchaseBody"}
    assert {name.rsplit("__", 1)[-1] for name in names} >= expected
    silent = [
        f"{name}.{field}"
        for name in sorted(names)
        for field, said in known[name].get("properties", {}).items()
        if said.get("type") in ("integer", "number") and not said.get("description")
    ]
    assert silent == []


async def test_every_route_tells_its_refusals(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    routes = [(p, m, r) for p, found in paths.items() for m, r in found.items() if API in p]
    assert len(routes) > 50
    without = [f"{m} {p}" for p, m, r in routes if not {"400", "404"} <= r["responses"].keys()]
    assert without == []
