"""What the log tells about an order from its hold to its end; cancelling is told by `refunds`."""

from ..audit.models import Change
from ..models import OrderStatus
from .models import OrderWithLines
from .plan import Plan


def placed(plan: Plan) -> list[Change]:
    """Seats are held for a buyer; a free order is confirmed by that."""
    status = OrderStatus.CONFIRMED if plan.is_free else OrderStatus.RESERVED
    order = {
        "status": status.value,
        "quantity": plan.request.quantity,
        "total_sat": plan.quote.total_sat,
    }
    return [Change("place", "order", plan.order_id, plan.event.id, "order", None, order)]


def moved(action: str, found: OrderWithLines, old: OrderStatus, new: OrderStatus) -> list[Change]:
    """An order went from one status to the next."""
    order_id = found.order.id
    event_id = found.lines[0].event_id if found.lines else None
    return [Change(action, "order", order_id, event_id, "status", old.value, new.value)]
