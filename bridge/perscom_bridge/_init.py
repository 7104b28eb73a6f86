"""What ``perscom-bridge init`` writes: bridge.toml with its comments, and .env with the secrets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = ["Answers", "bridge_toml", "dotenv", "write_new"]

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What the person answered, checked. Holds secrets, which its repr hides."""

    secret: str
    public: str | None
    """The address under which PERSCOM reaches this machine, without a slash at the end."""
    perscom: str | None
    """PERSCOM's own address, for links."""
    announcements: str
    """The Discord webhook address of the channel for everybody."""
    staff: str | None
    """The one of the staff channel."""

    def __repr__(self) -> str:
        return "Answers(***)"


def bridge_toml(answers: Answers) -> str:
    """The text of bridge.toml; it names variables and holds no secret."""
    staff = answers.staff is not None
    return (
        _HEAD
        + _line("url", answers.perscom, "https://1st-rangers.example.org", "your PERSCOM address, for links")
        + _SECRETS
        + _SERVER
        + _line("public", answers.public, "https://bridge.example.org", "how the internet reaches `listen`; for PERSCOM's form")
        + _DATABASE
        + _ANNOUNCEMENTS
        + (_STAFF if staff else "")
    )


def dotenv(answers: Answers) -> str:
    """The text of .env."""
    values = {
        "PERSCOM_WEBHOOK_SECRET": answers.secret,
        "DISCORD_ANNOUNCEMENTS_URL": answers.announcements,
        "DISCORD_STAFF_URL": answers.staff,
    }
    lines = [f"{name}={_quoted(value)}\n" for name, value in values.items() if value is not None]
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
# One community and its Discord channels.   After every change: perscom-bridge check, then restart.
# A value that is exactly "${NAME}" is read from the environment, or from the file .env beside this one.

[site]
# name = "1st Ranger Group"                    # how the bridge calls your community
"""

_SECRETS = """\
secret   = "${PERSCOM_WEBHOOK_SECRET}"         # the Secret in PERSCOM's webhook form, copied as it is
# previous_secret = "${OLD_SECRET}"            # still accepted while you change it
timezone = "UTC"                               # for the times on the status page; Discord shows each reader their own
"""

_SERVER = """
[server]
listen   = "127.0.0.1:8000"                    # the only part the internet may reach: /webhooks/perscom and /healthz
status   = "127.0.0.1:8001"                    # page, metrics, readiness: for you alone, never behind the public proxy
"""

_DATABASE = """\
database = "bridge.db"                         # every event lives here; keep it on a real disk
"""

_ANNOUNCEMENTS = """
[destinations.announcements]                   # no `events` line: promotions, awards, qualifications, assignments, events
type     = "discord"
url      = "${DISCORD_ANNOUNCEMENTS_URL}"
"""

_STAFF = """
[destinations.staff]                           # all words: perscom-bridge events
type     = "discord"
url      = "${DISCORD_STAFF_URL}"
events   = ["demotion", "service", "submission", "joined", "left"]
"""
