"""A way to a server that can be shut: who is connected loses the connection, and nobody gets another one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Passage", "passage"]


class Passage:
    """Listens on a port of its own, and hands all through to ``host`` and ``port``."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._is_open = True
        self._connections: set[socket.socket] = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._is_open:
                near.close()
                continue
            with suppress(OSError):
                far = socket.create_connection(self._target)
                self._connections |= {near, far}
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pour, args=pair, daemon=True).start()

    def shut(self) -> None:
        """Cut off all connections, and let nobody through any more."""
        self._is_open = False
        while self._connections:
            with suppress(OSError):
                self._connections.pop().shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        """Let through who comes from now on."""
        self._is_open = True

    def close(self) -> None:
        self.shut()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    source.close()


@contextmanager
def passage(host: str, port: int) -> Iterator[Passage]:
    """One that is open, closed at the end of the block."""
    made = Passage(host, port)
    try:
        yield made
    finally:
        made.close()
