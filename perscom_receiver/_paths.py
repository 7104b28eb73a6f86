"""Which requests a middleware guards. Written so that every doubt ends in guarding, since an unguarded one is unverified."""

from __future__ import annotations

import logging

from ._errors import ConfigurationError, VerificationError
from ._event import Event

__all__ = ["guarded_path", "guards", "normalized", "verified"]

_log = logging.getLogger("perscom_receiver")


def guarded_path(path: str | None) -> str | None:
    """The ``path`` setting of a middleware, normalized. Raises ConfigurationError for a pattern, which would guard nothing."""
    if path is None:
        return None
    if pattern := set(path) & set("{}<>?#*"):
        raise ConfigurationError(
            f"path= is compared letter by letter, so {path!r} with its {' '.join(sorted(pattern))} would guard nothing. "
            "Give the path itself, or None to guard every request."
        )
    return normalized(path)


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


def verified(left: object, path: str) -> Event:
    """The event that a middleware left for the app behind it. Raises VerificationError, after a line in the log, for none."""
    if not isinstance(left, Event):
        _log.error(
            "Nothing verified the request to %a: no SignatureMiddleware guards this path. Compare its path= with the route.",
            path[:100],
        )
        raise VerificationError("No SignatureMiddleware guards this path.")
    return left
