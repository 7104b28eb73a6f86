"""A PostgreSQL for tests: each gets a schema of its own in the database that ``PERSCOM_TEST_POSTGRES`` names.

Where none answers the test is skipped, but not in CI.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest

__all__ = ["SERVER", "OwnServer", "address_of", "admin", "new_schema"]

SERVER = os.environ.get("PERSCOM_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


def admin() -> psycopg.Connection[Any]:
    """A connection that commits each statement, for what tests do behind the back of a database."""
    try:
        return psycopg.connect(SERVER, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        _without(f"no PostgreSQL answers (PERSCOM_TEST_POSTGRES names one): {error}")


def address_of(schema: str) -> str:
    """The address of a database that has all its tables in ``schema``."""
    return f"{SERVER}{'&' if '?' in SERVER else '?'}options={quote(f'-csearch_path={schema}')}"


@contextmanager
def new_schema() -> Iterator[str]:
    """The address of an empty one, which is gone when the block ends."""
    schema = f"test_{uuid4().hex[:12]}"
    with admin() as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    try:
        yield address_of(schema)
    finally:
        with admin() as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def _without(reason: str) -> NoReturn:
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


class OwnServer:
    """A PostgreSQL of one test alone, which may be stopped and started. Runs inside a ``with``."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
        ctl = shutil.which("pg_ctl") or (found and str(found[-1]))
        if not ctl:
            _without("there is no pg_ctl on this machine")
        self._ctl = str(Path(ctl).resolve())
        self._user = "postgres" if hasattr(os, "geteuid") and os.geteuid() == 0 else None  # it refuses to run as root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="perscom-postgres-"))
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "-o", "-A trust -U postgres -N -E UTF8")
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if (self._folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        """At once, as a crash."""
        self._run("stop", "-w", "-m", "immediate")

    def restart(self) -> None:
        self._run("restart", "-w", "-m", "fast", "-l", str(self._folder / "log"))

    def ask_for_passwords(self) -> None:
        """From now on nobody gets in without one."""
        (self._folder / "data" / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        self._run("reload")

    def _run(self, *words: str) -> None:
        command = [self._ctl, "-D", str(self._folder / "data"), *words]
        done = subprocess.run(
            command, user=self._user, cwd=self._folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
