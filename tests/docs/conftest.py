"""What the tests of the pages share: the pages, and the code blocks in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "deploy/README.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")))


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str


Blocks = Callable[..., list[Block]]


def _read(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ]


@pytest.fixture(scope="session")
def blocks() -> Blocks:
    """The blocks of one page, or of all, in order; with ``language`` only those."""

    def blocks(page: str | None = None, language: str | None = None) -> list[Block]:
        found = [block for name in PAGES if page in (None, name) for block in _read(name)]
        return [block for block in found if language in (None, block.language)]

    return blocks


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    """Each page in turn, by its path from the top of the repository."""
    return str(request.param)
