"""A trouble of a running community: the operator hears of it once when it begins, and once when it is over. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

__all__ = ["HOUR", "Outage", "Told", "Trouble", "compare"]

HOUR = 3600.0
_MINUTE = 60.0


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A destination that takes nothing and is tried again and again."""

    destination: str
    since: float
    """Seconds for which nothing got through."""
    waiting: int
    """Events; at least one."""
    oldest: float
    """Seconds since the oldest of them arrived."""
    error: str
    """What came of the newest attempt, in the words of the log."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. The operator hears of it once, and once when it is over."""

    key: str
    """What it is known by as long as it lasts."""
    text: str
    """What is wrong, and what to do."""
    over: str
    """What to say when it is over."""
    quiet: float = 0.0
    """Seconds that nothing more of it must be seen until it is over."""
    again: float = 0.0
    """Seconds after it was told within which nothing is said when it comes back: strangers can bring this one about."""
    begins: bool = True
    """False: too little to speak of, but enough for one that was told to go on."""
    outage: Outage | None = None
    """Where it is one of these: several are told in one sentence."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A trouble that the operator has heard of. Times are seconds since 1970."""

    trouble: Trouble
    at: float
    seen: float
    """When there was last anything of it, to the minute."""
    ended: bool = False


def compare(
    told: Mapping[str, Told], present: Collection[Trouble], now: float
) -> tuple[list[Trouble], list[Told], dict[str, Told]]:
    """What is new, what is over, and what is known of each once both are told."""
    new: list[Trouble] = []
    over: list[Told] = []
    after = dict(told)
    for trouble in present:
        known = told.get(trouble.key)
        if known is not None and not known.ended:
            if known.trouble.quiet and not _within(known.seen, _MINUTE, now):
                after[trouble.key] = msgspec.structs.replace(known, seen=now)
        elif trouble.begins and (known is None or not _within(known.at, trouble.again, now)):
            new.append(trouble)
            after[trouble.key] = Told(trouble=trouble, at=now, seen=now)
    here = {trouble.key for trouble in present}
    for key, known in told.items():
        if key in here:
            continue
        if not known.ended and not _within(known.seen, known.trouble.quiet, now):
            over.append(known)
            after[key] = msgspec.structs.replace(known, ended=True)
        if after[key].ended and not _within(known.at, known.trouble.again, now):
            del after[key]
    return new, over, after


def _within(since: float, seconds: float, now: float) -> bool:
    """Also a clock that was set back ends a wait."""
    return 0 <= now - since < seconds
