"""Slack as the stand-in plays it: incoming webhooks, and the methods of the Web API that post and edit."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from ._platform import Arrival, Incoming, Posted, Refused, Reply, json_of
from ._rates import Rate, Windows
from ._slack_checks import NOT_PLAYED
from ._slack_replies import edited, ok, posted_as, refused, too_many, webhook_ok, webhook_refused
from ._slack_requests import READS, WRITES, Call, arguments_of, message_of, named_in, read_path, token_of
from ._slack_rules import pings

__all__ = ["Slack"]

_TEAM = "T0STANDIN"


class _Channel(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    member: bool = True
    archived: bool = False


class _Webhook(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    channel_id: str


class Slack:
    """One workspace with any number of channels and webhooks, and one app with a bot.

    ``rate`` is for each channel, as in Slack for posts of both kinds together, and for edits; None is no limit. With ``strict``
    it refuses arguments that Slack would ignore.
    """

    name = "slack"

    def __init__(self, *, strict: bool, rate: Rate | None) -> None:
        self.token = f"xoxb-{secrets.randbelow(10**12)}-{secrets.token_hex(12)}"
        """The token of the bot."""
        self._scopes: tuple[str, ...] = ("chat:write",)
        self._strict = strict
        self._rate = rate
        self._windows = Windows()
        self._channels: dict[str, _Channel] = {}
        self._webhooks: dict[str, _Webhook] = {}
        self._messages: dict[tuple[str, str], Posted] = {}  # (channel, ts) -> what stands there
        self._deleted: set[tuple[str, str]] = set()  # with answers, which stay: the place is the head of their thread
        self._gone: set[tuple[str, str]] = set()  # without
        self._last = 0

    # What a test arranges.

    def new_webhook(self, name: str) -> str:
        """The path of a new webhook in a new channel."""
        token = secrets.token_hex(12)  # 24 characters, like Slack's
        hook = self._new_id("B")
        self._webhooks[hook] = _Webhook(token=token, channel_id=self.new_channel(name))
        return f"/services/{_TEAM}/{hook}/{token}"

    def new_channel(self, name: str, *, member: bool = True) -> str:
        """The ID of a new channel; the bot posts to it only as a ``member``."""
        channel = _Channel(id=self._new_id("C"), name=name, member=member)
        self._channels[channel.id] = channel
        return channel.id

    def allow(self, scopes: Iterable[str]) -> None:
        """Let the app have these scopes and no others. It begins with ``chat:write`` alone."""
        self._scopes = tuple(scopes)

    def archive(self, place: str) -> None:
        """Archive a channel, named by its ID or by the address of its webhook."""
        channel_id = self._at(place) if "/" in place else place
        self._channels[channel_id] = replace(self._channels[channel_id], archived=True)

    def delete_message(self, channel_id: str, ts: str) -> None:
        """What an admin does. A thread goes on below the place where its first message was, if somebody had answered it."""
        del self._messages[channel_id, ts]
        if any(key[0] == channel_id and posted.payload.get("thread_ts") == ts for key, posted in self._messages.items()):
            self._deleted.add((channel_id, ts))
        else:
            self._gone.add((channel_id, ts))

    def delete_webhook(self, url: str) -> None:
        """What an owner does in the app's settings: from now on the address is unknown."""
        self._at(url)
        del self._webhooks[urlsplit(url).path.split("/")[3]]

    # What a client meets.

    def messages(self) -> list[Posted]:
        return list(self._messages.values())

    def answer(self, request: Incoming) -> tuple[Reply, Arrival] | None:
        call = read_path(request.method, request.path)
        if call is None:
            return None
        arrival = request.arrival(self.name, json_of(request.body))
        try:
            channel = self._admitted(call, request)
            if channel is None:
                return self._who(request), replace(arrival, status=200)
            arrival = replace(arrival, destination=channel.name, channel_id=channel.id)
            if call.method in READS:
                return self._shown(channel), replace(arrival, status=200)
            self._count(channel, call, request)
            answer, posted = self._act(channel, call, request)
            arrival = replace(arrival, message_id=posted.message_id, pings=posted.pings)
        except Refused as refusal:
            answer = refusal.reply
            arrival = replace(arrival, refusal=str(refusal), mistake=NOT_PLAYED in str(refusal))
        return answer, replace(arrival, status=answer.status)

    def _admitted(self, call: Call, request: Incoming) -> _Channel | None:
        """The channel that a call is for, if it may be made at all; ``auth.test`` is for none."""
        return self._channel_of_bot(call.method, request) if call.method else self._channel_of_webhook(call)

    def _channel_of_webhook(self, call: Call) -> _Channel:
        if call.team != _TEAM:
            raise webhook_refused(404, "no_team")
        if call.hook not in self._webhooks:
            raise webhook_refused(404, "no_service")
        webhook = self._webhooks[call.hook]
        if webhook.token != call.token:
            raise webhook_refused(403, "invalid_token")
        channel = self._channels[webhook.channel_id]
        if channel.archived:
            raise webhook_refused(410, "channel_is_archived")
        return channel

    def _channel_of_bot(self, method: str, request: Incoming) -> _Channel | None:
        if method not in (*READS, *WRITES):
            raise refused("unknown_method", cause=NOT_PLAYED)
        if not (token := token_of(request.headers)):
            raise refused("not_authed")
        if token != self.token:
            raise refused("invalid_auth")
        if method == "auth.test":
            return None
        needed = "channels:read" if method in READS else "chat:write"
        if needed not in self._scopes:
            raise refused("missing_scope", needed=needed, provided=",".join(self._scopes))
        named = named_in(method, request).get("channel")
        if named is None and method in READS:
            raise refused("invalid_arguments", "missing required field: channel")
        channel = self._channels.get(named) if isinstance(named, str) else None
        if channel is None:
            raise refused("channel_not_found")
        if method in READS:
            return channel
        if not channel.member:
            raise refused("not_in_channel")
        if channel.archived:
            raise refused("is_archived")
        return channel

    def _who(self, request: Incoming) -> Reply:
        """The answer to ``auth.test``; the scopes are in a header."""
        who = {"url": "https://standin.slack.com/", "team": "Stand-in", "user": "standin", "is_enterprise_install": False}
        return ok({"X-OAuth-Scopes": ",".join(self._scopes)}, **who, team_id=_TEAM, user_id="U0STANDIN", bot_id="B0STANDIN")

    def _shown(self, channel: _Channel) -> Reply:
        """The answer to ``conversations.info``."""
        kind = {"is_channel": True, "is_group": False, "is_im": False, "is_mpim": False, "is_private": False}
        shown = {"id": channel.id, "name": channel.name, "is_member": channel.member, "is_archived": channel.archived}
        return ok(channel={**shown, **kind, "created": 1_700_000_000, "creator": "U0STANDIN", "is_general": False})

    def _count(self, channel: _Channel, call: Call, request: Incoming) -> None:
        if self._rate is not None:
            kind = call.method if call.method in ("chat.update", "chat.delete") else "posts"  # by whatever method
            standing = self._windows.count(f"{channel.id} {kind}", self._rate, request.at)
            if not standing.allowed:
                raise too_many(standing, request.at, webhook=not call.method)

    def _act(self, channel: _Channel, call: Call, request: Incoming) -> tuple[Reply, Posted]:
        if not call.method:
            return webhook_ok(), self._post(channel, message_of(request, strict=self._strict), request)
        if call.method == "chat.delete":
            posted = self._own(channel, str(named_in(call.method, request).get("ts")), "cant_delete_message")
            self.delete_message(channel.id, posted.message_id)
            return ok(channel=channel.id, ts=posted.message_id), posted
        arguments = arguments_of(call.method, request, strict=self._strict)
        if call.method == "chat.postMessage":
            posted = self._post(channel, arguments, request)
            return posted_as(posted), posted
        posted = self._edit(channel, arguments, request)
        return edited(posted), posted

    def _post(self, channel: _Channel, body: dict[str, Any], request: Incoming) -> Posted:
        thread = body.get("thread_ts")
        if (channel.id, thread) in self._gone:  # Slack says nothing (slack-go/slack#1571)
            body = {key: value for key, value in body.items() if key != "thread_ts"}
        elif thread is not None and (channel.id, thread) not in (*self._messages, *self._deleted):
            raise refused("cannot_reply_to_message") if "channel" in body else webhook_refused(400, "invalid_thread_ts")
        posted = Posted(
            platform=self.name,
            destination=channel.name,
            channel_id=channel.id,
            message_id=f"{int(request.at.timestamp())}.{self._next():06}",
            payload=body,
            at=request.at,
            pings=pings(body),
        )
        self._messages[channel.id, posted.message_id] = posted
        return posted

    def _edit(self, channel: _Channel, body: dict[str, Any], request: Incoming) -> Posted:
        posted = self._own(channel, body.get("ts", ""), "cant_update_message")
        # An edit notifies nobody, whatever it names.
        merged = {**posted.payload, **{key: value for key, value in body.items() if key != "ts"}}
        changed = replace(posted, payload=merged, edits=(*posted.edits, body), edited_at=request.at)
        self._messages[channel.id, posted.message_id] = changed
        return changed

    def _own(self, channel: _Channel, ts: str, refusal: str) -> Posted:
        posted = self._messages.get((channel.id, ts))
        if posted is None:
            raise refused("message_not_found")
        if "channel" not in posted.payload:  # it came by a webhook
            raise refused(refusal)
        return posted

    def _at(self, url: str) -> str:
        """The channel of the webhook at ``url``."""
        call = read_path("POST", urlsplit(url).path)
        if call is None or call.hook not in self._webhooks:
            raise LookupError("no webhook of this stand-in has that address")
        return self._webhooks[call.hook].channel_id

    def _new_id(self, letter: str) -> str:
        return f"{letter}0{self._next():08}"

    def _next(self) -> int:
        self._last += 1
        return self._last
