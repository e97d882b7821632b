"""Promo codes at a sale: judge one, count its use, give the use back; 1.6.9's list of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..audit.services import Change, differences, record
from ..catalog.bodies import PromoBody, clean_promo_code
from ..catalog.code_mirror import mirror_codes
from ..crud import Tx
from ..errors import InvalidInput, PromoInvalid
from . import crud
from .models import PERCENT, PromoCode
from .rules import columns_of, columns_of_169, covers, described, is_open, mirrored
from .rules import percent_to_bp as percent_to_bp

ENTITY = "promo_code"


async def require_valid(
    tx: Tx, event_id: str, code: str, package_id: str, now: datetime
) -> PromoCode:
    """The code, if a package can be bought with it now.

    Raises PromoInvalid, alike for one that is unknown, inactive, outside its window, for other
    packages, or used up. That a use is left is only sure after `take_use`.
    """
    try:
        promo = await crud.get_code(tx, event_id, clean_promo_code(code))
    except InvalidInput:
        promo = None
    if promo is None or not is_open(promo, now) or not covers(promo, package_id):
        raise PromoInvalid
    if promo.max_uses is not None and promo.uses >= promo.max_uses:
        raise PromoInvalid
    return promo


async def require_left(tx: Tx, promo: PromoCode, buyer_key: str) -> None:
    """Raises PromoInvalid when this buyer has used the code as often as one may."""
    if promo.max_per_buyer is None:
        return
    if await crud.count_uses_of(tx, promo.id, buyer_key) >= promo.max_per_buyer:
        raise PromoInvalid


async def take_use(
    tx: Tx, promo: PromoCode, order_id: str, buyer_key: str | None, now: datetime
) -> None:
    """Count an order as a use of the code, from its hold on. Exact, however many buy at once.

    Raises PromoInvalid when the code is used up, InvalidInput when it is limited per buyer and
    nobody can tell who buys. The caller's transaction then rolls back.
    """
    if promo.max_per_buyer is not None and buyer_key is None:
        raise InvalidInput("Please give an e-mail address: this promo code is limited per buyer.")
    if not await crud.take(tx, promo.id):
        raise PromoInvalid
    if not await crud.add_use(tx, promo.id, order_id, buyer_key, now):
        raise PromoInvalid


async def free_use(tx: Tx, order_id: str, now: datetime) -> None:
    """The order lapsed or was cancelled: its code can be used again. Repeating changes nothing."""
    await crud.free(tx, order_id, now)


async def retake_use(tx: Tx, order_id: str) -> None:
    """The order was paid late: its use counts again, also above the limit, because who paid keeps
    the price that was paid. Repeating changes nothing."""
    await crud.retake(tx, order_id)


class EventCodes:
    """The port the catalog's routes need (`catalog.services.Codes`)."""

    async def replace(
        self, tx: Tx, event_id: str, codes: Sequence[PromoBody], now: datetime
    ) -> None:
        """Make the codes that 1.6.9 knows exactly these; the event's row is locked.

        A code that stays keeps its id, its uses and what 1.6.9 cannot say of it (its window, its
        limits, its packages). Missing ones are removed only if they are of 1.6.9's plain kind:
        all others never stood in the list that its client has read. A fixed discount is not
        touched at all.
        """
        known = {code.code: code for code in await crud.get_codes(tx, event_id)}
        if not codes and not known:
            return
        changes: list[Change] = []
        new: list[dict[str, Any]] = []
        for sent in codes:
            code = known.pop(sent.code, None)
            if code is None:
                new.append(crud.new_row(event_id, _new_columns(sent), now))
            elif code.kind == PERCENT:
                changes += await _follow(tx, code, sent)
        for code in known.values():
            if code.is_plain:
                await crud.delete_code(tx, code.id)
                changes += told("delete", code, None)
        if new:
            await crud.insert_codes(tx, new)
        await self._finish(tx, event_id, {row["id"] for row in new}, changes)

    async def _finish(
        self, tx: Tx, event_id: str, new_ids: set[str], changes: list[Change]
    ) -> None:
        after = await crud.get_codes(tx, event_id)
        changes += [c for code in after if code.id in new_ids for c in told("create", None, code)]
        await record(tx, changes)
        await mirror_codes(tx, event_id, lambda shown: mirrored(shown, after))

    async def copy(
        self, tx: Tx, event_id: str, new_event_id: str, packages: Mapping[str, str], now: datetime
    ) -> None:
        """Give a copy of an event the same codes, without their uses. `packages`: the copy's
        package ids by those of the event."""
        codes = await crud.get_codes(tx, event_id)
        rows = [crud.new_row(new_event_id, columns_of(code, packages), now) for code in codes]
        if rows:
            await crud.insert_codes(tx, rows)
            await self._finish(tx, new_event_id, {row["id"] for row in rows}, [])

    async def forget(self, tx: Tx, event_id: str) -> None:
        """Remove all codes of a deleted event, and the uses of them."""
        await crud.forget_event(tx, event_id)


def _new_columns(sent: PromoBody) -> dict[str, Any]:
    return {"code": sent.code, **columns_of_169(sent)}


async def _follow(tx: Tx, code: PromoCode, sent: PromoBody) -> list[Change]:
    """Take over what a list of 1.6.9 says of a code; what changed by it."""
    columns = columns_of_169(sent)
    if (code.percent_bp, code.is_active) == tuple(columns.values()):
        return []
    await crud.save_code(tx, code, columns)
    return told("update", code, await crud.get_by_id(tx, code.event_id, code.id))


def told(action: str, before: PromoCode | None, after: PromoCode | None) -> list[Change]:
    """What the audit log is told of a code that is made, changed or removed."""
    code = after or before
    if code is None:
        return []
    old, new = (described(one) if one else {} for one in (before, after))
    return differences(action, ENTITY, code.id, code.event_id, old, new)
