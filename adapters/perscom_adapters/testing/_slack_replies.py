"""What Slack writes back: a word to a webhook, an object in JSON to a caller of the Web API."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from ._platform import Posted, Refused, Reply
from ._rates import Standing
from ._slack_rules import Refusal

__all__ = ["bad_arguments", "bad_message", "edited", "ok", "posted_as", "refused", "too_many", "webhook_ok", "webhook_refused"]

_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}
_PLAIN: Final = {"Content-Type": "text/html"}  # so it is, though it is no HTML


def webhook_ok() -> Reply:
    """What a webhook answers to a message it took."""
    return Reply(200, b"ok", _PLAIN)


def webhook_refused(status: int, word: str, cause: str = "") -> Refused:
    """An error of a webhook."""
    return Refused(Reply(status, word.encode(), _PLAIN), f"{status} {cause or word}")


def bad_message(refusal: Refusal) -> Refused:
    """400 of a webhook. It knows fewer words than the Web API."""
    word = {"invalid_arguments": "invalid_payload", "invalid_blocks_format": "invalid_blocks"}.get(refusal.word, refusal.word)
    return webhook_refused(400, word, str(refusal))


def ok(headers: Mapping[str, str] = {}, **body: object) -> Reply:
    """A success of the Web API."""
    return Reply(200, json.dumps({"ok": True, **body}).encode(), {**_JSON, **headers})


def refused(word: str, *messages: str, cause: str = "", **more: object) -> Refused:
    """An error of the Web API, whose status is 200 all the same."""
    body: dict[str, object] = {"ok": False, "error": word, **more}
    if messages:
        body |= {"errors": messages, "response_metadata": {"messages": [f"[ERROR] {message}" for message in messages]}}
    return Refused(Reply(200, json.dumps(body).encode(), _JSON), cause or word)


def bad_arguments(refusal: Refusal) -> Refused:
    """An error of the Web API that says where it is."""
    places = (f"{sentence} [json-pointer:/{'/'.join(path)}]" for path, sentence in refusal.problems)
    return refused(refusal.word, *places, cause=str(refusal))


def too_many(standing: Standing, now: datetime, *, webhook: bool) -> Refused:
    """429. The time to wait is in whole seconds."""
    headers = {"Retry-After": str(math.ceil(standing.wait(now)))}
    reply = Reply(429, b"rate_limited", {**_PLAIN, **headers})
    if not webhook:
        reply = Reply(429, b'{"ok":false,"error":"ratelimited"}', {**_JSON, **headers})
    return Refused(reply, "429 too many requests")


def posted_as(posted: Posted) -> Reply:
    """The answer to ``chat.postMessage``."""
    return ok(channel=posted.channel_id, ts=posted.message_id, message=_message(posted))


def edited(posted: Posted) -> Reply:
    """The answer to ``chat.update``."""
    text = posted.payload.get("text", "")
    return ok(channel=posted.channel_id, ts=posted.message_id, text=text, message=_message(posted))


def _message(posted: Posted) -> Mapping[str, object]:
    kept = {key: posted.payload[key] for key in ("text", "blocks", "thread_ts") if key in posted.payload}
    return {"type": "message", "subtype": "bot_message", "bot_id": "B0STANDIN", "ts": posted.message_id, "text": "", **kept}
