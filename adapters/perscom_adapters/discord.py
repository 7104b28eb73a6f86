"""Discord: ``payload`` turns a message into the body of a webhook call, ``DiscordDestination`` posts it.

    async with new_session() as session:
        announcements = DiscordDestination(url, name="announcements", session=session)
        receipt = await announcements.send(message)

The models are those of the library discord-webhook (the extra ``discord``); its way of sending is not used. It knows no
timeout, fails on 204, 502 and plain 429 answers after the message was posted (lovvskillz/python-discord-webhook#130,
#172), repeats without bound (#134, #111, #47), and posts its own settings, a proxy's password among them, to Discord.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import urlencode

import aiohttp
import msgspec

from perscom_receiver import DestinationError

from ._asking import puzzling, quoted
from ._destination import Receipt
from ._discord_answers import failure, is_done, is_forum, message_ids, refuses_form, rest_seconds
from ._discord_markup import write
from ._discord_payload import is_whole, payload
from ._discord_settings import checked_address, checked_thread, checked_username, is_snowflake
from ._fallback import LONGEST_REST, Body, in_form_or_plain, plain_text
from ._http import Answer, new_session, request
from ._message import Message
from ._pace import Pace, path
from ._secret import SecretURL
from ._settings import checked_timeout
from ._text import label

__all__ = ["DiscordDestination", "is_whole", "new_session", "payload"]

_LONGEST_CONTENT = 2000
_LONGEST_NAME = 100
# A channel is said to take 30 messages a minute, of which no header tells (discord/discord-api-docs#367, #1454).
_CAREFUL = 2.0


class DiscordDestination:
    """One Discord webhook. Many tasks of one event loop may use it at once.

    ``url`` is the webhook's address as Discord shows it. ``thread_id`` is the thread that messages go to when no other is
    named; without one, each begins a post of its own where the channel is a forum. ``username`` replaces the webhook's own
    name. ``timeout`` is in seconds, for one whole request. Raises :class:`~perscom_receiver.ConfigurationError` for settings
    that cannot work.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        session: aiohttp.ClientSession,
        thread_id: str | None = None,
        username: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self.name = name
        self._address = checked_address(url)
        self._session = session
        self._thread_id = checked_thread(thread_id)
        self._username = checked_username(username)
        self._timeout = checked_timeout(timeout, "Discord")
        self._in_forum = False  # as far as known: only a refusal tells
        # Limits are about all that comes from here, or about this webhook.
        self.pace = Pace(path("discord", self._address.reveal().split("/")[-2]), brisk=0.0, careful=_CAREFUL)

    def __repr__(self) -> str:
        return f"<DiscordDestination {self.name!r} at {self._address.host}>"

    async def send(self, message: Message, *, previous: Receipt | None = None, thread: str | None = None) -> Receipt:
        """Post ``message`` once, or change the message of ``previous`` into it. See :class:`Destination`.

        ``thread`` goes before the destination's own thread. An edit happens where the message is: ``thread`` says nothing
        then. After an edit the outcome is never ``"unclear"``: to repeat it changes nothing.
        """
        thread_id = previous.thread_id if previous else thread or self._thread_id
        name = message.title if self._in_forum and not previous and thread_id is None else None
        return await self._send(message, previous, thread_id, name)

    async def open_thread(self, message: Message, *, name: str) -> Receipt:
        """Post ``message`` as a new post of a forum channel. See :class:`OpensThreads`.

        In a text channel a webhook can open no thread, and a thread has none either: it is posted there.
        """
        return await self._send(message, None, self._thread_id, name if self._thread_id is None else None)

    async def _send(self, message: Message, previous: Receipt | None, thread_id: str | None, name: str | None) -> Receipt:
        """``name`` is that of a new post of a forum; None for a message that begins none."""
        body = payload(message, edit=previous is not None)
        if previous is None and self._username is not None:
            body["username"] = self._username
        if name is not None:
            body["thread_name"] = label(name, _LONGEST_NAME)
        call = partial(self._call, "PATCH" if previous else "POST", self._endpoint(previous, thread_id))
        if previous is None and thread_id is None:
            call = partial(self._call_fitting, call, label(message.title, _LONGEST_NAME))
        explain = partial(
            failure, own_thread=thread_id == self._thread_id, repeatable=previous is not None, pace=self.pace.path
        )
        answer, refused = await in_form_or_plain(
            call,
            body,
            lambda: _without_form(body, message),
            refuses_form=refuses_form,
            failure=explain,
            rest=rest_seconds,
            name=self.name,
        )
        self._judge(answer, explain)
        message_id, channel_id = message_ids(answer)
        return Receipt(
            platform="discord",
            message_id=message_id or (previous.message_id if previous else None),
            channel_id=channel_id or (previous.channel_id if previous else None),
            thread_id=channel_id if "thread_name" in body else thread_id,
            refused=refused,
        )

    async def delete(self, receipt: Receipt) -> None:
        """Delete the message of ``receipt``. See :class:`Deletes`."""
        thread_id = receipt.thread_id
        answer = await self._request("DELETE", self._endpoint(receipt, thread_id))
        self._judge(answer, partial(failure, own_thread=thread_id == self._thread_id, repeatable=True, pace=self.pace.path))

    async def ask(self) -> str:
        """Ask Discord for the webhook. See :class:`Asks`. Of a thread Discord tells only whoever posts into it."""
        answer = await self._request("GET", self._address)
        if not is_done(answer):
            raise failure(answer, own_thread=True, repeatable=True, pace=self.pace.path)
        if "name" not in answer.object():
            raise puzzling("Discord")
        return f"the webhook {quoted(answer.object()['name'])}"

    async def _call_fitting(self, call: Callable[[Body], Awaitable[Answer]], name: str, body: Body) -> Answer:
        """The answer to ``body``; to the same with a name for a post, or without, where the channel wants that."""
        answer = await call(body)
        in_forum = is_forum(answer)
        if in_forum is None or in_forum == ("thread_name" in body):
            return answer
        self._in_forum = in_forum
        # In the body itself: what becomes of it is known from it.
        if in_forum:
            body["thread_name"] = name
        else:
            del body["thread_name"]
        await asyncio.sleep(min(rest_seconds(answer), LONGEST_REST))
        return await call(body)

    async def _call(self, method: str, url: SecretURL, body: Body) -> Answer:
        return await self._request(method, url, msgspec.json.encode(body))

    async def _request(self, method: str, url: SecretURL, body: bytes = b"") -> Answer:
        return await request(self._session, method, url, body=body, timeout=self._timeout, repeatable=method != "POST")

    def _judge(self, answer: Answer, explain: Callable[[Answer], DestinationError]) -> None:
        """Keep the pace that ``answer`` asks for. Raises what it says by ``explain`` if it is no success."""
        self.pace.answered(rest_seconds(answer))
        if not is_done(answer):
            error = explain(answer)
            if error.pace == self.pace.path and not rest_seconds(answer):  # a limit that the headers say nothing of
                self.pace.too_fast()
            raise error

    def _endpoint(self, previous: Receipt | None, thread_id: str | None) -> SecretURL:
        """Where to post, or where the message of ``previous`` is. Raises before anything is sent if there is no such place."""
        query = {}
        if thread_id is not None:
            if not is_snowflake(thread_id):
                raise DestinationError("A Discord thread is named by its number.", outcome="rejected")
            query["thread_id"] = thread_id
        if previous is None:
            # wait: without it Discord answers before the message is stored, and tells neither its id nor a failure.
            return SecretURL(f"{self._address.reveal()}?{urlencode({'wait': 'true', **query})}")
        if previous.platform != "discord" or not is_snowflake(previous.message_id or ""):
            raise DestinationError(
                "The message cannot be changed: its receipt holds no id of a Discord message.", outcome="rejected"
            )
        edit = f"{self._address.reveal()}/messages/{previous.message_id}"
        return SecretURL(f"{edit}?{urlencode(query)}" if query else edit)


def _without_form(body: Body, message: Message) -> Body:
    """The body for the day when Discord refuses the embed. In an edit the text takes its place."""
    text = plain_text(message, _LONGEST_CONTENT, write)
    return {**body, "content": text, "embeds": [], "allowed_mentions": {"parse": []}}
