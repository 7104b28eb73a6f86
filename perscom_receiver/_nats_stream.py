"""The stream: how it is made, and how it must be for an accepted event to be safe in it. One that is there is never changed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Final

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    PersistMode,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import APIError, NotFoundError

from ._errors import ConfigurationError, Unavailable
from ._nats_address import NatsAddress
from ._nats_client import sentence

__all__ = [
    "AT_ONCE",
    "STREAM",
    "described",
    "durable_name",
    "look_at_stream",
    "make_consumer",
    "make_stream",
    "mend_consumer",
    "subject",
    "unclaimed",
]

STREAM: Final = "PERSCOM_INGEST"
SUBJECTS: Final = "perscom.ingest.*"
MAX_BYTES: Final = 2**30
"""Bytes of a stream that is made without ``max_bytes``; when they are full it takes no more."""
DUPLICATES: Final = 300.0
"""Seconds in which the stream itself knows repeats. PERSCOM makes its three tries within two minutes."""
ACK_WAIT: Final = 10.0
"""Seconds after which what a dead worker was given goes to another one."""
LOOK_AGAIN: Final = 1.0
AT_ONCE: Final = 500
"""Messages of one site that are on their way into the store: one transaction, and in order."""
_site = re.compile(r"[A-Za-z0-9_-]+").fullmatch


def subject(site: str) -> str:
    """Where the events of ``site`` are published. Raises ConfigurationError for a site that cannot be part of a subject."""
    if not _site(site):
        raise ConfigurationError('With ingest=, the name of a site has letters (a to z), digits, "-" and "_" alone.')
    return SUBJECTS.replace("*", site)


def durable_name(site: str) -> str:
    """The consumer that takes the events of ``site`` over into its store."""
    return f"inbox-{site}"


async def look_at_stream(js: JetStreamContext) -> StreamInfo | None:
    """The stream, None where there is none yet. Raises what NATS raises."""
    try:
        return await js.stream_info(STREAM)
    except NotFoundError:
        return None


def described(info: StreamInfo | None, address: NatsAddress) -> str:
    """How the stream is set up, as a sentence. Raises ConfigurationError where events are not safe in it."""
    if info is None:
        return (
            f"there is no stream yet, and the first start makes it: {_kept(address.replicas, address.max_bytes or MAX_BYTES)}."
        )
    _check_stream(info.config, address)
    kept = _kept(info.config.num_replicas, info.config.max_bytes or 0)
    return f"{STREAM} is safe for events: {kept}. {info.state.messages} events wait in it."


def _kept(replicas: int | None, max_bytes: int) -> str:
    room = f"at most {max_bytes / 1e6:,.0f} MB" if max_bytes > 0 else "as much as the disk holds (no max_bytes)"
    return f"on disk, replicas {replicas or 1}, {room}, and nothing is discarded"


async def unclaimed(js: JetStreamContext) -> list[str]:
    """The sites whose events nobody has begun to take over: no worker has them, or a stranger wrote to their subjects."""
    sites = (await js.stream_info(STREAM, subjects_filter=SUBJECTS)).state.subjects or {}
    claimed, offset = set[str](), 0
    while some := await js.consumers_info(STREAM, offset=offset):
        claimed |= {one.name for one in some}
        offset += len(some)
    return sorted(site for site in (name.rpartition(".")[2] for name in sites) if durable_name(site) not in claimed)


async def make_stream(js: JetStreamContext, address: NatsAddress) -> None:
    """Have a stream that events are safe in: make it if there is none. Raises ConfigurationError, Unavailable, or what NATS
    raises."""
    info = await look_at_stream(js)
    if info is None:
        config = StreamConfig(
            name=STREAM,
            description="PERSCOM events on their way into the store",
            subjects=[SUBJECTS],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=address.max_bytes or MAX_BYTES,
            num_replicas=address.replicas or 1,
            duplicate_window=DUPLICATES,
        )
        try:
            info = await js.add_stream(config)
        except APIError as error:
            info = await look_at_stream(js)  # another process may have made it in between
            if info is None:
                told = f"the stream {STREAM} cannot be made: {sentence(error)}. For max_bytes= see docs/many-machines.md"
                raise Unavailable(told) from None
    _check_stream(info.config, address)


def _check_stream(config: StreamConfig, address: NatsAddress) -> None:
    """Raises ConfigurationError where accepted events are not safe in a stream that was made otherwise."""
    if harm := "; ".join(_harm(config, address)):
        raise ConfigurationError(
            f"the stream {STREAM} is not safe for events: {harm}. Change that (nats stream edit {STREAM}), or delete the "
            "stream when it is empty: it is made anew"
        )


def _harm(config: StreamConfig, address: NatsAddress) -> Iterator[str]:
    if SUBJECTS not in (config.subjects or ()):
        yield f"its subjects lack {SUBJECTS}"
    if config.retention != RetentionPolicy.WORK_QUEUE:
        yield f"its retention is {_word(config.retention)}, not workqueue"
    if config.storage != StorageType.FILE:
        yield f"its storage is {_word(config.storage)}, not file"
    if config.discard != DiscardPolicy.NEW:
        yield f"when it is full it discards the {_word(config.discard)} ones, not new ones"
    if config.max_age:
        yield f"it forgets after {config.max_age:g} s (max_age)"
    if (config.max_msgs_per_subject or -1) > 0 and not config.discard_new_per_subject:
        yield "it forgets by max_msgs_per_subject"
    if config.no_ack:
        yield "it does not acknowledge (no_ack)"
    if config.mirror is not None or config.sealed:
        yield "it takes no events (it is a mirror, or sealed)"
    if config.persist_mode == PersistMode.ASYNC:
        yield "it acknowledges before it writes (persist_mode)"
    if address.replicas is not None and (config.num_replicas or 1) < address.replicas:
        yield f"it has {config.num_replicas or 1} replicas, not {address.replicas}"


def _word(value: object) -> str:
    return str(getattr(value, "value", value))


async def make_consumer(js: JetStreamContext, site: str) -> None:
    """Have the consumer of ``site``: make it if there is none. Raises ConfigurationError, or what NATS raises."""
    name = durable_name(site)
    try:
        info = await js.consumer_info(STREAM, name)
    except NotFoundError:
        info = await js.add_consumer(
            STREAM,
            ConsumerConfig(
                name=name,
                durable_name=name,
                description="Takes events over into the store",
                filter_subject=subject(site),
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_WAIT,
                max_ack_pending=AT_ONCE,
                max_deliver=-1,
            ),
        )
    _check_consumer(info.config, site)


async def mend_consumer(js: JetStreamContext, site: str) -> bool:
    """Make the consumer of ``site`` anew where it passes messages over. Whether it did.

    A server that was killed may know that a message was acknowledged, and still have it: it would take room for ever. And where
    the stream has lost its newest messages, later ones have their numbers, which the consumer takes for acknowledged.
    """
    passed = await _passed_over(js, site)
    if passed is None:
        return False
    await asyncio.sleep(LOOK_AGAIN)  # it may have been acknowledged between the two questions
    if await _passed_over(js, site) != passed:
        return False
    await js.delete_consumer(STREAM, durable_name(site))
    await make_consumer(js, site)
    return True


async def _passed_over(js: JetStreamContext, site: str) -> int | None:
    """The number of the oldest message, if the consumer believes that it was acknowledged."""
    try:
        oldest = await js.get_msg(STREAM, 1, subject(site), next=True)
    except NotFoundError:
        return None
    floor = (await js.consumer_info(STREAM, durable_name(site))).ack_floor
    return oldest.seq if floor is not None and oldest.seq is not None and oldest.seq <= floor.stream_seq else None


def _check_consumer(config: ConsumerConfig, site: str) -> None:
    harm = []
    if config.ack_policy != AckPolicy.EXPLICIT:
        harm.append(f"its ack policy is {_word(config.ack_policy)}, not explicit")
    if (config.max_deliver or -1) > 0:
        harm.append("it gives up after max_deliver deliveries")
    if config.deliver_subject is not None:
        harm.append("it pushes, and is not pulled from")
    if config.filter_subject != subject(site):
        harm.append(f"its filter is not {subject(site)}")
    if harm:
        raise ConfigurationError(
            f"the consumer {durable_name(site)} of {STREAM} loses events: {'; '.join(harm)}. Delete it: it is made anew "
            f"(nats consumer rm {STREAM} {durable_name(site)})"
        )
