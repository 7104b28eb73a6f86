"""A PostgreSQL for tests: each gets a schema of its own in the database that ``PERSCOM_TEST_POSTGRES`` names.

Where none answers the test is skipped, but not in CI.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest

__all__ = ["SERVER", "address_of", "admin", "new_schema"]

SERVER = os.environ.get("PERSCOM_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


def admin() -> psycopg.Connection[Any]:
    """A connection that commits each statement, for what tests do behind the back of a database."""
    try:
        return psycopg.connect(SERVER, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        if "CI" in os.environ:
            pytest.fail(f"CI has no PostgreSQL: {error}")
        pytest.skip(f"no PostgreSQL answers (PERSCOM_TEST_POSTGRES names one): {error}")


def address_of(schema: str) -> str:
    """The address of a database that has all its tables in ``schema``."""
    return f"{SERVER}{'&' if '?' in SERVER else '?'}options={quote(f'-csearch_path={schema}')}"


@contextmanager
def new_schema() -> Iterator[str]:
    """The address of an empty one, which is gone when the block ends."""
    schema = f"test_{uuid4().hex[:12]}"
    with admin() as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    try:
        yield address_of(schema)
    finally:
        with admin() as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
