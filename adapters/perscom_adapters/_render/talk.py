"""What people send through PERSCOM: messages, forms, and the Test button."""

from __future__ import annotations

from datetime import timedelta

from perscom_adapters._message import Message
from perscom_adapters._read import moment

from .answers import answers
from .parts import facts, message, paragraph, quoted_text
from .row import Row

__all__ = ["announcement", "submission", "test"]

_PUBLIC_CHANNELS = ("broadcast", "discord_public")
_AT_ONCE = timedelta(minutes=5)
"""What is due within this time of being written counts as sent at once: forms stay open for a while."""


def announcement(row: Row) -> Message | None:
    """A message to everyone through a public channel. None for every other: what has recipients is between people.

    What is written for later is shown when PERSCOM sends it. Before, a reader only learns that it is planned.
    """
    if not _is_for_everyone(row):
        return None
    for_later = _is_written_for_later(row)
    if row.changed.get("sent_at") is not None:
        # What is sent at once was shown when it was written.
        return _announced(row, "announced") if for_later or row.flag("repeats") else None
    if row.unnoticed:
        return None
    if for_later and row.moment("sent_at") is None:
        due = row.moment("send_at")
        time = facts(row, ("goes_out", (row.time(due),) if due and row.action != "deleted" else None))
        return message(row, row.say(f"message.planned.{row.action}"), fields=time)
    match row.action:
        case "created":
            return _announced(row, "announced")
        case "deleted":
            return message(row, row.say("message.withdrawn"))
        case _ if "message" in row.changed or not row.changed:
            return _announced(row, "changed")
        case _:
            return None


def _announced(row: Row, key: str) -> Message | None:
    text = quoted_text(row, "message")
    return message(row, row.say(f"message.{key}"), blocks=(text,)) if text else None


def _is_for_everyone(row: Row) -> bool:
    """PERSCOM writes null for "all members"; an empty list is not taken for that."""
    channels = row.data.get("channels")
    return (
        row.data.get("recipients") is None
        and row.changed.get("recipients") is None
        and isinstance(channels, list)
        and any(channel in channels for channel in _PUBLIC_CHANNELS)
    )


def _is_written_for_later(row: Row) -> bool:
    due = row.moment("send_at")
    return due is not None and due - (row.moment("created_at") or row.created) > _AT_ONCE


def submission(row: Row) -> Message:
    """A form that was sent in: which, and by whom. The answers only for those who asked for them, and as long as it stands."""
    key = "read" if row.action == "updated" and moment(row.changed.get("read_at")) else row.action
    who = row.member()
    sender = "member" if who else _kind_of_sender(row)
    known = {"member": who} if sender == "member" else {}
    title = row.say(f"submission.{sender}.{key}", form=row.name("form"), **known)
    return message(row, title, fields=answers(row) if row.action != "deleted" else ())


def _kind_of_sender(row: Row) -> str:
    """What is certain of a nameless sender. A row names its form in any case and its sender only if that is a member."""
    if "form_id" not in row.data:
        return "person"
    if row.data.get("user_id") is None:
        return "guest"
    return "person" if row.key("user_id") is None else "member"


def test(row: Row) -> Message:
    """PERSCOM's Test button. What was typed beside it is not repeated."""
    return message(row, row.say("test.title"), blocks=(paragraph(row.say("test.text")),))
