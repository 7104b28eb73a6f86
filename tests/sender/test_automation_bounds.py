"""No source of a condition or a template gets out of the sandbox, costs more than it may, or raises anything."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from automating import NOW, automation, checked
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perscom_receiver import ConfigurationError
from perscom_sender.automations import Context, dry_run

GREEDY = [
    "{% for i in range(1, 99999999) %}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 99999) %}{{ i }}{% endfor %}",
    "{% set r = range(1, 999) %}{% for a in r %}{% for b in r %}{% for c in r %}{% endfor %}{% endfor %}{% endfor %}{{ 1 }}",
    "{% set s = 'ab' %}{% for i in range(1, 60) %}{% set s = s ~ s %}{% endfor %}{{ s|length }}",
    "{% set s = ['ab'] %}{% for i in range(1, 60) %}{% set s = [s, s] %}{% endfor %}{{ s|json_encode }}",
    "{% set s = ['ab'] %}{% for i in range(1, 60) %}{% set s = [s, s] %}{% endfor %}{{ s == [s] }}",
    "{% set s = 'aa' %}{% for i in range(1, 60) %}{% set s = s|replace({'a': 'aaaaaaaaaa'}) %}{% endfor %}{{ s|length }}",
    "{% set s = 'aa' %}{% for i in range(1, 60) %}{% set s = s|split('')|join(s) %}{% endfor %}{{ s|length }}",
    "{% set s %}ab{% endset %}{% for i in range(1, 60) %}{% set s %}{{ s }}{{ s }}{% endset %}{% endfor %}{{ s|length }}",
    "{% set s = 'ab' %}{% for i in range(1, 60) %}{% apply upper %}{{ s }}{% endapply %}{% set s = s ~ s %}{% endfor %}{{ s }}",
    "{% set s = '/' %}{% for i in range(1, 60) %}{% set s = s|json_encode %}{% endfor %}{{ s|length }}",
    "{% for i in range(1, 20000) %}{{ model.big in model.big2 }}{% endfor %}",
    "{% for i in range(1, 20000) %}{{ model.big|striptags|title|slice(0, 1) }}{% endfor %}",
    "{% for i in range(1, 20000) %}{{ now.format('" + "c" * 5000 + "') }}{% endfor %}",
    "{% for i in range(1, 20000) %}{{ now|date(model.format)|length }}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 20000) %}{{ model.big|trim(model.mask)|length }}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 999) %}{{ model.big|replace({(model.big|slice(0, 50000)) ~ 'c': '', 'b': ''})|length }}{% endfor %}",
    "{% for i in range(1, 999) %}{{ model.same|replace({'a': 'b', 'aa': 'c', (model.same): 'd'})|length }}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 20000) %}{{ contains(model.same, model.nearly) }}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 20000) %}{{ model.nearly in model.same }}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 20000) %}{{ model.same|split(model.nearly)|length }}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 20000) %}{{ in_array('1', model.numbers) }}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 20000) %}{{ model.keyed|json_encode|length }}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 20000) %}{{ model.big|e('html_attr')|length }}{{ model.big|e('js')|length }}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 20000) %}{% for z in model.zones %}{{ now|date('H', z) }}{% endfor %}{% endfor %}{{ 1 }}",
    "{% for i in range(1, 20000) %}{{ loop.length }}{% for j in range(1, 20000) %}{{ loop.revindex }}{% endfor %}{% endfor %}",
    "{% for i in range(1, 20000) %}{{ model.deep == model.deep }}{% endfor %}{{ 1 }}",
]


def deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


EXPENSIVE = {
    "big": "<" * 100_000,
    "big2": "<" * 100_000 + "b",
    "mask": "".join(map(chr, range(0x4E00, 0x9000))) * 4 + "<",
    "format": "c" * 400_000,
    "same": "a" * 2499,
    "nearly": "a" * 600 + "b" + "a" * 600,
    "numbers": ["1" * 300] * 2000,
    "keyed": {"k" * 100_000: 1},
    "zones": ["Europe/London", "Asia/Tokyo", "America/New_York", "Asia/Kolkata", "Africa/Cairo", "Europe/Paris", "Asia/Dubai"],
    "deep": deep(400),
}


@pytest.mark.parametrize("source", GREEDY)
def test_a_greedy_template_fails_soon(source: str) -> None:
    context = Context(model=EXPENSIVE, model_type="x", now=NOW)
    wanting = automation(template={"a": source})
    begun = time.process_time()
    done = dry_run(wanting, context)
    assert time.process_time() - begun < 5  # it is a tenth of that; without a bound it would be minutes
    assert (done.outcome, done.data) == ("failed", None)
    assert "takes too long or makes too much" in done.why


@pytest.mark.parametrize(
    "source", ["{{ 9**9**9**9 }}", "{{ 'a' * 10**9 }}", "{{ '%0999999999d' % 1 }}", "{{ [1] * 10**9 }}", "{{ 10**400 }}"]
)
def test_arithmetic_stays_small(source: str) -> None:
    assert dry_run(automation(template=[source]), CONTEXT).outcome == "failed"


def test_a_run_as_large_as_a_person_writes_is_no_problem() -> None:
    text = "<p>" + "An evening in the field. " * 2000 + "</p>"
    context = Context(model={"text": text, "rows": [{"name": f"Soldier {n}"} for n in range(300)]}, model_type="x", now=NOW)
    template = {
        "text": "{{ model.text|striptags|raw }}",
        "list": "{% for row in model.rows %}{{ loop.index }}. {{ row.name|upper }}{{ '' if loop.last else ', ' }}{% endfor %}",
    }
    done = dry_run(automation(template=template), context)
    assert done.outcome == "executed"
    assert isinstance(done.data, dict)
    assert done.data["list"].endswith("300. SOLDIER 299")


# What a source may reach.

PRIVATE = "the_private_value"
SECRET_OF_PYTHON = "an_attribute_of_python"


class Trap(dict[str, Any]):
    """An object that tells when it is taken for more than its keys."""

    secret = SECRET_OF_PYTHON

    def reveal(self) -> str:
        return SECRET_OF_PYTHON


MODEL = Trap(
    id=7,
    name=f"{PRIVATE} <b>\u202e\0🙂",
    tags=["alpha", PRIVATE],
    items={"rifle": 2, "7": "seven", PRIVATE: None},
    rank=Trap(name=PRIVATE, points="12"),
    ratio=2.5,
    notes=None,
    approved=True,
)
CONTEXT = Context(
    model=MODEL,
    model_type="App\\Models\\User",
    model_id=7,
    changes={"rank_id": {"old": 6, "new": 7}, PRIVATE: {"old": PRIVATE, "new": None}},
    causer=Trap(id=1, name=PRIVATE),
    causer_id=1,
    now=NOW,
)


def words(text: str) -> list[str]:
    return text.split()


NAMES = words("model causer changes now loop x y model_id model_type nothing self null true range changed _set __builtins__")
KEYS = words(
    "id name tags items rank ratio notes points new old rank_id 0 7 index length last secret reveal pop clear keys format upper"
    " __class__ __init__ __globals__ __mro__ __subclasses__ __dict__ mro gi_frame f_globals environment parent func_globals"
)
OUR_FILTERS = words(
    "capitalize date decrement default e escape first increment join json_encode last length lower nl2br raw replace round"
    " slice split striptags title trim upper"
)
FILTERS = [*OUR_FILTERS, *words("attr map select groupby format tojson pprint safe sort batch xmlattr")]
FUNCTIONS = words(
    "blank changed contains ends_with filled in_array max min new_value old_value range starts_with constant enum lipsum cycler"
    " namespace dict joiner super caller"
)
TESTS = words("defined null none empty even odd iterable divisibleby(2) mapping callable sameas(1)")
OPERATORS = words("+ - * / // % ** ~ == != < <= > >= and or in not&in && || ?? .. ?: =>")
MARKS = words("{{ }} {% %} {# #} ( ) [ ] { } | . , : ' \" \\")

literals = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(
        [
            "'%0999999d'",
            "'{0.__class__.__mro__}'",
            "'<b>'",
            "''",
            "'0'",
            "'\\ud800'",
            "'\\0'",
            "'@9'",
            "'Europe/Paris'",
            "'x' * 9",
        ]
    ),
    st.text(max_size=5).map(repr),
    st.sampled_from(KEYS).map(repr),
    st.sampled_from(NAMES),
)


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def of(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(*parts).map(lambda given: form.format(*given).replace("&", " "))

    arguments = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        of("{}.{}", inner, st.sampled_from(KEYS)),
        of("{}[{}]", inner, inner),
        of("({})|{}", inner, st.sampled_from(FILTERS)),
        of("({})|{}({})", inner, st.sampled_from(FILTERS), arguments),
        of("{}({})", st.sampled_from(FUNCTIONS), arguments),
        of("{}(*{}, **{})", st.sampled_from(FUNCTIONS), inner, inner),
        of("{}.{}({})", inner, st.sampled_from(KEYS), arguments),
        of("({} {} {})", inner, st.sampled_from(OPERATORS), inner),
        of("({} if {} else {})", inner, inner, inner),
        of("({} is {})", inner, st.sampled_from(TESTS)),
        of("[{}, {}]", inner, inner),
        of("{{{}: {}}}", inner, inner),
        of("(not {})", inner),
        of("(-{})", inner),
    )


EXPRESSIONS = st.recursive(literals, larger, max_leaves=12)


def in_tags(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    variables = st.sampled_from(["x", "y", "x, y", "model", "loop", "range", "_set", "self", "x.y", "x['a']"])
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(EXPRESSIONS, inner, inner).map(
            lambda g: "{% if " + g[0] + " %}" + g[1] + "{% else %}" + g[2] + "{% endif %}"
        ),
        st.tuples(variables, EXPRESSIONS, inner).map(
            lambda g: "{% for " + g[0] + " in " + g[1] + " %}" + g[2] + "{% else %}-{% endfor %}"
        ),
        st.tuples(variables, EXPRESSIONS).map(lambda g: "{% set " + g[0] + " = " + g[1] + " %}{{ x }}{{ y }}"),
        st.tuples(variables, inner).map(lambda g: "{% set " + g[0] + " %}" + g[1] + "{% endset %}{{ x|length }}"),
        st.tuples(st.sampled_from(FILTERS), inner).map(lambda g: "{% apply " + g[0] + " %}" + g[1] + "{% endapply %}"),
        st.tuples(st.sampled_from(["macro x()", "block x", "filter upper", "with", "autoescape false", "raw"]), inner).map(
            lambda g: "{% " + g[0] + " %}" + g[1] + "{% end" + g[0].split()[0] + " %}"
        ),
    )


TEMPLATES = st.recursive(
    st.one_of(EXPRESSIONS.map(lambda source: "{{ " + source + " }}"), st.text(max_size=5)), in_tags, max_leaves=8
)
TOKENS = st.sampled_from([*NAMES, *KEYS, *FILTERS, *FUNCTIONS, *OPERATORS, *MARKS, "\n"])
NONSENSE = st.one_of(
    st.text(max_size=80), st.lists(TOKENS, max_size=16).map(" ".join), st.lists(TOKENS, max_size=16).map("".join)
)


def tried(setting: dict[str, Any]) -> None:
    """Run it, whether it would be refused or not, and look at all that comes out."""
    with suppress(ConfigurationError):
        checked(**setting)
    before = copy.deepcopy(MODEL)
    done = dry_run(automation(**setting), CONTEXT)
    assert before == MODEL
    assert (done.data is None) == (done.outcome != "executed")
    assert PRIVATE not in "".join((done.why, repr(done), *done.unrendered))
    written = json.dumps(done.data)
    assert len(written) < 12 * 1_000_000 + len(json.dumps(setting))  # of 12 letters is what JSON makes of one
    for leak in (
        SECRET_OF_PYTHON,
        "object at 0x",
        "<function",
        "<class",
        "<built-in",
        "<bound",
        "jinja2.",
        "Traceback",
        "/lib/",
    ):
        assert leak not in written.replace("\\", "")


@settings(deadline=None, max_examples=400)
@given(EXPRESSIONS)
@example("model.secret")
@example("causer['secret']")
@example("model['rank']['sec' ~ 'ret']")
@example("([model]|first).secret")
@example("model.reveal")
@example("model[model.rank.name] == 1")
@example("causer['name']['x'] == model[causer['name']]")
@example("model.name|date ~ model.name|round(causer.name)")
@example("model.__class__.__mro__[1].__subclasses__()")
@example("'{0.__class__}'.format(now)")
@example("model.reveal() or model.secret or model['secret']")
@example("max(*model.tags)")
@example("now|nl2br(model.__class__, *_set)")
def test_no_expression_reaches_more_than_it_is_told(source: str) -> None:
    tried({"condition": source})
    tried({"template": ["{{ " + source + " }}", {"a": "{{ (" + source + ")|json_encode|raw }}"}]})


@settings(deadline=None, max_examples=400)
@given(TEMPLATES)
@example("{% set ns = namespace(x=1) %}{% set ns.x = 2 %}{{ ns.x }}")
@example("{% for x in model recursive %}{{ loop(x) }}{% endfor %}{{ 1 }}")
@example("{% for x in [1] %}{{ loop.__class__ }}{{ loop._iterable }}{{ [loop]|first }}{% endfor %}{{ 1 }}")
@example("{% set x %}{{ self }}{% endset %}{{ x.__html__() }}")
def test_no_template_reaches_more_than_it_is_told(source: str) -> None:
    tried({"template": {"deep": [source]}})


@settings(deadline=None, max_examples=300)
@given(NONSENSE)
@example("{{ model|attr('__class__') }}")
@example("{{ range.__globals__ }}{{ loop.__class__ }}{{ now.__class__ }}")
@example("{{ 1|nl2br(lipsum.__globals__) }}")
def test_no_nonsense_raises_anything(source: str) -> None:
    tried({"condition": source})
    tried({"template": ["{{ 1 }}" + source, source, {source[:20]: source}]})


def repeated(piece: str) -> str:
    return piece * (9900 // len(piece))


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "{{",
            "{%",
            "{#",
            "}}",
            "'",
            '"',
            "\\",
            "\n",
            "{% raw %}",
            "{{ '",
            '{{ "\\',
            "{{ (",
            "{{ {",
            "{{ -",
            "{{ a.",
            "{{ a|",
        ),
        *("{{ a }}", "{{ a ~ ", "{{ a if b else ", "{% if a %}", "{% for a in b %}", "{% set a %}", "{% apply upper %}", "1<"),
        *(
            "a contains ",
            "a starts with ",
            "matches ",
            "&&",
            "?",
            "!",
            "..",
            "=>",
            "not ",
            "a[",
            "range(",
            "🙂",
            "\u0301",
            "\u202e",
        ),
    ],
)
@pytest.mark.parametrize(
    "form", [str, lambda long: "{{ " + long + " }}", lambda long: "1 " + long], ids=["bare", "in", "behind"]
)
def test_a_source_as_long_as_may_be_is_read_or_refused_soon(piece: str, form: Callable[[str], str]) -> None:
    begun = time.process_time()
    tried({"condition": form(repeated(piece))})
    tried({"template": ["{{ 1 }}" + form(repeated(piece))]})
    assert time.process_time() - begun < 5  # it is a tenth of that


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(st.sampled_from(["a", "b", "items"]), JSON))
def test_no_model_raises_anything(model: dict[str, Any]) -> None:
    context = Context(model=model, model_type="x", model_id=1, now=NOW)
    for name in OUR_FILTERS:
        done = dry_run(
            automation(template=["{{ model.a|" + name + " }}{{ model.b|default(1) }}"], condition='model["a"]|default(1)'),
            context,
        )
        assert done.outcome in ("executed", "condition_failed", "failed")
        if done.outcome == "executed":
            assert isinstance(done.data, list)
            assert isinstance(done.data[0], str)
