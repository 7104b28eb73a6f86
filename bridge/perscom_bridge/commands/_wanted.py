"""What may stand among the events of a subscription, as people write it on a command line."""

from __future__ import annotations

from collections.abc import Iterable

from ._shared import Failure

__all__ = ["wanted"]


def wanted(given: Iterable[str]) -> tuple[str, ...]:
    """The names, globs and groups in ``given``, each text with commas between them. Raises Failure for what is none.

    Events of your own are called as you like, so only what looks like a word of PERSCOM or of ours is judged.
    """
    names = tuple(dict.fromkeys(name for text in given for part in text.split(",") if (name := part.strip())))
    if not names:
        raise Failure(f'Say which events it gets: --events Records, --events "order.*", or --events "*" for all. {_groups()}')
    for name in names:
        if mistake := _mistake(name):
            raise Failure(mistake)
    return names


def _mistake(name: str) -> str | None:
    from perscom_adapters import WORDS
    from perscom_receiver import EVENT_NAMES
    from perscom_sender import EVENT_GROUPS

    from .._problems import did_you_mean, hide

    if name in EVENT_GROUPS or name in EVENT_NAMES or set(name) & set("*?["):
        return None
    if name in WORDS:
        return f'"{name}" is a word for destinations. What PERSCOM sends is called: {", ".join(WORDS[name].events)}'
    resource, dot, _ = name.partition(".")
    if dot and resource not in {known.partition(".")[0] for known in EVENT_NAMES}:
        return None
    near = did_you_mean(name, EVENT_NAMES if dot else EVENT_GROUPS)
    if dot:
        return f'"{hide(name)}" is no event of PERSCOM.{near}      All of {resource}: --events "{resource}.*"'
    if near or not name.islower():
        return f'"{hide(name)}" is no group of events.{near}      {_groups()}'
    return None


def _groups() -> str:
    from perscom_sender import EVENT_GROUPS

    return f"Groups: {', '.join(EVENT_GROUPS)}"
