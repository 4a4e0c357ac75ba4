"""Middleware of the server: refuses bodies that are too large or too slow, and counts responses."""

import asyncio
import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wsal.serving.monitoring import Metrics


class BodyLimit:
    """Refuses bodies of more than `max_bytes`, or that take longer than `max_seconds` to arrive.

    A body that is too large is never in memory as a whole.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_seconds: float, metrics: Metrics) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request with its whole body, and count the response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.metrics.responded(scope["path"], message["status"])
                if scope["app"].state.draining:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        try:
            async with asyncio.timeout(self.max_seconds):
                body = await _body(receive, self.max_bytes)
        except TimeoutError:
            detail = f"the body did not arrive within {self.max_seconds:g} seconds"
            await _refuse(counted_send, 408, detail)
            return
        if body is None:
            return
        if len(body) > self.max_bytes:
            await _refuse(counted_send, 413, f"the body has more than {self.max_bytes} bytes")
            return
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        try:
            await self.app(scope, replay, counted_send)
        except Exception:  # starlette's outer middleware answers with 500 and logs it
            self.metrics.responded(scope["path"], 500)
            raise


async def _body(receive: Receive, max_bytes: int) -> bytes | None:
    """The body, or its beginning if that is too long already; None if the client has gone."""
    body = bytearray()
    more = True
    while more and len(body) <= max_bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


async def _refuse(send: Send, status: int, detail: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": detail}).encode()})
