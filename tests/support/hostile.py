"""Hostile messages and events: texts that try to notify, mark up, hide, turn round or flood, wherever a text can stand.

Each platform gets what is meant for the others as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from perscom_adapters import (
    LANGUAGES,
    Bold,
    BulletList,
    Field,
    Inline,
    Italic,
    Link,
    Mention,
    Message,
    Paragraph,
    Quote,
    Struck,
    Text,
    Time,
    render,
)
from perscom_receiver import EVENT_NAMES, Event, php_json
from perscom_receiver.testing import make_event

__all__ = [
    "ADDRESSES",
    "MARK",
    "UNTAKEN",
    "Reach",
    "blocks",
    "fields",
    "mentions",
    "messages",
    "on_every_event",
    "poisoned_event",
    "poisoned_message",
    "some",
    "texts",
    "titles",
]

# Texts.

# Mentions, links, markup, and what those could be put together from.
ATOMS = re.findall(
    r"\S+",
    r"""
    @everyone @here @channel @someone @a_b1 <@1> <@!2> <@&3> <#4> </cmd:1> <id:customize> <!channel> <!here> <!everyone>
    <!here|here> <@U123ABC> <@W1|x> <#C123> <!subteam^S123> <!subteam^S1|@x> &lt;!channel&gt; &#64;evil #tag #日本 #1 #general
    /start /cmd@some_bot $USD $1INCH a@b.example a.b+c@d-e.co.uk mailto:a@b.com tg://user?id=5 +12025550123 +49(30)1234567
    202-555-0123 4111111111111111

    http://evil.example/x https://a.b https://evil.com ftp://a.b steam://run ton://x t.me/evil evil.com EVIL.COM пример.рф
    127.0.0.1 1.2.3.4/x <http://evil.example> <http://evil.example|click> <mailto:a@b.c> <mailto:a@b.c|x> [l](http://evil.com)
    ![](x <a href="tg://user?id=5">

    **b** *b* *i* __u__ _i_ ~~s~~ ~s~ ||spoiler|| `c` ```block``` <b> </b> # ## -# > >>> - * + 1. 10. ¯\_(ツ)_/¯ 12:30 2.5
    :smile: :wave::skin-tone-2: <:a:1> <a:wave:123456789012345678> <t:1700000000:R> <!date^1^{date}|x> {date}

    \ \\ \* \" " & && &amp; &lt; < <> > ( ) [ ] | ~ _ @ / $ : :: :// . .. com http evil user a b 1 22 #️⃣ «» ·
    """,
)
CONTROLS = [
    *("\n", "\n\n\n\n", "\r\n", "\t", " ", "\x00", "\x1b[31m", "\x7f", "\x85", "\u2028"),
    *("\ud800", "\udfff", "\ufffe", "\U0001ffff"),
]
UNSEEN = [
    *("", "\u200b", "\u200c", "\u200d", "\u200f", "\u202e", "\u2060", "\u2066", "\u2069", "\ufeff", "\u2800", "\u3164"),
    *("\u0301", "@\u0333evil", "ev\u033fil.com", "a\u030a.com"),  # marks that combine; Telegram drops some
]
CLUSTERS = ["e\u0301", "Z\u0300\u0301\u0302" * 20, "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪", "👍🏽", "שלום", "مرحبا", "漢字"]
MANY = 40  # of so many texts about one is 100 000 characters long


def _sometimes_huge(text: str, chance: int) -> str:
    return (text * 100_000)[:100_000] if chance == MANY else text


texts = st.builds(
    _sometimes_huge,
    st.one_of(
        st.lists(st.sampled_from(ATOMS) | st.sampled_from(CONTROLS + UNSEEN + CLUSTERS), max_size=12).map("".join),
        st.text(st.characters(exclude_categories=()), max_size=60),
    ),
    st.integers(0, MANY),
)
titles = texts.filter(str.strip)

# Messages.

ADDRESSES = [
    *("https://1st.example/s/7", "http://a.b/(x)*y_[z]?q=~a;b&c=d#c", "https://[::1]/x"),
    *("https://a.b/" + "(" * 2000, "https://a.b/" + "&" * 2000),
]
UNTAKEN = ["http://localhost/x", "https://a.b:0/", "https://a.b:/", "https://[::1]x/", "http://.", "http://a%.b"]
"""Addresses that not every platform takes."""

moments = st.datetimes(
    datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=30))])
)
inlines: st.SearchStrategy[Inline] = st.recursive(
    st.one_of(
        texts.map(Text),
        st.builds(Link, texts, st.sampled_from(ADDRESSES + UNTAKEN)),
        st.builds(Time, moments, st.sampled_from(["date", "datetime", "time"])),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: Bold(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Italic(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Struck(tuple(parts))),
    ),
    max_leaves=4,
)
parts = st.lists(inlines, max_size=4).map(tuple)
paragraphs = parts.map(Paragraph)
bullets = st.builds(BulletList, st.lists(parts, max_size=5).map(tuple), st.booleans(), st.integers(1, 12))
quotes = st.lists(st.one_of(paragraphs, bullets), max_size=3).map(lambda blocks: Quote(tuple(blocks)))
blocks = st.lists(st.one_of(paragraphs, bullets, quotes), max_size=4).map(tuple)
fields = st.lists(st.builds(Field, name=texts, value=parts, short=st.booleans()), max_size=30).map(tuple)
pages = st.none() | st.sampled_from([*ADDRESSES, "javascript:alert(1)", "https://user:pw@a.b/"])
IDS = [
    *("184405311681986560", "1", "123456789", "1099511627775", "1099511627776", "9007199254740993"),
    *("U024BE7LH", "W012A3CDE", "S0615G0KT"),
    *(
        "0",
        "007",
        "-5",
        "1" * 21,
        "U",
        "u024be7lh",
        "S0615G0KT>",
        "1>",
        "@everyone",
        "everyone",
        "here",
        "&1",
        "!1",
        "1|x",
        "1 ",
    ),
    *("١٢٣", "1\n", "<@1>", "channel", "subteam^S1", "<!here>", "name", "@name", "tg://user?id=5", "", "\ud800"),
]
"""Of users and roles on each platform, and what is none."""
mentions = st.lists(
    st.builds(Mention, st.sampled_from(["user", "role"]), st.sampled_from(IDS) | texts, st.just("SFC Whitfield") | texts),
    max_size=4,
).map(tuple)
messages = st.builds(
    Message,
    word=st.just("promotion"),
    title=titles,
    blocks=blocks,
    fields=fields,
    color=st.none() | st.integers(-1, 0x1000000),
    url=pages,
    image=pages,
    at=st.none() | moments,
    footer=st.none() | texts,
    mentions=mentions,
    silent=st.booleans(),
    struck=st.booleans(),
    more=st.just("({count} more)") | texts,
)
some = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))

# Events.

CREATED = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)
PRIVATE = ("email", "phone_number", "notes", "discord_user_id", "password", "remember_token", "document", "profile_photo_url")
MARK = "PRIVATE7f3a"
"""Stands in private columns, and must not be seen."""
WORST = [
    "@everyone @here <@1> <@&2> <#3> <id:customize> <t:1:R> :smile: http://evil.example **b** [l](http://x.y)",
    "<!channel> <@U123> <!subteam^S1> @here &lt;!here&gt; <http://evil.example|x> :smile: *b*",
    "@everyone /start #tag $USD a@b.com 127.0.0.1 http://evil.com tg://user?id=5 +12025550123 4111111111111111",
    "\u202e\x00<p>&nbsp;&#64;evil &commat;evil<br>evil&period;com</p>" * 2000,
]
"""Of each platform what does harm there, short enough for a name; and what is long and hidden in HTML."""
Reach = Literal["texts", "moments", "everything", "automation"]
"""What of an event is poisoned: what people type; points of time as well; numbers, answers and nulls as well. Or there is only
what an automation's template made, poisoned wherever a text can stand."""


def poisoned(value: object, poison: str, reach: Reach) -> object:
    """``value`` with ``poison`` in it as far as ``reach`` goes, and a mark in private columns.

    A list keeps what it holds: in it stands whom a message is for.
    """
    match value:
        case dict():
            return {key: poisoned(inner, poison, reach) for key, inner in value.items()} | dict.fromkeys(PRIVATE, MARK)
        case list():
            return [*value, *(poisoned(inner, poison, reach) for inner in value)]
        case str():
            return value if reach == "texts" and re.match(r"\d{4}-\d\d-\d\d", value) else poison
        case _:
            return poison if reach == "everything" else value


def poisoned_event(name: str, poison: str, reach: Reach) -> Event:
    """The sample event ``name`` with ``poison`` in every field."""
    sample = make_event(name, created=CREATED)
    poison = poison.encode(errors="replace").decode()  # a lone surrogate cannot come by JSON
    if reach == "automation":
        return written_event(name, poison)
    body = {
        "event": name,
        "created": "2026-03-02T19:08:00.000000Z",
        "data": poisoned(sample.data, poison, reach),
        "changes": poisoned(sample.changes, poison, reach) if name.endswith("updated") else [],
    }
    return Event.parse(php_json(body))


def written_event(name: str, poison: str) -> Event:
    """What an automation wrote under the event ``name``, with ``poison`` in all that is shown."""
    fields = {poison: poison, "Unit": poison, f"{poison} ": {poison: MARK}, "Number": 7} | {f"{n}": poison for n in range(30)}
    shown = {"title": poison, "text": poison, "fields": fields, "link": poison}
    data = {"id": "7", "user_id": "7", "type": "0"} | dict.fromkeys((*PRIVATE, "member", "rank"), MARK) | shown
    return Event.parse(php_json({"event": name, "created": "2026-03-02T19:08:00.000000Z", "data": data, "changes": None}))


def poisoned_message(name: str, poison: str, reach: Reach) -> Message | None:
    """What is said of that event in one of the languages; None if nothing is."""
    # Each of the worst texts meets each language on some events.
    language = LANGUAGES[(EVENT_NAMES.index(name) + len(poison)) % len(LANGUAGES)]
    if reach == "automation":  # of so many fields some are left out, and the suites count those in English
        language = "en"
    message = render(poisoned_event(name, poison, reach), language=language, timezone=ZoneInfo("Europe/Berlin"))
    silent = reach == "everything" or (reach == "automation" and name.startswith("message."))
    assert message or silent or poison not in WORST, "a test would look at nothing"
    return message


def on_every_event(test: Callable[[str, str, Reach], None]) -> Callable[..., None]:
    """Run ``test(name, poison, reach)`` for each event, with the worst texts and with some others."""
    for worst in WORST:
        test = example(worst, "texts")(example(worst, "moments")(example(worst, "automation")(test)))
    reaches: st.SearchStrategy[Reach] = st.sampled_from(["texts", "moments", "everything", "automation"])
    run = settings(some, max_examples=6)(given(texts, reaches)(test))
    return pytest.mark.parametrize("name", EVENT_NAMES)(run)
