"""Conditions and templates: what is sent under which condition, as PERSCOM would, and what is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from automating import CONTEXT, MODEL, MODEL_WITHOUT_CAUSER, NOW, automation, checked, met, rendered

from perscom_receiver import ConfigurationError, php_json
from perscom_sender import _jinja
from perscom_sender._spellings import FORMS
from perscom_sender.automations import Context, dry_run

# What is sent.


def test_without_a_template_the_resource_itself_is_sent_and_changes_are_an_empty_list() -> None:
    done = dry_run(automation(), CONTEXT)
    assert (done.outcome, done.data, done.changes, done.why) == ("executed", MODEL, [], "")


@pytest.mark.parametrize("template", [None, "", "  \n"])
def test_a_blank_template_is_none(template: str | None) -> None:
    assert dry_run(automation(template=template), CONTEXT).data == MODEL


@pytest.mark.parametrize("template", ["{}", "[]"])
def test_an_empty_template_arrives_as_a_list(template: str) -> None:
    done = dry_run(automation(template=template), CONTEXT)
    assert (php_json(done.data), done.changes) == (b"[]", None)


def test_text_values_at_any_depth_are_rendered_and_nothing_else() -> None:
    template = {
        "{{ model.id }}": 1,
        "id": "{{ model.id }}",
        "deep": [{"er": ["{{ model.rank.name }}", 2.5, True, None]}],
        "only a tag": "{% if true %}x{% endif %}",
        "plain": "model.id",
        "both": "{% if model.approved %}yes{% endif %}{{ '' }}",
    }
    done = dry_run(automation(template=template), CONTEXT)
    assert done.changes is None
    assert done.data == {
        "{{ model.id }}": 1,
        "id": "7",
        "deep": [{"er": ["Sergeant", 2.5, True, None]}],
        "only a tag": "{% if true %}x{% endif %}",
        "plain": "model.id",
        "both": "yes",
    }


def test_a_template_may_be_json_text_or_a_list() -> None:
    assert dry_run(automation(template='["{{ model.id }}", 1]'), CONTEXT).data == ["7", 1]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ model.id }}", "7"),
        ("{{ model['id'] }}", "7"),
        ("{{ model.approved }}", "1"),
        ("{{ model.online }}", ""),
        ("{{ model.notes }}", ""),
        ("{{ null }}", ""),
        ("{{ nothing }}", ""),
        ("{{ model.nothing.at.all }}", ""),
        ("{{ model.notes.deeper }}", ""),
        ("{{ model.ratio }}", "2.5"),
        ("{{ 100.0 }}", "100"),
        ("{{ 0.1 + 0.2 }}", "0.3"),
        ("{{ 1e25 }}", "1.0E+25"),
        ("{{ 1 / 3 }}", "0.33333333333333"),
        ("{{ 0.00000015 }}", "1.5E-7"),
        ("{{ model.name }}", "O&#039;Brien &lt;b&gt;"),
        ("{{ model.name|raw }}", "O'Brien <b>"),
        ("{{ model.name|raw|upper }}", "O&#039;BRIEN &lt;B&gt;"),
        ("{{ '<b>' }}", "<b>"),
        ("{{ '\"quoted\" & more'|lower }}", "&quot;quoted&quot; &amp; more"),
        ("{{ model.tags|json_encode }}", "[&quot;alpha&quot;,&quot;bravo&quot;,&quot;charlie&quot;]"),
        ("{{ model.tags|json_encode|raw }}", '["alpha","bravo","charlie"]'),
        ("{{ causer.name }} {{ causer_id }} {{ model_id }} {{ model_type }}", "Capt. Okafor 1 7 App\\Models\\User"),
        ("{{ changes.rank_id.old }} to {{ changes.rank_id.new }}", "6 to 7"),
        ("{{ now }}", "2026-03-05 04:07:09"),
        ("{{ now|date('H:i') }} {{ now.format('D') }} {{ now.year }}", "04:07 Thu 2026"),
        ("{{ model.__class__ }}{{ model.items.items }}{{ model.name.upper }}", ""),
        (
            "{{ model.tags[1] }}{{ model.tags['2'] }}{{ {'7': 'x'}[7] }}{{ model.tags[-1] }}{{ model.tags[9] }}.",
            "bravocharliex.",
        ),
        ("{{ -model.points }} {{ 9007199254740993 / 3 }} {{ 7 / 2 }}", "-12 3002399751580331 3.5"),
        ("a\n{{ 1 }}\n", "a\n1\n"),
    ],
)
def test_a_rendered_value_is_the_text_that_twig_writes(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% if model.approved %}yes{% else %}no{% endif %}{{ '' }}", "yes"),
        ("{% if '0' %}yes{% elif [] %}maybe{% else %}no{% endif %}{{ '' }}", "no"),
        (
            "{% for tag in model.tags %}{{ loop.index }}{{ tag }}{% if not loop.last %},{% endif %}{% endfor %}",
            "1alpha,2bravo,3charlie",
        ),
        ("{% for key, value in model.items %}{{ key }}={{ value }};{% endfor %}", "rifle=2;helmet=1;"),
        ("{% for key, value in model.tags %}{{ key }}{% endfor %}", "012"),
        ("{% for value in model.items %}{{ value }}{% endfor %}", "21"),
        ("{% for x in model.name %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for x in nothing %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% set sum = 0 %}{% for n in model.items %}{% set sum = sum + n %}{% endfor %}{{ sum }}", "3"),
        ("{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12"),
        ("{% set x %}<i>{{ model.name }}</i>{% endset %}{{ x }}", "<i>O&#039;Brien &lt;b&gt;</i>"),
        ("{% set x = model.name|raw %}{{ x }}", "O&#039;Brien &lt;b&gt;"),
        ("{% apply upper %}a{{ 'b' }}{% endapply %}", "AB"),
        ("{% for t in model.tags %}{% apply upper|slice(0, 1) %}{{ t }}{% endapply %}{% endfor %}", "ABC"),
        ("{% for i in range(1, 3) %}{{ i }}{% endfor %}", "123"),
        (
            "{% for a in model.tags %}{% for b in model.tags %}{{ a|first }}{{ b|first }} {% endfor %}{% endfor %}",
            "aa ab ac ba bb bc ca cb cc ",
        ),
        ("{{ 'a' ~ 1 ~ true ~ null }}", "a11"),
        (
            "{{ -7 % 3 }} {{ 7 // 2 }} {{ 6 / 2 }} {{ 2 ** 3 }} {{ '5' + 1 }} {{ null + 1 }} {{ -model.points }}",
            "-1 3 3 8 6 1 -12",
        ),
        ("{{ 9223372036854775807 + 1 }}", "9.2233720368548E+18"),
        ("{{ 'yes' if model.approved else 'no' }}", "yes"),
        (
            "{{ 1 if 'bravo' in model.tags }}{{ 2 if 2 in model.items }}{{ 3 if 'rifle' in model.items }}{{ 4 if '7' in [7] }}",
            "12",
        ),
        ("{{ 1 if 'Bri' in model.name }}{{ 2 if 1 in 'a1' }}{{ 3 if 'x' in nothing }}{{ 4 if 'x' not in model.notes }}", "124"),
        ("{{ 1 if model.nothing == null }}{{ 2 if null != nothing }}{{ 3 if 1 < 2 < 3 }}", "13"),
        ("{{ 1 if model.notes is null }}{{ 2 if nothing is not defined }}{{ 3 if [] is empty }}{{ 4 if 3 is odd }}", "1234"),
    ],
)
def test_tags_and_operators_mean_what_they_mean_in_twig(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ 'hELLO wORLD'|capitalize }}", "Hello world"),
        ("{{ 5|decrement }} {{ '5'|decrement(2) }} {{ 'x'|decrement }}", "4 3 -1"),
        ("{{ 5|increment }} {{ '1.5'|increment }} {{ null|increment(3) }}", "6 2.5 3"),
        ("{{ nothing|default('d') }}{{ ''|default('d') }}{{ false|default('d') }}{{ []|default('d') }}", "dddd"),
        ("{{ 0|default('d') }}{{ '0'|default('d') }}{{ model.a.b.c|default('d') }}{{ null|default }}", "00d"),
        ("{{ model.name|escape }} {{ model.name|e('html') }}", "O&#039;Brien &lt;b&gt; O&#039;Brien &lt;b&gt;"),
        ("{{ \"a'b\"|e('js')|raw }} {{ 'a b/é'|e('url') }}", "a\\u0027b a%20b%2F%C3%A9"),
        ("{{ 'a b-é\"\\x7f'|e('html_attr')|raw }} {{ 'a-é'|e('css')|raw }}", "a&#x20;b-&#x00E9;&quot;&#xFFFD; a\\2D \\E9 "),
        ("{{ [1, 2]|first }}{{ {'a': 5}|first }}{{ 'abc'|first }}{{ []|first }}", "15a"),
        ("{{ [1, 2]|last }}{{ {'a': 5, 'b': 6}|last }}{{ 'abc'|last }}{{ ''|last }}", "26c"),
        (
            "{{ [1, 2, 3]|join }} {{ [1, 2, 3]|join(', ') }} {{ [1, 2, 3]|join(', ', ' and ') }} {{ model.items|join('-') }}",
            "123 1, 2, 3 1, 2 and 3 2-1",
        ),
        (
            "{{ [true, false, null, 1.0]|join(',') }}|{{ null|join }}|{{ 'x'|join(',') }}|{{ [9]|join(',', ' and ') }}",
            "1,,,1||x|9",
        ),
        (
            "{{ {'a': 'é/', 'b': []}|json_encode|raw }} {{ null|json_encode }} {{ 1.0|json_encode }}",
            '{"a":"\\u00e9\\/","b":[]} null 1',
        ),
        ("{{ now|json_encode|raw }}", '"2026-03-05T04:07:09.000000Z"'),
        ("{{ 'é'|length }}{{ [1, 2]|length }}{{ model.items|length }}{{ null|length }}{{ 123|length }}", "12203"),
        ("{{ 'ÄB'|lower }} {{ 'äb'|upper }}", "äb ÄB"),
        ("{{ 'a<\nb\r\nc'|nl2br }}", "a<<br />\nb<br />\nc"),
        ("{{ model.text|nl2br }} {{ model.name|nl2br }}", "one<br />\ntwo O&#039;Brien &lt;b&gt;"),
        ("{{ 'I like %this% and %that%'|replace({'%this%': 'foo', '%that%': 'bar'}) }}", "I like foo and bar"),
        (
            (
                "{{ 'hi all'|replace({'hi': 'hello', 'hello': 'hi', 'a': 'world', '': 'x'}) }} "
                "{{ 'abcd'|replace({'ab': '1', 'abc': '2'}) }}"
            ),
            "hello worldll 2d",
        ),
        (
            (
                "{{ 2.5|round }} {{ (-1.5)|round }} {{ 1.005|round(2) }} {{ 5.055|round(2) }} {{ 1234.5|round(-2) }} "
                "{{ 1.4|round(0, 'ceil') }}"
            ),
            "3 -2 1.01 5.06 1200 2",
        ),
        (
            (
                "{{ 1.955|round(2) }} {{ 0.285|round(2) }} {{ 1234567.891|round(1, 'floor') }} {{ '12.5'|round }} "
                "{{ 1e300|round(2) }}"
            ),
            "1.96 0.29 1234567.8 13 1.0E+300",
        ),
        ("{{ 'hello'|slice(1, 3) }} {{ 'hello'|slice(-3) }} {{ 'hello'|slice(1, -1) }} {{ 'abc'|slice(5) }}.", "ell llo ell ."),
        (
            (
                "{{ [1, 2, 3, 4]|slice(1, 2)|join }} {{ {'a': 1, 'b': 2}|slice(1)|json_encode|raw }} "
                "{{ 'abc'|slice(start=1, length=1) }}"
            ),
            '23 {"b":2} b',
        ),
        (
            "{{ 'a,b,c'|split(',', 2)|join('|') }} {{ 'a,b,c'|split(',', -1)|join('|') }} {{ 'abcde'|split('', 2)|join('|') }}",
            "a|b,c a|b ab|cd|e",
        ),
        (
            "{{ '<b>a</b> c < d'|striptags }} {{ 'a <!-- x > --> b'|striptags }} {{ \"<a title='>'>t</a>\"|striptags }}",
            "a c &lt; d a  b t",
        ),
        (
            "{{ 'a > b <br'|striptags|raw }} {{ '<<b>>c'|striptags }} {{ '5 < 6 and 7 > 3'|striptags|raw }}",
            "a > b  c 5 < 6 and 7 > 3",
        ),
        (
            "{{ 'a<!-->b<? c > d ?>e<!f<g>h'|striptags }} {{ ''|split('')|length }} {{ 1e300 // 7 }}",
            "abeh 1 0",
        ),
        ('{{ "o\'brien of the 1st ann-marie"|title|raw }}', "O'brien Of The 1St Ann-Marie"),
        (
            "{{ '  a b '|trim }}.{{ 'xxaxx'|trim('x') }}.{{ '1.500'|trim('0', 'right') }}.{{ ' a'|trim(side='left') }}",
            "a b.a.1.5.a",
        ),
    ],
)
def test_a_filter_means_what_it_means_in_twig(source: str, text: str) -> None:
    assert rendered(source) == text


# Written by PHP 8.2 for these moments.
PHP_DATES = {
    "2026-03-05T04:07:09Z": (
        "05 Thu 5 Thursday 4 th 4 63 10 March 03 Mar 3 31 0 2026 2026 26 am AM 213 4 4 04 04 07 09 000000 000 0 +0000 +00:00 0 "
        "2026-03-05T04:07:09+00:00 Thu, 05 Mar 2026 04:07:09 +0000 1772683629"
    ),
    "2024-12-30T23:59:59.120340Z": (
        "30 Mon 30 Monday 1 th 1 364 01 December 12 Dec 12 31 1 2025 2024 24 pm PM 041 11 23 11 23 59 59 120340 120 0 +0000 "
        "+00:00 0 2024-12-30T23:59:59+00:00 Mon, 30 Dec 2024 23:59:59 +0000 1735603199"
    ),
    "2021-01-03T12:00:00Z": (
        "03 Sun 3 Sunday 7 rd 0 2 53 January 01 Jan 1 31 0 2020 2021 21 pm PM 541 12 12 12 12 00 00 000000 000 0 +0000 +00:00 "
        "0 2021-01-03T12:00:00+00:00 Sun, 03 Jan 2021 12:00:00 +0000 1609675200"
    ),
}


@pytest.mark.parametrize(("moment", "text"), PHP_DATES.items(), ids=list(PHP_DATES))
def test_every_letter_of_a_date_format_is_that_of_php(moment: str, text: str) -> None:
    letters = " ".join("dDjlNSwzWFmMntLoYyaABgGhHisuvIOPZcrU")
    assert rendered(f"{{{{ '{moment}'|date('{letters}')|raw }}}}") == text


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "2026-07-31T22:30:00+00:00|UTC|0|UTC|0|Z"),
        ("America/New_York", "2026-07-31T18:30:00-04:00|America/New_York|1|EDT|-14400|-04:00"),
        ("Asia/Kolkata", "2026-08-01T04:00:00+05:30|Asia/Kolkata|0|IST|19800|+05:30"),
        ("Pacific/Auckland", "2026-08-01T10:30:00+12:00|Pacific/Auckland|0|NZST|43200|+12:00"),
        ("Europe/London", "2026-07-31T23:30:00+01:00|Europe/London|1|BST|3600|+01:00"),
    ],
)
def test_a_date_is_told_in_the_time_zone_that_is_asked_for(zone: str, text: str) -> None:
    assert rendered(f"{{{{ '2026-07-31 22:30:00'|date('c|e|I|T|Z|p', '{zone}') }}}}") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'2026-03-05'", "March 5, 2026 00:00"),
        ("'2026-03-05 04:07:09'", "March 5, 2026 04:07"),
        ("'2026-03-05T04:07:09+02:00'", "March 5, 2026 02:07"),
        ("1700000000", "November 14, 2023 22:13"),
        ("'1700000000'", "November 14, 2023 22:13"),
        ("null", "March 5, 2026 04:07"),
        ("'now'", "March 5, 2026 04:07"),
        ("model.created_at", "March 5, 2026 04:07"),
    ],
)
def test_what_a_date_is_made_of(value: str, text: str) -> None:
    assert rendered(f"{{{{ {value}|date }}}}") == text


def test_a_backslash_takes_the_meaning_from_a_letter_of_a_format() -> None:
    assert rendered(r"{{ now|date('Y-m-d \\a\\t H:i, jS') }}") == "2026-03-05 at 04:07, 5th"


# What goes out as it stands, and what goes wrong.


@pytest.mark.parametrize(
    "source",
    [
        "{{ model.id ",
        "{{ }}",
        "{{ model.id|nope }}",
        "{{ nope(1) }}",
        "{{ model.id is nope }}",
        "{% include 'x' %}{{ 1 }}",
        "{% macro a() %}{% endmacro %}{{ 1 }}",
        "{{ self }}",
        "{{ model.name.upper() }}",
        "{{ _set }}",
        "{{ cycler }}{{ lipsum() }}",
        "{{ max(*model.tags) }}",
        "{{ model.name|nl2br(lipsum()) }}",
        "{{ now.format(*model.tags) }}",
        "{{ 1 in [1] in [2] }}",
        "{% if model.id %}{{ 1|nope }}{% endif %}",
    ],
)
def test_a_text_with_a_mistake_in_it_goes_out_unrendered_and_the_run_says_so(source: str) -> None:
    done = dry_run(automation(template={"a": [source], "b": "{{ model.id }}"}), CONTEXT)
    assert (done.outcome, done.data) == ("executed", {"a": [source], "b": "7"})
    (note,) = done.unrendered
    assert note.startswith("a[0] goes out unrendered: ")
    assert note in str(done)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ model.tags }}", "a list or an object is printed as text"),
        ("{{ 1 / 0 }}", "divided by zero"),
        ("{{ 1 % 0 }}", "divided by zero"),
        ("{{ 'x' * 9 }}", "no number"),
        ("{{ 2 ** 5000 }}", "too large"),
        ("{{ model.name|date }}", "date takes"),
        ("{{ now|date('Y', 'Mars/Olympus') }}", "no such time zone"),
        ("{{ model.name|replace('a', 'b') }}", "do not go together"),
        ("{{ model.name|e('sql') }}", "escape knows css, html, html_attr, js, url"),
        ("{{ model.name < 3 }}", "do not go together"),
        ("{% for x in model.tags %}{{ loop }}{% endfor %}", "a list or an object"),
    ],
)
def test_an_error_while_it_runs_fails_the_automation_and_names_the_place_but_no_value(source: str, why: str) -> None:
    done = dry_run(automation(template={"deep": {"er": source}}), CONTEXT)
    assert (done.outcome, done.data, done.changes) == ("failed", None, None)
    assert done.why.startswith("in deep.er ")
    assert why in done.why
    assert "Brien" not in str(done) + repr(done)


def test_data_that_is_no_json_fails_the_automation() -> None:
    bad = Context(model={"name": "\ud800"}, model_type="x", now=NOW)
    assert dry_run(automation(), bad).outcome == "failed"
    assert dry_run(automation(template={"a": "{{ model.name }}"}), bad).why.startswith(
        "the data holds something that JSON cannot"
    )


ADVERTISED = (
    "capitalize date decrement default escape first increment join json_encode last length lower nl2br raw replace round slice"
    " split striptags title trim upper"
)


@pytest.mark.parametrize("name", ADVERTISED.split())
def test_every_filter_of_perscoms_page_is_there_and_in_the_table_above(name: str) -> None:
    assert not isinstance(_jinja.string("{{ model.name|" + name + " }}"), str)
    (table,) = (mark for mark in test_a_filter_means_what_it_means_in_twig.pytestmark if mark.name == "parametrize")
    assert name == "date" or any(f"|{name}" in source for source, _ in table.args[1])


@pytest.mark.parametrize(
    "call",
    [
        *("in_array(1, [1])", 'contains("ab", "a")', 'starts_with("ab", "a")', 'ends_with("ab", "b")', 'changed("rank_id")'),
        *(
            'old_value("rank_id") == 6',
            'new_value("rank_id") == 7',
            "blank(null)",
            "filled(1)",
            "min(1, 2) == 1",
            "max(1, 2) == 2",
        ),
    ],
)
def test_every_function_of_perscoms_page_is_there_in_conditions_and_templates(call: str) -> None:
    assert met(call).outcome == "executed"
    assert rendered("{{ " + call + " }}") == "1"


# Conditions.


@pytest.mark.parametrize(
    "condition",
    [
        'model["id"] == 7',
        "model.id in [6, 7]",
        'changed("rank_id") and old_value("rank_id") == 6 and new_value("rank_id") == 7',
        'not changed("name")',
        'changed("notes") and new_value("notes") is null',
        'old_value("name") is none',
        'in_array("7", [6, 7]) and in_array(7, {"a": "7"}) and not in_array("x", [0]) and not in_array(7, "7")',
        'contains(model["name"], "Brien") and not contains(model["tags"], "alpha") and not contains(model["id"], "7")',
        'starts_with(model["name"], "O") and ends_with(model["name"], "<b>")',
        'blank(model["notes"]) and blank("  ") and blank([]) and not blank(0) and not blank(false)',
        'filled(model["name"]) and not filled(null)',
        "min(3, 1, 2) == 1 and max([3, 1]) == 3",
        'model["points"]|round > 5',
        'causer["name"]|lower == "capt. okafor" and causer_id == 1 and model_id == 7',
        'model_type == "App\\\\Models\\\\User"',
        'now.format("H") == "04" and now.hour == 4 and now.dayOfWeek == 4',
        'changes["rank_id"]["new"] == 7',
        'changes["rank" ~ "_id"]["new"] == 7 and model["tags"][model_id - 7] == "alpha"',
        'model["nothing"]|default("x") == "x"',
        '"a && b" == "a && b"',
        "1",
        "",
        "   ",
    ],
)
def test_a_condition_that_is_met(condition: str) -> None:
    assert met(condition).outcome == "executed"


@pytest.mark.parametrize("condition", ['model["id"] == 8', "0", '"0"', '""', "[]", "null", "false", "causer", 'changed("x")'])
def test_a_condition_that_is_not_met_sends_nothing(condition: str) -> None:
    done = met(condition, MODEL_WITHOUT_CAUSER)
    assert (done.outcome, done.data, done.changes, done.why) == ("condition_failed", None, None, "")


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ('model["nothing"] == 1', 'in the condition there is no "nothing" in it'),
        ("model.nothing", 'in the condition there is no "nothing" in it'),
        ('model[model["rank"]["name"]] == 1', 'in the condition there is no "this key" in it'),
        ('causer["name"] == "x"', 'in the condition what should hold "name" is null'),
        ('blank(model["nothing"])', 'there is no "nothing"'),
        ('model["nothing"] in [1]', 'there is no "nothing"'),
        ('model["name"] > 3', "do not go together"),
        ("1 / 0 == 1", "divided by zero"),
        ("changed()", "do not go together"),
    ],
)
def test_an_error_in_a_condition_sends_nothing(condition: str, why: str) -> None:
    done = met(condition, MODEL_WITHOUT_CAUSER)
    assert (done.outcome, done.data) == ("failed", None)
    assert why in done.why


SYMFONY = [
    ("&&", 'model["id"] && causer', "a and b"),
    ("||", 'model["id"]||causer', "a or b"),
    ("!", '!changed("rank_id")', "not a"),
    ("===", 'model["id"] === 7', "a == b"),
    ("!==", 'model["id"] !== 7', "a != b"),
    ("contains", 'model["name"] contains "x"', "contains(a, b)"),
    ("starts with", 'model["name"] starts with "x"', "starts_with(a, b)"),
    ("ends with", '(model["name"]) ends  with "x"', "ends_with(a, b)"),
    ("matches", 'model["name"] matches "/x/"', "contains(a, b)"),
    ("xor", "model and causer xor changes", "(a and not b) or (b and not a)"),
    ("??", 'model["x"] ?? "y"', "a|default(b)"),
    ("?.", "causer?.name", 'a["key"]'),
    ("?:", 'model["x"] ?: "y"', "a or b"),
    ("?", 'model["x"] ? 1 : 2', "b if a else c"),
    ("..", 'model["id"] in 1..5', "range(a, b)"),
    ("=>", 'model["tags"]|filter(t => t)', "a for loop"),
    ("same as", 'model["x"] is same as(1)', "a == b"),
    ("divisible by", 'model["x"] is divisible by(2)', "divisibleby"),
    ("constant()", 'constant("DATE_ATOM") == 1', "the value itself"),
    ("enum()", 'enum("App\\\\Type::A") == 1', "the value itself"),
    ("[a:b]", 'model["name"][0:2] == "ab"', "a|slice(start, length)"),
]


@pytest.mark.parametrize(("name", "condition", "form"), SYMFONY, ids=[name for name, _, _ in SYMFONY])
def test_a_spelling_of_symfony_or_twig_is_refused_with_the_form_that_is_understood(
    name: str, condition: str, form: str
) -> None:
    for setting in ({"condition": condition}, {"template": {"a": "{{ " + condition + " }}"}}):
        with pytest.raises(ConfigurationError) as caught:
            checked(**setting)
        assert f'"{name}" is not understood here. Write: ' in str(caught.value)
        assert form in str(caught.value)
        assert "'news'" in str(caught.value)


def test_the_table_of_spellings_is_whole() -> None:
    assert {name for name, _, _ in SYMFONY} | {"elseif"} == set(FORMS)


def test_elseif_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r'"elseif" is not understood here\. Write: elif'):
        checked(template=["{% if model.id %}a{% elseif causer %}b{% endif %}{{ 1 }}"])


@pytest.mark.parametrize("text", ["a && b", "x ?? y", "starts with", "1..5", "!", "contains (x)"])
def test_a_spelling_within_quotes_is_a_text(text: str) -> None:
    assert met(f'contains("{text}", "{text}")').outcome == "executed"
    assert rendered(f"{text} {{{{ '{text}' }}}}") == f"{text} {text}"


# What is refused when an automation is made.


@pytest.mark.parametrize(
    ("given", "help_"),
    [
        ({"trigger": ""}, "rankrecord.created"),
        ({"trigger": "user.*"}, "several automations"),
        ({"trigger": "webhook.test"}, "test()"),
        ({"trigger": "\ud800"}, "rankrecord.created"),
        ({"subscription": "website"}, "the id of one"),
        ({"subscription": 0}, "the id of one"),
        ({"subscription": True}, "the id of one"),
        ({"subscription": 2**63}, "the id of one"),
        ({"priority": "high"}, "whole number"),
        ({"priority": 2**63}, "whole number"),
        ({"enabled": "no"}, "true or false"),
        ({"name": "x" * 256}, "255"),
        ({"condition": 7}, "text"),
        ({"condition": "'\ud800'"}, "text"),
        ({"condition": "{{ model.id }}"}, "no braces"),
        ({"condition": "modle.id == 7"}, "Did you mean model?"),
        ({"condition": 'changd("x")'}, "Did you mean changed?"),
        ({"condition": 'model["x"]|uper == "X"'}, "Did you mean upper?"),
        ({"condition": "model["}, "cannot be used"),
        ({"condition": "model.id 7"}, "stands behind its end"),
        ({"condition": "1 or " * 100 + "1"}, "a in [1, 2, 3]"),
        ({"condition": "(" * 5000 + "1" + ")" * 5000}, "10000 characters"),
        ({"condition": "(" * 4000 + "1" + ")" * 4000}, "too deeply"),
        ({"condition": "9" * 5000 + " == 1"}, "too long a number"),
        ({"template": "{"}, "no JSON"),
        ({"template": "[" * 5000 + "]" * 5000}, "JSON"),
        ({"template": "7"}, "an object or a list"),
        ({"template": '"text"'}, "an object or a list"),
        ({"template": {"a": NOW}}, "something that JSON cannot"),
        ({"template": {"a": "x" * 70_000}}, "65536 bytes"),
        ({"template": {"a": "{{ 1 }}" + "x" * 10_000}}, "10000 characters"),
        ({"template": ["{{ 1 }}"] * 257}, "256 texts"),
        ({"template": {"a": {"b": ["{{ a ?? b }}"]}}}, "its template, at a.b[0], cannot be used"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_write(given: dict[str, Any], help_: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked(**given)
    assert help_ in str(caught.value)


def test_a_template_that_is_nested_too_deeply_is_refused() -> None:
    deep: Any = "{{ 1 }}"
    for _ in range(70):
        deep = [deep]
    with pytest.raises(ConfigurationError, match="64 levels"):
        checked(template=deep)


def test_a_context_needs_a_time_zone() -> None:
    with pytest.raises(ConfigurationError, match="time zone"):
        Context(model={}, model_type="x", now=datetime(2026, 1, 1))
