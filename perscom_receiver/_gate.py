"""The gate: every decision about one request, and no I/O.

A binding (``starlette.py``, ``flask.py``) reads from its framework and tells an :class:`Intake` step by step: ``open`` when it
has the head, ``add`` for each piece of the body, ``event`` at the end. Whatever goes wrong is a Refusal; the answers are
in ``_reply.py``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

from ._errors import ConfigurationError, MethodRefused, PayloadTooLarge, Refusal, Unavailable
from ._event import Event
from ._reply import one_line
from ._signature import SIGNATURE_HEADER
from ._verifier import AnyVerifier, Headers

__all__ = ["BODY_WITHIN", "MAX_BODY", "Gate", "Intake", "announced_length", "log_refusal"]

MAX_BODY = 5 * 2**20
"""Bytes of one body. PERSCOM's own are a few KiB; a long document may reach a megabyte."""
MAX_MEMORY = 64 * 2**20
"""Bytes of all bodies held by this process at once."""
BODY_WITHIN = 10.0
"""Seconds from the head to the end of the body. PERSCOM gives up after 3 s in all."""
TOLD_FOR = 86_400.0
"""Seconds between two lines in the log about one old secret."""

_log = logging.getLogger("perscom_receiver")


class _Memory:
    """How many bytes of bodies are held right now, over all gates and threads of the process."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        with self._lock:
            if self.held + size > self.limit:
                raise Unavailable("Too many bodies are in memory at once.")
            self.held += size

    def give(self, size: int) -> None:
        with self._lock:
            self.held -= size


_memory = _Memory(MAX_MEMORY)


class Gate:
    """What one endpoint accepts. Safe for threads."""

    def __init__(
        self,
        verifier: AnyVerifier,
        *,
        max_body: int = MAX_BODY,
        refused: Callable[[Refusal, str], object] = lambda refusal, cause: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < max_body <= MAX_MEMORY:
            raise ConfigurationError(f"max_body must be between 1 byte and {MAX_MEMORY} bytes.")
        self.verifier = verifier
        self.max_body = max_body
        self.refused = refused
        self._clock = clock
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, signature: str, body: bytes) -> Event:
        """Like :meth:`Verifier.check`; the use of an old secret is told in the log, once a day for each."""
        event = self.verifier.check(signature, body)
        if event.old_secret and self._tells(name := str(event.secret_name)):
            _log.warning(
                "A genuine call is signed with the old secret named %r. PERSCOM repeats what it sent before a change for two "
                "minutes; later than that its webhook form still has the old one, or somebody else does.",
                name,
            )
        return event

    def _tells(self, name: str) -> bool:
        now = self._clock()
        with self._lock:
            if name in self._told and now - self._told[name] < TOLD_FOR:
                return False
            self._told[name] = now
            return True


class Intake:
    """One request on its way in, never holding more than the gate allows. A context manager: the body is let go at its end."""

    __slots__ = ("_held", "_pieces", "gate", "headers", "method", "signature")

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.method = ""
        self.headers: Headers = ()
        self.signature = ""
        self._held = 0
        self._pieces: list[bytes] = []

    def open(self, method: str, headers: Headers, length: str | bytes | None) -> None:
        """Decide by the head alone. ``length`` is the Content-Length as it arrived, None without one.

        Raises MethodRefused, MissingSignature, MalformedSignature or PayloadTooLarge.
        """
        self.method = method
        self.headers = headers
        if method != "POST":
            raise MethodRefused("Only POST can be verified.")
        self.signature = self.gate.verifier.signature(headers)
        # Only a hint, since what really arrives is counted.
        if (announced_length(length) or 0) > self.gate.max_body:
            raise PayloadTooLarge(f"The body is announced with more than {self.gate.max_body} bytes.")

    def add(self, piece: bytes) -> None:
        """Take the next piece. Raises PayloadTooLarge or Unavailable, and holds nothing beyond the limit."""
        size = len(piece)
        if self._held + size > self.gate.max_body:
            raise PayloadTooLarge(f"The body has more than {self.gate.max_body} bytes.")
        _memory.take(size)
        self._held += size
        self._pieces.append(piece)

    def body(self) -> bytes:
        """All that was taken so far."""
        if len(self._pieces) != 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]

    def event(self) -> Event:
        """The verified event. Raises VerificationError or MalformedEvent."""
        pieces = self._pieces
        return self.gate.check(self.signature, pieces[0] if len(pieces) == 1 else self.body())

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _memory.give(self._held)


def announced_length(value: str | bytes | None) -> int | None:
    """The Content-Length as a number; None without one, and for a text that is none, which is the server's business."""
    return int(value[:20]) if value is not None and value.isascii() and value.isdigit() else None


def log_refusal(refusal: Refusal, intake: Intake, path: str, query: bool) -> None:
    """One line with the status and the likely cause. Holds no secret, no signature and nothing of the body."""
    verifier, cause = intake.gate.verifier, str(refusal)
    if SIGNATURE_HEADER in verifier.HEADERS:  # what is known of PERSCOM's ways says nothing about other senders
        from ._diagnosis import likely_cause  # here, so that who verifies loads no search for causes

        cause = likely_cause(refusal, intake.method, query, intake.headers, intake.body(), verifier.secrets)
    _log.warning("refused %s %s: %d. %s", one_line(intake.method), one_line(path), refusal.status, cause)
    intake.gate.refused(refusal, cause)
