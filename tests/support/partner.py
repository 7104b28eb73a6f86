"""A partner that subscribed: a Flask app of our own toolkit on port 0, which verifies, remembers and answers as it is told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, Self

from flask import Flask
from werkzeug.serving import make_server

from perscom_receiver import Event
from perscom_receiver.flask import SignatureMiddleware, current_event

__all__ = ["Partner"]


class Partner:
    """``secret`` may be another one later: who makes it needs the address first."""

    def __init__(self, secret: str) -> None:
        self.status = 200
        self.slow = 0.0
        self.events: list[Event] = []
        self.refused = 0
        app = Flask(__name__)
        app.add_url_rule("/hook", view_func=self._hook, methods=["POST"])
        self._app = app.wsgi_app
        self.secret = secret
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def secret(self) -> str:
        return self._secret

    @secret.setter
    def secret(self, secret: str) -> None:
        self._secret = secret
        self._verified = SignatureMiddleware(self._app, secrets=[secret], path="/hook")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook?token=a-token-in-the-address"

    @property
    def arrived(self) -> Counter[str]:
        """How often each event came."""
        return Counter(event.id for event in self.events)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        def counted(status: str, *more: Any) -> Any:
            self.refused += status.startswith("401")
            return start(status, *more)

        return self._verified(environ, counted)

    def _hook(self) -> tuple[str, int]:
        event = current_event()
        time.sleep(self.slow)
        self.events.append(event)
        return "thanks from the partner", self.status
