"""php_json against bytes that PHP made: the golden requests, and a real php asked for thousands of random values."""

from __future__ import annotations

import base64
import enum
import json
import math
import os
import shutil
import struct
import subprocess
from collections import OrderedDict
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_receiver import php_json, sign

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
VECTORS = ROOT / "tests" / "vectors" / "requests.json"
GOLDEN = json.loads(VECTORS.read_bytes())
REWRITTEN = {"reserialised_body", "trailing_newline"}  # bodies that something else wrote again on the way
WRITTEN_BY_PHP = [r for r in GOLDEN if r["method"] == "POST" and r["name"] not in REWRITTEN]

PHP_LOOP = r"""
while (($line = fgets(STDIN)) !== false) {
    [$kind, $hex] = explode(' ', rtrim($line));
    $bytes = hex2bin($hex);
    $value = match ($kind) {
        'value' => unserialize($bytes),
        'json' => json_decode($bytes, true, 5000),
        'float' => unpack('E', $bytes)[1],
    };
    $text = $kind === 'json' && json_last_error() ? false : json_encode($value);
    fwrite(STDOUT, ($text === false ? 'refused ' . json_last_error_msg() : 'wrote ' . $text) . "\n");
}
"""


class Php:
    """One long-running php that encodes what it is sent; a value takes some 50 microseconds."""

    def __init__(self, executable: str) -> None:
        self._process = subprocess.Popen(
            [executable, "-n", "-d", "precision=14", "-d", "serialize_precision=-1", "-r", PHP_LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, kind: str, payload: bytes) -> bytes | None:
        """The JSON that php writes; None when json_encode (or, for JSON text, json_decode) refuses."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{kind} {payload.hex()}\n".encode())
        stdin.flush()
        verdict, _, text = stdout.readline().rstrip(b"\n").partition(b" ")
        assert verdict in (b"wrote", b"refused"), text
        return text if verdict == b"wrote" else None

    def close(self) -> None:
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def php() -> Iterator[Php]:
    executable = shutil.which("php")
    if executable is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no php here to compare with (Debian: php-cli)")
    process = Php(executable)
    yield process
    process.close()


def serialized(value: object) -> bytes:
    """``value`` in PHP's serialize() format, which keeps every float bit, every byte of a text and the type of each key."""
    match value:
        case None:
            return b"N;"
        case bool():
            return b"b:%d;" % value
        case int():
            return b"i:%d;" % value
        case float():
            return b"d:%s;" % ("NAN" if math.isnan(value) else repr(value).upper()).encode()
        case str():
            raw = value.encode("utf-8", "surrogatepass")
            return b's:%d:"%s";' % (len(raw), raw)
        case list() | tuple():
            return serialized(dict(enumerate(value)))
        case dict():
            return b"a:%d:{%s}" % (len(value), b"".join(serialized(k) + serialized(v) for k, v in value.items()))
    raise AssertionError(type(value))


def agrees(expected: bytes | None, value: object) -> bool:
    """Whether php_json writes what php wrote, or refuses what php refused."""
    if expected is not None:
        return php_json(value) == expected
    with pytest.raises(ValueError, match="PHP"):
        php_json(value)
    return True


INTEGERS = st.integers(-(2**63), 2**63 - 1)
TRAPS = "/\\\"'<>&\x00\b\t\n\f\r\x1f\x7f\x80u07f\u2028\ufffd\U0001f396"
TEXTS = st.text(max_size=20) | st.text(TRAPS, max_size=12)
LONE_SURROGATES = st.builds("{}{}{}".format, TEXTS, st.characters(categories=["Cs"]), TEXTS)
NUMBER_LIKE = ["0", "1", "2", "00", "-0", "-1", "1.0", " 1", "", str(2**63 - 1), str(2**63)]
KEYS = st.sampled_from(NUMBER_LIKE) | TEXTS | st.integers(-2, 3) | INTEGERS
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats() | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.lists(inner, max_size=4).map(lambda items: {str(n): item for n, item in enumerate(items)})
    ),
    max_leaves=15,
)
JSON_NUMBERS = st.integers(-(2**70), 2**70) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | JSON_NUMBERS | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("0123") | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=15,
)


@pytest.mark.parametrize("golden", WRITTEN_BY_PHP, ids=lambda r: r["name"])
def test_a_golden_body_decoded_and_encoded_again_has_the_same_bytes(golden: dict[str, str]) -> None:
    body = base64.b64decode(golden["body_base64"])
    assert php_json(json.loads(body)) == body


def test_a_body_that_was_parsed_and_written_again_on_the_way_gets_its_signed_bytes_back() -> None:
    [request] = [r for r in GOLDEN if r["name"] == "reserialised_body"]
    body = base64.b64decode(request["body_base64"])
    assert sign(body, request["secret"]) != request["headers"]["Signature"]
    assert sign(php_json(json.loads(body)), request["secret"]) == request["headers"]["Signature"]


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=10))
def test_random_values_are_written_as_php_writes_them(php: Php, values: list[object]) -> None:
    for value in values:
        assert agrees(php.ask("value", serialized(value)), value)


@settings(max_examples=50, deadline=None)
@given(LONE_SURROGATES)
def test_a_lone_surrogate_is_refused_as_php_refuses_it(php: Php, text: str) -> None:
    for value in (text, {text: 1}, ["a", {"b": text}]):
        written = php.ask("value", serialized(value))
        assert written is None
        assert agrees(written, value)


@settings(max_examples=200, deadline=None)
@given(JSON_VALUES)
def test_json_that_php_reads_and_writes_has_the_same_bytes_after_python_read_it(php: Php, value: object) -> None:
    text = json.dumps(value)
    assert agrees(php.ask("json", text.encode()), json.loads(text))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=8, max_size=8), min_size=20, max_size=50))
def test_floats_of_random_bits_are_written_as_php_writes_them(php: Php, patterns: list[bytes]) -> None:
    for bits in patterns:
        assert agrees(php.ask("float", bits), struct.unpack(">d", bits)[0])


def test_floats_around_every_power_of_ten_are_written_as_php_writes_them(php: Php) -> None:
    for exponent in range(-324, 309):
        ten = float(f"1e{exponent}")
        for number in (ten, -ten, math.nextafter(ten, 0), math.nextafter(ten, math.inf), ten * 7.123456789012345, ten * 5):
            assert agrees(php.ask("float", struct.pack(">d", number)), number)


@pytest.mark.parametrize("levels", [510, 511, 512, 513])
@pytest.mark.parametrize("core", [1, []], ids=["a number", "an empty list"])
@pytest.mark.parametrize("key", [None, "a", "0", 7], ids=["lists", "objects", "objects that become lists", "int keys"])
def test_nesting_ends_where_php_ends_it(php: Php, levels: int, core: object, key: str | int | None) -> None:
    value, payload = core, serialized(core)
    for _ in range(levels):
        value = [value] if key is None else {key: value}
        payload = b"a:1:{%s%s}" % (serialized(key or 0), payload)
    written = php.ask("value", payload)
    assert (written is None) == (levels + (core == []) > 512)
    assert agrees(written, value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (100.0, "100"),
        (0.1 + 0.2, "0.30000000000000004"),
        (0.0001, "0.0001"),
        (0.00001, "1.0e-5"),
        (1e15, "1000000000000000"),
        (1e16, "10000000000000000"),
        (-5.000000000000001e16, "-50000000000000010"),
        (1e17, "1.0e+17"),
        (1e25, "1.0e+25"),
        (1.5e-300, "1.5e-300"),
        (5e-324, "5.0e-324"),
        (2**63 - 1, "9223372036854775807"),
        (2**63, "9.223372036854776e+18"),
        (-(2**63), "-9223372036854775808"),
        (10**24, "1.0e+24"),
        (True, "true"),
        (None, "null"),
        ("a/b", r'"a\/b"'),
        ("</p> & 'it'", r'''"<\/p> & 'it'"'''),
        ("\x00\x08\t\n\x0b\x0c\r\x1f\x7f", '"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\x7f"'),
        ("\\u007f\x7f", '"\\\\u007f\x7f"'),
        ("é\x7f/", '"\\u00e9\x7f\\/"'),
        ("\U0001f396\u2028", r'"\ud83c\udf96\u2028"'),
        ({}, "[]"),
        ([], "[]"),
        ((), "[]"),
        ({"0": "x"}, '["x"]'),
        ({0: "x", "1": "y"}, '["x","y"]'),
        ({1: "x", 2: "y"}, '{"1":"x","2":"y"}'),
        ({"1": "x", "0": "y"}, '{"1":"x","0":"y"}'),
        ({"00": "x"}, '{"00":"x"}'),
        ({"-0": "x"}, '{"-0":"x"}'),
        ({"0": "x", "1.0": "y"}, '{"0":"x","1.0":"y"}'),
        ({"a": {"b": []}}, '{"a":{"b":[]}}'),
    ],
    ids=repr,
)
def test_a_value_has_this_spelling(value: object, text: str) -> None:
    assert php_json(value) == text.encode()


def test_an_int_key_and_its_text_are_one_key_with_the_last_value_in_the_first_place(php: Php) -> None:
    value = {"1": "text", "b": "between", 1: "number"}
    assert php_json(value) == b'{"1":"number","b":"between"}'
    assert agrees(php.ask("value", serialized(value)), value)


class Kind(enum.IntEnum):
    PROMOTION = 0


class Word(enum.StrEnum):
    PRIMARY = "pri/mary"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"type": Kind.PROMOTION}, {"type": 0}),
        ([Word.PRIMARY, {Word.PRIMARY: 1}], ["pri/mary", {"pri/mary": 1}]),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (MappingProxyType({"b": MappingProxyType({})}), {"b": {}}),
        (type("Hours", (float,), {})(1.0), 1.0),
    ],
    ids=["IntEnum", "StrEnum", "OrderedDict", "read-only mapping", "float subclass"],
)
def test_a_derived_type_counts_as_what_it_derives_from(value: object, plain: object) -> None:
    assert php_json(value) == php_json(plain)


MARK = "7331"


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ([float("nan")], ValueError),
        ([float("-inf")], ValueError),
        (int(MARK) * 10**400, ValueError),
        (f"{MARK}\ud800", ValueError),
        ({f"{MARK}\udfff": 1}, ValueError),
        ({int(MARK) * 10**20: 1}, ValueError),
        ({True: MARK}, TypeError),
        ({None: MARK}, TypeError),
        ({1.5: MARK}, TypeError),
        (MARK.encode(), TypeError),
        ({MARK}, TypeError),
        ([{"a": complex(int(MARK))}], TypeError),
    ],
    ids=lambda item: item.__name__ if isinstance(item, type) else type(item).__name__,
)
def test_what_php_cannot_hold_is_refused_without_telling_the_value(value: object, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        php_json(value)
    assert str(caught.value)
    assert MARK not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_list_that_holds_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(ValueError, match="512 levels"):
        php_json(value)


def test_the_golden_requests_of_the_tests_and_of_the_demo_are_the_same_file() -> None:
    shipped = files("perscom_bridge") / "golden" / "requests.json"
    assert shipped.read_bytes() == VECTORS.read_bytes()


def test_the_golden_requests_are_the_published_ones() -> None:
    published = SHARED / "vectors" / "requests.json"
    if not published.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the folder shared/ is not beside the repository")
    assert VECTORS.read_bytes() == published.read_bytes()
