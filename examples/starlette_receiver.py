"""Never lose an event: verify, store, answer, and handle afterwards.

Run it:

    PERSCOM_WEBHOOK_SECRET=... uvicorn starlette_receiver:app
"""

import os

from starlette.applications import Starlette
from starlette.routing import Route

from perscom_receiver import Event, Receiver, Router, SQLiteInbox, Worker
from perscom_receiver.starlette import webhook_app

inbox = SQLiteInbox(os.environ.get("INBOX", "inbox.db"))
receiver = Receiver(os.environ["PERSCOM_WEBHOOK_SECRET"], inbox=inbox)
router = Router()


@router.on("*record.created")
async def congratulate(event: Event) -> None:
    """Called once for each event; again, with the same event.id, if it failed or was cut off."""
    print(f"handled {event.name} of {event.created:%H:%M:%S} UTC", flush=True)


# Both spellings of the path: a redirect would turn PERSCOM's POST into an empty GET.
endpoint = webhook_app(receiver)
app = Starlette(
    routes=[Route("/webhooks/perscom", endpoint), Route("/webhooks/perscom/", endpoint)],
    lifespan=Worker(inbox, router).lifespan,
)
