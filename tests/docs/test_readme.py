"""What the README says is true: its blocks run as pasted, its tables are complete, its links lead somewhere."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from starlette.testclient import TestClient

from perscom_adapters import plain, render
from perscom_bridge.cli import COMMANDS
from perscom_bridge.cli import main as bridge
from perscom_receiver.testing import make_event, signed_request

ROOT = Path(__file__).resolve().parents[2]
SECRET = "0123456789abcdef"
WEBHOOK = "https://discord.com/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannelForEverybody"
PROGRAM = Path(sys.executable).with_name("perscom-bridge")

LANGUAGES = {"caddyfile", "diff", "json", "nginx", "python", "sh", "text", "toml", "yaml"}
FOREIGN = {"cd", "chmod", "cp", "curl", "docker", "git", "journalctl", "openssl", "sudo"}
"""Commands of the shell blocks that are not ours."""


@pytest.fixture(autouse=True)
def a_secret_and_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)


def run(text: str, **names: object) -> dict[str, Any]:
    """Run a block as a file of its own; the names it defines."""
    Path("block.py").write_text(text, encoding="utf-8")
    return runpy.run_path("block.py", init_globals=names)


def unsigned(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "Signature"}


def test_the_fastapi_block_takes_a_signed_request_and_refuses_an_unsigned_one(blocks: Any) -> None:
    client = TestClient(run(blocks("README.md", "python")[0].text)["app"])
    headers, body = signed_request("rankrecord.created", SECRET)
    answer = client.post("/webhooks/perscom", headers=headers, content=body)
    assert (answer.status_code, answer.json()) == (200, {"got": "rankrecord.created"})
    assert client.post("/webhooks/perscom", headers=unsigned(headers), content=body).status_code == 401
    assert client.get("/webhooks/perscom").status_code == 405


def test_the_flask_block_takes_a_signed_request_and_refuses_an_unsigned_one(blocks: Any) -> None:
    client = run(blocks("README.md", "python")[1].text)["app"].test_client()
    headers, body = signed_request("rankrecord.created", SECRET)
    answer = client.post("/webhooks/perscom", headers=headers, data=body)
    assert (answer.status_code, answer.json) == (200, {"got": "rankrecord.created"})
    assert client.post("/webhooks/perscom", headers=unsigned(headers), data=body).status_code == 401
    assert client.get("/webhooks/perscom").status_code == 405


def test_the_blocks_ask_for_no_more_than_ten_lines_of_code(blocks: Any) -> None:
    fastapi, flask, _ = blocks("README.md", "python")
    for block in (fastapi, flask):
        assert len([line for line in block.text.splitlines() if line.strip()]) <= 10


def test_the_block_about_testing_runs_and_its_tests_pass(blocks: Any) -> None:
    app_block, _, test_block = blocks("README.md", "python")
    names = run(test_block.text, app=run(app_block.text)["app"])
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_message_on_the_first_screen_is_the_one_that_is_rendered(blocks: Any) -> None:
    message = render(make_event("rankrecord.created"))
    assert message is not None
    shown = [line.partition("   ")[0] for line in blocks("README.md", "text")[0].text.splitlines()]
    assert shown == plain(message).splitlines()[: len(shown)]


def test_the_table_of_commands_lists_each_command_once_in_the_order_of_the_help() -> None:
    rows = re.findall(r"^\| `perscom-bridge (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(COMMANDS)


def test_every_block_has_a_language_that_some_test_checks(page: str, blocks: Any) -> None:
    assert {block.language for block in blocks(page)} <= LANGUAGES


def test_every_configuration_passes_the_check(blocks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD_SECRET", "the secret before this one")
    monkeypatch.setenv("DISCORD_ANNOUNCEMENTS_URL", WEBHOOK)
    monkeypatch.setenv("DISCORD_RECRUITING_URL", WEBHOOK)
    monkeypatch.setenv("TELEGRAM_TOKEN", "123456789:AAExampleExampleExampleExampleExample")
    monkeypatch.setenv("N8N_URL", "http://127.0.0.1:5679/events")
    monkeypatch.setenv("N8N_SECRET", "a secret of the receiver's own")
    monkeypatch.setenv("DATABASE_URL", "postgresql://perscom:a%20secret@127.0.0.1/perscom")
    configurations = blocks(language="toml")
    pages = {"README.md", "docs/forward.md", "docs/postgresql.md", "docs/secrets.md", "docs/threads.md", "docs/wording.md"}
    assert {block.page for block in configurations} == pages
    for block in configurations:
        Path("bridge.toml").write_text(block.text, encoding="utf-8")
        done = subprocess.run([PROGRAM, "check"], capture_output=True, text=True)
        assert done.returncode == 0, f"{block.page}:{block.line}\n{done.stdout}{done.stderr}"


def test_every_command_of_a_shell_block_exists_with_its_options(page: str, blocks: Any) -> None:
    for block in blocks(page, "sh"):
        for line in block.text.splitlines():
            for command in line.partition(" #")[0].split(" && "):
                assert exists(command.split()), f"{block.page}:{block.line}: {command}"


def exists(words: list[str]) -> bool:
    while "=" in words[0]:  # NAME=value in front of a command
        words = words[1:]
    name = Path(words[0]).name
    if name == "sudo":
        return exists(words[3:] if words[1] == "-u" else words[1:])
    if name in ("useradd", "systemctl", "createuser", "createdb"):  # what sudo is for
        return True
    if name == "docker" and "bridge" in words and "run" in words:  # docker compose run --rm bridge COMMAND
        return exists(["perscom-bridge", *words[words.index("bridge") + 1 :]])
    if name == "make":
        return all("=" in word or re.search(rf"^{word}:", makefile(), re.MULTILINE) for word in words[1:])
    if name in ("python", "python3"):
        return words[1:3] in (["-m", "pip"], ["-m", "venv"]) and extras(words) <= declared_extras()
    if name == "perscom-bridge":
        command = bridge.commands[words[1]]
        if isinstance(command, click.Group):
            listing = len(words) < 3 or words[2].startswith("-")
            command = command.commands["list" if listing else words[2]]
        options = {option for parameter in command.params for option in parameter.opts}
        return {word for word in words if word.startswith("-")} <= options
    return name in FOREIGN


def makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def extras(words: list[str]) -> set[str]:
    return {extra for word in words for found in re.findall(r"\.\[([a-z,]+)\]", word) for extra in found.split(",")}


def declared_extras() -> set[str]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[2]
    return set(re.findall(r"^([a-z]+) = \[", text.partition("\n[")[0], re.MULTILINE))


def test_a_command_that_is_not_there_would_be_noticed() -> None:
    assert exists(["perscom-bridge", "check", "--config", "x"])
    assert not exists(["perscom-bridge", "check", "--lively"])
    assert not exists(["make", "coffee"])
    assert not exists(["sudo", "-u", "perscom", "/opt/bin/perscom-brigde", "init"])
    assert not exists(["python", "-m", "pip", "install", '".[everything]"'])


def test_every_link_leads_to_a_file_of_the_repository_or_to_https(page: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), target
