"""Discord as the stand-in plays it: webhooks, their messages and threads, and how many requests they take."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from ._discord_replies import Refused, message, rate_headers, refused, reply, too_many, webhook_shown
from ._discord_requests import Call, check_query, form_of, json_of, read_path
from ._discord_rules import NOT_PLAYED, is_empty, pings
from ._platform import Arrival, Incoming, Posted, Reply
from ._rates import Rate, Windows

__all__ = ["Discord", "DiscordRates"]


class _Webhook(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    token: str
    name: str
    channel_id: str
    forum: bool


class DiscordRates(msgspec.Struct, frozen=True):
    """How many requests a webhook takes by each method, and how many messages its channel; None is no limit.

    Of the second no header tells, so a 429 may come while the first has room.
    """

    of_webhook: Rate | None
    of_channel: Rate | None = None


class Discord:
    """One Discord with any number of webhooks, each in a channel of its own.

    With ``strict`` it refuses keys of body and query that Discord would ignore without a word.
    """

    name = "discord"

    def __init__(self, *, strict: bool, rates: DiscordRates) -> None:
        self._strict = strict
        self._rates = rates
        self._windows = Windows()
        self._webhooks: dict[str, _Webhook] = {}
        self._threads: dict[str, str] = {}  # thread -> the channel it is in
        self._archived: set[str] = set()
        self._messages: dict[tuple[str, str], Posted] = {}  # (webhook, message) -> what stands there
        self._last_id = 1_400_000_000_000_000_000

    # What a test arranges.

    def new_webhook(self, name: str, *, forum: bool = False) -> str:
        """The path of a new webhook in a new channel; the channel of a forum takes messages in threads only."""
        token = secrets.token_urlsafe(51)  # 68 characters, like Discord's
        webhook = _Webhook(id=self._new_id(), token=token, name=name, channel_id=self._new_id(), forum=forum)
        self._webhooks[webhook.id] = webhook
        return f"/api/webhooks/{webhook.id}/{token}"

    def new_thread(self, url: str, *, archived: bool = False) -> str:
        """The id of a new thread in the channel of the webhook at ``url``."""
        thread_id = self._open_thread(self._at(url))
        if archived:
            self._archived.add(thread_id)
        return thread_id

    def archive_thread(self, thread_id: str) -> None:
        """What a moderator does, with a lock: a webhook cannot open it again."""
        self._archived.add(thread_id)

    def delete_thread(self, thread_id: str) -> None:
        """What a moderator does: from now on it is unknown, with all that stands in it."""
        del self._threads[thread_id]
        self._messages = {key: posted for key, posted in self._messages.items() if posted.channel_id != thread_id}

    def delete_webhook(self, url: str) -> None:
        """What an owner does in Discord's settings: from now on the address is unknown."""
        del self._webhooks[self._at(url).id]

    # What a client meets.

    def messages(self) -> list[Posted]:
        return list(self._messages.values())

    def answer(self, request: Incoming) -> tuple[Reply, Arrival] | None:
        call = read_path(request.method, request.path)
        if call is None:
            return None
        arrival = request.arrival(self.name, json_of(request.body))
        headers: Mapping[str, str] = {}
        try:
            webhook = self._admitted(call, request)
            arrival = replace(arrival, destination=webhook.name, channel_id=webhook.channel_id)
            headers = self._counted(webhook, request)
            check_query(request, strict=self._strict)
            if request.method == "GET" and not call.message_id:
                answer = reply(200, webhook_shown(webhook.id, webhook.token, webhook.name, webhook.channel_id))
            else:
                answer, posted = self._act(webhook, call, request)
                arrival = replace(arrival, message_id=posted.message_id, channel_id=posted.channel_id, pings=posted.pings)
        except Refused as refusal:
            answer = refusal.reply
            arrival = replace(arrival, refusal=str(refusal), mistake=NOT_PLAYED in str(refusal))
        return Reply(answer.status, answer.body, {**headers, **answer.headers}), replace(arrival, status=answer.status)

    def _admitted(self, call: Call, request: Incoming) -> _Webhook:
        if not request.headers.get("user-agent"):
            raise refused(403, 0, "A request needs a User-Agent")
        webhook = self._webhooks.get(call.webhook_id)
        if webhook is None:
            raise refused(404, 10015, "Unknown Webhook")
        if webhook.token != call.token:
            raise refused(401, 50027, "Invalid Webhook Token")
        return webhook

    def _counted(self, webhook: _Webhook, request: Incoming) -> Mapping[str, str]:
        headers: Mapping[str, str] = {}
        if rate := self._rates.of_webhook:
            bucket = f"{request.method.lower()}-{webhook.id}"
            standing = self._windows.count(bucket, rate, request.at)
            headers = rate_headers(standing, rate, bucket, request.at)
            if not standing.allowed:
                raise too_many(standing, headers, "user", request.at)
        if (rate := self._rates.of_channel) and request.method == "POST":
            standing = self._windows.count(f"channel {webhook.channel_id}", rate, request.at)
            if not standing.allowed:
                raise too_many(standing, headers, "shared", request.at)
        return headers

    def _act(self, webhook: _Webhook, call: Call, request: Incoming) -> tuple[Reply, Posted]:
        if request.method == "POST":
            posted = self._post(webhook, request)
            waits = request.query.get("wait", "").lower() in ("true", "1")
            return reply(200, message(posted, webhook.id)) if waits else Reply(204), posted
        posted = self._own_message(webhook, call, request)
        if request.method == "DELETE":
            del self._messages[webhook.id, posted.message_id]
            return Reply(204), posted
        if request.method == "PATCH":
            posted = self._edit(webhook, posted, request)
        return reply(200, message(posted, webhook.id)), posted

    def _post(self, webhook: _Webhook, request: Incoming) -> Posted:
        body = form_of(request, edit=False, strict=self._strict)
        if is_empty(body):
            raise refused(400, 50006, "Cannot send an empty message")
        posted = Posted(
            platform=self.name,
            destination=webhook.name,
            channel_id=self._place(webhook, request.query.get("thread_id"), body.get("thread_name")),
            message_id=self._new_id(),
            payload=body,
            at=request.at,
            pings=pings(body),
        )
        self._messages[webhook.id, posted.message_id] = posted
        return posted

    def _edit(self, webhook: _Webhook, posted: Posted, request: Incoming) -> Posted:
        body = form_of(request, edit=True, strict=self._strict)
        merged: dict[str, Any] = {**posted.payload, **body}
        if is_empty(merged):
            raise refused(400, 50006, "Cannot send an empty message")
        # An edit notifies nobody, whatever it names.
        edited = replace(posted, payload=merged, edits=(*posted.edits, body), edited_at=request.at)
        self._messages[webhook.id, posted.message_id] = edited
        return edited

    def _place(self, webhook: _Webhook, thread_id: str | None, thread_name: str | None) -> str:
        """The channel or thread that a new message goes to."""
        if thread_name and not webhook.forum:
            raise refused(400, 220003, "Webhooks can only create threads in forum channels")
        if thread_name and thread_id:
            raise refused(400, 220002, "Webhooks posted to forum channels cannot have both a thread_name and thread_id")
        if thread_name:
            return self._open_thread(webhook)
        if thread_id:
            return self._known_thread(webhook, thread_id)
        if webhook.forum:
            raise refused(400, 220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
        return webhook.channel_id

    def _known_thread(self, webhook: _Webhook, thread_id: str) -> str:
        if self._threads.get(thread_id) != webhook.channel_id:
            raise refused(404, 10003, "Unknown Channel")
        if thread_id in self._archived:
            raise refused(400, 50083, "Thread is archived")
        return thread_id

    def _own_message(self, webhook: _Webhook, call: Call, request: Incoming) -> Posted:
        thread_id = request.query.get("thread_id")
        channel_id = self._known_thread(webhook, thread_id) if thread_id else webhook.channel_id
        posted = self._messages.get((webhook.id, call.message_id))
        if posted is None or posted.channel_id != channel_id:
            raise refused(404, 10008, "Unknown Message")
        return posted

    def _open_thread(self, webhook: _Webhook) -> str:
        thread_id = self._new_id()
        self._threads[thread_id] = webhook.channel_id
        return thread_id

    def _at(self, url: str) -> _Webhook:
        call = read_path("POST", urlsplit(url).path)
        if call is None or call.webhook_id not in self._webhooks:
            raise LookupError("no webhook of this stand-in has that address")
        return self._webhooks[call.webhook_id]

    def _new_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)
