"""The tables [images.rank], [images.award] and so on of bridge.toml: pictures by name, without asking PERSCOM for them."""

from __future__ import annotations

from typing import Final

from perscom_adapters import safe_url

from ._table import Table
from .config import Images
from .directory.images import image_key

__all__ = ["IMAGES", "read_images"]

IMAGES: Final = ("rank", "award", "qualification", "unit")
"""What may have pictures."""


def read_images(tables: Table) -> Images:
    """The addresses of pictures by kind and name."""
    tables.check_keys(IMAGES)
    found: dict[str, dict[str, str]] = {}
    for kind in IMAGES:
        table = tables.table(kind, f"[images.{kind}]")
        pictures = found[kind] = dict[str, str]()
        for name in table.values:
            url = _url(table, name)
            if image_key(name) in pictures:
                table.wrong(name, "This name has a picture already; the case of letters does not count. Keep one of the two.")
            elif url is not None:
                pictures[image_key(name)] = url
    return {kind: pictures for kind, pictures in found.items() if pictures}


def _url(table: Table, name: str) -> str | None:
    value = table.text(name)
    if value is None:
        return None
    if not value.lower().startswith("https://") or safe_url(value) is None:
        table.wrong(name, "This is no address of a picture. Chats take permanent ones that begin with https://")
        return None
    if "X-Amz-Expires" in value or "X-Amz-Signature" in value:
        table.wrong(
            name, "This address ends within the hour, like all that PERSCOM makes for its pictures. Put a copy on the web."
        )
        return None
    return value
