"""The query of a GET against the golden requests, and against what a real php writes for the same values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from php import Php
from yarl import URL

from perscom_receiver import php_json, sign
from perscom_sender.get_query import get_url, get_warning, php_query

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "requests.json").read_bytes())
GETS = [request for request in GOLDEN if request["method"] == "GET"]


@pytest.fixture(scope="module")
def php() -> Iterator[Callable[[object], str]]:
    """The query that a real PHP writes for a value."""
    process = Php("$json", "return http_build_query(json_decode($json, true, 5000), '', '&', PHP_QUERY_RFC3986);")
    # Python's JSON, which keeps -0.0 and 1.0 apart from whole numbers.
    yield lambda value: process(json.dumps(value).encode())
    process.close()


FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.1 + 0.2, 1e13, 1e14, 99999999999999.9, 1e-4, 1e-5]
)
TEXTS = st.text(max_size=10) | st.sampled_from(["", " ", "a b+c&d=e/f~", "0", "ü", "\x00\x7f", "🎖"])
KEYS = (
    TEXTS | st.integers(-3, 3).map(str) | st.sampled_from(["-0", "007", "1.5", str(2**63 - 1), str(2**63), "a[b]", "[]", "é["])
)


def values(floats: st.SearchStrategy[float]) -> st.SearchStrategy[dict[str, Any]]:
    inside: st.SearchStrategy[Any] = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**70), 2**70) | floats | TEXTS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=12,
    )
    return st.dictionaries(KEYS, inside, max_size=5)


@given(values(FLOATS))
@example({"a": [[], {}, None, [None]], "b": {"c": False, "d": True, "e": -0.0, "f": "", "": 1}})
@example({"a": [1e25, -1.5e300, 5e-324, 12345678901234.5, 0.00001234, 123456789012345.0, 100.0]})
def test_it_is_what_php_writes(php: Callable[[object], str], payload: dict[str, Any]) -> None:
    assert php_query(payload) == php(payload)


@given(values(FLOATS.filter(lambda number: not (number.is_integer() and 1e14 <= abs(number) < 1e17))))
def test_out_of_the_signed_json_it_is_the_same(php: Callable[[object], str], payload: dict[str, Any]) -> None:
    """But for whole floats of 15 to 17 digits: in JSON they look like integers."""
    payload.pop("created", None)
    body = php_json({**payload, "created": "x"})
    assert urlsplit(get_url("https://shop.example/hooks", body)).query == php(payload)


@pytest.mark.parametrize("golden", GETS, ids=lambda request: request["name"])
def test_the_golden_requests(golden: dict[str, Any]) -> None:
    """Their payload comes out of the query. That has lost which of the texts were numbers, but what is written is the same."""
    path, _, query = golden["path_query"].partition("?")
    payload: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        at, *rest = name.replace("]", "").split("[")
        inside = payload
        for step in rest:
            inside = inside.setdefault(at, {})
            at = step
        inside[at] = value
    payload = {"event": payload.pop("event"), "created": "2026-03-02T18:20:05.201415Z", "none": None, **payload, "empty": []}
    assert get_url(f"https://hooks.example.test{path}?token=lost#x", php_json(payload)) == (
        f"https://hooks.example.test{golden['path_query']}"
    )


def test_the_test_that_perscom_sends_by_get() -> None:
    """Byte for byte, with the signature over the JSON that does not travel."""
    (golden,) = (request for request in GETS if request["name"] == "get_webhook_test")
    values = dict(parse_qsl(golden["path_query"].partition("?")[2]))
    body = php_json(
        {
            "event": "webhook.test",
            "created": "2026-03-02T18:20:05.201415Z",
            "request_id": values["request_id"],
            "trace_id": values["trace_id"],
            "data": {"status": "ok", "flag": False, "none": None, "empty": []},
            "changes": None,
        }
    )
    url = get_url("https://hooks.example.test/perscom", body)
    assert url == f"https://hooks.example.test{golden['path_query']}"
    assert sign(body, golden["secret"]) != sign(url.partition("?")[2].encode(), golden["secret"])


def test_only_the_envelopes_own_created_is_missing() -> None:
    body = php_json({"event": "a", "created": "x", "data": {"created": "y", "empty": {}}, "changes": []})
    assert get_url("https://a.example", body) == "https://a.example/?event=a&data%5Bcreated%5D=y"


def test_an_http_client_that_is_told_so_leaves_it_as_it_is() -> None:
    url = get_url("https://a.example/x", php_json({"a~": ["'", "[b] c"]}))
    assert url == "https://a.example/x?a~%5B0%5D=%27&a~%5B1%5D=%5Bb%5D%20c"
    assert str(URL(url, encoded=True)) == url
    assert str(URL(url)) != url


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b"", b"no json", b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}'])
def test_what_is_no_payload_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        get_url("https://a.example", body)


@pytest.mark.parametrize(
    ("values", "error"),
    [({"a": object()}, TypeError), ({1.5: 1}, TypeError), ({True: 1}, TypeError), ({"a": 10**400}, ValueError)],
)
def test_values_that_php_has_not_are_refused(values: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        php_query(values)


def test_nesting_has_an_end() -> None:
    deep: Any = 1
    for _ in range(511):
        deep = [deep]
    assert php_query({"a": deep}).startswith("a%5B0%5D")
    with pytest.raises(ValueError, match="512"):
        php_query({"a": [deep]})


def test_the_warning_says_what_is_lost() -> None:
    assert "No receiver can verify a GET" in get_warning("https://a.example/x")
    assert "query" not in get_warning("https://a.example/x")
    assert "query in the address is lost" in get_warning("https://a.example/x?token=1")
    assert "token" not in get_warning("https://a.example/x?token=1")
