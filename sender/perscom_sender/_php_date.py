"""Dates in PHP's formats: ``|date("j F Y")`` and ``now.format("H")``. English, as PHP's are; UTC where no zone is named."""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from ._php import Stopped

__all__ = ["DEFAULT_FORMAT", "LONGEST_PART", "PARTS", "formatted", "json_text", "moment", "zone"]

DEFAULT_FORMAT: Final = "F j, Y H:i"
"""Twig's own."""
LONGEST_PART: Final = 32
"""Letters that one letter of a format becomes, at most."""
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SUFFIXES = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
PARTS: Final[Mapping[str, Callable[[datetime], int]]] = {
    "year": lambda at: at.year,
    "month": lambda at: at.month,
    "day": lambda at: at.day,
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "second": lambda at: at.second,
    "dayOfWeek": lambda at: at.isoweekday() % 7,  # Sunday is 0
    "dayOfWeekIso": lambda at: at.isoweekday(),
    "timestamp": lambda at: int(at.timestamp()),
}
"""What may stand behind ``now.``, besides ``format``."""
_ISO = "Y-m-d\\TH:i:sP"
_RFC = "D, d M Y H:i:s O"
_offset = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})").fullmatch
_seconds = re.compile(r"@?(-?[0-9]{1,14})").fullmatch


def formatted(at: datetime, pattern: str) -> str:
    """``at``, which is aware, in a format of PHP. A letter without a meaning, or behind a backslash, stands for itself."""
    written, letters = [], iter(pattern)
    for letter in letters:
        if letter == "\\":
            written.append(next(letters, ""))
        else:
            make = _LETTERS.get(letter)
            written.append(letter if make is None else make(at))
    return "".join(written)


def moment(value: object, now: datetime) -> datetime:
    """What Twig's ``date`` takes: a date as PERSCOM writes it, seconds since 1970, or nothing, which is ``now``.

    Raises Stopped for anything else.
    """
    if isinstance(value, datetime):
        return value
    if value is None or value in ("", "now"):
        return now
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Stopped("date takes a text or seconds since 1970")
    found = _seconds(value if isinstance(value, str) else str(int(value)))
    try:
        if found is not None:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(found[1]))
        read = datetime.fromisoformat(str(value).strip())
    except (ValueError, OverflowError):
        # The text may be somebody's, so it is not named.
        raise Stopped("date takes 2026-03-05, 2026-03-05 04:07:09, 2026-03-05T04:07:09Z or seconds since 1970") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def zone(name: str) -> tzinfo:
    """The time zone ``name`` (``Europe/London``, ``UTC``, ``+02:00``). Raises Stopped when there is none."""
    if name in ("UTC", "Z"):
        return UTC
    found = _offset(name)
    try:
        if found is not None:
            minutes = int(found[2]) * 60 + int(found[3])
            return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise Stopped("there is no such time zone; name one as Europe/London") from None


def json_text(at: datetime) -> str:
    """As a date stands in a JSON text."""
    return formatted(at.astimezone(UTC), "Y-m-d\\TH:i:s.u\\Z")


def _clock(hour: int) -> int:
    return hour % 12 or 12


def _shift(at: datetime) -> int:
    return int((at.utcoffset() or timedelta()).total_seconds())


def _offset_text(at: datetime, between: str) -> str:
    hours, minutes = divmod(abs(_shift(at)) // 60, 60)
    return f"{'-' if _shift(at) < 0 else '+'}{hours:02}{between}{minutes:02}"


def _zone_name(at: datetime) -> str:
    if isinstance(at.tzinfo, ZoneInfo):
        return str(at.tzinfo)
    return "UTC" if at.tzinfo is UTC else _offset_text(at, ":")


def _beat(at: datetime) -> int:
    """Swatch's thousandth of a day, which begins at midnight in UTC+1."""
    there = at.astimezone(timezone(timedelta(hours=1)))
    return (there.hour * 3600 + there.minute * 60 + there.second) * 10 // 864


_LETTERS: Mapping[str, Callable[[datetime], str]] = {
    "d": lambda at: f"{at.day:02}",
    "D": lambda at: _DAYS[at.weekday()][:3],
    "j": lambda at: str(at.day),
    "l": lambda at: _DAYS[at.weekday()],
    "N": lambda at: str(at.isoweekday()),
    "S": lambda at: _SUFFIXES.get(at.day, "th"),
    "w": lambda at: str(at.isoweekday() % 7),
    "z": lambda at: str(at.timetuple().tm_yday - 1),
    "W": lambda at: f"{at.isocalendar().week:02}",
    "F": lambda at: _MONTHS[at.month - 1],
    "m": lambda at: f"{at.month:02}",
    "M": lambda at: _MONTHS[at.month - 1][:3],
    "n": lambda at: str(at.month),
    "t": lambda at: str(monthrange(at.year, at.month)[1]),
    "L": lambda at: str(int(isleap(at.year))),
    "o": lambda at: str(at.isocalendar().year),
    "X": lambda at: f"+{at.year:04}",
    "x": lambda at: f"{at.year:04}",
    "Y": lambda at: f"{at.year:04}",
    "y": lambda at: f"{at.year % 100:02}",
    "a": lambda at: "am" if at.hour < 12 else "pm",
    "A": lambda at: "AM" if at.hour < 12 else "PM",
    "B": lambda at: f"{_beat(at):03}",
    "g": lambda at: str(_clock(at.hour)),
    "G": lambda at: str(at.hour),
    "h": lambda at: f"{_clock(at.hour):02}",
    "H": lambda at: f"{at.hour:02}",
    "i": lambda at: f"{at.minute:02}",
    "s": lambda at: f"{at.second:02}",
    "u": lambda at: f"{at.microsecond:06}",
    "v": lambda at: f"{at.microsecond // 1000:03}",
    "e": _zone_name,
    "I": lambda at: str(int(bool(at.dst()))),
    "O": lambda at: _offset_text(at, ""),
    "P": lambda at: _offset_text(at, ":"),
    "p": lambda at: "Z" if at.tzinfo is UTC else _offset_text(at, ":"),
    "T": lambda at: (at.tzname() or "") if isinstance(at.tzinfo, ZoneInfo) or at.tzinfo is UTC else _offset_text(at, ":"),
    "Z": lambda at: str(_shift(at)),
    "c": lambda at: formatted(at, _ISO),
    "r": lambda at: formatted(at, _RFC),
    "U": lambda at: str(int(at.timestamp())),
}
