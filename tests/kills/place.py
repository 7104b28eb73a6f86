"""The processes on one file, killed at chosen and at random moments of their lives and started again."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import time
from collections import Counter
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

from load import Load
from service import DATABASE, play
from verdict import Tally, judge

from perscom_receiver import SQLiteInbox

__all__ = ["Place"]

LAYOUTS = (("service and worker",), ("service", "worker"))
MOMENTS = ("any", "opening", "checkpoint", "handler", "answer")
DRAIN_WITHIN = 60.0
"""Seconds in which everything must come to an end once nobody is killed any more."""

forks = get_context("forkserver")  # its children have all imports behind them and live within milliseconds
forks.set_forkserver_preload(["uvicorn", "perscom_receiver.starlette", "perscom_receiver.queue"])


class Victim:
    """A process of ours. ``name`` is what it does."""

    def __init__(self, name: str, folder: Path, listener: socket.socket) -> None:
        self.name = name
        self.said = b""
        self._told, told = forks.Pipe(duplex=False)
        roles = name.split(" and ")
        self._process = forks.Process(target=play, args=(roles, folder, listener, told), daemon=True)
        self._process.start()
        told.close()

    def listen(self, seconds: float = 0.0) -> bool:
        """Read what it says within that time. False when it says nothing."""
        if not select.select([self._told], [], [], seconds)[0]:
            return False
        heard = os.read(self._told.fileno(), 65536)
        self.said += heard
        return bool(heard)

    def wait_for(self, word: bytes, seconds: float = 1.0) -> None:
        """Until it says ``word``, or that time is over."""
        while self.listen():
            pass
        seen, until = len(self.said), time.monotonic() + seconds
        while word not in self.said[seen:] and (left := until - time.monotonic()) > 0:
            self.listen(left)

    def kill(self) -> bool:
        """End it. True when that was in a checkpoint. Raises RuntimeError when it had ended before."""
        self._process.kill()
        self._process.join()
        if self._process.exitcode != -signal.SIGKILL:
            raise RuntimeError(f"The {self.name} ended by itself with status {self._process.exitcode}.")
        while self.listen():
            pass
        self._told.close()
        return self.said.count(b"(") > self.said.count(b")")


class Place:
    """A folder with a database, the processes that use it, and the load that they are under."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._chance = chance
        self._kills: Counter[str] = Counter()
        self._in_a_checkpoint = 0
        self._listener = socket.create_server(("127.0.0.1", 0))  # outlives the services: whoever calls in between waits
        self._victims: list[Victim] = []
        self._start(*chance.choice(LAYOUTS))
        self._load = Load(self._listener.getsockname()[1], chance.random())

    def kill(self) -> None:
        """Kill one process, or all of them, and start what is missing; after all of them perhaps in the other layout."""
        victim = self._await(self._chance.choice(MOMENTS))
        victims = list(self._victims) if self._chance.random() < 0.2 else [victim]
        checkpoints = [each.kill() for each in victims]
        self._in_a_checkpoint += any(checkpoints)
        self._kills[" and ".join(sorted(each.name for each in victims))] += 1
        self._victims = [each for each in self._victims if each not in victims]
        self._start(*([victim.name] if self._victims else self._chance.choice(LAYOUTS)))

    def _start(self, *names: str) -> None:
        self._victims += [Victim(name, self._folder, self._listener) for name in names]

    def _await(self, moment: str) -> Victim:
        """The process to be killed, at that moment of its life."""
        chance, victims = self._chance, self._victims
        if moment == "opening":
            time.sleep(chance.random() * 0.03)
            return victims[-1]
        if moment == "handler":
            victim = next(each for each in victims if "worker" in each.name)
            victim.wait_for(b"h")
            time.sleep(chance.random() * 0.003)
        elif moment == "answer":
            victim = next(each for each in victims if "service" in each.name)
            self._load.answer.clear()
            self._load.answer.wait(1)
        else:
            victim = chance.choice(victims)
            if moment == "checkpoint":
                victim.wait_for(b"(")
                time.sleep(chance.random() * 0.0005)
            else:
                time.sleep(chance.random() * 0.3)
        return victim

    def finish(self) -> Tally:
        """Let everything come to an end, and judge it."""
        self._load.stop()
        with closing(SQLiteInbox(self._folder / DATABASE)) as inbox:
            until = time.monotonic() + DRAIN_WITHIN
            while inbox.health().waiting and time.monotonic() < until:
                time.sleep(0.05)
        self.close()
        tally = judge(self._folder, self._load.accepted, self._kills)
        tally.in_a_checkpoint = self._in_a_checkpoint
        tally.problems += self._load.problems
        return tally

    def close(self) -> None:
        """End all processes."""
        for victim in self._victims:
            victim.kill()
        self._victims = []
        self._listener.close()
