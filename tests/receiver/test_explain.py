"""``explain``: each cause, how sure it is, what it shows of a request and what never, and any bytes whatever."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perscom_receiver import ConfigurationError, Explanation, Secret, Verifier, explain, php_json, sign
from perscom_receiver._gate import Gate, Intake
from perscom_receiver.testing import signed_request

SECRET = "9mK2pQ7vX4nL8sT1wZ6bR3yC5dF0gH2j"
OTHER = "another live secret of PERSCOM"
SECRETS = (OTHER, SECRET)
NOTE = "Zoë's note: 3/4 of <b>it</b> \U0001f396"
HEADERS, BODY = signed_request("user.updated", SECRET, notes=NOTE)
SIGNATURE = HEADERS["Signature"]
ENVELOPE = b'{"event":"user.updated","created":"2026-03-02T19:08:10.854257Z","request_id":null,"data":'
GOLDEN: dict[str, Any] = {
    request["name"]: request
    for request in json.loads((Path(__file__).resolve().parents[1] / "vectors" / "requests.json").read_bytes())
}


def explained(body: bytes = BODY, signature: str = SIGNATURE) -> Explanation:
    return explain({"Signature": signature}, body, SECRETS)


def golden(name: str) -> Explanation:
    request = GOLDEN[name]
    pairs = [
        (header, value)
        for header, values in request["headers"].items()
        for value in (values if isinstance(values, list) else [values])
    ]
    body = base64.b64decode(request["body_base64"])
    return explain(pairs, body, request["secret"], method=request["method"], query="?" in request["path_query"])


# Causes


@pytest.mark.parametrize(
    ("name", "cause", "certain"),
    [
        ("tampered_body", "other secret", False),
        ("wrong_secret", "other secret", False),
        ("uppercase_hex", "capital signature", True),
        ("sha256_prefix", "prefixed signature", True),
        ("missing_signature", "unsigned", False),
        ("empty_signature", "unsigned", False),
        ("duplicate_signature", "doubled signature", True),
        ("trailing_newline", "white space", True),
        ("reserialised_body", "rewritten", True),
        ("truncated_signature", "misspelt signature", False),
        ("non_hex_signature", "misspelt signature", False),
        ("non_ascii_signature", "misspelt signature", False),
        ("get_user_updated", "get", False),
        ("get_tampered", "get", False),
    ],
)
def test_each_refused_golden_request_has_its_cause(name: str, cause: str, certain: bool) -> None:
    explanation = golden(name)
    assert (explanation.cause, explanation.certain, explanation.secret_is_right) == (cause, certain, certain)
    assert explanation.remedy


@pytest.mark.parametrize("name", [name for name, request in GOLDEN.items() if request["valid"]])
def test_each_genuine_golden_request_is_said_to_be_genuine(name: str) -> None:
    assert (golden(name).cause, golden(name).certain, golden(name).remedy) == ("genuine", True, "")


def test_a_rewritten_body_shows_where_it_begins_to_differ_and_how_much() -> None:
    difference = golden("reserialised_body").difference
    assert difference is not None
    assert (difference.byte, difference.field) == (793, "data.call_sign")
    assert (difference.arrived, difference.signed) == ("/", r"\/")
    assert difference.total == "In all, 5 slashes lost their backslash."


REWRITERS: dict[str, Callable[[Any], str]] = {
    "Python": json.dumps,
    "Python, not escaped": lambda value: json.dumps(value, ensure_ascii=False),
    "JavaScript": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    "indented": lambda value: json.dumps(value, indent=4) + "\n",
    "Windows": lambda value: "\ufeff" + json.dumps(value, indent=1).replace("\n", "\r\n"),
    "lists as objects": lambda value: json.dumps(value).replace("[]", "{ }"),
}


@pytest.mark.parametrize("rewriter", REWRITERS)
@pytest.mark.parametrize("numbers", [[1.0, 0.1, -0.0, 1e25, 2**53 + 1, -7], []], ids=["numbers", "nothing"])
def test_a_body_that_was_parsed_and_written_again_is_certain_whoever_wrote_it(rewriter: str, numbers: list[float]) -> None:
    headers, body = signed_request("user.updated", SECRET, notes=NOTE, hours=numbers)
    rewritten = REWRITERS[rewriter](json.loads(body, parse_int=_python_int)).encode()
    explanation = explain(headers, rewritten, SECRETS)
    assert (explanation.cause, explanation.certain, explanation.secret_is_right) == ("rewritten", True, True)
    assert "'secret 2'" in explanation.why
    assert explanation.difference is not None


def _python_int(text: str) -> float:
    return -0.0 if text == "-0" else int(text)


def test_every_kind_of_new_spelling_is_counted() -> None:
    body = php_json({"event": "webhook.test", "created": "2026-03-02T19:08:10Z", "data": ["é/é", 1.5e30, [], "\U0001f396"]})
    arrived = (
        body.replace(rb"\u00e9\/\u00e9", "é/\\u00E9".encode())
        .replace(b"1.5e+30", b"1500000000000000000000000000000")
        .replace(b"[],", b"{}, ")
        .replace(rb"\ud83c\udf96", "\U0001f396".encode())
    )
    difference = explained(arrived, sign(body, SECRET)).difference
    assert difference is not None
    assert (difference.arrived, difference.signed, difference.field) == ("é", r"\u00e9", "data")
    assert difference.total == (
        r"In all, 2 letters lost their \u spelling, 1 slash lost its backslash, 1 letter is spelled differently, "
        "1 number is spelled differently, 1 empty list became {}, 1 piece of white space was put between."
    )


def test_a_body_whose_keys_were_sorted_is_probably_rewritten_and_the_secret_is_left_open() -> None:
    explanation = explained(json.dumps(json.loads(BODY), sort_keys=True, separators=(",", ":")).encode())
    assert (explanation.cause, explanation.certain, explanation.secret_is_right) == ("rewritten", False, False)
    assert explanation.why.startswith("Probably something parsed the body and wrote it again")


@pytest.mark.parametrize(
    ("arrived", "byte", "shown", "total"),
    [
        (BODY + b"\n", len(BODY), "a line break", "In all, 1 byte was added."),
        (BODY + b"\r\n", len(BODY), "a line break (CR LF)", "In all, 2 bytes were added."),
        (b"  " + BODY + b"\n", 0, "white space", "In all, 3 bytes were added."),
        (b"\xef\xbb\xbf" + BODY, 0, "a byte order mark", "In all, 3 bytes were added."),
    ],
    ids=["line break", "CR LF", "around", "byte order mark"],
)
def test_white_space_around_the_body(arrived: bytes, byte: int, shown: str, total: str) -> None:
    explanation = explained(arrived)
    assert (explanation.cause, explanation.certain, explanation.secret_is_right) == ("white space", True, True)
    assert explanation.difference is not None
    assert (explanation.difference.byte, explanation.difference.arrived, explanation.difference.signed) == (
        byte,
        shown,
        "nothing",
    )
    assert explanation.difference.total == total


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_compressed_body(compress: Callable[[bytes], bytes]) -> None:
    explanation = explained(compress(BODY))
    assert (explanation.cause, explanation.certain, explanation.secret_is_right) == ("compressed", True, True)


BASE64 = base64.b64encode(bytes.fromhex(SIGNATURE)).decode()


@pytest.mark.parametrize(
    ("signature", "cause"),
    [
        (BASE64, "base64 signature"),
        (BASE64.rstrip("=").replace("+", "-").replace("/", "_"), "base64 signature"),
        (f"sha256={SIGNATURE}", "prefixed signature"),
        (f"v1,{BASE64}", "prefixed signature"),
        (f"HMAC-SHA256 {SIGNATURE}", "prefixed signature"),
        (f'"{SIGNATURE}"', "quoted signature"),
        (SIGNATURE.upper(), "capital signature"),
        (f"{SIGNATURE},{SIGNATURE}", "doubled signature"),
        (f"{'0' * 64}, {SIGNATURE}", "doubled signature"),
    ],
    ids=["base64", "base64 for URLs", "prefix", "prefix and base64", "words", "quotes", "capitals", "doubled", "second"],
)
def test_a_signature_in_another_spelling_is_certain_only_when_it_is_right(signature: str, cause: str) -> None:
    right = explained(signature=signature)
    assert (right.cause, right.certain, right.secret_is_right) == (cause, True, True)
    wrong = explained(BODY + b" ", signature)
    assert (wrong.cause, wrong.certain, wrong.secret_is_right) == (cause, False, False)


@pytest.mark.parametrize(
    ("ours", "theirs", "cause"),
    [
        (f"{SECRET} ", SECRET, "secret with white space"),
        (f"\t{SECRET}\r\n", SECRET, "secret with white space"),
        (f'"{SECRET}"', SECRET, "secret with white space"),
        (f"{SECRET[:9]} {SECRET[9:]}", SECRET, "secret with white space"),
        (SECRET, f"{SECRET} ", "secret without white space"),
        (SECRET, f" {SECRET}", "secret without white space"),
        (SECRET, f"{SECRET}\n", "secret without white space"),
        (SECRET, f"{SECRET}\xa0", "secret without white space"),
    ],
    ids=repr,
)
def test_white_space_in_a_secret(ours: str, theirs: str, cause: str) -> None:
    explanation = explain({"Signature": sign(BODY, theirs)}, BODY, OTHER, ours)
    assert (explanation.cause, explanation.certain, explanation.secret_is_right) == (cause, True, False)


def test_another_of_the_known_secrets_is_named() -> None:
    known = [Secret(SECRET, name="the one of the test site"), "nobody's secret"]
    explanation = explain(HEADERS, BODY, OTHER, known=known)
    assert (explanation.cause, explanation.certain, explanation.secret_is_right) == ("known secret", True, False)
    assert "'the one of the test site'" in explanation.why
    assert explain(HEADERS, BODY, OTHER, known="nobody's secret").cause == "other secret"


def test_a_secret_whose_time_is_over_is_certain_and_not_right() -> None:
    old = Secret(SECRET, name="previous_secret", valid_until=datetime(2026, 3, 2, tzinfo=UTC))
    explanation = explain(HEADERS, BODY, OTHER, old)
    assert (explanation.cause, explanation.certain, explanation.secret_is_right) == ("expired secret", True, False)
    assert "'previous_secret'" in explanation.why


@pytest.mark.parametrize(
    ("headers", "query", "cause"),
    [(HEADERS, True, "get"), (HEADERS, False, "redirected"), ({}, False, "visit"), ({}, True, "get")],
)
def test_a_get_is_a_webhook_a_redirected_post_or_a_visit(headers: dict[str, str], query: bool, cause: str) -> None:
    explanation = explain(headers, b"", SECRETS, method="GET", query=query)
    assert (explanation.cause, explanation.certain) == (cause, False)


@pytest.mark.parametrize(
    ("body", "cause"),
    [(b"", "empty body"), (b"[1]", "malformed event"), (b" " * (5 * 2**20 + 1), "payload too large")],
    ids=["empty", "no event", "too large"],
)
def test_what_else_is_refused_says_why_itself(body: bytes, cause: str) -> None:
    explanation = explained(body, sign(body, SECRET))
    assert explanation.cause == cause
    assert explanation.certain == (cause != "empty body")


@pytest.mark.parametrize(("change", "fits"), [(bytes, True), (lambda body: body + b" ", False)], ids=["signed", "changed"])
def test_of_a_body_over_the_receivers_own_bound_it_is_said_whether_its_signature_fits(
    change: Callable[[bytes], bytes], fits: bool
) -> None:
    body = change(BODY)
    explanation = explain(HEADERS, body, SECRETS, max_body=len(body) - 1)
    assert (explanation.cause, explanation.certain, explanation.secret_is_right) == ("payload too large", fits, fits)
    assert explanation.why == f"The body has {len(body)} bytes, and more than {len(body) - 1} are answered with 413."
    fitting = "The one of these bytes under 'secret 2'."
    assert explanation.signature == (
        fitting if fits else "64 hex digits, well formed, but not the one of these bytes under any live secret."
    )
    assert explanation.remedy.endswith("an app of your own may have a larger max_body.")
    assert explain(HEADERS, body, SECRETS, max_body=len(body)).cause == ("genuine" if fits else "white space")


def test_a_body_that_a_larger_receiver_takes_is_explained_without_the_memory_that_requests_share() -> None:
    headers, body = signed_request("message.created", SECRET, message="x" * 6 * 2**20)
    assert explain(headers, body, SECRETS).cause == "payload too large"
    with Intake(Gate(Verifier(SECRET), max_body=64 * 2**20)) as intake:
        intake.add(bytes(60 * 2**20))
        assert explain(headers, body, SECRETS, max_body=8 * 2**20).cause == "genuine"
    with pytest.raises(ConfigurationError, match="max_body"):
        explain(headers, body, SECRETS, max_body=0)


NO_HEADERS: dict[str, Any] = {
    "nothing": None,
    "a number": 5,
    "a text": "Signature: abc",
    "names that are numbers": {1: "x"},
    "names without pairs": ["Signature"],
    "three of a kind": [("Signature", SIGNATURE, "x")],
    "a name that is a list": [(list("Signature"), SIGNATURE)],
}


@pytest.mark.parametrize("name", NO_HEADERS)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_headers_that_are_none_are_a_mistake_in_the_call(name: str, method: str) -> None:
    with pytest.raises(TypeError, match=r"headers must be a mapping, or an iterable of \(name, value\) pairs"):
        explain(NO_HEADERS[name], BODY, SECRETS, method=method)


@pytest.mark.parametrize(
    "body", [BODY.decode(), "", None, {"event": "webhook.test"}, memoryview(BODY)], ids=lambda body: type(body).__name__
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_body_that_is_no_bytes_is_a_mistake_in_the_call(body: Any, method: str) -> None:
    with pytest.raises(TypeError, match=f"body must be the raw bytes that arrived, not {type(body).__name__}"):
        explain(HEADERS, body, SECRETS, method=method)


def test_headers_may_be_pairs_of_bytes_and_are_read_once() -> None:
    assert explain(iter([(b"signature", SIGNATURE.encode())]), BODY + b"\n", SECRETS).cause == "white space"


def test_a_blank_secret_is_a_mistake_in_the_call() -> None:
    with pytest.raises(ConfigurationError):
        explain(HEADERS, BODY, " ")


def test_an_event_that_php_could_not_have_written_is_probably_rewritten_with_no_place_to_show() -> None:
    explanation = explained(b'{"created":"2026-03-02T19:08:10Z","event":"webhook.test","data":1e999}')
    assert (explanation.cause, explanation.certain, explanation.difference) == ("rewritten", False, None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_the_place_is_counted_in_bytes_of_what_arrived(encoding: str) -> None:
    text = json.dumps(json.loads(BODY), ensure_ascii=False, separators=(",", ":"))
    explanation = explained(text.encode(encoding))
    assert (explanation.cause, explanation.certain) == ("rewritten", True)
    assert explanation.difference is not None
    first = min(text.index("/"), text.index("ë"))
    assert explanation.difference.byte == len(text[:first].encode(encoding))


# What it shows


def test_nothing_secret_nothing_computed_and_no_value_of_the_body_is_shown() -> None:
    rewritten = json.dumps(json.loads(BODY), ensure_ascii=False).encode()
    for explanation in (
        explained(),
        explained(rewritten),
        explained(BODY + b"\n"),
        explained(signature=sign(BODY, f"{SECRET} ")),
        explained(signature=SIGNATURE.upper()),
        explained(json.dumps(json.loads(BODY), sort_keys=True).encode()),
    ):
        shown = repr(explanation).lower()
        for text in (
            SECRET,
            OTHER,
            SIGNATURE,
            sign(BODY, OTHER),
            sign(rewritten, SECRET),
            "note:",
            "example.test",
            "whitfield",
        ):
            assert text.lower() not in shown


def test_the_sentences_are_all_there_is_to_say() -> None:
    explanation = golden("reserialised_body")
    signature, why, total, secret, remedy = explanation.sentences
    assert signature.startswith("64 hex digits, well formed, but not the one of these bytes")
    assert why == (
        "Certain: something parsed the body and wrote it again on the way. "
        "Written the way PHP writes JSON, it carries exactly this signature under 'secret'."
    )
    assert total == "In all, 5 slashes lost their backslash."
    assert secret == "The secret is right. Do not change it."
    assert remedy.startswith("Let PERSCOM call this address without that step between.")


def test_a_place_is_named_by_the_keys_that_are_still_open_there() -> None:
    body = ENVELOPE + b'{"rank":{"id":4},"tags":[{"x":1},2],"unit":{"name":"1\\/2"}}}'
    difference = explained(body.replace(b"\\/", b"/"), sign(body, SECRET)).difference
    assert difference is not None
    assert difference.field == "data.unit.name"


def test_keys_of_a_stranger_come_in_one_short_line() -> None:
    body = ENVELOPE + ('{"\x7f\u202e' + "k" * 500 + '":' + '{"x":' * 50 + '"a/b"' + "}" * 52).encode()
    difference = explained(body).difference
    assert difference is not None
    assert difference.field.isprintable()
    assert len(difference.field) < 80


# Any bytes whatever

SIZE = 2**19
HOSTILE = {
    "brackets without end": b"[" * SIZE,
    "objects without end": ENVELOPE + b'{"a":' * (SIZE // 5),
    "quotes": b'"' * SIZE,
    "a text without end": b'"' + b'\\"' * (SIZE // 2),
    "backslashes": b"\\" * SIZE,
    "one number": b"9" * SIZE,
    "one float": b"0." + b"9" * SIZE,
    "white space": b" " * SIZE,
    "slashes in an event": ENVELOPE + b'"' + b"/" * (SIZE // 4) + b'"}',
    "white space in an event": ENVELOPE + b"[" + b"1, " * (SIZE // 12) + b"1]}",
    "a bomb": gzip.compress(bytes(128 * SIZE)),
    "a bomb that breaks off": gzip.compress(bytes(128 * SIZE))[:-9],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_large_hostile_bodies_take_bounded_memory(name: str) -> None:
    """And a second at most; a quadratic look would take hours."""
    tracemalloc.start()
    try:
        assert not explained(HOSTILE[name]).certain
        assert tracemalloc.get_traced_memory()[1] < 20 * SIZE
    finally:
        tracemalloc.stop()


@given(body=st.binary(max_size=300), signature=st.text(max_size=100), method=st.sampled_from(["POST", "GET", "PUT"]))
def test_any_request_whatever_has_an_explanation(body: bytes, signature: str, method: str) -> None:
    explanation = explain([("signature", signature)], body, SECRETS, method=method)
    assert not explanation.certain
    assert explanation.signature
    assert explanation.why


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(value=json_values.filter(lambda value: _is_php(value)), indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_whatever_php_wrote_is_found_again_in_what_python_makes_of_it(
    value: object, indent: int | None, ascii_only: bool
) -> None:
    body = php_json({"event": "webhook.test", "created": "2026-03-02T19:08:10Z", "data": value})
    read = json.loads(body, parse_int=_python_int)
    arrived = json.dumps(read, indent=indent, ensure_ascii=ascii_only).encode()
    explanation = explained(arrived, sign(body, SECRET))
    assert (explanation.cause, explanation.certain) == ("rewritten", True)


def _is_php(value: object) -> bool:
    try:
        php_json(value)
    except ValueError:  # a lone surrogate
        return False
    return True
