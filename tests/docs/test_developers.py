"""docs/developers.md: its blocks run in order, its tables are those of the code, its signature is the right one."""

from __future__ import annotations

import asyncio
import inspect
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import perscom_receiver
from perscom_receiver import PerscomError, Refusal, sign
from perscom_receiver.testing import signed_request

ROOT = Path(__file__).resolve().parents[2]
PAGE = "docs/developers.md"
SECRET = "0123456789abcdef"
PROGRAM = Path(sys.executable).with_name("perscom-bridge")


@pytest.fixture(autouse=True)
def a_secret_and_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def names(blocks: Any) -> dict[str, Any]:
    """What the page defines when all its Python blocks are pasted into one file, whose assertions held."""
    Path("page.py").write_text("\n".join(block.text for block in blocks(PAGE, "python")), encoding="utf-8")
    return runpy.run_path("page.py")


def test_the_verify_only_app_refuses_an_unsigned_request(names: dict[str, Any]) -> None:
    client = TestClient(names["app"])
    _, body = signed_request("rankrecord.created", SECRET)
    assert client.post("/webhooks/perscom", content=body).status_code == 401


def test_what_the_stored_endpoint_takes_the_worker_hands_to_the_handler_once(names: dict[str, Any]) -> None:
    client = TestClient(names["endpoint"])
    headers, body = signed_request("rankrecord.created", SECRET)
    assert [client.post("/", headers=headers, content=body).status_code for _ in range(2)] == [202, 200]
    assert client.post("/", content=body).status_code == 401

    async def work() -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(names["main"](stop))
        async with asyncio.timeout(10):
            while names["inbox"].health().waiting:
                await asyncio.sleep(0.01)
        stop.set()
        await worker

    asyncio.run(work())
    names["inbox"].close()
    assert len(names["seen"]) == 1


def test_the_flask_factory_makes_an_app_that_stores_and_has_its_command(names: dict[str, Any]) -> None:
    app = names["create_app"]()
    headers, body = signed_request("rankrecord.created", SECRET)
    assert app.test_client().post("/webhooks/perscom", headers=headers, data=body).status_code == 202
    app.extensions["perscom"].inbox.close()
    assert Path("flask.db").exists()
    assert app.test_cli_runner().invoke(args=["perscom", "work", "--help"]).exit_code == 0


def test_the_worked_signature_is_the_one_our_code_and_openssl_compute(blocks: Any) -> None:
    body = blocks(PAGE, "json")[0].text.rstrip("\n").encode()
    signature = re.search(r"^Signature: ([0-9a-f]{64})$", blocks(PAGE, "text")[0].text, re.MULTILINE)
    assert signature is not None
    assert len(body) == 200  # as the page says
    assert sign(body, SECRET) == signature[1]
    Path("body.json").write_bytes(body)
    commands = blocks(PAGE, "sh")[0].text.replace(" perscom-bridge ", f" {PROGRAM} ").splitlines()
    outputs = [subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout for command in commands]
    assert [output.split()[-1] for output in outputs] == [signature[1]] * 2


def test_the_table_of_errors_is_complete_and_has_the_right_statuses() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d*) ?\|", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
    errors = {
        name: str(value.status) if issubclass(value, Refusal) else ""
        for name in perscom_receiver.__all__
        if inspect.isclass(value := getattr(perscom_receiver, name)) and issubclass(value, PerscomError)
    }
    assert dict(rows) == {name: status for name, status in errors.items() if name not in ("PerscomError", "Refusal")}


def test_the_table_of_answers_has_every_status_a_refusal_can_have() -> None:
    section = (ROOT / PAGE).read_text(encoding="utf-8").partition("## 5. What is answered")[2].partition("\n## ")[0]
    named = set(re.findall(r"\| (\d{3})\b", section))
    assert named == {"200", "202", *(str(error.status) for error in descendants(Refusal))}


def descendants(error: type[Refusal]) -> list[type[Refusal]]:
    return [found for child in error.__subclasses__() for found in (child, *descendants(child))]
