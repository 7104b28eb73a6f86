"""A request as a command line, to try it by hand."""

from __future__ import annotations

import shlex
from typing import Final

from .signing import SignedRequest

__all__ = ["as_curl"]

_LONGEST: Final = 100_000
"""Characters. Linux takes 128 KiB for one argument of a program."""
_LINE: Final = 180
"""Characters of a text in one line, five times as many when all are quotes. Terminals cut a line at 4096 or 1024, and what
follows then would stand outside of its quotes, as commands.
"""


def as_curl(request: SignedRequest) -> str:
    """``request`` as a command for a POSIX shell with curl, which sends exactly the same bytes. It ends without a line break.

    The secret is not in it, but what it signed is: for PERSCOM's form the command is good for as long as the secret, with
    Standard Webhooks for five minutes. The address and the body stand in it whole, with what is private in them.
    """
    body = request.body.decode("latin-1")
    plain = body.isascii() and body.isprintable() and len(body) <= _LONGEST
    # Without these curl would take brackets in an address for a pattern, and tidy up dots in its path.
    parts = [f"curl --globoff --path-as-is --request {request.method} --url {_quoted(request.url)}"]
    parts += [f"--header {_quoted(f'{name}: {value}')}" for name, value in request.headers.items()]
    if not body:
        return " \\\n  ".join(parts)
    if plain:
        return " \\\n  ".join([*parts, f"--data-raw {_quoted(body)}"])  # --data would read a file for a text that begins with @
    # By way of the shell's own printf, which has no limit. A terminal acts on raw control characters when they are pasted.
    return f"printf -- {_quoted(''.join(map(_printf, body)))} |\n  " + " \\\n  ".join([*parts, "--data-binary @-"])


def _quoted(text: str) -> str:
    return "\\\n".join(shlex.quote(text[start : start + _LINE]) for start in range(0, len(text), _LINE))


def _printf(character: str) -> str:
    if character in "\\%":
        return character * 2
    return character if character.isascii() and character.isprintable() else f"\\{ord(character):03o}"
