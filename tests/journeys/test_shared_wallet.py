"""An event in a wallet that somebody shares: its money arrives in the source wallet."""

import httpx
import pytest

from support.builders import (
    API,
    a_purchase,
    an_event,
    order_row,
    send_payment,
    settled,
)
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person, a_person
from support.settling import forget_hash, nobody_listens, sweep

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def a_mirror(source: Person, *permissions: str) -> Person:
    """Another person's wallet that mirrors the source, as the host's "share wallet" makes it."""
    from lnbits.core.crud import create_wallet, get_wallet, update_wallet
    from lnbits.core.models.wallets import (
        WalletPermission,
        WalletSharePermission,
        WalletShareStatus,
        WalletType,
    )

    other = await a_person()
    mirror = await create_wallet(
        user_id=other.id, wallet_type=WalletType.LIGHTNING_SHARED, shared_wallet_id=source.wallet
    )
    wallet = await get_wallet(source.wallet)
    assert wallet is not None
    wallet.extra.shared_with.append(
        WalletSharePermission(
            username="other",
            shared_with_wallet_id=mirror.id,
            permissions=[WalletPermission(word) for word in permissions],
            status=WalletShareStatus.APPROVED,
        )
    )
    await update_wallet(wallet)
    return Person(other.id, mirror.id, mirror.adminkey, mirror.inkey, other.token)


async def test_i3_once_an_order_in_a_shared_wallet_killed_before_its_hash_was_stored(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    source = await a_person()
    mirror = await a_mirror(source, "view-payments", "receive-payments")
    event = await an_event(client, mirror)
    purchase = await a_purchase(client, event["id"])
    with nobody_listens():
        await send_payment(buyer, purchase)
        await forget_hash(purchase)
        await sweep()
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"
    receives_for = ext("orders.invoicing").receives_for
    assert await receives_for(mirror.wallet, source.wallet)
    assert not await receives_for(mirror.wallet, buyer.wallet)


async def test_i2_money_a_shared_wallet_that_may_not_send_says_so_and_pays_once_it_may(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    from lnbits.core.crud import get_wallet, update_wallet
    from lnbits.core.models.wallets import WalletPermission
    from lnbits.core.services import create_invoice

    source = await a_person()
    mirror = await a_mirror(source, "view-payments", "receive-payments")
    event = await an_event(client, mirror)
    purchase = await a_purchase(client, event["id"])
    await send_payment(buyer, purchase)
    assert await settled(purchase["order_id"]) == "confirmed"
    secret = {"X-Order-Secret": purchase["order_secret"]}
    answer = await client.post(f"{API}/orders/{purchase['order_id']}/cancel", headers=secret)
    refund_id = answer.json()["refund"]["id"]
    invoice = await create_invoice(wallet_id=buyer.wallet, amount=100, memo="back")
    url = f"{API}/refunds/{refund_id}/pay"
    body = {"destination": invoice.bolt11}
    tried = (await client.post(url, json=body, headers=mirror.admin)).json()
    assert (tried["status"], tried["error_code"]) == ("offered", "outgoing_disabled")

    wallet = await get_wallet(source.wallet)
    assert wallet is not None
    wallet.extra.shared_with[0].permissions.append(WalletPermission.SEND_PAYMENTS)
    await update_wallet(wallet)
    tried = (await client.post(url, json=body, headers=mirror.admin)).json()
    assert tried["status"] == "paid", tried
    assert (await get_wallet(source.wallet)).balance == 0  # type: ignore[union-attr]
    assert await broken_invariants(event["id"]) == []
