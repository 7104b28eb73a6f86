"""One request of the demo: what should come back for it, what did, and how that is told."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from perscom_adapters import Message

from ..golden import Golden

__all__ = ["Sent"]

WHY = {
    "wrong_secret": "signed with another secret",
    "tampered_body": "the body was changed on the way",
    "reserialised_body": "the body was parsed and written again on the way",
    "uppercase_hex": "the signature in upper case, as PERSCOM never writes it",
    "prefixed_signature": "a prefix in front of the signature",
    "missing_signature": "no signature",
    "empty_signature": "an empty signature",
    "duplicate_signature": "two signatures, one of them right",
    "truncated_signature": "63 of 64 digits",
    "malformed_signature": "a signature that is no hex number",
    "get_signature_not_over_body": "GET: what PERSCOM signed never travels",
}


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what came back."""

    golden: Golden
    again: bool
    status: int
    ms: float
    message: Message | None
    """What the event has to say; None for a refused request and for an event with nothing to say."""
    beside: bool = False
    """It is none of the golden requests, and is told in the message of the one that follows."""

    @property
    def id(self) -> str:
        """The event's own, hex SHA-256 of the body."""
        return sha256(self.golden.body).hexdigest()

    @property
    def expected(self) -> int:
        """The status that is right."""
        if not self.golden.valid:
            return 401 if self.golden.method == "POST" else 405
        return 200 if self.again else 202

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.golden.valid:
            return "again" if self.again else "genuine"
        return "refused"

    @property
    def told(self) -> str:
        """In a sentence."""
        if not self.golden.valid:
            return WHY.get(self.golden.reason, self.golden.reason)
        if self.again:
            return "seen before, not announced again"
        if self.beside:
            return "told together with what follows"
        return self.message.title if self.message is not None else "nothing to say"
