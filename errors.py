"""Every deliberate refusal: a sentence for a person, a stable `code` for programs, an HTTP status.

They subclass `Exception`: the host turns any `ValueError` into a 400 without a code.
"""

from http import HTTPStatus


class TicketingError(Exception):
    """Base of all refusals. `fields` are added to the JSON answer beside `detail` and `code`."""

    status: int = HTTPStatus.BAD_REQUEST
    code: str = "refused"

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class InvalidInput(TicketingError):
    code = "invalid_input"


class Unauthorized(TicketingError):
    status, code = HTTPStatus.UNAUTHORIZED, "unauthorized"


class Forbidden(TicketingError):
    status, code = HTTPStatus.FORBIDDEN, "forbidden"


class ScannerRevoked(Forbidden):
    code = "scanner_revoked"


class ScannerExpired(Forbidden):
    code = "scanner_expired"


class NotFound(TicketingError):
    status, code = HTTPStatus.NOT_FOUND, "not_found"


class CalendarUnavailable(NotFound):
    """There is no calendar file: no date to put in, or nothing to write it with."""

    code = "calendar_unavailable"


class SoldOut(TicketingError):
    status, code = HTTPStatus.GONE, "sold_out"

    def __init__(self) -> None:
        super().__init__("No tickets are left.", remaining=0)


class NotEnoughLeft(TicketingError):
    code = "not_enough_left"

    def __init__(self, remaining: int) -> None:
        left = "Only 1 ticket is left." if remaining == 1 else f"Only {remaining} tickets are left."
        super().__init__(left, remaining=remaining)


class NotOnSale(TicketingError):
    status, code = HTTPStatus.GONE, "not_on_sale"


class EventCancelled(TicketingError):
    status, code = HTTPStatus.GONE, "event_cancelled"

    def __init__(self) -> None:
        super().__init__("This event was cancelled.")


class PromoInvalid(TicketingError):
    code = "promo_invalid"

    def __init__(self) -> None:
        super().__init__("This promo code is not valid.")


class CodeExists(TicketingError):
    status, code = HTTPStatus.CONFLICT, "code_exists"


class BelowUsed(TicketingError):
    status, code = HTTPStatus.CONFLICT, "below_used"


class InvalidImage(TicketingError):
    code = "invalid_image"


class ImageRefused(TicketingError):
    """The host does not store a picture: its user has too many, or it takes none of that type."""

    code = "image_refused"


class MethodUnsupported(TicketingError):
    code = "method_unsupported"


class MaxPerBuyer(TicketingError):
    code = "max_per_buyer"


class LoginRequired(TicketingError):
    status, code = HTTPStatus.UNAUTHORIZED, "login_required"


class TooManyOpenOrders(TicketingError):
    status, code = HTTPStatus.TOO_MANY_REQUESTS, "too_many_open_orders"


class TooManyRequests(TicketingError):
    """Asked for too often; it may be asked for again later."""

    status, code = HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests"


class TooManyScanners(TicketingError):
    code = "too_many_scanners"


class StaleVersion(TicketingError):
    status, code = HTTPStatus.CONFLICT, "stale_version"


class HasSales(TicketingError):
    status, code = HTTPStatus.CONFLICT, "has_sales"


class BelowSold(TicketingError):
    status, code = HTTPStatus.CONFLICT, "below_sold"


class IdempotencyConflict(TicketingError):
    status, code = HTTPStatus.CONFLICT, "idempotency_conflict"


class OrderInProgress(TicketingError):
    status, code = HTTPStatus.CONFLICT, "order_in_progress"


class AlreadyAnnounced(TicketingError):
    """The same words went to the same holders a moment ago: most likely somebody got no answer."""

    status, code = HTTPStatus.CONFLICT, "already_announced"


class InvoiceFailed(TicketingError):
    status, code = HTTPStatus.SERVICE_UNAVAILABLE, "invoice_failed"


class RateUnavailable(TicketingError):
    status, code = HTTPStatus.SERVICE_UNAVAILABLE, "rate_unavailable"


class Starting(TicketingError):
    status, code = HTTPStatus.SERVICE_UNAVAILABLE, "starting"


class NotRefundable(TicketingError):
    """The event's rules, or the state of a ticket or order, do not let it be cancelled."""

    code = "not_refundable"


class NotAnAdmission(TicketingError):
    """Only a scan that let somebody in can be annulled."""

    code = "not_an_admission"


class TicketUsed(TicketingError):
    code = "ticket_used"


class RefundSettled(TicketingError):
    """A refund that is being paid, or was paid, cannot be changed any more."""

    status, code = HTTPStatus.CONFLICT, "refund_settled"


class PayoutRefused(TicketingError):
    """What was named to be paid cannot be paid. The code says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SignerUnusable(TicketingError):
    """A remote signer that was named cannot be used. The code says why: `signer_offline`,
    `signer_denied`, `signer_broken`."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.code = f"signer_{why}"
