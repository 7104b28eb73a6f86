"""What several commands have in common: the option --config, clean failures, the secret, the inbox, a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from perscom_receiver import Secret, SQLiteInbox
    from perscom_receiver.queue import Database

    from ..config import Server

__all__ = [
    "Failure",
    "body_argument",
    "config_option",
    "live_secrets",
    "open_database",
    "open_inbox",
    "progress_line",
    "system_errors",
]

VARIABLE = "PERSCOM_WEBHOOK_SECRET"
LARGE = 64 * 10**6
"""Bytes of a file that takes long enough for somebody to wonder."""

config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    default=Path("bridge.toml"),
    show_default="bridge.toml here",
    help="The configuration to use.",
)

body_argument = click.argument("body", type=click.File("rb"), default="-", metavar="[FILE]")


class Failure(click.ClickException):
    """The command could not do its work. Shown as it is, on standard error, with exit status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=True)


def live_secrets(config: Path) -> tuple[Secret, ...]:
    """The secrets in the file ``config``, the live one first; where nobody named a file and none is here, the environment's.

    Raises ConfigurationError for a file with mistakes, and Failure when there is no secret at all.
    """
    from perscom_receiver import Secret

    from .._load import load

    source = click.get_current_context().get_parameter_source("config")
    if os.path.exists(config) or source is not ParameterSource.DEFAULT:
        return load(config).site.secrets
    value = os.environ.get(VARIABLE)
    if not value:
        raise Failure(f"There is no secret: no file {config}, and {VARIABLE} is not set. Name a file with --config, or set it.")
    return (Secret(value, name=VARIABLE),)


def open_inbox(config: Path) -> SQLiteInbox:
    """The inbox of one community. Raises ConfigurationError for a file with mistakes, and Failure when there is no database."""
    from .._load import load

    loaded = load(config)
    database = _opened(loaded.server)
    from perscom_receiver import SQLiteInbox

    return SQLiteInbox(database, site=loaded.key)


def open_database(config: Path) -> Database:
    """The database of the service, with all communities in it. Raises what :func:`open_inbox` raises."""
    from .._load import load_server

    return _opened(load_server(config))


def _opened(server: Server) -> Database:
    # Where a purge has the room that it needs: /tmp may be small. SQLite looks once, when it is loaded.
    os.environ.setdefault("SQLITE_TMPDIR", str(server.files.parent))
    from perscom_receiver.queue import Database

    database = Database(server.place)
    if not database.exists():
        raise Failure(f"There is no database {database.name} yet. It is made when the service first starts.")
    return database


def progress_line(done: int, total: int) -> None:
    """How many bytes of a large file are copied, in one line, where somebody watches."""
    if total >= LARGE and sys.stderr.isatty():
        click.echo(f"\r{done // 10**6} of {total // 10**6} MB", nl=done >= total, err=True)


@contextmanager
def system_errors() -> Iterator[None]:
    """Tell what the system refuses as a clean failure."""
    try:
        yield
    except OSError as error:
        raise Failure(f"{error.filename or 'The file'}: {error.strerror}.") from error
