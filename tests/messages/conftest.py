"""What tests of messages begin with."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from support.mailbox import Mailbox, a_mail_server
from support.messaging import forget_all


@pytest_asyncio.fixture(loop_scope="session")
async def box(client: httpx.AsyncClient) -> AsyncIterator[Mailbox]:
    """The host is set up to send its mail here; no other message waits."""
    await forget_all()
    async with a_mail_server() as running:
        yield running
    await forget_all()
