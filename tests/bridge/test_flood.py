"""Strangers in great number, or with great patience: memory and connections stay bounded, and genuine calls get through."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from bridge_process import BRIDGE, HEAD, SECRET, Bridge, bridge, wait_for

from perscom_receiver.testing import signed_request

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and files of a process are read from /proc")

MIB = 2**20
QUIET = """
[destinations.announcements]
type = "discord"
url = "https://discord.com/api/webhooks/112233445566778899/nobody-is-called-here"
events = ["left"]
"""
IMPATIENT = "import perscom_bridge._http as c; c.WITHIN = 0.5\n"
SIGNATURE = b"Signature: " + b"0" * 64 + b"\r\n"
HALF_A_HEAD = b"POST /webhooks/perscom HTTP/1.1\r\nHost: t\r\nX: "
NO_BODY = b"POST /webhooks/perscom HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n" + SIGNATURE + b"\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bridge.toml").write_text(HEAD + QUIET)
    return tmp_path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "bridge.toml").write_text(HEAD + QUIET)
    with bridge(folder) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """A service that gives a request half a second."""
    folder = tmp_path_factory.mktemp("impatient")
    (folder / "bridge.toml").write_text(HEAD + QUIET)
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bridge_process.BRIDGE", [*BRIDGE[:2], IMPATIENT + BRIDGE[2]])
            running = stack.enter_context(bridge(folder))
        yield running
        assert running.stop() == 0


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for ten thousand connections in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 11_000:
        pytest.skip(f"this machine allows {hard} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def files(running: Bridge) -> int:
    return len(os.listdir(f"/proc/{running.process.pid}/fd"))


def memory(running: Bridge) -> float:
    """MiB that the service takes."""
    lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def connect(running: Bridge) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.public), timeout=10)


@contextmanager
def strangers(running: Bridge, n: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """``n`` connections on which that much was sent, and which stay."""
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(running)) for _ in range(n)]
        for connection in connections:
            with suppress(OSError):  # those that were cut
                connection.sendall(sent)
        yield connections


def answer(running: Bridge, request: tuple[dict[str, str], bytes]) -> int:
    """The status; 0 when it went under, since it came in the middle of the body and the sender wrote on."""
    try:
        return running.post(*request)
    except OSError:
        return 0


def test_ten_thousand_connections_that_send_nothing_take_nothing_from_genuine_calls(
    folder: Path, many_files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a system that gives a program 1024 files, as most do."""
    monkeypatch.setattr("bridge_process.BRIDGE", ["sh", "-c", 'ulimit -n 1024 && exec "$@"', "sh", *BRIDGE])
    with bridge(folder) as running:
        assert running.event() == 202
        before = memory(running)
        with strangers(running, 10_000, b""):
            assert [running.event() for _ in range(5)] == [202] * 5
            assert files(running) < 600
            assert memory(running) < before + 20
        wait_for(lambda: files(running) < 60)
        assert running.stop() == 0
    assert "Traceback" not in running.output


@pytest.mark.parametrize(
    "sent", [HALF_A_HEAD, NO_BODY, NO_BODY + b"x" * 99], ids=["half a head", "no body", "a byte is missing"]
)
def test_more_of_them_in_the_middle_of_a_request_than_there_is_room_for(service: Bridge, sent: bytes) -> None:
    with strangers(service, 900, sent):
        assert [service.event() for _ in range(5)] == [202] * 5
        assert files(service) < 600
    assert service.event() == 202


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b""),
        (HALF_A_HEAD, b"x"),
        (b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n" + HALF_A_HEAD, b"x"),
        (b"POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n", b"x"),
        (NO_BODY, b"x"),
    ],
    ids=["nothing", "a head without end", "a second head without end", "a body that nobody reads", "a slow body"],
)
def test_no_connection_lives_longer_than_a_request_may_take(impatient: Bridge, first: bytes, then: bytes) -> None:
    with connect(impatient) as connection:
        ended = select.poll()
        ended.register(connection, select.POLLRDHUP)
        connection.sendall(first)
        began = time.monotonic()
        while not ended.poll(30):
            assert time.monotonic() - began < 5
            with suppress(OSError):
                connection.sendall(then)
        assert time.monotonic() - began > 0.3, "it got its time"
    assert impatient.event() == 202
    assert "Traceback" not in impatient.output


def test_a_stranger_who_reads_no_answer_is_cut_too(impatient: Bridge) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", impatient.public))
        connection.settimeout(0.2)
        ended = select.poll()
        ended.register(connection, select.POLLRDHUP)
        began = time.monotonic()
        while not ended.poll(0):
            assert time.monotonic() - began < 20
            with suppress(OSError):
                connection.send(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n" * 1000)
    assert impatient.event() == 202
    assert "Traceback" not in impatient.output


def test_bodies_in_very_many_chunks_keep_nobody_waiting(service: Bridge) -> None:
    head = b"POST /webhooks/perscom HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n" + SIGNATURE + b"\r\n"
    with ExitStack() as stack, ThreadPoolExecutor(12) as pool:
        for _ in range(12):
            pool.submit(stack.enter_context(connect(service)).sendall, head + b"1\r\nx\r\n" * 100_000)
        for _ in range(10):
            began = time.monotonic()
            assert service.event() == 202
            assert time.monotonic() - began < 2, "PERSCOM waits 3 s"


def test_many_large_bodies_at_once_are_held_within_the_budget(folder: Path) -> None:
    head = b"POST /webhooks/perscom HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n" % (5 * MIB) + SIGNATURE + b"\r\n"
    with bridge(folder) as running:
        assert running.event() == 202
        before = memory(running)
        with ExitStack() as stack:
            for _ in range(20):
                connection = stack.enter_context(connect(running))
                with suppress(OSError):  # those for which there is no room
                    connection.sendall(head + b"x" * (5 * MIB - 1))
            wait_for(lambda: running.said("503. Too many bodies are in memory at once."))
            assert memory(running) < before + 64 + 30
            assert running.event() == 202, "there is room for what PERSCOM usually sends"
        assert running.post(*signed_request("combatrecord.created", SECRET, text="x" * 4 * MIB)) == 202, "room again"
        assert running.stop() == 0


def test_many_large_events_while_the_disk_stands_still_are_held_within_the_budget(folder: Path) -> None:
    requests = [signed_request("combatrecord.created", SECRET, text="x" * (5 * MIB - 16_384)) for _ in range(24)]
    with bridge(folder) as running, ThreadPoolExecutor(11) as pool:
        assert running.event() == 202
        before = memory(running)
        with (folder / "bridge.db.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert set(pool.map(lambda request: answer(running, request), requests)) <= {503, 0}
            wait_for(lambda: running.said("did not commit within") and running.said("Too much waits for the disk"))
            assert memory(running) < before + 64 + 40, "what waits, what arrives, and some air"
        wait_for(lambda: running.event() == 202)
        assert running.post(*requests[-1]) == 202
        assert running.stop() == 0
    assert "Traceback" not in running.output


@pytest.mark.parametrize(
    "pieces",
    [
        (b"POST /nothing HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n"),
        (b"POST /healthz HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nabcdef", b"zz"),
        (b"POST /webhooks/perscom HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n"),
        (
            b"POST /webhooks/perscom HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n" + SIGNATURE + b"\r\n",
            b"1\r\nx\r\nzz\r\n",
        ),
        (b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n", b"\x00\xff\r\n\r\n"),
        (b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",),
        (b"CONNECT t:1 HTTP/1.1\r\nHost: t\r\n\r\n", b"x"),
    ],
    ids=["chunk", "chunk on health", "chunk, 401", "chunk, signed", "second", "websocket", "HTTP/2", "TLS", "CONNECT"],
)
def test_what_is_no_http_is_cut_off_without_a_traceback(service: Bridge, pieces: tuple[bytes, ...]) -> None:
    with connect(service) as connection:
        for piece in pieces:
            with suppress(OSError):
                connection.sendall(piece)
            time.sleep(0.05)  # pieces that come one by one, since that makes a difference to a parser
    assert service.event() == 202
    assert "Traceback" not in service.output
    assert " 500 " not in service.output
