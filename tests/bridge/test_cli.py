"""The command line: help, the table of events, sign, verify, send, and errors without a traceback."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from perscom_adapters import WORDS
from perscom_bridge import _send
from perscom_bridge.cli import COMMANDS, main
from perscom_receiver import Event, Secret, SignatureMismatch, sign, verify

SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
PREVIOUS = "pQ4nWm8ZbT2yKc6HxV9sLd3RfJ7gEa5U"
URL = "https://discord.com/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannelForEverybody"
PROGRAM = str(Path(sys.executable).with_name("perscom-bridge"))
BODY = b'{"event":"webhook.test","created":"2026-11-24T08:00:00.000000Z","data":{"status":"ok"},"changes":null}'

CONFIGURATION = f"""
[site]
secret = "{SECRET}"
previous_secret = "{PREVIOUS}"
[destinations.announcements]
type = "discord"
url = "{URL}"
"""


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERSCOM_WEBHOOK_SECRET", raising=False)


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=stdin)


def configured() -> None:
    Path("bridge.toml").write_text(CONFIGURATION, encoding="utf-8")


# The whole


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help_that_is_enough_to_start(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {name} ")
    assert len(result.output.splitlines()) >= 5


def test_the_commands_are_listed_in_the_order_of_a_first_hour() -> None:
    listed = run("--help").output.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "] == list(COMMANDS)


def test_help_is_fast_since_no_command_loads_what_it_needs_before_it_is_called() -> None:
    code = (
        "import sys\n"
        "from perscom_bridge.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = {'aiohttp', 'starlette', 'uvicorn', 'jinja2', 'rich', 'sqlite3', 'perscom_adapters'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_is_the_one_of_the_distribution() -> None:
    assert run("--version").output.startswith("perscom-bridge, version 0.")


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    result = run("chekc")
    assert result.exit_code == 2
    assert "Did you mean 'check'" in result.output


# check and events


def test_check_reads_back_who_gets_what() -> None:
    Path("bridge.toml").write_text(
        CONFIGURATION
        + '[destinations.staff]\ntype = "discord"\nurl = "http://127.0.0.1/api/webhooks/1/x"\nevents = ["demotion", "user.*"]\n'
        + '[destinations.trouble]\ntype = "discord"\nurl = "http://127.0.0.1/api/webhooks/2/x"\nevents = []\n',
        encoding="utf-8",
    )
    result = run("check")
    assert result.exit_code == 0
    assert result.output == (
        "bridge.toml: no mistakes\n"
        "\n"
        "  announcements: promotion, lateral, transfer, award, qualification, assignment, event\n"
        "  staff: demotion, user.*\n"
        "  trouble: only tests and trouble\n"
        "\n"
        "Good to know: destinations.trouble.events is empty: nothing but tests and trouble comes here.\n"
    )


def test_check_fails_with_the_report_when_there_is_a_mistake() -> None:
    Path("rangers.toml").write_text(CONFIGURATION.replace("discord.com", "discord.gg"), encoding="utf-8")
    result = run("check", "--config", "rangers.toml")
    assert result.exit_code == 1
    assert result.stdout.startswith("rangers.toml\n\n  line 7   destinations.announcements.url\n")
    assert result.stdout.endswith("\n\n1 mistake; nothing was started.\n")


def test_check_uses_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", SECRET)
    Path("bridge.toml").write_text(CONFIGURATION.replace(SECRET, "${PERSCOM_WEBHOOK_SECRET}"), encoding="utf-8")
    assert run("check").exit_code == 0


def test_the_example_passes_the_check_of_the_program() -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "bridge.toml"
    variables = {
        "PERSCOM_WEBHOOK_SECRET": SECRET,
        "DISCORD_ANNOUNCEMENTS_URL": URL,
        "SLACK_STAFF_URL": "https://hooks.slack.com/services/T024BE7LD/B024BE91L/aB3aB3aB3aB3",
        "TELEGRAM_TOKEN": "123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ_-0123456789",
    }
    done = subprocess.run(
        [PROGRAM, "check", "--config", str(example)], env=os.environ | variables, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"  staff: demotion, service, submission, joined, left\n" in done.stdout


def test_events_prints_every_word_with_its_default_set() -> None:
    rows = {line.split()[0]: line for line in run("events").output.splitlines() if line.strip()}
    assert set(WORDS) <= set(rows)
    assert rows["promotion"].rstrip().endswith("public")
    assert rows["demotion"].rstrip().endswith("staff")
    assert rows["test"].rstrip().endswith("every destination, always")


# sign and verify


def test_sign_prints_the_signature_of_the_bytes_and_nothing_else() -> None:
    configured()
    Path("body.json").write_bytes(BODY)
    assert run("sign", "body.json").output == f"{sign(BODY, SECRET)}\n"
    assert run("sign", stdin=BODY).output == f"{sign(BODY, SECRET)}\n"


def test_verify_accepts_what_sign_printed_and_says_what_it_is() -> None:
    configured()
    result = run("verify", "--signature", sign(BODY, SECRET), stdin=BODY)
    assert result.exit_code == 0
    assert result.output == "Genuine: webhook.test of 2026-11-24 08:00:00 UTC, signed with secret.\n"
    result = run("verify", "--signature", sign(BODY, PREVIOUS), stdin=BODY)
    assert result.output.endswith("signed with previous_secret.\n")


@pytest.mark.parametrize(
    ("signature", "body", "says"),
    [
        (sign(BODY, "another secret of PERSCOM"), BODY, "Not genuine. The signature is not the one of these bytes"),
        (sign(BODY, SECRET), BODY + b"\n", "Not genuine. The signature is not the one of these bytes"),
        (sign(BODY, SECRET).upper(), BODY, "Not genuine. The Signature header is not 64 lower-case hex digits."),
        ("", BODY, "Not genuine. There is no Signature header."),
        (sign(b"", SECRET), b"", "Not genuine. The body is empty"),
        (sign(b"[1]", SECRET), b"[1]", "The signature is genuine, but the body is no event."),
    ],
    ids=["other secret", "one byte more", "upper case", "empty", "empty body", "no event"],
)
def test_verify_fails_with_the_reason_in_one_line(signature: str, body: bytes, says: str) -> None:
    configured()
    result = run("verify", "--signature", signature, stdin=body)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(says)
    assert result.stderr.count("\n") == 1


def test_without_a_file_the_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", SECRET)
    assert run("sign", stdin=BODY).output == f"{sign(BODY, SECRET)}\n"
    result = run("sign", "--config", "bridge.toml", stdin=BODY)  # but a file that somebody names must be there
    assert result.exit_code == 1
    assert "There is no such file." in result.stderr


def test_without_any_secret_it_is_told_where_to_put_one() -> None:
    result = run("sign", stdin=BODY)
    assert result.exit_code == 1
    assert result.stderr.startswith("There is no secret: no file bridge.toml, and PERSCOM_WEBHOOK_SECRET is not set.")
    assert result.stderr.count("\n") == 1


def test_a_blank_secret_in_the_environment_is_an_error_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", " ")
    result = run("sign", stdin=BODY)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("The webhook secret is blank")


# send


class Receiver(ThreadingHTTPServer):
    """A receiver on a free port that remembers requests and answers as it is told."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, delay: float) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.answer = status, headers, body, delay
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/webhooks/perscom"


class Conversation(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        status, headers, answer, delay = self.server.answer
        time.sleep(delay)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing: the tests look at what was remembered."""


@contextmanager
def receiver(status: int, headers: dict[str, str] | None = None, body: bytes = b"", delay: float = 0) -> Iterator[Receiver]:
    with Receiver(status, headers or {}, body, delay) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_send_posts_a_signed_sample_with_the_headers_of_perscom_alone() -> None:
    configured()
    with receiver(202) as server:
        result = run("send", "rankrecord.created", "--to", server.url, "--set", "type=1", "--set", "text=For valour")
    assert result.exit_code == 0
    assert result.output.startswith(f"rankrecord.created to {server.url}: 202 in ")
    assert result.output.endswith(" ms\n")
    ((path, headers, body),) = server.got
    assert path == "/webhooks/perscom"
    assert set(headers) == {"Host", "User-Agent", "Content-Type", "Signature", "Content-Length"}
    verify(body, headers["Signature"], SECRET)
    event = Event.parse(body)
    assert isinstance(event.data, dict)
    assert (event.name, event.data["type"], event.data["text"]) == ("rankrecord.created", 1, "For valour")


def test_send_takes_the_secret_of_the_environment_when_there_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", PREVIOUS)
    with receiver(200) as server:
        assert run("send", "webhook.test", "--to", server.url).exit_code == 0
    ((_, headers, body),) = server.got
    verify(body, headers["Signature"], PREVIOUS)
    with pytest.raises(SignatureMismatch):
        verify(body, headers["Signature"], SECRET)


@pytest.mark.parametrize(("name", "value"), [("secret", SECRET), ("previous_secret", PREVIOUS)])
def test_send_signs_with_the_secret_that_is_named(name: str, value: str) -> None:
    configured()
    with receiver(202) as server:
        result = run("send", "webhook.test", "--to", server.url, "--secret-name", name)
    assert result.output.startswith(f"webhook.test to {server.url}, signed with {name}: 202 in ")
    ((_, headers, body),) = server.got
    verify(body, headers["Signature"], value)


def test_send_shows_that_a_receiver_does_not_know_a_secret_yet() -> None:
    configured()
    with receiver(401) as server:
        result = run("send", "webhook.test", "--to", server.url, "--secret-name", "secret")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"webhook.test to {server.url}, signed with secret: 401")


def test_a_secret_that_is_given_in_place_of_its_name_is_not_shown() -> None:
    configured()
    with receiver(202) as server:
        result = run("send", "webhook.test", "--to", server.url, "--secret-name", SECRET)
    assert (result.exit_code, server.got) == (1, [])
    assert result.stderr == "There is no secret of that name. Those here are called: secret, previous_secret\n"


def test_a_redirect_is_a_failure_that_names_its_target_and_is_not_followed() -> None:
    configured()
    with receiver(308, {"Location": "/webhooks/perscom/\x1b[2J"}) as server:
        result = run("send", "webhook.test", "--to", server.url)
    assert result.exit_code == 1
    assert f": 308, a redirect to {server.url}/" in result.stderr
    assert "\x1b" not in result.stderr
    assert len(server.got) == 1


@pytest.mark.parametrize("status", [300, 304, 401, 404, 503])
def test_any_other_answer_is_a_failure_with_what_the_receiver_said(status: int) -> None:
    configured()
    with receiver(status, body=b"" if status == 304 else b'{"detail":\n  "not today \x1b[2J"}' + b"x" * 5000) as server:
        result = run("send", "webhook.test", "--to", server.url)
    assert result.exit_code == 1
    assert f"webhook.test to {server.url}: {status}" in result.stderr
    assert status == 304 or '{"detail": "not today ' in result.stderr
    assert "\x1b" not in result.stderr
    assert len(result.stderr) < 500


def test_a_receiver_that_is_not_there_is_told_in_one_line() -> None:
    configured()
    with receiver(200) as server:
        pass
    result = run("send", "webhook.test", "--to", server.url)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"webhook.test to {server.url}: it cannot be reached: ")
    assert result.stderr.count("\n") == 1


def test_a_receiver_that_does_not_answer_is_given_up_in_time() -> None:
    with receiver(200, delay=0.5) as server:
        answer = asyncio.run(_send.post(server.url, {}, BODY, time_limit=0.1))
    assert answer.status is None
    assert answer.failure is not None
    assert answer.failure.startswith("no answer within 0.1 s.")
    assert answer.seconds < 0.4


def test_an_answer_that_comes_too_late_for_perscom_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_send, "PERSCOM_WAITS", 0.1)
    with receiver(202, delay=0.2) as server:
        answer = asyncio.run(_send.post(server.url, {}, BODY))
    assert answer.status == 202
    assert answer.failure is not None
    assert answer.failure.startswith("202, but only after 0.")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rankrecord.create", "--to", "http://127.0.0.1:9/"], 'no event of PERSCOM. Did you mean "rankrecord.created"?'),
        (
            ["joined", "--to", "http://127.0.0.1:9/"],
            '"joined" is a word for destinations. What PERSCOM sends is called: user.created',
        ),
        (["webhook.test", "--to", "127.0.0.1:9"], '"127.0.0.1:9" is no web address.'),
        (["webhook.test", "--to", "ftp://127.0.0.1/"], "is no web address."),
        (["webhook.test", "--to", "http://[::1/"], "is no web address."),
        (["webhook.test", "--to", "http://127.0.0.1:9/", "--set", "type"], '"type" is no KEY=VALUE, such as type=1.'),
        (["webhook.test", "--to", "http://127.0.0.1:9/", "--set", "x=NaN"], "This sample cannot be made: "),
        (["webhook.test", "--to", "http://127.0.0.1:9/", "--set", "secret=x"], "This sample cannot be made: "),
    ],
)
def test_a_call_that_cannot_be_made_is_told_in_one_line(arguments: list[str], says: str) -> None:
    configured()
    result = run("send", *arguments)
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_mistakes_in_the_configuration_are_told_by_every_command_that_reads_it() -> None:
    Path("bridge.toml").write_text(CONFIGURATION.replace('"discord"', '"dicsord"'), encoding="utf-8")
    for arguments in (
        ["sign"],
        ["verify", "--signature", "x"],
        ["explain", "-", "--signature", "x"],
        ["send", "webhook.test", "--to", "http://127.0.0.1:9/"],
    ):
        result = run(*arguments, stdin=BODY)
        assert result.exit_code == 1
        assert result.stderr.startswith("bridge.toml\n\n  line 6   destinations.announcements.type\n")


def test_the_program_itself_signs_and_fails_without_a_traceback() -> None:
    configured()
    done = subprocess.run([PROGRAM, "sign"], input=BODY, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, Secret(SECRET).sign(BODY).encode() + b"\n", b"")
    done = subprocess.run([PROGRAM, "check", "--config", "nothing.toml"], capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
    assert b"There is no such file." in done.stdout
    assert done.stderr == b""
