"""Changing a secret: the old one is still taken for a while, its use is told, and after its time it is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from perscom_receiver import (
    ConfigurationError,
    Event,
    ExpiredSecret,
    Receiver,
    Secret,
    SignatureMismatch,
    SQLiteInbox,
    Verifier,
    sign,
    verify,
)
from perscom_receiver import (
    flask as flask_binding,
)
from perscom_receiver import (
    starlette as starlette_binding,
)
from perscom_receiver._gate import Gate
from perscom_receiver.testing import make_event

PATH = "/webhooks/perscom"
NEW, OLD, OLDER = "the new secret of the unit", "the old secret of the unit", "the secret before the old one"
END = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = 86_400.0
BODY = b'{"event":"user.updated","created":"2026-03-02T19:08:10.854257Z","data":{"id":7},"changes":[]}'


class Clock:
    """Seconds, set by hand."""

    def __init__(self) -> None:
        self.now = 1_772_478_490.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(tmp_path: Path, clock: Clock) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(tmp_path / "inbox.db", now=clock)
    yield inbox
    inbox.close()


@pytest.fixture(autouse=True)
def listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "perscom_receiver")


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "old secret" in record.getMessage()]


Post = Callable[[bytes, str], int]


def starlette_client(receiver: Receiver) -> Post:
    client = TestClient(starlette_binding.webhook_app(receiver))
    return lambda body, secret: client.post(PATH, content=body, headers={"Signature": sign(body, secret)}).status_code


def flask_client(receiver: Receiver) -> Post:
    app = flask.Flask("app")
    app.register_blueprint(flask_binding.webhook_blueprint(receiver))
    client = app.test_client()
    return lambda body, secret: client.post(PATH, data=body, headers={"Signature": sign(body, secret)}).status_code


every_framework = pytest.mark.parametrize("client", [starlette_client, flask_client])


class TestValidUntil:
    def verifier(self, now: datetime) -> Verifier:
        return Verifier(NEW, Secret(OLD, name="old", valid_until=END), now=lambda: now)

    @pytest.mark.parametrize("now", [END - 1000 * SECOND, END], ids=str)
    def test_a_secret_is_good_up_to_its_last_moment(self, now: datetime) -> None:
        event = self.verifier(now).event({"Signature": sign(BODY, OLD)}, BODY)
        assert (event.secret_name, event.old_secret) == ("old", True)

    @pytest.mark.parametrize("now", [END + timedelta(microseconds=1), END + timedelta(days=1000)], ids=str)
    def test_afterwards_it_is_refused_and_the_others_are_not(self, now: datetime) -> None:
        verifier = self.verifier(now)
        with pytest.raises(ExpiredSecret, match=r"'old', which was valid until 2026-03-09 12:00:00\+00:00"):
            verifier.event({"Signature": sign(BODY, OLD)}, BODY)
        event = verifier.event({"Signature": sign(BODY, NEW)}, BODY)
        assert (event.secret_name, event.old_secret) == ("secret 1", False)

    def test_only_what_is_genuine_is_called_expired(self) -> None:
        verifier = self.verifier(END + SECOND)
        with pytest.raises(SignatureMismatch):
            verifier.event({"Signature": sign(BODY, OLDER)}, BODY)
        with pytest.raises(SignatureMismatch):
            verifier.event({"Signature": sign(BODY, OLD)}, BODY + b" ")

    def test_the_zone_of_the_last_moment_is_its_own(self) -> None:
        eastern = END.astimezone(timezone(timedelta(hours=-5)))
        for end in (END, eastern):
            verifier = Verifier(NEW, Secret(OLD, valid_until=end), now=lambda: END + SECOND)
            with pytest.raises(ExpiredSecret):
                verifier.event({"Signature": sign(BODY, OLD)}, BODY)

    def test_the_moment_it_was_signed_plays_no_part(self) -> None:
        """Whoever has a secret that leaked writes any ``created`` he likes."""
        body = BODY.replace(b"2026-03-02", b"2020-01-01")
        with pytest.raises(ExpiredSecret):
            self.verifier(END + SECOND).event({"Signature": sign(body, OLD)}, body)

    def test_verify_knows_the_time_as_well(self) -> None:
        now = datetime.now(UTC)
        verify(BODY, sign(BODY, OLD), NEW, Secret(OLD, valid_until=now + timedelta(hours=1)))
        with pytest.raises(ExpiredSecret):
            verify(BODY, sign(BODY, OLD), NEW, Secret(OLD, valid_until=now - timedelta(hours=1)))

    def test_a_secret_that_is_named_anew_keeps_its_end(self) -> None:
        assert Secret(OLD, valid_until=END).named("old").valid_until == END
        assert [secret.valid_until for secret in Verifier(NEW, Secret(OLD, valid_until=END)).secrets] == [None, END]

    @pytest.mark.parametrize(
        "end",
        [datetime(2026, 3, 9), date(2026, 3, 9), "2026-03-09T12:00:00Z", 1_773_057_600],
        ids=repr,
    )
    def test_a_moment_that_is_none_is_refused_at_once(self, end: Any) -> None:
        with pytest.raises(ConfigurationError, match="valid_until needs a moment with a time zone"):
            Secret(OLD, valid_until=end)

    @every_framework
    def test_the_caller_is_told_nothing_and_the_log_why(
        self, client: Callable[[Receiver], Post], inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        receiver = Receiver(NEW, Secret(OLD, name="old", valid_until=END), inbox=inbox, now=lambda: END + SECOND)
        assert client(receiver)(BODY, OLD) == 401
        assert "401. It is signed with the secret named 'old', which was valid until 2026-03-09 12:00:00+00:00." in caplog.text
        assert OLD not in caplog.text
        assert inbox.health().stored == 0


class TestOldSecret:
    def test_the_first_secret_is_the_live_one(self) -> None:
        for secrets, old in (([NEW], False), ([NEW, OLD], False), ([OLD, NEW], True)):
            assert Verifier(secrets).event({"Signature": sign(BODY, NEW)}, BODY).old_secret is old
        assert Event.parse(BODY).old_secret is False

    @every_framework
    def test_its_use_is_told_and_counted_and_never_shown(
        self, client: Callable[[Receiver], Post], inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        post = client(Receiver(Secret(NEW, name="new"), Secret(OLD, name="old"), inbox=inbox))
        assert post(make_event("user.created").body, NEW) == 202
        assert (inbox.health().old_secret, told(caplog)) == (0, [])
        for _ in range(20):
            assert post(make_event("user.created").body, OLD) == 202
        assert inbox.health().old_secret == 20
        (line,) = told(caplog)
        assert "the old secret named 'old'" in line
        assert OLD not in caplog.text
        assert NEW not in caplog.text

    @pytest.mark.parametrize("framework", ["starlette", "flask"])
    def test_a_middleware_tells_it_too(self, framework: str, caplog: pytest.LogCaptureFixture) -> None:
        headers = {"Signature": sign(BODY, OLD)}
        if framework == "starlette":
            app = Starlette(routes=[Route(PATH, lambda request: PlainTextResponse("mine"), methods=["POST"])])
            guarded = starlette_binding.SignatureMiddleware(app, secrets=[NEW, OLD])
            assert TestClient(guarded).post(PATH, content=BODY, headers=headers).status_code == 200
        else:
            view = flask.Flask("app")
            view.add_url_rule(PATH, view_func=lambda: "mine", methods=["POST"])
            view.wsgi_app = flask_binding.SignatureMiddleware(view.wsgi_app, secrets=[NEW, OLD])  # type: ignore[method-assign]
            assert view.test_client().post(PATH, data=BODY, headers=headers).status_code == 200
        (line,) = told(caplog)
        assert "'secret 2'" in line

    def test_it_is_told_once_a_day_for_each(self, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
        gate = Gate(Verifier(NEW, Secret(OLD, name="old"), Secret(OLDER, name="older")), clock=clock)
        for hour in range(49):
            for secret in (NEW, OLD, OLDER):
                gate.check(sign(BODY, secret), BODY)
            assert len(told(caplog)) == 2 * (1 + hour // 24)
            clock.now += 3600
        assert ["'older'" in line for line in told(caplog)] == [False, True] * 3

    def test_what_is_refused_is_no_use_of_it(self, caplog: pytest.LogCaptureFixture) -> None:
        gate = Gate(Verifier(NEW, OLD))
        with pytest.raises(SignatureMismatch):
            gate.check(sign(BODY, OLDER), BODY)
        assert told(caplog) == []

    def test_the_mark_outlives_a_restart_and_the_body(self, inbox: SQLiteInbox, clock: Clock) -> None:
        for event in (self.verified(OLD), self.verified(NEW)):
            assert inbox.add(event)
        inbox.close()
        found = inbox.database.read(lambda c: inbox.pending(c, 10))
        assert [each.event.old_secret for each in found if each.event] == [True, False]
        inbox.database.write(lambda c: c.execute("UPDATE event SET body = NULL, unplanned = NULL").rowcount)
        assert inbox.health().old_secret == 1

    def test_the_count_is_of_one_day(self, inbox: SQLiteInbox, clock: Clock) -> None:
        inbox.add(self.verified(OLD))
        clock.now += DAY - 1
        inbox.add(self.verified(OLD))
        assert inbox.health().old_secret == 2
        clock.now += 2
        assert inbox.health().old_secret == 1
        clock.now += DAY
        assert inbox.health().old_secret == 0, "the old one can go"

    def verified(self, secret: str) -> Event:
        body = make_event("user.created").body
        return Verifier(NEW, OLD).event({"Signature": sign(body, secret)}, body)
