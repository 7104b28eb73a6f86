"""Slack's answers, sorted into what follows from them.

An incoming webhook answers with a status and a word in plain text, whose list is not complete: the status decides and the
word explains. The Web API answers 200 to nearly everything; then the word in its JSON decides. Where the outcome is
``permanent`` no other message would be taken either, so the rest waits until somebody has mended it; where it is
``rejected`` the fault lies in this one message. A body is never quoted: only Slack's own words and key names are repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from perscom_receiver import DestinationError, Outcome

from ._answers import LONGEST_LIST, by_status, wait_seconds
from ._destination import MessageGone
from ._http import Answer
from ._slack_settings import is_channel, is_timestamp

__all__ = ["failure", "is_done", "message_ids", "refuses_form", "thread_of"]

_WEBHOOK: Final = "Make a new one at api.slack.com/apps (Incoming Webhooks), put its URL into the configuration and restart."
_BOT: Final = (
    "Copy the bot's token again at api.slack.com/apps (OAuth & Permissions), put it into the configuration and restart."
)
_ADMIN: Final = "The Slack workspace does not let this app post. Ask one of its admins."
_NOT_ALLOWED: Final = (
    "access_denied",
    "accesslimited",
    "action_prohibited",
    "app_access_restricted",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "is_bot",
    "messages_tab_disabled",
    "no_permission",
    "posting_to_general_channel_denied",
    "restricted_action",
    "restricted_action_read_only_channel",
    "team_not_found",
    "two_factor_setup_required",
)
_PERMANENT: Final[Mapping[str, str]] = {
    # Of webhooks.
    "no_service": f"Slack says the webhook no longer exists. {_WEBHOOK}",
    "no_active_hooks": f"Slack says the webhook is switched off. {_WEBHOOK}",
    "invalid_token": f"Slack says the webhook's token is wrong. {_WEBHOOK}",
    "no_team": f"Slack says the webhook's workspace does not exist. {_WEBHOOK}",
    "team_disabled": f"Slack says the webhook's workspace is switched off. {_WEBHOOK}",
    "channel_is_archived": f"The webhook's Slack channel is archived. {_WEBHOOK}",
    # Of bots.
    "invalid_auth": f"Slack does not know the bot's token. {_BOT}",
    "not_authed": f"Slack does not know the bot's token. {_BOT}",
    "account_inactive": f"Slack says the bot or its workspace was deleted. {_BOT}",
    "token_revoked": f"Slack says the bot's token was revoked. {_BOT}",
    "token_expired": f"Slack says the bot's token has expired. {_BOT}",
    "not_allowed_token_type": f"This is the token of no bot. {_BOT}",
    "missing_scope": "The Slack app may not post. Give it the scope chat:write and install it again.",
    "channel_not_found": "Slack knows no such channel, or the app may not see it. Check its ID, and invite the app there.",
    "not_in_channel": "The bot is not in the Slack channel. Invite it there.",
    "is_archived": "The Slack channel is archived. Take it out of the archive, or set another.",
    "restricted_action_thread_only_channel": "The Slack channel takes messages in threads only. Set another.",
    **dict.fromkeys(_NOT_ALLOWED, _ADMIN),
    **dict.fromkeys(
        ("deprecated_endpoint", "method_deprecated", "unknown_method"), "Slack has dropped what this version calls. Update it."
    ),
}
_OF_CHANNELS: Final = ("channel_not_found", "not_in_channel", "is_archived", "restricted_action_read_only_channel")
_REJECTED: Final[Mapping[str, str]] = {
    "message_not_found": "Slack says the message to be changed no longer exists.",
    "cant_update_message": "Slack says the message to be edited is not one of this bot.",
    "edit_window_closed": "Slack says the message to be edited is too old.",
    "cannot_reply_to_message": "Slack takes no replies to the message that was named as a thread.",
    "thread_not_found": "Slack finds no message that was named as a thread.",
    "restricted_action_non_threadable_channel": "The Slack channel takes no replies in threads.",
    "restricted_action_thread_locked": "The Slack thread is locked. Unlock it, or name another.",
    "no_text": "Slack calls this message empty.",
    "msg_blocks_too_long": "Slack says this message is too large.",
    "msg_too_long": "Slack says this message is too large.",
}
_BAD_FORM: Final = (
    "invalid_arguments",
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_payload",
    "msg_blocks_too_long",
    "msg_too_long",
)
_TOO_MANY: Final = ("ratelimited", "rate_limited", "message_limit_exceeded")
_TROUBLE: Final = ("service_unavailable", "rollup_error", "org_login_required", "team_added_to_org")  # the last two pass
_UNCLEAR: Final = ("internal_error", "fatal_error", "request_timeout")  # something may have been done before

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    **dict.fromkeys(_PERMANENT, "permanent"),
    **dict.fromkeys((*_TOO_MANY, *_TROUBLE), "retry"),
    **dict.fromkeys(_UNCLEAR, "unclear"),
}

_WORD: Final = re.compile(r"[a-z]+(?:_[a-z]+){1,8}")
# Steps of a path that may be repeated: the platform's keys and list positions. Anything else may be a word of the message.
_STEP: Final = "accessory|alt_text|blocks|elements|fallback|format|image_url|style|text|timestamp|type|url|[0-9]{1,2}"
_PLACE: Final = re.compile(rf"\[json-pointer:((?:/(?:{_STEP})){{1,12}})\]")


def is_done(answer: Answer) -> bool:
    """Whether Slack says that it took the message: ``ok``, bare or in JSON. The page of a proxy never does."""
    body = answer.json()
    ok = body.get("ok") is True if isinstance(body, dict) else answer.body.strip() == b"ok"
    return ok and 200 <= answer.status < 300


def message_ids(answer: Answer) -> tuple[str | None, str | None]:
    """The ``ts`` of the message and the id of its channel in a success; None for what it does not tell."""
    body = answer.object()
    ts, channel = body.get("ts"), body.get("channel")
    return (
        ts if isinstance(ts, str) and is_timestamp(ts) else None,
        channel if isinstance(channel, str) and is_channel(channel) else None,
    )


def thread_of(answer: Answer, thread: str | None) -> str | None:
    """The thread that a message for ``thread`` is in, by a success; None where nobody can tell.

    Where the first message of a thread was deleted, Slack posts an answer to it into the channel, and says so by silence
    (slack-go/slack#1571): then it begins a thread of its own.
    """
    message = answer.object().get("message")
    if thread is None or not isinstance(message, dict) or "thread_ts" in message:
        return thread
    return message_ids(answer)[0]


def refuses_form(answer: Answer) -> bool:
    """Whether the message was refused for its form alone."""
    return answer.status in (200, 400) and _word(answer) in _BAD_FORM


def failure(answer: Answer, *, pace: str, own_channel: bool = True, repeatable: bool = False) -> DestinationError:
    """The error for an answer that says anything but ``ok``.

    ``own_channel``: the message is for the destination's own channel. ``repeatable``: it changes nothing to do it twice.
    ``pace``: whom a limit is about.
    """
    word, status, error = _word(answer), answer.status, by_status(answer, "Slack")
    outcome, sentence, wait = error.outcome, str(error), error.retry_after
    if word is not None and status != 429 and not 300 <= status < 400:
        if 200 <= status < 300:
            outcome = _OUTCOMES.get(word, "rejected")
        elif word in _UNCLEAR:
            outcome = "unclear"
        if word in _TOO_MANY and outcome == "retry":
            wait = wait_seconds(answer.headers.get("Retry-After"))
        sentence = _sentence(word, outcome, answer)
    if outcome == "unclear" and repeatable:
        outcome = "retry"
    if outcome == "permanent" and word in _OF_CHANNELS and not own_channel:
        outcome = "rejected"
    limited = pace if outcome == "retry" and (status == 429 or word in _TOO_MANY) else None
    kind = MessageGone if word == "message_not_found" and outcome == "rejected" else DestinationError
    return kind(sentence, outcome=outcome, retry_after=wait, status=status, pace=limited)


def _word(answer: Answer) -> str | None:
    """Slack's word for what is wrong: the ``error`` of a JSON object, or the whole of a plain text."""
    body = answer.json()
    said = body.get("error") if isinstance(body, dict) else answer.body[:100].decode(errors="replace").strip()
    if isinstance(said, str) and (said in _OUTCOMES or _WORD.fullmatch(said)):
        return said
    return "unknown_error" if isinstance(body, dict) and body.get("ok") is False else None


def _sentence(word: str, outcome: Outcome, answer: Answer) -> str:
    if word in _PERMANENT or word in _REJECTED:
        return f"{_PERMANENT.get(word) or _REJECTED[word]} ({word})"
    if outcome == "permanent":
        return f"Slack refuses this destination ({word}). Check that it still exists and may be posted to."
    if outcome == "rejected":
        places = ", ".join(dict.fromkeys(_PLACE.findall(answer.body.decode(errors="replace"))))
        return f"Slack refuses this message: {word}{f' at {places[:LONGEST_LIST]}' if places else ''}"
    if outcome == "unclear":
        return f"Slack has trouble of its own ({word}); the message may have been taken."
    if word in _TOO_MANY:
        return f"Slack asks to wait: too many messages ({word})."
    return f"Slack has trouble of its own ({word})."
