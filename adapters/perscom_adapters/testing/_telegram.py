"""Telegram as the stand-in plays it: bots, the chats they post to, their topics and messages."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ._platform import Arrival, Incoming, Posted, Refused, Reply
from ._telegram_checks import Wrong
from ._telegram_places import Bot, Chat, Kind, chat_id
from ._telegram_rates import TelegramCounts, TelegramRates
from ._telegram_replies import UNCHANGED, UNDELETABLE, bad_request, message, ok, refused
from ._telegram_requests import Call, given, read_path
from ._telegram_rules import METHODS, NOT_PLAYED, arguments, shown

__all__ = ["Telegram"]

_DELETABLE = timedelta(days=2)


class Telegram:
    """One Telegram with any number of bots, each a member of every chat until it is made to leave.

    With ``strict`` it refuses arguments that Telegram would ignore.
    """

    name = "telegram"

    def __init__(self, *, strict: bool, rates: TelegramRates) -> None:
        self._strict = strict
        self._counts = TelegramCounts(rates)
        self._bots: dict[str, Bot] = {}  # by their tokens
        self._chats: dict[int, Chat] = {}
        self._messages: dict[tuple[int, int], Posted] = {}  # (chat, message) -> what stands there
        self._senders: dict[tuple[int, int], Bot] = {}
        self._last = 0

    # What a test arranges.

    def new_bot(self, name: str) -> str:
        """The token of a new bot."""
        bot = Bot(id=7_000_000_000 + self._next(), name=name)
        token = f"{bot.id}:{secrets.token_urlsafe(26)[:35]}"  # 35 characters, like Telegram's
        self._bots[token] = bot
        return token

    def new_chat(self, name: str, *, kind: Kind = "supergroup", topics: Iterable[str] = (), username: str = "") -> int:
        """The id of a new chat. Only a supergroup has topics; what has a ``username`` is public."""
        made = {topic: self._next() for topic in topics}
        chat = Chat(id=chat_id(kind, self._next()), name=name, kind=kind, username=username, topics=made)
        self._chats[chat.id] = chat
        return chat.id

    def topic(self, chat_id: int, name: str) -> int:
        """The id of a topic, the ``message_thread_id``."""
        return self._chats[chat_id].topics[name]

    def delete_topic(self, chat_id: int, name: str) -> None:
        """What an administrator does: from now on the topic is unknown."""
        kept = {topic: number for topic, number in self._chats[chat_id].topics.items() if topic != name}
        self._change(chat_id, topics=kept)

    def close_topic(self, chat_id: int, name: str) -> None:
        """What an administrator does: members can no longer post to the topic."""
        chat = self._chats[chat_id]
        self._change(chat_id, closed=chat.closed | {chat.topics[name]})

    def allow_topics(self, chat_id: int) -> None:
        """Make the bots administrators who may manage the topics of the chat."""
        self._change(chat_id, manages_topics=True)

    def delete_message(self, chat_id: int, message_id: int) -> None:
        """What an administrator does: from now on the message is unknown."""
        del self._messages[chat_id, message_id]

    def kick(self, chat_id: int) -> None:
        """Remove the bots from the chat; in a private one, its owner blocks them."""
        self._change(chat_id, refusal=self._chats[chat_id].refusal_of_kicked)

    def mute(self, chat_id: int) -> None:
        """Take from the bots the right to post texts."""
        self._change(chat_id, refusal=self._chats[chat_id].refusal_of_muted)

    def upgrade(self, chat_id: int) -> int:
        """Make a supergroup of a group, which then has another id: this one."""
        moved_to = self.new_chat(self._chats[chat_id].name)
        self._change(chat_id, moved_to=moved_to)
        return moved_to

    def revoke(self, token: str) -> None:
        """What @BotFather does with a token that has become known: from now on nobody has it."""
        del self._bots[token]

    # What a client meets.

    def messages(self) -> list[Posted]:
        return list(self._messages.values())

    def answer(self, request: Incoming) -> tuple[Reply, Arrival] | None:
        call = read_path(request.method, request.path)
        if call is None:
            return None
        arrival = request.arrival(self.name)
        try:
            bot, method = self._admitted(call)
            arguments_given = given(request)
            arrival = replace(arrival, payload=dict(arguments_given))
            read = arguments(method, arguments_given, strict=self._strict)
            if method == "getMe":
                return ok({**bot.shown(), "can_join_groups": True}), replace(arrival, status=200)
            if "text" in METHODS[method]:
                shown(read)  # the text is looked at before the chat
            chat = self._chat(read, method)
            arrival = replace(arrival, destination=chat.name, channel_id=str(chat.id))
            if (told := self._told(method, bot, chat, read)) is not None:
                return ok(told), replace(arrival, status=200)
            answer, posted = self._act(method, bot, chat, read, request)
            arrival = replace(arrival, message_id=posted.message_id, pings=posted.pings)
        except (Refused, Wrong) as error:
            refusal = bad_request(error) if isinstance(error, Wrong) else error
            answer = refusal.reply
            arrival = replace(arrival, refusal=str(refusal), mistake=NOT_PLAYED in str(refusal))
        return answer, replace(arrival, status=answer.status)

    def _admitted(self, call: Call) -> tuple[Bot, str]:
        number, _, secret = call.token.partition(":")
        if not number.isdecimal() or not secret:
            raise refused(404, "Not Found")
        bot = self._bots.get(call.token)
        if bot is None:
            raise refused(401, "Unauthorized")
        method = next((name for name in METHODS if name.lower() == call.method.lower()), None)  # Telegram ignores case here
        if method is None:
            raise refused(404, f"Not Found: method not found ({NOT_PLAYED})")
        return bot, method

    def _told(self, method: str, bot: Bot, chat: Chat, read: Mapping[str, Any]) -> object:
        """What a method that is about no message tells; None for the others."""
        match method:
            case "getChat":
                return chat.in_full()
            case "getChatMember":
                return self._member(bot, chat, read)
            case "createForumTopic":
                return self._new_topic(chat, read["name"])
        return None

    def _act(self, method: str, bot: Bot, chat: Chat, read: dict[str, Any], request: Incoming) -> tuple[Reply, Posted]:
        if method == "deleteMessage":
            return ok(True), self._delete(bot, chat, read, request)
        self._counts.count(bot, chat, request.at)
        posted = (self._post if method == "sendMessage" else self._edit)(bot, chat, read, request)
        return ok(message(posted, chat.shown(), bot.shown())), posted

    def _new_topic(self, chat: Chat, name: str) -> Mapping[str, object]:
        if refusal := chat.refusal_of_topic(name):
            raise refused(400, f"Bad Request: {refusal}")
        number = self._next()
        self._change(chat.id, topics={**chat.topics, name if name not in chat.topics else f"{name} {number}": number})
        return {"message_thread_id": number, "name": name, "icon_color": 0x6FB9F0}

    def _member(self, bot: Bot, chat: Chat, read: Mapping[str, Any]) -> Mapping[str, object]:
        if read["user_id"] != bot.id:
            raise refused(400, f"Bad Request: members other than the bot itself ({NOT_PLAYED})")
        return chat.member(bot)

    def _chat(self, read: Mapping[str, Any], method: str) -> Chat:
        named = read.get("chat_id")
        if named is None:
            raise refused(400, "Bad Request: chat_id is empty")
        known = (chat for chat in self._chats.values() if named in (chat.id, f"@{chat.username}"))
        chat = next(known, None)
        if chat is None:
            raise refused(400, "Bad Request: chat not found")
        if chat.moved_to is not None:
            description = "Bad Request: group chat was upgraded to a supergroup chat"
            raise refused(400, description, migrate_to_chat_id=chat.moved_to)
        if chat.refusal.startswith("Forbidden"):
            raise refused(403, chat.refusal)
        if chat.refusal and method not in ("getChat", "getChatMember"):  # who may not post may still look
            raise refused(400, chat.refusal)
        return chat

    def _post(self, bot: Bot, chat: Chat, read: dict[str, Any], request: Incoming) -> Posted:
        topic = read.get("message_thread_id")
        if topic is not None and topic not in chat.topics.values():
            raise refused(400, "Bad Request: message thread not found")
        if topic in chat.closed:
            raise refused(400, "Bad Request: TOPIC_CLOSED")
        reply = read.get("reply_parameters", {})
        answered = (chat.id, int(reply["message_id"])) if reply else None
        if answered is not None and answered not in self._messages and not reply.get("allow_sending_without_reply"):
            raise refused(400, "Bad Request: message to be replied not found")
        number = self._next()
        posted = Posted(
            platform=self.name,
            destination=chat.name,
            channel_id=str(chat.id),
            message_id=str(number),
            payload=read,
            at=request.at,
            pings=shown(read).pings,
        )
        self._messages[chat.id, number] = posted
        self._senders[chat.id, number] = bot
        return posted

    def _own(self, bot: Bot, chat: Chat, read: Mapping[str, Any], verb: str, refusal: str) -> Posted:
        posted = self._messages.get((chat.id, read.get("message_id", 0)))
        if posted is None:
            raise refused(400, f"Bad Request: message to {verb} not found")
        if self._senders[chat.id, int(posted.message_id)] != bot:
            raise refused(400, f"Bad Request: {refusal}")
        return posted

    def _delete(self, bot: Bot, chat: Chat, read: Mapping[str, Any], request: Incoming) -> Posted:
        posted = self._own(bot, chat, read, "delete", UNDELETABLE)
        if request.at - posted.at > _DELETABLE:
            raise refused(400, f"Bad Request: {UNDELETABLE}")
        self.delete_message(chat.id, int(posted.message_id))
        return posted

    def _edit(self, bot: Bot, chat: Chat, read: dict[str, Any], request: Incoming) -> Posted:
        posted = self._own(bot, chat, read, "edit", "message can't be edited")
        kept = {
            key: value for key, value in posted.payload.items() if key not in ("entities", "parse_mode", "link_preview_options")
        }
        new = {key: value for key, value in read.items() if key not in ("chat_id", "message_id")}
        if shown({**kept, **new}) == shown(posted.payload):
            raise refused(400, f"Bad Request: {UNCHANGED}")
        # An edit notifies nobody, whatever it names.
        edited = replace(posted, payload={**kept, **new}, edits=(*posted.edits, read), edited_at=request.at)
        self._messages[chat.id, int(posted.message_id)] = edited
        return edited

    def _change(self, chat_id: int, **changes: Any) -> None:
        self._chats[chat_id] = replace(self._chats[chat_id], **changes)

    def _next(self) -> int:
        self._last += 1
        return self._last
