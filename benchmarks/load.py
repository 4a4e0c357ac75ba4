"""Clients that each send a request, wait for the answer, and repeat, over one connection."""

import asyncio
import json
import time
from dataclasses import dataclass, field

import numpy as np

HEAD = "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@dataclass
class Load:
    """What clients saw: the seconds of each answer, and requests without an answer."""

    seconds: list[float] = field(default_factory=list)
    errors: int = 0
    lost: int = 0

    def summary(self, over):
        """Requests a second, and the milliseconds within which half and 99% were answered."""
        half, most = np.quantile(self.seconds, [0.5, 0.99]) * 1000
        return round(len(self.seconds) / over), round(half, 1), round(most, 1)


async def _client(port, texts, load, until):
    reader = writer = None
    while time.perf_counter() < until[0]:
        body = json.dumps({"text": next(texts)}).encode()
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return  # no new connections: the server has gone
        head = f"{HEAD}Content-Length: {len(body)}\r\n\r\n"
        start = time.perf_counter()
        try:
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            size = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            load.lost += 1
            return
        load.seconds.append(time.perf_counter() - start)
        load.errors += b" 200 " not in answer[:16]
        if b"connection: close" in answer.lower():
            writer.close()
            writer = None


def load(port, texts, n_clients, seconds, after=None):
    """Let `n_clients` send requests for some seconds; `after` is called halfway."""
    found, given = Load(), iter(texts)

    async def all_clients():
        until = [time.perf_counter() + seconds]
        if after:
            asyncio.get_running_loop().call_later(seconds / 2, after)
        await asyncio.gather(*(_client(port, given, found, until) for _ in range(n_clients)))

    start = time.perf_counter()
    asyncio.run(all_clients())
    return found, time.perf_counter() - start
