"""What the log tells about tickets taken back and money paid back.

Logged is who decided what; what follows from it (counters, a ticket that is refunded because its
refund was paid) is not told again.
"""

from collections.abc import Sequence

from ..audit.models import Change
from ..models import OrderStatus, TicketStatus
from ..orders.models import Debt, Order
from ..tickets.models import Ticket
from .models import Problem, Refund, RefundStatus

_SHOWN_LETTERS = 12


def taken_back(
    order: Order, tickets: Sequence[Ticket], terms: dict[str, object], ending: OrderStatus | None
) -> list[Change]:
    """Tickets of an order were cancelled. `terms`: percent, sum and reason; `ending`: the order's
    status when no valid ticket is left of it."""
    event_id = tickets[0].event_id
    cancelled = TicketStatus.CANCELLED.value
    changes = [
        Change("cancel", "ticket", ticket.id, ticket.event_id, "status", ticket.status, cancelled)
        for ticket in tickets
    ]
    changes.append(Change("cancel", "order", order.id, event_id, "refund", None, terms))
    if ending is not None:
        confirmed = OrderStatus.CONFIRMED.value
        changes.append(
            Change("cancel", "order", order.id, event_id, "status", confirmed, ending.value)
        )
    return changes


def owed(refund_id: str, debt: Debt) -> list[Change]:
    """Money that no ticket stands for."""
    terms = {"amount_sat": debt.amount_sat, "reason": debt.reason, "order_id": debt.order_id}
    return [Change("owe", "refund", refund_id, debt.event_id, "refund", None, terms)]


def redirected(action: str, before: Refund, after: Refund) -> list[Change]:
    """A refund is to be paid to another destination, or again."""
    changes = []
    if before.destination != after.destination:
        old, new = _veiled(before.destination), _veiled(after.destination)
        changes.append(_change(action, before, "destination", old, new))
    return changes + _moved(action, before, after.status)


def taken(before: Refund, taken: Refund) -> list[Change]:
    """An invoice is being paid."""
    return [
        *_moved("pay", before, taken.status),
        _change("pay", before, "payment_hash", None, taken.payment_hash),
    ]


def paid(refund: Refund, by_hand: bool = False) -> list[Change]:
    """The money is back with the buyer."""
    return _moved("pay_by_hand" if by_hand else "paid", refund, RefundStatus.PAID)


def unpaid(before: Refund, to: RefundStatus, problem: Problem) -> list[Change]:
    """An attempt failed; told when the refund is in another state for it."""
    moved = _moved("fail", before, to)
    return moved and [*moved, _change("fail", before, "error_code", None, problem.code)]


def _moved(action: str, refund: Refund, to: RefundStatus) -> list[Change]:
    if refund.status is to:
        return []
    return [_change(action, refund, "status", refund.status.value, to.value)]


def _change(action: str, refund: Refund, field: str, old: object, new: object) -> Change:
    return Change(action, "refund", refund.id, refund.event_id, field, old, new)


def _veiled(destination: str | None) -> str | None:
    """Enough to recognise a destination by, not enough to write to its owner."""
    if destination is None:
        return None
    name, at, domain = destination.partition("@")
    return f"{name[:1]}…@{domain}" if at else f"{destination[:_SHOWN_LETTERS]}…"
