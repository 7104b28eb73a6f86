"""Never lose an event, with Flask: the app stores, a process of its own handles.

Run it:

    PERSCOM_WEBHOOK_SECRET=... gunicorn --workers 4 --preload "flask_receiver:create_app()"
    PERSCOM_WEBHOOK_SECRET=... flask --app flask_receiver perscom work
"""

import os

from flask import Flask, current_app

from perscom_receiver import Event, Router
from perscom_receiver.flask import Perscom

router = Router()
perscom = Perscom(router)


@router.on("rankrecord.created")
def congratulate(event: Event) -> None:
    """Called once for each event; again, with the same event.id, if it failed or was cut off."""
    print(f"{current_app.name} handled {event.name} of {event.created:%H:%M:%S} UTC", flush=True)


def create_app() -> Flask:
    """The app factory. Extensions for databases and the like work in handlers: each has an app context."""
    app = Flask(__name__)
    app.config["PERSCOM_WEBHOOK_SECRET"] = os.environ["PERSCOM_WEBHOOK_SECRET"]
    app.config["PERSCOM_INBOX"] = os.environ.get("INBOX", "inbox.db")  # in the folder "instance", or an absolute path
    perscom.init_app(app)
    return app
