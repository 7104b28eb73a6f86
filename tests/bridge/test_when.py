"""``when``: what a condition may say, what it decides, that it costs little, and what follows when one fails."""

from __future__ import annotations

import logging
import re
import time
from contextlib import suppress
from pathlib import Path

import pytest
from bridge_toml import DESTINATION, GOOD, judge, only_problem
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perscom_adapters import NAMES, names
from perscom_adapters.discord import DiscordDestination
from perscom_bridge import _sandbox
from perscom_bridge.conditions import FAILED, Condition, ConditionFailed
from perscom_bridge.config import Config, DestinationConfig
from perscom_bridge.routing import destination_handler, wants
from perscom_receiver import Event
from perscom_receiver.testing import make_event


def configured(folder: Path, when: str, events: str = '["event", "promotion", "award"]') -> Config:
    found = judge(folder, GOOD.replace(DESTINATION, f"{DESTINATION}events = {events}\nwhen = '{when}'\n"))
    assert found.config is not None, found.report()
    return found.config


PLATOON = "1st Platoon, Alpha Company"


@pytest.mark.parametrize(
    ("when", "event", "met"),
    [
        (f'unit == "{PLATOON}" or word == "event"', make_event("rankrecord.created"), True),
        (f'unit == "{PLATOON}" or word == "event"', make_event("event.created"), True),
        (f'unit != "{PLATOON}" and word != "event"', make_event("rankrecord.created"), False),
        ('unit == "2nd Platoon" or word == "event"', make_event("rankrecord.created"), False),
        ('unit.startswith("1st")', make_event("rankrecord.created"), True),
        ('"alpha" in unit|lower', make_event("rankrecord.created"), True),
        (f'unit in ["2nd Platoon", "{PLATOON}"]', make_event("rankrecord.created"), True),
        ('rank|lower is in ["sergeant first class", "captain"]', make_event("rankrecord.created"), True),
        ("by", make_event("rankrecord.created"), True),
        ("not by", make_event("event.created", author_id=None), True),
        ("by is defined", make_event("event.created", author_id=None), False),
        # PERSCOM sends neither user nor unit with a delete: the name is empty, and no error.
        ('unit.startswith("1st")', make_event("rankrecord.deleted", user_id=None), False),
        ('text|length > 100 or member[:3] == "SFC"', make_event("rankrecord.created"), True),
    ],
)
def test_what_a_condition_decides(tmp_path: Path, when: str, event: Event, met: bool) -> None:
    assert wants(configured(tmp_path, when).destinations[0], event) is met


def test_the_condition_comes_on_top_of_the_events_and_the_test_is_never_asked(tmp_path: Path) -> None:
    destination = configured(tmp_path, 'word == "award"', '["award"]').destinations[0]
    assert wants(destination, make_event("awardrecord.created"))
    assert not wants(destination, make_event("rankrecord.created"))
    assert wants(destination, make_event("webhook.test"))
    assert wants(configured(tmp_path, 'unit == "nowhere"').destinations[0], make_event("webhook.test"))


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ('unti == "1st"', '"unti" is not known for a condition. Did you mean "unit"?      All of them: perscom-bridge preview'),
        ('unit = "1st"', 'two things are compared by "==", and here stands "=". Write it like this: unit =='),
        ("rank > 5", "This fails when no name has a value: '>' not supported between instances of 'str' and 'int'"),
        ("unit == 1st", "something stands behind the first comparison"),
        ('unit == "1st', "unexpected char"),
        ('unit == "1st" && rank == "x"', "unexpected char"),
        ("unit == “1st”", "unexpected char"),
        ('unit == "a" }}{{ "b', "This is not written as Jinja2 wants it"),
        ("{{ unit }}", "A condition has no braces"),
        ("", "when is blank"),
        ("true and", "unexpected 'end of template'"),
        ("unit, rank", "something stands behind"),
        ('rank|lowr == "x"', '"lowr" is no filter here. Did you mean "lower"?      Known: '),
        ("rank is uper", '"uper" is no test here.'),
        ("rank.uppr()", '"uppr" is no method here. Did you mean "upper"?'),
        ("rank.__class__", 'A name has nothing called "__class__".'),
        ('rank["__class__"]', "A name may be too short for that."),
        ("range(9)", "There are no functions here."),
        ("unit > 5", "This fails when no name has a value: '>' not supported between instances"),
        ('"x" if by', 'An if without else has no value. Write it so: "x" if by else ""'),
        ("x" * 2001, "This is longer than 2000 characters."),
        (" or ".join(['unit == "1st Platoon"'] * 60), 'In place of many "or", write: unit in ["1st Platoon", "2nd Platoon"]'),
        ("(" * 900, "nested too deeply"),
        ("not " * 400 + "unit", "nested too deeply"),
        ("9" * 1999, ""),
        ("1e9999", "This fails"),
    ],
)
def test_each_mistake_is_told_with_what_to_do(tmp_path: Path, when: str, says: str) -> None:
    if not says:
        configured(tmp_path, when)
        return
    line, key, told = only_problem(tmp_path, GOOD.replace(DESTINATION, f"{DESTINATION}when = '{when}'\n"))
    assert (line, key) == (5, "destinations.announcements.when")
    assert says in told
    assert re.search("Write|Take|Make|Did you mean|Known|In place of|Give", told)


def test_a_name_that_is_always_empty_here_is_pointed_out(tmp_path: Path) -> None:
    found = judge(tmp_path, GOOD.replace(DESTINATION, f"{DESTINATION}events = ['event.*', 'left']\nwhen = 'award or unit'\n"))
    assert found.config is not None
    (note,) = found.notes
    assert note == 'destinations.announcements.when asks for "award", which is empty for all that comes here: event, left.'


COSTLY = [
    '"a" * 10**9',
    "2 ** 10 ** 10",
    '"%1000000000d" % 1',
    '"{:1000000000}".format(1)',
    '"".join(range(10**9))',
    "member|center(10**9)",
    "range(10**12)|list",
    'member|replace("", text)|replace("", text)|replace("", text)',
    '"aaaaaaaaaa"' + '|replace("a", "aaaaaaaaaaaaaaaaaaaa")' * 50,
    "[text, text]|join(text)",
    "text ~ " * 250 + "text",
    "(text,) * 10**9",
    "text|indent(10**9)",
    "text.zfill(10**9)",
    "text.ljust(10**9)",
    "text.expandtabs(10**9)",
    '"\\t".expandtabs(10**9)',
    "1000000000000000000000000000000|string * 99",
    "lipsum(n=10**9)",
    "cycler.__init__.__globals__",
    "().__class__.__bases__",
]


@pytest.mark.parametrize("source", COSTLY)
@pytest.mark.parametrize("condition", [True, False], ids=["condition", "template"])
def test_what_would_cost_time_or_memory_is_refused_or_stopped(source: str, condition: bool) -> None:
    full = dict.fromkeys(NAMES, "a" * 2000)
    text = source if condition else f"{{{{ {source} }}}}"
    began = time.process_time()
    if not _sandbox.mistakes(text, condition=condition):
        try:
            found = _sandbox.expression(text)(full) if condition else _sandbox.template(text)(full)
        except (ValueError, TypeError):
            found = ""
        assert len(str(found)) <= 1_000_000
    assert time.process_time() - began < 0.5


PIECES = st.sampled_from(
    [
        *(*NAMES, *"()[]{}.,:|~+-*/%<>=!", "==", "**", "//", " in ", " is ", " not ", " and ", " or ", " if ", " else "),
        *("{{", "}}", "{% if by %}", "{% endif %}", "{% for x in text %}", "{% endfor %}", "{% set a = text %}", "{#", "#}"),
        *("-%}", "{%-", "\n", '"a"', "'", '"', "1", "10", "10**9", "9" * 30, "None", "true", "lower", "replace", "truncate"),
        *('|replace("a", text)', "|truncate(3)", ".upper()", "__class__", "self", "range(9)", "[:2]", "[0]", "\\", "\x00"),
    ]
)
SOURCES = st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60)


@settings(max_examples=400, deadline=None)
@given(SOURCES, st.booleans())
@example("{{ [text,text,text]|upper|title }}", False)
@example("{% if by %}{% elif rank %}{% else %}{% endif %}", False)
def test_any_source_is_judged_in_no_time_and_what_passes_costs_little(source: str, condition: bool) -> None:
    began = time.process_time()
    found = _sandbox.mistakes(source, condition=condition)
    assert all(mistake.line >= 1 and mistake.text and len(mistake.text) < 400 for mistake in found)
    if not found:
        run = _sandbox.expression(source) if condition else _sandbox.template(source)
        for value in ("", "a" * 2000):
            made: object = ""
            # A template that passed the trial raises no more than this.
            with suppress(TypeError, ValueError, AssertionError, _sandbox.EmptyName):
                made = run(dict.fromkeys(NAMES, value))
            assert len(str(made)) <= 1_000_000
    assert time.process_time() - began < 1


def test_a_condition_is_compiled_once_and_quick(tmp_path: Path) -> None:
    destination = configured(tmp_path, f'unit == "{PLATOON}" or word == "event"').destinations[0]
    event = make_event("rankrecord.created")
    assert destination.when is not None
    assert _sandbox.expression(destination.when.source) is _sandbox.expression(destination.when.source)
    began = time.process_time()
    for _ in range(200):
        assert wants(destination, event)
    assert (time.process_time() - began) / 200 < 0.005


# A condition that fails all the same


def failing(folder: Path) -> tuple[DestinationConfig, Config]:
    config = configured(folder, 'text|replace("a", text)')
    return config.destinations[0], config


def test_a_condition_that_fails_is_not_met_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    destination, config = failing(tmp_path)
    event = make_event("rankrecord.created", text="a" * 1000)
    assert destination.when is not None
    with pytest.raises(ConditionFailed, match="too much is replaced"):
        destination.when.met(names(event))
    posted: list[tuple[str, str]] = []
    place = DiscordDestination("https://discord.com/api/webhooks/1130112233445566778/Zq7xToken", name="a", session=None)  # type: ignore[arg-type]
    handler = destination_handler(destination, place, config.site, lambda name, how: posted.append((name, how)))
    with caplog.at_level(logging.ERROR):
        assert not handler.wants(event)
        assert handler.wants(make_event("rankrecord.created", text="a"))
    assert posted == [("announcements", FAILED)]
    (record,) = caplog.records
    told = (
        f"announcements: `when` failed on {event.id[:12]} rankrecord.created (too much is replaced), so it is not posted there."
    )
    assert record.getMessage() == f"{told} Write the condition another way."
    assert record.exc_info is None


def test_two_conditions_with_the_same_text_are_equal() -> None:
    assert Condition("by") == Condition("by") != Condition("not by")
