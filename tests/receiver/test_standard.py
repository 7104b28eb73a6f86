"""Standard Webhooks: against the scheme's own library in both directions, hostile headers, and each way in."""

from __future__ import annotations

import base64
import hmac
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from perscom_receiver import (
    ConfigurationError,
    EmptyBody,
    ExpiredSecret,
    MalformedEvent,
    MalformedSignature,
    MissingSignature,
    PerscomError,
    Receiver,
    Secret,
    SignatureMismatch,
    StaleEvent,
    StandardSigner,
    StandardVerifier,
    Verifier,
    sign,
)
from perscom_receiver import flask as for_flask
from perscom_receiver import starlette as for_starlette

KEY = b"thirty-two bytes that are a key."
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
OLD = "the secret before this one, as it was typed"
NOW = datetime(2026, 3, 2, 19, 8, 10, 999_999, tzinfo=UTC)
BODY = b'{"event":"order.paid","created":"2026-03-02T17:00:00.000000Z","data":{"id":7},"changes":[]}'
SIGNER = StandardSigner(SECRET)
VERIFIER = StandardVerifier(SECRET, now=lambda: NOW)


def headers(**overrides: Any) -> dict[str, Any]:
    made = SIGNER.headers(BODY, message_id="msg_1", now=NOW)
    return made | {f"webhook-{name}": value for name, value in overrides.items()}


class TestItsOwnLibrary:
    """``standardwebhooks``, which knows no clock but the machine's."""

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [(SECRET, SECRET), (SECRET.rstrip("="), SECRET), (OLD, OLD.encode()), (KEY, KEY), ("whsec_0w==", "whsec_0w==")],
        ids=["whsec", "no padding", "typed", "bytes", "one byte"],
    )
    def test_each_verifies_what_the_other_signs(self, ours: str | bytes, theirs: str | bytes) -> None:
        library = pytest.importorskip("standardwebhooks.webhooks").Webhook(theirs)
        now = datetime.now(UTC)
        made = StandardSigner(ours).headers(BODY, message_id="msg_1", now=now)
        assert library.verify(BODY, made)["event"] == "order.paid"
        assert library.sign("msg_1", now, BODY.decode()) == made["webhook-signature"]
        stamp = str(int(now.timestamp()))
        signed = library.sign("msg_2", now, BODY.decode())
        given = {"webhook-id": "msg_2", "webhook-timestamp": stamp, "webhook-signature": signed}
        assert StandardVerifier(ours).event(given, BODY).name == "order.paid"

    def test_it_verifies_both_secrets_of_an_overlap(self) -> None:
        webhooks = pytest.importorskip("standardwebhooks.webhooks")
        now = datetime.now(UTC)
        made = StandardSigner(SECRET, Secret(OLD, valid_until=now)).headers(BODY, message_id="m", now=now)
        for theirs in (SECRET, OLD.encode()):
            assert webhooks.Webhook(theirs).verify(BODY, made)
        with pytest.raises(webhooks.WebhookVerificationError):
            webhooks.Webhook(b"a stranger's").verify(BODY, made)


def test_a_known_answer() -> None:
    """The one that the libraries of the scheme share in their own tests."""
    signer = StandardSigner("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signer.headers(
        b'{"test": 2432232314}',
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        now=datetime.fromtimestamp(1614265330, UTC),
    )
    assert made["webhook-timestamp"] == "1614265330"
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class TestSigning:
    def test_a_moment_is_cut_to_whole_seconds(self) -> None:
        assert headers()["webhook-timestamp"] == str(int(NOW.timestamp()))

    def test_old_secrets_sign_until_their_end_and_the_newest_comes_first(self) -> None:
        end = NOW + timedelta(hours=1)
        signer = StandardSigner(SECRET, Secret(OLD, valid_until=end))
        during, after = (signer.headers(BODY, message_id="m", now=at) for at in (end, end + timedelta(seconds=1)))
        assert during["webhook-signature"].count("v1,") == 2
        assert after["webhook-signature"].count("v1,") == 1
        assert (
            during["webhook-signature"].split(" ")[0]
            == StandardSigner(SECRET).headers(BODY, message_id="m", now=end)["webhook-signature"]
        )

    @pytest.mark.parametrize("message_id", ["", "a.b", "a b", "ä", "a\n", "x" * 256])
    def test_an_id_that_could_be_read_in_two_ways_is_refused(self, message_id: str) -> None:
        with pytest.raises(ValueError, match="message_id"):
            SIGNER.headers(BODY, message_id=message_id, now=NOW)

    def test_a_moment_without_a_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            SIGNER.headers(BODY, message_id="m", now=NOW.replace(tzinfo=None))

    @pytest.mark.parametrize(
        "secret", ["whsec_", "whsec_====", "whsec_not base64", "whsec_é", "whsec_A", "whsec_AQID BAUG", "whsec_AAAA", "", " "]
    )
    @pytest.mark.parametrize("kind", [StandardSigner, StandardVerifier])
    def test_a_secret_without_a_key_is_refused_and_not_shown(self, kind: Callable[[str], object], secret: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            kind(secret)
        assert "base64" in str(caught.value) or "blank" in str(caught.value)
        assert not secret.strip() or secret == "whsec_" or secret not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_the_first_secret_has_no_end(self) -> None:
        with pytest.raises(ConfigurationError, match="no valid_until"):
            StandardSigner(Secret(SECRET, valid_until=NOW))

    def test_a_body_that_is_no_bytes_is_a_mistake_of_the_program(self) -> None:
        body: Any = BODY.decode()
        with pytest.raises(TypeError, match="raw bytes"):
            SIGNER.headers(body, message_id="m", now=NOW)
        with pytest.raises(TypeError, match="raw bytes"):
            VERIFIER.event(headers(), body)


class TestVerifying:
    def test_the_event_of_a_genuine_call(self) -> None:
        event = VERIFIER.event(headers(), BODY)
        assert (event.name, event.body, event.secret_name, event.old_secret) == ("order.paid", BODY, "secret", False)

    @pytest.mark.parametrize(
        "shape",
        [
            lambda made: list(made.items()),
            lambda made: [(name.title(), value) for name, value in made.items()],
            lambda made: [(name.encode(), value.encode()) for name, value in made.items()],
            lambda made: {name.upper(): f" {value}\t" for name, value in made.items()},
        ],
        ids=["pairs", "title case", "bytes", "upper case, white space"],
    )
    def test_headers_in_any_shape(self, shape: Callable[[dict[str, str]], Any]) -> None:
        assert VERIFIER.event(shape(headers()), BODY).name == "order.paid"

    @pytest.mark.parametrize("name", ["id", "timestamp", "signature"])
    def test_a_header_that_is_missing_or_doubled_is_refused(self, name: str) -> None:
        whole = headers()
        for value in ("", " "):
            with pytest.raises(MissingSignature, match=f"webhook-{name}"):
                VERIFIER.event(headers(**{name: value}), BODY)
        with pytest.raises(MissingSignature):
            VERIFIER.event({key: value for key, value in whole.items() if key != f"webhook-{name}"}, BODY)
        with pytest.raises(MalformedSignature, match="more than one"):
            VERIFIER.event([*whole.items(), (f"Webhook-{name}", whole[f"webhook-{name}"])], BODY)

    def test_perscoms_own_form_is_none_of_its_business(self) -> None:
        """No way back to the form without a moment: not by taking the headers away, and not the other way round."""
        with pytest.raises(MissingSignature):
            VERIFIER.event({"Signature": sign(BODY, SECRET)}, BODY)
        with pytest.raises(MissingSignature):
            Verifier(SECRET).event(headers(), BODY)
        assert VERIFIER.event(headers() | {"Signature": "0" * 64}, BODY)

    @pytest.mark.parametrize(
        "overrides",
        [
            {"id": "msg.1"},
            {"id": "msg 1"},
            {"id": "é"},
            {"timestamp": "soon"},
            {"timestamp": f"{NOW.timestamp()}"},
            {"timestamp": f"0{int(NOW.timestamp())}"},
            {"timestamp": f"-{int(NOW.timestamp())}"},
            {"timestamp": f"{int(NOW.timestamp())}".translate({48 + n: 0x660 + n for n in range(10)})},
            {"timestamp": "1" * 400},
            {"signature": headers()["webhook-signature"].removeprefix("v1,")},
            {"signature": headers()["webhook-signature"].replace("v1,", "v2,")},
            {"signature": headers()["webhook-signature"].replace("v1,", "V1,")},
            {"signature": headers()["webhook-signature"].removesuffix("=")},
            {"signature": headers()["webhook-signature"] + "="},
            {"signature": "v1," + "A" * 43 + "=," + headers()["webhook-signature"]},
            {"signature": "v1," + "A" * 43 + "=, " + headers()["webhook-signature"]},
            {"signature": f"{headers()['webhook-signature']} {'x' * 10}"},
            {"signature": 7},
        ],
        ids=lambda overrides: str(overrides)[:50],
    )
    def test_a_header_that_is_not_certain_is_malformed(self, overrides: dict[str, Any]) -> None:
        with pytest.raises(MalformedSignature):
            VERIFIER.event(headers(**overrides), BODY)

    def test_signatures_of_other_versions_and_secrets_may_stand_around_the_right_one(self) -> None:
        right = headers()["webhook-signature"]
        other = "v1," + "A" * 43 + "="
        assert VERIFIER.event(headers(signature=f"v1a,abcd== {other} {right} v9,x"), BODY)
        with pytest.raises(SignatureMismatch):
            VERIFIER.event(headers(signature=f"v1a,abcd== {other}"), BODY)

    @pytest.mark.parametrize("seconds", [-300, 0, 300])
    def test_a_moment_within_the_tolerance_is_fine(self, seconds: int) -> None:
        stamp = int(NOW.timestamp()) + seconds
        at = datetime.fromtimestamp(stamp, UTC)
        verifier = StandardVerifier(SECRET, now=lambda: at.replace(microsecond=0) - timedelta(seconds=seconds))
        assert verifier.event(SIGNER.headers(BODY, message_id="m", now=at), BODY)

    @pytest.mark.parametrize(("seconds", "words"), [(-302, "replay"), (302, "future")])
    def test_a_moment_beyond_it_is_not_and_the_log_says_which(self, seconds: int, words: str) -> None:
        with pytest.raises(StaleEvent, match=words):
            VERIFIER.event(SIGNER.headers(BODY, message_id="m", now=NOW + timedelta(seconds=seconds)), BODY)

    def test_a_late_retry_has_a_moment_of_its_own(self) -> None:
        """PERSCOM's third try is two minutes old, and our own may be days: the event's age is not what is looked at."""
        tomorrow = NOW + timedelta(days=1)
        verifier = StandardVerifier(SECRET, now=lambda: tomorrow, tolerance=timedelta(seconds=1))
        assert verifier.event(SIGNER.headers(BODY, message_id="msg_1", now=tomorrow), BODY).created < NOW

    @given(st.data())
    def test_one_other_bit_anywhere_is_refused(self, data: st.DataObject) -> None:
        message_id, stamp, signature = headers().values()
        parts = [message_id.encode(), stamp.encode(), base64.b64decode(signature[3:]), BODY]
        which = data.draw(st.integers(0, 3))
        at = data.draw(st.integers(0, len(parts[which]) * 8 - 1))
        flipped = bytearray(parts[which])
        flipped[at // 8] ^= 1 << at % 8
        parts[which] = bytes(flipped)
        text = f"v1,{base64.b64encode(parts[2]).decode()}"
        given = {"webhook-id": parts[0].decode("latin-1"), "webhook-timestamp": parts[1].decode("latin-1")}
        with pytest.raises((SignatureMismatch, MalformedSignature, StaleEvent, MissingSignature)):
            VERIFIER.event(given | {"webhook-signature": text}, parts[3])

    def test_the_parts_cannot_be_cut_in_another_place(self) -> None:
        stamp = int(NOW.timestamp())
        body = f'{stamp}.{{"event":"a","created":"2026-03-02T17:00:00Z"}}'.encode()
        made = SIGNER.headers(body, message_id="m", now=NOW)
        with pytest.raises(MalformedSignature):
            VERIFIER.event(made | {"webhook-id": f"m.{stamp}"}, body.partition(b".")[2])

    def test_it_compares_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody can measure that in a test, so it is looked at whether the comparison made for it does the work."""
        compared: list[tuple[str, str]] = []

        def compare_digest(one: str, other: str) -> bool:
            compared.append((one, other))
            return True

        monkeypatch.setattr(hmac, "compare_digest", compare_digest)
        wrong = f"v1,{'A' * 43}="
        assert VERIFIER.event(headers(signature=wrong), BODY)
        assert compared == [(headers()["webhook-signature"], wrong)]

    def test_an_empty_body_is_refused_even_with_the_right_signature_of_nothing(self) -> None:
        with pytest.raises(EmptyBody):
            VERIFIER.event(SIGNER.headers(b"", message_id="m", now=NOW), b"")

    def test_a_genuine_body_without_an_envelope_is_malformed(self) -> None:
        body = b'{"type":"order.paid","timestamp":"2026-03-02T17:00:00Z","data":{}}'
        with pytest.raises(MalformedEvent):
            VERIFIER.event(SIGNER.headers(body, message_id="m", now=NOW), body)

    def test_the_old_secret_is_known_as_that_and_has_an_end(self) -> None:
        made = StandardSigner(OLD).headers(BODY, message_id="m", now=NOW)
        event = StandardVerifier(SECRET, Secret(OLD, name="old", valid_until=NOW), now=lambda: NOW).event(made, BODY)
        assert (event.secret_name, event.old_secret) == ("old", True)
        with pytest.raises(ExpiredSecret, match="'old'"):
            StandardVerifier(SECRET, Secret(OLD, name="old", valid_until=NOW - timedelta(1)), now=lambda: NOW).event(made, BODY)

    def test_a_weak_secret_is_warned_about(self, caplog: pytest.LogCaptureFixture) -> None:
        StandardVerifier("short")
        assert "is weak" in caplog.text

    @pytest.mark.parametrize("tolerance", [timedelta(0), timedelta(-1)])
    def test_a_tolerance_of_nothing_is_refused(self, tolerance: timedelta) -> None:
        with pytest.raises(ConfigurationError, match="tolerance"):
            StandardVerifier(SECRET, tolerance=tolerance)

    @pytest.mark.parametrize("given", [7, [7], [("a", 1, 2)], [(7, "x")]])
    def test_what_is_no_headers_is_a_mistake_of_the_program(self, given: Any) -> None:
        with pytest.raises(TypeError, match="headers must be"):
            VERIFIER.event(given, BODY)

    @given(
        st.dictionaries(st.sampled_from(StandardVerifier.HEADERS), st.text() | st.from_regex(r"v1,[A-Za-z0-9+/]{43}=( .*)?")),
        st.binary(max_size=50),
    )
    @example({"webhook-id": "m", "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": f"v1,{'A' * 43}="}, b"\0")
    def test_whatever_a_stranger_sends_ends_in_a_refusal(self, given: dict[str, str], body: bytes) -> None:
        with pytest.raises(PerscomError):
            VERIFIER.event(given, body)


class TestEachWayIn:
    """The middlewares and endpoints with ``standard=True``: they verify this form and no other."""

    @pytest.fixture(params=["starlette", "flask", "starlette endpoint", "flask endpoint"])
    def send(
        self, request: pytest.FixtureRequest, asgi: Callable[..., Any], wsgi: Callable[..., Any], make_inbox: Any
    ) -> Callable[..., int]:
        def receiver() -> Receiver:
            return Receiver(SECRET, inbox=make_inbox(), standard=True)

        app: Any = flask.Flask("app")
        match request.param:
            case "starlette":

                async def answer(request: Request) -> PlainTextResponse:
                    return PlainTextResponse(for_starlette.current_event(request).name, 202)

                app = Starlette(routes=[Route("/webhooks/perscom", answer, methods=["POST"])])
                app.add_middleware(for_starlette.SignatureMiddleware, secrets=SECRET, standard=True)
            case "flask":
                app.add_url_rule(
                    "/webhooks/perscom", "view", lambda: (for_flask.current_event().name, 202), methods=["POST", "GET"]
                )
                app.wsgi_app = for_flask.SignatureMiddleware(app.wsgi_app, secrets=SECRET, standard=True)
            case "starlette endpoint":
                app = for_starlette.webhook_app(receiver())
            case _:
                app.register_blueprint(for_flask.webhook_blueprint(receiver()))

        def send(given: dict[str, str], body: bytes = BODY, method: str = "POST") -> int:
            pairs = tuple((name.encode(), value.encode()) for name, value in given.items())
            call = wsgi if isinstance(app, flask.Flask) else asgi
            status = call(app, method=method, body=body, headers=pairs).status
            assert isinstance(status, int)
            return status

        return send

    def test_it_lets_the_genuine_in_and_tells_the_log_about_others(
        self, send: Callable[..., int], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        made = SIGNER.headers(BODY, message_id="m", now=datetime.now(UTC))
        assert send(made) == 202
        assert not caplog.records
        refused = {
            "no webhook-id": {"Signature": sign(BODY, SECRET)},
            "replay": headers(),
            "under any known secret": made | {"webhook-id": "other"},
            "no v1 signature": made | {"webhook-signature": "v2,x"},
        }
        for words, wrong in refused.items():
            caplog.clear()
            assert send(wrong) == 401
            assert words in caplog.text
            assert "PERSCOM" not in caplog.text
        assert send(made, b"") == 401
        assert send(made, method="GET") == 405
        assert send(SIGNER.headers(b"[]", message_id="m", now=datetime.now(UTC)), b"[]") == 400

    def test_max_age_is_its_tolerance(self, make_inbox: Any, asgi: Callable[..., Any]) -> None:
        receiver = Receiver(SECRET, inbox=make_inbox(), standard=True, max_age=timedelta(days=2), now=lambda: NOW)
        app = for_starlette.webhook_app(receiver)
        for hours, status in ((47, 202), (49, 401)):
            made = SIGNER.headers(BODY, message_id="m", now=NOW - timedelta(hours=hours))
            pairs = tuple((name.encode(), value.encode()) for name, value in made.items())
            assert asgi(app, body=BODY, headers=pairs).status == status
