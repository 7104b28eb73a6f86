"""Where ``"${NAME}"`` in bridge.toml gets its value: the environment, or the file .env beside it. The environment wins."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec
from dotenv.parser import parse_stream

__all__ = ["Environment", "Variable"]


class Variable(msgspec.Struct, frozen=True):
    """The value of a variable, and where it was found."""

    value: str
    place: str
    """``"the environment"`` or ``".env"``, for sentences."""

    def __repr__(self) -> str:
        return f"Variable(***, place={self.place!r})"


class Environment:
    """The variables that a configuration may name."""

    def __init__(self, variables: Mapping[str, Variable], notes: tuple[str, ...] = ()) -> None:
        self.variables = variables
        self.notes = notes
        """What is odd about .env; no mistake, but good to know."""

    def get(self, name: str) -> Variable | None:
        """The variable called ``name``, or None."""
        return self.variables.get(name)

    @classmethod
    def read(cls, folder: Path, environ: Mapping[str, str]) -> Environment:
        """``environ`` over the .env in ``folder``. Raises OSError or UnicodeDecodeError when a .env cannot be read."""
        found, notes = _read_dotenv(folder / ".env")
        return cls(found | {name: Variable(value, "the environment") for name, value in environ.items()}, tuple(notes))


def _read_dotenv(path: Path) -> tuple[dict[str, Variable], list[str]]:
    found: dict[str, Variable] = {}
    notes: list[str] = []
    if not path.exists():
        return found, notes
    with path.open(encoding="utf-8") as stream:
        if os.name == "posix" and stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
            notes.append("other users of this machine may read .env. Change that: chmod 600 .env")
        for binding in parse_stream(stream):
            if binding.key is not None and binding.value is not None:
                found[binding.key] = Variable(binding.value, ".env")
            elif binding.error or binding.key is not None:
                text = binding.original.string
                line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
                notes.append(f"line {line} of .env is not NAME=value and was passed over.")
    return found, notes
