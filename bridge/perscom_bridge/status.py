"""The status listener: the page, readiness and metrics. For the operator alone; loopback by default."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from perscom_receiver import IngestHealth, SQLiteInbox, Unavailable
from perscom_receiver.queue import Database

from .community import Community
from .config import ListenAddress
from .metrics import exposition
from .overview import Overview, read_overview

__all__ = ["Changes", "Page", "page_environment", "readiness", "status_app"]

Page = Callable[[], Awaitable[str]]
"""Makes the HTML of the page."""

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
}

QUIET = 15.0
"""Seconds after which an open page is told that nothing happened, so that a dead connection is noticed."""
TOGETHER = 0.3
"""Seconds between two calls to an open page: a burst of events is one look."""


def page_environment() -> Environment:
    """The templates of the page, with everything escaped."""
    return Environment(loader=PackageLoader("perscom_bridge"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def status_app(
    communities: Sequence[Community], feed: Changes, page: Page | None = None, unserved: Sequence[str] = ()
) -> Starlette:
    """Serves ``/``, ``/changes`` (server-sent events), ``/readyz`` and ``/metrics``. ``page`` makes another HTML for ``/``;
    ``unserved`` are sentences about communities that are not among these."""
    template = page_environment().get_template("status.html")

    async def overviews() -> list[Overview]:
        return [await asyncio.to_thread(read_overview, one.inbox, known=one.directory) for one in communities]

    async def own_page() -> str:
        parts = [
            (one.config, ZoneInfo(one.config.site.timezone), overview)
            for one, overview in zip(communities, await overviews(), strict=True)
        ]
        failed = {one.config.key: one.metrics.failed for one in communities}
        waiting, ingest = await asyncio.to_thread(undelivered, communities[0].inbox), await streams(communities)
        return template.render(communities=parts, unserved=unserved, undelivered=waiting, failed=failed, ingest=ingest)

    async def root(request: Request) -> Response:
        return HTMLResponse(await (page or own_page)(), headers=_HEADERS)

    async def changes(request: Request) -> Response:
        return StreamingResponse(feed.stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def readyz(request: Request) -> Response:
        ingest = await streams(communities)
        problems = await readiness(communities, ingest)
        depth = {"ingest": {"pending": pending(ingest)}} if ingest else {}
        return JSONResponse({"ready": not problems, "problems": problems, **depth}, status_code=503 if problems else 200)

    async def measure(request: Request) -> Response:
        ingest = await streams(communities)
        try:
            found: Sequence[Overview | None] = await overviews()
        except Unavailable:
            found = [None] * len(communities)
        for one, overview in zip(communities, found, strict=True):
            one.metrics.update(overview, ingest.get(one.config.key))
        text = exposition([(one.config.community, one.metrics) for one in communities])
        return Response(text, media_type="text/plain; version=0.0.4")

    async def unavailable(request: Request, error: Exception) -> Response:
        told = [f"The database cannot be used: {error}", *receiving(await streams(communities))]
        return PlainTextResponse("".join(f"{line}\n" for line in told), status_code=503)

    routes = [Route("/", root), Route("/changes", changes), Route("/readyz", readyz), Route("/metrics", measure)]
    return Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_hosts(communities[0].config.server.status))],
        exception_handlers={Unavailable: unavailable},
    )


def _hosts(status: ListenAddress) -> list[str]:
    """Names under which the page may be asked for. On loopback, where no password is, no other: a page of a stranger could
    give its own name this address and read along."""
    return ["127.0.0.1", "localhost"] if status.host in ("127.0.0.1", "localhost") else ["*"]


async def streams(communities: Sequence[Community]) -> dict[str, IngestHealth]:
    """How the stream is doing for each community, by its key; empty where there is none."""
    found = await asyncio.gather(*(one.ingest() for one in communities))
    return {one.config.key: health for one, health in zip(communities, found, strict=True) if health is not None}


def pending(ingest: Mapping[str, IngestHealth]) -> int | None:
    """How many events wait in the stream; None where that cannot be told."""
    depths = [health.pending for health in ingest.values() if health.pending is not None]
    return sum(depths) if ingest and len(depths) == len(ingest) else None


def receiving(ingest: Mapping[str, IngestHealth]) -> list[str]:
    """A sentence when events are accepted although the database cannot be used."""
    number = pending(ingest)
    return [] if number is None else [f"Events are accepted all the same: {number} wait in the stream."]


async def readiness(communities: Sequence[Community], ingest: Mapping[str, IngestHealth]) -> list[str]:
    """What is missing, in words; empty when the service can do its work."""
    inbox = communities[0].inbox  # all of them have one database
    missing = list(dict.fromkeys(health.problem for health in ingest.values() if health.problem is not None))
    try:
        await inbox.database.awrite(inbox.probe, timeout=2)
        healths = [(one, await one.inbox.ahealth()) for one in communities]
    except Unavailable as error:
        return [f"The database cannot be used: {error}", *receiving(ingest), *missing]
    unhandled = [
        one.told(f"Events wait since {health.oldest:.0f} s and no worker handles them.")
        for one, health in healths
        if not health.worked
    ]
    return [*unhandled, *await asyncio.to_thread(undelivered, inbox), *missing]


def undelivered(inbox: SQLiteInbox) -> list[str]:
    """A sentence when a sender has the same file and nobody delivers what it published."""
    from perscom_sender import Sender  # only where somebody asks

    health = Sender(inbox.database, now=inbox.now).health()
    if health.worked:
        return []
    return [f"Deliveries wait since {health.overdue:.0f} s and nobody sends them. Start it: perscom-bridge deliveries run"]


class Changes:
    """Tells open pages that something changed, until the service stops."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: set[asyncio.Event] = set()
        self._closed = False

    async def stream(self) -> AsyncIterator[bytes]:
        """Server-sent events: one whenever an event was stored, a comment when it has been quiet for a while."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def call() -> None:
            loop.call_soon_threadsafe(changed.set)

        unlisten = self._database.listen(call)
        self._open.add(changed)
        try:
            while not self._closed:
                try:
                    async with asyncio.timeout(QUIET):
                        await changed.wait()
                    changed.clear()
                    yield b"data: changed\n\n"
                except TimeoutError:
                    yield b": quiet\n\n"
                await asyncio.sleep(TOGETHER)
        finally:
            self._open.discard(changed)
            unlisten()

    def close(self) -> None:
        """End all streams: an open page must not hold up a stop."""
        self._closed = True
        for changed in self._open:
            changed.set()
