"""Where tests keep a database: in a file, and unless they look into that, in PostgreSQL too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses a ``db`` on each store, and what asks for its ``path`` on a file alone."""
    if "db" in metafunc.fixturenames:
        metafunc.parametrize("db", ["file"] if "path" in metafunc.fixturenames else ["file", "postgres"], indirect=True)


@pytest.fixture
def db(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """What a Database is made of, new and empty."""
    if request.param == "file":
        yield str(tmp_path / "perscom.db")
    else:
        from postgres import new_schema

        with new_schema() as address:
            yield address


@pytest.fixture
def path(db: str) -> Path:
    """The file, for a test that looks into it."""
    return Path(db)
