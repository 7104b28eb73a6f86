"""A Flask shop: an order and its event are saved together, or neither of them is. A thread beside it sends.

The receiver may be examples/starlette_receiver.py, started with the same secret:

    WEBHOOK_SECRET=... python flask_shop.py http://127.0.0.1:8000/webhooks/perscom
    curl --data item=boots http://127.0.0.1:5000/orders
    curl --data item=rifle --data card=stolen http://127.0.0.1:5000/orders
    curl http://127.0.0.1:5000/orders
"""

import os
import sqlite3
import sys
from contextlib import closing

from flask import Flask, abort, request

from perscom_sender import Sender

SHOP = os.environ.get("SHOP", "shop.db")  # gets one more table, in which events wait for the sender
# allow: without it no event would leave for this machine, or for any private network.
sender = Sender(os.environ.get("SENDER", "sender.db"), outboxes=[SHOP], allow=["127.0.0.1"])
app = Flask(__name__)


@app.post("/orders")
def place_order() -> tuple[dict[str, object], int]:
    item = request.form.get("item") or abort(400)
    with closing(sqlite3.connect(SHOP)) as connection, connection:  # commits, or rolls back when anything below goes wrong
        number = connection.execute("INSERT INTO orders (item) VALUES (?)", (item,)).lastrowid
        order: dict[str, object] = {"id": number, "item": item}
        sender.publish_in(connection, "order.placed", order)
        if request.form.get("card") == "stolen":
            abort(422)  # the order is gone again, and its event with it
    return order, 201


@app.get("/orders")
def orders() -> dict[str, list[str]]:
    with closing(sqlite3.connect(SHOP)) as connection:
        items = [item for (item,) in connection.execute("SELECT item FROM orders ORDER BY id")]
    return {"orders": items, "events": [f"{one.event_name}: {one.state}" for one in sender.log.deliveries()]}


def main(url: str, port: int) -> None:
    with closing(sqlite3.connect(SHOP)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL)")
    if url not in {known.url for known in sender.subscriptions.all()}:
        sender.subscriptions.add(url, os.environ["WEBHOOK_SECRET"], ["order.*"])
    thread = sender.start_thread()  # behind gunicorn: a process of its own, as in examples/sender.py
    app.run(port=port)  # until Ctrl-C
    thread.stop()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], int(os.environ.get("PORT", "5000")))
