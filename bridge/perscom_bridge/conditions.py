"""``when``: the condition that an event must meet at one destination."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import msgspec

from perscom_adapters import WORDS, names_of
from perscom_receiver import Event

from ._problems import hide
from ._table import Table

__all__ = ["FAILED", "Condition", "ConditionFailed", "read_condition"]

FAILED = "condition failed"
"""How the attempt to post an event is counted that no condition could judge."""

_log = logging.getLogger("perscom_bridge")


class ConditionFailed(Exception):
    """A condition could not tell whether an event meets it, so it is not met: what it keeps back might be private.

    ``check`` tries each condition out, so this is rare.
    """

    def log(self, destination: str, event: Event) -> None:
        """Tell the operator that ``event`` is not posted to ``destination``."""
        _log.error(
            "%s: `when` failed on %s %s (%s), so it is not posted there. Write the condition another way.",
            destination,
            event.id[:12],
            event.name,
            self,
        )


class Condition(msgspec.Struct, frozen=True):
    """A condition in the language of Jinja2's expressions, checked."""

    source: str

    def met(self, names: Mapping[str, str]) -> bool:
        """Whether the names of an event (see :func:`perscom_adapters.names`) meet it. Raises :class:`ConditionFailed`.

        Compiled once, at its first use.
        """
        from ._sandbox import expression  # here, since Jinja2 is slow to load and most files have no condition

        try:
            return expression(self.source)(names)
        except Exception as error:
            raise ConditionFailed(hide(str(error)) or type(error).__name__) from error


def read_condition(table: Table, events: Iterable[str]) -> Condition | None:
    """The condition under ``when`` of a destination that gets ``events``; None where there is none, or it has mistakes."""
    source = table.text("when")
    if source is None:
        return None
    from ._sandbox import mistakes, names_in

    found = mistakes(source, condition=True, about="a condition", hint="      All of them: perscom-bridge preview promotion")
    for mistake in found:
        table.wrong("when", mistake.text)
    if found:
        return None
    words = _words(events)
    known = {name for word in words for name in names_of(word)}
    for name in sorted(names_in(source, condition=True) - known):
        table.note("when", f'asks for "{name}", which is empty for all that comes here: {", ".join(words)}.')
    return Condition(source)


def _words(events: Iterable[str]) -> list[str]:
    """The words of what ``events`` ask for."""
    asked = tuple(events)
    return [
        word
        for word, row in WORDS.items()
        if word in asked or any(fnmatchcase(name, one) for name in row.events for one in asked)
    ]
