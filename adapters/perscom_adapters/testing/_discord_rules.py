"""Discord's rules for the body of a webhook call, from its documentation and its public OpenAPI document (v10).

Written from the rules and not from our own renderer, so that one can judge the other. It is stricter than Discord in one
respect: Discord ignores keys it does not know, which hides mistakes; here they are refused unless asked otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ._discord_checks import (
    UNKNOWN_KEY,
    Check,
    Path,
    Problem,
    address,
    many,
    moment,
    record,
    snowflake,
    text,
    truth,
    units,
    whole,
    word,
)

__all__ = ["NOT_PLAYED", "discord_refusal", "form_problems", "is_empty", "pings"]

NOT_PLAYED: Final = "STANDIN_DOES_NOT_PLAY_THIS"
_SUM_OF_EMBEDS: Final = 6000
_FLAGS: Final = 1 << 2 | 1 << 12  # SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS
_COMPONENTS_V2: Final = 1 << 15
_NOT_IN_USERNAMES: Final = ("clyde", "discord", "everyone", "here")
_MENTION: Final = re.compile(r"<@(?:(?P<role>&)|(?P<user>!?))(?P<id>[0-9]{1,20})>|@(?P<all>everyone|here)")


def discord_refusal(body: Mapping[str, object], *, edit: bool = False) -> str | None:
    """Why Discord would refuse ``body`` as a new message, or as the ``edit`` of one; None if it would take it."""
    problems = form_problems(body, edit=edit)
    if problems:
        return ", ".join(f"{'.'.join(path) or 'body'} {code}" for path, code, _ in problems)
    return "empty message" if not edit and is_empty(body) else None


def form_problems(body: object, *, edit: bool = False, strict: bool = True) -> list[Problem]:
    """All that is wrong with the form of ``body``; an empty list if Discord takes it. ``edit`` is for PATCH."""
    keys = {key: check for key, check in _MESSAGE.items() if not (edit and key in _NOT_IN_EDITS)}
    problems = list(record(keys)(body, ()))
    well_formed = all(code == UNKNOWN_KEY for _, code, _ in problems)
    if well_formed and isinstance(body, Mapping) and sum(_size(embed) for embed in _embeds(body)) > _SUM_OF_EMBEDS:
        problems.append((("embeds",), "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {_SUM_OF_EMBEDS}"))
    return [problem for problem in problems if strict or problem[1] != UNKNOWN_KEY]


def is_empty(body: Mapping[str, Any]) -> bool:
    """Whether nothing of a well-formed ``body`` would show (Discord's code 50006)."""
    shown = ("title", "description", "url", "image", "thumbnail", "footer", "fields", "author")
    has_embed = any(embed.get(key) for embed in _embeds(body) for key in shown)
    return not has_embed and not (body.get("content") or "").strip()


def pings(body: Mapping[str, Any]) -> frozenset[str]:
    """Who is notified by a well-formed ``body``: ``"everyone"``, ``"user:ID"``, ``"role:ID"``.

    Only ``content`` can notify. Without ``allowed_mentions`` it does so for the users it names. A backslash before a mention
    changes nothing but its looks.
    """
    allowed = body.get("allowed_mentions") or {"parse": ["users"]}
    words, users, roles = (allowed.get(key) or () for key in ("parse", "users", "roles"))
    found = set()
    for mention in _MENTION.finditer(body.get("content") or ""):
        number = mention["id"]
        if mention["all"] and "everyone" in words:
            found.add("everyone")
        elif mention["role"] and ("roles" in words or number in roles):
            found.add(f"role:{number}")
        elif mention["user"] is not None and ("users" in words or number in users):
            found.add(f"user:{number}")
    return frozenset(found)


def _embeds(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return body.get("embeds") or []


def _size(embed: Mapping[str, Any]) -> int:
    """What counts towards the sum: title, description, footer, author's name, names and values of fields."""
    parts = [embed.get("title"), embed.get("description")]
    parts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    parts += [field[key] for field in embed.get("fields") or () for key in ("name", "value")]
    return sum(units(part.strip()) for part in parts if part)


def _username(value: object, path: Path) -> Iterator[Problem]:
    yield from text(80, least=1)(value, path)
    for forbidden in _NOT_IN_USERNAMES:
        if isinstance(value, str) and forbidden in value.lower():
            yield path, "USERNAME_INVALID_CONTAINS", f'Username cannot contain "{forbidden}"'


def _allowed_mentions(value: object, path: Path) -> Iterator[Problem]:
    ids = many(100, snowflake, unique=True)
    kinds = many(3, word("users", "roles", "everyone"), unique=True)
    problems = list(record({"parse": kinds, "users": ids, "roles": ids, "replied_user": truth})(value, path))
    yield from problems
    if problems or not isinstance(value, Mapping):
        return
    for kind in ("users", "roles"):
        if kind in (value.get("parse") or ()) and value.get(kind):
            yield path, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", f"parse:{kind} and {kind}: [ids...] are mutually exclusive."


def _flags(value: object, path: Path) -> Iterator[Problem]:
    yield from whole(0, 2**31 - 1)(value, path)
    if isinstance(value, int) and value & _COMPONENTS_V2:
        yield path, NOT_PLAYED, "The stand-in does not play components."
    elif isinstance(value, int) and value & ~_FLAGS:
        yield path, "BASE_TYPE_CHOICES", "A webhook may not set this flag."


def _not_played(value: object, path: Path) -> Iterator[Problem]:
    if value:
        yield path, NOT_PLAYED, "The stand-in does not play this part of Discord."


_WEB: Final = address("http", "https")
_PICTURE: Final = address("http", "https", "attachment")
_PIXELS: Final = whole(0, 2**31 - 1)
_MEDIA: Final = record({"url": _PICTURE, "width": _PIXELS, "height": _PIXELS, "description": text(4096), "proxy_url": _WEB})
_EMBED: Final = record(
    {
        "type": text(100),
        "title": text(256),
        "description": text(4096),
        "url": _WEB,
        "color": whole(0, 0xFFFFFF),
        "timestamp": moment,
        "author": record({"name": text(256), "url": _WEB, "icon_url": _PICTURE, "proxy_icon_url": _WEB}),
        "footer": record({"text": text(2048), "icon_url": _PICTURE, "proxy_icon_url": _WEB}),
        "image": _MEDIA,
        "thumbnail": _MEDIA,
        "video": _MEDIA,
        "provider": record({"name": text(256), "url": _WEB}),
        "fields": many(
            25,
            record({"name": text(256, least=1), "value": text(1024, least=1), "inline": truth}, required=("name", "value")),
        ),
    }
)
_MESSAGE: Final[Mapping[str, Check]] = {
    "content": text(2000),
    "embeds": many(10, _EMBED),
    "allowed_mentions": _allowed_mentions,
    "username": _username,
    "avatar_url": _WEB,
    "tts": truth,
    "flags": _flags,
    "thread_name": text(100),
    "applied_tags": many(5, snowflake),
    "components": _not_played,
    "attachments": _not_played,
    "poll": _not_played,
}
_NOT_IN_EDITS: Final = ("username", "avatar_url", "tts", "thread_name", "applied_tags")
