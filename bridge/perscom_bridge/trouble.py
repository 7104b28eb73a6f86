"""What is wrong with a running community, as sentences for its operator. Pure: from what was seen to what there is to say.

Nothing in here names a person, an address or a secret. The sentences are English, like the log and the page that they quote.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from perscom_receiver import Health

from . import conditions
from ._problems import count
from .overview import LaneRow
from .recent import Burst

__all__ = ["BURST", "HOUR", "GivenUp", "Signs", "Told", "Trouble", "compare", "off", "troubles"]

BURST = 3
"""Refused calls of one kind that are trouble: PERSCOM tries three times to deliver one event."""
HOUR = 3600.0
_MINUTE = 60.0
_DAY = 86_400.0


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


class GivenUp(msgspec.Struct, frozen=True):
    """How many messages for one destination were given up in the last day, and why the newest."""

    destination: str
    count: int
    error: str


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """All that trouble is known by."""

    lanes: Collection[LaneRow]
    """The destinations of the file."""
    health: Health
    given_up: Collection[GivenUp] = ()
    refused: Mapping[str, Burst] = {}
    """Calls that were refused in the last ten minutes, by the kind of refusal, and the cause that the log told last."""
    unstored: int = 0
    """Genuine calls of the last ten minutes that could not be stored."""
    failed: Mapping[tuple[str, str], Burst] = {}
    """Conditions and wordings that failed in the last ten minutes, by destination and outcome."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A trouble that the operator has heard of. Times are seconds since 1970."""

    trouble: Trouble
    at: float
    seen: float
    """When there was last anything of it, to the minute."""
    ended: bool = False


def off(destination: str) -> str:
    """The key of the trouble that a destination is switched off."""
    return f"off {destination}"


def troubles(signs: Signs) -> list[Trouble]:
    """All that is wrong, the worst first."""
    return [*_of_storing(signs), *_of_destinations(signs), *_of_calls(signs), *_of_settings(signs)]


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


def _of_storing(signs: Signs) -> Iterator[Trouble]:
    if signs.unstored:
        yield Trouble(
            key="unstored",
            text=f"{_were(signs.unstored, 'call')} not stored in the last 10 minutes: the disk is full or too slow, or too much"
            " came at once. PERSCOM tries three times within two minutes. The log says why.",
            over="Calls can be stored again.",
            quiet=HOUR,
            again=_DAY,
            begins=signs.unstored >= BURST,
        )
    if not signs.health.worked:
        waiting = count(signs.health.waiting, "event")
        yield Trouble(
            key="unworked",
            text=f"Nobody handles what is stored: {waiting} waiting. Restart perscom-bridge; the log says why.",
            over="What is stored is handled again.",
        )


def _of_destinations(signs: Signs) -> Iterator[Trouble]:
    for lane in signs.lanes:
        if lane.paused is not None:
            waiting = "1 event is" if lane.waiting == 1 else f"{lane.waiting} events are"
            yield Trouble(
                key=off(lane.name),
                text=f"{lane.name} is off: {lane.paused} {waiting} waiting.",
                over=f"{lane.name} is no longer off.",
            )
    for one in signs.given_up:
        yield Trouble(
            key=f"given up {one.destination}",
            text=f"{_were(one.count, 'message')} given up for {one.destination} within a day, the newest for this reason:"
            f" {one.error} All of them: perscom-bridge inbox dead",
            over=f"No message was given up for {one.destination} for a day.",
        )


def _of_calls(signs: Signs) -> Iterator[Trouble]:
    for kind, burst in signs.refused.items():
        yield Trouble(
            key=f"refused {kind}",
            text=f"{_were(burst.count, 'call')} refused in the last 10 minutes. {burst.text}",
            over=f"No call was refused for an hour ({_words(kind)}).",
            quiet=HOUR,
            again=_DAY,
            begins=burst.count >= BURST,
        )
    if signs.health.old_secret:
        yield Trouble(
            key="old secret",
            text=f"{_were(signs.health.old_secret, 'event')} signed with an old secret in the last 24 hours. Look into"
            " PERSCOM's webhook form before you take it out.",
            over="The old secret was not used for a day: its lines can be taken out.",
        )


def _of_settings(signs: Signs) -> Iterator[Trouble]:
    for (destination, outcome), burst in signs.failed.items():
        number = burst.count
        if outcome == conditions.FAILED:
            text = (
                f"{destination}: its condition failed on {count(number, 'event')} in the last 10 minutes, so that"
                f" {'it was' if number == 1 else 'they were'} not posted. Write its `when` another way; the log says more."
            )
            over = f"{destination}: its condition has not failed for a day."
        else:
            text = (
                f"{destination}: a wording failed on {count(number, 'message')} in the last 10 minutes, which went out in the"
                " built-in words. The log says why."
            )
            over = f"{destination}: no wording has failed for a day."
        yield Trouble(key=f"{outcome} {destination}", text=text, over=over, quiet=_DAY)


def _words(kind: str) -> str:
    """``signature mismatch`` of ``SignatureMismatch``."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", kind).lower()


def _were(number: int, thing: str) -> str:
    return f"{count(number, thing)} {'was' if number == 1 else 'were'}"
