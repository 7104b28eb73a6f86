"""Was the demo right? Every promise it shows is counted here from what really arrived, and the first broken one is named."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from itertools import pairwise

import msgspec

from perscom_adapters.testing import Arrival, Posted
from perscom_receiver import HIDDEN_COLUMNS
from perscom_receiver.queue import State

from .running import Became, Demo
from .sent import Sent

__all__ = ["Verdict", "judge"]

PRIVATE = HIDDEN_COLUMNS | {
    "email", "phone_number", "notes", "discord_user_id", "facebook_user_id", "github_user_id", "google_user_id",
}  # fmt: skip
"""Members of ``data`` and ``changes`` whose values must not show in a chat."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over the whole demo. ``wrong`` are sentences about broken promises, the first one first."""

    requests: int
    genuine: int
    refused: int
    again: int
    together: int
    """Requests beside those, which are told in the message of another one."""
    messages: dict[str, int]
    """How many stand on each platform."""
    silent: int
    """Accepted events with nothing to say."""
    lost: int
    twice: int
    pings: int
    private: int
    wrong: tuple[str, ...]


def judge(demo: Demo) -> Verdict:
    """Compare what was sent, what the database says, and what the stand-in got."""
    posted, receipts = demo.posted(), demo.receipts()
    platforms = [destination.name for destination in demo.community.config.destinations]
    shown = Counter((message.platform, message.message_id) for message in posted)
    accepted = [sent for sent in demo.sent if sent.golden.valid and not sent.again and not sent.beside]
    beside = [(sent, then) for sent, then in pairwise(demo.sent) if sent.beside]
    speaking = [sent for sent in accepted if sent.message is not None]
    missing = [(sent, name) for sent in speaking for name in platforms if not _arrived(receipts.get(sent.id, {}), name, shown)]
    private = [
        value
        for value in _private_values([*accepted, *(sent for sent, _ in beside)])
        if any(value in text for text in map(_text, posted))
    ]
    wrong = [
        *(
            f"{sent.golden.name}: answered {sent.status}, not {sent.expected}"
            for sent in demo.sent
            if sent.status != sent.expected
        ),
        *(f"{sent.golden.name}: no message at {_why(receipts.get(sent.id, {}), name)}" for sent, name in missing),
        *(
            f"{sent.golden.name}: not told at {name} in one message with {then.golden.name}"
            for sent, then in beside
            for name in platforms
            if not _share(receipts, sent, then, name)
        ),
        *(
            f"{arrival.platform}: the platform refused a message: {arrival.refusal}"
            for arrival in demo.standin.arrivals
            if _refused(arrival)
        ),
    ]
    twice = len(posted) + len(missing) - len(speaking) * len(platforms)
    if twice:
        wrong.append(f"{twice} messages more than there are events with something to say")
    if pings := sum(len(message.pings) for message in posted):
        wrong.append(f"{pings} people were pinged")
    if private:
        wrong.append(f"{len(private)} private values were shown")
    return Verdict(
        requests=len(demo.sent) - 1 - len(beside),
        genuine=len(accepted),
        refused=sum(not sent.golden.valid for sent in demo.sent),
        again=sum(sent.again for sent in demo.sent),
        together=len(beside),
        messages={name: sum(message.platform == name for message in posted) for name in platforms},
        silent=len(accepted) - len(speaking),
        lost=len(missing),
        twice=twice,
        pings=pings,
        private=len(private),
        wrong=tuple(wrong),
    )


def _arrived(became: dict[str, Became], platform: str, shown: Counter[tuple[str, str]]) -> bool:
    task = became.get(platform)
    return (
        task is not None and task.state is State.DONE and task.message_id is not None and shown[platform, task.message_id] == 1
    )


def _share(receipts: dict[str, dict[str, Became]], one: Sent, other: Sent, platform: str) -> bool:
    """Whether both were told in one message."""
    first, second = (receipts.get(sent.id, {}).get(platform) for sent in (one, other))
    return first is not None and second is not None and first.message_id is not None and first.message_id == second.message_id


def _refused(arrival: Arrival) -> bool:
    """Whether the platform found fault with a message; one that came too early only comes again."""
    return arrival.mistake or (arrival.refusal is not None and arrival.status != HTTPStatus.TOO_MANY_REQUESTS)


def _why(became: dict[str, Became], platform: str) -> str:
    task = became.get(platform)
    if task is None:
        return f"{platform}: it was not stored, or not wanted there"
    return f"{platform} ({task.state.name.lower()}): {task.error or 'it says it was sent, but nothing stands there'}"


def _private_values(accepted: list[Sent]) -> set[str]:
    """The values of private members in all accepted events, as they would read in a chat."""
    found: set[str] = set()
    for sent in accepted:
        for key, value in _members(json.loads(sent.golden.body)):
            if key in PRIVATE and isinstance(value, str) and len(value) > 4:
                found.add(value)
    return found


def _members(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _members(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _members(inner)


def _text(message: Posted) -> str:
    """All that a message shows, without the marks that keep it inert."""
    return json.dumps(message.payload, ensure_ascii=False).translate(_INERT_MARKS)


_INERT_MARKS = {ord(mark): None for mark in "\\\u200b\u200d\u2060"}
