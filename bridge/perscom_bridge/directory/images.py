"""How a picture is found by a name."""

from __future__ import annotations

__all__ = ["image_key"]


def image_key(name: str) -> str:
    """``name`` as pictures are found by it: the case of letters and the white space around it do not count."""
    return " ".join(name.split()).casefold()
