"""Which events are about a user of PERSCOM: those that name the number, or an e-mail address that is known of the user."""

from __future__ import annotations

import re

from ._errors import MalformedEvent
from ._event import Event
from ._json import lenient

__all__ = ["Person"]

_NAMING = frozenset(
    {"user", "user_id", "users", "author", "author_id", "causer", "causer_id", "recipients"},
)
"""Keys under which numbers and objects of users stand. Automations choose their own; these are what one would choose."""


class Person:
    """A user, by number. Learns the user's e-mail addresses from the events it is asked about."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._digits = str(number).encode()
        self._addresses: dict[str, re.Pattern[bytes]] = {}

    @property
    def addresses(self) -> int:
        """How many are known. A new one is a reason to ask again about what was asked before."""
        return len(self._addresses)

    def is_in(self, body: bytes) -> bool:
        """Whether the stored ``body`` is about this user. One that cannot be read is, when the number stands in it."""
        by_address = any(address.search(body) for address in self._addresses.values())
        if self._digits not in body:  # most are about others: spare the rest
            return by_address
        try:
            return self._is_named(Event.parse(body)) or by_address
        except MalformedEvent:
            return True

    def _is_named(self, event: Event) -> bool:
        """A loop and no recursion, to the end, so that every address is learned."""
        found = False
        waiting: list[tuple[str, object]] = [("user" if event.resource == "user" else "", event.data)]
        waiting.extend(event.changes.items())
        while waiting:
            key, value = waiting.pop()
            if isinstance(value, str):
                value = _decoded(value)
            if isinstance(value, dict):
                if (key in _NAMING or "email" in value) and self._is(value.get("id")):
                    found = True
                    self._learn(value.get("email"))
                waiting.extend(value.items())
            elif isinstance(value, list):
                waiting.extend((key, member) for member in value)
            elif key in _NAMING and self._is(value):
                found = True
        return found

    def _is(self, value: object) -> bool:
        """Templates of automations turn numbers into texts."""
        return type(value) in (int, str) and str(value) == str(self._number)

    def _learn(self, address: object) -> None:
        if isinstance(address, str) and "@" in address:
            whole = rb"(?<![\w.+-])" + re.escape(address.encode(errors="replace")) + rb"(?![\w-])"
            self._addresses.setdefault(address, re.compile(whole, re.IGNORECASE))


def _decoded(text: str) -> object:
    """The value of a text that holds JSON, as ``changes`` gives lists; any other text as it is."""
    if text[:1] not in ("[", "{"):
        return text
    try:
        return lenient(text)
    except (ValueError, RecursionError):
        return text
