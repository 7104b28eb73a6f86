"""Destinations that get the events themselves, signed anew: any address, for n8n and the like. No chat platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from perscom_adapters.settings import forward_url_mistake
from perscom_receiver import Secret

from .._table import Table
from ..config import HiddenToken, HiddenUrl
from ._platform import Platform
from ._read import kind_of, webhook_url

if TYPE_CHECKING:
    import aiohttp

    from perscom_adapters import Forwards

__all__ = ["FORWARD", "WebhookPlace"]


class WebhookPlace(msgspec.Struct, frozen=True, kw_only=True):
    """An address, the secret of whoever listens there, and whether it may be in a private network."""

    platform: ClassVar[str] = "webhook"
    key: ClassVar[str] = "url"

    url: HiddenUrl
    secret: HiddenToken
    private: bool = False

    @property
    def identity(self) -> tuple[str | None, ...]:
        """The address."""
        return (self.url.value,)

    def open(self, name: str, session: aiohttp.ClientSession) -> Forwards:
        """Ready to forward."""
        from perscom_adapters.webhook import WebhookDestination

        return WebhookDestination(self.url.value, self.secret.value, name=name, session=session, private=self.private)


def _read(table: Table) -> WebhookPlace | None:
    private = table.flag("private") or False
    url = webhook_url(table, "webhook", lambda url: _mistake(url, private=private))
    if "secret" not in table:
        table.wrong(
            "secret",
            "secret is missing. Make a new one, not PERSCOM's, and add the line:"
            ' secret = "${WEBHOOK_SECRET}", and its value to .env.',
        )
    secret = table.text("secret")
    if secret is not None and (weakness := Secret(secret).weakness()):
        table.note("secret", f"is weak: {weakness}.")
    if url is None or secret is None:
        return None
    by_http = " By http they are not encrypted." if url.value.startswith("http:") else ""
    table.remark(f"gets whole events, with e-mail addresses, phone numbers and notes of members.{by_http}")
    return WebhookPlace(url=url, secret=HiddenToken(secret), private=private)


def _mistake(url: str, *, private: bool) -> str | None:
    if other := kind_of(url):
        return f'This address is one for type = "{other}".'
    return forward_url_mistake(url, private=private)


FORWARD = Platform(name="Webhook", keys=("url", "secret", "private"), read=_read, questions=(), forwards=True)
