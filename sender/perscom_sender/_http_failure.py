"""What went wrong with a request by aiohttp, in words of our own: its exceptions hold addresses, and what was answered."""

from __future__ import annotations

import os
import re
from typing import Final

import aiohttp

from perscom_receiver import AddressRefused, DeliveryError

__all__ = ["failure_of"]

_FLAWS: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by nobody but itself",
    19: "leads to nobody who is trusted here",
    20: "is signed by nobody who is known here, or its server leaves out those in between",
    62: "is for other names",
    64: "is for other addresses",
}
_QUOTES: Final = re.compile(r"bytearray|(?<![a-z])b?['\"]")


def failure_of(error: Exception, limits: aiohttp.ClientTimeout) -> DeliveryError:
    """The same in words that hold no address and nothing of an answer. ``limits`` are those of the request."""
    match error:
        case DeliveryError():
            return error
        case aiohttp.ConnectionTimeoutError():
            return DeliveryError(f"no connection stood within {limits.connect:g} s", kind="timeout")
        case TimeoutError():
            return DeliveryError(f"no whole answer came within {limits.total:g} s", kind="timeout")
        case aiohttp.ClientConnectorCertificateError():
            return DeliveryError(f"its certificate {_flaw(error.certificate_error)}; nothing was sent", kind="tls")
        case aiohttp.ClientConnectorSSLError():
            reason = getattr(error.os_error, "reason", None) or "no reason was given"
            return DeliveryError(f"no TLS connection stood ({reason}); nothing was sent. Does it speak https?", kind="tls")
        case aiohttp.ClientConnectorDNSError():
            return DeliveryError("its name has no address", kind="dns")
        case aiohttp.ClientConnectorError(os_error=AddressRefused()):
            return DeliveryError(
                "it leads into a private network; nothing was sent. If that is meant, name the network in allow=",
                kind="address",
            )
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno  # None for several addresses with several reasons
            return DeliveryError(f"it could not be reached{f': {os.strerror(number)}' if number else ''}", kind="connect")
        case aiohttp.InvalidURL():
            return DeliveryError("its address is written in a way that no request is made to; nothing was sent", kind="address")
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError() | OSError():
            return DeliveryError("it closed the connection before the answer was whole", kind="closed")
        case _:
            return DeliveryError(f"its answer is no HTTP that can be read: {_complaint(error)}", kind="protocol")


def _complaint(error: Exception) -> str:
    """What the parser says of an answer, up to where it begins to quote it."""
    said, *_ = _QUOTES.split(str(getattr(error, "message", "")), maxsplit=1)
    return " ".join(said.split()).rstrip(":")[:100] or type(error).__name__


def _flaw(error: Exception) -> str:
    """What is wrong with a certificate, by the number that OpenSSL has for it."""
    code = getattr(error, "verify_code", 0)
    return _FLAWS.get(code, f"is not right (OpenSSL's error {code})")
