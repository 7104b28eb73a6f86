"""Pieces of Telegram's rules for texts: how long they are, whom they notify, and what entities may say.

The sentences are those of Telegram's own parser (TDLib), on which its Bot API is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote, urlsplit

__all__ = ["Wrong", "date_time", "entities", "link", "mentions", "sort", "trimmed", "units"]

_MENTION: Final = re.compile(r"(?<!\w)@([A-Za-z0-9_]{4,32})(?!\w)")
_USER: Final = re.compile(r"tg://user/?\?id=([0-9]{1,19})")
_DATE_FORMAT: Final = re.compile("r|w?[dD]?[tT]?")
_LATEST: Final = 2**31  # seconds
_LARGEST: Final = 1_000_000  # offset and length
# Found by Telegram itself; whoever names them is not listened to.
_AUTOMATIC: Final = ("mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number")
# In which order entities of one place come, outer ones first.
_ORDER: Final = (
    "blockquote",
    "expandable_blockquote",
    "pre",
    "code",
    "text_link",
    "text_mention",
    "date_time",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "custom_emoji",
)


class Wrong(Exception):
    """What Telegram says of a text that it does not take."""


def units(text: str) -> int:
    """The length in UTF-16 code units, by which Telegram counts offsets and the strictest reading of its limits lengths."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def mentions(text: str, found: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Who is notified by ``text`` with the entities ``found``: ``"@name"``, ``"user:ID"``.

    Telegram finds names by itself, with formatting around them too, but not in code.
    """
    given = list(found)
    code = [_range(entity) for entity in given if entity["type"] in ("code", "pre")]
    named = {match[0] for match in _MENTION.finditer(text) if not any(units(text[: match.start()]) in part for part in code)}
    return frozenset(named | {f"user:{entity['user']['id']}" for entity in given if entity["type"] == "text_mention"})


def sort(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entities by their place, outer ones before inner ones."""
    return sorted(found, key=lambda entity: (entity["offset"], -entity["length"], _ORDER.index(entity["type"])))


def trimmed(text: str, found: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """``text`` without the white space at its ends, and what is left of its entities."""
    shown = text.strip()
    before, end = units(text) - units(text.lstrip()), units(shown)
    kept = []
    for entity in found:
        start = max(entity["offset"] - before, 0)
        stop = min(entity["offset"] + entity["length"] - before, end)
        if start < stop:
            kept.append({**entity, "offset": start, "length": stop - start})
    return shown, kept


def entities(text: str, given: Iterable[object]) -> list[dict[str, Any]]:
    """The entities ``given`` for ``text``, checked. Raises :class:`Wrong`."""
    starts = _starts(text)
    checked = (_entity(entity, starts) for entity in given)
    return sort(entity for entity in checked if entity is not None)


def link(url: str) -> dict[str, Any] | None:
    """What the entity of a link says: an address, or the user whose address it is; None for what is no address."""
    if user := _USER.fullmatch(url):
        return {"type": "text_mention", "user": {"id": int(user[1])}}
    address = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme.lower() in ("tg", "ton"):
        return {"url": address}
    if parts.scheme.lower() not in ("http", "https") or port == 0 or parts.netloc.endswith(":") or not _is_host(host):
        return None
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._[]")
    rest = address.partition("://")[2][len(parts.netloc) + len(parts.path) :]
    return {"url": f"{parts.scheme.lower()}://{parts.netloc.lower()}{path}{rest}"}


def date_time(unix: str, spelling: str) -> dict[str, Any] | None:
    """What the entity of a moment says; None for what is no moment. Raises :class:`Wrong` for a spelling there is none of."""
    if not _DATE_FORMAT.fullmatch(spelling):
        raise Wrong("Invalid date format used")
    if not re.fullmatch("[0-9]{1,10}", unix) or not 0 < int(unix) < _LATEST:
        return None
    return {"unix_time": int(unix), **({"date_time_format": spelling} if spelling else {})}


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return ip_address(host).version == 6
        except ValueError:
            return False
    return re.fullmatch(r"[^\s.\"<>|%][^\s\"<>|%]*", host) is not None and "." in host


def _starts(text: str) -> dict[int, int]:
    """Where characters start and the text ends: UTF-16 offset -> byte."""
    starts, offset, byte = {0: 0}, 0, 0
    for character in text:
        offset += 1 + (character > "\uffff")
        byte += len(character.encode("utf-8", "surrogatepass"))
        starts[offset] = byte
    return starts


def _entity(given: object, starts: Mapping[int, int]) -> dict[str, Any] | None:
    """One entity as it takes effect; None if it takes none."""
    if not isinstance(given, Mapping):
        raise Wrong("Can't parse MessageEntity: expected an Object")
    kind, offset, length = given.get("type"), _number(given, "offset"), _number(given, "length")
    if kind in _AUTOMATIC:
        return None
    if kind not in _ORDER:
        raise Wrong("Can't parse MessageEntity: Unsupported type specified")
    said = _said(kind, given)
    for word, number in (("offset", offset), ("length", length)):
        if not 0 <= number <= _LARGEST:
            raise Wrong(f"Receive an entity with incorrect {word} {number}")
    if length == 0:
        return None
    _check_end(offset, length, starts)
    return {"type": kind, "offset": offset, "length": length, **said}


def _number(given: Mapping[str, Any], key: str) -> int:
    value = given.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(f'Can\'t parse MessageEntity: Field "{key}" must be of type Number')
    return value


def _range(entity: Mapping[str, Any]) -> range:
    return range(entity["offset"], entity["offset"] + entity["length"])


def _said(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What an entity says beside its place."""
    if kind == "text_link":
        target = link(str(given.get("url", "")))
        if target is None:
            raise Wrong(f"Entity URL '{given.get('url', '')}' is invalid: Wrong HTTP URL")
        return target
    if kind == "text_mention":
        user = given.get("user")
        if not isinstance(user, Mapping) or not isinstance(user.get("id"), int):
            raise Wrong("Can't parse MessageEntity: Can't find field \"user\"")
        return {"user": {"id": user["id"]}}
    if kind == "date_time":
        moment = date_time(str(given.get("unix_time", "")), str(given.get("date_time_format", "")))
        if moment is None:
            raise Wrong("Invalid date specified")
        return moment
    return {key: given[key] for key in ("language", "custom_emoji_id") if key in given}


def _check_end(offset: int, length: int, starts: Mapping[int, int]) -> None:
    last = max(starts)
    if offset > last:
        raise Wrong(f"Entity begins after the end of the text at UTF-16 offset {offset}")
    if offset + length > last:
        where = f"ends after the end of the text at UTF-16 offset {offset + length}"
        raise Wrong(f"Entity beginning at UTF-16 offset {offset} {where}")
    if offset not in starts:
        raise Wrong(f"Entity begins in a middle of a UTF-16 symbol at byte offset {starts[offset + 1]}")
    if offset + length not in starts:
        where = f"ends in a middle of a UTF-16 symbol at byte offset {starts[offset + length + 1]}"
        raise Wrong(f"Entity beginning at UTF-16 offset {offset} {where}")
