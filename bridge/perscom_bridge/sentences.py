"""What is wrong with a running community, as sentences for its operator. Pure: from what was seen to what there is to say.

Nothing in here names a person, an address or a secret. Each sentence is written here in English, and in the catalogues of
``_languages`` under that in the other languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from . import conditions
from ._languages import log_in, say
from .signs import Signs
from .trouble import HOUR, Outage, Told, Trouble

__all__ = ["BURST", "HELD_UP", "Sentences"]

BURST = 3
"""Refused calls of one kind that are trouble: PERSCOM tries three times to deliver one event."""
HELD_UP = 900.0
"""Seconds for which nothing got through to a destination that are trouble: what is shorter mends itself."""
_MINUTE = 60.0
_DAY = 86_400.0


class Sentences:
    """In the language with the code ``language``."""

    def __init__(self, language: str) -> None:
        self._language = language

    def troubles(self, signs: Signs, own: str) -> list[Trouble]:
        """All that is wrong, the worst first; not that nothing gets through to ``own``, the operator's destination itself."""
        found = [*self._of_storing(signs), *self._of_destinations(signs), *self._of_calls(signs), *self._of_settings(signs)]
        return [trouble for trouble in found if trouble.key not in (_off(own), _held_up(own))]

    def of(self, new: Collection[Trouble], over: Collection[Told]) -> list[str]:
        """What there is to say of these. That nothing gets through is said of several destinations at once."""
        ended = [told.trouble for told in over]
        return [
            *_together(new, [trouble.text for trouble in new], self._all_held_up),
            *_together(ended, [trouble.over for trouble in ended], self._free),
        ]

    def title(self, who: str, *, trouble: bool) -> str:
        """The headline of a message: ``trouble``, or that some is over."""
        return self._say("{who}: trouble", who=who) if trouble else self._say("{who}: mended", who=who)

    def more(self, count: int) -> str:
        """That there is so much that has no room."""
        return self._say("And {count} more: the status page has them all.", count=count)

    def _of_storing(self, signs: Signs) -> Iterator[Trouble]:
        if signs.unstored:
            yield Trouble(
                key="unstored",
                text=self._say(
                    "{count} calls were not stored in the last 10 minutes: the disk is full or too slow, or too much came at"
                    " once. PERSCOM tries three times within two minutes. Make room soon; the log says more.",
                    count=signs.unstored,
                ),
                over=self._say("Calls can be stored again."),
                quiet=HOUR,
                again=_DAY,
                begins=signs.unstored >= BURST,
            )
        if not signs.health.worked:
            yield Trouble(
                key="unworked",
                text=self._say(
                    "Nobody handles what is stored. {waiting} Restart perscom-bridge; the log says why.",
                    waiting=self._waiting(signs.health.waiting),
                ),
                over=self._say("What is stored is handled again."),
            )

    def _of_destinations(self, signs: Signs) -> Iterator[Trouble]:
        for lane in signs.lanes:
            if lane.paused is not None:
                yield Trouble(
                    key=_off(lane.name),
                    text=self._say(
                        "{name} is off: {reason} {waiting} Once it works again with the same settings: perscom-bridge inbox"
                        " resume {name}",
                        name=lane.name,
                        reason=log_in(self._language, lane.paused),
                        waiting=self._waiting(lane.waiting),
                    ),
                    over=self._say("{name} is no longer off.", name=lane.name),
                )
                yield Trouble(key=_held_up(lane.name), text="", over="", begins=False)  # one that was told is not over
        paused = {lane.name for lane in signs.lanes if lane.paused is not None}
        yield from (self._outage(outage) for outage in signs.outages if outage.destination not in paused)
        for one in signs.given_up:
            yield Trouble(
                key=f"given up {one.destination}",
                text=self._counted(
                    one.count,
                    "1 message was given up for {name} within a day, for this reason: {reason} See: perscom-bridge inbox dead",
                    "{count} messages were given up for {name} within a day, the newest for this reason: {reason} All of them:"
                    " perscom-bridge inbox dead",
                    name=one.destination,
                    reason=log_in(self._language, one.error),
                ),
                over=self._say("No message was given up for {name} for a day.", name=one.destination),
            )

    def _of_calls(self, signs: Signs) -> Iterator[Trouble]:
        for kind, burst in signs.refused.items():
            yield Trouble(
                key=f"refused {kind}",
                text=self._say(
                    "{count} calls were refused in the last 10 minutes. {reason} The log says more.",
                    count=burst.count,
                    reason=log_in(self._language, burst.text),
                ),
                over=self._say("No call was refused for an hour ({kind}).", kind=self._say(_words(kind))),
                quiet=HOUR,
                again=_DAY,
                begins=burst.count >= BURST,
            )
        if signs.health.old_secret:
            yield Trouble(
                key="old secret",
                text=self._counted(
                    signs.health.old_secret,
                    "1 event was signed with an old secret in the last 24 hours. Look into PERSCOM's webhook form before you"
                    " take it out.",
                    "{count} events were signed with an old secret in the last 24 hours. Look into PERSCOM's webhook form"
                    " before you take it out.",
                ),
                over=self._say("The old secret was not used for a day: its lines can be taken out."),
            )

    def _of_settings(self, signs: Signs) -> Iterator[Trouble]:
        for (destination, outcome), burst in signs.failed.items():
            if outcome == conditions.FAILED:
                text = self._counted(
                    burst.count,
                    "{name}: its condition failed on 1 event in the last 10 minutes, so that it was not posted. Write its when"
                    " line another way; the log says more.",
                    "{name}: its condition failed on {count} events in the last 10 minutes, so that they were not posted. Write"
                    " its when line another way; the log says more.",
                    name=destination,
                )
                over = self._say("{name}: its condition has not failed for a day.", name=destination)
            else:
                text = self._counted(
                    burst.count,
                    "{name}: a wording failed on 1 message in the last 10 minutes, which went out in the built-in words. Mend"
                    " it under [wording]; the log says which one it is.",
                    "{name}: a wording failed on {count} messages in the last 10 minutes, which went out in the built-in words."
                    " Mend it under [wording]; the log says which one it is.",
                    name=destination,
                )
                over = self._say("{name}: no wording has failed for a day.", name=destination)
            yield Trouble(key=f"{outcome} {destination}", text=text, over=over, quiet=_DAY)

    def _outage(self, outage: Outage) -> Trouble:
        return Trouble(
            key=_held_up(outage.destination),
            text=self._say(
                "Nothing has got through to {name} for {time}. {reason} {waiting} It is tried again and again. To see what is"
                " wrong: perscom-bridge check --live",
                name=outage.destination,
                time=self._time(outage.since),
                reason=log_in(self._language, outage.error),
                waiting=self._waiting_since([outage]),
            ),
            over=self._free([outage]),
            quiet=2 * _MINUTE,  # between two attempts, or two events, nothing seems to be wrong
            begins=outage.since >= HELD_UP,
            outage=outage,
        )

    def _all_held_up(self, outages: Sequence[Outage]) -> str:
        return self._say(
            "Nothing has got through to {names} for {time}. {waiting} They are tried again and again. Can this machine reach"
            " the internet? To see which of them answer: perscom-bridge check --live",
            names=self._names(outages),
            time=self._time(min(outage.since for outage in outages)),
            waiting=self._waiting_since(outages),
        )

    def _free(self, outages: Sequence[Outage]) -> str:
        return self._say("Nothing is held up for {names} any more.", names=self._names(outages))

    def _names(self, outages: Sequence[Outage]) -> str:
        *others, last = (outage.destination for outage in outages)
        return self._say("{others} and {last}", others=", ".join(others), last=last) if others else last

    def _waiting(self, count: int) -> str:
        if not count:
            return self._say("Nothing is waiting.")
        return self._counted(count, "1 event is waiting.", "{count} events are waiting.")

    def _waiting_since(self, outages: Sequence[Outage]) -> str:
        return self._counted(
            sum(outage.waiting for outage in outages),
            "1 event has been waiting for {time}.",
            "{count} events are waiting, the oldest for {time}.",
            time=self._time(max(outage.oldest for outage in outages)),
        )

    def _time(self, seconds: float) -> str:
        """At least two of something, so that no language needs another word for one."""
        minutes = max(2, int(seconds // _MINUTE))
        if minutes < 2 * 60:
            return self._say("{count} minutes", count=minutes)
        hours = minutes // 60
        return self._say("{count} hours", count=hours) if hours < 2 * 24 else self._say("{count} days", count=hours // 24)

    def _counted(self, count: int, one: str, many: str, **known: str) -> str:
        return self._say(one if count == 1 else many, count=count, **known)

    def _say(self, sentence: str, **known: object) -> str:
        return say(self._language, sentence, **known)


def _together(troubles: Collection[Trouble], texts: Sequence[str], merged: Callable[[Sequence[Outage]], str]) -> Iterator[str]:
    """The text of each, but one for all outages."""
    outages = [trouble.outage for trouble in troubles if trouble.outage is not None]
    for trouble, text in zip(troubles, texts, strict=True):
        if trouble.outage is None or len(outages) == 1:
            yield text
        elif trouble.outage is outages[0]:
            yield merged(outages)


def _off(destination: str) -> str:
    """The key of the trouble that a destination is switched off."""
    return f"off {destination}"


def _held_up(destination: str) -> str:
    """The key of the trouble that nothing gets through to a destination."""
    return f"held up {destination}"


def _words(kind: str) -> str:
    """``signature mismatch`` of ``SignatureMismatch``."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", kind).lower()
