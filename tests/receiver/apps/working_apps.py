"""The apps that tests start in servers: each stores, perhaps behind a stream, and has somebody who handles, or nobody."""

import os
from typing import Any

from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from perscom_receiver import Event, Receiver, Router, SQLiteInbox, Worker
from perscom_receiver.flask import Perscom
from perscom_receiver.starlette import webhook_app

SECRET = os.environ["PERSCOM_WEBHOOK_SECRET"]

inbox = SQLiteInbox(os.environ["INBOX"], ingest=os.environ.get("INGEST"))
router = Router()


@router.on("*", concurrency=4)
def note(event: Event) -> None:
    """One line in one write: two processes write to the same output."""
    os.write(1, f"{os.getpid()} handled {event.id}\n".encode())


worker = Worker(inbox, router)
endpoint = webhook_app(Receiver(SECRET, inbox=inbox))
starlette_app = Starlette(routes=[Route("/webhooks/perscom", endpoint)], lifespan=worker.lifespan)
mounted = Starlette(routes=[Mount("/unit", app=starlette_app)])
mounted_with_worker = Starlette(routes=[Mount("/unit", app=starlette_app)], lifespan=worker.lifespan)


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update(PERSCOM_WEBHOOK_SECRET=SECRET, PERSCOM_INBOX=os.environ["INBOX"], PERSCOM_INGEST=os.environ.get("INGEST"))
    Perscom(router).init_app(app)
    return app


def post_worker_init(server_worker: Any) -> None:
    """A hook of gunicorn, for ``--config``: called in each of its workers, after the fork."""
    server_worker.wsgi.extensions["perscom"].start_thread()
