"""A sender and a receiver talk to each other, in one process and on this machine alone: python sender_and_receiver.py"""

import asyncio
import logging
import socket
from tempfile import TemporaryDirectory

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from perscom_receiver import Event, Receiver, Router, SQLiteInbox, Worker
from perscom_receiver.starlette import webhook_app
from perscom_sender import Schedule, Sender, new_secret

router, handled = Router(), asyncio.Event()


@router.on("order.*")
async def ship(event: Event) -> None:
    print(f"  receiver: {event.name} {event.data} is genuine, was stored first, and is handled now")
    handled.set()


async def ended(sender: Sender, event: int, tries: int) -> None:
    """Wait for so many tries of an event and tell how the last one ended."""
    (delivery,) = sender.log.deliveries(event=event)
    while len(attempts := sender.log.attempts(delivery.id)) < tries:
        await asyncio.sleep(0.01)
    print(f"  sender: try {tries}: {attempts[-1].kind}, {attempts[-1].error or attempts[-1].status}")


async def main(folder: str) -> None:
    door, secret, inbox = socket.socket(), new_secret(), SQLiteInbox(f"{folder}/inbox.db")
    door.bind(("127.0.0.1", 0))  # nobody listens yet
    endpoint = webhook_app(Receiver(secret, inbox=inbox, standard=True))
    app = Starlette(routes=[Route("/webhooks", endpoint)], lifespan=Worker(inbox, router).lifespan)
    sender, url = Sender(f"{folder}/sender.db", allow=["127.0.0.1"]), f"http://127.0.0.1:{door.getsockname()[1]}/webhooks"
    sender.subscriptions.add(url, secret, ["order.*"], standard=True, schedule=Schedule((1, 1, 1)))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sender.run(stop := asyncio.Event()))
        print("An order is paid while the receiver is down:")
        await ended(sender, order := await sender.publish("order.paid", {"id": 17}), 1)
        print("The receiver starts:")
        tasks.create_task((receiver := uvicorn.Server(uvicorn.Config(app, log_level="error"))).serve([door]))
        await asyncio.gather(ended(sender, order, 2), handled.wait())
        print("Somebody else sends one, under a secret of his own:")
        stranger = sender.subscriptions.add(url, new_secret(), standard=True)
        await ended(sender, await sender.publish("order.paid", {"id": 18}, to=[stranger.id]), 1)
        stop.set()
        receiver.should_exit = True


if __name__ == "__main__":
    logging.disable()  # it would tell the same story a second time
    with TemporaryDirectory() as folder:
        asyncio.run(main(folder))
