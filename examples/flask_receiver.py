"""Never lose an event, with Flask: the app stores, a worker of its own handles.

Run it:

    PERSCOM_WEBHOOK_SECRET=... gunicorn --workers 4 --preload flask_receiver:app
    perscom-bridge work flask_receiver:worker
"""

import os

from flask import Flask

from perscom_receiver import Event, Receiver, Router, SQLiteInbox, Worker
from perscom_receiver.flask import webhook_blueprint

inbox = SQLiteInbox(os.environ.get("INBOX", "inbox.db"))
receiver = Receiver(os.environ["PERSCOM_WEBHOOK_SECRET"], inbox=inbox)
router = Router()

app = Flask(__name__)
app.register_blueprint(webhook_blueprint(receiver))


@router.on("rankrecord.created")
def congratulate(event: Event) -> None:
    """Called once for each event; again, with the same event.id, if it failed or was cut off."""
    print(f"handled {event.name} of {event.created:%H:%M:%S} UTC", flush=True)


worker = Worker(inbox, router)
