"""The receiver: verify and store, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ._errors import Refusal
from ._gate import MAX_BODY, Gate
from ._reply import Inbox
from ._signature import Secrets
from ._verifier import utc_now, verifier_for

__all__ = ["Receiver"]


class Receiver:
    """Verifies events and puts them into an inbox. Framework apps are made from it: ``starlette.webhook_app(receiver)`` and
    ``flask.webhook_blueprint(receiver)``. What follows (handlers, chats) is the work of a :class:`~perscom_receiver.Worker`.
    """

    def __init__(
        self,
        *secrets: Secrets,
        inbox: Inbox,
        max_body: int = MAX_BODY,
        max_age: timedelta | None = None,
        now: Callable[[], datetime] = utc_now,
        refused: Callable[[Refusal, str], object] = lambda refusal, cause: None,
        standard: bool = False,
    ) -> None:
        """``max_body`` in bytes; ``max_age`` as in :class:`~perscom_receiver.Verifier`. ``refused`` is told of each call that
        is not verified, with the cause from its line in the log; it must neither block nor raise. With ``standard`` the calls
        are signed as Standard Webhooks say (:class:`~perscom_receiver.StandardVerifier`), and ``max_age`` is its tolerance.
        Raises ConfigurationError.
        """
        self.inbox = inbox
        self.gate = Gate(verifier_for(secrets, standard=standard, max_age=max_age, now=now), max_body=max_body, refused=refused)
