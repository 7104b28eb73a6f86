"""The 1st Ranger Group: its ranks, units and people, as PERSCOM's JSON shows them. All of it is invented."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from .story import Row, spelled

__all__ = [
    "award",
    "computed",
    "document",
    "enlistment_form",
    "haddad",
    "okafor",
    "position",
    "qualification",
    "rank",
    "roux",
    "specialty",
    "status",
    "unit",
    "whitfield",
]

_FOUNDED = datetime(2025, 2, 3, 19, 0, tzinfo=UTC)

_RANKS = {
    "Pvt": (3, "Private", "E-2"),
    "Cpl": (8, "Corporal", "E-4"),
    "SFC": (12, "Sergeant First Class", "E-7"),
    "Capt.": (20, "Captain", "O-3"),
}


def _reference(label: str, number: int, own: Row) -> Row:
    dates = spelled({"created_at": _FOUNDED, "updated_at": _FOUNDED})
    return {"id": number} | own | dates | {"label": f"{label}: {number}"}


def rank(abbreviation: str) -> Row:
    number, name, paygrade = _RANKS[abbreviation]
    own: Row = {"name": name, "description": None, "abbreviation": abbreviation, "paygrade": paygrade, "order": number}
    return _reference("Rank", number, own)


def unit() -> Row:
    own = {"name": "1st Platoon, Alpha Company", "description": "<p>The first ones in.</p>", "empty": None}
    return _reference("Unit", 16, own | {"order": 2, "hidden": False, "icon": None})


def position(number: int, name: str) -> Row:
    return _reference("Position", number, {"name": name, "description": None, "order": number})


def specialty(number: int, name: str, abbreviation: str) -> Row:
    return _reference("Specialty", number, {"name": name, "abbreviation": abbreviation, "description": None, "order": number})


def status() -> Row:
    return _reference("Status", 3, {"name": "Active Duty", "color": "#16a34a", "icon": None, "order": 1})


def award() -> Row:
    return _reference("Award", 5, {"name": "Combat Medal", "description": "<p>For valor under fire.</p>", "order": 4})


def qualification() -> Row:
    return _reference("Qualification", 17, {"name": "Combat Life Saver", "description": None, "order": 6})


def document() -> Row:
    own: Row = {"author_id": 1, "name": "Award citation", "description": None}
    return _reference("Document", 9, own | {"content": "<h1>{user_name}</h1><p>It is hereby ordered &mdash; 10/10.</p>"})


def enlistment_form() -> Row:
    own: Row = {"name": "Enlistment / Application", "slug": "enlistment", "success_message": "<p>Thank you!</p>"}
    own |= {"submission_status_id": 9, "is_public": True, "description": None, "instructions": "<p>Be honest.</p>"}
    return _reference("Form", 5, own)


def whitfield(at: datetime) -> Row:
    return _user(
        at,
        number=2153,
        name="Jacob Whitfield",
        rank=rank("SFC"),
        position=position(21, "Platoon Sergeant"),
        specialty=specialty(4, "Infantryman", "11B"),
        phone="+1 555 0142",
        notes="<p>Call his wife first. Re-joined 12/2025 &amp; cleared.</p>",
        accounts=("10158274639152", "5830174", "117402938475610293847", "184405311681986560"),
        custom={"call_sign": "Ghost/1-1", "promotion_points": 41, "hours": 118.5},
    )


def haddad(at: datetime) -> Row:
    return _user(
        at,
        number=2187,
        name="Noor Haddad",
        rank=rank("Cpl"),
        position=position(22, "Fire Team Leader"),
        specialty=specialty(6, "Combat Medic", "68W"),
        phone="+1 555 0187",
        notes="<p>Exams until May, <em>no operations on Fridays</em>.</p>",
        accounts=("10158274630187", "5830187", "117402938475610290187", "184405311681980187"),
        custom={"call_sign": "Ghost/1-2", "promotion_points": 27, "hours": 64},
    )


def okafor(at: datetime) -> Row:
    return _user(
        at,
        number=1,
        name="Okafor",
        rank=rank("Capt."),
        position=position(2, "Company Commander"),
        specialty=None,
        phone="+1 555 0101",
        notes="<p>Owner of the TeamSpeak contract.</p>",
        accounts=("10158274630101", "5830101", "117402938475610290101", "184405311681980101"),
        custom={"call_sign": "Ghost/6", "promotion_points": 0, "hours": 402.25},
    )


def roux(at: datetime) -> Row:
    return _user(
        at,
        number=1871,
        name="Dale Roux",
        rank=rank("Pvt"),
        position=position(24, "Rifleman"),
        specialty=specialty(4, "Infantryman", "11B"),
        phone="+1 555 0171",
        notes="<p>Absent without leave since March.</p>",
        accounts=("10158274630171", "5830171", "117402938475610290171", "184405311681980171"),
        custom={"call_sign": None, "promotion_points": 3, "hours": 9},
        online=False,
    )


def _user(
    at: datetime,
    *,
    number: int,
    name: str,
    rank: Row,
    position: Row,
    specialty: Row | None,
    phone: str,
    notes: str,
    accounts: tuple[str, str, str, str],
    custom: Row,
    online: bool = True,
) -> Row:
    """A user with every column, last saved at ``at``; ``accounts`` are Facebook, GitHub, Google and Discord."""
    facebook, github, google, discord = accounts
    joined = _FOUNDED + timedelta(days=number % 300)
    columns: Row = {
        "id": number,
        "name": name,
        "email": f"{name.split()[-1].lower()}@1st-rangers.example.test",
        "email_verified_at": joined + timedelta(hours=3),
        "phone_number": phone,
        "position_id": position["id"],
        "rank_id": rank["id"],
        "specialty_id": specialty["id"] if specialty else None,
        "status_id": status()["id"],
        "unit_id": unit()["id"],
        "unit_slot_id": None,
        "approved": True,
        "notes": notes,
        "notes_updated_at": joined + timedelta(days=60),
        "profile_photo": None,
        "cover_photo": None,
        "last_seen_at": at - timedelta(minutes=10),
        "facebook_user_id": facebook,
        "github_user_id": github,
        "google_user_id": google,
        "discord_user_id": discord,
        "created_at": joined,
        "updated_at": at,
    }
    appended = computed(
        number,
        name,
        display_name=f"{rank['abbreviation']} {name}",
        online=online,
        last_assignment_change_date=joined + timedelta(days=1),
        last_rank_change_date=joined + timedelta(days=90),
    )
    relations: Row = {"rank": rank, "position": position, "specialty": specialty, "unit": unit(), "status": status()}
    return spelled(columns) | custom | appended | relations


def computed(
    number: int,
    name: str,
    *,
    display_name: str,
    online: bool = False,
    last_assignment_change_date: datetime | None = None,
    last_rank_change_date: datetime | None = None,
) -> Row:
    """What PERSCOM appends to every user, in this order."""
    initials = "+".join(word[0] for word in name.split())
    row: Row = {
        "display_name": display_name,
        "last_assignment_change_date": last_assignment_change_date,
        "last_rank_change_date": last_rank_change_date,
        "online": online,
        "profile_photo_url": f"https://ui-avatars.com/api/?name={initials}&color=2563eb&background=eff6ff",
        "cover_photo_url": None,
        "label": f"User: {number}",
    }
    return spelled(row)
