"""Discord's answers, sorted into what follows from them.

The numbers are Discord's "JSON error codes". Where the outcome is ``permanent`` no other message would be taken either,
so the rest waits until somebody has mended it; where it is ``rejected`` the fault lies in this one message. A body is never
quoted: of a refused form only the platform's own key names and its upper-case code words are repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from perscom_receiver import DestinationError, Outcome

from ._answers import CODE_WORD, LONGEST_LIST, by_status, wait_seconds
from ._destination import MessageGone
from ._http import Answer
from ._pace import path

__all__ = ["failure", "is_done", "is_forum", "message_ids", "refuses_form", "rest_seconds"]

_COPY: Final = "in Discord (channel settings, Integrations, Webhooks), put its URL into the configuration and restart."
_CODES: Final[Mapping[int, tuple[Outcome, str]]] = {
    10015: ("permanent", f"Discord says the webhook no longer exists. Make a new one {_COPY}"),
    50027: ("permanent", f"Discord says the webhook's token is wrong. Copy the webhook again {_COPY}"),
    220001: ("permanent", "This webhook belongs to a forum channel, which takes messages only in a thread. Set thread_id."),
    220003: ("permanent", "Discord opens threads by webhook in forum channels only. Set thread_id to a thread that exists."),
    10008: ("rejected", "Discord says the message to be changed no longer exists."),
    40005: ("rejected", "Discord says this message is too large."),
    50006: ("rejected", "Discord calls this message empty."),
    200000: ("rejected", "A rule of the Discord server (AutoMod) blocks this message."),
}
# About the thread a message goes to. If it is the destination's own, every other message would fail alike.
_THREAD_CODES: Final[Mapping[int, str]] = {
    10003: "Discord says the channel or thread no longer exists.",
    50083: "The Discord thread is archived. Open it again, or set another thread_id.",
    160005: "The Discord thread is locked. Unlock it, or set another thread_id.",
}

# Steps of a path that may be repeated: the platform's keys and list positions. Anything else may be a word of the message.
_STEP: Final = re.compile(
    "allowed_mentions|author|color|content|description|embeds|fields|flags|footer|image|inline|name|parse|roles|text"
    "|thumbnail|timestamp|title|url|username|users|value|[0-9]{1,2}"
)
_CODE_WORD: Final = re.compile(CODE_WORD)
_NO_MESSAGE: Final = (10008, 10003)  # nor is there one in a thread that no longer exists
_BAD_FORM: Final = (50035, 50109)
_DEEPEST: Final = 8
_SNOWFLAKE: Final = re.compile(r"[0-9]{1,20}")


def is_done(answer: Answer) -> bool:
    """Whether Discord says that it took the message: by the status alone, since a success may come without a body."""
    return 200 <= answer.status < 300


def message_ids(answer: Answer) -> tuple[str | None, str | None]:
    """The ids of the message and of its channel in a success; None for what it does not tell. The message is posted anyway."""
    body = answer.object()
    return _snowflake(body.get("id")), _snowflake(body.get("channel_id"))


def refuses_form(answer: Answer) -> bool:
    """Whether the message was refused for its form alone."""
    return answer.status == 400 and answer.object().get("code") in _BAD_FORM


def is_forum(answer: Answer) -> bool | None:
    """Whether a message was refused because the channel is a forum, where each begins a post, or because it is none."""
    code = answer.object().get("code") if answer.status == 400 else None
    return True if code == 220001 else False if code == 220003 else None


def rest_seconds(answer: Answer) -> float:
    """How long the webhook takes nothing more, by the headers that come with every answer; 0 if it does."""
    headers = answer.headers
    if headers.get("X-RateLimit-Remaining") != "0" or "X-RateLimit-Reset-After" not in headers:
        return 0.0
    return wait_seconds(headers["X-RateLimit-Reset-After"])


def failure(answer: Answer, *, own_thread: bool, repeatable: bool, pace: str) -> DestinationError:
    """The error for an answer that is not done.

    ``own_thread``: the thread, if any, is the destination's own. ``repeatable``: it changes nothing to do it twice. ``pace``:
    whom the limits of the webhook are about.
    """
    body = answer.object()
    error = by_status(answer, "Discord", wait=body.get("retry_after"))
    outcome, sentence = error.outcome, str(error)
    code, status = body.get("code"), answer.status
    if 400 <= status < 500 and status != 429 and isinstance(code, int):
        if code in _THREAD_CODES:
            outcome, sentence = "permanent" if own_thread else "rejected", _THREAD_CODES[code]
        elif code in _CODES:
            outcome, sentence = _CODES[code]
        else:
            mistakes = "; ".join(islice(_mistakes(body.get("errors"), ()), 5))[:LONGEST_LIST]
            sentence += f" Code {code}{': ' if mistakes else ''}{mistakes}"
    if outcome == "unclear" and repeatable:
        outcome = "retry"
    limited = None if status != 429 else path("discord") if _is_global(answer) else pace
    kind = MessageGone if repeatable and outcome == "rejected" and code in _NO_MESSAGE else DestinationError
    return kind(sentence, outcome=outcome, retry_after=error.retry_after, status=status, pace=limited)


def _is_global(answer: Answer) -> bool:
    """Whether a 429 is for all requests from here. The proxy in front, which knows no webhooks, says so in no JSON."""
    words = (answer.headers.get("X-RateLimit-Global", ""), answer.headers.get("X-RateLimit-Scope", ""))
    body = answer.json()
    return not isinstance(body, dict) or body.get("global") is True or words[0].lower() == "true" or words[1] == "global"


def _mistakes(errors: object, path: tuple[str, ...]) -> Iterator[str]:
    """``embeds.0.fields.3.name BASE_TYPE_REQUIRED`` and the like, from Discord's tree of errors."""
    if not isinstance(errors, dict) or len(path) > _DEEPEST:
        return
    found = errors.get("_errors")
    for mistake in found if isinstance(found, list) else ():
        word = mistake.get("code") if isinstance(mistake, dict) else None
        shown = word if isinstance(word, str) and _CODE_WORD.fullmatch(word) else "?"
        yield f"{'.'.join(path) or 'message'} {shown}"
    for key, inner in errors.items():
        yield from _mistakes(inner, (*path, key if _STEP.fullmatch(key) else "?"))


def _snowflake(value: object) -> str | None:
    return value if isinstance(value, str) and _SNOWFLAKE.fullmatch(value) else None
