"""What ``perscom-bridge init`` writes: bridge.toml with its comments, and .env with the secrets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from .platforms import PLATFORMS

__all__ = ["Answers", "NewDestination", "bridge_toml", "dotenv", "write_new"]

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")


class NewDestination(msgspec.Struct, frozen=True, kw_only=True):
    """A channel to post to. ``values`` are the keys of its platform, as they were answered; some are secret."""

    role: str
    """``"announcements"`` or ``"staff"``."""
    platform: str
    values: dict[str, str]

    def __repr__(self) -> str:
        return f"NewDestination(role={self.role!r}, platform={self.platform!r}, values=***)"

    def settings(self) -> Iterator[tuple[str, str, str | None]]:
        """Key, value, and the variable that holds the value when it is secret."""
        for question in PLATFORMS[self.platform].questions:
            parts = (self.platform, *([] if question.once else [self.role]), question.key)
            yield question.key, self.values[question.key], "_".join(parts).upper() if question.secret else None


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What the person answered, checked. Holds secrets, which its repr hides."""

    secret: str
    public: str | None
    """The address under which PERSCOM reaches this machine, without a slash at the end."""
    perscom: str | None
    """PERSCOM's own address, for links."""
    destinations: tuple[NewDestination, ...]
    """The first one is for everybody."""

    def __repr__(self) -> str:
        return "Answers(***)"


def bridge_toml(answers: Answers) -> str:
    """The text of bridge.toml; it names variables and holds no secret."""
    platforms = {destination.platform for destination in answers.destinations}
    return (
        _HEAD
        + _line("url", answers.perscom, "https://1st-rangers.example.org", "your PERSCOM address, for links")
        + _SECRETS
        + _line("operator", _operator(answers, several=len(platforms) > 1), "staff", "this destination hears about trouble")
        + _SERVER
        + _line("public", answers.public, "https://bridge.example.org", "how the internet reaches `listen`; for PERSCOM's form")
        + _DATABASE
        + "".join(_destination(destination, several=len(platforms) > 1) for destination in answers.destinations)
    )


def dotenv(answers: Answers) -> str:
    """The text of .env."""
    values = {"PERSCOM_WEBHOOK_SECRET": answers.secret}
    for destination in answers.destinations:
        values |= {variable: value for _, value, variable in destination.settings() if variable is not None}
    lines = [f"{name}={_quoted(value)}\n" for name, value in values.items()]
    return "# The secrets of bridge.toml. Whoever has this file can post to your channels: keep it to yourself.\n" + "".join(
        lines
    )


def write_new(files: Mapping[Path, str]) -> None:
    """Create all of ``files`` for their owner alone (mode 600), or none of them.

    Raises FileExistsError, with the name, when one is there already, and OSError when one cannot be written; a file that was
    there is never touched.
    """
    made: list[Path] = []
    try:
        for path, text in files.items():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            made.append(path)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
    except BaseException:  # also when the person gives up just now: half a configuration helps nobody
        for path in made:
            path.unlink()
        raise


def _name(destination: NewDestination, *, several: bool) -> str:
    """Where there are ``several`` platforms, it says which."""
    return f"{destination.platform}-{destination.role}" if several else destination.role


def _operator(answers: Answers, *, several: bool) -> str | None:
    """The first channel for staff; trouble is nothing for everybody."""
    return next((_name(one, several=several) for one in answers.destinations if one.role == "staff"), None)


def _destination(destination: NewDestination, *, several: bool) -> str:
    """Its table."""
    lines = [
        f"{f'[destinations.{_name(destination, several=several)}]':<46} # {_COMMENTS[destination.role]}",
        f"{'type':<8} = {_toml_text(destination.platform)}",
    ]
    for key, value, variable in destination.settings():
        is_number = re.fullmatch(r"-?[0-9]+", value) is not None
        written = _toml_text(f"${{{variable}}}") if variable else value if is_number else _toml_text(value)
        lines.append(f"{key:<8} = {written}")
    if destination.role == "staff":
        lines.append(_STAFF_EVENTS)
    return "\n" + "\n".join(lines) + "\n"


def _line(key: str, value: str | None, example: str, comment: str) -> str:
    """One line of TOML; a value that was not given stands there as an example behind a "#"."""
    start = f"# {key} = {_toml_text(example)}" if value is None else f"{key:<8} = {_toml_text(value)}"
    return f"{start:<46} # {comment}\n"


def _toml_text(value: str) -> str:
    return json.dumps(value)  # addresses are ASCII, and there JSON's strings are TOML's


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


_HEAD = """\
# One community and its channels.   After every change: perscom-bridge check, then restart.
# A value that is exactly "${NAME}" is read from the environment, or from the file .env beside this one.

[site]
# name = "1st Ranger Group"                    # how the bridge calls your community
"""

_SECRETS = """\
secret   = "${PERSCOM_WEBHOOK_SECRET}"         # the Secret in PERSCOM's webhook form, copied as it is
# previous_secret = "${OLD_SECRET}"            # still accepted while you change it
timezone = "UTC"                               # for quiet hours, the status page, and times in wordings
"""

_SERVER = """
[server]
listen   = "127.0.0.1:8000"                    # the only part the internet may reach: /webhooks/perscom and /healthz
status   = "127.0.0.1:8001"                    # page, metrics, readiness: for you alone, never behind the public proxy
"""

_DATABASE = """\
database = "bridge.db"                         # every event lives here; keep it on a real disk
"""

_COMMENTS = {
    "announcements": "no `events` line: promotions, awards, qualifications, assignments, events",
    "staff": "all words: perscom-bridge events",
}
_STAFF_EVENTS = 'events   = ["demotion", "service", "submission", "joined", "left"]'
