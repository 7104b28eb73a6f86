"""Send signed events of your own: a shop that publishes in the transaction of the order itself.

The receiver may be examples/starlette_receiver.py, started with the same secret:

    WEBHOOK_SECRET=... python sender.py subscribe http://127.0.0.1:8000/webhooks/perscom
    python sender.py deliver
    python sender.py order 17; python sender.py log
"""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing, suppress

from perscom_sender import PERSCOM_SCHEDULE, Sender

SHOP = os.environ.get("SHOP", "shop.db")  # gets one more table, in which events wait for the sender
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


def deliver() -> None:
    """Deliver what was published, and what will be, until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with suppress(KeyboardInterrupt):
        asyncio.run(sender.run())


def log() -> None:
    """What became of the newest events."""
    for delivery in sender.log.deliveries(n=20):
        print(f"{delivery.published:%H:%M:%S} {delivery.event_name} to subscription {delivery.subscription}: {delivery.state}")
        for attempt in sender.log.attempts(delivery.id):
            print(f"    {attempt.started:%H:%M:%S} {attempt.kind} {attempt.status or ''} {attempt.error or ''}")


if __name__ == "__main__":
    commands = {"subscribe": subscribe, "order": order, "deliver": deliver, "log": log}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
