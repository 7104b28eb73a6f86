"""The five languages say the same things, each with all that is known, and nothing in a name is taken for a place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import msgspec
import pytest
from community import Community

import perscom_adapters
from perscom_adapters import LANGUAGES, Message, discord, plain, render, slack, telegram
from perscom_adapters._languages import ENGLISH, Language, language_of
from perscom_receiver import EVENT_NAMES, Event, php_json
from perscom_receiver.testing import make_event

PACKAGE = Path(perscom_adapters.__file__).parent
NOW = datetime(2026, 3, 2, 18, 20, 5, 201415, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
TRANSLATIONS = LANGUAGES[1:]

languages = pytest.mark.parametrize("language", [language_of(code) for code in LANGUAGES], ids=LANGUAGES)


def texts(language: Language, key: str) -> tuple[str, ...]:
    found = language.texts[key]
    return (found,) if isinstance(found, str) else found


def places(text: str) -> list[str]:
    return sorted(place for _, place, _, _ in Formatter().parse(text) if place is not None)


def event(name: str, data: object, changes: object = ()) -> Event:
    body = {"event": name, "created": "2026-03-02T18:20:05Z", "request_id": None, "data": data, "changes": changes or []}
    return Event.parse(php_json(body))


def title(name: str, data: object, changes: object = (), *, language: str) -> str:
    message = render(event(name, data, changes), language=language)
    assert message is not None
    return message.title


# What the catalogues hold.


@languages
def test_a_language_has_every_text_with_the_places_of_the_english_one(language: Language) -> None:
    assert list(language.texts) == list(ENGLISH.texts)
    for key in ENGLISH.texts:
        assert [places(text) for text in texts(language, key)] == [places(text) for text in texts(ENGLISH, key)], key


@languages
def test_a_place_is_a_name_with_at_most_a_form_of_the_language(language: Language) -> None:
    for key in language.texts:
        for text in texts(language, key):
            for _, place, form, conversion in Formatter().parse(text):
                assert place is None or place.isidentifier(), key
                assert not form or form in language.forms, key
                assert conversion is None, key


@languages
def test_every_text_can_be_reached(language: Language) -> None:
    for key in language.texts:
        needs = [set(places(text)) for text in texts(language, key)]
        assert not [key for later, need in enumerate(needs) for earlier in needs[:later] if earlier <= need]


@languages
def test_texts_are_written_with_care(language: Language) -> None:
    inside_of_others = ("by.", "aspect.", "value.", "list.", "cut.")
    for key in language.texts:
        for text in texts(language, key):
            assert text == " ".join(text.split(" ")).strip(), key
            assert not re.search(r"[^\S \xa0\u202f]|\s{2}", text), key
            assert not re.search("['\"`]", text), f"{key}: typographic marks, please"
            assert key.startswith(inside_of_others) or text[0] == "{" or text[0].isupper(), key


QUOTES = {"en": "“”", "de": "„“", "fr": "«»", "nl": "“”", "es": "«»"}


@languages
def test_marks_stand_as_the_language_writes_them(language: Language) -> None:
    opening, closing = QUOTES[language.code]
    inside, before_colon, before_others = ("\xa0", "\xa0", "\u202f") if language.code == "fr" else ("", "", "")
    assert language.colon == f"{before_colon}:"
    for key in language.texts:
        for text in texts(language, key):
            bare = "".join(f"{literal}{'x' if place else ''}" for literal, place, _, _ in Formatter().parse(text))
            quoted = re.findall(f"{opening}{inside}x{inside}{closing}", bare)
            assert len(re.findall("[“”„«»]", bare)) == 2 * len(quoted), key
            assert len(re.findall(rf"(?<=[\w»]){before_colon}: ", bare)) == bare.count(":"), key
            assert len(re.findall(rf"(?<=[\w»]){before_others}[;!?]", bare)) == len(re.findall("[;!?]", bare)), key
            if language.code == "es":
                assert [bare.count(mark) for mark in "¿¡"] == [bare.count(mark) for mark in "?!"], key


def test_no_line_of_a_french_message_ends_before_a_mark() -> None:
    message = render(make_event("rankrecord.created", created=NOW), Community(), language="fr")
    assert message is not None
    assert message.title.startswith("Promotion\xa0: SFC")
    assert "Grade précédent\xa0: " in plain(message)
    assert discord.payload(message)["embeds"][0]["title"].startswith("Promotion\xa0: SFC")  # type: ignore[index]
    for platform in (slack, telegram):
        shown = str(msgspec.to_builtins(platform.payload(message)))
        assert "Promotion\xa0: SFC" in shown.replace("\\xa0", "\xa0")
        assert "Grade précédent\xa0:" in shown.replace("\\xa0", "\xa0")


def test_one_space_at_which_no_line_ends_stays_and_a_stretch_of_them_is_one_space() -> None:
    message = Message(word="test", title="a\xa0: b\u202f! c\xa0\xa0d \xa0e\t\u2009f\xa0")
    assert telegram.payload(message)["text"] == "a\xa0: b\u202f! c d e f"


@cache
def written_in_the_code() -> tuple[frozenset[str], frozenset[str]]:
    """All texts that stand in the package, and patterns for those that are put together there."""
    whole: set[str] = set()
    patterns: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        if file.parent.name == "testing" or file.stem in LANGUAGES:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            if isinstance(node, ast.JoinedStr):
                parts = [re.escape(part.value) if isinstance(part, ast.Constant) else "([a-z_]+)" for part in node.values]
                patterns.add("".join(parts))
    return frozenset(whole), frozenset(patterns)


def is_used(key: str) -> bool:
    """Whether the code names ``key``, or puts it together from what it names."""
    whole, patterns = written_in_the_code()
    if key in whole:
        return True
    found = [match for pattern in patterns if pattern != key and (match := re.fullmatch(pattern, key))]
    return any(all(part != key and is_used(part) for part in match.groups()) for match in found if match.groups())


def test_no_text_is_left_over() -> None:
    assert [key for key in ENGLISH.texts if not is_used(key)] == []
    assert not is_used("label.nonsense")
    assert not is_used("promotion.nonsense")


# What is made of them.


def occasions() -> Iterator[tuple[str, Event]]:
    """Every event with all known and with nothing known, and each change that an update can tell."""
    member = {"id": 2153, "display_name": "SFC Jacob Whitfield"}
    for name in EVENT_NAMES:
        yield name, make_event(name, created=NOW)
        yield name, event(name, {})
    for kind in range(4):
        for action in ("created", "updated", "deleted"):
            yield f"rank {kind}", event(f"rankrecord.{action}", {"type": kind})
            yield f"rank {kind}", event(f"rankrecord.{action}", {"type": kind, "user_id": 2153, "rank_id": 12})
    columns = ("rank_id", "unit_id", "position_id", "specialty_id", "status_id", "approved", "name")
    for changes in [*({column: value} for column in columns for value in (1, None)), dict.fromkeys(columns, 1)]:
        yield "profile", event("user.updated", member | changes, changes)
        yield "profile", event("user.updated", {}, changes)
    for column in ("starts", "ends", "name", "location", "description", "registration_enabled"):
        data = {"name": "Gate", "starts": "2026-03-13T23:40:24Z", "ends": "2026-03-14T23:40:24Z", "location": "TS3"}
        yield "event", event("event.updated", data | {"repeats": True, "registration_enabled": True}, {column: "x"})
        yield "event", event("event.updated", {"registration_deadline": None}, {column: "x"})
    yield "event", event("event.deleted", {"name": "Gate", "starts": "2020-03-13T23:40:24Z"})
    yield "calendar", event("calendar.updated", {"name": "Operations"}, {"name": "x"})
    for data in ({"type": "secondary"}, {"type": "primary", "unit_id": 16}, {"type": "secondary", "position_id": 22}):
        yield "assignment", event("assignmentrecord.created", data)
    for data in ({"form_id": 5}, {"form_id": 5, "user_id": 2153}, {"form_id": 5, "user_id": 9}):
        for action, changes in (("created", {}), ("updated", {"read_at": "2026-03-02 18:20:05"}), ("deleted", {})):
            yield "submission", event(f"submission.{action}", data, changes)
    muster = {"message": "<p>Muster</p>", "channels": ["broadcast"], "recipients": None}
    for action in ("created", "updated", "deleted"):
        yield "message", event(f"message.{action}", muster)
        yield "message", event(f"message.{action}", muster | {"send_at": "2026-04-02T18:20:05Z"})
    yield (
        "automation",
        Event.parse(
            b'{"event":"awardrecord.created","created":"2026-03-02T18:20:05Z","data":{"text":"One\\ntwo"},"changes":null}'
        ),
    )


OCCASIONS = list(occasions())


@pytest.mark.parametrize("code", TRANSLATIONS)
def test_everything_can_be_said_in_every_language(code: str) -> None:
    for what, happened in OCCASIONS:
        for directory in (None, Community()):
            english = render(happened, directory, show=("answers",))
            translated = render(happened, directory, language=code, timezone=BERLIN, show=("answers",))
            assert (english is None) == (translated is None), what
            if english is None or translated is None:
                continue
            assert translated.title != english.title, what
            assert "{" not in translated.title, what
            assert len(translated.fields) == len(english.fields), what
            assert [type(block) for block in translated.blocks] == [type(block) for block in english.blocks], what


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_people_wrote_is_never_translated(code: str) -> None:
    message = render(make_event("rankrecord.created", text="<p>For <b>valor</b>.</p>"), Community(), language=code)
    assert message is not None
    assert "SFC Jacob Whitfield" in message.title
    assert "Sergeant First Class" in message.title
    assert "1st Platoon, Alpha Company · " in plain(message.blocks[0])
    assert plain(message.blocks[1]) == "For valor."
    assert message.footer == "PERSCOM"


HOSTILE = ["{member}", "{rank}", "{0.__class__}", "{award:the}", "{", "}", "{{member}}", "%(member)s", "$member", "{count}"]


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_looks_like_a_place_stays_text(name: str, code: str) -> None:
    user = {"id": 7, "display_name": name, "unit_id": 1, "unit": {"id": 1, "name": name}}
    row = {"user_id": 7, "user": user, "text": name}
    for kind in ("rank", "award", "qualification"):
        usual = {"type": 0, kind: {"name": "Xyz"}, "user": {"display_name": "Xyz"}}
        sentence = title(f"{kind}record.created", row | {"type": 0, kind: {"name": name}}, language=code)
        assert sentence == title(f"{kind}record.created", usual, language=code).replace("Xyz", name)
    message = render(event("rankrecord.created", row | {"type": 0}), language=code)
    assert message is not None
    assert plain(message.blocks[-1]) == name
    assert title("event.created", {"name": name}, language=code).endswith(name)


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_list_that_has_no_room_says_so_in_the_language_of_its_message(code: str) -> None:
    items = "".join(f"<li>{'x' * 60} {number}</li>" for number in range(50))
    message = render(event("combatrecord.created", {"text": f"<ul>{items}</ul>"}), language=code)
    assert message is not None
    assert plain(message).endswith(language_of(code).say("cut.text"))
    crowded = Message(
        word="combat", title="x", fields=message.fields, blocks=message.blocks * 3, more=message.more, shown_at=message.shown_at
    )
    left_out = language_of(code).say("cut.more", count="7").split("7")
    for payload in (discord.payload, telegram.payload):
        shown = str(payload(crowded)).replace("\\", "")
        assert re.search(r"\d+".join(map(re.escape, left_out)), shown)


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    for name in ("rankrecord.created", "trainingrecord.created"):
        with pytest.raises(ValueError, match=r"'tlh' is no language of perscom_adapters\. Take one of: en, de, fr, nl, es"):
            render(event(name, {}), language="tlh")


# How they are filled in.


def test_the_text_that_tells_the_most_is_taken() -> None:
    say = ENGLISH.say
    assert say("promotion.created", member="Roux", rank="Corporal") == "Roux promoted to Corporal"
    assert say("promotion.created", member="Roux", rank=None) == "Roux was promoted"
    assert say("promotion.created", member="", rank="Corporal") == "A member was promoted to Corporal"
    with pytest.raises(LookupError, match=r"'event.renamed' has no text in 'en' for no more than \[\]"):
        say("event.renamed", name=None)


def test_a_name_takes_the_form_that_the_sentence_needs() -> None:
    french = language_of("fr")
    assert french.say("promotion.updated", member="Okafor") == "La promotion d’Okafor a été modifiée"
    assert french.say("promotion.updated", member="Élodie") == "La promotion d’Élodie a été modifiée"
    assert french.say("promotion.updated", member="Roux") == "La promotion de Roux a été modifiée"


@pytest.mark.parametrize(
    ("code", "day", "moment", "number"),
    [
        ("en", "2026-03-02", "2026-03-02 19:20 CET", "1234.5"),
        ("de", "02.03.2026", "02.03.2026, 19:20 Uhr CET", "1234,5"),
        ("fr", "02/03/2026", "02/03/2026 à 19:20 CET", "1234,5"),
        ("nl", "02-03-2026", "02-03-2026 om 19:20 CET", "1234,5"),
        ("es", "02/03/2026", "02/03/2026, 19:20 CET", "1234,5"),
    ],
)
def test_dates_and_numbers_are_written_as_in_the_language(code: str, day: str, moment: str, number: str) -> None:
    language = language_of(code)
    assert language.time(NOW, "date", BERLIN) == day
    assert language.time(NOW, "datetime", BERLIN) == moment
    assert language.number(1234.5) == number


def test_a_time_is_that_of_the_community_where_a_platform_shows_nobody_their_own() -> None:
    message = render(make_event("event.created", created=NOW), language="de", timezone=BERLIN)
    assert message is not None
    assert message.shown_at == "02.03.2026, 19:20 Uhr CET"
    assert "02.03.2026, 19:20 Uhr CET" in str(slack.payload(message)["blocks"])
    assert str(telegram.payload(message)["text"]).endswith("02.03.2026, 19:20 Uhr CET")
    assert ENGLISH.time(NOW.replace(month=7), "datetime", BERLIN) == "2026-07-02 20:20 CEST"
    assert ENGLISH.time(NOW, "datetime", ZoneInfo("Asia/Dubai")) == "2026-03-02 22:20 UTC+04"
    end = datetime.max.replace(tzinfo=UTC)
    assert ENGLISH.time(end, "datetime", ZoneInfo("Asia/Tokyo")) == "9999-12-31 23:59 UTC"
