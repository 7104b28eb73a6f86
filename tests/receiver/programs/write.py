"""Write notes into a database that other processes write to as well: ``write.py FILE NAME COUNT``."""

from __future__ import annotations

import sys

from perscom_receiver.queue import Connection, Database

NOTES = (("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",),)


def main(path: str, name: str, count: str) -> None:
    database = Database(path, migrations=NOTES)
    for n in range(int(count)):

        def work(connection: Connection, text: str = f"{name}/{n}") -> None:
            connection.execute("INSERT INTO note (text) VALUES (?)", (text,))

        database.write(work, timeout=10)
    database.close()


main(*sys.argv[1:])
