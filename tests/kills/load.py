"""Callers that post events to the service, each one again and again until it is answered, as PERSCOM does."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from http.client import HTTPConnection, HTTPException

from service import SECRET

from perscom_receiver.testing import signed_request

__all__ = ["Load"]

CALLERS = 6
PAUSE = 0.015
"""Seconds, at most, between two events of one caller."""


class Load:
    """Runs from its construction until :meth:`stop`."""

    def __init__(self, port: int, seed: object) -> None:
        self.accepted: set[str] = set()
        """The ids of the events that were answered with a success."""
        self.problems: list[str] = []
        self.answer = threading.Event()
        """Set whenever one more event was accepted."""
        self._port = port
        self._stopped = False
        self._callers = [threading.Thread(target=self._call, args=(f"{seed}/{n}",), daemon=True) for n in range(CALLERS)]
        for caller in self._callers:
            caller.start()

    def stop(self) -> None:
        """Let every caller get the answer that it waits for."""
        self._stopped = True
        for caller in self._callers:
            caller.join()

    def _call(self, seed: str) -> None:
        chance, connection = random.Random(seed), HTTPConnection("127.0.0.1", self._port, timeout=15)
        while not self._stopped and not self.problems:
            headers, body = signed_request("user.created", SECRET)
            if self._post(connection, headers, body):
                self.accepted.add(hashlib.sha256(body).hexdigest())
                self.answer.set()
            time.sleep(chance.random() * PAUSE)
        connection.close()

    def _post(self, connection: HTTPConnection, headers: dict[str, str], body: bytes) -> bool:
        again = False
        while True:
            try:
                connection.request("POST", "/webhooks/perscom", body, headers)
                answer = connection.getresponse()
                answer.read()
            except TimeoutError:
                self.problems.append("the service did not answer for 15 s")
                return False
            except (OSError, HTTPException):  # it was killed: the answer may have been lost on the way
                connection.close()
                again = True
                continue
            if answer.status == 202 or (answer.status == 200 and again):
                return True
            if answer.status != 503:
                self.problems.append(f"the service answered {answer.status}{' at the first try' if not again else ''}")
                return False
            again = True
            time.sleep(0.05)
