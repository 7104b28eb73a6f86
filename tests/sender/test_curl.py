"""The command, run by a real shell and a real curl against a real server: the very bytes arrive."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from perscom_receiver import StandardVerifier, Verifier, php_json
from perscom_sender.curl import as_curl
from perscom_sender.signing import Signer

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
