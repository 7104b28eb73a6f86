"""Samples of users and of form submissions: one joins, one changes, one leaves, one applies."""

from __future__ import annotations

from datetime import datetime

from . import community
from .story import Row, Sample, Story, column_text, spelled, story

__all__ = ["submission", "user"]


def user(at: datetime) -> Story:
    """Three people, since a promotion makes the best update: Marcus Hale joins, Whitfield is promoted, Roux leaves."""
    joined: Row = {
        "name": "Marcus Hale",
        "email": "hale@1st-rangers.example.test",
        "phone_number": "+1 555 0122",
        "notes": "<p>Came through Haddad.</p>",
        "discord_user_id": "184405311681980122",
        "updated_at": at,
        "created_at": at,
        "id": 2210,
    }
    relations: Row = dict.fromkeys(("rank", "position", "specialty", "unit", "status"))
    appended = community.computed(2210, "Marcus Hale", display_name="Marcus Hale")
    promoted = community.whitfield(at)
    return Story(
        created=Sample(spelled(joined) | appended | relations, []),
        updated=Sample(promoted, {"rank_id": promoted["rank_id"], "updated_at": column_text(at)}),
        deleted=Sample(community.roux(at), []),
    )


def submission(at: datetime) -> Story:
    """A guest's enlistment, opened and later deleted by the staff. Each answer is a key of ``data``."""
    answers: Row = {
        "full_name": "Mina Lindqvist",
        "email_address": "mina.lindqvist@example.test",
        "date_of_birth": "1998-07-14",
        "time_zone": "Europe/Stockholm",
        "games": ["Arma 3", "Squad"],
        "availability": {"mon": True, "tue": False, "slots": [{"from": "18:00", "to": "21:30"}]},
        "why": "I flew with <Viper> for 2 years & want to lead.\r\nÅsa says hello 🙂",
        "remarks": None,
        "photo": "uploads/lindqvist.png",
    }
    # An answer that ends like a file name gets a link beside it as soon as the row was read again.
    file_link: Row = {"photo_url": "https://files.example.test/uploads/lindqvist.png?X-Amz-Expires=3600&X-Amz-Signature=0f1e2d"}
    form: Row = {"form": community.enlistment_form()}
    return story(
        at,
        "Submission",
        6627,
        columns=("form_id", "user_id", "read_at"),
        form={"form_id": 5, "user_id": None},
        edit={"read_at": column_text(at)},  # this one column has no date cast: raw text in `data`, too
        answers=answers,
        with_created=form,
        with_updated=file_link | form,
        with_deleted=file_link,
    )
