"""Messages over HTTP: the organiser's list, sending again, and words of their own to holders."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, Header, Query
from lnbits.core.crud import get_account
from lnbits.core.models.wallets import BaseWalletTypeInfo

from .. import clock
from ..actors import BUYER, act_as
from ..errors import InvalidInput
from ..models import clean_id
from ..orders.services import require_credential
from ..tickets.models import Ticket, organiser_view
from ..web import Limit, Offset, admin_key, api_router, optional_admin_wallet
from . import announcing, answers, outcomes, resending, services
from .announcing import Words
from .bodies import AnnouncementBody, ResendBody
from .email import is_configured
from .models import Channel, Kind, State
from .resending import Again, Shown

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]
Secret = Annotated[str | None, Header(alias="X-Order-Secret", max_length=128)]
Wallet = Annotated[str | None, Depends(optional_admin_wallet)]
PackageIds = Annotated[
    list[str] | None, Query(max_items=200, description="Of these ticket types; all without.")
]

_EVENT = "This event"

router = api_router("messages")


def _shown(body: ResendBody | None, secret: str | None, wallet: str | None) -> Shown:
    """Raises Unauthorized without a credential."""
    sent = secret or (body.order_secret if body else None)
    require_credential(sent, wallet)
    if wallet is None:
        act_as(BUYER)
    return Shown(sent, wallet)


async def _outcome(again: Again) -> dict[str, Any]:
    told = await outcomes.outcome(again)
    return {"email": asdict(told[Channel.MAIL]), "nostr": asdict(told[Channel.DM])}


def _ticket(ticket: Ticket, shown: Shown) -> dict[str, Any]:
    """The organiser's view, for the organiser alone."""
    view = organiser_view(ticket)
    if shown.wallet == ticket.wallet:
        return view
    return {name: view[name] for name in ("id", "event", "name", "number", "status", "paid")}


@router.post(
    "/tickets/{ticket_id}/resend-email",
    summary="Send a ticket again, to the addresses on record",
    responses=answers.told(answers.ResentTicket, bounded=True),
)
async def resend_ticket(
    ticket_id: str, body: ResendBody | None = None, secret: Secret = None, wallet: Wallet = None
) -> dict[str, Any]:
    """For the organiser, or whoever has the order's secret: three times an hour. The answer waits
    some seconds for how it goes."""
    shown = _shown(body, secret, wallet)
    wanted = clean_id(ticket_id, "Ticket")
    ticket, again = await resending.resend_ticket(wanted, shown, clock.now())
    return {"ticket": _ticket(ticket, shown), **await _outcome(again)}


@router.post(
    "/orders/{order_id}/resend",
    summary="Send an order again, to the addresses on record",
    responses=answers.told(answers.ResentOrder, bounded=True),
)
async def resend_order(
    order_id: str, body: ResendBody | None = None, secret: Secret = None, wallet: Wallet = None
) -> dict[str, Any]:
    """The order to its buyer, and to attendees with an address of their own their tickets."""
    shown = _shown(body, secret, wallet)
    wanted = clean_id(order_id, "This order")
    return await _outcome(await resending.resend_order(wanted, shown, clock.now()))


@router.get(
    "/events/{event_id}/messages",
    summary="What was and will be sent about an event, newest first",
    responses=answers.told(answers.MessageList),
)
async def list_messages(
    event_id: str,
    key: AdminKey,
    state: Annotated[
        State | None, Query(description="Only those in this state; none that are outdated.")
    ] = None,
    kind: Annotated[Kind | None, Query(description="Only those that say this.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> dict[str, Any]:
    wanted = clean_id(event_id, _EVENT)
    return asdict(await services.list_messages(wanted, key.wallet.id, state, kind, limit, offset))


@router.post(
    "/messages/{message_id}/resend",
    summary="Send one message again, now",
    responses=answers.told(answers.MessageAnswer, bounded=True),
)
async def resend_message(message_id: str, key: AdminKey) -> dict[str, Any]:
    """One that was sent already becomes another message."""
    wanted = clean_id(message_id, "This message")
    found = await resending.resend_message(wanted, key.wallet.id, clock.now())
    return services.message_view(found)


@router.post(
    "/events/{event_id}/messages/resend-failed",
    summary="Send again what was given up, now",
    responses=answers.told(answers.Requeued, bounded=True),
)
async def resend_failed(event_id: str, key: AdminKey) -> dict[str, int]:
    """Some hundreds of messages at a time, those that failed first; not what is outdated or can go
    nowhere. What fails anew counts as left again."""
    wanted = clean_id(event_id, _EVENT)
    return asdict(await resending.resend_failed(wanted, key.wallet.id, clock.now()))


@router.get(
    "/events/{event_id}/messages/preview",
    summary="How many an announcement would reach",
    responses=answers.told(answers.Preview),
)
async def preview(event_id: str, key: AdminKey, package_ids: PackageIds = None) -> dict[str, Any]:
    wanted = clean_id(event_id, _EVENT)
    count = await announcing.count_recipients(wanted, key.wallet.id, package_ids)
    return {"recipients": count, "mail_configured": is_configured()}


@router.post(
    "/events/{event_id}/messages",
    summary="Write to holders of tickets",
    responses=answers.told(answers.Reach, answers.SAID_TWICE, bounded=True),
)
async def announce(event_id: str, body: AnnouncementBody, key: AdminKey) -> dict[str, Any]:
    """To everybody with a valid ticket, or of the chosen types; each address once. At most ten a
    day for each event, and the same not twice in ten minutes. It is sent in the background: see
    the list."""
    wanted, wallet = clean_id(event_id, _EVENT), key.wallet.id
    words = Words(body.subject, body.text, body.package_ids)
    if body.test:
        await announcing.announce_to_self(
            wanted, wallet, words, await _own_address(key), clock.now()
        )
        return {"recipients": 1}
    count = await announcing.count_recipients(wanted, wallet, body.package_ids)
    if count:
        await announcing.announce(wanted, wallet, words, clock.now())
    return {"recipients": count}


async def _own_address(key: BaseWalletTypeInfo) -> str:
    """Of the organiser's account on the host. Raises InvalidInput when there is none."""
    account = await get_account(key.wallet.user)
    if account is None or not account.email:
        raise InvalidInput("Your account on this host has no e-mail address to send a test to.")
    return str(account.email)
