"""Why a request was refused, for the local log: right where it is called certain, cheap whatever strangers send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perscom_receiver import (
    EmptyBody,
    MalformedSignature,
    MethodRefused,
    MissingSignature,
    PayloadTooLarge,
    Refusal,
    Secret,
    SignatureMismatch,
    _causes,
    php_json,
    sign,
)
from perscom_receiver.testing import signed_request

SECRET = "9mK2pQ7vX4nL8sT1wZ6bR3yC5dF0gH2j"
SECRETS = (Secret("another live secret of PERSCOM"), Secret(SECRET))
HEADERS, BODY = signed_request("rankrecord.created", SECRET)


@pytest.fixture(autouse=True)
def looked_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_causes, "_last_look", float("-inf"))


def cause(body: bytes, signature: str = HEADERS["Signature"], *, at: float = 0.0) -> str:
    return _causes.likely_cause(SignatureMismatch(), "POST", False, signature, body, SECRETS, lambda: at)


@pytest.mark.parametrize(
    ("method", "query", "words"),
    [("GET", True, "Set the method of the webhook to POST"), ("GET", False, "redirect"), ("PUT", False, "Only POST")],
)
def test_a_method_has_its_own_cause(method: str, query: bool, words: str) -> None:
    assert words in _causes.likely_cause(MethodRefused("Only POST can be verified."), method, query, "", b"", SECRETS)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (MissingSignature(), "a proxy removed it"),
        (MalformedSignature("There is more than one."), "There is more than one. PERSCOM sends 64"),
        (EmptyBody("Nothing came."), "Nothing came."),
        (PayloadTooLarge("More than 5 bytes."), "More than 5 bytes."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_refusals_speak_for_themselves(refusal: Refusal, words: str) -> None:
    assert words in _causes.likely_cause(refusal, "POST", False, "", b"", SECRETS)


@pytest.mark.parametrize(
    "rewritten",
    [
        json.dumps(json.loads(BODY)),
        json.dumps(json.loads(BODY), indent=2),
        json.dumps(json.loads(BODY), separators=(",", ":"), ensure_ascii=False),
    ],
    ids=["Python's spaces", "indented", "compact"],
)
def test_a_body_that_was_parsed_and_written_again_is_named_with_certainty(rewritten: str) -> None:
    assert cause(rewritten.encode()).startswith("Signature mismatch. Certain: something parsed the body and wrote it again")


@pytest.mark.parametrize("around", ["{}\n", " {}", "{}\r\n\r\n"], ids=repr)
def test_white_space_around_the_body_is_named_with_certainty(around: str) -> None:
    assert "Certain: something added white space" in cause(around.format(BODY.decode()).encode())


@pytest.mark.parametrize(
    "body", [BODY, b"x", BODY.replace(b"rank", b"runk"), BODY + b"{}"], ids=["another secret", "junk", "tampered", "appended"]
)
def test_nothing_is_certain_unless_the_signature_was_reproduced(body: bytes) -> None:
    told = cause(body, sign(BODY, "a secret that is not live"))
    assert "Certain" not in told
    assert "Probably another secret" in told


def test_a_large_body_is_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_causes, "_variants", looked_into)
    assert "Probably" in cause(b" " * (_causes.LARGEST + 1))
    with pytest.raises(AssertionError):
        cause(b" " * _causes.LARGEST)


def test_looks_are_far_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of bad requests must not cost more than the check itself."""
    assert "Certain" in cause(BODY + b"\n", at=100.0)
    assert "Certain" not in cause(BODY + b"\n", at=100.0 + _causes.PAUSE * 0.9)
    assert "Certain" in cause(BODY + b"\n", at=100.0 + _causes.PAUSE * 1.1)


def looked_into(body: bytes) -> Any:
    raise AssertionError("looked into the body")


@given(body=st.binary(max_size=200))
@example(body=b"[" * 50_000)
@example(body=b'{"a":' * 10_000)
@example(body=b"1e999")
@example(body=b"NaN")
@example(body=b"9" * 50_000)
@example(body=b'"\\ud800"')
@example(body=b"\xff\xfe\x00\x00")
@example(body=b'{"99999999999999999999":1}')
def test_any_body_whatever_has_a_cause(body: bytes) -> None:
    _causes._last_look = float("-inf")
    told = cause(body)
    assert "Probably another secret" in told
    assert len(told) < 300


def test_what_is_certain_is_what_php_would_have_written() -> None:
    value = {
        "event": "webhook.test",
        "created": "2026-03-02T19:08:10.854257Z",
        "data": {"url": "https://é.example/x", "n": 1.0},
    }
    body = php_json(value)
    assert "Certain" in cause(json.dumps(value).encode(), sign(body, SECRET))
