"""Store an event as somebody who is bound by the rights of a file and of its folder: ``read_only.py FILE``."""

from __future__ import annotations

import os
import sys

from perscom_receiver import PerscomError, SQLiteInbox
from perscom_receiver.testing import make_event

NOBODY = 65534


def main(path: str) -> None:
    inbox, event = SQLiteInbox(path), make_event("user.created")
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        inbox.add(event)
    except PerscomError as error:
        sys.stdout.write(f"{type(error).__name__}: {error}\n")
    else:
        sys.stdout.write("stored\n")


main(*sys.argv[1:])
