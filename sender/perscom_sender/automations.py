"""Automations: what PERSCOM sends besides its webhooks, when a condition is met, in the words of a template.

    sergeants = Automation(
        name="promotion to sergeant",
        trigger="rankrecord.created",
        condition='model["rank_id"] == 7 and model["type"] == 0',
        template={"title": "{{ model.user.name }} is a sergeant now", "by": "{{ causer.name }}"},
    )
    dry_run(sergeants, Context.of("rankrecord.created", {"id": 1, "rank_id": 7, "type": 0, "user": {"name": "Reyes"}}))

Nothing here sends: :func:`dry_run` says what would be sent, or why nothing is. What ``sender.automations.add`` stores follows
what is published. Conditions and templates need Jinja2, which comes with the extra ``automations``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from perscom_receiver import ConfigurationError, php_json

from ._automation_rules import decoded, language
from ._php import Stopped
from ._spellings import Mistake
from ._work import WORK, Work

__all__ = ["Automation", "Context", "DryRun", "Outcome", "dry_run"]

Outcome = Literal["executed", "condition_failed", "failed"]

_MODELS: Final[Mapping[str, str]] = {
    name.lower(): f"App\\Models\\{name}"
    for name in (
        *("AssignmentRecord", "AwardRecord", "CombatRecord", "QualificationRecord", "RankRecord", "ServiceRecord"),
        *("Calendar", "Event", "Message", "Submission", "User"),
    )
}


class Automation(msgspec.Struct, frozen=True, kw_only=True):
    """When something is sent, what, and to which subscription. Stored by ``sender.automations.add``, which refuses mistakes."""

    id: int = 0
    name: str = ""
    """For the log."""
    trigger: str
    """The one event that it follows: ``rankrecord.created``, or a name of your own."""
    condition: str | None = None
    """In Jinja2, with PERSCOM's names and functions: ``changed("rank_id") and new_value("rank_id") in [7, 8]``. None, or blank:
    it is always met."""
    template: Mapping[str, Any] | list[Any] | str | None = None
    """What becomes ``data``: an object, a list, or either as JSON text. Texts in it that contain ``{{`` are rendered, whatever
    depth they stand at; keys never. None, or blank: the resource itself is sent."""
    subscription: int = 0
    """The id of the subscription that gets it, which need not want the event."""
    priority: int = 0
    """Higher ones run first."""
    enabled: bool = True


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What conditions and templates are told, as JSON values under PERSCOM's names.

    Raises ConfigurationError for a ``now`` without a time zone.
    """

    model: Mapping[str, Any]
    """The resource, as in ``data`` of the event."""
    model_type: str
    """PERSCOM's name of its class: ``App\\Models\\RankRecord``."""
    model_id: int | str | None = None
    changes: Mapping[str, Mapping[str, Any]] | None = None
    """Column to ``{"old": …, "new": …}``, unlike the ``changes`` of a webhook. None: it was created or deleted."""
    causer: Mapping[str, Any] | None = None
    """The user who did it."""
    causer_id: int | str | None = None
    now: datetime
    """Aware."""

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ConfigurationError("The now of a Context needs a time zone: datetime.now(UTC).")

    def __repr__(self) -> str:
        return f"<Context of {self.model_type} {self.model_id}>"

    @classmethod
    def of(
        cls,
        trigger: str,
        data: Mapping[str, Any],
        changes: Mapping[str, Any] | None = None,
        *,
        old: Mapping[str, Any] | None = None,
        causer: Mapping[str, Any] | None = None,
        now: datetime | None = None,
    ) -> Context:
        """The context of an event, from what ``publish`` is given.

        ``changes`` is column to new value, as in a webhook, ``old`` the values before; a column that ``old`` lacks was null.
        ``now`` is aware; None: it is now.
        """
        resource = trigger.partition(".")[0]
        return cls(
            model=data,
            model_type=_MODELS.get(resource, resource),
            model_id=data.get("id"),
            changes={name: {"old": (old or {}).get(name), "new": new} for name, new in changes.items()} if changes else None,
            causer=causer,
            causer_id=None if causer is None else causer.get("id"),
            now=now or datetime.now(UTC),
        )


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What would come of an automation."""

    outcome: Outcome
    """``executed``: ``data`` and ``changes`` would be sent. Otherwise nothing would."""
    data: Mapping[str, Any] | list[Any] | None = None
    changes: list[Any] | None = None
    """``[]`` with the resource itself, None with a template, as PERSCOM has it."""
    why: str = ""
    """What went wrong, if it ``failed``; holds no value of the context."""
    unrendered: tuple[str, ...] = ()
    """Which texts go out as they stand, braces and all, and what Jinja2 does not understand in them."""

    def __repr__(self) -> str:
        return f"<DryRun: {'; '.join(filter(None, (self.outcome, self.why, *self.unrendered)))}>"


def dry_run(automation: Automation, context: Context) -> DryRun:
    """Try the condition and render the template; nothing is sent. Raises nothing.

    Bounded by construction: a run that loops for too long or writes too much has ``failed``, well within a second.
    """
    try:
        return _tried(automation, context)
    except (Stopped, ConfigurationError) as error:
        return DryRun(outcome="failed", why=str(error))


def _tried(automation: Automation, context: Context) -> DryRun:
    evaluation = _Evaluation(context)
    if automation.condition and automation.condition.strip() and not evaluation.met(automation.condition):
        return DryRun(outcome="condition_failed")
    try:
        template = decoded(automation.template)
        data = context.model if template is None else evaluation.rendered(template, "")
        php_json(data)
    except (TypeError, ValueError, RecursionError):
        raise Stopped("the data holds something that JSON cannot, or is nested too deeply") from None
    return DryRun(
        outcome="executed",
        data=data,
        changes=[] if template is None else None,
        unrendered=tuple(evaluation.unrendered),
    )


class _Evaluation:
    """One run: what it may ask for, and what it has left."""

    def __init__(self, context: Context) -> None:
        self.unrendered: list[str] = []
        self.work = Work(context.now, context.changes)
        self.names = {name: getattr(context, name) for name in context.__struct_fields__}

    def met(self, condition: str) -> bool:
        try:
            return self._evaluated(language().condition(condition)) != ""
        except (Stopped, Mistake) as error:
            raise Stopped(f"in the condition {error}") from None

    def rendered(self, value: Any, path: str) -> Any:
        """``value`` with its texts rendered. Raises Stopped, with the place."""
        if isinstance(value, Mapping):
            made = {}
            for key, one in value.items():
                made[key] = self.rendered(one, f"{path}.{key}" if path else str(key))
            return made
        if isinstance(value, list | tuple):
            items = []
            for place, one in enumerate(value):
                items.append(self.rendered(one, f"{path}[{place}]"))
            return items
        if not isinstance(value, str) or "{{" not in value:
            return value
        try:
            prepared = language().string(value)
            if not isinstance(prepared, str):
                return self._evaluated(prepared)
        except (Stopped, Mistake) as error:
            raise Stopped(f"in {path} {error}") from None
        self.unrendered.append(f"{path} goes out unrendered: {prepared}")
        return value

    def _evaluated(self, prepared: Any) -> str:
        token = WORK.set(self.work)
        try:
            return str(language().evaluated(prepared, self.names))
        except Exception as error:  # noqa: BLE001 - whatever a template raises
            # Not chained: the error of a filter may hold a value.
            raise Stopped(language().failure(error)) from None
        finally:
            WORK.reset(token)
