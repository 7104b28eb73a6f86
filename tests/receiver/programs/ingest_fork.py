"""Fork around an inbox with a stream in front, in use, and see that both sides go on: ``ingest_fork.py INBOX ADDRESS``."""

from __future__ import annotations

import os
import sys
import time

from perscom_receiver import Router, SQLiteInbox, Worker
from perscom_receiver.testing import make_event

EACH = 20


def add_some(inbox: SQLiteInbox) -> None:
    for _ in range(EACH):
        assert inbox.add(make_event("user.created")) is True


def child(inbox: SQLiteInbox) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            add_some(inbox)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return pid


def main(path: str, address: str) -> None:
    inbox, router, handled = SQLiteInbox(path, ingest=address), Router(), []
    router.on("*", name="handled")(lambda event: handled.append(event.id))
    add_some(inbox)
    worker = Worker(inbox, router).start_thread()
    children = [child(inbox) for _ in range(3)]
    add_some(inbox)
    for pid in children:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    add_some(inbox)
    deadline = time.monotonic() + 20
    while len(handled) < 6 * EACH:
        assert time.monotonic() < deadline, f"{len(handled)} handled"
        time.sleep(0.05)
    worker.stop()
    inbox.close()
    assert len(set(handled)) == len(handled) == 6 * EACH
    sys.stdout.write("ok\n")


main(*sys.argv[1:])
