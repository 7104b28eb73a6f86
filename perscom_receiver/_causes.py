"""The causes of refusals, in the words of the one who has to mend them. One table for the log and for ``explain``."""

from __future__ import annotations

import msgspec

__all__ = [
    "BASE64",
    "CAPITALS",
    "COMPRESSED",
    "DOUBLED",
    "GET",
    "KNOWN_SECRET",
    "MISSPELT",
    "NO_EVENT",
    "OTHER_SECRET",
    "PREFIXED",
    "QUOTED",
    "REDIRECTED",
    "REWRITTEN",
    "SPACED_HERE",
    "SPACED_THERE",
    "TOO_LARGE",
    "UNSIGNED",
    "VISIT",
    "WHITE_SPACE",
    "Cause",
]


class Cause(msgspec.Struct, frozen=True):
    """One reason why requests are refused."""

    name: str
    text: str
    """What happened: a clause, without a capital and a full stop."""
    remedy: str = ""
    more: str = ""
    """What a screen has room to add to the remedy, and a log line has not."""
    of_secret: bool = False
    """Whether the secret itself is what is wrong."""


_BYPASS = "Let PERSCOM call this address without that step between."
_PROXIES = (
    "Proxies that pass bytes on are fine: Caddy, nginx and Cloudflare Tunnel do so as installed. n8n, Zapier, smee and API "
    "gateways that transform JSON do not."
)
_PERSCOM_SENDS = "PERSCOM sends 64 lower-case hex digits, once, without a prefix."
_OTHER_SENDER = "Find what rewrites the header on the way, or which other sender calls this address."
_REDIRECTED_POST = "a POST that a redirect turned into a GET (http to https, another host)"
_FINAL_ADDRESS = "Give PERSCOM the final address."

GET = Cause("get", "a GET webhook: what PERSCOM signed never travels", "Set the method of the webhook to POST in PERSCOM.")
REDIRECTED = Cause(
    "redirected",
    f"a GET without a query, but with a Signature: probably {_REDIRECTED_POST}",
    _FINAL_ADDRESS,
    "Write https:// and the right name into the form, so that nothing redirects: the body is lost on the way.",
)
VISIT = Cause(
    "visit",
    f"a GET without a query: probably a browser, or {_REDIRECTED_POST}",
    _FINAL_ADDRESS,
)
UNSIGNED = Cause(
    "unsigned",
    "no Signature header: not from a PERSCOM webhook, or a proxy removed it",
    more="If PERSCOM did send it, let the proxy pass the header on.",
)
PREFIXED = Cause("prefixed signature", "the Signature header has a prefix", _PERSCOM_SENDS, _OTHER_SENDER)
BASE64 = Cause("base64 signature", "the Signature header is in base64", _PERSCOM_SENDS, _OTHER_SENDER)
CAPITALS = Cause("capital signature", "the Signature header is in capital letters", _PERSCOM_SENDS, _OTHER_SENDER)
QUOTED = Cause("quoted signature", "the Signature header is in quotes", _PERSCOM_SENDS, _OTHER_SENDER)
DOUBLED = Cause("doubled signature", "the Signature header is there more than once", _PERSCOM_SENDS, _OTHER_SENDER)
MISSPELT = Cause("misspelt signature", "the Signature header is nothing that PERSCOM writes", _PERSCOM_SENDS, _OTHER_SENDER)
WHITE_SPACE = Cause(
    "white space",
    "something added white space around the body on the way",
    _BYPASS,
    "If you saved the body by hand: editors like to add a line break at the end.",
)
REWRITTEN = Cause("rewritten", "something parsed the body and wrote it again on the way", _BYPASS, _PROXIES)
COMPRESSED = Cause("compressed", "something compressed the body on the way", _BYPASS, "PERSCOM never compresses.")
SPACED_HERE = Cause(
    "secret with white space",
    "the secret here has white space or quotes in it that PERSCOM's has not",
    "Copy it again from PERSCOM's webhook form, with nothing around it.",
    of_secret=True,
)
SPACED_THERE = Cause(
    "secret without white space",
    "the secret in PERSCOM's webhook form begins or ends with white space that is missing here",
    "White space counts: give PERSCOM a new Secret without it, and copy that.",
    of_secret=True,
)
KNOWN_SECRET = Cause(
    "known secret",
    "it is signed with another secret that is known here, but not live",
    "Make that one the live secret, or copy the live one into PERSCOM's webhook form.",
    of_secret=True,
)
OTHER_SECRET = Cause(
    "other secret",
    "another secret than the one in PERSCOM's webhook form (or its retry from before a change)",
    "Copy the Secret again from there into the configuration here.",
    of_secret=True,
)
TOO_LARGE = Cause(
    "payload too large",
    "the body is larger than what is received here",
    more=(
        "PERSCOM's bodies have a few KiB, and a record with a long document may pass 1 MiB. Shorten what stands in it; an app "
        "of your own may have a larger max_body."
    ),
)
NO_EVENT = Cause(
    "not from PERSCOM",
    "not from PERSCOM, or cut on the way: the body is no event as PERSCOM writes it",
    "Look which other sender calls this address.",
)
