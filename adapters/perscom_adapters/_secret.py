"""What is secret: tokens, and addresses that hold one. They show themselves to the call that needs them and to nobody else."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["SecretURL", "Token", "masked"]


def masked(secret: str) -> str:
    """What may be shown of a secret so that its owner knows which one is meant: the first four characters."""
    return f"{secret[:4]}…"


class SecretURL:
    """An address that holds a token. Only its host shows, in ``repr`` too, and so in a traceback that prints variables."""

    __slots__ = ("_url", "host")

    def __init__(self, url: str) -> None:
        self._url = url
        self.host = urlsplit(url).hostname or ""

    def __repr__(self) -> str:
        return f"<SecretURL at {self.host}>"

    def reveal(self) -> str:
        """The address itself: for the call that needs it, never for a variable."""
        return self._url


class Token:
    """A bot token. It never shows, in ``repr`` neither."""

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "<Token>"

    def reveal(self) -> str:
        """The token itself: for the call that needs it, never for a variable."""
        return self._token
