"""Organiser's use cases: list, make, change and remove promo codes.

Each change locks the event's row first, so changes come one after another and no purchase waits
crosswise; log and 1.6.9's list are written in the same transaction.
"""

from datetime import datetime

from ..audit.services import record
from ..catalog.code_mirror import mirror_codes
from ..catalog.rules import Currencies
from ..catalog.services import lock_event, own_event, reread
from ..crud import Tx, reading, transaction
from ..errors import BelowUsed, CodeExists, InvalidInput, NotFound, StaleVersion
from . import crud
from .bodies import CodeBody, CodePatch
from .models import PromoCode
from .rules import changed_columns, mirrored, new_columns, place_of
from .services import told

# As many as a body of 1.6.9 may bring.
MAX_CODES = 1000
_UNKNOWN = "This promo code does not exist."
_TAKEN = "This event has such a promo code already."


async def list_codes(
    event_id: str, wallet: str, limit: int, offset: int
) -> tuple[list[PromoCode], int]:
    """A page of an event's codes, oldest first, and how many there are.

    Raises NotFound, Forbidden.
    """
    async with reading() as tx:
        await own_event(tx, event_id, wallet)
        return await crud.list_codes(tx, event_id, limit, offset)


async def create_code(
    event_id: str, wallet: str, body: CodeBody, known: Currencies, now: datetime
) -> PromoCode:
    """Raises NotFound, Forbidden, CodeExists, InvalidInput."""
    async with transaction() as tx:
        await lock_event(tx, event_id, wallet)
        if await crud.count_codes(tx, event_id) >= MAX_CODES:
            raise InvalidInput(f"An event can have at most {MAX_CODES} promo codes.")
        row = crud.new_row(
            event_id, new_columns(body, place_of(await reread(tx, event_id), known)), now
        )
        if not await crud.add_code(tx, row):
            raise CodeExists(_TAKEN)
        code = await _require(tx, event_id, row["id"])
        await _finish(tx, "create", None, code)
        return code


async def change_code(
    event_id: str, wallet: str, code_id: str, patch: CodePatch, known: Currencies
) -> PromoCode:
    """Store any subset of a code. What orders were given by it stays theirs.

    Raises NotFound, Forbidden, StaleVersion, CodeExists, BelowUsed, InvalidInput.
    """
    async with transaction() as tx:
        await lock_event(tx, event_id, wallet)
        code = await _require(tx, event_id, code_id)
        if patch.version is not None and patch.version != code.version:
            raise StaleVersion("Somebody else changed this promo code. Reload it and try again.")
        values = changed_columns(code, patch, place_of(await reread(tx, event_id), known))
        twin = await crud.get_code(tx, event_id, values.get("code", code.code))
        if twin is not None and twin.id != code.id:
            raise CodeExists(_TAKEN)
        if values and await crud.save_code(tx, code, values) != 1:
            raise BelowUsed("More orders than that have used this promo code already.")
        after = await _require(tx, event_id, code_id)
        await _finish(tx, "update", code, after)
        return after


async def remove_code(event_id: str, wallet: str, code_id: str) -> PromoCode | None:
    """Delete a code that no order uses; one with uses is deactivated and returned.

    Raises NotFound, Forbidden.
    """
    async with transaction() as tx:
        await lock_event(tx, event_id, wallet)
        code = await _require(tx, event_id, code_id)
        if await crud.delete_unused(tx, code_id):
            await _finish(tx, "delete", code, None)
            return None
        if code.is_active:
            await crud.save_code(tx, code, {"is_active": False})
        after = await _require(tx, event_id, code_id)
        await _finish(tx, "update", code, after)
        return after


async def _require(tx: Tx, event_id: str, code_id: str) -> PromoCode:
    code = await crud.get_by_id(tx, event_id, code_id)
    if code is None:
        raise NotFound(_UNKNOWN)
    return code


async def _finish(tx: Tx, action: str, before: PromoCode | None, after: PromoCode | None) -> None:
    """Log the change; bring 1.6.9's list in line where it can show it."""
    await record(tx, told(action, before, after))
    code = after or before
    if code is None or not any(one.is_plain for one in (before, after) if one):
        return
    codes = await crud.get_codes(tx, code.event_id)
    await mirror_codes(tx, code.event_id, lambda shown: mirrored(shown, codes))
