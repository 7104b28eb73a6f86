"""Slack's rules for a message, from the documentation of incoming webhooks and of ``chat.postMessage``.

Written from the rules and not from our own renderer, so that one can judge the other. It is stricter than Slack in one
respect: Slack ignores arguments it does not know, which hides mistakes; here they are refused unless asked otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ._slack_blocks import BLOCK
from ._slack_checks import Check, Path, Problem, address, many, not_played, text, truth, units, word

__all__ = ["POST", "UPDATE", "WEBHOOK", "Refusal", "pings", "refusal", "slack_refusal"]

_LONGEST_TEXT: Final = 40_000
_MOST_BLOCKS: Final = 50
_LARGEST: Final = 13_200  # not documented, and by what measure is not either (slackapi/bolt-js#2509, #2867): their JSON here
_UNKNOWN: Final = "unknown argument, which Slack would ignore"
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
_MENTION: Final = re.compile(
    r"<(?:!(?P<everyone>channel|here|everyone)|@(?P<user>[UW][A-Z0-9]+)|!subteam\^(?P<role>S[A-Z0-9]+))(?:\|[^>]*)?>"
)
_BARE_MENTION: Final = re.compile(r"(?<!\w)@(channel|here|everyone)\b")


class Refusal(msgspec.Struct, frozen=True):
    """Slack's word for what is wrong, and where and why as far as it says so."""

    word: str
    problems: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return ", ".join((self.word, *(f"/{'/'.join(path)} {sentence}" for path, sentence in self.problems)))


def slack_refusal(body: Mapping[str, object], *, edit: bool = False) -> str | None:
    """Why Slack would refuse ``body`` as a message to a webhook, or as an ``edit`` by ``chat.update``; None if it would not."""
    found = refusal(body, UPDATE if edit else WEBHOOK)
    return str(found) if found else None


def refusal(body: Mapping[str, Any], keys: Mapping[str, Check], *, strict: bool = True) -> Refusal | None:
    """The first thing that Slack has against a message whose arguments are ``keys``; None if it takes it."""
    problems = list(_problems_of_arguments(body, keys, strict=strict))
    if problems:
        return Refusal("invalid_arguments", tuple(problems))
    blocks = body.get("blocks") or []
    if not isinstance(blocks, list):
        return Refusal("invalid_blocks_format")
    if not blocks and not (body.get("text") or "").strip():
        return Refusal("no_text")
    if units(body.get("text") or "") > _LONGEST_TEXT:
        return Refusal("msg_too_long")
    problems = [*many(_MOST_BLOCKS, BLOCK, least=0)(blocks, ("blocks",)), *_doubled_ids(blocks)]
    if problems:
        return Refusal("invalid_blocks", tuple(problems))
    if units(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) > _LARGEST:
        return Refusal("msg_blocks_too_long")
    return None


def pings(body: Mapping[str, Any]) -> frozenset[str]:
    """Who is notified by a well-formed ``body``: ``"everyone"``, ``"user:ID"``, ``"role:ID"`` (a user group).

    Mentions are elements of rich text, or stand in angle brackets in mrkdwn and in ``text``. A bare ``@here`` is one only
    if ``link_names`` or ``parse`` say so.
    """
    found = set[str]()
    for written in (body.get("text") or "", *_mrkdwn(body.get("blocks"))):
        for mention in _MENTION.finditer(written):
            kind = mention.lastgroup or ""
            found.add("everyone" if kind == "everyone" else f"{kind}:{mention[kind]}")
        if (body.get("link_names") or body.get("parse") == "full") and _BARE_MENTION.search(written):
            found.add("everyone")
    for element in _objects(body.get("blocks")):
        match element:
            case {"type": "broadcast"}:
                found.add("everyone")
            case {"type": "user", "user_id": str(user)}:
                found.add(f"user:{user}")
            case {"type": "usergroup", "usergroup_id": str(group)}:
                found.add(f"role:{group}")
    return frozenset(found)


def _problems_of_arguments(body: Mapping[str, object], keys: Mapping[str, Check], *, strict: bool) -> Iterator[Problem]:
    for key, value in body.items():
        if key not in keys:
            if strict:
                yield (key,), _UNKNOWN
        elif value is not None:
            yield from keys[key](value, (key,))


def _doubled_ids(blocks: list[Mapping[str, Any]]) -> Iterator[Problem]:
    ids = [block.get("block_id") for block in blocks if isinstance(block, Mapping)]
    for place, block_id in enumerate(ids):
        if block_id is not None and block_id in ids[:place]:
            yield ("blocks", str(place), "block_id"), "must be unique"


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _mrkdwn(blocks: object) -> Iterator[str]:
    return (element["text"] for element in _objects(blocks) if element.get("type") == "mrkdwn")


def _timestamp(value: object, path: Path) -> Iterator[Problem]:
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        yield path, "must be the ts of a message"


def _anything(value: object, path: Path) -> Iterator[Problem]:
    yield from ()


_MESSAGE: Final[Mapping[str, Check]] = {
    "text": text(10**9, least=0),
    "blocks": _anything,  # looked at apart
    "link_names": truth,
    "parse": word("none", "full"),
    "attachments": not_played,
    "metadata": not_played,
}
_NEW: Final[Mapping[str, Check]] = {"mrkdwn": truth, "unfurl_links": truth, "unfurl_media": truth, "thread_ts": _timestamp}
WEBHOOK: Final[Mapping[str, Check]] = {**_MESSAGE, **_NEW}
"""What a message to an incoming webhook may hold."""
POST: Final[Mapping[str, Check]] = {
    **WEBHOOK,
    "channel": text(100),
    "reply_broadcast": truth,
    "username": text(80),
    "icon_emoji": text(100),
    "icon_url": address("http", "https"),
    "markdown_text": not_played,
}
"""The arguments of ``chat.postMessage``."""
UPDATE: Final[Mapping[str, Check]] = {
    **_MESSAGE,
    "channel": text(100),
    "ts": _timestamp,
    "reply_broadcast": truth,
    "markdown_text": not_played,
}
"""The arguments of ``chat.update``."""
