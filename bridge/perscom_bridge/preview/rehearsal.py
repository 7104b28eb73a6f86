"""What would be posted: the poster of the service itself, in front of a place that only listens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from perscom_adapters import Directory, Message, Receipt
from perscom_receiver import Context, Event, SQLiteInbox, Told

from ..config import DestinationConfig, Images, Site
from ..directory.images import image_key
from ..platforms import extra_of
from ..posting import Known, Poster
from ..threads import Threads

if TYPE_CHECKING:
    from ..platforms import Place

__all__ = ["Pictures", "Said", "anywhere", "rehearsed"]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the platform. ``became`` is what it does: a message more, one that goes on with the one before it, or what
    becomes of one that stands there. ``thread`` is the title of the thread that it begins."""

    message: Message
    became: Literal["posted", "continued", "edited", "deleted"] = "posted"
    thread: str | None = None


def anywhere(platform: str, *, long: bool = False) -> DestinationConfig:
    """A destination on ``platform`` as it is without any further line in the file; a ``long`` one shows all it can."""
    config = DestinationConfig(name="announcements", place=cast("Place", _Anywhere(platform)), events=("*",))
    return msgspec.structs.replace(config, long="follow-up", show=("answers",)) if long else config


async def rehearsed(
    tasks: Sequence[Sequence[Event]], destination: DestinationConfig, site: Site, known: Known | None = None
) -> list[list[Said]]:
    """For each of ``tasks``, which come one after the other, what the service would send to ``destination``: nothing, where it
    has nothing to say. The events of one task are those that are posted together.

    It happens at the time of the events, so quiet hours are those of then. Raises ConfigurationError where the platform's extra
    is not installed, and DestinationError for what no message can be made of.
    """
    with extra_of(destination.place.platform):
        place = _Listening(destination)
        with _threads(destination, place) as threads:
            return await _posted(tasks, destination, place, site, known, threads)


async def _posted(
    tasks: Sequence[Sequence[Event]],
    destination: DestinationConfig,
    place: _Listening,
    site: Site,
    known: Known | None,
    threads: Threads | None,
) -> list[list[Said]]:
    clock = 0.0
    poster = Poster(destination, place, site, lambda name, outcome: None, known, lambda: clock, threads)
    told: list[Told] = []
    said: list[list[Said]] = []
    for first, *others in tasks:
        clock = max(event.created.timestamp() for event in (first, *others))
        done = await poster.post(first, Context(others=tuple(others), told=tuple(told)))
        said.append(place.heard())
        kept = done.receipts if done is not None else {}
        told += (Told(one, msgspec.json.encode(kept[one.id]).decode()) for one in (first, *others) if kept.get(one.id))
    return said


class Pictures:
    """Knows no names, and the pictures of [images] by the names that events bring along."""

    def __init__(self, images: Images) -> None:
        self._images = images

    async def before(self, events: Sequence[Event]) -> Directory:
        """The same as ``known``."""
        return self

    def known(self, events: Sequence[Event]) -> Directory:
        """Itself."""
        return self

    def name(self, resource: str, key: int, /) -> str | None:
        """None."""
        return None

    def old(self, kind: str, user_id: int, /) -> str | None:
        """None."""
        return None

    def image(self, resource: str, key: int | None, name: str | None, /) -> str | None:
        """The permanent picture of what is called so."""
        return self._images.get(resource, {}).get(image_key(name)) if name else None


class _Anywhere:
    """A place on a platform that nobody needs to know."""

    key = "url"
    identity: tuple[str | None, ...] = ()

    def __init__(self, platform: str) -> None:
        self.platform = platform


class _Listening:
    """A destination that hears what would be sent, and answers as the platform would."""

    def __init__(self, destination: DestinationConfig) -> None:
        self.name = destination.name
        self._platform = destination.place.platform
        self._edits = getattr(destination.place, "edits", True) and _edits(self._platform)
        self._silent = bool(getattr(destination.place, "silent", False))
        self._said: list[Said] = []
        self._stands: dict[str, Message] = {}

    async def send(self, message: Message, *, previous: Receipt | None = None, thread: str | None = None) -> Receipt:
        """Hear it."""
        if previous is not None:
            self._stands[previous.message_id or ""] = message
            self._said.append(Said(message=message, became="edited"))
            return previous
        # What continues another message has its title, behind an ellipsis. One task may also be several messages.
        continued = any(message.title == f"… {said.message.title}" for said in self._said)
        return self._hear(Said(message=message, became="continued" if continued else "posted"), thread)

    async def open_thread(self, message: Message, *, name: str) -> Receipt:
        """Hear it, and the title of its thread."""
        return self._hear(Said(message=message, thread=name), "thread")

    async def delete(self, receipt: Receipt) -> None:
        """Hear it, and the title of what stood there."""
        stood = msgspec.structs.replace(self._stands[receipt.message_id or ""], blocks=(), fields=())
        self._said.append(Said(message=stood, became="deleted"))

    def heard(self) -> list[Said]:
        """What was sent since the last call."""
        said, self._said = self._said, []
        return said

    def _hear(self, said: Said, thread: str | None) -> Receipt:
        silent = said.message.silent or self._silent
        self._said.append(msgspec.structs.replace(said, message=msgspec.structs.replace(said.message, silent=silent)))
        number = str(len(self._stands) + 1)
        self._stands[number] = said.message
        return Receipt(platform=self._platform, message_id=number if self._edits else None, thread_id=thread)


@contextmanager
def _threads(destination: DestinationConfig, place: _Listening) -> Iterator[Threads | None]:
    """The threads of a destination, as if none had been begun; None where it has none."""
    if destination.threads is None:
        yield None
        return
    with TemporaryDirectory(prefix="perscom-preview-") as folder, closing(SQLiteInbox(Path(folder) / "threads.db")) as inbox:
        yield Threads(inbox, destination, place)


def _edits(platform: str) -> bool:
    adapter = import_module(f"perscom_adapters.{platform}")
    return "edit" in signature(adapter.payload).parameters
