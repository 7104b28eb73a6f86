"""Several communities in one folder: one process, one database, and nothing of one reaches another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from bridge_process import SECRET, Bridge, bridge, request, run, wait_for

from perscom_adapters import Message, Receipt
from perscom_adapters.testing import ChatStandIn, Say
from perscom_bridge import unserved
from perscom_bridge._folder import inspect_folder, load_all
from perscom_bridge._load import inspect, load
from perscom_bridge.config import Config
from perscom_bridge.service import Destinations, running
from perscom_bridge.unserved import forget_unserved
from perscom_receiver import ConfigurationError, SQLiteInbox, sign
from perscom_receiver.queue import Connection, Database, Result, State
from perscom_receiver.testing import make_event, signed_request

SECRETS = {"alpha": "the secret of alpha, long enough", "bravo": "the secret of bravo, long enough"}
SERVER = '[server]\nlisten = "127.0.0.1:0"\nstatus = "127.0.0.1:0"\ndatabase = "all.db"\n'
DISCORD = "https://discord.com/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannelForEverybody_-0123456789"


@pytest.fixture
def chat() -> Iterator[ChatStandIn]:
    with ChatStandIn(rate=None) as standin:
        yield standin


@pytest.fixture
def folder(tmp_path: Path, chat: ChatStandIn) -> Path:
    """Two communities whose secrets are in the .env that they share; both have a destination of the same name."""
    (tmp_path / "bridge.toml").write_text(SERVER)
    (tmp_path / ".env").write_text("".join(f'{name.upper()}_SECRET="{secret}"\n' for name, secret in SECRETS.items()))
    (tmp_path / ".env").chmod(0o600)
    for name in SECRETS:
        write(tmp_path, name, f"${{{name.upper()}_SECRET}}", chat.discord_webhook(name=name))
    return tmp_path


def write(folder: Path, name: str, secret: str, url: str = DISCORD) -> None:
    site = f'[site]\nname = "Unit {name}"\nsecret = "{secret}"\n'
    destination = f'[destinations.announcements]\ntype = "discord"\ngroup = "off"\nurl = "{url}"\n'
    (folder / f"{name}.toml").write_text(site + destination)


def send(running: Bridge, community: str, signed_by: str, event: str = "rankrecord.created", **overrides: object) -> int:
    return running.post(*signed_request(event, SECRETS[signed_by], **overrides), f"/webhooks/perscom/{community}")


def posted(chat: ChatStandIn) -> dict[str, int]:
    """How many messages stand in each channel."""
    channels = [message.destination for message in chat.messages]
    return {channel: channels.count(channel) for channel in channels}


def test_each_secret_opens_its_own_path_only_and_posts_to_its_own_channels(folder: Path, chat: ChatStandIn) -> None:
    with bridge(folder, "") as running:
        for name in SECRETS:
            assert running.said(f"of {name}: URL http://127.0.0.1:{running.public}/webhooks/perscom/{name}   Method POST")
        assert send(running, "alpha", "bravo") == 401
        assert send(running, "alpha", "alpha") == 202
        wait_for(lambda: running.said("alpha: The first genuine call has arrived"))
        assert not running.said("bravo: The first genuine call has arrived")
        assert send(running, "bravo", "alpha") == 401
        assert send(running, "bravo/", "bravo") == 202
        assert send(running, "bravo", "bravo", "awardrecord.created") == 202
        for path in ("/webhooks/perscom", "/webhooks/perscom/", "/webhooks/perscom/bridge", "/webhooks/perscom/alpha/bravo"):
            assert running.post(*signed_request("webhook.test", SECRETS["alpha"]), path) == 404
        wait_for(lambda: len(chat.messages) == 3)
        assert running.stop() == 0
    assert posted(chat) == {"alpha": 1, "bravo": 2}
    for line in running.lines:  # who reads the log knows whose line it is
        assert (" stored " in line) <= line.rstrip().endswith(("community=alpha", "community=bravo")), line
    refused = [line for line in running.lines if "refused POST" in line]
    assert [line.rstrip()[-15:] for line in refused] == ["community=alpha", "community=bravo"]
    assert any(" handled " in line and "community=alpha" in line for line in running.lines), running.output


def test_each_has_a_memory_of_its_own_which_outlives_a_restart(folder: Path, chat: ChatStandIn) -> None:
    headers, body = signed_request("rankrecord.created", SECRETS["alpha"])
    for_bravo = {**headers, "Signature": sign(body, SECRETS["bravo"])}
    with bridge(folder, "") as running:
        assert running.post(headers, body, "/webhooks/perscom/alpha") == 202
        assert running.post(headers, body, "/webhooks/perscom/alpha") == 200
        wait_for(lambda: len(chat.messages) == 1)
        assert running.stop() == 0
    with bridge(folder, "") as running:
        assert running.post(headers, body, "/webhooks/perscom/alpha") == 200
        assert running.post(for_bravo, body, "/webhooks/perscom/bravo") == 202  # the very same event, and new there
        wait_for(lambda: len(chat.messages) == 2)
        assert running.stop() == 0
    assert posted(chat) == {"alpha": 1, "bravo": 1}


def test_what_waits_for_one_does_not_keep_the_other_waiting_and_is_posted_after_a_restart(
    folder: Path, chat: ChatStandIn
) -> None:
    chat.script(Say(status=404, body=b'{"code": 10015, "message": "Unknown Webhook"}'))
    with bridge(folder, "") as running:
        assert send(running, "alpha", "alpha") == 202
        wait_for(lambda: running.said("switched off announcements"))
        assert send(running, "bravo", "bravo") == 202
        wait_for(lambda: posted(chat) == {"bravo": 1})
        command = f"perscom-bridge inbox resume announcements --config {folder / 'alpha.toml'}"
        assert command in request(running.status, "GET", "/")[1]
        assert command in run("inbox", folder, "list", config="alpha.toml").stdout
        assert "is off" not in run("inbox", folder, "list", config="bravo.toml").stdout
        elsewhere = run("inbox", folder, "resume", "announcements", config="bravo.toml")
        assert elsewhere.returncode == 1
        assert f"See: perscom-bridge inbox list --config {folder / 'bravo.toml'}\n" in elsewhere.stderr
        assert running.stop() == 0
    assert run("inbox", folder, "resume", "announcements", config="alpha.toml").returncode == 0
    with bridge(folder, "") as running:
        wait_for(lambda: posted(chat) == {"alpha": 1, "bravo": 1})
        assert running.stop() == 0


def test_a_broken_file_stops_its_community_only_and_is_told(folder: Path, chat: ChatStandIn) -> None:
    good = (folder / "bravo.toml").read_text()
    (folder / "bravo.toml").write_text(good.replace("discord", "discrod", 1))
    with bridge(folder, "") as running:
        told = f"bravo.toml has 1 mistake: perscom-bridge check --config {folder}"
        assert running.said(f"A community is not served. {told}")
        assert told in request(running.status, "GET", "/")[1]
        assert request(running.status, "GET", "/readyz")[0] == 200
        assert send(running, "bravo", "bravo") == 404
        assert send(running, "alpha", "alpha") == 202
        wait_for(lambda: posted(chat) == {"alpha": 1})
        assert running.stop() == 0
    checked = run("check", folder, config="")
    assert checked.returncode == 1
    assert f"{folder / 'alpha.toml'}: no mistakes" in checked.stdout
    assert 'Did you mean "discord"?' in checked.stdout
    (folder / "bravo.toml").write_text(good)
    with bridge(folder, "") as running:
        assert not running.said("is not served")
        assert send(running, "bravo", "bravo") == 202
        wait_for(lambda: posted(chat) == {"alpha": 1, "bravo": 1})
        assert running.stop() == 0


def test_the_page_the_metrics_and_the_readiness_are_about_each(folder: Path, chat: ChatStandIn) -> None:
    with bridge(folder, "") as running:
        assert send(running, "alpha", "alpha") == 202
        assert send(running, "alpha", "bravo") == 401
        assert send(running, "bravo", "bravo", "medal.polished", data={}) == 202
        sent = 'perscom_messages_total{destination="announcements",outcome="sent",site="alpha"} 1.0'
        wait_for(lambda: sent in request(running.status, "GET", "/metrics")[1])
        metrics = request(running.status, "GET", "/metrics")[1]
        assert metrics.count("# HELP perscom_answers_total ") == 1
        assert 'perscom_answers_total{site="alpha",status="401"} 1.0' in metrics
        assert 'perscom_answers_total{site="bravo",status="202"} 1.0' in metrics
        assert 'perscom_unknown_events{site="alpha"} 0.0' in metrics
        assert 'perscom_unknown_events{site="bravo"} 1.0' in metrics
        assert request(running.status, "GET", "/readyz") == (200, '{"ready":true,"problems":[]}')
        alpha, bravo = request(running.status, "GET", "/")[1].split("<h1>")[1:]
        assert alpha.startswith("Unit alpha</h1>")
        assert "announcements: sent" in alpha
        assert "medal.polished" not in alpha
        assert bravo.startswith("Unit bravo</h1>")
        assert "medal.polished" in bravo
        assert "rankrecord.created" not in bravo
        assert running.stop() == 0


def test_commands_are_about_the_community_whose_file_is_named(folder: Path, chat: ChatStandIn, tmp_path: Path) -> None:
    with bridge(folder, "") as running:
        url = f"http://127.0.0.1:{running.public}/webhooks/perscom/bravo"
        assert run("send", folder, "webhook.test", "--to", url, config="bravo.toml").returncode == 0
        assert "401" in run("send", folder, "webhook.test", "--to", url, config="alpha.toml").stderr
        wait_for(lambda: posted(chat) == {"bravo": 1})
        assert "0 events kept" in run("inbox", folder, "list", config="alpha.toml").stdout
        assert "1 events kept" in run("inbox", folder, "list", config="bravo.toml").stdout
        assert running.stop() == 0
    refused = run("inbox", folder, "list", config="")
    assert refused.returncode == 1
    assert f"Name its file with --config: {folder / 'alpha.toml'}, {folder / 'bravo.toml'}" in refused.stderr
    tested = run("test", folder, config="")
    assert tested.returncode == 0, tested.stderr
    assert re.findall("^.*: posted", tested.stdout, re.MULTILINE) == [
        "alpha: announcements: posted",
        "bravo: announcements: posted",
    ]
    assert posted(chat) == {"alpha": 1, "bravo": 2}


def test_what_was_given_up_in_one_community_is_tried_again_by_the_command_that_is_told(folder: Path, chat: ChatStandIn) -> None:
    chat.script(Say(status=400, body=b'{"code": 50006, "message": "Cannot send an empty message"}'))
    with bridge(folder, "") as running:
        assert send(running, "alpha", "alpha") == 202
        wait_for(lambda: running.said("given up"))
        option = f"--config {folder / 'alpha.toml'}"
        listed = run("inbox", folder, "dead", config="alpha.toml").stdout
        assert listed.endswith(f"Another try: perscom-bridge inbox retry NUMBER {option}\n")
        assert "Nothing was given up." in run("inbox", folder, "dead", config="bravo.toml").stdout
        number = listed.split()[0]
        refused = run("inbox", folder, "retry", number, config="bravo.toml")
        assert f"See: perscom-bridge inbox dead --config {folder / 'bravo.toml'}\n" in refused.stderr
        assert run("inbox", folder, "retry", number, config="alpha.toml").returncode == 0
        wait_for(lambda: posted(chat) == {"alpha": 1})
        assert running.stop() == 0


def test_a_person_is_forgotten_in_one_community_and_not_in_the_other(folder: Path) -> None:
    with bridge(folder, "") as running:
        for name in SECRETS:
            assert send(running, name, name, user_id=7) == 202
        assert "User 7: 1 event forgotten" in run("purge", folder, "--yes", "--user", "7", config="alpha.toml").stdout
        assert "0 events kept" in run("inbox", folder, "list", config="alpha.toml").stdout
        assert "1 events kept" in run("inbox", folder, "list", config="bravo.toml").stdout
        assert running.stop() == 0


def test_a_backup_holds_all_of_them_and_is_restored_for_all(folder: Path, chat: ChatStandIn) -> None:
    with bridge(folder, "") as running:
        for name in SECRETS:
            assert send(running, name, name) == 202
        assert run("backup", folder, str(folder / "copy.db"), config="").returncode == 0
        assert running.stop() == 0
    (folder / "all.db").unlink()
    assert "is now what" in run("restore", folder, str(folder / "copy.db"), config="").stdout
    for name in SECRETS:
        assert "1 events kept" in run("inbox", folder, "list", config=f"{name}.toml").stdout


def test_the_newest_refused_call_is_that_of_the_named_community(folder: Path) -> None:
    with bridge(folder, "", "--keep-refused") as running:
        assert send(running, "alpha", "bravo", "awardrecord.created") == 401
        assert running.post({}, b"", "/webhooks/perscom//bravo/", "GET") == 405
        wait_for(lambda: len(list((folder / "all.db.refused").glob("*.http"))) == 2)
        for_alpha, for_bravo = (run("explain", folder, "--last", config=f"{name}.toml").stdout for name in SECRETS)
        assert "POST /webhooks/perscom/alpha" in for_alpha
        assert "BRAVO_SECRET in .env" in for_alpha
        assert "GET /webhooks/perscom//bravo/" in for_bravo
        assert running.stop() == 0


def test_who_moves_a_single_community_into_default_toml_keeps_its_memory(tmp_path: Path, chat: ChatStandIn) -> None:
    headers, body = signed_request("rankrecord.created", SECRET)
    write(tmp_path, "bridge", SECRET, chat.discord_webhook(name="one"))
    single = (tmp_path / "bridge.toml").read_text()
    (tmp_path / "bridge.toml").write_text(single + SERVER)
    with bridge(tmp_path) as running:
        assert running.post(headers, body) == 202
        wait_for(lambda: posted(chat) == {"one": 1})
        assert 'perscom_answers_total{status="202"} 1.0' in request(running.status, "GET", "/metrics")[1]
        assert "community=" not in running.output
        assert "--config" not in running.output
        assert running.stop() == 0
    (tmp_path / "default.toml").write_text(single)
    (tmp_path / "bridge.toml").write_text(SERVER)
    with bridge(tmp_path, "") as running:
        assert running.post(headers, body, "/webhooks/perscom/default") == 200
        assert running.stop() == 0
    assert posted(chat) == {"one": 1}


class Slow:
    """A destination that takes its time: what it was given waits until ``go``."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.go = asyncio.Event()

    async def send(self, message: Message, *, previous: Receipt | None = None, thread: str | None = None) -> Receipt:
        self.began.set()
        await self.go.wait()
        return Receipt(platform="discord", message_id="1")


def test_a_stop_asks_all_of_them_at_once(folder: Path) -> None:
    configs, _ = load_all(folder, {})

    async def serve() -> None:
        slow = Slow()
        async with AsyncExitStack() as stack:
            opened = [(config, [(config.destinations[0], slow)]) for config in configs]
            service = await stack.enter_async_context(running(opened))
            alpha, bravo = service.communities
            await bravo.inbox.aadd(make_event("rankrecord.created"))
            await slow.began.wait()
            leaving = asyncio.create_task(stack.pop_all().aclose())
        async with asyncio.timeout(5):
            while (await asyncio.to_thread(alpha.inbox.health)).worker_seen is not None:
                await asyncio.sleep(0.02)
        assert not leaving.done()  # bravo's message is still on its way
        slow.go.set()
        await leaving
        assert not service.broken.is_set()

    asyncio.run(serve())


DAY = 86_400.0
BEGAN = 1_772_000_000.0
EVENTS = [make_event(name) for name in ("user.created", "user.updated", "user.deleted")]


async def store(database: Database, site: str) -> None:
    """Three events: one is done, one was taken by a worker that did not come back, and nobody has looked at the third."""
    inbox = SQLiteInbox(database, site=site, now=lambda: BEGAN)
    queue = inbox.queue
    lane = await database.awrite(lambda connection: queue.lane(connection, "announcements", width=2))

    def plan(connection: Connection) -> None:
        inbox.plan(connection, [(found, {lane: None}) for found in inbox.pending(connection, 2)])
        claim = queue.claim(connection, BEGAN, 15, 2, [lane])
        assert claim is not None
        for task in claim.tasks:
            assert queue.start(connection, task, BEGAN)
        queue.settle(connection, claim.tasks[0], Result(state=State.DONE, outcome="done"), BEGAN)

    for event in EVENTS[:2]:
        assert await inbox.aadd(event)
    await database.awrite(plan)
    assert await inbox.aadd(EVENTS[2])


def bodies(connection: Connection) -> dict[str, int]:
    """How many bodies are kept of each site."""
    return dict(connection.execute("SELECT site, count(body) FROM event GROUP BY site").fetchall())


def test_of_a_community_that_nobody_serves_bodies_go_after_their_days_and_digests_stay(tmp_path: Path) -> None:
    async def scenario() -> None:
        database = Database(tmp_path / "all.db")
        for site in ("served", "gone", "mended later", "of another program"):
            await store(database, site)

        async def left(days: float) -> dict[str, int]:
            def now() -> float:
                return BEGAN + days * DAY

            other = SQLiteInbox(database, site="of another program", now=now)
            await database.awrite(lambda connection: other.beat(connection, "its worker"))
            while await forget_unserved(database, ["served"], {"mended later": 7}, now):
                pass
            return await database.aread(bodies)

        assert await left(6.9) == {"served": 3, "gone": 3, "mended later": 3, "of another program": 3}
        assert await left(7.1) == {"served": 3, "gone": 3, "mended later": 0, "of another program": 3}
        assert await left(29.9) == {"served": 3, "gone": 3, "mended later": 0, "of another program": 3}
        assert await left(30.1) == {"served": 3, "gone": 0, "mended later": 0, "of another program": 3}
        gone = SQLiteInbox(database, site="gone", now=lambda: BEGAN + 31 * DAY)
        assert [await gone.aadd(event) for event in EVENTS] == [False, False, False]
        health = await asyncio.to_thread(gone.health)
        assert (health.stored, health.waiting, health.dead) == (0, 0, 1)
        database.close()

    asyncio.run(scenario())


def test_the_service_forgets_of_a_community_whose_file_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unserved, "HOUR", 0.02)
    (folder / "bravo.toml").write_text('[privacy]\nkeep_bodies = "40 days"\n')
    configs, without = load_all(folder, {})
    assert [(one.key, one.keep_bodies) for one in without] == [("bravo", 40)]

    async def serve() -> None:
        database = Database(folder / "all.db")
        for site in ("bravo", "charlie"):
            await store(database, site)
        opened: list[tuple[Config, Destinations]] = [(config, []) for config in configs]
        async with asyncio.timeout(10), running(opened, unserved=without, now=lambda: BEGAN + 31 * DAY) as service:
            while (await database.aread(bodies)) != {"bravo": 3, "charlie": 0}:
                await asyncio.sleep(0.02)
        assert not service.broken.is_set()
        database.close()

    asyncio.run(serve())


def test_two_communities_with_the_same_secret_are_both_refused(folder: Path) -> None:
    write(folder, "charlie", "a third secret, of charlie alone")
    text = (folder / "charlie.toml").read_text()
    (folder / "charlie.toml").write_text(text.replace("[dest", 'previous_secret = "${ALPHA_SECRET}"\n[dest', 1))
    server, alpha, bravo, charlie = inspect_folder(folder, {})
    assert not server.problems
    assert not bravo.problems
    assert [(one.line, one.key, one.text.partition(".")[0]) for one in (*alpha.problems, *charlie.problems)] == [
        (3, "site.secret", "This is a secret of charlie"),
        (4, "site.previous_secret", "This is a secret of alpha"),
    ]
    assert alpha.config is None
    assert SECRETS["alpha"] not in alpha.report() + charlie.report()
    configs, without = load_all(folder, {})
    assert [config.community for config in configs] == ["bravo"]
    assert [one.told.split()[0] for one in without] == ["alpha.toml", "charlie.toml"]


@pytest.mark.parametrize("name", ["a b", "a.b", "ä", "a%2Fb", "~a"])
def test_a_file_name_that_is_no_part_of_an_address_is_a_mistake(folder: Path, name: str) -> None:
    write(folder, name, "a third secret, of this one alone")
    wrong = [one for one in inspect_folder(folder, {}) if one.problems]
    assert [one.path.name for one in wrong] == [f"{name}.toml"]
    assert "The name of this file ends its address" in wrong[0].report()


def test_what_editors_leave_beside_is_no_community(folder: Path) -> None:
    for name in (".#alpha.toml", "alpha.toml~", "alpha.toml.bak", ".toml"):
        (folder / name).write_text("nothing")
    (folder / "old.toml").mkdir()
    assert [one.path.name for one in inspect_folder(folder, {})] == ["bridge.toml", "alpha.toml", "bravo.toml"]


@pytest.mark.parametrize(
    ("bridge_toml", "told"),
    [
        (None, "It holds [server] for the communities beside it, and may be empty."),
        ("[server]\nlisten = 1\n", "listen should be text"),
        ("[server\n", "This is not TOML"),
        ('[site]\nsecret = "of nobody in particular"\n', "Move it to one, such as default.toml"),
    ],
)
def test_without_a_sound_bridge_toml_nothing_is_served(folder: Path, bridge_toml: str | None, told: str) -> None:
    if bridge_toml is None:
        (folder / "bridge.toml").unlink()
    else:
        (folder / "bridge.toml").write_text(bridge_toml)
    with pytest.raises(ConfigurationError) as refused:
        load_all(folder, {})
    assert told in str(refused.value)
    assert str(folder / "bridge.toml") in str(refused.value)
    assert "alpha" not in str(refused.value)


def test_a_folder_without_a_sound_community_is_not_served(folder: Path) -> None:
    for name in SECRETS:
        (folder / f"{name}.toml").write_text("[site]\n")
    with pytest.raises(ConfigurationError, match=r"(?s)alpha\.toml.*secret is missing.*bravo\.toml.*secret is missing"):
        load_all(folder, {})
    for name in SECRETS:
        (folder / f"{name}.toml").unlink()
    with pytest.raises(ConfigurationError, match="No community stands beside it"):
        load_all(folder, {})


def test_a_file_named_alone_is_the_same_community_as_in_its_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configs, without = load_all(folder, {})
    assert not without
    assert [load(folder / f"{name}.toml", {}) for name in SECRETS] == configs
    assert [(config.key, config.webhook_path) for config in configs] == [(n, f"/webhooks/perscom/{n}") for n in SECRETS]
    assert {config.server.database for config in configs} == {folder / "all.db"}
    monkeypatch.chdir(folder)
    assert load(Path("alpha.toml"), {}) == configs[0]
    assert load_all(Path(), {})[0] == configs


def test_a_server_of_its_own_is_a_mistake_in_the_file_of_a_community(folder: Path) -> None:
    text = (folder / "alpha.toml").read_text()
    (folder / "alpha.toml").write_text(text + SERVER)
    for found in (inspect(folder / "alpha.toml", {}), inspect_folder(folder, {})[1]):
        assert "[server] stands in bridge.toml, for all communities of this folder." in found.report()


def test_a_file_named_alone_tells_what_is_wrong_with_the_server(folder: Path) -> None:
    (folder / "bridge.toml").write_text("[server]\nlisten = 1\n")
    assert inspect(folder / "alpha.toml", {}).report().startswith(str(folder / "bridge.toml"))
    (folder / "bridge.toml").write_text("[server\n")
    assert inspect(folder / "alpha.toml", {}).report().startswith(str(folder / "bridge.toml"))


def test_who_names_the_bridge_toml_of_a_folder_is_told_to_name_the_folder(folder: Path) -> None:
    assert f"name the folder, or one of the files: --config {folder}" in inspect(folder / "bridge.toml", {}).report()


@pytest.mark.parametrize("beside", ["", "[server\n"])
def test_a_file_beside_a_whole_bridge_toml_stays_a_single_community(tmp_path: Path, beside: str) -> None:
    write(tmp_path, "bridge", "the secret of the first one")
    write(tmp_path, "other", "the secret of the other one")
    (tmp_path / "bridge.toml").write_text((tmp_path / "bridge.toml").read_text() + beside)
    (tmp_path / "other.toml").write_text((tmp_path / "other.toml").read_text() + SERVER)
    config = load(tmp_path / "other.toml", {})
    assert (config.community, config.key, config.webhook_path, config.option) == (None, "default", "/webhooks/perscom", "")
