"""``import perscom_receiver`` costs msgspec and little else: seen in fresh interpreters."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import perscom_receiver

HEAVY = {
    *(
        "starlette",
        "flask",
        "werkzeug",
        "fastapi",
        "anyio",
        "uvicorn",
        "aiohttp",
        "httpx",
        "requests",
        "urllib3",
        "click",
        "rich",
    ),
    *("sqlite3", "_sqlite3", "asyncio", "ssl", "socket", "http.client", "urllib.request", "email", "concurrent.futures"),
    *("perscom_adapters", "perscom_sender", "perscom_bridge"),
}
ONLY_IF_MSGSPEC_DOES = {"dataclasses", "inspect", "typing", "datetime", "decimal", "uuid", "ast", "tokenize"}


def run(code: str, *flags: str, path: Path | None = None) -> Any:
    """What a fresh interpreter prints as JSON."""
    if path is not None:
        code = f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"
    done = subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def loaded_by(statement: str, *flags: str, path: Path | None = None) -> set[str]:
    return set(run(f"{statement}\nimport sys, json; print(json.dumps(sorted(sys.modules)))", *flags, path=path))


@pytest.fixture(scope="module")
def nothing_but_msgspec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds msgspec and our package, for an interpreter that sees nothing else beside the standard library."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("msgspec", "perscom_receiver"):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        (folder / name).symlink_to(Path(spec.origin).parent, target_is_directory=True)
    return folder


def test_importing_it_loads_no_framework_no_client_no_database_and_no_event_loop() -> None:
    assert HEAVY & loaded_by("import perscom_receiver") == set()


def test_importing_it_loads_nothing_slow_that_msgspec_does_not_load_already() -> None:
    extra = loaded_by("import perscom_receiver") - loaded_by("import msgspec, json, logging, threading")
    assert extra & ONLY_IF_MSGSPEC_DOES == set()


def test_verifying_and_reading_an_event_loads_nothing_more() -> None:
    code = """
import perscom_receiver as p
body = b'{"event":"user.updated","created":"2026-03-02T19:08:10.854257Z","data":{"id":7},"changes":[]}'
event = p.Verifier("0123456789abcdef").event({"Signature": p.sign(body, "0123456789abcdef")}, body)
event.data, event.changes, event.id
"""
    assert HEAVY & loaded_by(code) == set()


@pytest.mark.parametrize(
    ("statement", "loads", "not_these"),
    [
        ("from perscom_receiver import SQLiteInbox", {"sqlite3"}, {"starlette", "flask"}),
        ("from perscom_receiver import Worker", {"asyncio"}, {"starlette", "flask"}),
        ("from perscom_receiver import JetStream", {"asyncio"}, {"nats", "nkeys", "starlette", "flask"}),
        ("import perscom_receiver.asgi", {"asyncio"}, {"starlette", "anyio", "flask", "sqlite3"}),
        ("import perscom_receiver.wsgi", set(), {"werkzeug", "starlette", "asyncio", "sqlite3"}),
        ("import perscom_receiver.starlette", {"starlette"}, {"flask", "werkzeug", "sqlite3"}),
        ("import perscom_receiver.flask", {"flask"}, {"starlette", "sqlite3"}),
        ("import perscom_receiver.testing", set(), {"starlette", "flask", "sqlite3", "asyncio"}),
    ],
)
def test_what_needs_more_loads_it_when_it_is_named(statement: str, loads: set[str], not_these: set[str]) -> None:
    modules = loaded_by(statement)
    assert loads <= modules
    assert not_these & modules == set()


class TestWithMsgspecAlone:
    """``-S`` and ``-I``: no site-packages, no environment, no current folder."""

    def test_it_signs_verifies_and_reads(self, nothing_but_msgspec: Path) -> None:
        code = """
import json
import perscom_receiver as p
from perscom_receiver.testing import signed_request
headers, body = signed_request("rankrecord.created", secret="0123456789abcdef", user_id=7)
p.verify(body, headers["Signature"], "0123456789abcdef")
event = p.Verifier("0123456789abcdef").event(headers, body)
print(json.dumps([event.name, event.data["user_id"], p.__file__]))
"""
        name, user, file = run(code, "-S", "-I", path=nothing_but_msgspec)
        assert (name, user) == ("rankrecord.created", 7)
        assert file.startswith(str(nothing_but_msgspec))

    def test_every_public_name_can_be_had(self, nothing_but_msgspec: Path) -> None:
        code = "import json, perscom_receiver as p; print(json.dumps([n for n in p.__all__ if getattr(p, n) is None]))"
        assert run(code, "-S", "-I", path=nothing_but_msgspec) == []

    @pytest.mark.parametrize("name", ["starlette", "flask"])
    def test_a_framework_that_is_missing_is_named(self, nothing_but_msgspec: Path, name: str) -> None:
        code = f"""
import json
try:
    import perscom_receiver.{name}
except ModuleNotFoundError as error:
    print(json.dumps(str(error)))
"""
        assert run(code, "-S", "-I", path=nothing_but_msgspec) == f"No module named '{name}'"

    def test_it_can_store_and_handle(self, nothing_but_msgspec: Path, tmp_path: Path) -> None:
        code = f"""
import json
from perscom_receiver import Router, SQLiteInbox, Worker
from perscom_receiver.testing import make_event
inbox = SQLiteInbox({str(tmp_path / "inbox.db")!r})
event = make_event("user.created")
answers = [inbox.add(event), inbox.add(event), inbox.health().stored]
inbox.close()
print(json.dumps(answers))
"""
        assert run(code, "-S", "-I", path=nothing_but_msgspec) == [True, False, 1]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Reciever'"):
        perscom_receiver.Reciever  # noqa: B018
