"""The host's own payment rows, for the report that compares the ledger with them. Only reads."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lnbits.core.crud import get_wallet
from lnbits.core.db import db as core_db

from ..models import EXTENSION_ID

# Values bound per statement: SQLite has had limits as low as 999.
MOST = 500
_COLUMNS = "checking_id, payment_hash, wallet_id, amount, status, extra, external_id"


@dataclass(frozen=True)
class HostRow:
    """One payment. `amount_msat` is negative when money went out, without the fee. `external_id`
    and `order_id` (of `extra`) are what its maker said: anybody can say anything."""

    id: str
    payment_hash: str
    wallet_id: str
    amount_msat: int
    status: str
    external_id: str | None
    order_id: str | None

    @property
    def succeeded(self) -> bool:
        return self.status == "success"


@dataclass
class HostRows:
    """The rows one report asks for. What it learns of a wallet is kept, the rows are not."""

    _wallets: dict[str, frozenset[str]] = field(default_factory=dict)
    _loose: dict[str, list[HostRow]] = field(default_factory=dict)

    async def wallets_of(self, wallet_id: str) -> frozenset[str]:
        """Where a wallet's payments lie: a shared wallet's are in its source."""
        if wallet_id not in self._wallets:
            wallet = await get_wallet(wallet_id)
            source = wallet.source_wallet_id if wallet else wallet_id
            self._wallets[wallet_id] = frozenset({wallet_id, source})
        return self._wallets[wallet_id]

    async def by_hash(self, payment_hashes: Iterable[str]) -> list[HostRow]:
        """Rows in any state and direction: payer and receiver share a hash."""
        return await _where_in("payment_hash", payment_hashes)

    async def by_external_id(self, external_ids: Iterable[str]) -> list[HostRow]:
        return await _where_in("external_id", external_ids)

    async def naming_an_order(self, wallet_id: str) -> list[HostRow]:
        """What a wallet received for invoices of ours that name an order in `extra` alone.

        The extension's own have it in `external_id` too, which has an index. So there are few
        others; they are read once per report.
        """
        if wallet_id not in self._loose:
            self._loose[wallet_id] = await _select(
                "amount > 0 AND status = 'success' AND tag = :tag AND wallet_id = :wallet"
                " AND extra LIKE :names"
                " AND (external_id IS NULL OR extra NOT LIKE '%' || external_id || '%')",
                {"tag": EXTENSION_ID, "wallet": wallet_id, "names": '%"order_id"%'},
            )
        return self._loose[wallet_id]


async def _where_in(column: str, values: Iterable[str]) -> list[HostRow]:
    found: list[HostRow] = []
    for chunk in _chunks(sorted(set(values))):
        marks = {f"v{index}": value for index, value in enumerate(chunk)}
        found += await _select(f"{column} IN ({', '.join(f':{mark}' for mark in marks)})", marks)
    return found


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), MOST):
        yield values[start : start + MOST]


async def _select(where: str, values: dict[str, Any]) -> list[HostRow]:
    # Not the host's model: a row it could not read would end the whole report.
    rows: list[Any] = await core_db.fetchall(
        f"SELECT {_COLUMNS} FROM apipayments WHERE {where}",  # noqa: S608  # own text and marks
        values,
    )
    return [
        HostRow(
            # One wallet may pay what another of this host receives.
            id=f"{row['wallet_id']}:{row['checking_id']}",
            payment_hash=row["payment_hash"] or "",
            wallet_id=row["wallet_id"],
            amount_msat=int(row["amount"]),
            status=str(row["status"]),
            external_id=row["external_id"],
            order_id=_order_id(row["extra"]),
        )
        for row in rows
    ]


def _order_id(extra: str | None) -> str | None:
    try:
        found = json.loads(extra or "{}")
    except ValueError:
        return None
    named = found.get("order_id") if isinstance(found, dict) else None
    return named if isinstance(named, str) else None
