"""I12: the real databases that 1.6.9 left keep all events, tickets and links; and the way back."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.legacy import FIXTURE, Content, Node, content, node_of_1_6_9

pytestmark = pytest.mark.asyncio

CONTENTS: dict[str, Any] = json.loads((FIXTURE / "contents.json").read_text())
EVENTS: dict[str, str] = CONTENTS["events"]
TICKETS: dict[str, list[str]] = CONTENTS["tickets"]
# `amount_tickets` and `sold` that 1.6.9 showed.
SHOWN = {id_: (sold, left) for id_, (sold, left) in CONTENTS["sold"].items()}
DAY_MS = 86_400_000
DAY_2030_05_31 = 1_906_416_000_000  # 00:00 UTC

NEW_TABLES = {
    "packages",
    "promo_codes",
    "orders",
    "order_lines",
    "refunds",
    "settings",
    "keyring",
    "options",
    "option_responses",
    "promo_uses",
    "audit",
    "scanners",
    "scans",
    "outbox",
    "messages",
    "announcements",
    "nostr_accounts",
    "nostr_keys",
    "nostr_documents",
    "nostr_lanes",
    "nostr_relays",
}
INDEXES = {
    "ix_orders_free",
    "ux_messages_cause",
    "ix_outbox_due",
    "ix_messages_due",
    "ix_messages_event",
    "ix_messages_order",
    "ix_messages_ticket",
    "ix_messages_waiting",
    "ix_messages_ended",
    "ix_announcements_event",
    "ix_order_lines_event_order",
    "ix_events_reminder",
    "ux_nostr_keys_active",
    "ix_nostr_documents_unsigned",
    "ix_nostr_documents_timed",
    "ix_nostr_documents_wallet",
    "ix_nostr_documents_event",
    "ix_nostr_documents_unspread",
    "ix_nostr_lanes_due",
    "ix_nostr_lanes_unchecked",
    "ix_nostr_lanes_relay",
    "ix_scanners_event",
    "ix_scans_received",
    "ix_scans_scanner",
    "ix_scans_ticket",
    "ix_ticket_changed",
    "ux_scanners_token",
    "ux_scans_nonce",
    "ix_events_status",
    "ix_events_wallet",
    "ix_ticket_event",
    "ix_ticket_wallet",
    "ix_ticket_payment_hash",
    "ix_ticket_order",
    "ix_ticket_package",
    "ix_ticket_refund",
    "ix_packages_event",
    "ix_orders_hold",
    "ix_orders_created",
    "ix_orders_buyer",
    "ix_orders_address",
    "ix_orders_wallet",
    "ix_order_lines_order",
    "ix_order_lines_event",
    "ix_order_lines_package",
    "ix_audit_event",
    "ix_events_listed",
    "ix_options_event",
    "ix_options_package",
    "ix_promo_uses_code",
    "ix_promo_uses_event",
    "ix_responses_option",
    "ix_responses_ticket",
    "ux_promo_uses_order",
    "ix_refunds_due",
    "ix_refunds_order",
    "ix_refunds_event",
    "ix_refunds_status",
    "ux_orders_payment_hash",
    "ux_orders_secret",
    "ux_orders_idempotency",
    "ux_refunds_cause",
    "ux_refunds_claim",
    "ux_refunds_payment_hash",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def before() -> AsyncIterator[Content]:
    async with node_of_1_6_9() as untouched:
        yield await content(untouched)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node(before: Content) -> AsyncIterator[Node]:
    """Upgraded; tests only read it."""
    async with node_of_1_6_9() as upgraded:
        adopted = await upgraded.boot()
        assert (adopted.events, adopted.tickets) == (len(EVENTS), len(before.rows["ticket"]))
        yield upgraded


async def test_i12_an_upgrade_makes_all_tables_and_indexes(node: Node, before: Content) -> None:
    found = await content(node)
    assert found.columns.keys() == before.columns.keys() | NEW_TABLES
    assert found.indexes == INDEXES
    assert {"ticket_added", "ticket_changed", "order_has_hash"} <= found.triggers
    assert {"listing_added", "listing_changed", "listing_gone"} <= found.triggers


async def test_i12_an_upgrade_leaves_all_that_1_6_9_reads(node: Node, before: Content) -> None:
    """Every column of every row, `sold`, `amount_tickets` and `extra` among them."""
    after = await content(node)
    for table in ("events", "ticket"):
        was = {row["id"]: row for row in before.rows[table]}
        now = {row["id"]: row for row in after.rows[table]}
        assert was == {id_: {name: now[id_][name] for name in row} for id_, row in was.items()}
        assert was.keys() == now.keys()


async def test_i12_an_upgrade_keeps_what_can_still_be_sold(node: Node) -> None:
    events = await node.rows("SELECT * FROM events.events")
    assert {row["id"] for row in events} == set(EVENTS.values())
    for row in events:
        sold, left = SHOWN[row["id"]]
        assert (row["sold"], row["held"], row["capacity"]) == (sold, 0, sold + left)
        assert row["is_adopted"]
        cancelled = row["id"] == EVENTS["cancelled"]
        assert row["status"] == ("cancelled" if cancelled else "published")
        packages = await node.rows(
            "SELECT * FROM events.packages WHERE event_id = :id", id=row["id"]
        )
        assert sum(package["sold"] for package in packages) == sold
        assert sum(package["quantity_limit"] for package in packages) == sold + left


async def test_i12_an_upgrade_makes_packages_of_waves(node: Node) -> None:
    query = "SELECT * FROM events.packages WHERE event_id = :id ORDER BY display_order"
    early, late = await node.rows(query, id=EVENTS["waves"])
    assert (early["wave_id"], early["name"]) == ("early001", "Early bird")
    assert (early["price_minor"], early["currency"]) == (50, "sat")
    assert (early["quantity_limit"], early["sold"]) == (5, 1)
    assert early["sale_starts_at"] == 1_577_836_800_000  # 2020-01-01
    assert early["sale_ends_at"] == 1_903_910_400_000  # 2030-05-02: 1.6.9 sells on the last day
    assert (late["wave_id"], late["price_minor"], late["currency"]) == ("late0001", 8000, "EUR")
    assert (late["quantity_limit"], late["sold"]) == (20, 1)
    assert late["sale_ends_at"] == DAY_2030_05_31 + DAY_MS
    assert json.loads(late["legacy"]) == {
        "opening_date": "2020-01-01",
        "closing_date": "2030-05-31",
        "allow_fiat": False,
        "fiat_currency": "GBP",
        "use_ticket_image": False,
        "ticket_image_id": None,
    }
    (primary,) = await node.rows(query, id=EVENTS["fiat"])
    # On PostgreSQL the event's own column says 19.989999771118164.
    assert (primary["price_minor"], primary["currency"]) == (1999, "EUR")
    assert (primary["wave_id"], primary["is_enabled"]) == ("primary", True)
    assert (primary["min_per_order"], primary["max_per_order"]) == (1, 10)


async def test_i12_an_upgrade_keeps_promo_codes(node: Node) -> None:
    codes = await node.rows("SELECT * FROM events.promo_codes ORDER BY code")
    assert [(c["event_id"], c["code"], c["percent_bp"], bool(c["is_active"])) for c in codes] == [
        (EVENTS["promo"], "HALF", 5000, True),
        (EVENTS["promo"], "OFF", 1000, False),
    ]


async def test_i12_an_upgrade_gives_every_ticket_its_order(node: Node) -> None:
    tickets = await node.rows("SELECT * FROM events.ticket")
    known = {id_ for ids in TICKETS.values() for id_ in ids}
    assert {ticket["id"] for ticket in tickets} >= known
    for ticket in tickets:
        id_, paid = ticket["id"], bool(ticket["paid"])
        assert ticket["payment_hash"] == ticket["order_id"] == id_
        expected = "used" if ticket["registered"] else "active" if paid else "reserved"
        assert ticket["status"] == expected
        order = await node.row("SELECT * FROM events.orders WHERE id = :id", id=id_)
        sats = json.loads(ticket["extra"])["sats_paid"]
        assert (order["payment_hash"], order["origin"], order["secret_hash"]) == (
            id_,
            "legacy",
            None,
        )
        assert order["status"] == ("confirmed" if paid else "expired")
        assert (order["wallet"], order["quantity"]) == (ticket["wallet"], 1)
        assert (order["buyer_name"], order["buyer_email"]) == (ticket["name"], ticket["email"])
        assert order["total_sat"] == ticket["price_sat"] == sats
        line = await node.row("SELECT * FROM events.order_lines WHERE order_id = :id", id=id_)
        assert (line["event_id"], line["quantity"]) == (ticket["event"], 1)
        assert line["package_id"] == ticket["package_id"] is not None
        assert line["total_sat"] == sats


async def test_i12_an_upgrade_tells_tickets_of_each_state_apart(node: Node) -> None:
    async def statuses(kind: str) -> set[str]:
        rows = [
            await node.row("SELECT status, registered FROM events.ticket WHERE id = :id", id=id_)
            for id_ in TICKETS[kind]
        ]
        return {row["status"] for row in rows}

    for kind in ("paid", "waves", "promo", "soldout", "conditional", "cancelled", "fiat"):
        assert await statuses(kind) == {"active"}
    assert await statuses("unpaid") == {"reserved"}
    # In the SQLite file the row itself says that nobody registered it; the row is what counts.
    carol = await node.row(
        "SELECT * FROM events.ticket WHERE id = :id", id=TICKETS["registered"][0]
    )
    assert carol["status"] == ("used" if carol["registered"] else "active")


async def test_i12_an_upgrade_numbers_the_tickets_of_each_event_by_time(node: Node) -> None:
    for event in await node.rows("SELECT id, ticket_seq FROM events.events"):
        tickets = await node.rows(
            "SELECT number FROM events.ticket WHERE event = :id ORDER BY time, id", id=event["id"]
        )
        assert [ticket["number"] for ticket in tickets] == list(range(1, event["ticket_seq"] + 1))


async def test_i12_an_upgrade_keeps_details_of_the_buyer(node: Node) -> None:
    bob = await node.row("SELECT * FROM events.orders WHERE id = :id", id=TICKETS["paid"][1])
    assert bob["refund_address"] == "bob@getalby.com"
    assert bob["nostr_identifier"] == "bob@nostr.example"
    assert bob["buyer_key"] == "email:bob@example.com"
    grace = await node.row("SELECT * FROM events.orders WHERE id = :id", id=TICKETS["promo"][0])
    assert (grace["promo_code"], grace["total_sat"], grace["method"]) == ("HALF", 100, "lightning")
    assert grace["confirmed_at"] == grace["created_at"] > 1_795_000_000_000
