"""Mail handed to real servers on loopback: strict, slow, broken and absent ones."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from support.host import ext
from support.lag import LAG_S, lag_of
from support.letters import a_letter
from support.mailbox import ADDRESS, LOGIN, Mailbox, a_mail_server, pointed_at

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADA = "ada@example.com"
# Of one wait for an answer, where the server is a bad one.
SHORT_S = 0.2


def a_mail(recipient: str = ADA, message_id: str = "<one@example.org>") -> Any:
    letter = a_letter("ticket", message={"recipient": recipient, "message_id": message_id})
    mime = ext("notifications.mime")
    sender = mime.Sender(ADDRESS, "Concert")
    return mime.mail_of(letter, ext("notifications.rendering").write(letter), sender)


@asynccontextmanager
async def a_sender(
    timeout_s: float = 10.0, answer_s: float = 60.0
) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """`await send(recipient)`; the session ends with it."""
    server = ext("notifications.email").MailServer(timeout_s, answer_s)

    async def send(recipient: str = ADA) -> None:
        await server.send(a_mail(), recipient)

    try:
        yield send
    finally:
        await server.close()


def failures() -> tuple[type[Any], type[Any]]:
    delivery = ext("outbox.delivery")
    return delivery.TryLater, delivery.Undeliverable


async def failure_of(send: Awaitable[None]) -> tuple[str, str, str]:
    """Which failure it was, with its code and its sentence."""
    try:
        await send
    except failures() as error:
        return type(error).__name__, error.code, error.message
    return "", "sent", ""


@pytest.mark.parametrize("login", [None, LOGIN])
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_one_session_takes_many_mails_with_and_without_tls_and_login(
    app: FastAPI, security: str, login: tuple[str, str] | None
) -> None:
    async with a_mail_server(security=security, login=login) as box:
        async with a_sender() as send:
            for _ in range(3):
                await send()
        assert (len(box.messages), box.sessions, box.quits) == (3, 1, 1)
        first = box.messages[0]
        assert (first.sender, first.recipients) == (ADDRESS, (ADA,))
        assert first.message_id == "<one@example.org>"
        assert "TicketNumber0000000001" in first.part("text/plain")


@pytest.mark.parametrize(
    ("server", "chosen", "expected"),
    [
        ("starttls", "auto", "sent"),
        ("starttls", "none", "tls"),
        ("none", "auto", "tls"),
        ("none", "starttls", "tls"),
        ("none", "tls", "tls"),
        ("tls", "tls", "sent"),
    ],
)
async def test_no_mail_and_no_password_leaves_without_the_wanted_safety(
    app: FastAPI, server: str, chosen: str, expected: str
) -> None:
    box = Mailbox(security=server)
    async with pointed_at(box, mail_security=chosen):
        await box.up()
        async with a_sender(2.0) as send:
            kind, code, _ = await failure_of(send())
        await box.down()
    if (server, chosen) == ("starttls", "none"):
        # The server itself refuses what is not encrypted: its 530 is the answer for a login.
        assert (kind, code) == ("ServerTrouble", "auth")
    else:
        assert code == expected
    assert len(box.messages) == (expected == "sent")
    assert box.tried == ([ADA] if expected == "sent" else [])


async def test_port_465_speaks_tls_from_the_start(app: FastAPI) -> None:
    smtp, security = ext("notifications.smtp_opening"), ext("settings").MailSecurity
    for port, chosen, expected in (
        (465, security.AUTO, True),
        (587, security.AUTO, False),
        (25, security.TLS, True),
        (465, security.STARTTLS, False),
        (465, security.NONE, False),
    ):
        server = smtp.Server("mail.example.org", port, "", "secret", chosen, True, "[127.0.0.1]")
        assert server.begins_with_tls is expected
        assert "secret" not in repr(server)


async def test_a_certificate_must_be_valid_unless_the_admin_says_otherwise(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Mailbox(security="starttls", login=LOGIN)
    async with pointed_at(box):
        monkeypatch.delenv("SSL_CERT_FILE")
        await box.up()
        async with a_sender() as send:
            assert (await failure_of(send()))[:2] == ("ServerTrouble", "tls")
        assert box.messages == []
        # Put back what `pointed_at` takes away.
        monkeypatch.undo()
        await box.down()
    box = Mailbox(security="starttls", login=LOGIN)
    async with pointed_at(box, mail_verify=False):
        await box.up()
        async with a_sender() as send:
            await send()
        assert len(box.messages) == 1
        await box.down()


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({"refused": {ADA: "550 5.1.1 No such user"}}, ("Rejected", "refused")),
        ({"refused": {ADA: "452 4.2.2 Mailbox full"}}, ("Deferred", "deferred")),
        ({"refused": {ADA: "421 4.3.2 Shutting down"}}, ("Deferred", "deferred")),
        ({"refused": {ADA: "530 5.7.0 Authentication required"}}, ("Deferred", "auth")),
        ({"refused": {ADA: "550 5.4.5 Daily quota exceeded"}}, ("Deferred", "auth")),
        ({"refused": {ADA: "550 5.7.1 Relaying denied"}}, ("Deferred", "auth")),
        ({"greylist": {ADA: 1}}, ("Deferred", "deferred")),
        ({"data_answer": "554 5.7.0 Account blocked"}, ("Deferred", "auth")),
        ({"data_answer": "554 5.6.0 Looks odd"}, ("Rejected", "refused")),
        ({"data_answer": "451 4.3.0 Disk full"}, ("Deferred", "deferred")),
        ({"sender_answer": "553 5.7.1 Not your address"}, ("ServerTrouble", "auth")),
        ({"sender_answer": "552 5.3.4 Too large"}, ("Rejected", "refused")),
        ({"sender_answer": "451 4.7.1 Slow down"}, ("ServerTrouble", "unreachable")),
        ({"dies": 1}, ("Deferred", "deferred")),
        ({"hangs": True}, ("ServerTrouble", "timeout")),
    ],
)
async def test_each_refusal_says_whether_to_try_again(
    app: FastAPI, traits: dict[str, Any], expected: tuple[str, str]
) -> None:
    async with a_mail_server(**traits) as box, a_sender(0.5) as send:
        kind, code, sentence = await failure_of(send())
        assert (kind, code) == expected
        assert box.messages == []
        assert sentence
        assert sentence.isprintable()
        assert len(sentence) < 300
        assert ADA not in sentence
        # The next message is not harmed, whatever the last one ended with.
        box.hangs, box.refused, box.data_answer, box.sender_answer = False, {}, None, None
        await send()
        assert len(box.messages) == 1


async def test_a_servers_words_are_cut_and_cleaned(app: FastAPI) -> None:
    words = "550 5.1.1 \x1b[31mno\x07\u202e " + "x" * 400
    async with a_mail_server(refused={ADA: words}) as box, a_sender() as send:
        _, code, sentence = await failure_of(send())
        assert code == "refused"
        assert sentence.isprintable()
        assert len(sentence) < 260
        assert box.tried == [ADA]


@pytest.mark.parametrize(
    ("login", "known"), [(("tickets", "wrong"), LOGIN), (("nobody", "x"), LOGIN), (LOGIN, None)]
)
async def test_a_refused_login_is_the_servers_problem_not_the_messages(
    app: FastAPI, login: tuple[str, str], known: tuple[str, str] | None
) -> None:
    """The last one: a name is set, but the server takes no login at all."""
    box = Mailbox(login=known)
    asked = Mailbox(login=login, port=box.port)
    async with pointed_at(asked):
        await box.up()
        async with a_sender() as send:
            kind, code, sentence = await failure_of(send())
        await box.down()
    assert (kind, code) == ("ServerTrouble", "auth")
    assert login[1] not in sentence
    assert box.messages == []


async def test_a_server_that_is_down_is_reached_again_once_it_is_up(app: FastAPI) -> None:
    box = Mailbox()
    async with pointed_at(box), a_sender(1.0) as send:
        assert (await failure_of(send()))[:2] == ("ServerTrouble", "unreachable")
        await box.up()
        await send()
        await box.down()
        assert (await failure_of(send()))[:2] == ("ServerTrouble", "unreachable")
        # Restarted between two messages: nobody notices.
        await box.up()
        await send()
        await box.down()
        await box.up()
        await send()
        await box.down()
    assert len(box.messages) == 3


async def test_a_session_the_server_has_enough_of_is_opened_anew(app: FastAPI) -> None:
    async with a_mail_server(most_per_session=2) as box, a_sender() as send:
        for _ in range(5):
            await send()
        assert (len(box.messages), box.sessions) == (5, 3)


async def test_a_server_that_dies_after_taking_it_may_get_it_twice_with_one_id(
    app: FastAPI,
) -> None:
    """At least once: the same Message-ID lets mailboxes drop the second one."""
    async with a_mail_server(dies=1, dies_when="after") as box, a_sender() as send:
        assert (await failure_of(send()))[:2] == ("Deferred", "deferred")
        await send()
        assert len({caught.message_id for caught in box.messages}) == 1
        assert len(box.messages) == 2


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({"hangs": True}, ("ServerTrouble", "timeout")),
        ({"delay_s": 60.0}, ("Deferred", "deferred")),
    ],
)
async def test_i11_the_loop_goes_on_while_the_mail_server_hangs(
    app: FastAPI, traits: dict[str, Any], expected: tuple[str, str]
) -> None:
    async with a_mail_server(**traits), a_sender(SHORT_S, SHORT_S) as send:
        outcomes: list[tuple[str, str]] = []
        took_s: list[float] = []

        async def once() -> None:
            begun = time.monotonic()
            outcomes.append((await failure_of(send()))[:2])
            took_s.append(time.monotonic() - begun)

        assert await lag_of(once) < LAG_S
        assert set(outcomes) == {expected}
        assert min(took_s) < 8 * SHORT_S


async def test_a_cancelled_mail_that_has_not_left_never_leaves(app: FastAPI) -> None:
    async with a_mail_server(hangs=True) as box, a_sender(30.0) as send:
        task = asyncio.ensure_future(send())
        await box.connected.wait()
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The thread has ended, long before its timeout.
        assert time.monotonic() - begun < 10
        box.hangs = False
        await asyncio.sleep(0)
        assert box.messages == []


async def test_a_cancelled_mail_on_its_way_is_waited_for(app: FastAPI) -> None:
    async with a_mail_server(delay_s=0.4) as box, a_sender(5.0) as send:
        task = asyncio.ensure_future(send())
        await box.arrived.wait()
        task.cancel()
        await asyncio.sleep(0.05)
        task.cancel()
        # The server has it, and that is what is told.
        await task
        assert len(box.messages) == 1


async def test_a_server_that_thinks_long_about_a_mail_gets_it_once(app: FastAPI) -> None:
    """RFC 5321, 4.5.3.2.6: ten minutes for that answer, much less for all the others."""
    async with a_mail_server(delay_s=8 * SHORT_S) as box, a_sender(SHORT_S, 60.0) as send:
        await send()
        assert len(box.messages) == 1
    assert ext("notifications.email").MailServer()._answer_s == 600


async def test_without_a_mail_server_nothing_is_tried(app: FastAPI) -> None:
    email = ext("notifications.email")
    assert not email.is_configured()
    async with a_sender() as send:
        assert (await failure_of(send()))[:2] == ("ServerTrouble", "unreachable")
    async with a_mail_server() as box:
        assert email.is_configured()
        for recipient in ("", "nobody", "a@b@c", "a b@example.com", "a@example.com\r\nX: y"):
            async with a_sender() as send:
                assert (await failure_of(send(recipient)))[:2] == ("Undeliverable", "address")
        assert box.tried == []


async def test_addresses_outside_ascii(app: FastAPI) -> None:
    """A domain has an ASCII form, a name has none: only some servers take it (RFC 6531)."""
    async with a_mail_server() as box, a_sender() as send:
        await send("ada@bücher.example")
        await send("köln@example.com")
        assert [m.recipients[0] for m in box.messages] == [
            "ada@xn--bcher-kva.example",
            "köln@example.com",
        ]
    async with a_mail_server(takes_utf8=False) as box, a_sender() as send:
        assert (await failure_of(send("köln@example.com")))[:2] == ("Undeliverable", "refused")
        await send()
        assert len(box.messages) == 1


@pytest.mark.parametrize("pause_s", [0.0, 0.001, 0.003, 0.006, 0.01, 0.02])
async def test_whenever_it_is_cancelled_nothing_leaves_afterwards(
    app: FastAPI, pause_s: float
) -> None:
    async with a_mail_server() as box, a_sender(5.0) as send:
        task = asyncio.ensure_future(send())
        await asyncio.sleep(pause_s)
        task.cancel()
        await asyncio.wait({task})
        taken = len(box.messages)
        assert taken <= 1
        await asyncio.sleep(0.1)
        assert len(box.messages) == taken
        await send()
        assert len(box.messages) == taken + 1


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://tickets.example.org/", "tickets.example.org"),
        ("http://127.0.0.1:5000", "[127.0.0.1]"),
        ("http://[::1]:5000", "[IPv6:::1]"),
        ("http://localhost:5000", "[127.0.0.1]"),
        ("https://bücher.example", "[127.0.0.1]"),
        ("", "[127.0.0.1]"),
    ],
)
async def test_the_host_calls_itself_by_its_configured_name(
    app: FastAPI, address: str, expected: str
) -> None:
    assert ext("notifications.email")._hello(address) == expected
