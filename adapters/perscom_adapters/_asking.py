"""What asking a platform whether a destination would work has in common, whatever the platform."""

from __future__ import annotations

import msgspec

from perscom_receiver import DestinationError

from ._http import Answer

__all__ = ["puzzling", "quoted", "stated"]

_LONGEST = 60


def quoted(name: object) -> str:
    """A name that somebody gave something there, fit for one line."""
    text = name if isinstance(name, str) else "?"
    shown = "".join(character if character.isprintable() else "?" for character in text[:_LONGEST])
    return f'"{shown}{"…" if len(text) > _LONGEST else ""}"'


def puzzling(platform: str) -> DestinationError:
    """A success that tells nothing: the page of a proxy, for example."""
    return DestinationError(
        f"What answers is not {platform}, or not as this version knows it. Is there a proxy between?", outcome="retry"
    )


def stated(status: int, **body: object) -> Answer:
    """The answer that a message would get, by what another answer has told."""
    return Answer(status, {}, msgspec.json.encode(body))
