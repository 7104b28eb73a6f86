"""Telegram's answers, sorted into what follows from them.

A refusal is told by its status and by an English sentence, its ``description``; there are no codes for the kinds of a 400, so
they are known by words of those sentences. Where the outcome is ``permanent`` no other message would be taken either, so the
rest waits until somebody has mended it; where it is ``rejected`` the fault lies in this one message. A description is never
quoted, for some repeat the text; only the upper-case code words that Telegram passes on from further inside are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from perscom_receiver import DestinationError, Outcome

from ._answers import CODE_WORD, by_status
from ._destination import MessageGone
from ._http import Answer

__all__ = ["failure", "is_done", "message_ids", "new_chat", "new_topic", "refuses_form", "refuses_topics"]

_ADD: Final = "Add the bot to the chat (in a channel as administrator; alone with it, press Start), check chat and restart."
_COPY: Final = "Copy it again from @BotFather, put it into the configuration and restart."
_SENTENCES: Final[Mapping[int, str]] = {
    401: f"Telegram does not know the bot's token. {_COPY}",
    404: f"Telegram does not know the bot's token. {_COPY}",  # if it has not even the form of one
    403: f"Telegram does not let the bot post to this chat: it was removed, blocked or never added. {_ADD}",
}
_OF_CHATS: Final = (400, 403)  # what these say holds for one chat, the others for the bot
# About the topic a message goes to. If it is the destination's own, every other message would fail alike.
_TOPIC: Final = re.compile("message thread not found|TOPIC_")
_NO_MESSAGE: Final = re.compile("message to (edit|delete) not found|MESSAGE_ID_INVALID")
# Of the kinds of a 400, the first whose words stand in the description.
_WORDS: Final[tuple[tuple[re.Pattern[str], Outcome, str], ...]] = (
    (_TOPIC, "permanent", "The Telegram topic is closed or no longer exists. Open it again, or set another topic."),
    (re.compile("chat not found|(PEER|CHAT)_ID_INVALID|CHANNEL_"), "permanent", f"Telegram finds no such chat. {_ADD}"),
    (
        re.compile("rights|CHAT_(WRITE|SEND|ADMIN|RESTRICTED|GUEST)"),
        "permanent",
        "The bot has no right to post texts in this Telegram chat. Give it that right, or make it an administrator.",
    ),
    (re.compile("deactivated"), "permanent", "The Telegram chat no longer exists."),
    (
        re.compile("upgraded"),
        "rejected",
        "The Telegram group has become a supergroup, where older messages can no longer be edited.",
    ),
    (
        re.compile("repl(y|ied) (message )?not found|REPLY_MESSAGE_ID"),
        "rejected",
        "The message to be answered no longer exists.",
    ),
    (_NO_MESSAGE, "rejected", "The message to be changed no longer exists."),
    (re.compile("can't be (edited|deleted)"), "rejected", "Telegram no longer lets the bot change this message."),
    (re.compile("too long|(?<!ENTITIES_)TOO_LONG"), "rejected", "Telegram says this message is too long."),
    (re.compile("empty|EMPTY"), "rejected", "Telegram calls this message empty."),
)
_FORMATTING: Final = re.compile("can't parse|entity|ENTITY|ENTITIES")
_UNCHANGED: Final = re.compile("message is not modified")
_CODE_WORD: Final = re.compile(rf"\b{CODE_WORD}\b")


def message_ids(answer: Answer) -> tuple[str | None, str | None]:
    """The ids of the message and of its chat in a success; None for what it does not tell. The message is posted anyway."""
    message = answer.object().get("result")
    if not isinstance(message, dict):
        return None, None
    chat = message.get("chat")
    # A message id of 0 is one that can be used for nothing.
    return _number(message.get("message_id")) or None, _number(chat.get("id")) if isinstance(chat, dict) else None


def is_done(answer: Answer) -> bool:
    """Whether the message stands in the chat as it should. An edit that changes nothing is refused, and is done too."""
    if _status(answer) == 400:
        return _says(answer, _UNCHANGED)
    return 200 <= _status(answer) < 300 and answer.object().get("ok") is True


def new_chat(answer: Answer) -> str | None:
    """The id under which a group goes on that has become a supergroup, if this is why the message was refused."""
    parameters = answer.object().get("parameters")
    moved = parameters.get("migrate_to_chat_id") if isinstance(parameters, dict) else None
    return _number(moved) if _status(answer) == 400 else None


def new_topic(answer: Answer) -> str | None:
    """The number of the topic that a success has made."""
    topic = answer.object().get("result")
    return _number(topic.get("message_thread_id")) if isinstance(topic, dict) else None


def refuses_topics(answer: Answer) -> bool:
    """Whether the bot can make no topic in the chat: it is no forum, or a right is missing, if not all of them."""
    return _status(answer) in _OF_CHATS


def refuses_form(answer: Answer) -> bool:
    """Whether the message was refused for its entities alone."""
    return _status(answer) == 400 and _says(answer, _FORMATTING)


def failure(answer: Answer, *, pace: str, own_chat: bool, own_topic: bool, repeatable: bool) -> DestinationError:
    """The error for an answer that is not done.

    ``own_chat`` and ``own_topic``: the message is for the destination's own ones. ``repeatable``: it changes nothing to do it
    twice. ``pace``: whom a limit is about.
    """
    status = _status(answer)
    parameters = answer.object().get("parameters")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    error = by_status(replace(answer, status=status), "Telegram", wait=wait)
    outcome, sentence = error.outcome, str(error)
    if status == 400:
        outcome, sentence = _bad_request(answer, outcome, sentence)
    if status in _SENTENCES:
        sentence = _SENTENCES[status]
    if outcome == "unclear" and repeatable:
        outcome = "retry"
    own_place = own_topic if _says(answer, _TOPIC) else own_chat or status not in _OF_CHATS
    if outcome == "permanent" and not own_place:
        outcome = "rejected"
    limited = pace if status == 429 else None
    kind = MessageGone if outcome == "rejected" and status == 400 and _says(answer, _NO_MESSAGE) else DestinationError
    return kind(sentence, outcome=outcome, retry_after=error.retry_after, status=status, pace=limited)


def _bad_request(answer: Answer, outcome: Outcome, sentence: str) -> tuple[Outcome, str]:
    for words, told, explained in _WORDS:
        if _says(answer, words):
            return told, explained
    code_word = _CODE_WORD.search(_description(answer))
    return outcome, f"{sentence} {code_word[0]}" if code_word else sentence


def _status(answer: Answer) -> int:
    """The status of HTTP, or the one in the body where a server in between has lost it."""
    code = answer.object().get("error_code")
    return code if 200 <= answer.status < 300 and isinstance(code, int) else answer.status


def _description(answer: Answer) -> str:
    told = answer.object().get("description")
    return told if isinstance(told, str) else ""


def _says(answer: Answer, words: re.Pattern[str]) -> bool:
    return words.search(_description(answer)) is not None


def _number(value: object) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value else None
