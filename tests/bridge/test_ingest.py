"""`ingest` in bridge.toml: what check says of it, and a service that goes on receiving while its database is away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bridge_process import Bridge, bridge, request, run, wait_for
from bridge_toml import GOOD, judge, only_problem
from ingesting import away, rows
from nats_server import NatsServer, OwnNatsServer, any_nats, own_nats
from stored import QUIET

from perscom_receiver.testing import signed_request

PASSWORD = "Zq7xV9pLmW2"
SERVER = "[server]\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with any_nats(tmp_path) as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnNatsServer]:
    with own_nats(tmp_path) as server:
        yield server


def configure(folder: Path, address: str) -> None:
    """A bridge behind the stream at ``address``, which stands in .env."""
    (folder / "bridge.toml").write_text(QUIET.replace("[server]", '[server]\ningest = "${NATS_URL}"'))
    (folder / ".env").write_text(f"NATS_URL={address}\n")
    (folder / ".env").chmod(0o600)


def ready(running: Bridge) -> tuple[int, dict[str, Any]]:
    status, body = request(running.status, "GET", "/readyz")
    return status, json.loads(body)


def metrics(running: Bridge) -> str:
    return request(running.status, "GET", "/metrics")[1]


class TestCheck:
    @pytest.mark.parametrize(
        ("value", "says"),
        [
            (f"http://me:{PASSWORD}@nats.example", "The address of NATS begins with nats:// or tls://"),
            (f"nats://me:{PASSWORD}@nats.example:port", "cannot be read"),
            (f"nats://nats.example?{PASSWORD}=1", "replicas=…"),
            ("nats://nats.example?creds=/nowhere", "cannot be read: No such file or directory."),
        ],
    )
    def test_a_mistake_is_told_with_its_line_and_without_what_may_be_secret(
        self, tmp_path: Path, value: str, says: str
    ) -> None:
        line, key, told = only_problem(tmp_path, f'{GOOD}{SERVER}ingest = "{value}"\n')
        assert (line, key) == (len(GOOD.splitlines()) + 2, "server.ingest")
        assert says in told
        assert PASSWORD not in told

    def test_a_mistake_in_a_variable_names_the_variable(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(f"NATS_URL={PASSWORD}\n")
        _, _, told = only_problem(tmp_path, f'{GOOD}{SERVER}ingest = "${{NATS_URL}}"\n')
        assert "The value is the one of NATS_URL in .env." in told
        assert PASSWORD not in told

    @pytest.mark.parametrize(
        ("value", "notes"),
        [
            ("nats://127.0.0.1", ["server.ingest names no user, token or key"]),
            (f"nats://me:{PASSWORD}@127.0.0.1,localhost", []),
            (f"tls://me:{PASSWORD}@nats.example", []),
            (f"nats://me:{PASSWORD}@nats.example", ["server.ingest is not encrypted"]),
        ],
    )
    def test_what_is_unsafe_is_good_to_know(self, tmp_path: Path, value: str, notes: list[str]) -> None:
        found = judge(tmp_path, f'{GOOD}{SERVER}ingest = "{value}"\n')
        assert found.config is not None, found.report()
        told = [note for note in found.notes if "ingest" in note]
        assert len(told) == len(notes)
        assert all(note.startswith(start) for note, start in zip(told, notes, strict=True))
        assert PASSWORD not in repr(found.config)

    def test_live_tells_how_the_stream_is_set_up(self, tmp_path: Path, server: NatsServer) -> None:
        configure(tmp_path, server.url)
        name = server.url.removeprefix("nats://")
        assert f"accepted once they are in the stream at {name}\n" in run("check", tmp_path).stdout
        told = run("check", tmp_path, "--live").stdout
        assert "server.ingest: works: there is no stream yet, and the first start makes it: on disk, replicas 1" in told
        with bridge(tmp_path) as running:
            assert running.event() == 202
            running.stop()
        told = run("check", tmp_path, "--live").stdout
        assert "server.ingest: works: PERSCOM_INGEST is safe for events: on disk, replicas 1, at most 1,074 MB" in told

    def test_live_tells_what_does_not_work(self, tmp_path: Path, own: OwnNatsServer) -> None:
        own.configure(f'authorization {{ user: me, password: "{PASSWORD}" }}')
        own.restart()
        configure(tmp_path, own.url.replace("//", f"//me:wrong{PASSWORD}@"))
        done = run("check", tmp_path, "--live")
        assert done.returncode == 1
        assert "server.ingest: does not work: the server does not take our user and password, token or key." in done.stdout
        own.kill()
        done = run("check", tmp_path, "--live")
        assert re.search(r"server\.ingest: does not work: .*(refused|failed)", done.stdout)
        assert PASSWORD not in done.stdout + done.stderr


class TestServe:
    def test_events_go_through_the_stream_and_all_that_is_shown_is_well(self, tmp_path: Path, server: NatsServer) -> None:
        configure(tmp_path, server.url)
        with bridge(tmp_path) as running:
            assert [running.event() for _ in range(3)] == [202] * 3
            wait_for(lambda: len(rows(tmp_path / "bridge.db")) == 3)
            wait_for(lambda: ready(running) == (200, {"ready": True, "problems": [], "ingest": {"pending": 0}}))
            told = metrics(running)
            assert 'perscom_up{part="database"} 1.0' in told
            assert 'perscom_up{part="stream"} 1.0' in told
            assert "perscom_ingest_pending 0.0" in told
            assert 'perscom_ingest_events_total{outcome="stored"} 3.0' in told
            page = request(running.status, "GET", "/")[1]
            assert '<b class="">0</b><span>in the stream</span>' in page
            assert "needs a look" not in page
            assert running.stop() == 0
            assert not running.said("Traceback")

    def test_receiving_goes_on_while_the_database_is_away_and_it_is_told_what_is_missing(
        self, tmp_path: Path, server: NatsServer
    ) -> None:
        configure(tmp_path, server.url)
        with bridge(tmp_path) as running:
            assert running.event() == 202
            wait_for(lambda: len(rows(tmp_path / "bridge.db")) == 1)
            with away(tmp_path / "bridge.db"):
                assert [running.event() for _ in range(5)] == [202] * 5
                status, told = ready(running)
                assert (status, told["ready"], told["ingest"]) == (503, False, {"pending": 5})
                assert told["problems"][0].startswith("The database cannot be used")
                assert told["problems"][1] == "Events are accepted all the same: 5 wait in the stream."
                assert "perscom_ingest_pending 5.0" in metrics(running)
            wait_for(lambda: len(rows(tmp_path / "bridge.db")) == 6, 30)
            wait_for(lambda: ready(running)[0] == 200)

    def test_without_nats_events_go_to_the_database_and_it_is_told_what_is_missing(
        self, tmp_path: Path, own: OwnNatsServer
    ) -> None:
        own.kill()
        configure(tmp_path, own.url.replace("//", f"//me:{PASSWORD}@"))
        with bridge(tmp_path) as running:
            assert running.event() == 202
            assert len(rows(tmp_path / "bridge.db")) == 1
            status, told = ready(running)
            assert (status, told["ingest"]) == (503, {"pending": None})
            assert re.fullmatch(r"The stream at 127\.0\.0\.1:\d+: .*\. Events go to the store directly\.", told["problems"][0])
            text = metrics(running)
            assert 'perscom_up{part="database"} 1.0' in text
            assert 'perscom_up{part="stream"} 0.0' in text
            assert "perscom_ingest_pending NaN" in text
            assert "The stream in front of the database needs a look." in request(running.status, "GET", "/")[1]
            own.start()
            wait_for(lambda: ready(running)[0] == 200)
            assert PASSWORD not in running.output

    def test_it_begins_while_the_database_is_away(self, tmp_path: Path, server: NatsServer) -> None:
        configure(tmp_path, server.url)
        with bridge(tmp_path) as running:
            running.stop()
        with away(tmp_path / "bridge.db"), bridge(tmp_path) as running:
            assert running.said("The database cannot be used yet")
            assert running.event() == 202
            assert "Events are accepted all the same: 1 wait in the stream." in ready(running)[1]["problems"]
            running.process.kill()
        with bridge(tmp_path):
            wait_for(lambda: len(rows(tmp_path / "bridge.db")) == 1)

    def test_the_communities_of_a_folder_share_the_stream(self, tmp_path: Path, server: NatsServer) -> None:
        (tmp_path / "bridge.toml").write_text(
            f'[server]\nlisten = "127.0.0.1:0"\nstatus = "127.0.0.1:0"\ningest = "{server.url}"\n', encoding="utf-8"
        )
        community = re.sub(r"\[server\](.*?)(?=\[destinations)", "", QUIET, flags=re.DOTALL)
        for name in ("alpha", "bravo"):
            (tmp_path / f"{name}.toml").write_text(
                community.replace("${PERSCOM_WEBHOOK_SECRET}", f"the secret of {name}, long")
            )
        with bridge(tmp_path, ".") as running:
            for name in ("alpha", "bravo"):
                headers, body = signed_request("user.created", f"the secret of {name}, long")
                assert running.post(headers, body, f"/webhooks/perscom/{name}") == 202
            wait_for(lambda: len(rows(tmp_path / "bridge.db")) == 2)
            told = metrics(running)
            for name in ("alpha", "bravo"):
                assert f'perscom_ingest_events_total{{outcome="stored",site="{name}"}} 1.0' in told
