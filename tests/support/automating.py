"""What the tests of the automations share: a context, and what becomes of a text in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from perscom_sender._automation_rules import check
from perscom_sender.automations import Automation, Context, DryRun, dry_run

__all__ = ["CONTEXT", "MODEL", "MODEL_WITHOUT_CAUSER", "NOW", "automation", "checked", "met", "rendered"]

NOW = datetime(2026, 3, 5, 4, 7, 9, tzinfo=UTC)
MODEL = {
    "id": 7,
    "name": "O'Brien <b>",
    "approved": True,
    "online": False,
    "notes": None,
    "points": "12",
    "ratio": 2.5,
    "tags": ["alpha", "bravo", "charlie"],
    "items": {"rifle": 2, "helmet": 1},
    "text": "one\ntwo",
    "created_at": "2026-03-05T04:07:09.000000Z",
    "rank": {"name": "Sergeant"},
}
CONTEXT = Context(
    model=MODEL,
    model_type="App\\Models\\User",
    model_id=7,
    changes={"rank_id": {"old": 6, "new": 7}, "notes": {"old": "x", "new": None}},
    causer={"id": 1, "name": "Capt. Okafor"},
    causer_id=1,
    now=NOW,
)
MODEL_WITHOUT_CAUSER = Context(model=MODEL, model_type="App\\Models\\User", model_id=7, now=NOW)


def automation(**given: Any) -> Automation:
    return Automation(**{"trigger": "user.updated", "subscription": 1, "name": "news"} | given)


def checked(**given: Any) -> Automation:
    made = automation(**given)
    check(made)
    return made


def rendered(source: str, context: Context = CONTEXT) -> Any:
    """What a text of a template becomes."""
    done = dry_run(automation(template={"text": source}), context)
    assert (done.outcome, done.unrendered) == ("executed", ()), done
    assert isinstance(done.data, dict)
    return done.data["text"]


def met(condition: str, context: Context = CONTEXT) -> DryRun:
    return dry_run(automation(condition=condition), context)
