"""Which requests a middleware guards. Written so that every doubt ends in guarding, since an unguarded one is unverified."""

from __future__ import annotations

__all__ = ["guards", "normalized"]


def normalized(path: str) -> str:
    """``path`` with one slash in front, no doubled ones and none at the end: ``"//a//b/"`` is ``"/a/b"``.

    White space around a part counts as nothing: Starlette's routes end in ``$``, which lets a newline pass (``/a/b%0A``).
    """
    return "/" + "/".join(stripped for part in path.split("/") if (stripped := part.strip()))


def guards(guarded: str | None, path: str, root: str) -> bool:
    """Whether a request for ``path`` below ``root`` (a mount, SCRIPT_NAME, a proxy's prefix) is one for ``guarded``.

    ``guarded`` is normalized; None guards all. Servers disagree on whether ``path`` includes ``root``, so each reading counts.
    """
    if guarded is None or path == guarded:
        return True
    path = normalized(path)
    if path == guarded:
        return True
    if not root:
        return False
    root = normalized(root)
    inside = path == root or path.startswith(root + "/")
    return normalized(root + path) == guarded or (inside and normalized(path[len(root) :]) == guarded)
