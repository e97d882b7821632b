"""The HTTP edge shared by all rooms: refusals become JSON answers here, and nowhere else."""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader
from lnbits.core.crud import get_wallets
from lnbits.core.models import Account
from lnbits.core.models.wallets import BaseWalletTypeInfo, KeyType
from lnbits.decorators import (
    check_admin,
    optional_user_id,
    require_base_admin_key,
    require_base_invoice_key,
)
from loguru import logger
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from .actors import act_as, nobody_yet
from .errors import Forbidden, InvalidInput, TicketingError

# The host's own dependencies; rooms take them from here, so a host change touches one file.
invoice_key = require_base_invoice_key


async def instance_admin(account: Annotated[Account, Depends(check_admin)]) -> Account:
    """The login of an administrator of this host."""
    act_as(f"login:{account.id}")
    return account


async def admin_key(
    info: Annotated[BaseWalletTypeInfo, Depends(require_base_admin_key)],
) -> BaseWalletTypeInfo:
    """The wallet of an admin key. Raises Forbidden for an invoice key.

    The host checks the kind of key only when it reads the wallet; from its cache it hands out
    whatever was shown before, so an invoice key used once would pass as an admin key.
    """
    if info.key_type is not KeyType.admin:
        raise Forbidden("Invalid adminkey.")
    act_as(f"admin_key:{info.wallet.id}")
    return info


_key_header = APIKeyHeader(name="X-API-KEY", auto_error=False)

_CODES = {
    HTTPStatus.BAD_REQUEST: "invalid_input",
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
}


def refusal_response(error: TicketingError) -> JSONResponse:
    """`{"detail": sentence, "code": word, …}` with the refusal's status."""
    body = {"detail": error.message, "code": error.code, **error.fields}
    return JSONResponse(body, int(error.status))


def _sentence(errors: Sequence[Any]) -> str:
    """The first problems of a rejected body, readable: `quantity: value is not …`."""
    parts = []
    for error in errors[:3]:
        where = ".".join(str(part) for part in error.get("loc", ()) if part != "body")
        message = str(error.get("msg", "not valid"))
        parts.append(f"{where}: {message}" if where else message)
    return "; ".join(parts)[:500] + "."


def invalid_body_response(error: RequestValidationError) -> JSONResponse:
    """400 as the host answers it, but with a sentence and a code.

    Only names and messages go out: the host's own answer echoes pydantic's context, which may
    hold values that JSON cannot carry and then ends as a 500.
    """
    detail = _sentence(error.errors()).encode("utf-8", "replace").decode()
    return JSONResponse({"detail": detail, "code": "invalid_input"}, int(HTTPStatus.BAD_REQUEST))


def _host_refusal_response(error: HTTPException) -> JSONResponse:
    """A refusal of the host's own dependencies (keys, logins, bodies), with a code added."""
    code = _CODES.get(HTTPStatus(error.status_code), "refused")
    return JSONResponse({"detail": error.detail, "code": code}, error.status_code, error.headers)


class DomainErrorRoute(APIRoute):
    """A route whose refusals carry a sentence and a stable code."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                with nobody_yet():
                    return await handler(request)
            except TicketingError as error:
                return refusal_response(error)
            except RequestValidationError as error:
                return invalid_body_response(error)
            except HTTPException as error:
                return _host_refusal_response(error)
            except ValueError as error:
                # The host's own readers of requests (filters, sorting) refuse this way.
                logger.warning(f"events: {request.method} {request.url.path}: {error!r}")
                return refusal_response(InvalidInput("The request could not be read."))

        return handle


class Refusal(BaseModel):
    """Every refusal of a JSON route."""

    detail: str = Field(..., description="A sentence for a person.")
    code: str = Field(..., description="A word for programs.")


Answers = dict[int | str, dict[str, Any]]
REFUSALS: Answers = {
    400: {"model": Refusal, "description": "`invalid_input`: what was sent is not possible."},
    401: {"model": Refusal, "description": "`unauthorized`: no key was sent, and one is needed."},
    403: {"model": Refusal, "description": "`forbidden`: the wrong kind of key, or another's."},
    404: {"model": Refusal, "description": "`not_found`"},
}


def api_router(tag: str) -> APIRouter:
    """A router for one room's JSON routes."""
    return APIRouter(prefix="/api/v1", route_class=DomainErrorRoute, tags=[tag], responses=REFUSALS)


# A page of a list, as API conventions have it.
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=2**31, description="How many to leave out first.")]


def client_address(request: Request) -> str:
    """The caller's network address as the host sees it (behind a proxy: as uvicorn is told)."""
    return request.client.host if request.client else "unknown"


async def wallets_of_user(user_id: str) -> list[str]:
    """Ids of all wallets a host user has."""
    return [wallet.id for wallet in await get_wallets(user_id)]


async def optional_login(user_id: Annotated[str | None, Depends(optional_user_id)]) -> str | None:
    """The host user who is logged in, None for everybody else. A wrong login is refused."""
    return user_id


async def optional_admin_wallet(
    request: Request,
    header_key: Annotated[str | None, Security(_key_header)] = None,
) -> str | None:
    """The wallet id of the admin key shown, None when none was. A wrong key is refused."""
    if not header_key:
        return None
    info: BaseWalletTypeInfo = await require_base_admin_key(request, header_key, "")
    return str((await admin_key(info)).wallet.id)
