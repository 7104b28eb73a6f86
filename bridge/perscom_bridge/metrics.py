"""What the service counts, for Prometheus. Names of destinations and statuses only: no event, no person."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.registry import Collector

from perscom_receiver import IngestHealth

from . import conditions, wording
from .overview import Overview

__all__ = ["Metrics", "exposition"]


class Metrics:
    """The counters of one community, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.failed: dict[tuple[str, str], int] = {}
        """How often a condition or a wording of the operator's failed since the start, by destination and outcome."""
        self._answers = Counter(
            "perscom_answers",
            "Requests on the webhook path, by the status they were answered with",
            ["status"],
            registry=self.registry,
        )
        self._messages = Counter(
            "perscom_messages",
            "Attempts to post a message, by how they ended",
            ["destination", "outcome"],
            registry=self.registry,
        )
        self._waiting = Gauge("perscom_waiting", "Tasks that wait or run", ["destination"], registry=self.registry)
        self._off = Gauge(
            "perscom_destination_off", "1 while a destination is switched off", ["destination"], registry=self.registry
        )
        self._dead = Gauge("perscom_dead_letters", "Messages that were given up", registry=self.registry)
        self._unplanned = Gauge(
            "perscom_oldest_unhandled_seconds", "Age of the oldest event nobody looked at", registry=self.registry
        )
        self._skew = Gauge(
            "perscom_clock_skew_seconds", "Seconds by which PERSCOM's clock is ahead of this machine's", registry=self.registry
        )
        self._old_secret = Gauge(
            "perscom_old_secret_events", "Events of the last 24 hours that an old secret verified", registry=self.registry
        )
        self._unknown = Gauge(
            "perscom_unknown_events", "Stored events whose names this version does not know", registry=self.registry
        )

        self._up = Gauge("perscom_up", "1 while this part can be used", ["part"], registry=self.registry)
        self._pending = Gauge("perscom_ingest_pending", "Events in the stream that are not stored yet", registry=self.registry)
        self._taken = Counter(
            "perscom_ingest_events",
            "Events taken over from the stream, by what became of them",
            ["outcome"],
            registry=self.registry,
        )
        self._counted: dict[str, int] = {}

    def answered(self, status: int) -> None:
        """A request on the webhook path was answered."""
        self._answers.labels(str(status)).inc()

    def posted(self, destination: str, outcome: str) -> None:
        """An attempt to post a message ended: ``sent``, ``nothing to say``, or the outcome of a DestinationError.

        A failed condition or wording is counted here, too, since it needs a look.
        """
        if outcome in (conditions.FAILED, wording.FAILED):
            self.failed[destination, outcome] = self.failed.get((destination, outcome), 0) + 1
        self._messages.labels(destination, outcome).inc()

    def update(self, overview: Overview | None, ingest: IngestHealth | None) -> None:
        """Set the gauges as ``overview`` has them (None: the database cannot tell), and those of the stream."""
        self._up.labels("database").set(overview is not None)
        if overview is not None:
            self._update_stored(overview)
        if ingest is not None:
            self._up.labels("stream").set(ingest.problem is None)
            self._pending.set(nan if ingest.pending is None else ingest.pending)
            for outcome, count in ingest.counts.items():
                self._taken.labels(outcome).inc(count - self._counted.get(outcome, 0))
                self._counted[outcome] = count

    def _update_stored(self, overview: Overview) -> None:
        self._dead.set(overview.health.dead)
        self._unplanned.set(overview.health.oldest or 0)
        self._skew.set(overview.health.skew or 0)
        self._old_secret.set(overview.health.old_secret)
        self._unknown.set(sum(overview.health.unknown_names.values()))
        for lane in overview.lanes:
            self._waiting.labels(lane.name).set(lane.waiting)
            self._off.labels(lane.name).set(lane.paused is not None)


def exposition(parts: Collection[tuple[str | None, Metrics]]) -> bytes:
    """The text Prometheus reads. Where a community has a name, its lines have it as the label ``site``."""
    joined = CollectorRegistry()
    joined.register(_Joined(parts))
    return generate_latest(joined)


class _Joined(Collector):
    """The metrics of all communities, each under its heading once."""

    def __init__(self, parts: Collection[tuple[str | None, Metrics]]) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for site, metrics in self._parts:
            label = {} if site is None else {"site": site}
            for family in metrics.registry.collect():
                joined = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                joined.samples += [sample._replace(labels=label | sample.labels) for sample in family.samples]
        return families.values()
