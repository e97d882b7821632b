"""The host's HTTP interface, as far as the development scripts need it."""

import time
from types import TracebackType
from typing import Any

import httpx

from state import Login, State
from words import Trouble

BUYER_SATS = 100_000


class Refused(Trouble):
    """The host answered with an error; `status`, `code` and `detail` say which."""

    def __init__(self, request: str, response: httpx.Response) -> None:
        content = _content(response)
        self.status = response.status_code
        self.code = str(content.get("code", ""))
        self.detail = str(content.get("detail", ""))
        super().__init__(f"{request} was answered with {self.status}: {response.text[:300]}")


def _content(response: httpx.Response) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


class Client:
    """One connection to the host.

    Answers are JSON objects of many shapes, so they are `Any`; a wrong one ends the script.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=30)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def call(self, method: str, path: str, json: object = None, key: str = "") -> Any:
        """Send one request, with a wallet's key where one is given.

        :raises Refused: any answer but 2xx.
        :raises Trouble: no answer.
        """
        return self._send(method, path, json, {"X-API-KEY": key} if key else {})

    def as_user(self, token: str, method: str, path: str, json: object = None) -> Any:
        return self._send(method, path, json, {"Authorization": f"Bearer {token}"})

    def _send(self, method: str, path: str, json: object, headers: dict[str, str]) -> Any:
        try:
            # Cookies would make every later request one of the last user who logged in.
            self._http.cookies.clear()
            response = self._http.request(method, path, json=json, headers=headers)
        except httpx.TransportError as error:
            raise Trouble(f"No answer from {self.url} ({error}). Is it running?") from error
        if not response.is_success:
            raise Refused(f"{method} {path}", response)
        return response.json() if response.content else None

    def log_in(self, login: Login) -> str:
        """:returns: the access token."""
        names = {"username": login.username, "password": login.password}
        return str(self.call("POST", "/api/v1/auth", names)["access_token"])


def prepare_admin(client: Client, login: Login) -> str:
    """Give the instance its administrator, once. :returns: the access token."""
    try:
        token = client.log_in(login)
    except Refused as refusal:
        if refusal.status != httpx.codes.TEMPORARY_REDIRECT:
            raise
        names = {
            "username": login.username,
            "password": login.password,
            "password_repeat": login.password,
        }
        token = str(client.call("PUT", "/api/v1/auth/first_install", names)["access_token"])
    enable_extension(client, token)
    return token


def enable_extension(client: Client, token: str) -> None:
    """For the administrator; other accounts get it with their registration.

    The host switches an extension off for good when it fails to load once, so after a mend it
    has to be switched on again.
    """
    try:
        client.as_user(token, "PUT", "/api/v1/extension/events/enable")
    except Refused as refusal:
        if refusal.status != httpx.codes.BAD_REQUEST:
            raise
        client.as_user(token, "PUT", "/api/v1/extension/events/activate")
        client.as_user(token, "PUT", "/api/v1/extension/events/enable")


def prepare_account(client: Client, login: Login) -> None:
    """Register the account unless it is there, and note its wallet."""
    try:
        token = client.log_in(login)
    except Refused as refusal:
        if refusal.status != httpx.codes.UNAUTHORIZED:
            raise
        names = {
            "username": login.username,
            "password": login.password,
            "password_repeat": login.password,
        }
        token = str(client.call("POST", "/api/v1/auth/register", names)["access_token"])
    wallet = client.as_user(token, "GET", "/api/v1/auth")["wallets"][0]
    login.wallet, login.adminkey = wallet["id"], wallet["adminkey"]


def balance_sat(client: Client, login: Login) -> int:
    return int(client.call("GET", "/api/v1/wallet", key=login.adminkey)["balance"]) // 1000


def give_sats(client: Client, state: State) -> None:
    """Fill the buyer's wallet up when it is low."""
    balance = balance_sat(client, state.buyer)
    if balance < BUYER_SATS // 2:
        token = client.log_in(state.admin)
        amount = {"id": state.buyer.wallet, "amount": BUYER_SATS - balance}
        client.as_user(token, "PUT", "/users/api/v1/balance", amount)


def wait_for_extension(client: Client, state: State) -> None:
    """:raises Trouble: the extension's routes are not there, or stay unready."""
    deadline = time.monotonic() + 30
    while True:
        try:
            client.call("GET", "/events/api/v1/events", key=state.organiser.adminkey)
        except Refused as refusal:
            if refusal.status == httpx.codes.NOT_FOUND:
                raise Trouble("The host runs, but without the extension.") from refusal
            starting = refusal.status == httpx.codes.SERVICE_UNAVAILABLE
            if not starting or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
