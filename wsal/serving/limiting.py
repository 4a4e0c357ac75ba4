"""Around the server: bodies are not too large, connections end when it does, all is counted."""

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wsal.serving.metrics import Metrics


class Limited:
    """Refuses bodies of more than `most` bytes, before they are in memory; counts by status."""

    def __init__(self, app: ASGIApp, most: int, metrics: Metrics) -> None:
        self.app, self.most, self.metrics = app, most, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, more = bytearray(), True
        while more and len(body) <= self.most:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)

        whole = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.metrics.responded(scope["path"], message["status"])
                if scope["app"].state.draining:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        if len(body) > self.most:
            await _too_large(noted, self.most)
            return
        try:
            await self.app(scope, replay, noted)
        except Exception:  # answered with 500 and logged by what is around this
            self.metrics.responded(scope["path"], 500)
            raise


async def _too_large(send: Any, most: int) -> None:  # noqa: ANN401  a Send
    detail = f'{{"detail": "the body has more than {most} bytes"}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": detail})
