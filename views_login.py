"""The host's login on a page that is open to everybody."""

from typing import Annotated

from fastapi import Depends, Request
from lnbits.decorators import check_access_token, optional_user_id
from starlette.exceptions import HTTPException


async def visitor(
    request: Request, token: Annotated[str | None, Depends(check_access_token)]
) -> str | None:
    """The host user who looks, None for everybody else.

    Unlike the API, a page takes a login that ran out for none: its visitor may not even know of
    it, and would otherwise be sent away from a page that needs no login.
    """
    try:
        user_id: str | None = await optional_user_id(request, token, None)
    except HTTPException:
        return None
    return user_id
