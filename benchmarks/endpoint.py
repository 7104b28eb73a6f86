"""An endpoint that costs next to nothing: ``python -m benchmarks.endpoint PORT`` answers each POST and counts.

Paths that begin with ``/hang`` are never answered, ``/fail`` gets a 500. ``GET /seen`` tells, as JSON, how many were taken
and how long each was on its way: from ``created`` in its body to here, in milliseconds, newest last.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from typing import ClassVar

from benchmarks.measure import SECRET
from perscom_receiver import Event, verify

_EMPTY = b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"
_CHECKED = 100
"""Each hundredth signature is checked: enough to know that they are genuine, too few to be what is measured."""


class Endpoint(asyncio.Protocol):
    """One connection."""

    taken = 0
    ways: ClassVar[deque[float]] = deque(maxlen=200_000)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        received = self._received + data if self._received else data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = received[:end].lower()
            start = head.find(b"content-length:")
            size = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            if len(received) < end + 4 + size:
                break
            self._answer(received[:end], received[end + 4 : end + 4 + size])
            received = received[end + 4 + size :]
        self._received = received

    def _answer(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1].decode()
        if path == "/seen":
            told = json.dumps({"taken": Endpoint.taken, "ways": list(Endpoint.ways)}).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told))
        elif path.startswith("/fail"):
            self._transport.write(_EMPTY % b"500 Oops")
        elif not path.startswith("/hang"):
            Endpoint.taken += 1
            if Endpoint.taken % _CHECKED == 0:
                lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
                signature = next(value for name, value in lines.items() if name.lower() == b"signature")
                verify(body, signature.decode(), SECRET)
            if path.startswith("/timed"):
                created = Event.parse(body).created.timestamp()
                Endpoint.ways.append((time.time() - created) * 1000)
            self._transport.write(_EMPTY % b"200 OK")


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
