"""What is known of one community, in memory: bounded, and asked without waiting."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple, TypeVar

from .facts import Facts, Key
from .standing import History, Seen, observed, value_before, without_repeats

__all__ = ["Learned", "Name", "Names"]

_T = TypeVar("_T")

MOST: Final = 100_000
"""Names, and as many histories. A community has a few thousand; what is learned beyond this pushes out the oldest."""


class Name(NamedTuple):
    """A name, and when PERSCOM showed it last: microseconds since 1970."""

    text: str
    created: int


class Learned:
    """What is to be written down and to be dropped, gathered until that is committed."""

    def __init__(self) -> None:
        self.names: dict[Key, Name] = {}
        self.histories: dict[Key, History] = {}
        """By kind and member, like ``dropped_histories``."""
        self.dropped: set[Key] = set()
        self.dropped_histories: set[Key] = set()
        self.left: list[tuple[int, int]] = []
        """Rows of events, and the members of whom they tell that they were deleted."""

    def __bool__(self) -> bool:
        return any((self.names, self.histories, self.dropped, self.dropped_histories, self.left))


class Names:
    """Names by kind and id, and the history of each member's rank, unit and so on by kind and member."""

    def __init__(self, names: Iterable[tuple[Key, Name]] = (), histories: Iterable[tuple[Key, History]] = ()) -> None:
        self._names = dict(names)
        self._histories = dict(histories)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, kind: str, key: int) -> str | None:
        """The newest name that was seen for an id."""
        found = self._names.get((kind, key))
        return found.text if found else None

    def before(self, kind: str, member: int, at: int, actions: Collection[str]) -> int | None:
        """The id of the rank, unit and so on that a member had before an action: see :func:`standing.value_before`."""
        return value_before(self._histories.get((kind, member), ()), at, actions)

    def learn(self, facts: Facts, into: Learned) -> None:
        """Take ``facts`` in, and note what of it has to be written down. Learning twice changes nothing."""
        for key, text in facts.names:
            self._learn_name(key, Name(text, facts.created), into.names)
        for member, kind, value, action in facts.standing:
            self._learn_standing((kind, member), Seen(facts.created, value, action), into.histories)
        _push_out(self._names, into.names, into.dropped)
        _push_out(self._histories, into.histories, into.dropped_histories)

    def _learn_name(self, key: Key, new: Name, changed: dict[Key, Name]) -> None:
        old = self._names.get(key)
        if old is not None and new.created <= old.created:
            return
        self._names.pop(key, None)  # what was seen last stands last
        self._names[key] = new
        if old is None or old.text != new.text or _hour(old.created) != _hour(new.created):
            changed[key] = new

    def _learn_standing(self, key: Key, seen: Seen, changed: dict[Key, History]) -> None:
        old = self._histories.pop(key, ())
        new = self._histories[key] = observed(old, seen)
        if _gist(new) != _gist(old):
            changed[key] = new


def _hour(created: int) -> int:
    """That an old name is still right is written down once an hour, not with every event."""
    return created // (3600 * 10**6)


def _gist(history: History) -> list[tuple[int, int | None, str | None]]:
    kept = without_repeats(history)
    return [(_hour(seen.at) if seen.action is None else seen.at, seen.value, seen.action) for seen in kept]


def _push_out(known: dict[Key, _T], changed: dict[Key, _T], dropped: set[Key]) -> None:
    dropped.difference_update(changed)  # what comes back stays
    while len(known) > MOST:
        key = next(iter(known))
        del known[key]
        changed.pop(key, None)
        dropped.add(key)
