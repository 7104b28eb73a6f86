"""What Telegram writes back: ``{"ok": true, "result": ...}`` or ``{"ok": false, "error_code": ..., "description": ...}``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ._platform import Posted, Refused, Reply
from ._rates import Standing
from ._telegram_checks import Wrong
from ._telegram_rules import shown

__all__ = ["UNCHANGED", "UNDELETABLE", "bad_request", "message", "ok", "refused", "too_many"]

UNCHANGED: Final = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content and"
    " reply markup of the message"
)
UNDELETABLE: Final = "message can't be deleted for everyone"
_JSON: Final = {"Content-Type": "application/json"}


def ok(result: object) -> Reply:
    """A success."""
    return Reply(200, json.dumps({"ok": True, "result": result}).encode(), _JSON)


def refused(code: int, description: str, headers: Mapping[str, str] = {}, **parameters: int) -> Refused:
    """An error."""
    body: dict[str, object] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return Refused(Reply(code, json.dumps(body).encode(), {**_JSON, **headers}), f"{code} {description}")


def bad_request(mistake: Wrong) -> Refused:
    """400. Telegram writes its parser's sentences in lower case there, but for its code words."""
    text = str(mistake)
    return refused(400, f"Bad Request: {text if text[1:2].isupper() else text[0].lower() + text[1:]}")


def too_many(standing: Standing, now: datetime) -> Refused:
    """429. The time to wait is in whole seconds."""
    wait = math.ceil(standing.wait(now))
    description = f"Too Many Requests: retry after {wait}"
    return refused(429, description, {"Retry-After": str(wait)}, retry_after=wait)


def message(posted: Posted, chat: Mapping[str, object], bot: Mapping[str, object]) -> dict[str, object]:
    """A message as Telegram shows it to the bot that sent it."""
    payload: Mapping[str, Any] = posted.payload
    seen = shown(payload)
    body = {
        "message_id": int(posted.message_id),
        "from": bot,
        "chat": chat,
        "date": int(posted.at.timestamp()),
        "text": seen.text,
    }
    if seen.entities:
        body["entities"] = seen.entities
    if posted.edited_at is not None:
        body["edit_date"] = int(posted.edited_at.timestamp())
    if "message_thread_id" in payload:
        body |= {"message_thread_id": payload["message_thread_id"], "is_topic_message": True}
    return {**body, "link_preview_options": payload["link_preview_options"]} if "link_preview_options" in payload else body
