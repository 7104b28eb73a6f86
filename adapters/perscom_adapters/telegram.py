"""Telegram: ``payload`` turns a message into the arguments of ``sendMessage``, ``TelegramDestination`` posts it as a bot.

    async with new_session() as session:
        announcements = TelegramDestination(token, -1001234567890, name="announcements", session=session)
        receipt = await announcements.send(message)

The requests are built by the library python-telegram-bot (the extra ``telegram``); its way of sending is not used. All
platforms have one transport, which keeps the token out of every log and error; the library's own would write it to both.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from functools import partial

import aiohttp
import msgspec

from perscom_receiver import DestinationError

from ._destination import Receipt
from ._fallback import Body, in_form_or_plain
from ._http import Answer, new_session, request
from ._message import Message
from ._pace import Pace, path
from ._secret import SecretURL
from ._settings import checked_timeout
from ._telegram_answers import failure, is_done, message_ids, new_chat, new_topic, refuses_form, refuses_topics
from ._telegram_ask import ask
from ._telegram_bot import BotWithoutToken, answer_to
from ._telegram_payload import is_whole, payload
from ._telegram_settings import checked_address, checked_chat, checked_topic, is_chat, is_number
from ._text import label

__all__ = ["TelegramDestination", "is_whole", "new_session", "payload"]

_log = logging.getLogger("perscom_adapters")

_DELETE = "deleteMessage"
_CHANGES = ("editMessageText", _DELETE)
_BRISK = 1.0  # a chat takes about one message a second
_CAREFUL = 3.0  # and a group 20 a minute
_ANSWERED = "reply:"  # in front of the number of the message that begins a thread where there are no topics
_LONGEST_NAME = 128


class TelegramDestination:
    """One chat of a Telegram bot. Many tasks of one event loop may use it at once.

    ``token`` is the bot's, as @BotFather shows it. ``chat`` is the number of a chat, or the ``@name`` of a public one; the bot
    must be a member of it. ``topic`` is the one that messages go to when no other thread is named. With ``silent`` they make
    no sound. ``timeout`` is in seconds, for one whole request. ``base_url`` is another server that speaks the Bot API. Raises
    :class:`~perscom_receiver.ConfigurationError` for settings that cannot work.

    A group that becomes a supergroup gets another number. It is followed at once; a line in the log tells the new number, and
    receipts hold it as ``channel_id``, beside the one that was given. :meth:`learn` takes it from there.
    """

    def __init__(
        self,
        token: str,
        chat: int | str,
        *,
        name: str,
        session: aiohttp.ClientSession,
        topic: int | None = None,
        silent: bool = False,
        timeout: float = 10.0,
        base_url: str = "https://api.telegram.org",
    ) -> None:
        self.name = name
        self._address = checked_address(base_url, token)
        self._chat = self._given_chat = checked_chat(chat)
        self._session = session
        self._topic = checked_topic(topic)
        self._silent = silent
        self._empty: dict[str, str] = {}  # topics by name whose first message has yet to come
        self._timeout = checked_timeout(timeout, "Telegram")
        self._bot = BotWithoutToken(self._post)
        # Limits are about all chats of the bot, or about this one.
        number = token.strip().partition(":")[0]
        self._limits = path("telegram", number)
        self.pace = Pace(path("telegram", number, self._chat.lower()), brisk=_BRISK, careful=_CAREFUL)

    def __repr__(self) -> str:
        return f"<TelegramDestination {self.name!r} at {self._address.host}>"

    async def send(self, message: Message, *, previous: Receipt | None = None, thread: str | None = None) -> Receipt:
        """Post ``message`` once, or change the message of ``previous`` into it. See :class:`Destination`.

        ``thread`` goes before the destination's own topic: the number of a topic, or ``reply:`` and that of a message that is
        answered. An edit happens where the message is: ``thread`` says nothing then. After an edit the outcome is never
        ``"unclear"``: to repeat it changes nothing.

        A refused message is sent again at once where a group has moved to, and without formatting if that is what Telegram
        refuses.
        """
        body = payload(message, edit=previous is not None)
        thread_id = previous.thread_id if previous else thread or self._topic
        explain = partial(
            failure,
            pace=self._limits,
            own_chat=previous is None or self._may_be_own(previous.channel_id),
            own_topic=thread_id == self._topic or (thread_id or "").startswith(_ANSWERED),
            repeatable=previous is not None,
        )
        answer, refused = await in_form_or_plain(
            partial(self._follow, previous=previous, thread_id=thread_id),
            body,
            lambda: {key: value for key, value in body.items() if key != "entities"},
            refuses_form=refuses_form,
            failure=explain,
            rest=lambda _: 0.0,  # what is refused does not count
            name=self.name,
        )
        self.pace.answered()
        if not is_done(answer):
            raise self._told(explain(answer))
        message_id, channel_id = message_ids(answer)
        channel_id = channel_id or (previous.channel_id if previous else self._chat)
        return Receipt(
            platform="telegram",
            message_id=message_id or (previous.message_id if previous else None),
            channel_id=channel_id,
            thread_id=thread_id,
            moved_from=self._given_chat if channel_id == self._chat != self._given_chat else None,
            refused=refused,
        )

    async def delete(self, receipt: Receipt) -> None:
        """Delete the message of ``receipt``, within the two days for which Telegram lets a bot do so. See :class:`Deletes`."""
        message_id, chat = _place(receipt)
        answer = await self._ask(_DELETE, {"chat_id": chat, "message_id": message_id})
        self.pace.answered()
        if not is_done(answer):
            own_chat = self._may_be_own(chat)
            raise self._told(failure(answer, pace=self._limits, own_chat=own_chat, own_topic=True, repeatable=True))

    async def open_thread(self, message: Message, *, name: str) -> Receipt:
        """Post ``message`` as the first of a new topic. See :class:`OpensThreads`.

        What follows answers the message itself where the chat has no topics, where the bot lacks the right to manage them, and
        in the destination's own topic.
        """
        name = label(name, _LONGEST_NAME)
        topic = None if self._topic else self._empty.pop(name, None) or await self._new_topic(name)
        try:
            receipt = await self.send(message, thread=topic)
        except DestinationError as error:
            if topic is not None and error.outcome in ("retry", "unclear"):
                self._empty[name] = topic
            raise
        answered = f"{_ANSWERED}{receipt.message_id}" if receipt.message_id else None
        return receipt if topic is not None else msgspec.structs.replace(receipt, thread_id=answered)

    async def _new_topic(self, name: str) -> str | None:
        """The number of a new topic; None where there can be none."""
        answer = await answer_to(self._bot.create_forum_topic(self._chat, name))
        if is_done(answer):
            return new_topic(answer)
        if refuses_topics(answer):
            _log.info("No topic can be made in the chat of %s: what follows answers the first message.", self.name)
            return None
        raise self._told(failure(answer, pace=self._limits, own_chat=True, own_topic=True, repeatable=True))

    def _told(self, error: DestinationError) -> DestinationError:
        if error.pace is not None:
            self.pace.too_fast()
        return error

    def learn(self, receipt: Receipt) -> None:
        """Go on in the supergroup that the group has become, if ``receipt`` of an earlier message tells its number."""
        if receipt.platform == "telegram" and receipt.moved_from == self._given_chat and is_chat(receipt.channel_id or ""):
            self._chat = receipt.channel_id or self._chat

    async def _follow(self, body: Body, *, previous: Receipt | None, thread_id: str | None) -> Answer:
        """The answer to one call; to a second, where the group has moved to."""
        answer = await answer_to(self._call(body, previous, thread_id))
        moved = None if previous else new_chat(answer)
        if moved is None:
            return answer
        _log.warning("The group of %s has become a supergroup with another number. Write it down: chat = %s", self.name, moved)
        self._chat = moved
        return await answer_to(self._call(body, previous, thread_id))

    def _call(self, body: dict[str, object], previous: Receipt | None, thread_id: str | None) -> Awaitable[object]:
        """The call of the bot. Raises before anything is sent if there is no such place."""
        text, formatting = str(body["text"]), {key: value for key, value in body.items() if key != "text"}
        if previous is not None:
            message_id, chat = _place(previous)
            return self._bot.edit_message_text(text, chat, message_id, api_kwargs=formatting)
        if thread_id is not None and thread_id.startswith(_ANSWERED):
            formatting["reply_parameters"] = {"message_id": _number(thread_id.removeprefix(_ANSWERED))}
            thread_id = self._topic
        return self._bot.send_message(
            self._chat,
            text,
            message_thread_id=_number(thread_id) if thread_id else None,
            disable_notification=self._silent or None,
            api_kwargs=formatting,
        )

    def _may_be_own(self, chat: str | None) -> bool:
        """Whether ``chat`` is the destination's own. Which number a chat has that is known by its name, cannot be told."""
        return chat == self._chat or self._chat.startswith("@")

    async def ask(self) -> str:
        """Ask Telegram for the bot and the chat. See :class:`Asks`. Of one topic Telegram tells only whoever posts into it."""
        return await ask(self._ask, self._chat, topic=self._topic is not None, pace=self._limits)

    async def _ask(self, method: str, arguments: Mapping[str, object]) -> Answer:
        return await self._post(method, msgspec.json.encode(arguments))

    async def _post(self, method: str, body: bytes) -> Answer:
        return await request(
            self._session,
            "POST",
            SecretURL(f"{self._address.reveal()}/{method}"),
            body=body,
            timeout=self._timeout,
            repeatable=method in _CHANGES or method.startswith("get"),
        )


def _number(thread_id: str) -> int:
    if not is_number(thread_id):
        raise DestinationError("A Telegram topic is named by its number.", outcome="rejected")
    return int(thread_id)


def _place(previous: Receipt) -> tuple[int, str]:
    """The number of a message and its chat. Raises before anything is sent if the receipt names no such place."""
    message_id, chat = previous.message_id or "", previous.channel_id or ""
    if previous.platform != "telegram" or not is_number(message_id) or not is_chat(chat):
        raise DestinationError(
            "The message cannot be changed: its receipt holds no id of a Telegram message.", outcome="rejected"
        )
    return int(message_id), chat
