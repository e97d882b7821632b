"""Letting in an order, and telling of entries made offline, to be killed at every await."""

from collections.abc import Coroutine, Mapping
from typing import Any

from support.builders import rows, ticket_rows
from support.crash_sale import Place, Scenario, buy_and_pay, invoices
from support.host import ext
from support.invariants import broken_invariants
from support.settling import settle_directly

_SCAN_ID = "killed-scan"


async def sell(place: Place) -> None:
    """An order of two valid tickets."""
    await buy_and_pay(place)
    for payment in await invoices(place):
        await settle_directly(payment.payment_hash)


async def letting_in(place: Place) -> Coroutine[Any, Any, object]:
    """One scan brings in both: two transactions."""
    ticket_id = str((await ticket_rows(place.event_id))[0]["id"])
    models, services = ext("door.models"), ext("door.services")
    shown = ext("door.keys").Presented(token_hash=None, wallet=place.organiser)
    scan = models.NewScan(
        scan_id=_SCAN_ID,
        code=ticket_id,
        type=models.ScanType.CHECK_IN,
        scanned_at=ext("clock").now(),
        whole_order=True,
    )
    made: Coroutine[Any, Any, object] = services.scan_order(place.event_id, shown, scan)
    return made


async def sent_again(place: Place) -> list[str]:
    """The device sends what it got no answer to: both are in, each by one scan."""
    await (await letting_in(place))
    wrong = await _half_done(place)
    if [ticket["status"] for ticket in await ticket_rows(place.event_id)] != ["used"] * 2:
        wrong.append("not both are in")
    return wrong


async def left_alone(place: Place) -> list[str]:
    return await _half_done(place)


async def _half_done(place: Place) -> list[str]:
    """A ticket that was used without a scan, or the other way round."""
    wrong = await broken_invariants(place.event_id)
    scans = await rows(
        "SELECT ticket_id, outcome FROM events.scans WHERE event_id = :id", id=place.event_id
    )
    let_in = sorted(scan["ticket_id"] for scan in scans if scan["outcome"] == "admitted")
    tickets = await ticket_rows(place.event_id)
    used = sorted(ticket["id"] for ticket in tickets if ticket["status"] == "used")
    if let_in != used:
        wrong.append(f"used {used}, let in {let_in}")
    return wrong


async def uploading(place: Place) -> Coroutine[Any, Any, list[Any]]:
    """Two devices had let both in, the first guest twice: a transaction for each entry."""
    models, services = ext("door.models"), ext("door.services")
    shown = ext("door.keys").Presented(token_hash=None, wallet=place.organiser)
    one, other = [str(ticket["id"]) for ticket in await ticket_rows(place.event_id)]
    scans = [
        models.NewScan(
            scan_id=f"{_SCAN_ID}-{number}",
            code=ticket_id,
            type=models.ScanType.CHECK_IN,
            scanned_at=ext("clock").now(),
            is_forced=True,
        )
        for number, ticket_id in enumerate((one, other, one))
    ]
    made: Coroutine[Any, Any, list[Any]] = services.scan_all(place.event_id, shown, scans)
    return made


async def uploaded_again(place: Place) -> list[str]:
    """What was written is told again, the rest is made: two entries and one conflict."""
    wrong = await entries_so_far(place)
    told = [(answer["outcome"], answer["conflict"]) for answer in await (await uploading(place))]
    if told != [("admitted", False), ("admitted", False), ("admitted", True)]:
        wrong.append(f"uploaded again: {told}")
    scans = await rows("SELECT id FROM events.scans WHERE event_id = :id", id=place.event_id)
    if len(scans) != len(told):
        wrong.append(f"{len(scans)} scans of {len(told)}")
    return wrong + await entries_so_far(place)


async def entries_so_far(place: Place) -> list[str]:
    return await broken_invariants(place.event_id)


DOOR: Mapping[str, Scenario] = {
    "scan": Scenario(sell, letting_in, {"sent again": sent_again, "left alone": left_alone}),
    "upload": Scenario(
        sell,
        uploading,
        {"uploaded again": uploaded_again, "left alone": entries_so_far},
        only_writes=True,
    ),
}
