"""The address of NATS: one text with all that belongs to it. What is secret in it is shown nowhere."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from ._errors import ConfigurationError

__all__ = ["NatsAddress", "nats_address"]

PORT = 4222
FILES = ("creds", "nkey", "ca", "cert", "key")
OPTIONS = (*FILES, "replicas", "max_bytes")
MOST_REPLICAS = 5
LARGEST_FILE = 2**20
_MARKS = {
    "creds": (b"BEGIN NATS USER JWT", b"BEGIN USER NKEY SEED"),  # without them the library reads on for ever
    "nkey": (b"SU",),
    "ca": (b"BEGIN CERTIFICATE",),
    "cert": (b"BEGIN CERTIFICATE",),
    "key": (b"PRIVATE KEY",),
}
_EXAMPLE = "nats://user:password@host:4222"
_SPELLING = "Characters such as / ? # @ in a user or a password are written with their number: %2F %3F %23 %40."
_bytes = re.compile(r"([0-9]{1,15})(B|KB|MB|GB|TB)?").fullmatch
_UNITS = {None: 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class NatsAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where NATS is, who we are there, and how a new stream is made."""

    servers: tuple[str, ...]
    """``nats://host:port`` or ``tls://host:port``, without anything secret; at least one."""
    user: str | None = None
    password: str | None = None
    token: str | None = None
    creds: str | None = None
    """A file with a JWT and the seed of its key."""
    nkey: str | None = None
    """A file with the seed of a key."""
    ca: str | None = None
    """A file with the authorities that may have signed the server's certificate; None: those of the system."""
    cert: str | None = None
    """A file with our own certificate, and the one with its ``key``."""
    key: str | None = None
    replicas: int | None = None
    max_bytes: int | None = None

    @property
    def name(self) -> str:
        """For people."""
        return ", ".join(server.partition("://")[2] for server in self.servers)

    @property
    def tls(self) -> bool:
        """Whether nothing may be said without TLS."""
        return self.servers[0].startswith("tls://")

    @property
    def proves_itself(self) -> bool:
        """Whether it says who we are."""
        return any((self.user, self.token, self.creds, self.nkey, self.cert))

    def check_files(self) -> None:
        """Raises ConfigurationError when a file that it names cannot be read, or is not what it should be."""
        for name in FILES:
            if (path := getattr(self, name)) is not None:
                _check_file(name, path)

    def __repr__(self) -> str:
        return f"NatsAddress({self.name!r})"


def nats_address(text: str) -> NatsAddress:
    """Read ``text``. Raises ConfigurationError, which quotes nothing of it: anything in it may be a password."""
    place, _, options = text.strip().partition("?")
    scheme = place.partition("://")[0].lower()
    if scheme not in ("nats", "tls"):
        raise ConfigurationError(f"The address of NATS begins with nats:// or tls://, such as {_EXAMPLE}.")
    servers, known = [], set[tuple[str | None, str | None]]()
    for part in place.split(","):
        whole = part.strip() if "://" in part else f"{scheme}://{part.strip()}"
        server, credentials = _server(whole, scheme)
        servers.append(server)
        if credentials is not None:
            known.add(credentials)
    if len(known) > 1:
        raise ConfigurationError("The servers of NATS are one cluster with one user: name the same one for each, or only once.")
    first, password = known.pop() if known else (None, None)
    return _with_options(
        NatsAddress(
            servers=tuple(servers),
            user=first if password is not None else None,
            password=password,
            token=first if password is None else None,
        ),
        options,
    )


def _server(text: str, scheme: str) -> tuple[str, tuple[str | None, str | None] | None]:
    """The address of one server without credentials, and these; a user without a password is a token."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        raise ConfigurationError(f"The address of NATS cannot be read; it looks like {_EXAMPLE}. {_SPELLING}") from None
    if parts.scheme != scheme:
        raise ConfigurationError("The servers of NATS must all be nats:// or all be tls://.")
    if not host or parts.path not in ("", "/") or parts.fragment:
        raise ConfigurationError(f"The address of NATS has a host and a port, such as {_EXAMPLE}. {_SPELLING}")
    server = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    if not parts.username:
        return server, None
    return server, (unquote(parts.username), None if parts.password is None else unquote(parts.password))


def _with_options(address: NatsAddress, text: str) -> NatsAddress:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        pairs = [("", "")]
    options = dict(pairs)
    if len(options) < len(pairs) or not set(options) <= set(OPTIONS) or not all(options.values()):
        raise ConfigurationError(
            f"Behind the ? of the address of NATS may stand, each once and joined by &: {'=… '.join(OPTIONS)}=…. {_SPELLING}"
        )
    if ("cert" in options) != ("key" in options):
        raise ConfigurationError("A certificate needs its key: give both cert= and key= in the address of NATS.")
    if sum((address.user is not None, address.token is not None, "creds" in options, "nkey" in options)) > 1:
        raise ConfigurationError("Say once who we are at NATS: a user with a password, a token, creds= or nkey=.")
    found: dict[str, object] = {name: options[name] for name in FILES if name in options}
    if "replicas" in options:
        found["replicas"] = _replicas(options["replicas"])
    if "max_bytes" in options:
        found["max_bytes"] = _size(options["max_bytes"])
    address = msgspec.structs.replace(address, **found)
    address.check_files()
    return address


def _check_file(name: str, path: str) -> None:
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE)
    except OSError as error:
        text = f"The file that {name}= names in the address of NATS cannot be read: {error.strerror}."
        raise ConfigurationError(text) from None
    if not all(mark in content for mark in _MARKS.get(name, ())):
        raise ConfigurationError(f"The file that {name}= names in the address of NATS is none of that kind.")


def _replicas(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:3]) <= MOST_REPLICAS:
        raise ConfigurationError(f"replicas= in the address of NATS is a number from 1 to {MOST_REPLICAS}; use an odd one.")
    return int(text)


def _size(text: str) -> int:
    found = _bytes(text.upper())
    if not found or not int(found[1]):
        raise ConfigurationError("max_bytes= in the address of NATS is a size, such as 500MB or 10GB.")
    return int(found[1]) * _UNITS[found[2]]
