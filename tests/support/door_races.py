"""What happens at many doors at once, in one process or in several, and what must come of it."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

import httpx

from support.builders import API, Json, a_purchase, an_event
from support.people import Person
from support.scanners import a_scanner, shows
from support.scanning import annul, post, scan, validate

GATES = 8


@dataclass(frozen=True)
class Doors:
    """An event's scanners, in turns at each of the processes that serve it. `seen`: the scans
    that were answered, by their ids."""

    clients: Sequence[httpx.AsyncClient]
    event: Json
    organiser: Mapping[str, str]
    gates: Sequence[Mapping[str, str]]
    seen: dict[str, Json] = field(default_factory=dict)

    def client(self, number: int) -> httpx.AsyncClient:
        return self.clients[number % len(self.clients)]

    async def scan(self, number: int, code: str, **more: object) -> Json:
        """By the n-th scanner."""
        gate = self.gates[number % len(self.gates)]
        told = await scan(self.client(number), self.event, gate, code, **more)
        self.seen[told["scan_id"]] = told
        return told

    async def upload(self, number: int, scans: Sequence[Json]) -> list[Json]:
        """What the n-th scanner did without a network."""
        gate = self.gates[number % len(self.gates)]
        answer = await post(self.client(number), self.event, "scans", gate, {"scans": scans})
        assert answer.status_code == 200, answer.text
        results: list[Json] = answer.json()["results"]
        self.seen.update((told["scan_id"], told) for told in results)
        return results

    async def would_be(self, ticket: str) -> str:
        """How a check-in would end now."""
        looked = await validate(self.client(0), self.event, self.organiser, ticket)
        return str(looked["outcome"])

    async def all_is_in_the_log(self) -> None:
        """Every scan left one row, and it says what was answered."""
        url = f"{API}/events/{self.event['id']}/scans?limit=200"
        answer = await self.client(1).get(url, headers=dict(self.organiser))
        assert answer.status_code == 200, answer.text
        log = answer.json()
        assert log["total"] == len(log["data"])
        assert {
            row["scan_id"]: (row["outcome"], row["conflict"], bool(row["annulled_at"]))
            for row in log["data"]
        } == {
            scan_id: (told["outcome"], told["conflict"], told["annulled"])
            for scan_id, told in self.seen.items()
        }


async def doors_of(
    clients: Sequence[httpx.AsyncClient], organiser: Person, **changes: object
) -> Doors:
    """A new event of free tickets."""
    body = {"price_per_ticket": 0, "amount_tickets": 50, **changes}
    event = await an_event(clients[0], organiser, **body)
    gates = [
        shows(await a_scanner(clients[0], organiser, event["id"], name=f"Gate {number}"))
        for number in range(GATES)
    ]
    return Doors(clients, event, organiser.admin, gates)


async def bought(doors: Doors, many: int) -> list[str]:
    """Valid tickets, of orders of ten at most."""
    ids: list[str] = []
    while len(ids) < many:
        quantity = min(10, many - len(ids))
        purchase = await a_purchase(doors.client(0), doors.event["id"], quantity=quantity)
        ids += purchase["ticket_ids"]
    return ids


async def bought_with_secrets(doors: Doors, orders: int) -> dict[str, dict[str, str]]:
    """For each ticket what its buyer shows."""
    found: dict[str, dict[str, str]] = {}
    for _ in range(orders):
        purchase = await a_purchase(doors.client(0), doors.event["id"], quantity=4)
        secret = {"X-Order-Secret": purchase["order_secret"]}
        found |= dict.fromkeys(purchase["ticket_ids"], secret)
    return found


def outcomes(answers: Sequence[Json]) -> Counter[str]:
    return Counter(answer["outcome"] for answer in answers)


async def sixty_scans(doors: Doors, tickets: Sequence[str]) -> None:
    """8 scanners, 20 tickets, each shown three times at three of them: all at once."""
    scans = [(number // 3, number) for number in range(3 * len(tickets))]
    assert (len(scans), len(doors.gates)) == (60, GATES)
    answers = await asyncio.gather(
        *(doors.scan(gate, tickets[ticket]) for ticket, gate in scans)
    )  # fmt: skip
    for number, ticket in enumerate(tickets):
        told = answers[3 * number : 3 * number + 3]
        assert outcomes(told) == {"admitted": 1, "already_used": 2}, ticket
        # The others say when, and by whom.
        first = next(answer for answer in told if answer["outcome"] == "admitted")
        assert {(a["first_check_in_at"], a["by"]) for a in told} == {
            (first["scanned_at"], first["by"])
        }


async def equal_scan_ids(doors: Doors, tickets: Sequence[str]) -> None:
    """One scan that is sent from everywhere, of two tickets: one of them is in, and all are told
    the same."""
    for one, other in zip(tickets[::2], tickets[1::2], strict=True):
        scan_id = f"same-{uuid4().hex}"
        answers = await asyncio.gather(
            *(
                doors.scan(gate, code, scan_id=scan_id)
                for gate, code in enumerate((one, other, one, one, other, "none"))
            )
        )
        assert all(answer == answers[0] for answer in answers)
        admitted = [told["ticket"]["id"] for told in answers[:1] if told["outcome"] == "admitted"]
        used = [t for t in (one, other) if await doors.would_be(t) == "already_used"]
        assert used == admitted


async def both_offline(doors: Doors, tickets: Sequence[str]) -> None:
    """Two devices let in everybody, each in another order, and come back at the same time; one
    of them does not get its answers and sends it all again."""
    lists = [
        [{"code": code, "scan_id": f"{code}-{n}", "force": True} for code in codes]
        for n, codes in enumerate((tickets, tickets[::-1]))
    ]
    one, other, again = await asyncio.gather(
        doors.upload(0, lists[0]), doors.upload(1, lists[1]), doors.upload(1, lists[1])
    )
    assert again == other
    for mine, theirs in zip(one, other[::-1], strict=True):
        assert outcomes([mine, theirs]) == {"admitted": 2}
        # One entry, and one conflict for the organiser to see.
        assert {mine["conflict"], theirs["conflict"]} == {False, True}


async def out_and_in(doors: Doors, ticket: str) -> None:
    """With one ticket, where guests come back, everybody goes out and comes in at once."""
    numbers = count()
    for types in (["check_in"] * 6, ["check_out"] * 6, ["check_in", "check_out"] * 6):
        before = await doors.would_be(ticket)
        told = outcomes(
            await asyncio.gather(
                *(doors.scan(next(numbers), ticket, type=scan_type) for scan_type in types)
            )
        )
        went_in = told["admitted"] - told["left"]
        was_in, is_in = before == "already_used", await doors.would_be(ticket) == "already_used"
        assert int(is_in) - int(was_in) == went_in, told
        if len(set(types)) == 1:
            assert abs(went_in) == 1, told


async def admit_and_cancel(
    doors: Doors, tickets: Mapping[str, Mapping[str, str]]
) -> Counter[tuple[str, bool]]:
    """Each guest comes to two doors while the buyer, whose secret is given, cancels: either the
    guest came in, once, or nobody comes any more."""
    found: Counter[tuple[str, bool]] = Counter()
    for number, (ticket, secret) in enumerate(tickets.items()):
        url = f"{API}/tickets/{ticket}/cancel"
        one, cancelled, other = await asyncio.gather(
            doors.scan(number, ticket),
            doors.client(number + 1).post(url, json={}, headers=dict(secret)),
            doors.scan(number + 1, ticket),
        )
        told = outcomes([one, other])
        if cancelled.is_success:
            assert told == {"cancelled": 2}
        else:
            assert cancelled.json()["code"] == "ticket_used", cancelled.text
            assert told == {"admitted": 1, "already_used": 1}
        found[await doors.would_be(ticket), cancelled.is_success] += 1
    assert set(found) <= {("cancelled", True), ("already_used", False)}
    return found


async def admit_and_throw_out(doors: Doors, tickets: Sequence[str]) -> None:
    """The organiser, who may, cancels whether or not the guest is in."""
    for number, ticket in enumerate(tickets):
        url = f"{API}/tickets/{ticket}/cancel"
        one, cancelled, other = await asyncio.gather(
            doors.scan(number, ticket),
            doors.client(number + 1).post(
                url, json={"percent": 0}, headers=dict(doors.organiser)
            ),
            doors.scan(number + 1, ticket),
        )  # fmt: skip
        assert cancelled.is_success, cancelled.text
        told = outcomes([one, other])
        assert told["admitted"] <= 1
        assert set(told) <= {"admitted", "already_used", "cancelled"}
        assert await doors.would_be(ticket) == "cancelled"


async def annul_and_admit(doors: Doors, tickets: Sequence[str]) -> None:
    """An entry is taken back, twice, while another device tells that it had let the guest in as
    well: then that one counts, as the entry or as a conflict with the one that was taken back."""
    for number, ticket in enumerate(tickets):
        first = await doors.scan(number, ticket)
        undone, forced, _ = await asyncio.gather(
            annul(doors.client(number), doors.event, doors.organiser, first["scan_id"]),
            doors.scan(number + 1, ticket, force=True),
            annul(doors.client(number + 1), doors.event, doors.organiser, first["scan_id"]),
        )
        doors.seen[first["scan_id"]] = undone
        assert forced["outcome"] == "admitted"
        assert await doors.would_be(ticket) == "already_used"
