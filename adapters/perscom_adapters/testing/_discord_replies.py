"""What Discord writes back: messages, refusals with their tree of errors, and rate limit headers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from ._discord_checks import Problem
from ._platform import Posted, Reply
from ._rates import Rate, Standing

__all__ = ["Refused", "bad_form", "message", "rate_headers", "refused", "reply", "too_many", "webhook_shown"]

_JSON: Final = {"Content-Type": "application/json"}


class Refused(Exception):
    """A request that gets an error for an answer. Its text is for the record."""

    def __init__(self, reply: Reply, cause: str) -> None:
        super().__init__(cause)
        self.reply = reply


def reply(status: int, body: Mapping[str, object], headers: Mapping[str, str] = {}) -> Reply:
    """An answer in JSON."""
    return Reply(status, json.dumps(body).encode(), {**_JSON, **headers})


def refused(status: int, code: int, sentence: str) -> Refused:
    """An error with one of Discord's codes."""
    return Refused(reply(status, {"message": sentence, "code": code}), f"{status} {code} {sentence}")


def bad_form(problems: Iterable[Problem]) -> Refused:
    """400, 50035: what is wrong, at its place in the body."""
    tree: dict[str, Any] = {}
    causes = []
    for path, code, sentence in problems:
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        node.setdefault("_errors", []).append({"code": code, "message": sentence})
        causes.append(f"{'.'.join(path) or 'body'} {code}")
    body = {"message": "Invalid Form Body", "code": 50035, "errors": tree}
    return Refused(reply(400, body), f"400 50035 {', '.join(causes)}")


def too_many(standing: Standing, rates: Mapping[str, str], scope: str, now: datetime) -> Refused:
    """429, as Discord itself answers. ``Via`` is there because a proxy stands in front of it, and one library looks for it."""
    wait = round(standing.wait(now), 3)
    headers = {"Retry-After": str(math.ceil(wait)), "X-RateLimit-Scope": scope, "Via": "1.1 google"}
    body = {"message": "You are being rate limited.", "retry_after": wait, "global": False}
    return Refused(reply(429, body, {**headers, **rates}), "429 too many requests")


def rate_headers(standing: Standing, rate: Rate, bucket: str, now: datetime) -> dict[str, str]:
    """The headers that every answer carries, successes too."""
    return {
        "X-RateLimit-Limit": str(rate.limit),
        "X-RateLimit-Remaining": str(standing.remaining),
        "X-RateLimit-Reset": f"{standing.reset_at.timestamp():.3f}",
        "X-RateLimit-Reset-After": f"{standing.wait(now):.3f}",
        "X-RateLimit-Bucket": bucket,
    }


def message(posted: Posted, webhook_id: str) -> dict[str, object]:
    """A message as Discord shows it to whom posted it, with every key its schema requires."""
    payload: Mapping[str, Any] = posted.payload
    author = {
        "id": webhook_id,
        "username": payload.get("username") or posted.destination,
        "bot": True,
        "discriminator": "0000",
        "avatar": None,
        "global_name": None,
        "primary_guild": None,
        "public_flags": 0,
        "flags": 0,
    }
    return {
        "id": posted.message_id,
        "type": 0,
        "channel_id": posted.channel_id,
        "content": payload.get("content") or "",
        "author": author,
        "webhook_id": webhook_id,
        "attachments": [],
        "embeds": [{**_without_nulls(embed), "type": "rich"} for embed in payload.get("embeds") or ()],
        "mentions": [],
        "mention_roles": [ping.removeprefix("role:") for ping in posted.pings if ping.startswith("role:")],
        "mention_everyone": "everyone" in posted.pings,
        "pinned": False,
        "tts": bool(payload.get("tts")),
        "timestamp": posted.at.isoformat(),
        "edited_timestamp": posted.edited_at and posted.edited_at.isoformat(),
        "flags": payload.get("flags") or 0,
        "components": [],
    }


def webhook_shown(webhook_id: str, token: str, name: str, channel_id: str) -> dict[str, object]:
    """A webhook as Discord shows it to whoever has its address."""
    return {
        "application_id": None,
        "avatar": None,
        "channel_id": channel_id,
        "guild_id": "1400000000000000000",
        "id": webhook_id,
        "name": name,
        "type": 1,
        "token": token,
    }


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
