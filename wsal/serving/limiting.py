"""Around the server: bodies are neither too large nor too slow, and all is counted."""

import asyncio
import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wsal.serving.monitoring import Metrics


class Limited:
    """Refuses bodies that are larger than `most` bytes or later than `seconds`; counts responses.

    Such a body is never in memory as a whole.
    """

    def __init__(self, app: ASGIApp, most: int, seconds: float, metrics: Metrics) -> None:
        self.app, self.most, self.seconds, self.metrics = app, most, seconds, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.metrics.responded(scope["path"], message["status"])
                if scope["app"].state.draining:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        try:
            async with asyncio.timeout(self.seconds):
                body = await _body(receive, self.most)
        except TimeoutError:
            detail = f"the body was not there within {self.seconds:g} seconds"
            await _refuse(noted, 408, detail)
            return
        if body is None:
            return
        if len(body) > self.most:
            await _refuse(noted, 413, f"the body has more than {self.most} bytes")
            return
        whole = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        try:
            await self.app(scope, replay, noted)
        except Exception:  # answered with 500 and logged by what is around this
            self.metrics.responded(scope["path"], 500)
            raise


async def _body(receive: Receive, most: int) -> bytes | None:
    """The body, or its beginning if that is longer than `most`; None: the client has gone."""
    body, more = bytearray(), True
    while more and len(body) <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


async def _refuse(send: Any, status: int, detail: str) -> None:  # noqa: ANN401  a Send
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": detail}).encode()})
