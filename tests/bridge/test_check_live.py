"""``check --live``: whether the credentials work is asked of everybody together, told with a remedy, and nothing is posted."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from bridge_process import HEAD, SECRET
from click.testing import CliRunner, Result

from perscom_adapters.testing import ChatStandIn, Drip, Hang, Say
from perscom_bridge._load import load
from perscom_bridge._send import post
from perscom_bridge.cli import main
from perscom_bridge.overview import read_overview
from perscom_bridge.service import destinations_of, running
from perscom_bridge.testing import PerscomStandIn
from perscom_receiver.testing import signed_request


class Unit:
    """A community with a destination of each kind."""

    def __init__(self, folder: Path, chat: ChatStandIn, perscom: PerscomStandIn) -> None:
        self.folder, self.chat, self.perscom = folder, chat, perscom
        self.bot, self.group = chat.telegram_bot(name="Adjutant"), chat.telegram_chat(name="First platoon")
        self.urls = {"discord": chat.discord_webhook(name="Captain Hook"), "webhook": chat.slack_webhook(name="staff")}
        self.channel = chat.slack_channel(name="board")
        chat.slack.allow(["chat:write", "channels:read"])
        self.key = perscom.key()

    def write(self, *, api: bool = True, more: str = "") -> None:
        site = f'token = "{self.key}"\napi = "{self.perscom.url}"\n' if api else ""
        tables = [
            *('[destinations.discord]\ntype = "discord"', f'url = "{self.urls["discord"]}"'),
            *('[destinations.webhook]\ntype = "slack"', f'url = "{self.urls["webhook"]}"'),
            *('[destinations.bot]\ntype = "slack"', f'token = "{self.chat.slack_token}"', f'channel = "{self.channel}"'),
            f'api = "{self.chat.slack_api}"',
            *('[destinations.telegram]\ntype = "telegram"', f'token = "{self.bot}"', f"chat = {self.group}"),
            f'api = "{self.chat.telegram_api}"',
        ]
        (self.folder / "bridge.toml").write_text(HEAD.replace("[server]", f"{site}[server]") + "\n".join(tables) + more)

    async def check(self, *options: str) -> Result:
        words = ["check", "--config", str(self.folder / "bridge.toml"), *options]
        done = await asyncio.to_thread(CliRunner().invoke, main, words, env={"PERSCOM_WEBHOOK_SECRET": SECRET})
        assert done.exception is None or isinstance(done.exception, SystemExit)
        secrets = [SECRET, self.key, self.bot, self.chat.slack_token, *(url.rpartition("/")[2] for url in self.urls.values())]
        assert not [secret for secret in secrets if secret in done.output]
        return done


def play(folder: Path, use: Callable[[Unit], Awaitable[None]]) -> Unit:
    async def run() -> Unit:
        async with asyncio.timeout(30), ChatStandIn(rate=None) as chat, PerscomStandIn() as perscom:
            unit = Unit(folder, chat, perscom)
            await use(unit)
            assert chat.messages == []
            assert not chat.mistakes
            return unit

    return asyncio.run(run())


def said(done: Result) -> list[str]:
    """The lines under the one that says that something was asked."""
    return done.output.partition("asked, and nothing posted\n")[2].splitlines()


UNASKED = (
    "  webhook: cannot be asked: its platform tells only whoever posts. To see whether it works, post a sample:"
    " perscom-bridge test"
)


def test_all_that_works_is_named_as_it_is_there(tmp_path: Path) -> None:
    async def use(unit: Unit) -> None:
        unit.write()
        done = await unit.check("--live")
        assert done.exit_code == 0, done.output
        assert done.output.startswith(f"{tmp_path / 'bridge.toml'}: no mistakes")
        username = f"standin_{unit.bot.partition(':')[0]}_bot"
        assert said(done) == [
            '  discord: works: the webhook "Captain Hook".',
            UNASKED,
            '  bot: works: the bot "standin" in the workspace "Stand-in", the channel "board".',
            f'  telegram: works: the bot "{username}", the chat "First platoon".',
            "  site.token: works: PERSCOM's API answers for all that it is asked for.",
        ]
        assert len(unit.chat.arrivals) == 1 + 2 + 3

    play(tmp_path, use)


def test_each_that_does_not_work_is_told_with_what_to_do(tmp_path: Path) -> None:
    async def use(unit: Unit) -> None:
        unit.write()
        unit.chat.discord.delete_webhook(unit.urls["discord"])
        unit.chat.slack.archive(unit.channel)
        unit.chat.telegram.revoke(unit.bot)
        unit.perscom.revoke(unit.key)
        done = await unit.check("--live")
        assert done.exit_code == 1
        discord, webhook, bot, telegram, perscom = said(done)
        assert discord.startswith("  discord: does not work: Discord says the webhook no longer exists. Make a new one")
        assert webhook == UNASKED
        assert bot.startswith("  bot: does not work: The Slack channel is archived. Take it out")
        assert telegram.startswith("  telegram: does not work: Telegram does not know the bot's token. Copy it again")
        assert perscom.startswith("  site.token: does not work: PERSCOM's API refuses the token of [site] (401)")
        assert perscom.endswith("Make a new API key in PERSCOM, put it there and restart.")

    play(tmp_path, use)


def test_a_key_without_a_scope_is_told_which_one_it_lacks(tmp_path: Path) -> None:
    async def use(unit: Unit) -> None:
        kinds = ("user", "unit", "position", "specialty", "status", "award", "qualification", "form", "calendar")
        unit.key = unit.perscom.key(*(f"view:{kind}" for kind in kinds))
        unit.write()
        done = await unit.check("--live")
        assert done.exit_code == 1
        assert "site.token: does not work: PERSCOM's API does not show this token any rank (403)" in done.output
        assert said(done)[-1].endswith("Give its API key the scope view:rank.")

    play(tmp_path, use)


def test_nobody_is_asked_without_the_option_or_where_there_is_a_mistake(tmp_path: Path) -> None:
    async def use(unit: Unit) -> None:
        unit.write()
        assert (await unit.check()).exit_code == 0
        unit.write(more="\nevnts = []\n")
        done = await unit.check("--live")
        assert done.exit_code == 1
        assert "1 mistake; nothing was started." in done.output
        assert said(done) == []
        assert unit.chat.arrivals == []
        assert unit.perscom.asked == []

    play(tmp_path, use)


def test_perscom_is_not_asked_without_a_token(tmp_path: Path) -> None:
    async def use(unit: Unit) -> None:
        unit.write(api=False)
        assert [line.partition(":")[0] for line in said(await unit.check("--live"))] == [
            "  discord",
            "  webhook",
            "  bot",
            "  telegram",
        ]

    play(tmp_path, use)


def test_they_are_asked_together_and_each_for_a_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_bridge.live.WITHIN", 1.0)

    async def use(unit: Unit) -> None:
        unit.write(api=False)
        unit.chat.script(Hang(), url=unit.urls["discord"])
        unit.chat.script(Hang(), url=f"{unit.chat.slack_api}/auth.test")
        unit.chat.script(Drip(seconds=0.5), url=f"{unit.chat.telegram_api}/bot{unit.bot}/getMe")
        began = time.monotonic()
        done = await unit.check("--live")
        assert time.monotonic() - began < 3
        assert done.exit_code == 1
        late = "no answer within 1 s. Can this machine reach the internet?"
        assert said(done) == [
            f"  discord: does not work: {late}",
            UNASKED,
            f"  bot: does not work: {late}",
            f"  telegram: does not work: {late}",
        ]

    play(tmp_path, use)


def test_in_a_folder_each_community_is_asked_about(tmp_path: Path) -> None:
    async def use(unit: Unit) -> None:
        (tmp_path / "bridge.toml").write_text('[server]\ndatabase = "all.db"\n')
        for name in ("alpha", "bravo"):
            table = f'[destinations.{name}s]\ntype = "discord"\nurl = "{unit.urls["discord"]}"\n'
            (tmp_path / f"{name}.toml").write_text(f'[site]\nsecret = "the secret of {name}, long enough"\n{table}')
        done = await asyncio.to_thread(CliRunner().invoke, main, ["check", "--live", "--config", str(tmp_path)])
        assert done.exit_code == 0, done.output
        for name in ("alpha", "bravo"):
            assert f'{name}.toml: asked, and nothing posted\n  {name}s: works: the webhook "Captain Hook".' in done.output

    play(tmp_path, use)


def test_who_hears_of_trouble_is_read_back(tmp_path: Path) -> None:
    async def use(unit: Unit) -> None:
        unit.write(api=False)
        assert "trouble is told in" not in (await unit.check()).output
        path = tmp_path / "bridge.toml"
        path.write_text(path.read_text().replace("[server]", 'operator = "bot"\n[server]', 1))
        assert "  trouble is told in: bot\n" in (await unit.check()).output

    play(tmp_path, use)


def telegram(unit: Unit, group: int, more: str = "") -> None:
    """Write a file with one destination, in ``group``."""
    table = f'[destinations.telegram]\ntype = "telegram"\ntoken = "{unit.bot}"\nchat = {group}\n{more}'
    (unit.folder / "bridge.toml").write_text(f'{HEAD}{table}api = "{unit.chat.telegram_api}"\n')


def test_of_topics_it_is_told_what_the_bot_may_do_and_that_there_are_none(tmp_path: Path) -> None:
    async def use(unit: Unit) -> None:
        forum = unit.chat.telegram_chat(name="Forum", topics=["Awards"])
        topic = f"topic = {unit.chat.telegram.topic(forum, 'Awards')}\n"

        async def told(group: int, more: str = "") -> str:
            telegram(unit, group, more)
            (line,) = said(await unit.check("--live"))
            return line.partition(", the chat ")[2] or line

        assert await told(forum) == '"Forum", whose topics it may not manage: it opens none, and posts into open ones alone.'
        little = b'{"ok": true, "result": {"status": "administrator", "can_manage_topics": false}}'
        unit.chat.script(Say(status=200, body=little), url=f"{unit.chat.telegram_api}/bot{unit.bot}/getChatMember")
        assert "may not manage" in await told(forum)
        unit.chat.telegram.allow_topics(forum)
        assert await told(forum) == '"Forum", whose topics it may manage.'
        only_tried = "whether the one that is set is there, Telegram tells only whoever posts into it"
        assert await told(forum, topic) == f'"Forum", whose topics it may manage; {only_tried}.'
        assert await told(unit.group) == '"First platoon".'
        none = "This Telegram chat has no topics. Turn them on in the settings of the group, or take topic out."
        assert await told(unit.group, topic) == f"  telegram: does not work: {none}"
        private = unit.chat.telegram_chat(name="Jo", kind="private")
        assert await told(private, topic) == '"Jo".'

    play(tmp_path, use)


def test_a_group_that_has_moved_is_good_to_know_as_long_as_the_file_has_its_old_number(tmp_path: Path) -> None:
    async def use(unit: Unit) -> None:
        old = unit.chat.telegram_chat(name="Second platoon", kind="group")
        telegram(unit, old)
        assert "Good to know" not in (await unit.check()).output
        assert os.listdir(tmp_path) == ["bridge.toml"], "a look makes no database"
        new = unit.chat.telegram.upgrade(old)
        where = "Good to know: destinations.telegram.chat has another number by now, which messages go to already."
        note = f"{where} Write it down: chat = {new}"
        config = load(tmp_path / "bridge.toml", {"PERSCOM_WEBHOOK_SECRET": SECRET})
        async with destinations_of(config) as pairs, running([(config, pairs)]) as service:
            url = service.webhook_url(config)
            assert (await post(url, *signed_request("webhook.test", SECRET))).status == 202
            while read_overview(service.communities[0].inbox).lanes[0].moved is None:
                await asyncio.sleep(0.02)
            assert note in (await unit.check()).output, "also while others write"
        (message,) = unit.chat.messages
        unit.chat.telegram.delete_message(new, int(message.message_id))
        before = sorted(os.listdir(tmp_path))
        assert note in (await unit.check()).output
        assert sorted(os.listdir(tmp_path)) == before, "and leaves nothing beside one that nobody has open"
        path = tmp_path / "bridge.toml"
        path.write_text(path.read_text().replace(f"chat = {old}", f"chat = {new}"))
        assert "Good to know" not in (await unit.check()).output
        (tmp_path / "bridge.db").write_bytes(b"Dear diary, " * 1000)
        assert (await unit.check()).exit_code == 0

    play(tmp_path, use)
