"""The button on the order page that sends its tickets again, and what became of it."""

from fastapi import APIRouter, Response

from . import clock
from .actors import BUYER, act_as
from .errors import TicketingError, TooManyRequests
from .models import clean_id
from .notifications.email import is_configured
from .notifications.resending import Shown, resend_order
from .orders.services import OrderView, find_by_secret
from .views_models import Resend
from .views_refund_build import is_event_cancelled
from .views_render import PageRoute, see_other

router = APIRouter(route_class=PageRoute)

# What the page may be asked to say; its words stand in the template.
_OUTCOMES = ("sent", "often", "failed")


def resend_offer(view: OrderView, outcome: str) -> Resend:
    """Whoever has the address of the page need not learn the buyer's."""
    if not view.is_paid or view.listing is None or is_event_cancelled(view):
        return Resend()
    order = view.order
    mail = order.buyer_email if is_configured() else None
    found = [veiled(address) for address in (mail, order.nostr_identifier) if address]
    return Resend(found, outcome if outcome in _OUTCOMES else "")


def veiled(address: str) -> str:
    """`a•••@example.com`; of a public key its ends."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}•••@{domain}" if at else f"{address[:10]}…{address[-4:]}"


@router.post("/o/{order_secret}/send", summary="Send the tickets again", include_in_schema=False)
async def send_again(order_secret: str) -> Response:
    """To the addresses on record only, however often the page is asked."""
    secret = clean_id(order_secret, "This order")
    view = await find_by_secret(secret)
    act_as(BUYER)
    try:
        again = await resend_order(view.order.id, Shown(secret, None), clock.now())
        outcome = "sent" if again.message_ids else "failed"
    except TooManyRequests:
        outcome = "often"
    except TicketingError:
        outcome = "failed"
    return see_other(f"/events/o/{secret}?again={outcome}#errors")
