"""The table [server] of bridge.toml."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path

from perscom_receiver import ConfigurationError, JetStream
from perscom_receiver.queue import Database

from ._keys import SERVER
from ._site import web_address
from ._table import Table
from .config import DATABASE, HiddenUrl, ListenAddress, Server

__all__ = ["is_loopback", "listen_address", "read_server"]

_LISTEN = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<name>[A-Za-z0-9.-]+)):(?P<port>[0-9]{1,5})")
_HOST_NAME = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


def read_server(table: Table, folder: Path) -> Server:
    """The listeners, the database and what stands in front of it; a relative file name counts from ``folder``."""
    table.check_keys(SERVER)
    default = Server(database=folder / DATABASE)
    listen = _listener(table, "listen") or default.listen
    status = _listener(table, "status") or default.status
    if listen.port == status.port != 0:
        where = "status" if "status" in table else "listen"
        table.wrong(
            where,
            f"listen and status both take port {listen.port}, but one door is for the internet and one for you alone.\n"
            'Give status a port of its own, such as "127.0.0.1:8001".',
        )
    if not is_loopback(status.host):
        table.note(
            "status",
            f"is {status}, which other machines may reach. Anybody there can read the events; a firewall must stop them.",
        )
    public = web_address(table, "public")
    if public is not None and public.startswith("http://"):
        table.note(
            "public",
            "begins with http://. Where anything redirects to https, PERSCOM loses the event: write https:// if you can.",
        )
    database = _database(table, folder) or default.database
    return Server(listen=listen, status=status, public=public, database=database, folder=folder, ingest=_ingest(table))


def listen_address(text: str) -> ListenAddress | None:
    """``host:port`` with an IPv4 address, a host name, or an IPv6 address in brackets; None when it is none of them."""
    found = _LISTEN.fullmatch(text)
    if not found or int(found["port"]) > 65535:
        return None
    host = found["v6"] or found["name"]
    try:
        is_address = ip_address(host).version == (6 if found["v6"] else 4)
    except ValueError:
        is_address = found["v6"] is None and _HOST_NAME.fullmatch(host) is not None
    return ListenAddress(host, int(found["port"])) if is_address else None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _listener(table: Table, key: str) -> ListenAddress | None:
    text = table.text(key)
    if text is None:
        return None
    address = listen_address(text)
    if address is None:
        example = ListenAddress("127.0.0.1", 8000 if key == "listen" else 8001)
        table.wrong(key, f'"{table.shown(key)}" is no address with a port. Write it without http://, such as "{example}".')
    return address


def _ingest(table: Table) -> JetStream | None:
    text = table.text("ingest")
    if text is None:
        return None
    try:
        stream = JetStream(text)
    except ConfigurationError as error:
        table.wrong("ingest", str(error))
        return None
    if not stream.proves_itself:
        table.note("ingest", "names no user, token or key: whoever reaches that server can write events that nobody signed.")
    elif not stream.tls and not all(is_loopback(host) for host in stream.hosts):
        table.note("ingest", "is not encrypted, and events are personal data: write tls:// if the server can do that.")
    return stream


def _database(table: Table, folder: Path) -> Path | HiddenUrl | None:
    text = table.text("database")
    if text is None:
        if "database" not in table and os.path.isdir(folder / DATABASE):  # what Docker makes of a file that is not there
            table.wrong(
                "database",
                f'"{DATABASE}" beside this file is a folder, where the database would be made. Take it away, or name a file:\n'
                f'database = "{DATABASE}/{DATABASE}"',
            )
        return None
    if re.match(r"[a-z]{2,}:", text):
        return _database_server(table, text)
    path = folder / text
    if text.endswith("/") or os.path.isdir(path):  # unlike Path.is_dir() it never raises, whatever the name is
        table.wrong("database", f'"{table.shown("database")}" is a folder. Name a file in it, such as "bridge.db".')
    elif not os.path.isdir(path.parent):
        table.wrong(
            "database", f'The folder of "{table.shown("database")}" is not there. Make it first, or name another place.'
        )
    return path


def _database_server(table: Table, text: str) -> HiddenUrl | None:
    if not text.startswith(("postgresql:", "postgres:")):
        table.wrong(
            "database", 'Events are kept in a file, such as "bridge.db", or in a PostgreSQL: postgresql://USER@HOST/NAME'
        )
        return None
    try:
        Database(text)
    except ConfigurationError as error:
        table.wrong("database", str(error))
        return None
    return HiddenUrl(text)
