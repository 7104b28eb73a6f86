"""Flask: an extension for the app factory, and what it is made of: the middleware, the blueprint, the event of the request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import flask
from werkzeug.exceptions import Unauthorized

from . import wsgi
from ._errors import ConfigurationError, VerificationError
from ._event import Event
from ._receiver import Receiver
from ._router import Router
from .wsgi import SignatureMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from ._worker import Worker

__all__ = ["Perscom", "SignatureMiddleware", "UnverifiedRequest", "current_event", "webhook_blueprint"]

_PATH = "/webhooks/perscom"


class UnverifiedRequest(Unauthorized, ConfigurationError):
    """A view asked for the event of a request that nothing verified. Answered with 401."""


class Perscom:
    """The extension. One object serves any number of apps, and all of its settings are in ``app.config``.

        perscom = Perscom(router)

        def create_app() -> Flask:
            app = Flask(__name__)
            app.config["PERSCOM_WEBHOOK_SECRET"] = os.environ["PERSCOM_WEBHOOK_SECRET"]   # or several
            perscom.init_app(app)
            return app

    With a router it stores what comes to ``path`` in the file ``PERSCOM_INBOX`` (by default ``inbox.db``; below the instance
    folder unless it is absolute), and ``flask perscom work`` calls the handlers, each in an app context of its own. The worker
    is ``app.extensions["perscom"]``. ``PERSCOM_INGEST`` may be the address of a stream in front of the file
    (:class:`~perscom_receiver.JetStream`). Without a router the view at ``path`` is yours, guarded: it finds
    ``current_event()``.
    """

    def __init__(self, router: Router | None = None, *, path: str = _PATH) -> None:
        self.router = router
        self.path = path

    def init_app(self, app: flask.Flask) -> None:
        """Bind the extension to ``app``. Raises ConfigurationError when the secret is missing or blank."""
        secrets = app.config.get("PERSCOM_WEBHOOK_SECRET")
        if secrets is None:
            raise ConfigurationError('Set app.config["PERSCOM_WEBHOOK_SECRET"] before init_app(app).')
        if self.router is None:
            app.wsgi_app = SignatureMiddleware(app.wsgi_app, secrets=secrets, path=self.path)  # type: ignore[method-assign]
            return

        from . import SQLiteInbox, Worker  # here, since a guard needs no database

        file = Path(app.instance_path, app.config.get("PERSCOM_INBOX", "inbox.db"))
        file.parent.mkdir(parents=True, exist_ok=True)
        inbox = SQLiteInbox(file, ingest=app.config.get("PERSCOM_INGEST"))
        worker = app.extensions["perscom"] = Worker(inbox, self.router, around=app.app_context)
        app.register_blueprint(webhook_blueprint(Receiver(secrets, inbox=inbox), path=self.path, worker=worker))


def current_event() -> Event:
    """The event that :class:`SignatureMiddleware` verified for the request at hand.

    Raises UnverifiedRequest (a ConfigurationError that is answered with 401) when nothing verified it, so that a wrong ``path``
    can never let an unverified call through.
    """
    try:
        return wsgi.current_event(flask.request.environ)
    except VerificationError as error:
        raise UnverifiedRequest(error.answer) from None


def webhook_blueprint(receiver: Receiver, *, path: str = _PATH, worker: Worker | None = None) -> flask.Blueprint:
    """A blueprint whose one route verifies, stores and answers: 202 for a new event, 200 for one seen before, else a refusal.

        app.register_blueprint(webhook_blueprint(receiver, worker=worker))

    With a ``worker`` it has a command too: ``flask perscom work``. Register it without anything in front that reads the form:
    Flask would have emptied the body by then.
    """
    blueprint = flask.Blueprint("perscom", __name__)
    webhook = wsgi.webhook_app(receiver)

    @blueprint.route(path, methods=_ALL_METHODS, strict_slashes=False, provide_automatic_options=False)
    def perscom() -> WSGIApplication:
        return webhook  # Flask calls it, as it does with any WSGI app that a view returns

    if worker is not None:

        @blueprint.cli.command("work", with_appcontext=False)
        def work() -> None:
            """Handle what is stored, until SIGTERM or Ctrl-C."""
            from click import echo  # here, so that what is missed without Flask is Flask

            echo(f"Working on {worker.inbox.database}, {len(worker.router.handlers)} handlers")
            worker.run_forever()

    return blueprint


# The gate refuses all but POST with its own sentence, so Flask must let them through to it.
_ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
