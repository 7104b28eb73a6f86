"""Every kind of destination behind the real service: posted to, failing, and coming back, each apart from the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_process import HEAD, bridge, request, run, wait_for

from perscom_adapters.testing import ChatStandIn, Posted, Say

PROMOTION = "SFC Jacob Whitfield promoted to Sergeant First Class"


class Channels:
    """A channel of each kind, as tables of bridge.toml, and what a failure looks like there."""

    def __init__(self, chat: ChatStandIn) -> None:
        self.chat = chat
        self.urls = {"discord": chat.discord_webhook(name="d"), "webhook": chat.slack_webhook(name="w")}
        self.slack_channel = chat.slack_channel(name="b")
        self.bot = chat.telegram_bot(name="Adjutant")
        self.group = chat.telegram_chat(name="t", topics=["Promotions"])

    def table(self, kind: str, *more: str) -> str:
        lines = {
            "discord": ['type = "discord"', f'url = "{self.urls["discord"]}"'],
            "webhook": ['type = "slack"', f'url = "{self.urls["webhook"]}"'],
            "bot": [
                'type = "slack"',
                f'token = "{self.chat.slack_token}"',
                f'channel = "{self.slack_channel}"',
                f'api = "{self.chat.slack_api}"',
            ],
            "telegram": [
                'type = "telegram"',
                f'token = "{self.bot}"',
                f"chat = {self.group}",
                f'api = "{self.chat.telegram_api}"',
            ],
        }[kind]
        return "\n".join([f"[destinations.{kind}]", 'group = "off"', *lines, *more, ""])

    @property
    def secrets(self) -> list[str]:
        tokens = [url.rpartition("/")[2] for url in self.urls.values()]
        return [*tokens, self.chat.slack_token, self.bot, self.bot.partition(":")[2]]

    def at(self, name: str) -> list[Posted]:
        """What stands in the channel that the stand-in calls ``name``."""
        return [posted for posted in self.chat.messages if posted.destination == name]


KINDS = ("discord", "webhook", "bot", "telegram")


@pytest.fixture
def channels() -> Iterator[Channels]:
    with ChatStandIn(rate=None) as chat:
        yield Channels(chat)


def configured(folder: Path, *destinations: str) -> Path:
    (folder / "bridge.toml").write_text(HEAD + "".join(destinations), encoding="utf-8")
    return folder


def counts(channels: Channels) -> list[int]:
    return [len(channels.at(name)) for name in "dwbt"]


def test_an_event_reaches_every_platform_once_and_no_token_shows_anywhere(channels: Channels, tmp_path: Path) -> None:
    folder = configured(tmp_path, *map(channels.table, KINDS))
    assert run("check", folder).returncode == 0
    done = run("test", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [f"{kind}: posted." in done.stdout for kind in KINDS] == [True] * 4
    assert counts(channels) == [1, 1, 1, 1]
    with bridge(folder) as running:
        assert running.event() == 202
        assert running.event("webhook.test") == 202
        wait_for(lambda: counts(channels) == [3, 3, 3, 3])
        seen = [request(running.status, "GET", path)[1] for path in ("/", "/metrics", "/readyz")]
        assert running.stop() == 0
    for name in "dwbt":
        shown = [json.dumps(posted.payload, ensure_ascii=False) for posted in channels.at(name)]
        assert PROMOTION in shown[0]
        assert PROMOTION in shown[1]
        assert "Test from PERSCOM" in shown[2]
    assert not channels.chat.mistakes
    database = b"".join(path.read_bytes() for path in folder.glob("bridge.db*"))
    told = "\n".join([running.output, done.stdout, *seen]) + database.decode("latin-1")
    assert not [secret for secret in channels.secrets if secret in told]


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_is_gone_is_switched_off_alone_and_says_what_to_do(channels: Channels, tmp_path: Path, kind: str) -> None:
    chat = channels.chat
    {
        "discord": lambda: chat.discord.delete_webhook(channels.urls["discord"]),
        "webhook": lambda: chat.slack.delete_webhook(channels.urls["webhook"]),
        "bot": lambda: chat.slack.archive(channels.slack_channel),
        "telegram": lambda: chat.telegram.revoke(channels.bot),
    }[kind]()
    folder = configured(tmp_path, *map(channels.table, KINDS))
    with bridge(folder) as running:
        assert running.event() == 202
        wait_for(lambda: running.said(f"switched off {kind}"))
        wait_for(lambda: sum(counts(channels)) == 3)
        assert running.event("awardrecord.created") == 202
        wait_for(lambda: sum(counts(channels)) == 6)
        assert running.stop() == 0
    assert counts(channels)[KINDS.index(kind)] == 0
    assert not [secret for secret in channels.secrets if secret in running.output]


def test_what_waited_is_posted_in_order_once_another_token_is_configured(channels: Channels, tmp_path: Path) -> None:
    channels.chat.telegram.revoke(channels.bot)
    with bridge(configured(tmp_path, channels.table("telegram"))) as running:
        assert running.event() == 202
        wait_for(lambda: running.said("switched off telegram"))
        assert running.event("awardrecord.created") == 202
        assert running.stop() == 0
    channels.bot = channels.chat.telegram_bot(name="Adjutant, again")
    with bridge(configured(tmp_path, channels.table("telegram"))) as running:
        wait_for(lambda: len(channels.at("t")) == 2)
        assert running.stop() == 0
    first, second = (json.dumps(posted.payload) for posted in channels.at("t"))
    assert "promoted" in first
    assert "promoted" not in second


def test_trouble_of_a_platform_is_waited_out_without_a_repeat(channels: Channels, tmp_path: Path) -> None:
    chat = channels.chat
    chat.script(Say(status=429, body=b"rate_limited", headers={"Retry-After": "1"}), url=channels.urls["webhook"])
    chat.script(
        Say(status=429, body=b'{"ok":false,"error_code":429,"description":"m","parameters":{"retry_after":1}}'),
        url=f"{chat.telegram_api}/bot{channels.bot}/sendMessage",
    )
    with bridge(configured(tmp_path, *map(channels.table, KINDS))) as running:
        assert running.event() == 202
        wait_for(lambda: counts(channels) == [1, 1, 1, 1])
        assert running.stop() == 0
    assert counts(channels) == [1, 1, 1, 1]


def test_topic_and_silence_of_telegram_arrive_and_a_moved_group_is_followed_and_told(
    channels: Channels, tmp_path: Path
) -> None:
    chat = channels.chat
    topic = chat.telegram.topic(channels.group, "Promotions")
    with bridge(configured(tmp_path, channels.table("telegram", f"topic = {topic}", "silent = true"))) as running:
        assert running.event() == 202
        wait_for(lambda: len(channels.at("t")) == 1)
        assert running.stop() == 0
    payload = channels.at("t")[0].payload
    assert isinstance(payload, dict)
    assert (payload["message_thread_id"], payload["disable_notification"]) == (topic, True)
    channels.group = chat.telegram_chat(name="g", kind="group")
    moved = chat.telegram.upgrade(channels.group)
    with bridge(configured(tmp_path, channels.table("telegram").replace("telegram]", "group]"))) as running:
        assert running.event() == 202
        wait_for(lambda: len(channels.at("g")) == 1)
        wait_for(lambda: running.said(f"chat = {moved}"))
        assert running.stop() == 0
