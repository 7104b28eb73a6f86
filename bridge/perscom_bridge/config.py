"""The configuration of one community as the service uses it: frozen records, filled by :func:`perscom_bridge._load.load`.

No record shows a secret, a token or the one in an address, neither as text nor as repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from perscom_receiver import Secret

from ._paths import WEBHOOK_PATH
from .conditions import Condition
from .mentions import Mentions, Pinged
from .quiet import Quiet
from .wording import Wording

if TYPE_CHECKING:
    from perscom_receiver import JetStream

    from .platforms import Place

__all__ = [
    "DATABASE",
    "SERVER_FILE",
    "Api",
    "Config",
    "DestinationConfig",
    "HiddenToken",
    "HiddenUrl",
    "Images",
    "ListenAddress",
    "Privacy",
    "Server",
    "Site",
]

DATABASE = "bridge.db"
"""The file where events are kept, if nothing else is said."""
SERVER_FILE = "bridge.toml"
"""The file of a folder with several communities that holds [server] for all of them."""


class HiddenUrl(msgspec.Struct, frozen=True):
    """An address with a token in it. Its text and repr show the host alone; ``value`` is the whole."""

    value: str

    def __str__(self) -> str:
        parts = urlsplit(self.value)
        return f"{parts.scheme}://{parts.hostname}/…"

    def __repr__(self) -> str:
        return f"HiddenUrl({str(self)!r})"


class HiddenToken(msgspec.Struct, frozen=True):
    """A token. Its text and repr show nothing of it; ``value`` is the whole."""

    value: str

    def __str__(self) -> str:
        return "…"

    def __repr__(self) -> str:
        return "HiddenToken(…)"


class ListenAddress(NamedTuple):
    """Where a listener listens. Port 0 takes any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


Images: TypeAlias = Mapping[str, Mapping[str, str]]
"""Addresses of pictures by kind (``"rank"``) and name, the name as :func:`perscom_bridge.directory.images.image_key` has it."""


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """How PERSCOM's REST API is asked for names that no event has told."""

    token: HiddenToken
    url: str = "https://api.perscom.io/v2"
    """With the version, without a slash at the end."""
    perscom_id: str | None = None
    """The community's number at PERSCOM; None where the token tells it, as API keys do."""


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """The community and its PERSCOM."""

    name: str = "PERSCOM"
    url: str | None = None
    """PERSCOM's own address, for links, without a slash at the end."""
    secrets: tuple[Secret, ...]
    """The live secret first, then the previous one while it is being changed, perhaps with an end. Named after their keys."""
    timezone: str = "UTC"
    """An IANA name, for the times on the status page, in wordings and of quiet hours. A chat shows each reader their own."""
    language: str = "en"
    """The code of the language that messages are written in, one of :data:`perscom_adapters.LANGUAGES`."""
    operator: str | None = None
    """The name of the destination that hears about trouble; None: the log and the status page alone tell of it."""
    wording: Mapping[str, Wording] = {}
    """What the community says in words of its own, by event word."""
    api: Api | None = None
    """None: PERSCOM's API is never asked."""
    mentions: Mapping[str, Mentions] = {}
    """Who may be pinged, by the name of the platform. Nobody else ever is."""

    @property
    def zone(self) -> tzinfo:
        """The time zone, also on a machine without a list of them."""
        return UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the service listens and where it keeps its events."""

    listen: ListenAddress = ListenAddress("127.0.0.1", 8000)
    """The only part the internet may reach."""
    status: ListenAddress = ListenAddress("127.0.0.1", 8001)
    """Page, metrics and readiness: for the operator alone."""
    database: Path | HiddenUrl
    """The file, absolute (a relative name counts from the folder of the configuration), or the address of a PostgreSQL."""
    folder: Path = Path()
    """That of the configuration."""
    ingest: JetStream | None = None
    """The stream in front of the database; None: events go into the database at once."""
    public: str | None = None
    """The address under which the internet reaches ``listen``, without a slash at the end; None when it is not known."""

    @property
    def place(self) -> str:
        """The whole of ``database``, as a Database takes it."""
        return self.database.value if isinstance(self.database, HiddenUrl) else str(self.database)

    @property
    def files(self) -> Path:
        """What the names of files of the service's own begin with: they lie beside the database, or the configuration."""
        return self.folder / DATABASE if isinstance(self.database, HiddenUrl) else self.database


class DestinationConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One place that messages go to, by the name the operator gave it."""

    name: str
    place: Place
    """Where it is: the settings of its platform."""
    events: tuple[str, ...]
    """Words, event names and globs as they were written; without an ``events`` line the words of the public set."""
    unclear: Literal["repeat", "drop"] = "repeat"
    """What follows when nobody knows whether a message was taken: at least once, or at most once."""
    language: str | None = None
    """The code of its language; None: the site's."""
    when: Condition | None = None
    """What an event must meet besides; None: nothing. PERSCOM's own test is never asked."""
    group: float = 10.0
    """Seconds that the first event of an action waits for the others, so that they become one message; 0: for nobody."""
    ping: tuple[Pinged, ...] = ()
    """Whom its messages ping, as far as ``Site.mentions`` names them."""
    show: tuple[str, ...] = ()
    """What is private and shown here all the same: ``"answers"``, those of forms."""
    long: Literal["cut", "follow-up"] = "cut"
    """What becomes of a message that is too long for the platform: it is cut, or continued in further messages."""
    threads: Literal["member"] | None = None
    """``"member"``: what follows the enlistment of a member goes to its thread; None: there are no threads."""
    quiet: Quiet | None = None
    """The quiet hours, on the clock of the site's time zone; None: there are none."""


class Privacy(msgspec.Struct, frozen=True, kw_only=True):
    """How long what PERSCOM sent is kept, and of whom."""

    keep_bodies: int = 30
    """Days. After them only digests stay, so that nothing can be replayed."""
    forget_left: bool = False
    """Whether a user who is deleted in PERSCOM is forgotten here, too, once all messages about that are out."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """One community, checked: a bridge.toml with all in it, or one of several files that share the [server] in it."""

    site: Site
    server: Server
    destinations: tuple[DestinationConfig, ...]
    """At least one, in the order of the file."""
    privacy: Privacy
    images: Images = {}
    path: Path
    """The file it was read from, absolute."""
    community: str | None = None
    """What tells it from the others in its folder, the name of its file; None where there is but one."""

    @property
    def key(self) -> str:
        """What its events are kept under. A single community is ``default``, and goes on as the one in default.toml."""
        return self.community or "default"

    @property
    def webhook_path(self) -> str:
        """Where PERSCOM's calls arrive."""
        return WEBHOOK_PATH if self.community is None else f"{WEBHOOK_PATH}/{self.community}"

    @property
    def option(self) -> str:
        """What a command needs to be about this community among several, with a leading space; or nothing."""
        return "" if self.community is None else f" --config {quote(str(self.path))}"
