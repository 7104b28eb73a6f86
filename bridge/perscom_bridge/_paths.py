"""The paths of the public listener, compared without trailing and doubled slashes.

A redirect to the right spelling would turn PERSCOM's POST into an empty GET.
"""

from __future__ import annotations

from typing import Final

__all__ = ["WEBHOOK_PATH", "plain_path"]

WEBHOOK_PATH: Final = "/webhooks/perscom"


def plain_path(path: str) -> str:
    """``path`` as it is compared."""
    return "/" + "/".join(part for part in path.split("/") if part)
