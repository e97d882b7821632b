"""Promo code routes: the organiser's, and the public question what a code takes off."""

import time
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from lnbits.core.models.wallets import BaseWalletTypeInfo
from pydantic import BaseModel, Field

from .. import clock
from ..catalog.rules import Currencies
from ..errors import NotFound, TicketingError
from ..models import clean_id
from ..settings import allowed_codes, existing_codes
from ..web import Limit, Offset, admin_key, api_router, client_address
from . import editing
from .bodies import CodeBody, CodePatch
from .models import Prices, PromoCode
from .rules import described
from .tries import Tries
from .validating import Wish, validate

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]

_EVENT, _CODE = "This event", "This promo code"

tries = Tries()


class CodeAnswer(BaseModel):
    """A promo code as its organiser sees it."""

    id: str
    event_id: str
    code: str = Field(..., description="Upper case.")
    kind: str = Field(..., description="`percent` or `fixed`.")
    value: float = Field(..., description="Percent, or the amount in `currency`.")
    currency: str | None = Field(..., description="Of a fixed discount: `sat` or ISO 4217.")
    valid_from: str | None = Field(..., description="ISO 8601, UTC.")
    valid_until: str | None = Field(..., description="ISO 8601, UTC, exclusive.")
    max_uses: int | None = Field(..., description="Orders in all; null: any number.")
    max_per_buyer: int | None = Field(..., description="Orders per buyer; null: any number.")
    package_ids: list[str] | None = Field(..., description="Null: all packages of the event.")
    active: bool = Field(..., description="False: it is not taken at present.")
    uses: int = Field(..., description="Orders that have it: bought, or held and not yet paid.")
    version: int = Field(..., description="Grows with each change.")
    created_at: str | None = Field(..., description="ISO 8601, UTC.")


class CodeList(BaseModel):
    data: list[CodeAnswer] = Field(..., description="Oldest first.")
    total: int = Field(..., description="How many there are in all.")


class Validity(BaseModel):
    """`valid` with the two sums, or not with `code` and `detail`."""

    valid: bool
    discount_sat: int | None = Field(None, description="What the code takes off, in sats.")
    total_sat: int | None = Field(None, description="What is left to pay, in sats.")
    code: str | None = Field(
        None,
        description="`promo_invalid` (unknown, inactive, not now, not for this package, used up:"
        " all alike), `too_many_tries`, `invalid_input` or `rate_unavailable`.",
    )
    detail: str | None = Field(None, description="The same as a sentence.")


def promos_router(prices: Prices) -> APIRouter:
    """The routes of promo codes; `prices` says what a purchase costs."""
    router = api_router("promo codes")
    _add_reading(router)
    _add_writing(router)
    _add_validating(router, prices)
    return router


def _answer(code: PromoCode) -> CodeAnswer:
    return CodeAnswer(
        **described(code),
        id=code.id,
        event_id=code.event_id,
        uses=code.uses,
        version=code.version,
        created_at=clock.iso(code.created_at),
    )


def _currencies() -> Currencies:
    return Currencies(allowed_codes(), existing_codes())


def _add_reading(router: APIRouter) -> None:
    @router.get(
        "/events/{event_id}/promo-codes", summary="The codes of an event, oldest first, with uses"
    )
    async def list_codes(
        event_id: str, key: AdminKey, limit: Limit = 50, offset: Offset = 0
    ) -> CodeList:
        wanted = clean_id(event_id, _EVENT)
        found, total = await editing.list_codes(wanted, key.wallet.id, limit, offset)
        return CodeList(data=[_answer(code) for code in found], total=total)


def _add_writing(router: APIRouter) -> None:
    @router.post(
        "/events/{event_id}/promo-codes",
        status_code=HTTPStatus.CREATED,
        summary="Make a promo code",
        responses={409: {"description": "`code_exists`"}},
    )
    async def create_code(event_id: str, body: CodeBody, key: AdminKey) -> CodeAnswer:
        wanted = clean_id(event_id, _EVENT)
        code = await editing.create_code(wanted, key.wallet.id, body, _currencies(), clock.now())
        return _answer(code)

    @router.put(
        "/events/{event_id}/promo-codes/{code_id}",
        summary="Change any subset of a code",
        responses={409: {"description": "`stale_version`, `code_exists` or `below_used`"}},
    )
    async def change_code(
        event_id: str, code_id: str, body: CodePatch, key: AdminKey
    ) -> CodeAnswer:
        """Orders keep the price they were given. A limit below the uses there are is refused."""
        wanted = clean_id(event_id, _EVENT), key.wallet.id, clean_id(code_id, _CODE)
        return _answer(await editing.change_code(*wanted, body, _currencies()))

    @router.delete(
        "/events/{event_id}/promo-codes/{code_id}",
        summary="Delete a code no order uses; one with uses is deactivated",
        response_model=CodeAnswer,
        responses={204: {"description": "Deleted: no order uses it."}},
    )
    async def delete_code(event_id: str, code_id: str, key: AdminKey) -> Any:
        """204 when it is gone; 200 and the code, now inactive, when orders use it."""
        wanted = clean_id(event_id, _EVENT), key.wallet.id, clean_id(code_id, _CODE)
        code = await editing.remove_code(*wanted)
        return Response(status_code=HTTPStatus.NO_CONTENT) if code is None else _answer(code)


def _add_validating(router: APIRouter, prices: Prices) -> None:
    @router.get(
        # A code of 1.6.9 may hold a slash.
        "/events/{event_id}/promo-codes/{code:path}/validate",
        summary="What a code takes off",
        response_model=Validity,
        response_model_exclude_unset=True,
    )
    async def validate_code(
        request: Request,
        event_id: str,
        code: Annotated[str, Path(description="Upper and lower case are alike.")],
        package_id: Annotated[
            str | None, Query(max_length=128, description="Without it the first on sale.")
        ] = None,
        quantity: Annotated[int, Query(description="Tickets, 1 to 10.")] = 1,
        email: Annotated[
            str, Query(max_length=254, description="The buyer's; for codes limited per buyer.")
        ] = "",
    ) -> Validity:
        """Always 200 (404 only for an unknown event). At most 30 questions a minute per address;
        nothing is said of why a code is not valid, nor of other codes."""
        if not tries.take(client_address(request), time.monotonic()):
            return _refusal("too_many_tries", "Please wait a minute and try again.")
        wish = Wish(clean_id(event_id, _EVENT), code, package_id, quantity, email)
        try:
            priced = await validate(wish, prices, clock.now())
        except NotFound:
            raise
        except TicketingError as error:
            return _refusal(error.code, error.message)
        return Validity(valid=True, discount_sat=priced.discount_sat, total_sat=priced.total_sat)


def _refusal(code: str, detail: str) -> Validity:
    return Validity(valid=False, code=code, detail=detail)
