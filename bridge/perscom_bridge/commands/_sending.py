"""What the commands of a sender have in common: which file, and whether somebody delivers."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial, wraps
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from ._shared import Failure, config_option
from ._told import about

if TYPE_CHECKING:
    from perscom_sender import Sender, Subscription

__all__ = ["Listing", "OpenSender", "Opened", "json_value", "seconds", "sender_options"]

_LENGTH = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(s|m|min|h|d)?")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


class Opened:
    """The database of a sender, opened for one command."""

    def __init__(self, sender: Sender, name: str, option: str) -> None:
        self.sender = sender
        self.name = name
        """That of the database."""
        self.option = option
        """What a hint ends with to be about this file, with a leading space; or nothing."""

    def known(self, number: int) -> Subscription:
        """The subscription of this number. Raises Failure."""
        found = self.sender.subscriptions.get(number)
        if found is None:
            raise Failure(f"There is no subscription {number}. Those there are: perscom-bridge subscriptions{self.option}")
        return found

    def nobody(self) -> str | None:
        """A sentence when no process delivers at the moment."""
        health = self.sender.health()
        if health.delivering:
            return None
        since = "" if health.worker_seen is None else f", for {about(health.worker_seen)}"
        return f"Nobody delivers at the moment{since}. Start it: perscom-bridge deliveries run{self.option}"


class Listing(click.Group):
    """A group of commands that lists where none is named: its command ``list``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def seconds(text: str) -> float:
    """The type of an option that has a length of time: ``10s``, ``5m``, ``2h``, ``3d``."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no length of time. Write it as 10s, 5m, 2h or 3d.")
    return float(found[1]) * _UNITS[found[2] or "s"]


OpenSender = Callable[..., AbstractContextManager[Opened]]
"""Opens the sender that a command is about: see :func:`_opened`."""


def sender_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which sender is meant. What opens it is the parameter ``open_sender`` of the command."""

    @config_option
    @click.option("--database", metavar="FILE", help="The sender's file, or its PostgreSQL: no bridge.toml then.")
    @click.option("--sender", default="default", metavar="NAME", help="Which one, where several share the file.")
    @wraps(command)
    def with_sender(config: Path, database: str | None, sender: str, **given: Any) -> Any:
        return command(open_sender=partial(_opened, config, database, sender), **given)

    return with_sender


@contextmanager
def _opened(config: Path, database: str | None, name: str, *, new: bool = False, **settings: Any) -> Iterator[Opened]:
    """The sender in ``database``, or in the one that ``config`` names; with ``new`` it may be one to be made.

    Raises Failure when there is none, and ConfigurationError for a configuration with mistakes.
    """
    from perscom_receiver.queue import Database
    from perscom_sender import Sender

    place, option = _found(config, database)
    option += "" if name == "default" else f" --sender {quote(name)}"
    kept = Database(place)
    if not kept.exists() and not new:
        add = f"perscom-bridge subscriptions add URL --events NAME{option}"
        raise Failure(f"There is no database {kept.name} yet. The first subscription makes it: {add}")
    sender = Sender(kept, name=name, **settings)
    try:
        yield Opened(sender, kept.name, option)
    finally:
        sender.close()


def _found(config: Path, database: str | None) -> tuple[str, str]:
    """The file or the address, and the option that names it."""
    from .._load import load_server

    named = click.get_current_context().get_parameter_source("config") is not ParameterSource.DEFAULT
    if database is not None and named:
        raise Failure("Name the sender's file once: with --database, or by the configuration that has it.")
    if database is not None:
        if urlsplit(database).password is not None:
            raise Failure("Others see a command line: leave the password out of the address, and put it into PGPASSWORD.")
        return database, f" --database {quote(database)}"
    if not named and not os.path.lexists(config):
        raise Failure(f"There is no {config} here. Name the sender's file: --database sender.db. Or a configuration: --config.")
    return load_server(config).place, f" --config {quote(str(config))}" if named else ""


def json_value(text: str, option: str) -> Any:
    """The JSON in ``text``, in the file behind an ``@``, or for ``-`` on standard input. Raises Failure."""
    import json

    try:
        if text == "-":
            text = sys.stdin.buffer.read().decode()
        elif text.startswith("@"):
            text = Path(text[1:]).read_bytes().decode()
        return json.loads(text)
    except OSError as error:
        raise Failure(f"{text[1:]} cannot be read: {error.strerror}.") from error
    except json.JSONDecodeError as error:
        why = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError):
        why = "it is no UTF-8 text, or nested too deeply"
    raise Failure(f"What {option} has is no JSON ({why}). In a shell it stands in single quotes: '{{\"id\": 17}}'")
