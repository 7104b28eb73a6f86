"""deploy/: the very commands of the container and of the unit, run without a container engine and without systemd."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from perscom_adapters.testing import ChatStandIn
from perscom_receiver.testing import signed_request

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROGRAM = Path(sys.executable).with_name("perscom-bridge")
SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"

needs_sources = pytest.mark.skipif(not (ROOT / "perscom_receiver").is_dir(), reason="the sources are not here")


@pytest.fixture
def chat() -> Iterator[ChatStandIn]:
    with ChatStandIn(rate=None) as standin:
        yield standin


def instructions() -> list[tuple[str, str]]:
    """The lines of the Dockerfile as (word, rest), continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines)]


def last(word: str) -> str:
    return [rest for name, rest in instructions() if name == word][-1]


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "perscom-bridge.service")
    return parser["Service"]


def compose() -> Any:
    return pytest.importorskip("yaml").safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def container_toml() -> dict[str, Any]:
    return tomllib.loads((DEPLOY / "bridge.container.toml").read_text(encoding="utf-8"))


# The container


def test_the_image_is_small_has_a_python_that_we_support_and_runs_without_rights() -> None:
    images = [re.fullmatch(r"python:3\.(\d+)-slim(?: AS \w+)?", rest) for word, rest in instructions() if word == "FROM"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert len(images) == 2  # what builds is left behind
    assert all(image is not None and int(image[1]) >= int(oldest.removeprefix(">=3.")) for image in images)
    words = [word for word, _ in instructions()]
    assert last("USER") == "10001"
    assert f"--uid {last('USER')} " in last("RUN")
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert [rest for word, rest in instructions() if word == "VOLUME"] == ["/data"]


@needs_sources
def test_everything_that_the_image_is_built_from_is_there_and_sent_to_the_engine() -> None:
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    sources = {source for group in copied for source in group}
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert all((ROOT / source).exists() for source in sources)
    assert sources == set(re.findall(r"^!(.+)$", ignore, re.MULTILINE))
    assert {package.partition("/")[0] for package in build["targets"]["wheel"]["packages"]} <= sources
    assert {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= sources


def test_the_container_starts_is_healthy_posts_and_stops_within_three_seconds(chat: ChatStandIn, tmp_path: Path) -> None:
    command = json.loads(last("ENTRYPOINT")) + json.loads(last("CMD"))
    check = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
    target = compose_mount()["target"]
    text = (DEPLOY / "bridge.container.toml").read_text(encoding="utf-8")
    text = text.replace("/data/bridge.db", str(tmp_path / "bridge.db"))
    (tmp_path / "bridge.toml").write_text(text, encoding="utf-8")
    command = [str(tmp_path / "bridge.toml") if word == target else word for word in command]
    with serving(command, tmp_path, filled_in(chat)) as service:
        check = [sys.executable, *(word.replace("8000", str(service.port)) for word in check[1:])]
        assert f":{service.port}/healthz" in check[-1]
        assert subprocess.run(check).returncode == 0
        assert "URL https://bridge.example.org/webhooks/perscom   Method POST" in service.said()
        service.post_an_event()
        wait_for(lambda: chat.messages)
    assert subprocess.run(check, stderr=subprocess.DEVNULL).returncode != 0


def filled_in(chat: ChatStandIn) -> dict[str, str]:
    """What compose hands to the bridge: .env, filled in, and what compose.yaml makes of it."""
    given = {"PERSCOM_WEBHOOK_SECRET": SECRET, "DISCORD_ANNOUNCEMENTS_URL": chat.discord_webhook(name="announcements")}
    values = {name: value or given[name] for name, value in dotenv_values(DEPLOY / "env.example").items()}
    for name, value in compose()["services"]["bridge"]["environment"].items():
        values[name] = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: values[found[1]], value)
    return values


# compose.yaml


def compose_mount() -> Any:
    (mount,) = [volume for volume in compose()["services"]["bridge"]["volumes"] if isinstance(volume, dict)]
    return mount


def test_the_only_ports_of_the_internet_are_those_of_caddy() -> None:
    services = compose()["services"]
    assert set(services) == {"bridge", "caddy"}
    assert services["caddy"]["ports"] == ["80:80", "443:443"]
    status = container_toml()["server"]["status"].rpartition(":")[2]
    assert services["bridge"]["ports"] == [f"127.0.0.1:{status}:{status}"]


def test_caddy_finds_the_bridge_by_its_name_and_port_and_the_health_check_too() -> None:
    port = container_toml()["server"]["listen"].rpartition(":")[2]
    assert f"reverse_proxy bridge:{port}\n" in (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert f"127.0.0.1:{port}/healthz" in last("HEALTHCHECK")
    assert last("EXPOSE").split()[0] == port


def test_every_volume_is_declared_every_file_is_there_and_the_database_is_in_a_volume() -> None:
    described = compose()
    build = described["services"]["bridge"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    named: dict[str, str] = {}
    for service in described["services"].values():
        for volume in service["volumes"]:
            if isinstance(volume, str) and not volume.startswith("."):
                source, target = volume.split(":")
                named[source] = target
            elif isinstance(volume, str):
                assert (DEPLOY / volume.split(":")[0]).exists()
    assert set(named) == set(described["volumes"])
    assert named["data"] == last("VOLUME")
    assert Path(container_toml()["server"]["database"]).parent == Path(named["data"])
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert f"cp bridge.container.toml {Path(compose_mount()['source']).name}\n" in readme
    assert f"cp env.example {described['services']['bridge']['env_file']} " in readme
    assert Path(compose_mount()["target"]).parent == Path(last("WORKDIR"))  # so that `run bridge check` finds it


def test_every_variable_of_the_configuration_is_one_that_the_volunteer_fills_in_or_compose_makes() -> None:
    used = re.findall(r'^[^#]*"\$\{(\w+)\}"', (DEPLOY / "bridge.container.toml").read_text(encoding="utf-8"), re.MULTILINE)
    filled = dotenv_values(DEPLOY / "env.example")
    made = compose()["services"]["bridge"]["environment"]
    assert set(used) <= set(filled) | set(made)
    for text in (*made.values(), *compose()["services"]["caddy"]["environment"].values()):
        assert set(re.findall(r"\$\{(\w+)", text)) <= set(filled)
    assert "{$DOMAIN}" in (DEPLOY / "Caddyfile").read_text(encoding="utf-8")


# The unit


def test_the_unit_starts_what_init_configured_posts_and_stops_within_three_seconds(chat: ChatStandIn, tmp_path: Path) -> None:
    home = unit()["WorkingDirectory"]
    program, *rest = shlex.split(unit()["ExecStart"])
    readme = (DEPLOY / "README.md").read_text(encoding="utf-8")
    init = re.search(rf"^sudo -u {unit()['User']} {program} (init .*)$", readme, re.MULTILINE)
    assert init is not None
    answers = "\n".join([SECRET, "", "", "", chat.discord_webhook(name="announcements"), "", ""])
    words = shlex.split(init[1].replace(home, str(tmp_path)))
    subprocess.run([PROGRAM, *words], input=answers, text=True, check=True, capture_output=True)
    command = ["perscom-bridge", *(word.replace(home, str(tmp_path)) for word in rest)]
    name, _, value = unit()["Environment"].partition("=")
    with serving(command, tmp_path, {name: value}) as service:
        service.post_an_event()
        wait_for(lambda: chat.messages)
    assert (tmp_path / "bridge.db").exists()  # in the one folder that the unit may write to


def test_the_unit_may_write_to_its_own_folder_alone_and_gains_no_rights() -> None:
    service = unit()
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
    assert f"--config {service['WorkingDirectory']}/bridge.toml" in service["ExecStart"]
    assert (service["ProtectSystem"], service["ProtectHome"], service["NoNewPrivileges"]) == ("strict", "yes", "yes")
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] != "root"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze on this machine")
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "perscom-bridge.service").read_text(encoding="utf-8")
    path = tmp_path / "perscom-bridge.service"
    path.write_text(text.replace(shlex.split(unit()["ExecStart"])[0], str(PROGRAM)), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if path.name in line]) == (0, [])


# A running bridge


class Service:
    """A running bridge that listens on ``port`` and whose output goes to a file."""

    def __init__(self, log: Path, port: int) -> None:
        self._log = log
        self.port = port
        wait_for(lambda: "Now press Test there" in self.said())

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def post_an_event(self) -> None:
        headers, body = signed_request("rankrecord.created", SECRET)
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", "/webhooks/perscom", body, headers)
        assert connection.getresponse().status == 202
        connection.close()


@contextmanager
def serving(command: list[str], folder: Path, variables: Mapping[str, str]) -> Iterator[Service]:
    """Run ``command``, with ``bridge.toml`` in ``folder`` moved to free ports; then stop it as a container or systemd would."""
    assert command[0] == "perscom-bridge"
    port = use_free_ports(folder / "bridge.toml")
    log = folder / "log"
    with log.open("w") as output:
        environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **variables}
        process = subprocess.Popen(
            [str(PROGRAM), *command[1:]], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Service(log, port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(3) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def use_free_ports(configuration: Path) -> int:
    """Both listeners on free ports of this machine alone; the one of the first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    text = configuration.read_text(encoding="utf-8")
    text = re.sub(r'(?m)^(listen +=) "[0-9.]+:8000"', rf'\1 "127.0.0.1:{port}"', text)
    text = re.sub(r'(?m)^(status +=) "[0-9.]+:8001"', r'\1 "127.0.0.1:0"', text)
    assert text.count("127.0.0.1:") == 2
    configuration.write_text(text, encoding="utf-8")
    return port


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
