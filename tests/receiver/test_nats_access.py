"""Who may speak to NATS, over what, and to which of several servers; what is secret is sent to the right one alone."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import nkeys
import pytest
from credentials import Authority, Key, credentials
from ingesting import eventually, rows, worked
from nats_server import own_nats

from perscom_receiver import ConfigurationError, JetStream, SQLiteInbox, Unavailable
from perscom_receiver.testing import make_event

PASSWORD = "p@ss/w?o#rd,Zq7xV9pLmW2"
REFUSED = "the server does not take our user and password, token or key"


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    for phase in ("setup", "call"):
        for record in caplog.get_records(phase):  # type: ignore[arg-type]
            text = f"{record.getMessage()} {record.exc_text}"
            assert PASSWORD not in text
            assert quote(PASSWORD, safe="") not in text


def works(folder: Path, address: str) -> None:
    """An event goes through the stream at ``address``."""
    inbox, event = SQLiteInbox(folder / "inbox.db", ingest=address), make_event("user.created")
    assert inbox.ingest is not None
    try:
        assert inbox.add(event) is True
        inbox.health()  # the file is there
        assert event.id not in rows(folder / "inbox.db")
        assert asyncio.run(inbox.ingest.ahealth("default")).pending == 1
        with worked(inbox) as seen:
            eventually(lambda: seen.ids == [event.id])
        assert "is safe for events" in asyncio.run(inbox.ingest.check())
    finally:
        inbox.close()


def is_refused(folder: Path, address: str, says: str) -> None:
    """Events go to the store, and the reason is told."""
    inbox, event = SQLiteInbox(folder / "refused.db", ingest=address), make_event("user.created")
    assert inbox.ingest is not None
    try:
        assert inbox.add(event) is True
        eventually(lambda: says in (asyncio.run(inbox.ingest.ahealth("default")).problem or ""))  # type: ignore[union-attr]
        assert event.id in rows(folder / "refused.db")
        with pytest.raises((Unavailable, ConfigurationError), match=says):
            asyncio.run(inbox.ingest.check())
    finally:
        inbox.close()


def test_a_user_with_a_password(tmp_path: Path) -> None:
    with own_nats(tmp_path, f'authorization {{ user: me, password: "{PASSWORD}" }}') as server:
        works(tmp_path, f"nats://me:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}")
        is_refused(tmp_path, f"nats://me:wrong@127.0.0.1:{server.port}", REFUSED)
        is_refused(tmp_path, server.url, REFUSED)


def test_a_token(tmp_path: Path) -> None:
    with own_nats(tmp_path, f'authorization {{ token: "{PASSWORD}" }}') as server:
        works(tmp_path, f"nats://{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}")
        is_refused(tmp_path, f"nats://wrong@127.0.0.1:{server.port}", REFUSED)


def test_a_key(tmp_path: Path) -> None:
    right, wrong = Key.new(nkeys.PREFIX_BYTE_USER), Key.new(nkeys.PREFIX_BYTE_USER)
    for name, key in (("right", right), ("wrong", wrong)):
        (tmp_path / name).write_bytes(key.seed + b"\n")
    with own_nats(tmp_path, f"authorization {{ users: [ {{ nkey: {right.public} }} ] }}") as server:
        works(tmp_path, f"{server.url}?nkey={tmp_path / 'right'}")
        is_refused(tmp_path, f"{server.url}?nkey={tmp_path / 'wrong'}", REFUSED)


def test_a_file_of_credentials(tmp_path: Path) -> None:
    config, file = credentials(tmp_path)
    (other := tmp_path / "other").mkdir()
    _, stranger = credentials(other)
    with own_nats(tmp_path, config) as server:
        works(tmp_path, f"{server.url}?creds={file}")
        is_refused(tmp_path, f"{server.url}?creds={stranger}", REFUSED)


def test_a_file_that_is_spoiled_while_the_server_is_away_is_told_and_hangs_nothing(tmp_path: Path) -> None:
    config, file = credentials(tmp_path)
    with own_nats(tmp_path, config) as server:
        inbox = SQLiteInbox(tmp_path / "inbox.db", ingest=f"{server.url}?creds={file}")
        inbox.add(make_event("user.created"))
        file.write_text("nothing of that kind")
        server.restart()
        assert inbox.ingest is not None
        eventually(lambda: "none of that kind" in (asyncio.run(inbox.ingest.ahealth("default")).problem or ""))  # type: ignore[union-attr]
        assert inbox.add(make_event("user.created")) is True
        inbox.close()


def test_a_password_that_is_changed_at_the_server_ends_in_words_and_a_right_one_goes_on(tmp_path: Path) -> None:
    """The library would close for good after such a refusal."""
    config = 'authorization {{ user: me, password: "{}" }}'
    with own_nats(tmp_path, config.format(PASSWORD)) as server:
        inbox = SQLiteInbox(tmp_path / "inbox.db", ingest=f"nats://me:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}")
        assert inbox.ingest is not None
        inbox.add(make_event("user.created"))
        server.configure(config.format("another"))
        server.restart()
        eventually(lambda: REFUSED in (asyncio.run(inbox.ingest.ahealth("default")).problem or ""))  # type: ignore[union-attr]
        assert inbox.add(make_event("user.created")) is True
        server.configure(config.format(PASSWORD))
        server.restart()
        eventually(lambda: asyncio.run(inbox.ingest.ahealth("default")).problem is None)  # type: ignore[union-attr]
        inbox.close()


def test_a_receiver_needs_no_more_rights_than_the_page_says(tmp_path: Path) -> None:
    receiver = 'permissions: { publish: ["perscom.ingest.*", "$JS.API.STREAM.INFO.PERSCOM_INGEST"], subscribe: "_INBOX.>" }'
    users = f'{{ user: all, password: all }}, {{ user: some, password: "{PASSWORD}", {receiver} }}'
    with own_nats(tmp_path, f"authorization {{ users: [ {users} ] }}") as server:
        works(tmp_path, f"nats://all:all@127.0.0.1:{server.port}")
        inbox = SQLiteInbox(tmp_path / "receiver.db", ingest=f"nats://some:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}")
        assert inbox.add(make_event("user.created")) is True
        assert inbox.ingest is not None
        assert asyncio.run(inbox.ingest.ahealth("default")).pending == 1
        inbox.close()


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    @pytest.fixture
    def config(self, authority: Authority) -> str:
        cert, key = authority.certificate("server")
        return f'tls {{ cert_file: "{cert}", key_file: "{key}" }}\n'

    def test_it_is_used_where_the_server_asks_for_it_and_the_server_must_be_the_right_one(
        self, tmp_path: Path, authority: Authority, config: str
    ) -> None:
        with own_nats(tmp_path, f'{config}authorization {{ user: me, password: "{PASSWORD}" }}') as server:
            me = f"me:{quote(PASSWORD, safe='')}"
            works(tmp_path, f"tls://{me}@127.0.0.1:{server.port}?ca={authority.ca}")
            works(tmp_path, f"nats://{me}@127.0.0.1:{server.port}?ca={authority.ca}")
            is_refused(tmp_path, f"tls://{me}@127.0.0.1:{server.port}", "the certificate of the server is not trusted")

    def test_our_own_certificate(self, tmp_path: Path, authority: Authority, config: str) -> None:
        cert, key = authority.certificate("receiver")
        config = config.replace("tls {", f'tls {{ verify: true, ca_file: "{authority.ca}",')
        with own_nats(tmp_path, config) as server:
            works(tmp_path, f"tls://127.0.0.1:{server.port}?ca={authority.ca}&cert={cert}&key={key}")
            inbox = SQLiteInbox(tmp_path / "none.db", ingest=f"tls://127.0.0.1:{server.port}?ca={authority.ca}")
            assert inbox.add(make_event("user.created")) is True
            assert inbox.ingest is not None
            assert asyncio.run(inbox.ingest.ahealth("default")).problem is not None
            inbox.close()

    @pytest.mark.parametrize(
        "who", [f"me:{quote(PASSWORD, safe='')}@", f"{quote(PASSWORD, safe='')}@", ""], ids=["user", "token", "nobody"]
    )
    def test_nothing_is_said_in_clear_where_tls_is_asked_for(self, tmp_path: Path, who: str) -> None:
        """A server without TLS, or somebody in front of it who says so: the library would go on without."""
        with overheard() as (port, heard):
            inbox = SQLiteInbox(tmp_path / "inbox.db", ingest=f"tls://{who}127.0.0.1:{port}")
            assert inbox.ingest is not None
            inbox.add(make_event("user.created", name="Reyes"))
            with pytest.raises(ConfigurationError, match="the server offers no TLS"):
                asyncio.run(inbox.ingest.check())
            assert "the server offers no TLS" in (asyncio.run(inbox.ingest.ahealth("default")).problem or "")
            inbox.close()
        said = b"".join(heard)
        assert PASSWORD.encode() not in said
        assert b"Reyes" not in said
        assert b"PUB " not in said


@contextmanager
def overheard() -> Iterator[tuple[int, list[bytes]]]:
    """A server that offers no TLS and takes everybody; what it was told."""
    heard: list[bytes] = []
    info = b'INFO {"server_id":"x","version":"2.9.10","headers":true,"max_payload":1048576,"auth_required":true}\r\n'

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.sendall(info)
            while piece := connection.recv(65536):
                heard.append(piece)
                if b"PING" in piece:
                    connection.sendall(b"PONG\r\n")

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_quietly, args=(serve, connection), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1]), heard
        listener.shutdown(socket.SHUT_RDWR)


def _quietly(serve: object, connection: socket.socket) -> None:
    try:
        serve(connection)  # type: ignore[operator]
    except OSError:
        return


class TestOddServers:
    def test_of_several_servers_one_that_answers_is_enough(self, tmp_path: Path) -> None:
        with own_nats(tmp_path) as server, socket.create_server(("127.0.0.1", 0)) as mute:
            dead, silent = 1, mute.getsockname()[1]
            address = f"nats://127.0.0.1:{dead},127.0.0.1:{silent},127.0.0.1:{server.port}"
            stream = JetStream(address)
            inbox = SQLiteInbox(tmp_path / "inbox.db", ingest=stream)
            inbox.add(make_event("user.created"))
            eventually(lambda: asyncio.run(stream.ahealth("default")).problem is None, 30)
            event = make_event("user.created")
            assert inbox.add(event) is True
            assert event.id not in rows(tmp_path / "inbox.db")
            assert "is safe" in asyncio.run(stream.check())
            inbox.close()

    @pytest.mark.parametrize(
        ("greeting", "says"),
        [
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "INFO"),
            (b"INFO {}\r\n", ""),
            (b"INFO nothing\r\n", "json parse error"),
            (b"\xff" * 100_000, ""),
            (b"", ""),
            (b'INFO {"server_id":"x","version":"2.8.4","headers":true,"max_payload":1048576}\r\nPONG\r\n', "2.8 is too old"),
        ],
        ids=["http", "empty", "no JSON", "bytes", "nothing", "old"],
    )
    def test_one_that_is_no_nats_or_too_old_is_told_and_keeps_nobody_waiting(
        self, tmp_path: Path, greeting: bytes, says: str
    ) -> None:
        def serve(connection: socket.socket) -> None:
            with connection:
                connection.sendall(greeting)
                while connection.recv(65536):
                    pass

        with socket.create_server(("127.0.0.1", 0)) as listener:

            def accept() -> None:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    threading.Thread(target=_quietly, args=(serve, connection), daemon=True).start()

            threading.Thread(target=accept, daemon=True).start()
            inbox = SQLiteInbox(tmp_path / "inbox.db", ingest=f"nats://127.0.0.1:{listener.getsockname()[1]}")
            assert inbox.ingest is not None
            began = time.monotonic()
            assert inbox.add(make_event("user.created")) is True
            assert time.monotonic() - began < 2.3
            eventually(lambda: says in (asyncio.run(inbox.ingest.ahealth("default")).problem or ""), 10)  # type: ignore[union-attr]
            inbox.close()
            listener.shutdown(socket.SHUT_RDWR)

    def test_a_server_without_jetstream_is_told(self, tmp_path: Path) -> None:
        with own_nats(tmp_path, jetstream=False) as server:
            is_refused(tmp_path, server.url, "JetStream is off there")

    def test_an_account_without_jetstream_is_told(self, tmp_path: Path) -> None:
        accounts = "accounts { A { users: [ { user: me, password: word } ] } }"
        with own_nats(tmp_path, accounts) as server:
            is_refused(tmp_path, f"nats://me:word@127.0.0.1:{server.port}", "JetStream not enabled")

    def test_replicas_without_a_cluster_are_told(self, tmp_path: Path) -> None:
        with own_nats(tmp_path) as server:
            inbox = SQLiteInbox(tmp_path / "inbox.db", ingest=f"{server.url}?replicas=3")
            assert inbox.ingest is not None
            inbox.add(make_event("user.created"))
            told = asyncio.run(inbox.ingest.ahealth("default")).problem or ""
            assert "cannot be made: replicas > 1 not supported in non-clustered mode" in told
            inbox.close()
