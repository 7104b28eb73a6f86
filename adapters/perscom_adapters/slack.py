"""Slack: ``payload`` turns a message into blocks; two destinations post it, by incoming webhook or as a bot.

    async with new_session() as session:
        staff = SlackWebhookDestination(url, name="staff", session=session)
        await staff.send(message)
        board = SlackBotDestination(token, "C024BE91L", name="board", session=session)
        receipt = await board.send(message)

A webhook needs no more than its address, but Slack does not tell it what became of a message: it can post, and cannot edit.
A bot can edit its messages and start threads; it needs a token with the scope ``chat:write`` and a place in the channel.
Both send by the library slack-sdk (the extra ``slack``), over our own session.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from urllib.parse import urlencode

import aiohttp
import msgspec

from perscom_receiver import DestinationError

from ._destination import Receipt
from ._fallback import Body, in_form_or_plain, plain_text
from ._http import Answer, new_session, request
from ._lines import Line
from ._message import Message
from ._pace import Pace, path
from ._secret import SecretURL
from ._settings import checked_timeout
from ._slack_answers import failure, is_done, message_ids, refuses_form, thread_of
from ._slack_ask import ask
from ._slack_clients import call_method, call_webhook
from ._slack_markup import escape
from ._slack_payload import is_whole, payload
from ._slack_settings import (
    checked_address,
    checked_base_url,
    checked_channel,
    checked_token,
    is_channel,
    is_timestamp,
)

__all__ = ["SlackBotDestination", "SlackWebhookDestination", "is_whole", "new_session", "payload"]

_LONGEST_TEXT = 3500  # Slack wants less than 4000
_BRISK, _CAREFUL = 1.0, 2.0  # a channel takes about one message a second; a workspace may have had enough before
_MARKUP = re.compile(r"[*_~`]|:(?=\S)")
_WORD_JOINER = "\u2060"


class SlackWebhookDestination:
    """One incoming webhook of Slack. Many tasks of one event loop may use it at once.

    ``url`` is the webhook's address as Slack shows it; it belongs to one channel. ``timeout`` is in seconds, for one whole
    request. Raises :class:`~perscom_receiver.ConfigurationError` for settings that cannot work.
    """

    def __init__(self, url: str, *, name: str, session: aiohttp.ClientSession, timeout: float = 10.0) -> None:
        self.name = name
        self._address = checked_address(url)
        self._session = session
        self._timeout = checked_timeout(timeout, "Slack")
        team, hook = self._address.reveal().split("/")[-3:-1]
        # Limits are about all webhooks of the workspace, or about this one.
        self._limits = path("slack", team)
        self.pace = Pace(path("slack", team, hook), brisk=_BRISK, careful=_CAREFUL)

    def __repr__(self) -> str:
        return f"<SlackWebhookDestination {self.name!r} at {self._address.host}>"

    async def send(self, message: Message, *, previous: Receipt | None = None, thread: str | None = None) -> Receipt:
        """Post ``message`` once. See :class:`Destination`.

        The receipt holds no id, so nothing can be edited: ``previous`` is ``"rejected"``, and nothing is sent. ``thread`` is
        the ``ts`` of a message that somebody else posted in the channel.
        """
        if previous is not None:
            raise DestinationError(
                "An incoming webhook of Slack can post, but not edit. A bot token and a channel can.", outcome="rejected"
            )
        body = _in_thread(payload(message), thread)
        send = partial(request, self._session, timeout=self._timeout)
        explain = partial(failure, pace=self._limits)
        call = partial(call_webhook, send, self._address)
        answer, refused = await _in_form_or_plain(call, body, message, explain, self.name)
        self.pace.answered()
        if not is_done(answer):
            raise _told(explain(answer), self.pace)
        return Receipt(platform="slack", thread_id=thread, refused=refused)


class SlackBotDestination:
    """One Slack channel that a bot posts to. Many tasks of one event loop may use it at once.

    ``token`` is the app's Bot User OAuth Token, ``channel`` the ID of the channel. ``timeout`` is in seconds, for one whole
    request. ``base_url`` is where Slack's Web API is. Raises :class:`~perscom_receiver.ConfigurationError` for settings that
    cannot work.
    """

    def __init__(
        self,
        token: str,
        channel: str,
        *,
        name: str,
        session: aiohttp.ClientSession,
        timeout: float = 10.0,
        base_url: str = "https://slack.com/api",
    ) -> None:
        self.name = name
        self._token = checked_token(token)
        self._channel = checked_channel(channel)
        self._session = session
        self._timeout = checked_timeout(timeout, "Slack")
        self._base_url = checked_base_url(base_url)
        # Limits are about all channels of the bot, or about this one.
        self._limits = path("slack", self._token.reveal())
        self.pace = Pace(path("slack", self._token.reveal(), self._channel), brisk=_BRISK, careful=_CAREFUL)

    def __repr__(self) -> str:
        return f"<SlackBotDestination {self.name!r} in {self._channel}>"

    async def send(self, message: Message, *, previous: Receipt | None = None, thread: str | None = None) -> Receipt:
        """Post ``message`` once, or change the message of ``previous`` into it. See :class:`Destination`.

        ``thread`` is the ``ts`` of the message that is answered; a receipt holds it as ``message_id``. An edit happens where
        the message is: ``thread`` says nothing then. After an edit the outcome is never ``"unclear"``: to repeat it changes
        nothing.
        """
        channel, thread_id = self._channel, thread
        if previous is None:
            arguments = {"channel": channel, **_in_thread(payload(message), thread)}
        else:
            ts, channel = _place(previous)
            arguments = {"channel": channel, "ts": ts, **payload(message, edit=True)}
            thread_id = previous.thread_id
        send = partial(request, self._session, timeout=self._timeout, repeatable=previous is not None)
        explain = partial(failure, pace=self._limits, own_channel=channel == self._channel, repeatable=previous is not None)
        call = partial(call_method, send, self._base_url, self._token)
        answer, refused = await _in_form_or_plain(call, arguments, message, explain, self.name)
        self.pace.answered()
        if not is_done(answer):
            raise _told(explain(answer), self.pace)
        message_id, channel_id = message_ids(answer)
        return Receipt(
            platform="slack",
            message_id=message_id or (previous.message_id if previous else None),
            channel_id=channel_id or channel,
            thread_id=thread_id if previous else thread_of(answer, thread_id),
            refused=refused,
        )

    async def open_thread(self, message: Message, *, name: str) -> Receipt:
        """Post ``message`` into the channel; what follows answers it, without a name. See :class:`OpensThreads`."""
        receipt = await self.send(message)
        return msgspec.structs.replace(receipt, thread_id=receipt.message_id)

    async def delete(self, receipt: Receipt) -> None:
        """Delete the message of ``receipt``. See :class:`Deletes`."""
        ts, channel = _place(receipt)
        answer = await self._ask("chat.delete", {"channel": channel, "ts": ts})
        self.pace.answered()
        if not is_done(answer):
            error = failure(answer, pace=self._limits, own_channel=channel == self._channel, repeatable=True)
            raise _told(error, self.pace)

    async def ask(self) -> str:
        """Ask Slack for the bot and the channel. See :class:`Asks`. A webhook has no such question."""
        return await ask(self._ask, self._channel, pace=self._limits)

    async def _ask(self, method: str, arguments: Mapping[str, str]) -> Answer:
        try:
            return await request(
                self._session,
                "POST",
                SecretURL(f"{self._base_url}/{method}"),
                body=urlencode(arguments).encode(),
                content_type="application/x-www-form-urlencoded",
                headers={"Authorization": f"Bearer {self._token.reveal()}"},
                timeout=self._timeout,
                repeatable=True,
            )
        except DestinationError as error:
            silent = error.with_traceback(None)  # its frames hold the token
        raise silent


async def _in_form_or_plain(
    call: Callable[[Body], Awaitable[Answer]],
    body: Body,
    message: Message,
    explain: Callable[[Answer], DestinationError],
    name: str,
) -> tuple[Answer, str | None]:
    return await in_form_or_plain(
        call,
        body,
        # In an edit the text takes the place of the blocks.
        lambda: {**body, "text": plain_text(message, _LONGEST_TEXT, _inert), "blocks": []},
        refuses_form=refuses_form,
        failure=explain,
        rest=lambda _: _BRISK,
        name=name,
    )


def _inert(line: Line) -> str:
    """One line where marks would be markup and addresses links: a word joiner, which has no width, breaks them."""
    return escape(_MARKUP.sub(rf"\g<0>{_WORD_JOINER}", "".join(run.text for run in line.runs)))


def _told(error: DestinationError, pace: Pace) -> DestinationError:
    if error.pace is not None:
        pace.too_fast()
    return error


def _in_thread(body: dict[str, object], thread: str | None) -> dict[str, object]:
    """``body`` for the thread, if one is named."""
    if thread is None:
        return body
    if not is_timestamp(thread):
        raise DestinationError("A Slack thread is named by the ts of its first message.", outcome="rejected")
    return {**body, "thread_ts": thread}


def _place(previous: Receipt) -> tuple[str, str]:
    """The ``ts`` and the channel of a message. Raises before anything is sent if the receipt names no such place."""
    ts, channel = previous.message_id or "", previous.channel_id or ""
    if previous.platform != "slack" or not is_timestamp(ts) or not is_channel(channel):
        raise DestinationError("The message cannot be changed: its receipt holds no id of a Slack message.", outcome="rejected")
    return ts, channel
