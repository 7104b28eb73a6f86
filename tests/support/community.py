"""A directory that knows everybody in the samples, and a few more."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Community"]


class Community:
    """The 1st Ranger Group, as of before the actions in the samples."""

    NAMES: Mapping[tuple[str, int], str] = {
        ("user", 1): "Capt. Okafor",
        ("user", 1871): "Pvt Dale Roux",
        ("user", 2153): "SFC Jacob Whitfield",
        ("user", 2187): "Cpl Noor Haddad",
        ("rank", 8): "Corporal",
        ("rank", 12): "Sergeant First Class",
        ("award", 5): "Combat Medal",
        ("qualification", 17): "Combat Life Saver",
        ("unit", 16): "1st Platoon, Alpha Company",
        ("position", 22): "Fire Team Leader",
        ("specialty", 6): "Combat Medic",
        ("status", 3): "Active Duty",
        ("form", 5): "Enlistment / Application",
        ("calendar", 32): "Operations",
    }
    OLD: Mapping[tuple[str, int], str] = {
        ("rank", 2153): "Staff Sergeant",
        ("unit", 2187): "2nd Platoon, Alpha Company",
        ("position", 2187): "Rifleman",
    }
    IMAGES: Mapping[tuple[str, int], str] = {
        ("rank", 12): "https://1st-rangers.example.org/img/sfc.png",
        ("award", 5): "https://1st-rangers.example.org/img/combat-medal.png",
    }

    def name(self, resource: str, key: int, /) -> str | None:
        return self.NAMES.get((resource, key))

    def old(self, kind: str, user_id: int, /) -> str | None:
        return self.OLD.get((kind, user_id))

    def image(self, resource: str, key: int | None, name: str | None, /) -> str | None:
        return None if key is None else self.IMAGES.get((resource, key))
