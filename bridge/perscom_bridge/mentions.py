"""Whom a message pings: nobody but those whom the tables [mentions.PLATFORM] of bridge.toml name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from perscom_adapters import Directory, Mention, names
from perscom_receiver import Event

if TYPE_CHECKING:
    from .config import DestinationConfig, Site

__all__ = ["PINGED", "Mentions", "Pinged", "mentions_for", "unit_key"]

Pinged = Literal["member", "unit"]
PINGED: Mapping[Pinged, str] = {"member": "the member", "unit": "the member's unit"}
"""What a destination may ping, and how that is told."""


class Mentions(msgspec.Struct, frozen=True, kw_only=True):
    """Who may be pinged on one platform."""

    linked: bool = False
    """Also the Discord account that a member linked in PERSCOM."""
    members: Mapping[int, str] = {}
    """The platform's id of a user by the one of PERSCOM."""
    units: Mapping[str, str] = {}
    """The platform's id of a role or a user group by the :func:`unit_key` of a unit."""


def unit_key(name: str) -> str:
    """The ``name`` of a unit as it is found by: the case of letters and the white space around it do not count."""
    return " ".join(name.split()).casefold()


def mentions_for(
    events: Sequence[Event], destination: DestinationConfig, site: Site, directory: Directory | None = None
) -> tuple[Mention, ...]:
    """Whom a message about ``events`` pings at ``destination``: members first, then units, each once.

    A member is the one whom a record or a profile is about, a unit is theirs. Who wrote it is not pinged. Nobody is for what
    was deleted, for what an automation's template made, and for a form, whose answers may pose as what names the member.
    """
    known = site.mentions.get(destination.place.platform, Mentions())
    found: list[Mention] = []
    for kind in PINGED:
        if kind in destination.ping:
            of_kind = _members if kind == "member" else _units
            found += (mention for event in events if _is_about_a_member(event) for mention in of_kind(event, known, directory))
    return tuple(dict.fromkeys(found))


def _is_about_a_member(event: Event) -> bool:
    about = event.resource == "user" or event.resource.endswith("record")
    return about and event.action != "deleted" and event.template is None


def _members(event: Event, known: Mentions, directory: Directory | None) -> Iterator[Mention]:
    data = event.data if isinstance(event.data, dict) else {}
    user = data if event.resource == "user" else data.get("user")
    user = user if isinstance(user, dict) else {}
    number = user.get("id") if event.resource == "user" else data.get("user_id")
    if not isinstance(number, int) or isinstance(number, bool):
        return
    mentioned = known.members.get(number)
    # A relation that was loaded for another user is nobody's account.
    if mentioned is None and known.linked and user.get("id") == number and isinstance(user.get("discord_user_id"), str):
        mentioned = user["discord_user_id"]
    if mentioned is not None:
        yield Mention("user", mentioned, names(event, directory)["member"])


def _units(event: Event, known: Mentions, directory: Directory | None) -> Iterator[Mention]:
    unit = names(event, directory)["unit"]
    if (role := known.units.get(unit_key(unit))) is not None:
        yield Mention("role", role, unit)
