"""An order with what is owed of it, for its buyer or its organiser."""

from typing import Annotated, Any

from fastapi import Depends, Header

from ..errors import NotFound
from ..models import clean_id
from ..orders import services as orders
from ..web import api_router, optional_admin_wallet
from . import services

router = api_router("orders")


@router.get("/orders/{order_id}", summary="An order, for its buyer or its organiser")
async def get_order(
    order_id: str,
    secret: Annotated[str | None, Header(alias="X-Order-Secret", max_length=128)] = None,
    wallet: Annotated[str | None, Depends(optional_admin_wallet)] = None,
) -> dict[str, Any]:
    orders.require_credential(secret, wallet)
    view = await orders.find_by_id(clean_id(order_id, "This order"))
    if not orders.owns(view.order, secret) and view.order.wallet != wallet:
        raise NotFound(orders.UNKNOWN)
    orders.nudge(view.order)
    refunds = await services.refunds_of_order(view.order.id)
    return {**orders.order_view(view), "refunds": refunds}
