"""The golden requests: what PERSCOM and strangers may send, made by a real PHP. They ship with the package for the demo."""

from __future__ import annotations

from base64 import b64decode
from importlib.resources import files

import msgspec

__all__ = ["Golden", "golden_requests"]


class Golden(msgspec.Struct, frozen=True):
    """One request. ``valid``: exactly one signature, and it is the one of the body under ``secret``."""

    name: str
    secret: str
    method: str
    path_query: str
    headers: dict[str, str | list[str]]
    body_base64: str
    event: str | None
    valid: bool
    reason: str

    @property
    def body(self) -> bytes:
        """The bytes that travel."""
        return b64decode(self.body_base64)

    def wire(self, path: str) -> bytes:
        """The whole HTTP/1.1 request, to ``path`` with the query it was sent with; a header that is a list is sent twice."""
        query = self.path_query.partition("?")[2]
        lines = [f"{self.method} {path}{'?' + query if query else ''} HTTP/1.1"]
        for name, value in self.headers.items():
            lines += [f"{name}: {one}" for one in ([value] if isinstance(value, str) else value)]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + self.body


def golden_requests() -> list[Golden]:
    """All of them, in the order of the file."""
    return msgspec.json.decode((files(__package__) / "requests.json").read_bytes(), type=list[Golden])
