"""Where a PostgreSQL is, and how it is reached. The password in an address is shown to nobody."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ._errors import ConfigurationError
from ._postgres_sql import adapt

__all__ = ["Address"]

_USUAL = {
    "application_name": "perscom",
    "connect_timeout": 5,
    "keepalives_idle": 10,  # a server that is gone without a word must not be waited for by the hour
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_ODD = (
    "The address of the database cannot be read. It is postgresql://USER:PASSWORD@HOST:PORT/NAME, and in the password letters"
    " and digits stand as they are, everything else as its code: %40 for @, %2F for /, %3A for :, %23 for #, %3F for ?."
)


class Address:
    """A parsed ``postgresql://`` address. Raises ConfigurationError, without any of it, for one that is none."""

    def __init__(self, text: str) -> None:
        try:
            if "@" in text.replace(urlsplit(text).netloc, "", 1) or urlsplit(text).netloc.count("@") > 1:
                raise ConfigurationError(_ODD)  # libpq would take a part of the password for the host, and name it
            given = conninfo_to_dict(text)
            if not all(port.isdecimal() for port in str(given.get("port", 0)).split(",")):
                raise ConfigurationError(_ODD)
        except (ValueError, psycopg.Error):
            raise ConfigurationError(_ODD) from None
        self._settings: dict[str, Any] = {**_USUAL, **given, "client_encoding": "UTF8"}
        user = f"{given['user']}@" if given.get("user") else ""
        port = f":{given['port']}" if given.get("port") else ""
        self.name = f"postgresql://{user}{given.get('host') or ''}{port}/{given.get('dbname') or ''}"
        """It, without the password."""

    def connect(self, setup: str) -> psycopg.Connection[Any]:
        """A connection that commits each statement, after the statements ``setup``. Raises psycopg.Error."""
        raw = psycopg.connect(autocommit=True, **self._settings)
        try:
            adapt(raw)
            raw.execute(setup.encode())
        except BaseException:
            raw.close()
            raise
        return raw
