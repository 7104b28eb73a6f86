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

from functools import partial

import aiohttp

from perscom_receiver import DestinationError

from ._destination import Receipt
from ._http import new_session, request
from ._message import Message
from ._settings import checked_timeout
from ._slack_answers import failure, is_done, message_ids
from ._slack_clients import call_method, call_webhook
from ._slack_payload import payload
from ._slack_settings import (
    checked_address,
    checked_base_url,
    checked_channel,
    checked_token,
    is_channel,
    is_timestamp,
)

__all__ = ["SlackBotDestination", "SlackWebhookDestination", "new_session", "payload"]


class SlackWebhookDestination:
    """One incoming webhook of Slack. Holds no state but its settings: many tasks of one event loop may use it at once.

    ``url`` is the webhook's address as Slack shows it; it belongs to one channel. ``timeout`` is in seconds, for one whole
    request. Raises :class:`~perscom_receiver.ConfigurationError` for settings that cannot work.
    """

    def __init__(self, url: str, *, name: str, session: aiohttp.ClientSession, timeout: float = 10.0) -> None:
        self.name = name
        self._address = checked_address(url)
        self._session = session
        self._timeout = checked_timeout(timeout, "Slack")

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
        answer = await call_webhook(send, self._address, body)
        if not is_done(answer):
            raise failure(answer)
        return Receipt(platform="slack", thread_id=thread)


class SlackBotDestination:
    """One Slack channel that a bot posts to. Holds no state but its settings: many tasks of one event loop may use it at once.

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
            body = payload(message)
            arguments = {"channel": channel, "ts": ts, "text": body["text"], "blocks": body["blocks"]}
            thread_id = previous.thread_id
        send = partial(request, self._session, timeout=self._timeout, repeatable=previous is not None)
        answer = await call_method(send, self._base_url, self._token, arguments)
        if not is_done(answer):
            raise failure(answer, own_channel=channel == self._channel, repeatable=previous is not None)
        message_id, channel_id = message_ids(answer)
        return Receipt(
            platform="slack",
            message_id=message_id or (previous.message_id if previous else None),
            channel_id=channel_id or channel,
            thread_id=thread_id,
        )


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
        raise DestinationError("The message cannot be edited: its receipt holds no id of a Slack message.", outcome="rejected")
    return ts, channel
