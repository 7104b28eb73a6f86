"""What goes over the wire for one attempt: address, headers and body, signed over exactly the bytes that are sent.

signer = Signer("the secret of this subscription", standard=True)
request = signer.request("POST", url, body, message_id=event.id, now=datetime.now(UTC))
"""

from __future__ import annotations

import secrets as chance
from base64 import b64encode
from datetime import datetime
from typing import Literal

import msgspec

from perscom_receiver import SIGNATURE_HEADER, ConfigurationError, Secrets, StandardSigner, Verifier

from .get_query import get_url

__all__ = ["SignedRequest", "Signer", "new_secret"]


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request, ready to be sent as it is. Its repr shows neither address nor body."""

    method: Literal["POST", "GET"]
    url: str
    """Encoded already: for aiohttp it is ``yarl.URL(url, encoded=True)``."""
    headers: dict[str, str]
    """Without those of every HTTP client (Host, User-Agent, Content-Length)."""
    body: bytes
    """Empty for GET."""

    def __repr__(self) -> str:
        return f"<SignedRequest {self.method}, {len(self.body)} bytes>"


class Signer:
    """Signs for one subscription. The keys are prepared once; immutable and safe for threads."""

    __slots__ = ("_newest", "_standard")

    def __init__(self, *secrets: Secrets, standard: bool = False) -> None:
        """The newest secret first; behind it the old ones, each with a ``valid_until`` up to which it signs too.

        PERSCOM's ``Signature`` has room for one, so it is always that of the newest: a receiver needs the new secret *beside*
        the old one before the change. With ``standard`` the headers of Standard Webhooks stand beside it, signed with each
        secret that is valid: there a receiver may change at any time of the overlap. Raises ConfigurationError for a blank
        secret, none at all, an end of the newest, and with ``standard`` for ``whsec_`` without base64 behind it.
        """
        prepared = Verifier(*secrets).secrets
        self._newest = prepared[0]
        if self._newest.valid_until is not None:
            raise ConfigurationError(
                "The first secret is the one to go on with, so it has no valid_until. Put the old one behind it."
            )
        self._standard = StandardSigner(prepared) if standard else None

    def request(
        self, method: Literal["POST", "GET"], url: str, body: bytes, *, message_id: str, now: datetime
    ) -> SignedRequest:
        """The request that delivers the event in ``body``, JSON as :func:`~perscom_receiver.php_json` writes it.

        In every attempt ``body`` and ``message_id`` (visible ASCII without a dot) are the same, and so is ``Signature``;
        ``now`` is the moment of this one, aware, and stands in the headers of Standard Webhooks alone. A GET has none of those:
        they sign a body, and what is signed for a GET does not travel; see :mod:`perscom_sender.get_query`. Raises ValueError.
        """
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: self._newest.sign(body)}
        if method == "GET":
            return SignedRequest(method=method, url=get_url(url, body), headers=headers, body=b"")
        if self._standard is not None:
            headers |= self._standard.headers(body, message_id=message_id, now=now)
        return SignedRequest(method=method, url=url, headers=headers, body=body)


def new_secret() -> str:
    """A new random secret of 256 bits: ``whsec_`` and base64, 50 characters.

    As a whole it is the secret of PERSCOM's form, and libraries for Standard Webhooks take it as it is.
    """
    return f"whsec_{b64encode(chance.token_bytes(32)).decode()}"
