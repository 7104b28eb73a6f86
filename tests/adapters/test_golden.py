"""The messages of all 34 events, and of several together, as they were reviewed: wording, platforms, and other languages."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from actions import CHANGED, MOVED, NIGHT, PLANNED, PROMOTION, TRANSFER
from community import Community

from perscom_adapters import (
    LANGUAGES,
    Message,
    discord,
    plain,
    render,
    render_digest,
    render_group,
    render_late,
    slack,
    struck,
    telegram,
)
from perscom_receiver import EVENT_NAMES
from perscom_receiver.testing import make_event

GOLDEN = Path(__file__).parent / "golden"
REWRITE = "REWRITE_GOLDEN"
"""``REWRITE_GOLDEN=1 pytest tests/adapters/test_golden.py`` writes the golden files anew. Review them like code."""

NOW = datetime(2026, 3, 2, 18, 20, 5, 201415, tzinfo=UTC)
PLATFORMS: dict[str, Callable[..., dict[str, object]]] = {
    "discord": discord.payload,
    "slack": slack.payload,
    "telegram": telegram.payload,
}
TRANSLATIONS = LANGUAGES[1:]
HOW: dict[str, Any] = {"directory": Community(), "timezone": ZoneInfo("Europe/Berlin")}


def present(message: Message | None) -> Message:
    assert message is not None
    return message


TOGETHER: dict[str, Callable[[str], Message | None]] = {
    "transfer": lambda language: render_group(TRANSFER, language=language, **HOW),
    "promotion": lambda language: render_group(PROMOTION, language=language, **HOW),
    "moved": lambda language: render_group([MOVED], language=language, told=[PLANNED], **HOW),
    "night": lambda language: render_digest(NIGHT, language=language, **HOW),
    "edited": lambda language: render_late(PROMOTION, CHANGED, language=language, **HOW),
    "struck": lambda language: struck(present(render_group((*PROMOTION, CHANGED), language=language, **HOW))),
}
"""A transfer of six deliveries, a promotion of two, an event that is moved, a night; and what becomes of the promotion when it
is changed, and then withdrawn."""


def told(name: str, *, known: bool, language: str = "en", timezone: str = "UTC", show: tuple[str, ...] = ()) -> Message:
    message = render(
        make_event(name, created=NOW),
        Community() if known else None,
        language=language,
        timezone=ZoneInfo(timezone),
        show=show,
    )
    assert message is not None
    return message


def compare(file: Path, text: str) -> None:
    if os.environ.get(REWRITE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        pytest.skip("the golden file was written; read it")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_each_event_reads_as_it_was_reviewed(name: str) -> None:
    parts = {"From the payload alone": told(name, known=False), "With a directory": told(name, known=True)}
    if name in ("submission.created", "submission.updated"):
        parts["With the answers"] = told(name, known=True, show=("answers",))
    compare(GOLDEN / f"{name}.txt", "\n".join(f"=== {heading}\n\n{plain(message)}\n" for heading, message in parts.items()))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", EVENT_NAMES)
def test_each_platform_gets_what_was_reviewed(name: str, platform: str) -> None:
    message = told(name, known=True, show=("answers",))
    body = msgspec.json.format(msgspec.json.encode(PLATFORMS[platform](message)), indent=2).decode()
    compare(GOLDEN / platform / f"{name}.json", f"{body}\n")


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_each_language_reads_as_it_was_reviewed(language: str) -> None:
    parts = []
    for name in EVENT_NAMES:
        for known in (True, False):
            message = told(name, known=known, language=language, timezone="Europe/Berlin", show=("answers",))
            parts.append(f"=== {name}{'' if known else ', from the payload alone'}\n\n{plain(message)}\n")
    compare(GOLDEN / f"{language}.txt", "\n".join(parts))


@pytest.mark.parametrize("name", TOGETHER)
def test_several_events_together_read_as_they_were_reviewed(name: str) -> None:
    parts = {language: present(TOGETHER[name](language)) for language in LANGUAGES}
    text = "\n".join(f"=== {language}\n\n{plain(message)}\n" for language, message in parts.items())
    compare(GOLDEN / "together" / f"{name}.txt", text)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", TOGETHER)
def test_each_platform_gets_them_as_they_were_reviewed(name: str, platform: str) -> None:
    body = PLATFORMS[platform](present(TOGETHER[name]("en")), edit=name in ("edited", "struck"))
    compare(
        GOLDEN / "together" / platform / f"{name}.json",
        f"{msgspec.json.format(msgspec.json.encode(body), indent=2).decode()}\n",
    )


def test_there_is_a_golden_file_for_each_of_them_and_no_other() -> None:
    wanted = {f"{name}.txt" for name in EVENT_NAMES} | {f"{language}.txt" for language in TRANSLATIONS}
    wanted |= {f"{platform}/{name}.json" for platform in PLATFORMS for name in EVENT_NAMES}
    wanted |= {f"together/{file}" for name in TOGETHER for file in (f"{name}.txt", *(f"{p}/{name}.json" for p in PLATFORMS))}
    assert {file.relative_to(GOLDEN).as_posix() for file in GOLDEN.rglob("*.*")} == wanted
