"""The list of automations, and the log of their runs. Each method blocks for a commit or a query."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from perscom_receiver import ConfigurationError
from perscom_receiver.queue import Connection

from . import _rows
from ._automation_rules import check, decoded, unrendered
from ._store import Store
from .automations import Automation

__all__ = ["COLUMNS", "Automations", "Run", "as_automation"]

_log = logging.getLogger("perscom_sender")
_OUTCOMES: Final = ("waiting", "executed", "condition_failed", "failed")

COLUMNS: Final = "a.id, a.name, a.trigger, a.condition, a.template, a.subscription, a.priority, a.enabled"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one automation for one event."""

    id: int
    automation: int
    event: int
    """The number that ``publish`` gave."""
    at: datetime
    """When it ran, or while it waits, when the event was stored. Aware, in UTC."""
    outcome: Literal["waiting", "executed", "condition_failed", "failed"]
    """``waiting`` for a sender that runs, ``executed``: something was sent, ``condition_failed``: the condition is not met."""
    why: str
    """Why it failed, or which texts of the template went out unrendered; at most 1000 characters, without any data."""
    sent: int | None
    """The number of the event that was sent: ``sender.log.deliveries(event=run.sent)``. None: nothing was."""


class Automations:
    """The automations of one sender, shared by all processes that use its file: what is stored follows what is published.

    Its methods block for some milliseconds: call them in ``asyncio.to_thread`` where that matters.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        trigger: str,
        *,
        subscription: int,
        condition: str | None = None,
        template: Mapping[str, Any] | list[Any] | str | None = None,
        priority: int = 0,
        enabled: bool = True,
        name: str = "",
    ) -> Automation:
        """Let ``subscription`` get ``template`` after each event ``trigger`` that meets ``condition``; see :class:`Automation`.

        It follows what is published from now on. Raises ConfigurationError for what cannot work, with what to write instead.
        """
        wanted = _checked(
            Automation(
                name=name,
                trigger=trigger,
                condition=condition,
                template=template,
                subscription=subscription,
                priority=priority,
                enabled=enabled,
            )
        )

        def insert(connection: Connection) -> int:
            _rows.known(connection, self._store.site, subscription)
            columns = {"site": self._store.site, **_columns(wanted)}
            row = connection.execute(
                f"INSERT INTO sender_automation ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) RETURNING id",
                (*columns.values(),),
            ).fetchone()
            return int(row[0])

        return self._known(self._store.write(insert))

    def get(self, number: int) -> Automation | None:
        """The automation of this number (its ``id``); None when there is none, or it was removed."""
        found = self._read("a.id = ?", number)
        return found[0] if found else None

    def all(self) -> list[Automation]:
        """All of them, oldest first."""
        return self._read("a.id > ?", 0)

    def edit(self, number: int, **changes: Any) -> Automation:
        """Change some of what :meth:`add` takes.

        Raises ConfigurationError for what cannot work, and for a number that is none.
        """
        if wrong := changes.keys() - _EDITABLE:
            raise ConfigurationError(
                f"edit() cannot change {', '.join(sorted(wrong))}. It takes {', '.join(sorted(_EDITABLE))}."
            )
        columns = _columns(_checked(msgspec.structs.replace(self._known(number), **changes)))

        def change(connection: Connection) -> None:
            if "subscription" in changes:
                _rows.known(connection, self._store.site, changes["subscription"])
            for name in changes:
                connection.execute(
                    f"UPDATE sender_automation SET {name} = ? WHERE id = ? AND removed IS NULL", (columns[name], number)
                )

        self._store.write(change)
        return self._known(number)

    def remove(self, number: int) -> bool:
        """Forget an automation; the log of its runs stays. What waits is not run any more. False when there is none."""
        return self._store.write(
            lambda connection: (
                connection.execute(
                    "UPDATE sender_automation SET removed = 1, enabled = 0, condition = NULL, template = NULL"
                    " WHERE id = ? AND site = ? AND removed IS NULL",
                    (number, self._store.site),
                ).rowcount
                > 0
            )
        )

    def runs(
        self,
        *,
        event: int | None = None,
        automation: int | None = None,
        outcome: Literal["waiting", "executed", "condition_failed", "failed"] | None = None,
        before: int | None = None,
        n: int = 100,
    ) -> list[Run]:
        """The newest ``n`` runs, newest first: for an event (the number of ``publish``), of an automation, or of both.

        ``before`` is the ``id`` of the last one of the page before. They are kept as long as the log.
        """
        if outcome is not None and outcome not in _OUTCOMES:
            raise ValueError(f"outcome is one of {', '.join(_OUTCOMES)}, or None")
        where: dict[str, object] = {"event = ?": event, "automation = ?": automation, "id < ?": before}
        given = {condition: value for condition, value in where.items() if value is not None}
        told = [] if outcome is None else [f"outcome = '{outcome}'"]  # not as a parameter, for its index
        sql = (
            "SELECT id, automation, event, at, outcome, why, sent FROM sender_run"
            f" WHERE {' AND '.join([*told, *given, 'site = ?'])} ORDER BY id DESC LIMIT ?"
        )

        def find(connection: Connection) -> list[Run]:
            return [_run(*row) for row in connection.execute(sql, (*given.values(), self._store.site, n))]

        return self._store.read(find)

    def _known(self, number: int) -> Automation:
        found = self.get(number)
        if found is None:
            raise ConfigurationError(f"There is no automation {number}.")
        return found

    def _read(self, condition: str, value: int) -> list[Automation]:
        sql = (
            f"SELECT {COLUMNS} FROM sender_automation AS a WHERE {condition} AND a.site = ? AND a.removed IS NULL ORDER BY a.id"
        )
        return self._store.read(
            lambda connection: [as_automation(row) for row in connection.execute(sql, (value, self._store.site))]
        )


_EDITABLE = frozenset(("name", "trigger", "condition", "template", "subscription", "priority", "enabled"))


def _checked(given: Automation) -> Automation:
    check(given)
    for note in unrendered(decoded(given.template)):
        _log.warning("Automation %r on %s: %s", given.name, given.trigger, note)
    return given


def _columns(given: Automation) -> dict[str, object]:
    template = decoded(given.template)
    return {
        "name": given.name,
        "trigger": given.trigger,
        "condition": given.condition,
        "template": None if template is None else msgspec.json.encode(template).decode(),
        "subscription": given.subscription,
        "priority": given.priority,
        "enabled": int(given.enabled),
    }


def as_automation(row: Sequence[Any]) -> Automation:
    """That of a row with :data:`COLUMNS`."""
    number, name, trigger, condition, template, subscription, priority, enabled = row
    return Automation(
        id=number,
        name=name,
        trigger=trigger,
        condition=condition,
        template=decoded(template),
        subscription=subscription,
        priority=priority,
        enabled=bool(enabled),
    )


def _run(number: int, automation: int, event: int, at: float, outcome: Any, why: str, sent: int | None) -> Run:
    return Run(
        id=number,
        automation=automation,
        event=event,
        at=datetime.fromtimestamp(at, UTC),
        outcome=outcome,
        why=why,
        sent=sent,
    )
