"""All routes of the extension, and the scene in which each is asked with every credential."""

from dataclasses import dataclass

from support.builders import API, Json, event_body, purchase_body
from support.credentials import (
    Guarded,
    Secrets,
    admin_key,
    instance_admin,
    invoice_key,
    login,
    order_secret_or_key,
    own_invoice_key,
    public,
    public_or_key,
    scanner_or_key,
)

MAIL = "private-buyer@example.com"
CODE = "HUSHHUSH"
# Of an admission that the scene's scanner has made.
SCAN_ID = "made-by-the-scene"


@dataclass(frozen=True)
class Scene:
    """An event with a paid order, of which the second ticket is in, and one without sales that
    may go."""

    event_id: str
    spare_event_id: str
    draft_id: str
    purchase: Json
    unpaid: Json
    secrets: Secrets
    # Of a refund of another order, which waits to be claimed.
    refund_id: str
    claim_secret: str

    @property
    def ticket_id(self) -> str:
        return str(self.purchase["ticket_ids"][0])

    @property
    def private(self) -> set[str]:
        """Nothing of this may reach anybody but its owners."""
        organiser = self.secrets.organiser
        keys = {organiser.wallet, organiser.adminkey, organiser.inkey, organiser.id}
        tickets = {*self.purchase["ticket_ids"], *self.unpaid["ticket_ids"]}
        orders = {self.purchase["order_id"], self.purchase["order_secret"]}
        refund = {self.refund_id, self.claim_secret}
        tokens = {self.secrets.scanner_token, self.secrets.other_scanner_token}
        return {MAIL, CODE, self.secrets.preimage} | keys | tickets | orders | refund | tokens

    def private_to(self, credential: str, insiders: frozenset[str]) -> set[str]:
        """What this credential may not be shown by a route with these insiders."""
        if credential not in insiders:
            return self.private
        if credential == "scanner token":
            return self.private - {*self.purchase["ticket_ids"]}
        return set()


def _money(scene: Scene) -> dict[str, Guarded]:
    """Cancelling and paying back."""
    event, ticket = scene.event_id, scene.ticket_id
    return {
        "POST /orders/{order_id}/cancel": order_secret_or_key(
            f"/orders/{scene.purchase['order_id']}/cancel", own=400
        ),
        "POST /tickets/{ticket_id}/cancel": order_secret_or_key(
            f"/tickets/{ticket}/cancel", own=400
        ),
        "GET /events/{event_id}/refunds": admin_key(f"/events/{event}/refunds", foreign=403),
        "GET /events/{event_id}/ledger": admin_key(f"/events/{event}/ledger", foreign=403),
        "POST /refunds/{refund_id}/pay": admin_key(f"/refunds/{scene.refund_id}/pay", body={}),
        "GET /refunds/claim/{secret}": public(f"/refunds/claim/{scene.claim_secret}"),
        "GET /refunds/claim/{secret}/callback": public(
            f"/refunds/claim/{scene.claim_secret}/callback"
        ),
    }


def _catalog(scene: Scene) -> dict[str, Guarded]:
    """Promo codes, copies, the public list and the audit log."""
    event, spare = scene.event_id, scene.spare_event_id
    return {
        "GET /events/{event_id}/audit": admin_key(f"/events/{event}/audit", foreign=403),
        "GET /public/events": public("/public/events"),
        "POST /events/{event_id}/duplicate": admin_key(
            f"/events/{spare}/duplicate", own=201, foreign=403
        ),
        "GET /events/{event_id}/promo-codes": admin_key(
            f"/events/{event}/promo-codes", foreign=403
        ),
        "GET /events/{event_id}/promo-codes/{code:path}/validate": public(
            f"/events/{event}/promo-codes/UNKNOWN/validate"
        ),
        # What is sent makes nothing, and there is no such code.
        "POST /events/{event_id}/promo-codes": admin_key(
            f"/events/{event}/promo-codes", own=400, foreign=403, body={"code": "X", "value": 0}
        ),
        "PUT /events/{event_id}/promo-codes/{code_id}": admin_key(
            f"/events/{event}/promo-codes/none", own=404, foreign=403, body={}
        ),
        "DELETE /events/{event_id}/promo-codes/{code_id}": admin_key(
            f"/events/{event}/promo-codes/none", own=404, foreign=403
        ),
    }


def _packages(scene: Scene) -> dict[str, Guarded]:
    """Ticket types, their questions and pictures; what is asked of them changes nothing."""
    packages = f"/events/{scene.event_id}/packages"
    return {
        "GET /events/{event_id}/packages": public_or_key(f"{packages}"),
        "POST /events/{event_id}/packages": admin_key(
            packages, own=400, foreign=403, body={"name": "A", "price": 1, "currency": "XXX"}
        ),
        "PUT /events/{event_id}/packages/order": admin_key(
            f"{packages}/order", own=400, foreign=403, body={"package_ids": []}
        ),
        "PUT /events/{event_id}/packages/{package_id}": admin_key(
            f"{packages}/none", own=404, foreign=403, body={}
        ),
        "DELETE /events/{event_id}/packages/{package_id}": admin_key(
            f"{packages}/none", own=404, foreign=403
        ),
        "PUT /events/{event_id}/packages/{package_id}/image": admin_key(
            f"{packages}/none/image", own=404, foreign=403
        ),
        "DELETE /events/{event_id}/packages/{package_id}/image": admin_key(
            f"{packages}/none/image", own=404, foreign=403
        ),
        "POST /events/{event_id}/packages/{package_id}/options": admin_key(
            f"{packages}/none/options", own=404, foreign=403, body={"label": "A"}
        ),
        "PUT /events/{event_id}/packages/{package_id}/options/{option_id}": admin_key(
            f"{packages}/none/options/none", own=404, foreign=403, body={}
        ),
        "DELETE /events/{event_id}/packages/{package_id}/options/{option_id}": admin_key(
            f"{packages}/none/options/none", own=404, foreign=403
        ),
    }


def _door(scene: Scene) -> dict[str, Guarded]:
    """Scanners, what they do, and what the organiser sees of it."""
    event, ticket = scene.event_id, scene.ticket_id
    inside = {"code": scene.purchase["ticket_ids"][1]}
    door, scanners = f"/door/{event}", f"/events/{event}/scanners"
    register = scanner_or_key(f"/tickets/register/{ticket}", foreign=404)
    # The key was asked before, and a ticket comes in once.
    again = {**register.statuses, "foreign admin key": 404, "scanner token": 403}
    return {
        "GET /events/{event_id}/scanners": admin_key(scanners, foreign=403),
        "POST /events/{event_id}/scanners": admin_key(
            scanners, own=400, foreign=403, body={"name": "A", "expires_at": "2020-01-01T00:00Z"}
        ),
        "DELETE /events/{event_id}/scanners/{scanner_id}": admin_key(
            f"{scanners}/none", own=404, foreign=403
        ),
        "GET /events/{event_id}/scans": admin_key(f"/events/{event}/scans", foreign=403),
        "POST /door/{event_id}/hello": scanner_or_key(f"{door}/hello"),
        "POST /door/{event_id}/validate": scanner_or_key(f"{door}/validate", body=inside),
        "POST /door/{event_id}/scans": scanner_or_key(f"{door}/scans", body=inside),
        "POST /door/{event_id}/scans/{scan_id}/annul": scanner_or_key(
            f"{door}/scans/{SCAN_ID}/annul"
        ),
        "GET /door/{event_id}/search": scanner_or_key(f"{door}/search?q=ada"),
        "GET /door/{event_id}/snapshot": scanner_or_key(f"{door}/snapshot"),
        "GET /door/{event_id}/stats": scanner_or_key(f"{door}/stats"),
        "PUT /tickets/register/{ticket_id}": Guarded(register.url, again, None, register.insiders),
    }


def _nostr(scene: Scene) -> dict[str, Guarded]:
    """Where an event's listing is, and what each relay has of it."""
    nostr = f"/events/{scene.event_id}/nostr"
    return {
        "GET /events/{event_id}/nostr": own_invoice_key(nostr),
        # It is not published.
        "POST /events/{event_id}/nostr/republish": admin_key(
            f"{nostr}/republish", own=400, foreign=403
        ),
    }


def _messages(scene: Scene) -> dict[str, Guarded]:
    """What was sent, again, and the organiser's own words; what is asked of them sends nothing."""
    messages = f"/events/{scene.event_id}/messages"
    return {
        "GET /events/{event_id}/messages": admin_key(messages, foreign=403),
        "GET /events/{event_id}/messages/preview": admin_key(f"{messages}/preview", foreign=403),
        "POST /events/{event_id}/messages": admin_key(
            messages, own=400, foreign=403, body={"subject": "A", "text": "B", "package_ids": []}
        ),
        "POST /events/{event_id}/messages/resend-failed": admin_key(
            f"{messages}/resend-failed", foreign=403
        ),
        "POST /messages/{message_id}/resend": admin_key("/messages/none/resend", own=404),
        "POST /orders/{order_id}/resend": order_secret_or_key(
            f"/orders/{scene.purchase['order_id']}/resend"
        ),
        "POST /tickets/{ticket_id}/resend-email": order_secret_or_key(
            f"/tickets/{scene.ticket_id}/resend-email"
        ),
    }


def _pages(scene: Scene) -> dict[str, Guarded]:
    event, ticket, secret = scene.event_id, scene.ticket_id, scene.secrets.order_secret
    return {
        "GET /events/": login("/events/"),
        "GET /events/{event_id}": public(f"/events/{event}"),
        "POST /events/{event_id}": public(f"/events/{event}", status=400),
        "GET /events/o/{order_secret}": public(f"/events/o/{secret}"),
        # By this event's policy there is nothing to cancel: back to the order.
        "GET /events/o/{order_secret}/cancel": public(f"/events/o/{secret}/cancel", status=303),
        "POST /events/o/{order_secret}/cancel": public(f"/events/o/{secret}/cancel", status=303),
        "POST /events/o/{order_secret}/send": public(f"/events/o/{secret}/send", status=303),
        "GET /events/r/{claim_secret}": public(f"/events/r/{scene.claim_secret}"),
        "POST /events/r/{claim_secret}": public(f"/events/r/{scene.claim_secret}", status=400),
        "GET /events/ticket/{ticket_id}": public(f"/events/ticket/{ticket}"),
        "GET /events/register/{event_id}": public(f"/events/register/{event}", status=303),
        "GET /events/door/{event_id}": public(f"/events/door/{event}"),
        "GET /events/door/{event_id}/manifest.webmanifest": public(
            f"/events/door/{event}/manifest.webmanifest"
        ),
        "GET /events/sw.js": public("/events/sw.js"),
    }


def guarded(scene: Scene) -> dict[str, Guarded]:
    """All routes of the extension. Those that take something away come last."""
    event, spare, ticket = scene.event_id, scene.spare_event_id, scene.ticket_id
    payment_hash = scene.secrets.payment_hash
    new_event = event_body(name="Made by the table")
    api = {
        "GET /events": invoice_key("/events"),
        "GET /events/{event_id}": public(f"/events/{event}"),
        "GET /events/{event_id}/orders": admin_key(f"/events/{event}/orders", foreign=403),
        "GET /events/onchain/status": admin_key("/events/onchain/status", foreign=200),
        "GET /tickets": admin_key("/tickets", foreign=200),
        "GET /tickets/paginated": admin_key("/tickets/paginated", foreign=200),
        "GET /tickets/{ticket_id}": public(f"/tickets/{ticket}"),
        "GET /qr/{ticket_id}": public(f"/qr/{ticket}"),
        "GET /tickets/{ticket_id}/calendar.ics": public(f"/tickets/{ticket}/calendar.ics"),
        "GET /orders/{order_id}": order_secret_or_key(f"/orders/{scene.purchase['order_id']}"),
        # Of the key's own wallet; what is sent changes nothing.
        "GET /nostr/settings": admin_key("/nostr/settings", foreign=200),
        "PUT /nostr/settings": admin_key("/nostr/settings", foreign=200, body={}),
        "GET /settings": instance_admin("/settings"),
        "PUT /settings": instance_admin("/settings", body={}),
        "POST /events": admin_key("/events", foreign=200, body=new_event),
        "POST /tickets/{event_id}": public(
            f"/tickets/{event}", body=purchase_body(quantity=11), status=400
        ),
        "POST /tickets/{event_id}/{payment_hash}": public(
            f"/tickets/{event}/{payment_hash}", insider="order secret"
        ),
        "POST /tickets/{ticket_id}/satspay-webhook": public(
            f"/tickets/{ticket}/satspay-webhook", status=400
        ),
        "PUT /tickets/{payment_hash}/onchain-confirm": admin_key(
            f"/tickets/{payment_hash}/onchain-confirm", own=400, foreign=400
        ),
        "PUT /events/{event_id}": admin_key(
            f"/events/{event}", foreign=403, body={"info": "new words"}
        ),
        "DELETE /tickets/{ticket_id}": admin_key(f"/tickets/{ticket}", own=409),
        "PUT /events/{event_id}/publish": admin_key(f"/events/{spare}/publish", foreign=403),
        "PUT /events/{event_id}/complete": admin_key(f"/events/{spare}/complete", foreign=403),
        "PUT /events/{event_id}/cancel": admin_key(f"/events/{spare}/cancel", foreign=403),
        "DELETE /events/{event_id}": admin_key(f"/events/{spare}", foreign=403),
    }
    found = {}
    api = {**_messages(scene), **api}
    api = {**_money(scene), **_catalog(scene), **_packages(scene), **_door(scene), **api}
    api |= _nostr(scene)
    for name, route in api.items():
        method, path = name.split(" ")
        moved = Guarded(API + route.url, route.statuses, route.body, route.insiders)
        found[f"{method} {API}{path}"] = moved
    return found | _pages(scene)


# They say what they say to whoever knows the id or secret in their address.
KNOWING_IS_OWNING = (
    "GET /events/o/{order_secret}",
    "GET /events/o/{order_secret}/cancel",
    "POST /events/o/{order_secret}/cancel",
    "POST /events/o/{order_secret}/send",
    "GET /events/r/{claim_secret}",
    "POST /events/r/{claim_secret}",
    "GET /events/ticket/{ticket_id}",
    f"GET {API}/tickets/{{ticket_id}}",
)
