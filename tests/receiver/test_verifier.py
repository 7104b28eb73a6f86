"""The verifier: every shape in which frameworks hand over headers, the clock, and hostile headers."""

from __future__ import annotations

import base64
import email.message
import http.client
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import multidict
import pytest
import starlette.datastructures
import werkzeug.datastructures
from hypothesis import example, given
from hypothesis import strategies as st

from perscom_receiver import (
    ConfigurationError,
    EmptyBody,
    Event,
    MalformedEvent,
    MalformedSignature,
    MissingSignature,
    Secret,
    SignatureMismatch,
    StaleEvent,
    VerificationError,
    Verifier,
    sign,
    verify,
)

SECRET = "9mK2pQ7vX4nL8sT1wZ6bR3yC5dF0gH2j"
CREATED = datetime(2026, 3, 2, 19, 8, 10, 854257, tzinfo=UTC)
BODY = b'{"event":"user.updated","created":"2026-03-02T19:08:10.854257Z","data":{"id":7},"changes":[]}'
SIGNATURE = sign(BODY, SECRET)

Pairs = list[tuple[str, str]]


def as_bytes(pairs: Pairs) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in pairs]


def environ(pairs: Pairs) -> werkzeug.datastructures.EnvironHeaders:
    values: dict[str, str] = {}
    for name, value in pairs:
        key = "HTTP_" + name.upper().replace("-", "_")
        values[key] = f"{values[key]},{value}" if key in values else value
    return werkzeug.datastructures.EnvironHeaders(values)


def message(pairs: Pairs) -> email.message.Message:
    headers = http.client.HTTPMessage()
    for name, value in pairs:
        headers[name] = value
    return headers


# How libraries hand over headers, doubled ones included.
SHAPES: dict[str, Callable[[Pairs], Any]] = {
    "a list of pairs": list,
    "a tuple of pairs": tuple,
    "an iterator of pairs": iter,
    "a generator of pairs": lambda pairs: (pair for pair in pairs),
    "pairs of bytes (ASGI)": as_bytes,
    "lists instead of pairs (hypercorn)": lambda pairs: [list(pair) for pair in as_bytes(pairs)],
    "Starlette": lambda pairs: starlette.datastructures.Headers(raw=[(n.lower(), v) for n, v in as_bytes(pairs)]),
    "Starlette, mutable": lambda pairs: starlette.datastructures.MutableHeaders(
        raw=[(n.lower(), v) for n, v in as_bytes(pairs)]
    ),
    "Werkzeug": lambda pairs: werkzeug.datastructures.Headers(pairs),
    "Flask": environ,
    "aiohttp": lambda pairs: multidict.CIMultiDict(pairs),
    "aiohttp, read-only": lambda pairs: multidict.CIMultiDictProxy(multidict.CIMultiDict(pairs)),
    "http.server": message,
}
# Those that cannot hold a header twice.
SINGLE_SHAPES: dict[str, Callable[[Pairs], Any]] = {
    "a dict": dict,
    "a dict of bytes": lambda pairs: dict(as_bytes(pairs)),
    "a read-only dict": lambda pairs: MappingProxyType(dict(pairs)),
}
every_shape = pytest.mark.parametrize("shape", (SHAPES | SINGLE_SHAPES).values(), ids=(SHAPES | SINGLE_SHAPES).keys())
shape_with_doubles = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


class TestHeaders:
    @every_shape
    @pytest.mark.parametrize("name", ["Signature", "signature", "SIGNATURE", "sIgNaTuRe"])
    def test_the_signature_is_found_in_any_shape_and_case(self, shape: Callable[[Pairs], Any], name: str) -> None:
        headers = shape([("Host", "example.org"), (name, SIGNATURE), ("Content-Type", "application/json")])
        assert Verifier(SECRET).event(headers, BODY).name == "user.updated"

    @every_shape
    def test_no_signature_is_missing_in_any_shape(self, shape: Callable[[Pairs], Any]) -> None:
        with pytest.raises(MissingSignature):
            Verifier(SECRET).event(shape([("Host", "example.org"), ("X-Signature", SIGNATURE)]), BODY)

    @every_shape
    def test_no_headers_at_all_are_missing_a_signature(self, shape: Callable[[Pairs], Any]) -> None:
        with pytest.raises(MissingSignature):
            Verifier(SECRET).event(shape([]), BODY)

    @shape_with_doubles
    @pytest.mark.parametrize(
        "values",
        [
            (SIGNATURE, SIGNATURE),
            (SIGNATURE, "0" * 64),
            ("0" * 64, SIGNATURE),
            ("", SIGNATURE),
            (SIGNATURE, ""),
            (SIGNATURE,) * 3,
        ],
        ids=["twice the right one", "right, wrong", "wrong, right", "empty, right", "right, empty", "three times"],
    )
    def test_a_doubled_signature_is_refused_in_any_shape(self, shape: Callable[[Pairs], Any], values: tuple[str, ...]) -> None:
        with pytest.raises(MalformedSignature):
            Verifier(SECRET).event(shape([("Signature", value) for value in values]), BODY)

    @pytest.mark.parametrize("names", [("Signature", "signature"), ("SIGNATURE", "Signature")])
    def test_a_dict_may_hold_it_twice_in_two_cases(self, names: tuple[str, str]) -> None:
        with pytest.raises(MalformedSignature, match="more than one"):
            Verifier(SECRET).event(dict.fromkeys(names, SIGNATURE), BODY)

    @pytest.mark.parametrize(
        "value", [[SIGNATURE], (SIGNATURE,), [SIGNATURE, SIGNATURE], [], 5, True, bytearray(b"a" * 64), object()]
    )
    def test_a_value_that_is_not_one_text_is_malformed(self, value: Any) -> None:
        with pytest.raises(VerificationError):
            Verifier(SECRET).event({"Signature": value}, BODY)

    def test_a_value_of_none_is_missing(self) -> None:
        headers: Any = {"Signature": None}
        with pytest.raises(MissingSignature):
            Verifier(SECRET).event(headers, BODY)

    @pytest.mark.parametrize(
        "name", ["Signature ", " Signature", "Signature\0", "Signaturé", "\u017fignature", "Sıgnature", "Signatures"]
    )
    def test_a_name_that_only_looks_like_it_is_another_header(self, name: str) -> None:
        with pytest.raises(MissingSignature):
            Verifier(SECRET).event({name: SIGNATURE}, BODY)

    @given(headers=st.lists(st.tuples(st.text(), st.text())) | st.lists(st.tuples(st.binary(), st.binary())))
    def test_any_headers_whatever_end_in_a_refusal(self, headers: Any) -> None:
        with pytest.raises(VerificationError):
            Verifier(SECRET).event(headers, BODY)

    @given(value=st.text() | st.binary())
    @example(value="\u20ac" * 64)
    @example(value=b"\xff" * 64)
    @example(value="\udcff" * 64)
    @example(value=f"{SIGNATURE}\n")
    @example(value=SIGNATURE.upper().encode())
    def test_any_value_whatever_ends_in_a_refusal(self, value: str | bytes) -> None:
        headers: Any = [("Signature" if isinstance(value, str) else b"Signature", value)]
        with pytest.raises(VerificationError):
            Verifier(SECRET).event(headers, BODY)


class TestEvents:
    @given(body=st.binary())
    def test_any_body_whatever_under_a_wrong_signature_is_a_verification_error(self, body: bytes) -> None:
        with pytest.raises(VerificationError):
            Verifier(SECRET).event({"Signature": SIGNATURE}, body)

    @given(body=st.binary(min_size=1))
    def test_any_genuine_body_whatever_is_an_event_or_malformed(self, body: bytes) -> None:
        try:
            event = Verifier(SECRET).event({"Signature": sign(body, SECRET)}, body)
        except MalformedEvent:
            return
        assert event.body == body

    def test_an_empty_body_is_a_verification_error_before_it_is_a_malformed_event(self) -> None:
        with pytest.raises(EmptyBody):
            Verifier(SECRET).event({"Signature": sign(b"", SECRET)}, b"")

    def test_a_body_that_is_no_event_is_only_called_so_when_it_is_genuine(self) -> None:
        with pytest.raises(SignatureMismatch):
            Verifier(SECRET).event({"Signature": SIGNATURE}, b"no JSON")
        with pytest.raises(MalformedEvent):
            Verifier(SECRET).event({"Signature": sign(b"no JSON", SECRET)}, b"no JSON")

    def test_the_golden_requests_are_genuine_exactly_when_the_file_says_so(self, golden: list[dict[str, Any]]) -> None:
        verdicts: dict[str, str | None] = {}
        for request in golden:
            pairs = [(n, v) for n, vs in request["headers"].items() for v in (vs if isinstance(vs, list) else [vs])]
            try:
                event = Verifier(request["secret"]).event(pairs, base64.b64decode(request["body_base64"]))
                verdicts[request["name"]] = event.name
            except VerificationError:
                verdicts[request["name"]] = None
        assert verdicts == {request["name"]: request["event"] if request["valid"] else None for request in golden}

    def test_it_tells_which_of_several_secrets_fitted(self) -> None:
        verifier = Verifier("the secret before the change", SECRET)
        assert verifier.event({"Signature": SIGNATURE}, BODY).secret_name == "secret 2"
        assert Verifier(SECRET).event({"Signature": SIGNATURE}, BODY).secret_name == "secret"

    def test_an_event_that_nothing_verified_names_no_secret(self) -> None:
        assert Event.parse(BODY).secret_name is None

    def test_one_verifier_serves_many_threads(self) -> None:
        verifier = Verifier("another secret of PERSCOM", SECRET)
        bodies = [BODY.replace(b'"id":7', f'"id":{n}'.encode()) for n in range(50)]
        seen: list[str] = []

        def work() -> None:
            for body in bodies:
                verifier.event({"Signature": sign(body, SECRET)}, body)
                with pytest.raises(SignatureMismatch):
                    verifier.event({"Signature": SIGNATURE}, body + b" ")
            seen.append("done")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == ["done"] * 4


class TestAge:
    def event(self, age: timedelta, max_age: timedelta | None) -> Event:
        return Verifier(SECRET, max_age=max_age, now=lambda: CREATED + age).event({"Signature": SIGNATURE}, BODY)

    @pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=2), timedelta(minutes=10)], ids=str)
    def test_an_event_up_to_the_limit_is_taken(self, age: timedelta) -> None:
        assert self.event(age, timedelta(minutes=10)).created == CREATED

    @pytest.mark.parametrize("age", [timedelta(minutes=10, microseconds=1), timedelta(days=4000)], ids=str)
    def test_an_older_one_is_stale(self, age: timedelta) -> None:
        with pytest.raises(StaleEvent) as refusal:
            self.event(age, timedelta(minutes=10))
        assert refusal.value.status == 401

    def test_the_future_is_never_refused(self) -> None:
        assert self.event(timedelta(days=-400), timedelta(minutes=10)).name == "user.updated"

    def test_without_a_limit_no_event_is_too_old(self) -> None:
        assert self.event(timedelta(days=365 * 900), None).name == "user.updated"

    def test_age_is_looked_at_only_after_the_signature(self) -> None:
        verifier = Verifier(SECRET, max_age=timedelta(minutes=10), now=lambda: CREATED + timedelta(days=1))
        with pytest.raises(SignatureMismatch):
            verifier.event({"Signature": "0" * 64}, BODY)

    @pytest.mark.parametrize("created", ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"])
    def test_the_ends_of_the_calendar_are_no_trouble(self, created: str) -> None:
        body = BODY.replace(b"2026-03-02T19:08:10.854257Z", created.encode())
        verifier = Verifier(SECRET, max_age=timedelta(minutes=10), now=lambda: CREATED)
        try:
            verifier.event({"Signature": sign(body, SECRET)}, body)
        except StaleEvent:
            assert created.startswith("0001")
        else:
            assert created.startswith("9999")

    @pytest.mark.parametrize("max_age", [timedelta(0), timedelta(seconds=-1)], ids=str)
    def test_a_limit_that_refuses_everything_is_refused_itself(self, max_age: timedelta) -> None:
        with pytest.raises(ConfigurationError, match="max_age"):
            Verifier(SECRET, max_age=max_age)

    def test_the_clock_is_the_present_unless_another_is_given(self) -> None:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        body = BODY.replace(b"2026-03-02T19:08:10.854257Z", now.encode())
        assert Verifier(SECRET, max_age=timedelta(minutes=10)).event({"Signature": sign(body, SECRET)}, body)


def test_verifying_writes_nothing_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Refusals are for the caller to tell; a library that logs each of them would say everything twice."""
    with caplog.at_level(logging.DEBUG):
        verifier = Verifier(SECRET)
        verifier.event({"Signature": SIGNATURE}, BODY)
        with pytest.raises(VerificationError):
            verifier.event({"Signature": "0" * 64}, BODY)
    assert not caplog.records


@pytest.mark.parametrize(
    "headers",
    [None, 5, "Signature", ["Signature"], {1: SIGNATURE}, [("Signature", SIGNATURE, "x")], [((1,) * 9, SIGNATURE)]],
    ids=["None", "number", "text", "names", "numbers as names", "threes", "tuple as name"],
)
def test_headers_that_are_none_are_a_mistake_of_the_program_that_says_what_is_wanted(headers: Any) -> None:
    with pytest.raises(TypeError, match=r"headers must be a mapping, or an iterable of \(name, value\) pairs"):
        Verifier(SECRET).event(headers, BODY)


@pytest.mark.parametrize("body", ['{"event":"webhook.test"}', {"event": "webhook.test"}, ["x"]])
def test_a_body_that_is_no_bytes_is_a_mistake_of_the_program_that_says_what_is_wanted(body: Any) -> None:
    checks: list[Callable[[], object]] = [
        lambda: Verifier(SECRET).event({"Signature": SIGNATURE}, body),
        lambda: verify(body, SIGNATURE, SECRET),
        lambda: sign(body, SECRET),
    ]
    for check in checks:
        with pytest.raises(TypeError, match=f"body must be the raw bytes that arrived, not {type(body).__name__}"):
            check()


def test_white_space_around_the_header_is_no_part_of_its_value() -> None:
    body = b'{"event":"webhook.test","created":"2026-03-02T18:20:05.201415Z"}'
    signature = sign(body, "a secret of PERSCOM")
    for name, value in (("Signature", f" {signature}\t"), (b"signature", f"\t{signature} ".encode())):
        assert Verifier("a secret of PERSCOM").event([(name, value)], body).name == "webhook.test"


def test_a_secret_keeps_its_own_name_whoever_uses_it() -> None:
    shared = Secret("a secret of PERSCOM")
    first, second = Verifier("the live secret of PERSCOM", shared), Verifier(shared)
    assert [secret.name for secret in first.secrets] == ["secret 1", "secret 2"]
    assert [secret.name for secret in second.secrets] == ["secret"]
    assert shared.name == ""
