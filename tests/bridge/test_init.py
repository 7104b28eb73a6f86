"""``perscom-bridge init``: the questions, and the two files they end in."""

from __future__ import annotations

import os
import select
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_bridge._init import Answers, NewDestination, bridge_toml, dotenv, write_new
from perscom_bridge._load import inspect, load
from perscom_bridge.cli import main
from perscom_bridge.config import HiddenToken, HiddenUrl
from perscom_bridge.platforms.discord import DiscordPlace
from perscom_bridge.platforms.slack import SlackWebhookPlace
from perscom_bridge.platforms.telegram import TelegramPlace
from perscom_receiver import Secret

SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
URL = "https://discord.com/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannelForEverybody"
SLACK = "https://hooks.slack.com/services/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hook"
STAFF = "https://discord.com/api/webhooks/1130112233445566779/Kw3pTokenOfTheChannelForTheStaff"
PROGRAM = str(Path(sys.executable).with_name("perscom-bridge"))

ALL = [SECRET, "https://bridge.example.org", "https://1st-rangers.example.org", "discord", URL, STAFF]
FEWEST = [SECRET, "", "", "", URL]
BOT = "123456789:Zq7xTokenOfTheBot_-0123456789abcdefgh"
EVERYBODY = NewDestination(role="announcements", platform="discord", values={"url": URL})


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def init(answers: list[str], *options: str) -> Result:
    return CliRunner().invoke(main, ["init", *options], input="".join(f"{answer}\n" for answer in answers))


def test_all_answers_end_in_a_configuration_that_passes_the_check(tmp_path: Path) -> None:
    result = init(ALL)
    assert result.exit_code == 0, result.output
    found = inspect(Path("bridge.toml"), {})
    assert found.problems == ()
    assert found.notes == ()
    config = load(Path("bridge.toml"), {})
    assert config.site.secrets == (Secret(SECRET),)
    assert config.site.url == "https://1st-rangers.example.org"
    assert config.server.public == "https://bridge.example.org"
    assert [(one.name, one.place) for one in config.destinations] == [
        ("announcements", DiscordPlace(url=HiddenUrl(URL))),
        ("staff", DiscordPlace(url=HiddenUrl(STAFF))),
    ]
    assert "demotion" in config.destinations[1].events
    assert "demotion" not in config.destinations[0].events
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "bridge.toml"]


def test_the_fewest_answers_end_in_a_configuration_that_passes_the_check() -> None:
    assert init(FEWEST).exit_code == 0
    config = load(Path("bridge.toml"), {})
    assert (config.site.url, config.server.public) == (None, None)
    assert [one.name for one in config.destinations] == ["announcements"]
    assert "DISCORD_STAFF_URL" not in Path(".env").read_text(encoding="utf-8")


def test_each_platform_is_asked_for_what_it_needs_and_a_bot_for_its_token_once() -> None:
    answers = [SECRET, "", "", " Telegram,slack slack", BOT, "-1001234567890", "@staff_room", SLACK, ""]
    assert init(answers).exit_code == 0
    assert [(one.name, one.place) for one in load(Path("bridge.toml"), {}).destinations] == [
        ("telegram-announcements", TelegramPlace(token=HiddenToken(BOT), chat="-1001234567890")),
        ("telegram-staff", TelegramPlace(token=HiddenToken(BOT), chat="@staff_room")),
        ("slack-announcements", SlackWebhookPlace(url=HiddenUrl(SLACK))),
    ]
    assert Path(".env").read_text(encoding="utf-8").count(BOT) == 1
    assert BOT not in Path("bridge.toml").read_text(encoding="utf-8")


def test_one_platform_alone_gives_its_channels_plain_names() -> None:
    assert init([SECRET, "", "", "telegram", BOT, "-1001234567890", ""]).exit_code == 0
    assert [one.name for one in load(Path("bridge.toml"), {}).destinations] == ["announcements"]


def test_the_written_configuration_says_what_to_do_and_holds_no_secret() -> None:
    init(ALL)
    text = Path("bridge.toml").read_text(encoding="utf-8")
    assert "After every change: perscom-bridge check, then restart." in text
    assert "${PERSCOM_WEBHOOK_SECRET}" in text
    assert SECRET not in text
    assert "Zq7x" not in text
    assert all(len(line) <= 128 for line in text.splitlines())


def test_the_output_tells_the_address_for_the_form_and_the_next_step_but_no_secret() -> None:
    result = init(ALL)
    assert "URL https://bridge.example.org/webhooks/perscom   Method POST" in result.output
    assert result.output.rstrip().endswith("Next: perscom-bridge check")
    assert SECRET not in result.output
    assert "Zq7x" not in result.output


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
def test_both_files_are_for_their_owner_alone() -> None:
    old = os.umask(0)
    try:
        init(ALL)
    finally:
        os.umask(old)
    assert [stat.S_IMODE(Path(name).stat().st_mode) for name in (".env", "bridge.toml")] == [0o600, 0o600]


def test_the_answers_are_forgiven_their_small_slips() -> None:
    answers = [
        SECRET,
        " https://bridge.example.org/webhooks/perscom/ ",
        "https://1st-rangers.example.org/",
        " Discord ",
        f"{URL} ",
        "",
    ]
    assert init(answers).exit_code == 0
    config = load(Path("bridge.toml"), {})
    assert (config.server.public, config.site.url) == ("https://bridge.example.org", "https://1st-rangers.example.org")
    assert config.destinations[0].place == DiscordPlace(url=HiddenUrl(URL))


def test_white_space_of_a_secret_is_kept_and_told_since_perscom_keeps_it_too() -> None:
    result = init([f" {SECRET}", *FEWEST[1:]])
    assert "Good to know: it begins or ends with white space" in result.output
    assert load(Path("bridge.toml"), {}).site.secrets == (Secret(f" {SECRET}"),)


@pytest.mark.parametrize("name", [".env", "bridge.toml"])
def test_a_file_that_is_there_is_never_overwritten_and_nothing_is_asked(tmp_path: Path, name: str) -> None:
    Path(name).write_text("mine", encoding="utf-8")
    result = init(ALL)
    assert result.exit_code == 1
    assert result.output.startswith(f"{name} is there already and is never overwritten.")
    assert Path(name).read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_that_leads_nowhere_counts_as_a_file_that_is_there(tmp_path: Path) -> None:
    Path(".env").symlink_to(tmp_path / "elsewhere")
    assert init(ALL).exit_code == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_appears_in_the_meantime_stays_and_nothing_else_is_left() -> None:
    Path("second").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError) as caught:
        write_new({Path("first"): "a", Path("second"): "b"})
    assert caught.value.filename == "second"
    assert Path("second").read_text(encoding="utf-8") == "mine"
    assert not Path("first").exists()


def test_nothing_is_left_when_a_text_cannot_be_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        write_new({Path("first"): "a", Path("second"): "\ud800"})
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("place", "answer", "says"),
    [
        (0, "", "The secret is blank, so anybody could sign."),
        (0, "\x1b[A0123456789abcdef", "The secret holds a control character."),
        (1, "bridge.example.org", "This is no web address."),
        (2, "rangers", "This is no web address."),
        (3, "slak", '"slak" is no platform. Did you mean "slack"?'),
        (3, "slack", "it leads to discord.com, not to hooks.slack.com."),
        (4, "", "This is no Discord webhook address: it is empty."),
        (4, URL.replace("/webhooks/", "/webhook/"), "its path says /api/webhook/"),
        (5, "https://discord.gg/AbCdEf", "an invitation"),
    ],
)
def test_a_wrong_answer_is_explained_and_nothing_is_written(tmp_path: Path, place: int, answer: str, says: str) -> None:
    result = init([*ALL[:place], answer, *ALL[place + 1 :]])
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.endswith("Nothing was written.\n")
    assert list(tmp_path.iterdir()) == []


def test_answers_that_end_too_early_are_told(tmp_path: Path) -> None:
    result = init(ALL[:3])
    assert result.exit_code == 1
    assert result.stderr == "The answers on standard input ended before this question. Nothing was written.\n"
    assert list(tmp_path.iterdir()) == []


def test_another_name_may_be_given_and_its_folder_must_be_there(tmp_path: Path) -> None:
    result = init(ALL, "--config", "no/rangers.toml")
    assert result.exit_code == 1
    assert result.stderr == "There is no folder no. Make it first.\n"
    (tmp_path / "no").mkdir()
    assert init(ALL, "--config", "no/rangers.toml").exit_code == 0
    assert load(Path("no/rangers.toml"), {}).path == tmp_path / "no/rangers.toml"


TYPED = st.text(st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60)


@given(secret=TYPED.filter(str.strip))
@settings(max_examples=150, deadline=None)
def test_any_secret_that_can_be_typed_comes_back_as_it_is(secret: str) -> None:
    answers = Answers(secret=secret, public=None, perscom=None, destinations=(EVERYBODY,))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bridge.toml")
        write_new({Path(folder, ".env"): dotenv(answers), path: bridge_toml(answers)})
        assert load(path, {}).site.secrets == (Secret(secret),)


def test_answers_show_no_secret() -> None:
    assert repr(Answers(secret=SECRET, public=None, perscom=None, destinations=(EVERYBODY,))) == "Answers(***)"
    assert "Zq7x" not in repr(EVERYBODY)


def test_the_program_takes_its_answers_from_a_pipe(tmp_path: Path) -> None:
    done = subprocess.run([PROGRAM, "init"], input="\n".join(FEWEST), capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    assert load(tmp_path / "bridge.toml", {}).site.secrets == (Secret(SECRET),)


@pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is a matter of POSIX")
def test_in_a_terminal_what_is_secret_stays_hidden_and_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    dialogue = [
        ("Secret in PERSCOM's webhook form", SECRET),
        ("public address", "bridge.example.org"),
        ("This is no web address", ""),
        ("address of your PERSCOM", "https://1st-rangers.example.org"),
        ("Platforms", "matrix"),
        ("Known: discord, slack, telegram", "telegram, discord"),
        ("token of your bot", BOT),
        ("chat for everybody", "-1001234567890"),
        ("chat for staff", ""),
        ("channel for everybody", URL),
        ("channel for staff", STAFF),
        ("Next: perscom-bridge check", None),
    ]
    transcript = talk_in_terminal([PROGRAM, "init"], dialogue)
    assert SECRET not in transcript
    assert "Zq7x" not in transcript
    assert "https://1st-rangers.example.org" in transcript  # what is no secret is seen while it is typed
    config = load(tmp_path / "bridge.toml", {})
    assert config.site.secrets == (Secret(SECRET),)
    assert [(one.name, one.place) for one in config.destinations] == [
        ("telegram-announcements", TelegramPlace(token=HiddenToken(BOT), chat="-1001234567890")),
        ("discord-announcements", DiscordPlace(url=HiddenUrl(URL))),
        ("discord-staff", DiscordPlace(url=HiddenUrl(STAFF))),
    ]
    assert BOT[12:] not in transcript
    assert "-1001234567890" in transcript


def talk_in_terminal(command: list[str], dialogue: list[tuple[str, str | None]]) -> str:
    """Run ``command`` in a terminal of its own; wait for each text, then type the answer. Everything that was shown."""
    import pty

    # The child takes the terminal as its own, as a login would: hidden questions are asked there, not on standard input.
    take_it = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", take_it, *command], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = ""
    try:
        for text, answer in dialogue:
            start = len(shown)
            while text not in shown[start:]:
                assert select.select([ours], [], [], 30)[0], f"waited for {text!r} in vain, after: {shown}"
                shown += os.read(ours, 4096).decode()
            if answer is not None:
                os.write(ours, f"{answer}\n".encode())
        assert child.wait(timeout=30) == 0
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    return shown
