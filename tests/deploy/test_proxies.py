"""deploy/Caddyfile and the blocks of docs/proxies.md, in a real Caddy and a real nginx where this machine has them.

Behind each stands a server that verifies what arrives: a signature that fits proves that no byte was changed.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from perscom_receiver import Refusal, Verifier
from perscom_receiver.testing import signed_request

ROOT = Path(__file__).resolve().parents[2]
SECRET = "0123456789abcdef"

WEBHOOKS = ("/webhooks/perscom", "/webhooks/perscom/", "/webhooks/perscom/alpha", "/webhooks/perscom/a-1_B/")
"""Of a single community, and of two among several."""
ELSEWHERE = ("/", "/metrics", "/readyz", "/webhooks", "/webhooks/perscomalpha", "/webhooks/perscom/alpha/more", "/a/b/alpha")

needs_caddy = pytest.mark.skipif(shutil.which("caddy") is None, reason="there is no caddy on this machine")
needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx on this machine")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to make a certificate with")


class Backend(BaseHTTPRequestHandler):
    """Answers 202 to what it can verify."""

    protocol_version = "HTTP/1.1"
    verifier = Verifier(SECRET)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            self.verifier.event(self.headers.items(), body)
            self._answer(202)
        except Refusal as refusal:
            self._answer(refusal.status)

    def do_GET(self) -> None:
        self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def backend() -> Iterator[int]:
    """The port of the server behind the proxy."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def block(language: str) -> str:
    page = (ROOT / "docs/proxies.md").read_text(encoding="utf-8")
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return str(text)


def test_the_caddyfile_of_the_page_is_the_one_in_deploy_but_for_its_addresses() -> None:
    deployed = (ROOT / "deploy/Caddyfile").read_text(encoding="utf-8")
    bare = "\n".join(line for line in deployed.splitlines() if not line.strip().startswith("#"))
    moved = bare.replace("{$DOMAIN}", "bridge.example.org").replace("bridge:8000", "127.0.0.1:8000")
    assert moved == block("caddyfile").rstrip()


def test_the_tunnel_lets_the_same_paths_through_as_the_other_two_and_ends_with_the_rule_for_all_others() -> None:
    yaml = pytest.importorskip("yaml")
    first, last = yaml.safe_load(block("yaml"))["ingress"]
    assert first["path"] in block("nginx")
    assert first["path"] in block("caddyfile")
    assert all(re.search(first["path"], path) for path in (*WEBHOOKS, "/healthz"))
    assert not any(re.search(first["path"], path) for path in (*ELSEWHERE, "/healthz/more"))
    assert last == {"service": "http_status:404"}


@needs_caddy
def test_caddy_passes_signed_requests_unchanged_and_nothing_else(backend: int, tmp_path: Path) -> None:
    port = free_port()
    text = (ROOT / "deploy/Caddyfile").read_text(encoding="utf-8")
    text = text.replace("{\n", "{\n\tadmin off\n", 1)  # the port of Caddy's own door is not ours to take
    text = text.replace("{$DOMAIN}", f"http://127.0.0.1:{port}").replace("bridge:8000", f"127.0.0.1:{backend}")
    (tmp_path / "Caddyfile").write_text(text, encoding="utf-8")
    home = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    arguments = ["--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"]
    subprocess.run(["caddy", "validate", *arguments], env=home, check=True, capture_output=True)
    with proxy(["caddy", "run", *arguments], port, home):
        check_proxy(lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=10))


@needs_nginx
@needs_openssl
def test_nginx_passes_signed_requests_unchanged_and_nothing_else(backend: int, tmp_path: Path) -> None:
    port = free_port()
    make_certificate(tmp_path)
    text = block("nginx").replace("443 ssl", f"127.0.0.1:{port} ssl").replace("127.0.0.1:8000", f"127.0.0.1:{backend}")
    text = text.replace("/etc/letsencrypt/live/bridge.example.org", str(tmp_path))
    configuration = nginx_configuration(tmp_path, text)
    subprocess.run(["nginx", "-t", "-c", str(configuration)], check=True, capture_output=True)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    with proxy(["nginx", "-c", str(configuration), "-g", "daemon off;"], port, dict(os.environ)):
        check_proxy(lambda: http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trusting))


@needs_nginx
def test_nginx_redirects_where_the_page_warns_of_it(backend: int, tmp_path: Path) -> None:
    port = free_port()
    server = f"server {{ listen 127.0.0.1:{port}; location /webhooks/perscom/ {{ proxy_pass http://127.0.0.1:{backend}; }} }}"
    configuration = nginx_configuration(tmp_path, server)
    with proxy(["nginx", "-c", str(configuration), "-g", "daemon off;"], port, dict(os.environ)):
        headers, body = signed_request("rankrecord.created", SECRET)
        assert post(http.client.HTTPConnection("127.0.0.1", port, timeout=10), "/webhooks/perscom", headers, body) == 301


def check_proxy(connect: Callable[[], http.client.HTTPConnection]) -> None:
    """The proxy keeps bytes, takes every spelling of the path, has room for a long document, and passes nothing else on."""
    headers, body = signed_request("rankrecord.created", SECRET)
    for path in (*WEBHOOKS, "//webhooks//perscom", "/webhooks//perscom//alpha", "/webhooks/perscom/alpha?a=1"):
        assert post(connect(), path, headers, body) == 202
    assert post(connect(), "/webhooks/perscom", headers, body + b" ") == 401
    for path in (*ELSEWHERE, "/webhooks/perscom/../../metrics", "/webhooks/perscom/%2e%2e/metrics"):
        assert post(connect(), path, headers, body) == 404
    headers, body = signed_request("message.created", SECRET, message="x" * 3 * 2**20)
    assert post(connect(), "/webhooks/perscom", headers, body) == 202
    connection = connect()
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()


def post(connection: http.client.HTTPConnection, path: str, headers: dict[str, str], body: bytes) -> int:
    try:
        connection.request("POST", path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


@contextmanager
def proxy(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not listens(port):
            assert process.poll() is None, "the proxy did not start"
            assert time.monotonic() < deadline, "the proxy does not listen"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def nginx_configuration(folder: Path, server: str) -> Path:
    """``server`` in a whole configuration that writes nowhere but into ``folder``."""
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""  # else its workers could not write into the folder
    path = folder / "nginx.conf"
    path.write_text(
        f"{user} pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{}}"
        f" http {{ access_log off; {temporary} {server} }}",
        encoding="utf-8",
    )
    return path


def make_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(folder / "privkey.pem"),
        "-out",
        str(folder / "fullchain.pem"),
    ]
    subprocess.run(command, check=True, capture_output=True)
