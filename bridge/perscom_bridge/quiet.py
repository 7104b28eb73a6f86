"""Quiet hours: when a destination makes no sound, or says nothing until the morning."""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import msgspec

__all__ = ["Quiet", "quiet_until", "read_quiet"]

_HOURS = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9]) *[-–] *([01]?[0-9]|2[0-3]):([0-5][0-9])")
_DAY = timedelta(days=1)


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """The quiet hours of each day. ``start`` and ``end``, never equal, are what a clock on the wall shows; where ``end`` is
    the earlier one, it is that of the next day."""

    start: time
    end: time
    hold: bool = False
    """What comes is held until the end and becomes one digest then; else it is posted at once, without a sound."""

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}, {'held until the end' if self.hold else 'without a sound'}"


def read_quiet(text: str, *, hold: bool = False) -> Quiet | None:
    """The hours in a text like ``22:00-07:00``; None for one that is none, or that lasts no time."""
    found = _HOURS.fullmatch(text.strip())
    if not found:
        return None
    first, second, third, fourth = map(int, found.groups())
    start, end = time(first, second), time(third, fourth)
    return None if start == end else Quiet(start=start, end=end, hold=hold)


def quiet_until(now: datetime, quiet: Quiet, timezone: tzinfo) -> datetime | None:
    """When the quiet hours that ``now`` (aware) lies in are over, aware, in UTC; None outside of them.

    The end itself lies outside. Where the clocks change, quiet hours last from the first time that a clock shows their start to
    the last time that it shows their end; a time that the change leaves out is the moment of the change.
    """
    now = now.astimezone(UTC)
    today = now.astimezone(timezone).date()
    overnight = quiet.end < quiet.start
    for day in (today - _DAY, today):
        begin = _moment(day, quiet.start, timezone, last=False)
        end = _moment(day + _DAY if overnight else day, quiet.end, timezone, last=True)
        if begin <= now < end:
            return end
    return None


def _moment(day: date, wall: time, timezone: tzinfo, *, last: bool) -> datetime:
    """The first or last moment at which the clock shows ``wall`` on ``day``, in UTC."""
    local = datetime.combine(day, wall, timezone)
    at = local.replace(fold=last).astimezone(UTC)
    if at.astimezone(timezone).replace(tzinfo=None) == datetime.combine(day, wall):
        return at
    # Left out by a change: read with the time before it lies after it, and the other way round.
    early, late = (local.replace(fold=fold).astimezone(UTC) for fold in (1, 0))
    changed = late.astimezone(timezone).utcoffset()
    seconds = range((late - early) // timedelta(seconds=1))
    after = bisect_left(
        seconds, True, key=lambda second: (early + timedelta(seconds=second)).astimezone(timezone).utcoffset() == changed
    )
    return early + timedelta(seconds=after)
