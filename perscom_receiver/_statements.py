"""What statements are put together from."""

from __future__ import annotations

from collections.abc import Sized

__all__ = ["places"]


def places(values: Sized) -> str:
    """So many placeholders, for ``IN``; for nothing what nothing is equal to."""
    return ", ".join("?" * len(values)) or "NULL"
