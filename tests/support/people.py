"""People with accounts on the host: organisers, buyers, an instance admin."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from lnbits.core.models import Account


@dataclass(frozen=True)
class Person:
    """An account with one wallet. Keys go in `X-API-KEY`, the token is the host login."""

    id: str
    wallet: str
    adminkey: str
    inkey: str
    token: str

    @property
    def admin(self) -> dict[str, str]:
        return {"X-API-KEY": self.adminkey}

    @property
    def invoice(self) -> dict[str, str]:
        return {"X-API-KEY": self.inkey}

    @property
    def login(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def a_person(balance_sat: int = 0) -> Person:
    """A new account with the extension enabled."""
    return await _with_account(None, balance_sat)


async def an_admin() -> Person:
    """An account that may change instance settings; the host wants such to have a password."""
    from lnbits.core.models import Account
    from lnbits.settings import settings

    account: Account = Account(id=uuid4().hex, username="instance_admin")  # type: ignore[no-untyped-call]
    account.hash_password("only for tests")
    settings.lnbits_admin_users = [*settings.lnbits_admin_users, account.id]
    return await _with_account(account, 0)


async def _with_account(account: "Account | None", balance_sat: int) -> Person:
    from lnbits.core.services import create_user_account_no_ckeck, update_wallet_balance
    from lnbits.helpers import create_access_token

    # The environment enables the extension for new accounts.
    user = await create_user_account_no_ckeck(account)
    wallet = user.wallets[0]
    if balance_sat:
        await update_wallet_balance(wallet, balance_sat)
    token = create_access_token({"sub": "", "usr": user.id})
    return Person(user.id, wallet.id, wallet.adminkey, wallet.inkey, token)
