"""A WebSocket client that runs in the app's own event loop, as httpx has none."""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

Message = MutableMapping[str, Any]


class Socket:
    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Message] = asyncio.Queue()

    async def next(self, timeout_s: float = 5.0) -> Message:
        """The next thing the server did: accept, send or close."""
        return await asyncio.wait_for(self.outgoing.get(), timeout_s)

    async def next_json(self, timeout_s: float = 5.0) -> object:
        message = await self.next(timeout_s)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])


@asynccontextmanager
async def connect(app: FastAPI, path: str) -> AsyncIterator[Socket]:
    """Open `path`; leaving the block disconnects. The first message is the accept, or a close."""
    socket = Socket()
    scope: Message = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"events.test")],
        "client": ("127.0.0.1", 50_001),
        "server": ("events.test", 80),
        "subprotocols": [],
        "state": {},
    }
    await socket.incoming.put({"type": "websocket.connect"})
    running = asyncio.create_task(app(scope, socket.incoming.get, socket.outgoing.put))
    try:
        yield socket
    finally:
        await socket.incoming.put({"type": "websocket.disconnect", "code": 1000})
        try:
            await asyncio.wait_for(running, 5)
        except asyncio.TimeoutError:
            running.cancel()
