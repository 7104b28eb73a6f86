"""One realistic sample of each of the 34 events, out of one invented community.

Everybody and everything in it is made up. Private columns (e-mail, phone, notes, ids of other services) are filled on purpose,
so that a test which looks for leaks has something to find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from . import agenda, records, users
from .story import Sample, Story

__all__ = ["NAMES", "build"]

_STORIES: Mapping[str, Callable[[datetime], Story]] = {
    "user": users.user,
    "assignmentrecord": records.assignment,
    "awardrecord": records.award,
    "combatrecord": records.combat,
    "qualificationrecord": records.qualification,
    "rankrecord": records.rank,
    "servicerecord": records.service,
    "calendar": agenda.calendar,
    "event": agenda.event,
    "message": agenda.message,
    "submission": users.submission,
}
_TEST = "webhook.test"
_LAST_EDIT = timedelta(days=2)  # before the delete, which shows the state of then

NAMES = (*(f"{resource}.{action}" for resource in _STORIES for action in Story._fields), _TEST)
"""The events there is a sample of."""


def build(name: str, at: datetime) -> Sample:
    """A fresh sample of the event ``name``, one of :data:`NAMES`, as if it happened at ``at`` (aware, UTC)."""
    if name == _TEST:
        return Sample(data={"status": "ok"}, changes=None)
    resource, _, action = name.partition(".")
    sample: Sample = getattr(_STORIES[resource](at - _LAST_EDIT if action == "deleted" else at), action)
    return sample
