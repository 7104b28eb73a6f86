"""Why a request was refused, for the local log: right where it is called certain, cheap whatever strangers send."""

from __future__ import annotations

import base64
import gzip
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
    _diagnosis,
    php_json,
    sign,
)
from perscom_receiver.testing import signed_request

SECRET = "9mK2pQ7vX4nL8sT1wZ6bR3yC5dF0gH2j"
SECRETS = (Secret("another live secret of PERSCOM"), Secret(SECRET))
HEADERS, BODY = signed_request("rankrecord.created", SECRET)


@pytest.fixture(autouse=True)
def looked_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_diagnosis, "_last_look", float("-inf"))


def cause(body: bytes, signature: str = HEADERS["Signature"], *, at: float = 0.0) -> str:
    return _diagnosis.likely_cause(SignatureMismatch(), "POST", False, {"Signature": signature}, body, SECRETS, lambda: at)


def head_cause(refusal: Refusal, method: str = "POST", *, query: bool = False, signature: str | None = None) -> str:
    headers = {} if signature is None else {"Signature": signature}
    return _diagnosis.likely_cause(refusal, method, query, headers, b"", SECRETS)


@pytest.mark.parametrize(
    ("method", "query", "words"),
    [("GET", True, "Set the method of the webhook to POST"), ("GET", False, "probably a browser"), ("PUT", False, "Only POST")],
)
def test_a_method_has_its_own_cause(method: str, query: bool, words: str) -> None:
    assert words in head_cause(MethodRefused("Only POST can be verified."), method, query=query)


def test_a_get_with_a_signature_and_nothing_that_was_signed_is_a_redirected_post() -> None:
    told = head_cause(MethodRefused(), "GET", signature=HEADERS["Signature"])
    assert told.startswith("A GET without a query, but with a Signature: probably a POST that a redirect turned into a GET")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (MissingSignature(), "a proxy removed it"),
        (EmptyBody("Nothing came."), "Nothing came."),
        (PayloadTooLarge("More than 5 bytes."), "More than 5 bytes."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_refusals_speak_for_themselves(refusal: Refusal, words: str) -> None:
    assert words in head_cause(refusal)


def test_of_a_body_that_was_not_taken_the_log_calls_no_secret_right() -> None:
    told = head_cause(PayloadTooLarge("The body has more than 5 bytes."), signature=SECRETS[0].sign(b""))
    assert told == "The body has more than 5 bytes."


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (HEADERS["Signature"].upper(), "The Signature header is in capital letters."),
        (f"sha256={HEADERS['Signature']}", "The Signature header has a prefix."),
        (f"'{HEADERS['Signature']}'", "The Signature header is in quotes."),
        (f"{HEADERS['Signature']}, {HEADERS['Signature']}", "The Signature header is there more than once."),
        (base64.b64encode(bytes.fromhex(HEADERS["Signature"])).decode(), "The Signature header is in base64."),
        (HEADERS["Signature"][1:], "The Signature header is nothing that PERSCOM writes."),
    ],
    ids=["capitals", "prefix", "quotes", "twice", "base64", "cut short"],
)
def test_a_misspelt_signature_is_described_and_not_shown(signature: str, words: str) -> None:
    told = head_cause(MalformedSignature(), signature=signature)
    assert told == f"{words} PERSCOM sends 64 lower-case hex digits, once, without a prefix."


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


def test_a_body_that_was_compressed_is_named_with_certainty() -> None:
    assert "Certain: something compressed the body" in cause(gzip.compress(BODY))


@pytest.mark.parametrize("secret", [f"{SECRET} ", f" {SECRET}", f"{SECRET}\n"], ids=repr)
def test_white_space_that_perscoms_secret_has_and_ours_has_not_is_named_with_certainty(secret: str) -> None:
    told = cause(BODY, sign(BODY, secret))
    assert "Certain: the secret in PERSCOM's webhook form begins or ends with white space" in told
    assert "The secret is right" not in told


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BODY, "another secret than the one in PERSCOM's webhook form"),
        (BODY.replace(b"rank", b"runk"), "another secret than the one in PERSCOM's webhook form"),
        (json.dumps(json.loads(BODY), sort_keys=True).encode(), "something parsed the body and wrote it again"),
        (b"x", "not from PERSCOM"),
        (BODY + b"{}", "not from PERSCOM"),
        (BODY[:-5], "not from PERSCOM, or cut on the way"),
    ],
    ids=["another secret", "tampered", "sorted", "junk", "appended", "cut"],
)
def test_nothing_is_certain_unless_the_signature_was_reproduced(body: bytes, words: str) -> None:
    told = cause(body, sign(BODY, "a secret that is not live"))
    assert told.startswith(f"Signature mismatch. Probably {words}")
    assert "Certain" not in told
    assert "The secret is right" not in told


def test_a_large_body_is_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_diagnosis, "find", looked_into)
    assert "Probably" in cause(b" " * (_diagnosis.LARGEST + 1))
    with pytest.raises(AssertionError):
        cause(b" " * _diagnosis.LARGEST)


def test_looks_are_far_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of bad requests must not cost more than the check itself."""
    assert "Certain" in cause(BODY + b"\n", at=100.0)
    assert "Certain" not in cause(BODY + b"\n", at=100.0 + _diagnosis.PAUSE * 0.9)
    assert "Certain" in cause(BODY + b"\n", at=100.0 + _diagnosis.PAUSE * 1.1)


def looked_into(*_: object) -> Any:
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
    _diagnosis._last_look = float("-inf")
    told = cause(body)
    assert told.startswith("Signature mismatch. Probably ")
    assert len(told) < 300


def test_what_is_certain_is_what_php_would_have_written() -> None:
    value = {
        "event": "webhook.test",
        "created": "2026-03-02T19:08:10.854257Z",
        "data": {"url": "https://é.example/x", "n": 1.0},
    }
    body = php_json(value)
    assert "Certain" in cause(json.dumps(value).encode(), sign(body, SECRET))
