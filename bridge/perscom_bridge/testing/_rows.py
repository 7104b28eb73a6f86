"""The rows of one community, and how PERSCOM shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ._search import Row
from ._tables import TABLES, USER_RELATIONS

__all__ = ["Rows", "page_of"]

_TABLE_OF: Final = {table.scope: path for path, table in TABLES.items()} | {"author": "users"}
_FOUNDED: Final = "2025-02-03T19:00:00.000000Z"
_JSON_COLUMNS: Final = ("channels", "recipients", "notifications_channels", "notifications_interval")
_PERSON: Final[Row] = {
    "name": "Orla Brandt",
    "email": "orla@heron-troop.example",
    "email_verified_at": "2025-03-01T10:00:00.000000Z",
    "phone_number": "+353 20 910 0000",
    **dict.fromkeys(("position_id", "rank_id", "specialty_id", "status_id", "unit_id", "unit_slot_id")),
    "approved": True,
    "notes": "<p>Not for others.</p>",
    "discord_user_id": "203948576102938475",
    "last_seen_at": "2026-05-16T20:11:09.000000Z",
    "online": False,
    "profile_photo_url": "https://ui-avatars.com/api/?name=O+B",
}
"""A user is private from top to bottom, so that a test which looks for leaks has something to find."""


class Rows:
    """Tables by path. A row may be changed where it stands."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {path: [] for path in TABLES}
        self.blank_display_names = False

    def add(self, path: str, row: Row) -> Row:
        """A new row, with all that PERSCOM would fill in."""
        dates = {"created_at": _FOUNDED, "updated_at": _FOUNDED}
        made: Row = {"id": len(self.tables[path]) + 1, **(_PERSON if path == "users" else {"name": None}), **dates, **row}
        if path == "users" and "display_name" not in row:
            made["display_name"] = made["name"]
        self.tables[path].append(made)
        return made

    def visible(self, path: str, body: Mapping[str, Any]) -> list[Row]:
        """The rows that a request with ``body`` may find: of units the hidden ones in a scope of their own alone."""
        hidden = {"name": "hidden"} in [{"name": one.get("name")} for one in body.get("scopes", [])]
        return [row for row in self.tables[path] if path != "units" or bool(row.get("hidden")) == hidden]

    def shown(self, path: str, row: Row, includes: set[str]) -> Row:
        """A row as JSON: its columns, the relations that were asked for, and those that come uninvited."""
        shown = {key: value for key, value in row.items() if not isinstance(value, (dict, list)) or key in _JSON_COLUMNS}
        for head in {name.partition(".")[0] for name in includes}:
            tails = {name.removeprefix(f"{head}.") for name in includes if name.startswith(f"{head}.")}
            shown[head] = self._relation(row, head, tails - {"*"})
        if path == "users" and not self.blank_display_names:
            shown |= {name: shown.get(name) or self._relation(row, name, set()) for name in USER_RELATIONS}
        if path.endswith("-records"):
            shown.setdefault("document", self._relation(row, "document", set()))
        return shown

    def _relation(self, row: Row, name: str, includes: set[str]) -> object:
        if name in row:
            return row[name]
        if name == "user" and row.get("user_id") is None:
            return {"name": "Guest", "display_name": "Guest", **dict.fromkeys(USER_RELATIONS)}
        path = _TABLE_OF.get(name)
        if path is None:
            return None
        # A hidden unit is left out of what points to it.
        related = next((one for one in self.visible(path, {}) if one["id"] == row.get(f"{name}_id")), None)
        return None if related is None else self.shown(path, related, includes)

    def related(self, row: Row, field: str) -> object:
        """The value of ``relation.column``."""
        name, _, column = field.partition(".")
        related = self._relation(row, name, set())
        return related.get(column) if isinstance(related, dict) else None


def page_of(rows: list[Row], path: str, query: Mapping[str, str]) -> object:
    """One page of ``rows``, as ``query`` wants it, for the request path ``path``."""
    size, number = _number(query.get("limit")) or 15, _number(query.get("page")) or 1
    last = max(1, -(-len(rows) // size))
    page = rows[(number - 1) * size : number * size]
    at = f"https://api.perscom.io{path}"
    first = (number - 1) * size + 1
    return {
        "data": page,
        "links": {  # which lose `limit` and `include`
            "first": f"{at}?page=1",
            "last": f"{at}?page={last}",
            "prev": f"{at}?page={number - 1}" if number > 1 else None,
            "next": f"{at}?page={number + 1}" if number < last else None,
        },
        "meta": {
            "current_page": number,
            "from": first if page else None,
            "last_page": last,
            "links": [],
            "path": at,
            "per_page": size,
            "to": first + len(page) - 1 if page else None,
            "total": len(rows),
        },
    }


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0
