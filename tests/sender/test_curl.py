"""The command, run by a real shell and a real curl against a real server: the very bytes arrive."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from perscom_receiver import StandardVerifier, Verifier, php_json
from perscom_sender import Sender
from perscom_sender.curl import as_curl
from perscom_sender.signing import Signer

try:
    import pty
except ImportError:  # on Windows
    pty = None  # type: ignore[assignment]

SECRET = "9mK2pQ7vX4nL8sT1wZ6bR3yC5dF0gH2j"
NOW = datetime(2026, 3, 2, 19, 8, 10, tzinfo=UTC)
ENVELOPE = {"event": "webhook.test", "created": "2026-03-02T19:08:10.000000Z"}


class Server(HTTPServer):
    """Keeps what arrives."""

    seen: list[tuple[str, str, dict[str, str], bytes]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    server = Server(("127.0.0.1", 0), Handler)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(server: Server, rest: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{rest}"


def run(command: str, shell: str) -> None:
    """As if it had been pasted: there is no limit then, as there is for an argument."""
    subprocess.run([shell], input=f"{command}\n".encode(), check=True, capture_output=True, timeout=20)


TRAPS = "'; touch owned; '$(touch owned)`touch owned` \"!!\" %s %n \\n \\101 \\ @file & | > * ~ é 🎖 </x>"


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("name", ["plain", "traps", "delete", "utf8", "large", "nul"])
def test_exactly_the_same_bytes_arrive(server: Server, shell: str, name: str, tmp_path: object) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    body = {
        "plain": php_json(ENVELOPE | {"data": {"status": "ok"}}),
        "traps": php_json(ENVELOPE | {"data": {"text": TRAPS}}),
        "delete": php_json(ENVELOPE | {"data": {"text": f"\x7f\x1b[2J\r\n{TRAPS}"}}),
        "utf8": b'-@{"text":"' + TRAPS.encode() + b'\n\r\t"}\n',
        "large": php_json(ENVELOPE | {"data": {"text": TRAPS * 3000}}),
        "nul": b"@\x00\xff\x80%d\\",
    }[name]
    path = "/a/../b//c?x={1,2}&y=[1-3]&z='$(id)'&q=%27~"
    request = Signer(SECRET, standard=True).request("POST", url(server, path), body, message_id="evt_1", now=NOW)
    command = as_curl(request)
    assert SECRET not in command
    assert not [c for c in command if c != "\n" and not (c.isascii() and c.isprintable())]
    run(command, shell)
    ((method, target, headers, arrived),) = server.seen
    assert (method, target, arrived) == ("POST", path, body)
    assert {name: headers.get(name) for name in request.headers} == request.headers


def paste(command: str, shell: str, folder: Path) -> None:
    """Into a shell that somebody sits at: a terminal, which cuts long lines, and with bash its editing and history."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [shell, *(["--norc", "--noprofile"] if shell == "bash" else []), "-i"],
        **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        start_new_session=True,
        cwd=folder,
        env={**os.environ, "HISTFILE": os.devnull},
    )
    os.close(theirs)

    def read_on() -> None:
        with suppress(OSError):  # the shell has ended
            while os.read(ours, 65_536):
                pass

    reading = threading.Thread(target=read_on)
    reading.start()
    text = f"true\n{command}\nexit\n".encode()
    while text:
        text = text[os.write(ours, text[:1000]) :]
    try:
        assert process.wait(20) == 0
    finally:
        process.kill()
        reading.join()
        os.close(ours)


@pytest.mark.skipif(pty is None, reason="Windows has no such terminals")
@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("times", [1, 30])
def test_pasted_by_somebody_the_request_arrives_and_our_receiver_verifies_it(
    make: Callable[..., Sender], server: Server, shell: str, times: int, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    sender = make(now=time.time)
    data = {"text": f"\x7f\x1b[A\x03\x04\t\r\n{TRAPS} !$ !-1 ^true^id\u2028" * times, TRAPS: [None, "ü", "\x00"]}
    subscription = sender.subscriptions.add(
        url(server, "/a?x='!!'&y=$(touch${IFS}owned)`touch${IFS}owned`"), SECRET, standard=True
    )
    number = sender.test(subscription.id, data)
    (delivery,) = sender.log.deliveries(event=number)
    command = sender.curl(delivery.id)
    assert command is not None
    assert max(map(len, command.split("\n"))) < 1000
    paste(command, shell, tmp_path)
    ((_, target, headers, arrived),) = server.seen
    assert target.endswith("`touch${IFS}owned`")
    for verifier in (Verifier(SECRET), StandardVerifier(SECRET)):
        assert verifier.event(headers, arrived).data == data
    assert not (tmp_path / "owned").exists()


def test_it_carries_a_signature_that_receivers_take(server: Server) -> None:
    body = php_json(ENVELOPE | {"data": {"name": "O'Brien"}})
    run(as_curl(Signer(SECRET, standard=True).request("POST", url(server, "/"), body, message_id="m", now=NOW)), "sh")
    ((_, _, headers, arrived),) = server.seen
    assert Verifier(SECRET).event(headers, arrived).name == "webhook.test"
    assert StandardVerifier(SECRET, now=lambda: NOW).event(headers, arrived).name == "webhook.test"


def test_a_get_has_no_body(server: Server) -> None:
    body = php_json(ENVELOPE | {"data": {"name": "O'Brien", "tags": ["a b"]}})
    run(as_curl(Signer(SECRET).request("GET", url(server, "/x?y=1"), body, message_id="m", now=NOW)), "sh")
    ((method, target, headers, arrived),) = server.seen
    assert (method, arrived) == ("GET", b"")
    assert target == "/x?event=webhook.test&data%5Bname%5D=O%27Brien&data%5Btags%5D%5B0%5D=a%20b"
    assert headers["Content-Type"] == "application/json"
    assert "Content-Length" not in headers


def test_an_address_cannot_become_an_option() -> None:
    request = Signer(SECRET).request("POST", "https://a.example/' --output /etc/x '", b"{}", message_id="m", now=NOW)
    assert "--url 'https://a.example/'\"'\"' --output /etc/x '\"'\"''" in as_curl(request)
