"""A stand-in for PERSCOM's REST API, for tests: real HTTP on this machine, its rules, its limits and its oddities."""

from __future__ import annotations

from ._perscom import Asked, PerscomStandIn, Trouble

__all__ = ["Asked", "PerscomStandIn", "Trouble"]
