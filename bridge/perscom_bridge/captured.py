"""A captured request as a file: what somebody saved with ``nc`` or copied out of a proxy, and what the service keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

__all__ = ["Captured", "parse", "written"]

Pairs = tuple[tuple[bytes, bytes], ...]

_KEPT_HEADERS = (b"signature", b"content-type", b"content-encoding", b"user-agent", b"via")
"""All that tells anything about a refusal. What else a stranger sends (cookies, passwords) is nobody's business."""

_request_line = re.compile(rb"([!-~]{1,20}) ([!-~]+) HTTP/[0-9.]{1,3}\r?\n").match
_end_of_head = re.compile(rb"\r?\n\r?\n").search
_chunk_line = re.compile(rb"([0-9a-fA-F]{1,8})[^\r\n]*\r?\n").match


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Its query is not held, only whether there was one."""

    method: str
    path: str
    query: bool
    headers: Pairs
    body: bytes
    complete: bool = True
    """False when the file ends before the body does."""


def parse(raw: bytes) -> Captured | None:
    """The request that ``raw`` holds, head and body; None when it does not begin like one."""
    line = _request_line(raw)
    if line is None:
        return None
    blank = _end_of_head(raw, line.end() - 2)
    head, rest = (raw[line.end() : blank.start()], raw[blank.end() :]) if blank else (raw[line.end() :], b"")
    headers = tuple(
        (name.strip(), value.strip(b" \t\r"))
        for name, colon, value in (row.partition(b":") for row in head.split(b"\n"))
        if colon
    )
    body, complete = _body(headers, rest)
    path, mark, _ = line[2].decode().partition("?")
    return Captured(method=line[1].decode(), path=path, query=bool(mark), headers=headers, body=body, complete=complete)


def written(method: str, path: str, query: bool, headers: Iterable[tuple[bytes, bytes]], body: bytes | None) -> bytes:
    """A request in the form that :func:`parse` reads, as far as it may be kept. ``body`` None: it is not kept."""
    lines = [f"{method[:20]} {path}{'?...' if query else ''} HTTP/1.1".encode()]
    lines += [name + b": " + value for name, value in headers if name.lower() in _KEPT_HEADERS]
    # Where the body is left out its length says that there is more than the file holds.
    lines.append(b"content-length: %d" % (1 if body is None else len(body)))
    return b"\r\n".join([*lines, b"", body or b""])


def _body(headers: Pairs, rest: bytes) -> tuple[bytes, bool]:
    """The body as a server would take it, and whether it is complete. Editors add a line break; its length tells."""
    values = {name.lower(): value for name, value in headers}
    if b"chunked" in values.get(b"transfer-encoding", b"").lower():
        return _unchunked(rest)
    length = values.get(b"content-length", b"")
    if not length.isdigit():
        return rest, True
    size = int(length[:20])
    return rest[:size], len(rest) >= size


def _unchunked(rest: bytes) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    at = 0
    while found := _chunk_line(rest, at):
        size = int(found[1], 16)
        if not size:
            return b"".join(pieces), True
        pieces.append(rest[found.end() : found.end() + size])
        at = found.end() + size
        at += 2 if rest.startswith(b"\r\n", at) else 1
    return b"".join(pieces), False
