"""What ``check`` says of a file: every mistake, its line, what to do, and never a secret."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_bridge._folder import inspect_folder
from perscom_bridge._load import Inspection, inspect
from perscom_bridge._source import LARGEST
from perscom_receiver.queue import Database

SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
TOKEN = "Zq7xTokenOfTheChannelForEverybody_-0123456789"
URL = f"https://discord.com/api/webhooks/1130112233445566778/{TOKEN}"

GOOD = f"""\
[site]
secret = "{SECRET}"

[destinations.announcements]
type = "discord"
url = "{URL}"
"""


def judge(folder: Path, text: str | bytes, **environ: str) -> Inspection:
    (folder / "bridge.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return inspect(folder / "bridge.toml", environ)


def only_problem(folder: Path, text: str | bytes, **environ: str) -> tuple[int | None, str, str]:
    found = judge(folder, text, **environ)
    assert found.config is None
    assert len(found.problems) == 1, found.report()
    return found.problems[0].line, found.problems[0].key, found.problems[0].text


def test_the_report_has_the_promised_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        GOOD.replace("/webhooks/", "/webhook/")
        + 'events = [\n  "award",\n  "promotions",\n]\n'
        + "\n" * 89
        + "[server]\ningest = 1\n"
    )
    Path("bridge.toml").write_text(text.replace(SECRET, "short"), encoding="utf-8")
    assert inspect(Path("bridge.toml"), {}).report() == (
        "bridge.toml\n"
        "\n"
        "  line 6   destinations.announcements.url\n"
        "           This is no Discord webhook address: its path says /api/webhook/, Discord's say /api/webhooks/.\n"
        "           Copy it again in Discord: channel settings, Integrations, Webhooks, Copy Webhook URL.\n"
        "\n"
        "  line 9   destinations.announcements.events\n"
        '           "promotions" is no event word. Did you mean "promotion"?      All of them: perscom-bridge events\n'
        "\n"
        "  line 101 server.ingest\n"
        '           ingest should be text, but this is a number. Write it in quotes: ingest = "…"\n'
        "\n"
        "3 mistakes; nothing was started.\n"
        "Good to know: site.secret is weak: it has fewer than 16 characters and can be guessed."
    )


SITE, SERVER, DESTINATION, END = "[site]\n", "[server]\n", "[destinations.announcements]\n", ""


@pytest.mark.parametrize(
    ("table", "lines", "key", "says"),
    [
        # the wrong type
        (SITE, "name = 7", "site.name", 'name should be text, but this is a number. Write it in quotes: name = "…"'),
        (SITE, "name = true", "site.name", "this is true or false"),
        (SITE, "name = 1979-05-27", "site.name", "this is a date or time"),
        (SITE, "name = ['x']", "site.name", "this is a list"),
        (SITE, 'name = "  "', "site.name", "name is blank"),
        (DESTINATION, 'events = "award"', "destinations.announcements.events", 'Write a list, even for one: events = ["…"]'),
        (DESTINATION, 'events = ["award", 3]', "destinations.announcements.events", "a list of texts, but this is a number"),
        (END, "[[privacy]]", "privacy", "privacy should be a table, but this is a list. Write [privacy] on a line of its own"),
        (END, '[destinations]\nurl = "x"', "destinations.url", "A destination has a name of its own."),
        # unknown names
        (SITE, 'nmae = "x"', "site.nmae", '"nmae" is no key of [site]. Did you mean "name"?\nKnown: name, url, secret'),
        (SITE, 'listen = "x"', "site.listen", "It belongs under [server]."),
        (SERVER, 'url = "x"', "server.url", "It belongs under [site] or [destinations.NAME]."),
        (DESTINATION, "evnts = []", "destinations.announcements.evnts", 'Did you mean "events"?'),
        (END, "[sever]", "sever", '"sever" is no key at the top of the file. Did you mean "server"?'),
        # [site]
        (SITE, 'url = "1st-rangers.example.org"', "site.url", "This is no web address."),
        (SITE, 'url = "ftp://example.org"', "site.url", "This is no web address."),
        (SITE, 'url = "https://example.org/?page=1"', "site.url", "This is no web address."),
        (SITE, 'timezone = "Europe/Berln"', "site.timezone", 'no time zone. Did you mean "Europe/Berlin"?'),
        (SITE, 'timezone = "Europe"', "site.timezone", "no time zone."),
        (SITE, 'timezone = "../../etc/passwd"', "site.timezone", "no time zone."),
        (SITE, 'operator = "anouncements"', "site.operator", 'no destination of this file. Did you mean "announcements"?'),
        (SITE, 'language = "tlh"', "site.language", "is no language of perscom-bridge."),
        (SITE, 'previous_secret = "with a line break\\n"', "site.previous_secret", "previous_secret holds a line break"),
        (SITE, 'previous_secret = " "', "site.previous_secret", "previous_secret is blank"),
        (SITE, "previous_secret_until = 2026-03-09", "site.previous_secret_until", "There is no previous_secret that could"),
        (
            SITE,
            'previous_secret = "the one before: 0123"\nprevious_secret_until = "2026-03-09"',
            "site.previous_secret_until",
            "should be a date, but this is text. Write it without quotes: previous_secret_until = 2026-03-09",
        ),
        (
            SITE,
            'previous_secret = "the one before: 0123"\nprevious_secret_until = 18:00:00',
            "site.previous_secret_until",
            "should be a date, but this is a time without a date.",
        ),
        # [server]
        (
            SERVER,
            'listen = "8000"',
            "server.listen",
            'is no address with a port. Write it without http://, such as "127.0.0.1:8000"',
        ),
        (SERVER, 'listen = "http://127.0.0.1:80"', "server.listen", "is no address with a port."),
        (SERVER, 'listen = "127.0.0.300:80"', "server.listen", "is no address with a port."),
        (SERVER, 'listen = "127.0.0.1:65536"', "server.listen", "is no address with a port."),
        (SERVER, 'listen = "::1:80"', "server.listen", "is no address with a port."),
        (SERVER, 'listen = "[::1::]:80"', "server.listen", "is no address with a port."),
        (SERVER, 'listen = ":80"', "server.listen", "is no address with a port."),
        (SERVER, 'listen = "-x.example.org:80"', "server.listen", "is no address with a port."),
        (SERVER, "listen = 8000", "server.listen", "listen should be text, but this is a number."),
        (SERVER, 'status = "localhost:8000"', "server.status", "listen and status both take port 8000"),
        (SERVER, 'listen = "127.0.0.1:8001"', "server.listen", "listen and status both take port 8001"),
        (SERVER, 'public = "bridge.example.org"', "server.public", "This is no web address."),
        (SERVER, 'database = "a\\u0000b"', "server.database", "database holds a line break or another control character"),
        (SERVER, 'database = "."', "server.database", "is a folder."),
        (SERVER, 'database = "new/"', "server.database", 'is a folder. Name a file in it, such as "bridge.db".'),
        (SERVER, f'database = "{"x" * 300}/x"', "server.database", "is not there. Make it first"),
        (SERVER, 'database = "no/such/folder.db"', "server.database", "is not there. Make it first"),
        # destinations
        (DESTINATION, 'thread = "general"', "destinations.announcements.thread", "A Discord thread is named by its id"),
        (
            DESTINATION,
            "thread = 1.5",
            "destinations.announcements.thread",
            "thread is a whole number. Write it without a point.",
        ),
        (DESTINATION, 'chat = "@x"', "destinations.announcements.chat", 'It belongs under a destination of type "telegram".'),
        (DESTINATION, 'token = "x"', "destinations.announcements.token", 'a destination of type "slack" or "telegram".'),
        (DESTINATION, 'unclear = "repeet"', "destinations.announcements.unclear", 'Did you mean "repeat"?'),
        (
            DESTINATION,
            'events = ["rankrecord.create"]',
            "destinations.announcements.events",
            'Did you mean "rankrecord.created"?',
        ),
        (DESTINATION, 'events = ["Award"]', "destinations.announcements.events", 'Did you mean "award"?'),
        (DESTINATION, 'events = ["rank.*"]', "destinations.announcements.events", '"rank.*" matches no event.'),
        (DESTINATION, 'show = ["answer"]', "destinations.announcements.show", 'Did you mean "answers"?'),
        (DESTINATION, 'events = [""]', "destinations.announcements.events", '"" is no event word.'),
        # [privacy]
        (
            END,
            '[privacy]\nkeep_bodies = "4 weeks"',
            "privacy.keep_bodies",
            'no number of days from 1 to 400. Write it so: "30 days"',
        ),
        (END, '[privacy]\nkeep_bodies = "0 days"', "privacy.keep_bodies", "no number of days"),
        (END, '[privacy]\nkeep_bodies = "401 days"', "privacy.keep_bodies", "no number of days"),
        (END, "[privacy]\nkeep_bodies = 30", "privacy.keep_bodies", "keep_bodies should be text, but this is a number."),
    ],
)
def test_each_mistake_is_told_with_its_line_and_what_to_do(tmp_path: Path, table: str, lines: str, key: str, says: str) -> None:
    text = GOOD.replace(table, f"{table}{lines}\n") if table and table in GOOD else f"{GOOD}{table}{lines}\n"
    line, where, told = only_problem(tmp_path, text)
    assert where == key
    assert says in told
    assert line is not None
    assert key.rpartition(".")[2] in text.splitlines()[line - 1]


@pytest.mark.parametrize(
    "address",
    [
        "mysql://perscom:hunter2@127.0.0.1/perscom",
        "postgresql://perscom:hun/ter2@127.0.0.1/perscom",
        "postgresql://perscom:hun@ter2@127.0.0.1/perscom",
        "postgresql://perscom:hun#ter2@127.0.0.1/perscom",
        "postgresql://perscom:hunter2@127.0.0.1/perscom?no_such_setting=ter2",
        "postgresql://perscom:hunter2@[::1/perscom",
    ],
)
def test_an_address_that_is_none_of_a_postgresql_is_refused_and_shown_to_nobody(tmp_path: Path, address: str) -> None:
    _, where, told = only_problem(tmp_path, f'{GOOD}{SERVER}database = "${{DATABASE_URL}}"\n', DATABASE_URL=address)
    assert where == "server.database"
    assert "postgresql://USER" in told
    assert not [piece for piece in ("hun", "ter2") if piece in told]


def test_a_postgresql_in_place_of_the_file_is_one_line(tmp_path: Path) -> None:
    address = "postgresql://perscom:hun%40ter2@db.example.org:5433/perscom"
    found = judge(tmp_path, f'{GOOD}{SERVER}database = "${{DATABASE_URL}}"\n', DATABASE_URL=address)
    assert found.config is not None
    assert found.config.server.place == address
    assert found.config.server.files == tmp_path / "bridge.db"
    for told in (str(found.config), repr(found.config), Database(address).name):
        assert not [piece for piece in ("hun", "ter2") if piece in told]
    assert Database(address).name == "postgresql://perscom@db.example.org:5433/perscom"


@pytest.mark.parametrize(
    ("text", "line", "key", "says"),
    [
        (GOOD.replace(f'secret = "{SECRET}"\n', ""), 1, "site.secret", "secret is missing. Add the line"),
        (GOOD.replace(f'[site]\nsecret = "{SECRET}"\n', ""), 1, "site.secret", "secret is missing. Add the line"),
        (GOOD.replace(f'url = "{URL}"\n', ""), 4, "destinations.announcements.url", "url is missing. Add the line"),
        (GOOD.replace('type = "discord"\n', ""), 4, "destinations.announcements.type", "type is missing. Add the line"),
        (f'[site]\nsecret = "{SECRET}"\n', 1, "destinations", "There is no destination"),
        (f'[site]\nsecret = "{SECRET}"\n[destinations]\n', 3, "destinations", "There is no destination"),
    ],
)
def test_what_is_missing_is_told_at_the_table_it_belongs_to(tmp_path: Path, text: str, line: int, key: str, says: str) -> None:
    found = only_problem(tmp_path, text)
    assert found[:2] == (line, key)
    assert says in found[2]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[site]\nname = 1st Ranger Group\n", 2, "Text stands in quotes"),
        ("[site]\nname = Rangers\n", 2, "Text stands in quotes"),
        ('[site]\nname = "Rangers\nurl = "x"\n', 2, "A quote is opened on this line and not closed."),
        ("[site]\nname = “Rangers”\n", 2, "the quotes of a text processor"),
        ("[site]\nname = Ranger’s\n", 2, "Text stands in quotes"),
        ('[site]\nname = "a"\nname = "b"\n', 3, "This key has a value already"),
        ("[site]\n[server]\n[site]\n", 3, "This table stands in the file already"),
        ('[server]\ndatabase = "C:\\bridge\\bridge.db"\n[x', 3, "KEY = VALUE"),
        ('[server]\ndatabase = "C:\\data.db"\n', 2, "Use single quotes"),
        ("[site]\njust words\n", 2, "KEY = VALUE"),
        ('[x]\ny = [\n  "a",\n  "b"\n\n', 4, 'A "[" is opened and not closed'),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_the_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    found = only_problem(tmp_path, text)
    assert found[0] == line
    assert found[2].startswith("This is not TOML: ")
    assert says in found[2]


@pytest.mark.parametrize(
    ("raw", "line", "says"),
    [
        (b"\x7fELF\x02\x01\x01\x00\x00\xff", None, "This is no text file."),
        (GOOD.encode("utf-16"), None, "This is UTF-16 text. Save the file as UTF-8"),
        (b"[site]\nname = 'H\xf6here Schule'\n", 2, "This is not UTF-8 text."),
        (b"#" * (LARGEST + 1), None, "This file is larger than 1 MB"),
        (b"x = " + b"[" * 5000 + b"]" * 5000, None, "nested too deeply"),
    ],
    ids=["binary", "utf-16", "latin-1", "too large", "too deep"],
)
def test_a_file_that_cannot_be_a_configuration_is_told_so(tmp_path: Path, raw: bytes, line: int | None, says: str) -> None:
    found = only_problem(tmp_path, raw)
    assert found[0] == line
    assert says in found[2]


def test_a_file_of_two_gigabytes_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "bridge.toml"
    with path.open("wb") as file:
        file.truncate(2 * 2**30)  # sparse: takes no room on the disk
    assert "larger than 1 MB" in inspect(path, {}).report()


def test_a_missing_file_and_a_folder_are_told_with_what_to_do(tmp_path: Path) -> None:
    assert "Make it with perscom-bridge init" in inspect(tmp_path / "bridge.toml", {}).report()
    assert f"Name its file with --config: {tmp_path / 'NAME.toml'}" in inspect(tmp_path, {}).report()


def test_all_mistakes_come_in_one_run_and_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        '[privacy]\nkeep_bodies = 1\n[destinations.b]\ntype = "discord"\nurl = "x"\n'
        '[server]\nlisten = "x"\n[site]\nname = 1\noperator = "c"\n[mentions.discrd]\n'
    )
    found = judge(tmp_path, text)
    assert [(problem.line, problem.key) for problem in sorted(found.problems, key=lambda one: one.line or 0)] == [
        (2, "privacy.keep_bodies"),
        (5, "destinations.b.url"),
        (7, "server.listen"),
        (8, "site.secret"),
        (9, "site.name"),
        (10, "site.operator"),
        (11, "mentions.discrd"),
    ]
    keys = [line.split()[-1] for line in found.report().splitlines() if line.startswith("  line")]
    assert keys == [problem.key for problem in sorted(found.problems, key=lambda one: one.line or 0)]


# Variables


def test_a_missing_variable_is_named_with_its_line_and_the_nearest_that_is_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"PERSCOM_WEBHOOK_SECRET={SECRET}\n", encoding="utf-8")
    line, key, told = only_problem(tmp_path, GOOD.replace(SECRET, "${PERSCOM_WEBHOOK_SECRT}"))
    assert (line, key) == (2, "site.secret")
    assert "PERSCOM_WEBHOOK_SECRT is neither in the environment nor in .env." in told
    assert 'Did you mean "PERSCOM_WEBHOOK_SECRET"?' in told
    assert "Add the line PERSCOM_WEBHOOK_SECRT=… to the file .env" in told


@pytest.mark.parametrize("place", ["the environment", ".env"])
def test_an_empty_variable_is_told_with_the_place_it_is_in(tmp_path: Path, place: str) -> None:
    (tmp_path / ".env").write_text("NAME=\n" if place == ".env" else f"NAME={SECRET}\n", encoding="utf-8")
    environ = {} if place == ".env" else {"NAME": " "}
    _, _, told = only_problem(tmp_path, GOOD.replace(SECRET, "${NAME}"), **environ)
    assert f"The variable NAME is empty in {place}." in told


def test_a_wrong_value_of_a_variable_is_told_with_the_variable(tmp_path: Path) -> None:
    line, key, told = only_problem(tmp_path, GOOD.replace(URL, "${CHANNEL}"), CHANNEL="https://discord.gg/abc")
    assert (line, key) == (6, "destinations.announcements.url")
    assert told.endswith("The value is the one of CHANNEL in the environment.")


def test_a_line_break_at_the_end_of_a_secret_is_a_mistake(tmp_path: Path) -> None:
    line, key, told = only_problem(tmp_path, GOOD.replace(SECRET, "${NAME}"), NAME=f"{SECRET}\n")
    assert (line, key) == (2, "site.secret")
    assert "secret holds a line break or another control character, perhaps at its end. Copy it again without." in told


def test_bytes_that_are_no_text_in_a_variable_are_a_mistake(tmp_path: Path) -> None:
    value = os.fsdecode(b"\xff\xfe 0123456789abcdef")  # how Python shows them in os.environ
    assert "control character" in only_problem(tmp_path, GOOD.replace(SECRET, "${NAME}"), NAME=value)[2]


def test_a_file_beside_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"NAME=\xff\n")
    assert only_problem(tmp_path, GOOD) == (None, ".env", "This is not UTF-8 text. Save the file as UTF-8 in your editor.")
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert "cannot be read" in only_problem(tmp_path, GOOD)[2]


# Good to know


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace(SECRET, "fifteen letters"), "site.secret is weak: it has fewer than 16 characters"),
        (GOOD.replace(SECRET, f"{SECRET} "), "site.secret is weak: it begins or ends with white space"),
        (GOOD.replace(SECRET, "$PERSCOM_WEBHOOK_SECRET"), 'site.secret begins with "$" and is taken as it stands.'),
        (GOOD + "events = []\n", "destinations.announcements.events is empty: nothing but tests and trouble comes here."),
        (GOOD + '[server]\nstatus = "0.0.0.0:8001"\n', "server.status is 0.0.0.0:8001, which other machines may reach."),
        (GOOD + '[server]\npublic = "http://bridge.example.org"\n', "server.public begins with http://."),
    ],
)
def test_what_is_odd_but_no_mistake_is_good_to_know(tmp_path: Path, text: str, says: str) -> None:
    found = judge(tmp_path, text)
    assert found.config is not None
    (note,) = found.notes
    assert note.startswith(says)


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
def test_a_file_of_secrets_that_others_may_read_is_good_to_know(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"\nNAME={SECRET}\n\n\nthis is no pair\n", encoding="utf-8")
    (tmp_path / ".env").chmod(0o640)
    assert judge(tmp_path, GOOD).notes == (
        "other users of this machine may read .env. Change that: chmod 600 .env",
        "line 5 of .env is not NAME=value and was passed over.",
    )
    (tmp_path / ".env").chmod(0o600)
    assert len(judge(tmp_path, GOOD).notes) == 1


# Destinations


SLACK = f"https://hooks.slack.com/services/T024BE7LD/B024BE91L/{TOKEN.partition('_')[0]}"
SLACK_TOKEN = f"xoxb-1234-{TOKEN.partition('_')[0]}"
BOT = f"123456789:{TOKEN}"
LETTERS = "7000000001:AAHdqTcvCH-vGWJxfSeofSAsKKs_PALDsaw"
ON_SLACK = f'[destinations.staff]\ntype = "slack"\nurl = "{SLACK}"\n'
AS_BOT = f'[destinations.staff]\ntype = "slack"\ntoken = "{SLACK_TOKEN}"\nchannel = "C024BE91L"\n'
ON_TELEGRAM = f'[destinations.staff]\ntype = "telegram"\ntoken = "{BOT}"\nchat = -1001234567890\n'


@pytest.mark.parametrize(
    ("lines", "key", "says"),
    [
        (ON_SLACK.replace("slack", "slak", 1), "type", 'Did you mean "slack"?      Known: discord, slack, telegram'),
        (ON_SLACK.replace(SLACK, URL), "url", 'This address is one for type = "discord".'),
        (ON_SLACK.replace('"slack"', '"discord"'), "url", 'This address is one for type = "slack".'),
        (ON_SLACK.replace("/services/", "/workflows/"), "url", "it starts a workflow; what is needed is an incoming webhook."),
        (ON_SLACK.replace("url", "adress"), "adress", '"adress" is no key of [destinations.staff].'),
        (f'{ON_SLACK}channel = "C024BE91L"\n', "url", "url is for a webhook; token, channel and api are for a bot."),
        (f'{ON_SLACK}thread = "1"\n', "thread", 'It belongs under a destination of type "discord".'),
        (AS_BOT.replace("xoxb-", "xoxp-"), "token", "This is no token of a Slack bot: it begins with"),
        (AS_BOT.replace("C024BE91L", "#general"), "channel", "A Slack channel is named by its ID, like C024BE91L."),
        (AS_BOT.partition("channel")[0], "channel", 'channel is missing. Add the line: channel = "C024BE91L".'),
        (AS_BOT.replace("token", "# token"), "token", 'Add the line: token = "${SLACK_TOKEN}", and its value to .env.'),
        (f'{AS_BOT}api = "https://example.org/api"\n', "api", "This is no address of Slack's Web API: it leads to example.org"),
        (ON_TELEGRAM.replace('"123', '"bot123'), "token", 'take away the "bot" in front of it.'),
        (ON_TELEGRAM.replace("token", "# token"), "token", 'token is missing. Add the line: token = "${TELEGRAM_TOKEN}"'),
        (ON_TELEGRAM.replace("chat", "# chat"), "chat", "chat is missing. Add the line: chat = -1001234567890."),
        (ON_TELEGRAM.replace("-1001234567890", '"rangers"'), "chat", "A Telegram chat is named by its number"),
        (ON_TELEGRAM.replace("-1001234567890", "1.5"), "chat", "chat is a whole number. Write it without a point."),
        (ON_TELEGRAM.replace('"telegram"', f'"{LETTERS}"'), "type", '"7000000001:AAHd…" is no type of destination.'),
        (f'{ON_TELEGRAM}api = "https://api.telegram.org/bot{BOT}"\n', "api", "it holds a token, which belongs into token"),
        (ON_SLACK.replace("url", "# url"), "url", "url is missing, or token and channel."),
        (ON_TELEGRAM.replace("-1001234567890", "true"), "chat", "chat should be text, but this is true or false."),
        (f"{ON_TELEGRAM}topic = 1\n", "topic", "Leave topic out."),
        (f'{ON_TELEGRAM}topic = "general"\n', "topic", "A topic is named by its number"),
        (
            f'{ON_TELEGRAM}silent = "yes"\n',
            "silent",
            "silent should be true or false, but this is text. Write it without quotes",
        ),
        (f'{ON_TELEGRAM}api = "http://example.org"\n', "api", "This is no address of a Bot API server"),
        (f'{ON_SLACK}quiet = "22:00-07:00"\n', "quiet", "Slack has no messages without a sound"),
    ],
)
def test_each_mistake_of_a_platform_is_told_with_its_line_and_without_the_token(
    tmp_path: Path, lines: str, key: str, says: str
) -> None:
    found = judge(tmp_path, f"{GOOD}{lines}")
    told = [(problem.key, problem.text) for problem in found.problems]
    assert f"destinations.staff.{key}" in dict(told), found.report()
    assert says in dict(told)[f"destinations.staff.{key}"]
    assert TOKEN[4:].partition("_")[0] not in found.report()
    line = next(problem.line for problem in found.problems if problem.key.endswith(f".{key}"))
    assert line is not None
    assert f"{GOOD}{lines}".splitlines()[line - 1].startswith((key, "[destinations.staff]"))


def test_a_webhook_of_slack_says_what_it_cannot_do_and_a_bot_needs_not(tmp_path: Path) -> None:
    says = "destinations.staff is a Slack incoming webhook. It can post, but not edit, strike or thread."
    assert judge(tmp_path, GOOD + ON_SLACK).notes == (says,)
    assert judge(tmp_path, GOOD + AS_BOT).notes == ()


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        (ON_SLACK, "url"),
        (AS_BOT, "channel"),
        (ON_TELEGRAM, "chat"),
        (ON_TELEGRAM + "topic = 7\n", "chat"),
    ],
)
def test_the_same_place_twice_is_a_mistake_on_each_platform(tmp_path: Path, lines: str, key: str) -> None:
    text = f"{GOOD}{lines}{lines.replace('staff', 'again')}"
    _, where, told = only_problem(tmp_path, text)
    assert where == f"destinations.again.{key}"
    assert f"This is the same place as destinations.staff.{key}" in told


def test_another_topic_of_a_chat_is_another_place(tmp_path: Path) -> None:
    again = ON_TELEGRAM.replace("staff", "again")
    assert judge(tmp_path, f"{GOOD}{ON_TELEGRAM}topic = 7\n{again}topic = 8\n").problems == ()


def test_the_same_address_twice_is_a_mistake_but_another_thread_of_it_is_none(tmp_path: Path) -> None:
    again = f'[destinations.staff]\ntype = "discord"\nurl = "{URL}"\n'
    line, key, told = only_problem(tmp_path, GOOD + again)
    assert (line, key) == (9, "destinations.staff.url")
    assert "This is the same place as destinations.announcements.url" in told
    respelled = again.replace(URL, URL.replace("discord.com", "discordapp.com") + "/")
    assert only_problem(tmp_path, GOOD + respelled)[:2] == (9, "destinations.staff.url")
    assert judge(tmp_path, GOOD + again + 'thread = "1130112233445566778"\n').problems == ()


@pytest.mark.parametrize("name", ['"first platoon"', '"-x"', '""', '"zwölfte"', "x" * 65])
def test_a_destination_needs_a_plain_name(tmp_path: Path, name: str) -> None:
    line, _, told = only_problem(tmp_path, GOOD.replace("announcements", name))
    assert line == 4
    assert "A destination is named with" in told


def test_a_folder_in_the_place_of_the_database_is_told_although_nobody_named_it(tmp_path: Path) -> None:
    (tmp_path / "bridge.db").mkdir()
    line, key, told = only_problem(tmp_path, f"{GOOD}[server]\n")
    assert (line, key) == (7, "server.database")
    assert told.endswith('Take it away, or name a file:\ndatabase = "bridge.db/bridge.db"')
    assert judge(tmp_path, f'{GOOD}[server]\ndatabase = "bridge.db/bridge.db"\n').problems == ()


def test_two_communities_with_one_secret_are_told_whatever_else_is_wrong_with_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text("")
    (tmp_path / "alpha.toml").write_text(GOOD)
    (tmp_path / "bravo.toml").write_text(GOOD.replace("[dest", 'nmae = "Bravo"\n[dest', 1))
    _, alpha, bravo = inspect_folder(tmp_path, {})
    assert [problem.key for problem in alpha.problems] == ["site.secret"]
    assert [problem.key for problem in bravo.problems] == ["site.nmae", "site.secret"]
    assert SECRET not in f"{alpha!r}{bravo!r}"


# Secrets, and anything whatever


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("/webhooks/", "/webhook/"),
        GOOD.replace("https://", ""),
        GOOD.replace("https://discord.com/api/webhooks/1130112233445566778/", ""),
        GOOD.replace(URL, "${" + TOKEN.replace("-", "") + "}"),
        GOOD.replace(f'"{SECRET}"', f"{SECRET}"),
        GOOD.replace(f'"{SECRET}"', f"{{ {SECRET} = 1 }}"),
        GOOD.replace("secret = ", f"{SECRET} = 1\n'{URL}' = "),
        GOOD.replace(f'"{SECRET}"', f'["{SECRET}"]'),
        GOOD.replace(SECRET, f"{SECRET}\\n"),
        GOOD.replace("[site]", f'[site]\ntimezone = "{SECRET}"\noperator = "{SECRET}"\nlanguage = "{SECRET}"\nurl = "{URL}"'),
        GOOD.replace("announcements", f'"{URL}"'),
        GOOD.replace('"discord"', f'"{TOKEN}"') + f'events = ["{SECRET}", "{URL}"]\nthread = "{TOKEN}"\nunclear = "{SECRET}"\n',
        GOOD + f'[server]\nlisten = "{URL}"\nstatus = "{SECRET}"\ndatabase = "/no/{SECRET}/x"\npublic = "{SECRET}"\n',
        GOOD + f'[privacy]\nkeep_bodies = "{SECRET}"\n',
        GOOD + GOOD,
    ],
)
def test_no_report_shows_more_than_the_first_four_characters_of_a_secret(tmp_path: Path, text: str) -> None:
    found = judge(tmp_path, text)
    assert found.problems
    assert SECRET[4:] not in found.report()
    assert TOKEN[4:].partition("_")[0] not in found.report()
    assert TOKEN[4:].partition("_")[0] not in repr(found)


@given(raw=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(max_examples=150, deadline=None)
def test_any_file_whatever_ends_in_a_report(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = judge(Path(folder), raw)
    assert found.config is None
    assert found.report().endswith("nothing was started.")


KEYS = ["name", "url", "secret", "language", "timezone", "operator", "listen", "status", "public", "database"]
KEYS += ["type", "events", "thread", "unclear", "keep_bodies", "site", "privacy", "x y", "previous_secret"]
KEYS += ["previous_secret_until", "token", "perscom_id", "api", "forget_left"]
VALUES = st.one_of(
    st.text(max_size=30).map(lambda text: '"' + "".join(f"\\U{ord(c):08x}" for c in text) + '"'),
    st.sampled_from(
        (
            *("1", "nan", "true", "[]", '["award", []]', "{}", "{a.b = 1}", '"${PATH}"', '"${x}"', '"a:1"'),
            *("1979-05-27", "0001-01-01T00:00:00+23:59", "9999-12-31", "9999-12-31T23:59:59.999999-23:59", "07:32:00"),
        )
    ),
)
TABLES = st.sampled_from(
    ["site", "server", "privacy", "destinations.a", "destinations.b", "destinations", "wording.x", "images.rank", "z"]
)


@given(tables=st.dictionaries(TABLES, st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5), max_size=5))
@settings(max_examples=150, deadline=None)
def test_any_values_under_any_keys_end_in_a_report_or_a_configuration(tables: dict[str, dict[str, str]]) -> None:
    text = "".join(
        f"[{name}]\n" + "".join(f'"{key}" = {value}\n' for key, value in keys.items()) for name, keys in tables.items()
    )
    with tempfile.TemporaryDirectory() as folder:
        found = judge(Path(folder), text, PATH="/usr/bin\x1b[2J")
    assert (found.config is None) == bool(found.problems)
    assert "\x1b" not in found.report()
    assert all(problem.line is not None and problem.line <= text.count("\n") + 1 for problem in found.problems)
