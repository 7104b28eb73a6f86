"""Send signed events of your own: a shop that publishes in the transaction of the order itself.

Run it, each in a terminal of its own; the receiver may be examples/starlette_receiver.py, started with the same secret:

    WEBHOOK_SECRET=... python sender.py subscribe http://127.0.0.1:8000/webhooks/perscom
    python sender.py deliver
    python sender.py order 17
    python sender.py log
"""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing, suppress

from perscom_sender import PERSCOM_SCHEDULE, Sender

SHOP = os.environ.get("SHOP", "shop.db")

# The sender's own file holds what is sent to whom. The shop's file has one more table, in which events wait for the sender.
# allow: without it no event would leave for this machine, or for any private network.
sender = Sender(os.environ.get("SENDER", "sender.db"), outboxes=[SHOP], allow=["127.0.0.1"])


def subscribe(url: str) -> None:
    """Send the orders to ``url`` from now on."""
    added = sender.subscriptions.add(url, os.environ["WEBHOOK_SECRET"], ["order.*"], schedule=PERSCOM_SCHEDULE)
    sender.test(added.id)
    print(f"subscription {added.id}: {', '.join(added.events)} to {added.host}, and a test at once")


def order(number: str) -> None:
    """Store an order. The event is there if the order is, and only then."""
    with closing(sqlite3.connect(SHOP)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO orders VALUES (?)", (int(number),))
        sender.publish_in(connection, "order.placed", {"id": int(number)}, key=f"order/{number}")
    print(f"order {number} is stored, and so is its event")


async def deliver() -> None:
    """Deliver what was published, and what will be, until Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    with suppress(NotImplementedError):  # Windows
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await sender.run(stop)


def log() -> None:
    """What became of the newest events."""
    for delivery in sender.log.deliveries(n=20):
        print(f"{delivery.published:%H:%M:%S} {delivery.event_name} to subscription {delivery.subscription}: {delivery.state}")
        for attempt in sender.log.attempts(delivery.id):
            following = f", next try {attempt.next:%H:%M:%S}" if attempt.next else ""
            print(f"    {attempt.started:%H:%M:%S} {attempt.kind} {attempt.status or ''} {attempt.error or ''}{following}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["subscribe", url]:
            subscribe(url)
        case ["order", number]:
            order(number)
        case ["deliver"]:
            asyncio.run(deliver())
        case ["log"]:
            log()
        case _:
            sys.exit(__doc__)
    sender.close()
