"""I12: an upgrade reads whatever stands in a database of 1.6.9, and never stops at it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.host import on_postgres
from support.legacy import Node, Row, empty_node, moment, part
from support.old_world import MIDNIGHT, a_1_6_9, event, hash_of, rewrite, ticket, wave, write

pytestmark = pytest.mark.asyncio

DAY_MS = 86_400_000


async def _packages(node: Node) -> list[Row]:
    return await node.rows("SELECT * FROM events.packages ORDER BY display_order")


async def _upgraded(node: Node, *rows: dict[str, Any]) -> list[Row]:
    await rewrite(node, *rows)
    await node.boot()
    return await _packages(node)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node() -> AsyncIterator[Node]:
    """Its tables are made once; `_upgraded` fills them anew."""
    async with empty_node() as made:
        await a_1_6_9(made)
        await made.boot()
        yield made


@pytest.mark.parametrize(
    "extra",
    [
        None,
        "",
        "{broken",
        "null",
        "[]",
        '"text"',
        "[" * 100_000,
        "{}",
        '{"ticket_waves": null, "promo_codes": 7}',
        '{"ticket_waves": [null, 7, "x"], "promo_codes": [null, {"code": 1}, {"code": "X"}]}',
        '{"number": 1' + "0" * 5000 + "}",
    ],
)
async def test_i12_an_upgrade_reads_any_extra(node: Node, extra: str | None) -> None:
    """Without waves 1.6.9 implies one, from the event's own fields and the day it was made."""
    (package,) = await _upgraded(node, event(extra=extra), ticket("1", extra=extra))
    assert (package["wave_id"], package["name"]) == ("primary", "Primary wave")
    assert (package["price_minor"], package["currency"]) == (100, "sat")
    assert (package["quantity_limit"], package["sold"]) == (8, 1)
    assert package["sale_starts_at"] == MIDNIGHT * 1000
    assert package["is_enabled"]
    found = await node.row("SELECT * FROM events.ticket")
    assert (found["package_id"], found["price_sat"]) == (package["id"], 0)


async def test_i12_an_upgrade_reads_a_wave_that_lacks_everything(node: Node) -> None:
    (package,) = await _upgraded(node, event(extra={"ticket_waves": [{}]}))
    assert (package["wave_id"], package["name"]) == ("primary", "Ticket")
    assert (package["price_minor"], package["quantity_limit"]) == (100, 7)
    assert package["sale_starts_at"] is None
    assert package["sale_ends_at"] == 1_906_416_000_000 + DAY_MS


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [
        (19.99, "EUR", 1999),
        (19.989999771118164, "EUR", 1999),  # 1.6.9 on PostgreSQL writes its 4-byte column back
        (0.005, "EUR", 1),
        (0.015, "USD", 2),  # half up; binary floats would say 0.01499…
        (100.7, "sat", 100),
        ("100.7", "SATS", 100),
        (0.4, "sat", 1),  # had a price: not given away
        (0.001, "EUR", 1),
        (0, "EUR", 0),
        (1234.5, "JPY", 1235),
        (1.2345, "kwd", 1235),
        (1.23455, "CLF", 12346),
    ],
)
async def test_i12_an_upgrade_keeps_prices_exact(
    node: Node, price: Any, currency: str, minor: int
) -> None:
    extra = {"ticket_waves": [wave(price_per_ticket=price, currency=currency)]}
    (package,) = await _upgraded(node, event(extra=extra))
    assert package["price_minor"] == minor
    assert package["is_enabled"]


@pytest.mark.parametrize(("price", "minor"), [(19.99, 1999), (0.015, 2), (12345678.0, 1234567800)])
async def test_i12_an_upgrade_reads_the_price_column_as_it_was_written(
    node: Node, price: float, minor: int
) -> None:
    """When the JSON has none. PostgreSQL's REAL keeps about seven digits."""
    (package,) = await _upgraded(node, event(price_per_ticket=price, currency="EUR"))
    assert package["price_minor"] == minor


@pytest.mark.parametrize(
    "changes",
    [
        {"price_per_ticket": -1},
        {"price_per_ticket": 1e300},
        {"price_per_ticket": 10**16},
        {"currency": "sat or so"},
        {"closing_date": "31.5.2030"},
    ],
)
async def test_i12_an_upgrade_sells_nothing_it_cannot_read(
    node: Node, changes: dict[str, Any]
) -> None:
    """1.6.9 could not sell it either; its tickets stay valid."""
    currency = changes.get("currency", "sat")
    closing = changes.get("closing_date", "2030-05-31")
    extra = {"ticket_waves": [wave(**changes)]}
    row = event(extra=extra, currency=currency, closing_date=closing)
    (package,) = await _upgraded(node, row, ticket("1"))
    assert not package["is_enabled"]
    assert (await node.row("SELECT status FROM events.ticket"))["status"] == "active"


async def test_i12_an_upgrade_reads_not_a_number(node: Node) -> None:
    extra = '{"ticket_waves": [{"price_per_ticket": NaN, "amount_tickets": Infinity}]}'
    (package,) = await _upgraded(node, event(extra=extra))
    assert (package["price_minor"], package["quantity_limit"]) == (100, 0)


async def test_i12_an_upgrade_takes_negative_stock_for_sold_out(node: Node) -> None:
    extra = {"ticket_waves": [wave(amount_tickets=-3)]}
    (package,) = await _upgraded(node, event(extra=extra, amount_tickets=-3), ticket("1"))
    assert (package["quantity_limit"], package["sold"]) == (1, 1)
    found = await node.row("SELECT * FROM events.events")
    assert (found["capacity"], found["sold"], found["amount_tickets"]) == (1, 1, 0)


async def test_i12_an_upgrade_counts_sold_anew_from_the_tickets(node: Node) -> None:
    """1.6.9 loses updates; what can still be sold is what `amount_tickets` says."""
    await _upgraded(node, event(sold=9), ticket("1"), ticket("2", extra={"refunded": True}))
    found = await node.row("SELECT * FROM events.events")
    assert (found["sold"], found["capacity"], found["amount_tickets"]) == (1, 8, 7)


async def test_i12_an_upgrade_fits_huge_stock(node: Node) -> None:
    extra = {"ticket_waves": [wave(amount_tickets=10**15)]}
    row = event(extra=extra, amount_tickets=2_147_483_647)
    (package,) = await _upgraded(node, row, ticket("1"))
    assert package["quantity_limit"] == 1_000_000_001
    assert (await node.row("SELECT * FROM events.events"))["capacity"] == 1_000_000_001


async def test_i12_an_upgrade_tells_waves_of_one_id_apart(node: Node) -> None:
    extra = {"ticket_waves": [wave("a"), wave("a", price_per_ticket=5), wave("a-2")]}
    packages = await _upgraded(node, event(extra=extra), ticket("1", extra={"ticket_wave_id": "a"}))
    assert [p["wave_id"] for p in packages] == ["a", "a-2", "a-2-2"]
    assert [p["sold"] for p in packages] == [1, 0, 0]


async def test_i12_an_upgrade_gives_tickets_of_lost_waves_to_the_first_package(node: Node) -> None:
    extra = {"ticket_waves": [wave("a", amount_tickets=3), wave("b")]}
    lost = {"ticket_wave_id": "gone", "sats_paid": 40}
    first, second = await _upgraded(node, event(extra=extra), ticket("1", extra=lost))
    assert (first["sold"], first["quantity_limit"], second["sold"]) == (1, 4, 0)
    found = await node.row("SELECT * FROM events.ticket")
    assert (found["package_id"], found["price_sat"]) == (first["id"], 40)


async def test_i12_an_upgrade_keeps_the_same_wave_id_of_two_events_apart(node: Node) -> None:
    extra = {"ticket_waves": [wave()]}
    packages = await _upgraded(node, event("event1", extra), event("event2", extra))
    assert len({package["id"] for package in packages}) == 2


async def test_i12_an_upgrade_keeps_names_as_they_were_written(node: Node) -> None:
    """The host's own `execute` would strip tags and entities."""
    name = "Tom <b>&amp;</b> O'Neil 李雷"
    extra = {"ticket_waves": [wave(title=name)]}
    (package,) = await _upgraded(node, event(extra=extra, name=name), ticket("1", name=name))
    assert package["name"] == name
    for table, column in (("events", "name"), ("ticket", "name"), ("orders", "buyer_name")):
        found = await node.row(f"SELECT {column} FROM events.{table}")  # noqa: S608 - above
        assert found[column] == name


async def test_i12_an_upgrade_stores_text_that_no_database_takes(node: Node) -> None:
    """JSON can spell a NUL and half a surrogate pair."""
    extra = r'{"ticket_waves": [{"id": "a\u0000", "title": "x\ud800y\u0000"}]}'
    details = r'{"ticket_wave_id": "a\u0000", "refund_address": "\ud800\u0000"}'
    (package,) = await _upgraded(node, event(extra=extra), ticket("1", extra=details))
    assert (package["wave_id"], package["name"], package["sold"]) == ("a", "x?y", 1)
    assert (await node.row("SELECT * FROM events.orders"))["refund_address"] == "?"


async def test_i12_an_upgrade_reads_promo_codes(node: Node) -> None:
    codes = [
        {"code": "half", "discount_percent": 99.999, "active": True},
        {"code": "HALF", "discount_percent": 1, "active": False},
        {"code": "free", "discount_percent": 100.0},
        {"code": "more", "discount_percent": 150},
        {"code": "less", "discount_percent": -5, "active": False},
        {"code": " ", "discount_percent": 5},
        {"code": "what", "discount_percent": "some"},
    ]
    await _upgraded(node, event(extra={"promo_codes": codes}))
    found = await node.rows("SELECT * FROM events.promo_codes ORDER BY code")
    assert [(row["code"], row["percent_bp"], bool(row["is_active"])) for row in found] == [
        ("FREE", 10000, True),
        ("HALF", 9999, True),
        ("LESS", 0, False),
        ("MORE", 10000, True),
    ]


async def test_i12_an_upgrade_knows_each_state_of_a_ticket(node: Node) -> None:
    states: dict[str, dict[str, Any]] = {
        "1": {"extra": {"refunded": True}, "registered": True},
        "2": {"registered": True},
        "3": {},
        "4": {"paid": False},
        "5": {"extra": {"onchain": True, "sats_paid": 7.9, "nostr_identifier": "a@b"}, "email": ""},
        "6": {"extra": {"sats_paid": -5}, "paid": False},
    }
    rows = [ticket(id_, **changes) for id_, changes in states.items()]
    (package,) = await _upgraded(node, event(), *rows)
    tickets = await node.rows("SELECT status, price_sat FROM events.ticket ORDER BY id")
    assert [(row["status"], row["price_sat"]) for row in tickets] == [
        ("refunded", 0),
        ("used", 0),
        ("active", 0),
        ("reserved", 0),
        ("active", 7),
        ("reserved", 0),
    ]
    assert package["sold"] == 3
    orders = await node.rows("SELECT * FROM events.orders ORDER BY id")
    assert [row["status"] for row in orders] == ["confirmed"] * 3 + [
        "expired",
        "confirmed",
        "expired",
    ]
    assert (orders[4]["method"], orders[4]["buyer_key"]) == ("onchain", "nostr:a@b")


@pytest.mark.skipif(on_postgres(), reason="SQLite keeps whatever is put into a TIMESTAMP")
@pytest.mark.parametrize(
    ("stored", "ms"),
    [
        (1.5, 1500),
        (1_700_000_000, 1_700_000_000_000),
        ("1700000000", 1_700_000_000_000),
        ("today", 0),
        (1e300, 253_402_300_799_000),
        (-5, 0),
    ],
)
async def test_i12_an_upgrade_reads_any_time(node: Node, stored: Any, ms: int) -> None:
    (package,) = await _upgraded(node, event(time=stored), ticket("1", time=stored))
    assert package["created_at"] == ms
    assert (await node.row("SELECT * FROM events.orders"))["created_at"] == ms


async def test_i12_an_upgrade_of_many_tickets_takes_rounds(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statements grow with rounds, not with tickets; numbers run on over rounds."""
    monkeypatch.setattr(part("adoption"), "CHUNK", 4)
    rows = [ticket(f"{number:x}", time=moment(MIDNIGHT + number)) for number in range(1, 11)]
    (package,) = await _upgraded(node, event(), *rows)
    assert package["sold"] == 10
    found = await node.rows("SELECT number FROM events.ticket ORDER BY time")
    assert [row["number"] for row in found] == list(range(1, 11))
    # Once adopted, nothing is read again: one more ticket costs the same as the first did.
    node.crasher.arm(0)
    await node.boot()
    idle = node.crasher.count
    await write(node, ticket("ff"))
    node.crasher.arm(0)
    await node.boot()
    assert node.crasher.count - idle < 20


async def test_i12_an_upgrade_knows_the_currencies_as_the_package_does() -> None:
    rules = part("adoption_rules")
    assert {code: rules.minor_digits(code) for code in ("sat", "EUR", "JPY", "KWD", "CLF")} == {
        "sat": 0,
        "EUR": 2,
        "JPY": 0,
        "KWD": 3,
        "CLF": 4,
    }
    models = part("models")
    for code in [*models._MINOR_DIGITS, *rules._MINOR_DIGITS, "USD"]:
        assert rules.minor_digits(code) == models.minor_digits(code)


async def test_i12_an_upgrade_finds_the_order_of_a_payment_under_its_hash(node: Node) -> None:
    """An invoice of 1.6.9 names no order: it is paid later and found by `ticket.id`."""
    await _upgraded(node, event(), ticket("a", paid=False, extra={"sats_paid": 100}))
    order = await node.row(
        "SELECT * FROM events.orders WHERE payment_hash = :hash", hash=hash_of("a")
    )
    assert (order["status"], order["total_sat"], order["hold_expires_at"]) == (
        "expired",
        100,
        None,
    )
    assert json.loads((await _packages(node))[0]["legacy"])["closing_date"] == "2030-05-31"
