"""Requests that a stranger may send, made out of any bytes whatever: for tests that try many, and for a fuzzer."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple, TypeVar

from perscom_receiver import HIDDEN_COLUMNS, sign

__all__ = ["CANARY", "LIMIT", "SECRET", "Draw", "Request", "some_request"]

T = TypeVar("T")

SECRET = "kQ7vX2mN9pL4sT8wZ1bR5yC3dF6gH0jA"
LIMIT = 3000
"""Bytes of a body that are allowed, so that some are too large."""
CANARY = "canary-7f3a"
"""What stands in hidden columns."""


class Draw:
    """Turns bytes into decisions. When they are used up, each further one is the first of its options."""

    def __init__(self, data: bytes) -> None:
        self.broken = False
        """Whether bodies may hold what is no JSON."""
        self._rest = BytesIO(data)

    def number(self, end: int) -> int:
        """From 0 to below ``end``."""
        return int.from_bytes(self._rest.read(1 if end <= 256 else 2), "big") % end

    def one(self, options: Sequence[T]) -> T:
        return options[self.number(len(options))]

    def raw(self, most: int) -> bytes:
        return self._rest.read(self.number(most + 1))


class Request(NamedTuple):
    method: str
    headers: list[tuple[bytes, bytes]]
    length: bytes | None
    """The Content-Length, which may lie. None: the body comes in chunks."""
    body: bytes
    pieces: list[bytes]


HIDDEN = tuple(name.encode() for name in sorted(HIDDEN_COLUMNS))
OWN = (b"event", b"created", b"request_id", b"trace_id")
NAMES = (*rb"id data changes user rank O'Brien \u0069d p\u0061ssword".split(), b"", *HIDDEN)
TEXTS = (
    *rb"user.updated 7 password O'Brien \u00e9 \ud83c\udf96 \u0000 \/ \n &quot; &#112; [[[{ 12:00 2026-02-30".split(),
    *b"2026-03-02T19:08:10.854257Z 0001-01-01T00:00:00+14:00 9999-12-31T23:59:59-14:00".split(),
    *(b"", "Жуков".encode(), b"&#" + b"9" * 5000 + b";"),
)
SPEAKING = (rb"{\"password\":\"canary-7f3a\"}", rb"{&quot;remember_token&quot;:&quot;canary-7f3a&quot;}")
SCALARS = (*b"null true 0 -0 7 1.5 1.0e+25 1e999 -1e999 9223372036854775808 1e-999".split(), b"9" * 5000, b"[]", b"{}")
BROKEN_TEXTS = (*rb'\ud83c \q \u12 "'.split(), b"\x00", b"\xff\xfe")
BROKEN_SCALARS = (*b"NaN Infinity - 01 1. tru 'x' [,] {,} [1,]".split(), b"", b'{"a"}', b"\xef\xbb\xbf")


def some_text(draw: Draw, more: Sequence[bytes] = SPEAKING) -> bytes:
    texts = TEXTS + more + BROKEN_TEXTS * draw.broken
    return b'"' + b"".join(draw.one(texts) for _ in range(draw.number(4))) + b'"'


def some_value(draw: Draw, depth: int = 0) -> bytes:
    match draw.number(20) if depth < 6 else 0:
        case 0:
            return draw.one(SCALARS + BROKEN_SCALARS * draw.broken)
        case 1:
            levels = draw.one((500, 511, 512, 513, 1400))
            return b"[" * levels + some_value(draw, 6) + b"]" * levels
        case 2 | 3 | 4 | 5:
            return some_text(draw)
        case 6 | 7 | 8:
            return b"[" + b",".join(some_value(draw, depth + 1) for _ in range(draw.number(4))) + b"]"
        case 9 | 10 | 11 | 12 | 13:
            return b"{" + b",".join(_member(draw, draw.one(NAMES), depth) for _ in range(draw.number(6))) + b"}"
        case _:
            return b'{"%b":"%b","id":%b}' % (draw.one(HIDDEN), CANARY.encode(), some_value(draw, depth + 1))


def _member(draw: Draw, name: bytes, depth: int) -> bytes:
    return b'"' + name + b'":' + (some_text(draw, ()) if name in OWN else some_value(draw, depth + 1))


def some_body(draw: Draw) -> bytes:
    draw.broken = draw.one((False, True))
    match draw.number(12):
        case 0:
            return draw.raw(LIMIT + 500)
        case 1:
            names = (*OWN, b"data", b"changes", b"tomorrow", *HIDDEN)
            return b"{" + b",".join(_member(draw, draw.one(names), 0) for _ in range(draw.number(9))) + b"}"
        case 2:
            return some_value(draw) + draw.raw(3)
        case _:
            return b'{"event":%b,"created":%b,"data":%b,"changes":%b}%b' % (
                draw.one((b'"user.updated"', b'"rankrecord.created"', b'"tomorrow"') * 3 + (some_text(draw, ()),)),
                draw.one((b'"2026-03-02T19:08:10.854257Z"',) * 6 + (some_text(draw, ()),)),
                some_value(draw),
                some_value(draw),
                draw.raw(1) * draw.broken,
            )


def some_signature(draw: Draw, body: bytes) -> bytes:
    right = sign(body, SECRET).encode()
    if draw.number(4):
        return right
    at = draw.number(64)
    changed = right[:at] + draw.raw(1) + right[at + 1 :]
    odd = (right + b" ", b"\t" + right, right.upper(), b"sha256=" + right, right[:-1], right * 2, b"0" * 64, b"\xff" * 64)
    return draw.one((*odd, changed, draw.raw(70), "é".encode() * 32))


def some_request(draw: Draw) -> Request:
    """One request. Half of them are signed as PERSCOM would."""
    method = draw.one(("POST",) * 24 + ("GET", "HEAD", "PUT", "", "post", "PO\nST"))
    body = some_body(draw)
    names = (b"Signature", b"signature", b"X-Signature", b"Content-Type", b"Signature\xff", draw.raw(20))
    headers = [(draw.one(names[:1] * 24 + names), some_signature(draw, body)) for _ in range(draw.one((1,) * 9 + (0, 2, 3)))]
    headers += [(draw.raw(9), draw.raw(30)) for _ in range(draw.one((0, 0, 1, 5, 300)))]
    true = str(len(body)).encode()
    length = draw.one((true, true, None, None, b"0", b"7", b"9" * 30, b"-1", b"1_0", b"\xb2", b""))
    step = draw.one((LIMIT * 2, 1000, 64, 1))
    return Request(method, headers, length, body, [body[at : at + step] for at in range(0, len(body), step)])
