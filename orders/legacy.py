"""What 1.6.9 did not store of its orders, found out when it is needed."""

from ..crud import reading, transaction
from ..models import OrderStatus
from ..tickets import services as tickets
from . import crud, invoicing
from .models import FREE


async def learn_price(order_id: str) -> None:
    """Before its version 6, 1.6.9 stored no price with a ticket; the host knows what it received.

    Its orders have one ticket each. Nothing happens to an order whose price is known.
    """
    async with reading() as tx:
        order = await crud.get_order(tx, order_id)
    if order is None or order.total_sat or order.method == FREE or not order.payment_hash:
        return
    if order.status is not OrderStatus.CONFIRMED:
        return
    payments = await invoicing.incoming_payments([order.payment_hash], [])
    received_sat = sum(payment.amount // 1000 for payment in payments if payment.success)
    if not received_sat:
        return
    async with transaction() as tx:
        rows = await tickets.order_tickets(tx, order_id)
        if len(rows) == 1 and not rows[0].price_sat:
            await tickets.set_price(tx, rows[0], received_sat)
            await crud.set_total(tx, order_id, received_sat)
