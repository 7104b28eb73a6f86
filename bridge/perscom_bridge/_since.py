"""Moments in the past as people write them: ``yesterday``, ``2026-03-01``, ``2026-03-01 18:00``, ``3h``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

__all__ = ["SPELLINGS", "since"]

SPELLINGS = 'yesterday, today, a date such as 2026-03-01 or "2026-03-01 18:00", or how long ago: 90m, 3h, 2d, 1w'

_AGO = re.compile(r"([0-9]{1,4}) ?(?:(m|min|minutes?)|(h|hours?)|(d|days?)|(w|weeks?))")
_UNITS = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1))
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:?[0-9]{2})?)?")


def since(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """The moment that ``text`` means at ``now`` (aware), aware; None for what means none.

    Days begin at midnight in ``zone``, and so is meant what names no offset.
    """
    word = text.strip().lower()
    try:
        if word in ("today", "yesterday"):
            day = now.astimezone(zone).date() - (word == "yesterday") * timedelta(days=1)
            return datetime.combine(day, time(), zone)
        if found := _AGO.fullmatch(word):
            unit = next(unit for unit, name in zip(_UNITS, found.groups()[1:], strict=True) if name)
            return now.astimezone(UTC) - int(found[1]) * unit
        if _DATE.fullmatch(text.strip()):
            moment = datetime.fromisoformat(text.strip())
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    except (ValueError, OverflowError):  # the 31st of February
        return None
    return None
