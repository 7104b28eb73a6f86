"""``perscom-bridge explain``: files as people have them, and what ``serve --keep-refused`` keeps, which is little."""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from perscom_bridge import refused
from perscom_bridge._load import load
from perscom_bridge.captured import parse, written
from perscom_bridge.cli import main
from perscom_bridge.commands.explain import LARGEST, MAX_BODY
from perscom_bridge.service import running
from perscom_receiver import ConfigurationError, sign
from perscom_receiver._gate import MAX_BODY as GATE_MAX_BODY
from perscom_receiver.testing import signed_request

SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
BODY = b'{"event":"webhook.test","created":"2026-11-24T08:00:00.000000Z","request_id":null,"data":{"a":"b\\/c"},"changes":null}'
SIGNATURE = sign(BODY, SECRET)
PATH = "/webhooks/perscom"
CONFIGURATION = """
[site]
secret = "${PERSCOM_WEBHOOK_SECRET}"
[server]
listen = "127.0.0.1:0"
status = "127.0.0.1:0"
[destinations.announcements]
type = "discord"
url = "http://127.0.0.1:9/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannel"
"""


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERSCOM_WEBHOOK_SECRET", raising=False)
    monkeypatch.setattr(refused, "PAUSE", 0.0)
    Path("bridge.toml").write_text(CONFIGURATION, encoding="utf-8")
    dotenv(PERSCOM_WEBHOOK_SECRET=SECRET)


def dotenv(**variables: str) -> None:
    Path(".env").write_text("".join(f'{name}="{value}"\n' for name, value in variables.items()), encoding="utf-8")
    Path(".env").chmod(0o600)


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], input=stdin)


def raw(body: bytes = BODY, *headers: str, signature: str = SIGNATURE, line: str = f"POST {PATH} HTTP/1.1") -> bytes:
    head = (line, "Host: hooks.example.test", "User-Agent: GuzzleHttp/7", f"Signature: {signature}", *headers)
    return "\r\n".join([*head, "", ""]).encode() + body


def length(body: bytes = BODY) -> str:
    return f"Content-Length: {len(body)}"


# Files


def test_a_rewritten_body_fills_a_screen_that_says_what_to_do() -> None:
    rewritten = BODY.replace(b"\\/", b"/")
    Path("request.txt").write_bytes(raw(rewritten, length(rewritten)))
    result = run("request.txt")
    assert result.exit_code == 0
    assert result.output == (
        "POST /webhooks/perscom, 116 bytes\n"
        "\n"
        "  Signature   64 hex digits, well formed, but not the one of these bytes under any live secret.\n"
        "  Cause       Certain: something parsed the body and wrote it again on the way. Written the way PHP\n"
        "              writes JSON, it carries exactly this signature under 'secret'.\n"
        f"  First       byte {rewritten.index(b'b/c') + 1}, in data.a\n"
        "  change      arrived  /\n"
        "              signed   \\/\n"
        "              In all, 1 slash lost its backslash.\n"
        "\n"
        "  The secret is right. Do not change it.\n"
        "  What to do  Let PERSCOM call this address without that step between. Proxies that pass bytes on\n"
        "              are fine: Caddy, nginx and Cloudflare Tunnel do so as installed. n8n, Zapier, smee and\n"
        "              API gateways that transform JSON do not.\n"
    )


CHUNKED = b"3\r\n" + BODY[:3] + b"\r\n%x;x=y\r\n" % (len(BODY) - 3) + BODY[3:] + b"\r\n0\r\n\r\n"
IN_BASE64 = base64.b64encode(bytes.fromhex(SIGNATURE)).decode()
CAPTURED = {
    "genuine": (raw(BODY, length()), "Nothing is wrong with this request. It is genuine: 'webhook.test'"),
    "a line break behind its end": (raw(BODY, length()) + b"\n", "Nothing is wrong"),
    "an editor's line breaks": (raw(BODY, length()).replace(b"\r\n", b"\n"), "Nothing is wrong"),
    "no length": (raw(BODY), "Nothing is wrong"),
    "chunked": (raw(CHUNKED, "Transfer-Encoding: chunked"), "Nothing is wrong"),
    "white space": (raw(BODY + b"\n", length(BODY + b"\n")), "Certain: something added white space around the body"),
    "gzip": (raw(gzip.compress(BODY)), "Certain: something compressed the body"),
    "prefix": (raw(BODY, signature=f"sha256={SIGNATURE}"), "Certain: the Signature header has a prefix"),
    "base64": (raw(BODY, signature=IN_BASE64), "Certain: the Signature header is in base64"),
    "doubled": (raw(BODY, f"Signature: {SIGNATURE}"), "Certain: the Signature header is there more than once"),
    "spaced secret": (raw(signature=sign(BODY, f"{SECRET} ")), "Certain: the secret in PERSCOM's webhook form begins or"),
    "other secret": (raw(signature=sign(BODY, "quite another")), "Probably another secret than the one in"),
    "get": (raw(b"", line=f"GET {PATH}?event=webhook.test HTTP/1.1"), "A GET webhook: what PERSCOM signed never travels."),
    "redirected": (raw(b"", line=f"GET {PATH} HTTP/1.1"), "a POST that a redirect turned into a GET"),
    "put": (raw(b"", line=f"PUT {PATH} HTTP/1.1"), "Only POST can be verified."),
    "no headers": (f"POST {PATH} HTTP/1.1\n\n".encode() + BODY, "No Signature header"),
    "one line": (f"POST {PATH} HTTP/1.1\n".encode(), "No Signature header"),
}


@pytest.mark.parametrize("name", CAPTURED)
def test_a_captured_request_has_its_cause(name: str) -> None:
    captured, says = CAPTURED[name]
    Path("request.txt").write_bytes(captured)
    result = run("request.txt")
    assert (result.exit_code, result.stderr) == (0, "")
    assert says in " ".join(result.output.split())


def test_a_body_that_is_too_large_here_is_explained_and_one_that_another_receiver_takes_too() -> None:
    headers, body = signed_request("message.created", SECRET, message="x" * MAX_BODY)
    Path("request.txt").write_bytes(raw(body, length(body), signature=headers["Signature"]))
    here = " ".join(run("request.txt").output.split())
    assert f"The body has {len(body)} bytes, and more than {GATE_MAX_BODY} are answered with 413." in here
    assert "Signature The one of these bytes under 'secret'." in here
    assert "The secret is right. Do not change it." in here
    assert "Nothing is wrong" in run("request.txt", "--max-body", str(6 * 2**20)).output
    assert run("request.txt", "--max-body", "0").exit_code == 2


def test_a_body_alone_needs_its_signature_beside_it() -> None:
    Path("body.json").write_bytes(BODY + b"\n")
    assert "Certain: something added white space" in run("body.json", "--signature", SIGNATURE).output
    assert "Certain: something added white space" in run("-", "--signature", SIGNATURE, stdin=BODY + b"\n").output
    result = run("body.json")
    assert result.exit_code == 1
    assert result.stderr.startswith("body.json does not begin like a request (POST /webhooks/perscom HTTP/1.1)")
    assert result.stderr.endswith("--signature HEX\n")


def test_a_secret_that_lies_about_in_the_environment_is_named() -> None:
    dotenv(PERSCOM_WEBHOOK_SECRET=SECRET, OLD_SECRET="the one before", EMPTY="")
    Path("request.txt").write_bytes(raw(signature=sign(BODY, "the one before")))
    output = " ".join(run("request.txt").output.split())
    assert "Certain: it is signed with another secret that is known here, but not live." in output
    assert "Under 'OLD_SECRET in .env' the body carries exactly this signature." in output
    assert "The secret is right" not in output


def test_an_environment_that_hides_the_right_secret_in_the_file_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", "forgotten in the shell")
    Path("request.txt").write_bytes(raw())
    assert "'PERSCOM_WEBHOOK_SECRET in .env'" in run("request.txt").output


def test_without_a_configuration_the_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bridge.toml").unlink()
    Path(".env").unlink()
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", SECRET)
    Path("request.txt").write_bytes(raw(BODY + b"\n"))
    assert "under 'PERSCOM_WEBHOOK_SECRET'" in " ".join(run("request.txt").output.split())


@pytest.mark.parametrize(
    ("arguments", "content", "says"),
    [
        (["--last"], b"", "No refused request is kept. Start perscom-bridge serve --keep-refused"),
        (["file"], raw(BODY[:-1], length()), "This file ends before the body does"),
        (["file"], raw(b"5\r\nabc", "Transfer-Encoding: chunked"), "This file ends before the body does"),
        (["file"], bytes(LARGEST + 1), "file is larger than 65 MiB"),
        (["file", "--signature", SIGNATURE], raw(), "file holds a whole request, with its own head. Leave out --signature."),
    ],
    ids=["nothing kept", "cut", "cut in a chunk", "too large", "signature twice"],
)
def test_what_cannot_be_explained_is_told_in_one_line(arguments: list[str], content: bytes, says: str) -> None:
    Path("file").write_bytes(content)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(says)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--last", "file"]], ids=["neither", "both"])
def test_either_a_file_or_the_last_one_is_wanted(arguments: list[str]) -> None:
    Path("file").write_bytes(raw())
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Name a FILE or --last." in result.stderr


def test_a_path_with_a_token_or_a_trick_in_it_is_not_shown() -> None:
    Path("request.txt").write_bytes(raw(line="POST /hooks/Zq7xTokenOfTheChannel4Everybody%1b HTTP/1.1"))
    output = run("request.txt").output
    assert output.startswith("POST /hooks/Zq7x…%1b, ")


# What is kept


def test_the_newest_refusal_of_a_running_service_is_explained() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from perscom_bridge.cli import main; main()", "serve", "--keep-refused"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Refused calls are kept. When one comes: perscom-bridge explain --last"):
                break
        port = int(next(line for line in lines if PATH in line).partition(PATH)[0].rpartition(":")[2])
        assert post(port, BODY + b"\n", {"Signature": SIGNATURE}) == 401
        output = wait_for(lambda: run("--last").stdout)
        assert " ".join(output.split()).count("Certain: something added white space around the body") == 1
        assert output.startswith("POST /webhooks/perscom at 20")
        assert output.splitlines()[0].endswith(" UTC, 118 bytes, answered 401")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert "Certain: something added white space" in run("--last").output  # and after it, since it was asked for


def post(port: int, body: bytes, headers: dict[str, str], method: str = "POST", path: str = PATH) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def wait_for(look: Callable[[], str]) -> str:
    deadline = time.monotonic() + 10
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def serving(look: Callable[[int], object], *, keep: bool = True) -> None:
    """Call ``look`` with the port of the public listener while the service runs. When it has stopped all is kept."""

    async def serve() -> None:
        async with running([(load(Path("bridge.toml")), [])], keep_refused=keep) as service:
            await asyncio.to_thread(look, service.public.port)

    asyncio.run(serve())


def kept() -> list[bytes]:
    return [file.read_bytes() for file in sorted(Path("bridge.db.refused").glob("*.http"))]


def test_only_the_last_ten_are_kept_for_the_owner_alone() -> None:
    def look(port: int) -> None:
        for number in range(13):
            assert post(port, b"{}%d" % number, {"Signature": SIGNATURE}) == 401

    serving(look)
    assert [request.rpartition(b"{}")[2] for request in kept()] == [b"%d" % number for number in range(3, 13)]
    folder = Path("bridge.db.refused")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_a_flood_is_kept_once_in_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "PAUSE", 3600.0)
    serving(lambda port: [post(port, b"{}", {"Signature": SIGNATURE}) for _ in range(5)])
    assert len(kept()) == 1


def test_a_start_without_the_option_deletes_what_was_kept() -> None:
    serving(lambda port: post(port, b"{}", {"Signature": SIGNATURE}))
    assert len(kept()) == 1
    serving(lambda port: post(port, b"{}", {"Signature": SIGNATURE}), keep=False)
    assert not Path("bridge.db.refused").exists()


def test_what_cannot_be_deleted_stops_the_start() -> None:
    Path("bridge.db.refused").mkdir()
    Path("bridge.db.refused/mine.txt").touch()
    with pytest.raises(ConfigurationError, match=r"cannot be deleted: .*bridge\.db\.refused: Directory not empty"):
        serving(lambda port: None, keep=False)


def test_genuine_events_and_other_addresses_are_not_kept() -> None:
    headers, body = signed_request("user.updated", SECRET)

    def look(port: int) -> None:
        assert post(port, body, headers) == 202
        assert post(port, body, headers) == 200
        assert post(port, body, headers, path="/other") == 404
        assert post(port, b"", {}, "GET", "/healthz") == 200

    serving(look)
    assert kept() == []


def test_of_headers_and_query_only_what_tells_of_the_cause_is_kept() -> None:
    headers = {"Signature": SIGNATURE, "Cookie": "session=1", "Authorization": "Basic x"}
    serving(lambda port: post(port, b"", headers, "GET", f"{PATH}?data[email]=a@b"))
    assert kept() == [f"GET {PATH}?... HTTP/1.1\r\nsignature: {SIGNATURE}\r\ncontent-length: 0\r\n\r\n".encode()]
    assert "A GET webhook" in run("--last").output


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "compressed"])
def test_a_body_with_a_hidden_column_never_reaches_the_disk(compress: Callable[[bytes], bytes]) -> None:
    _, body = signed_request("user.updated", SECRET, changes={"password": "$2y$10$abc"})
    serving(lambda port: post(port, compress(body), {"Signature": SIGNATURE}))
    (request,) = kept()
    assert request.endswith(b"content-length: 1\r\n\r\n")
    result = run("--last")
    assert result.exit_code == 1
    assert result.stderr.startswith("The body of the newest refused request was not kept")


def test_a_body_that_is_too_large_is_not_kept() -> None:
    serving(lambda port: post(port, b" " * (refused.LARGEST + 1), {"Signature": SIGNATURE}))
    (request,) = kept()
    assert request.endswith(b"content-length: 1\r\n\r\n")
    assert run("--last").exit_code == 1


def test_a_bomb_is_not_unpacked_to_its_end() -> None:
    serving(lambda port: post(port, gzip.compress(bytes(50 * 2**20)), {"Signature": SIGNATURE}))
    (request,) = kept()
    assert request.endswith(b"\r\n\r\n")


def test_the_body_of_a_request_that_is_refused_by_its_head_is_read_so_that_it_can_be_explained() -> None:
    serving(lambda port: post(port, BODY, {"Signature": SIGNATURE.upper()}))
    (request,) = kept()
    assert request.endswith(BODY)
    assert "Certain: the Signature header is in capital letters" in run("--last").output


def test_a_body_that_never_comes_delays_the_answer_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "REST_WITHIN", 0.2)

    def look(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
            stranger.sendall(b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc" % PATH.encode())
            began = time.monotonic()
            assert stranger.recv(100).startswith(b"HTTP/1.1 401")
            assert time.monotonic() - began < 2

    serving(look)
    (request,) = kept()
    assert b"abc" not in request


def test_a_disk_that_takes_nothing_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    Path("bridge.db.refused").touch()

    def look(port: int) -> None:
        assert post(port, b"{}", {"Signature": SIGNATURE}) == 401
        assert post(port, *reversed(signed_request("user.updated", SECRET))) == 202

    serving(look)
    assert "a refused request could not be kept: " in caplog.text


def test_a_refusal_that_would_be_taken_today_says_to_restart() -> None:
    dotenv(PERSCOM_WEBHOOK_SECRET="what stood there before")
    serving(lambda port: post(port, BODY, {"Signature": SIGNATURE}))
    dotenv(PERSCOM_WEBHOOK_SECRET=SECRET)
    output = run("--last").output
    assert "Nothing is wrong with this request." in output
    assert "restart perscom-bridge serve" in output


def test_what_somebody_else_put_into_the_folder_is_passed_over() -> None:
    serving(lambda port: post(port, BODY + b"\n", {"Signature": SIGNATURE}))
    Path("bridge.db.refused/20991231T000000.000000Z-401.http").write_bytes(b"no request")
    Path("bridge.db.refused/zzz.http").write_bytes(raw())
    assert "Certain: something added white space" in run("--last").output


def test_what_is_written_is_read_back() -> None:
    request = parse(written("POST", PATH, True, [(b"Signature", b"x"), (b"Host", b"h")], BODY))
    assert request is not None
    assert (request.method, request.path, request.query, request.headers[0]) == ("POST", PATH, True, (b"Signature", b"x"))
    assert (request.body, request.complete) == (BODY, True)
