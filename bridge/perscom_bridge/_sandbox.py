"""The language of ``when`` and ``[wording]``: Jinja2's, without what needs trust or time.

A source is looked at before it is compiled, and what stands on this page is let through: names, texts, numbers, comparisons,
if and else, and the filters and methods below. No loop, no variable of its own, no function, no arithmetic but +. So what a
template costs is bounded by its own length and the lengths of the names. The sandbox of Jinja2 stands behind that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from traceback import extract_tb
from typing import Final, NamedTuple

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.filters import do_title, do_truncate
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from perscom_adapters import NAMES

from ._problems import did_you_mean, hide

__all__ = ["LONGEST", "EmptyName", "Mistake", "expression", "mistakes", "names_in", "template"]

LONGEST: Final = 2000
"""Characters of a source."""
_DEEPEST = 40
"""Levels of a source. Python's own parser stops at a few hundred."""
_LARGEST = 20_000
"""Characters of a text with something replaced in it: the one place where a text could grow without bound."""

_LET_THROUGH = frozenset(
    {
        *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name, nodes.Const, nodes.Tuple),
        *(nodes.List, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand, nodes.Add, nodes.Neg, nodes.Concat),
        *(nodes.Filter, nodes.Test, nodes.Call, nodes.Keyword, nodes.Getattr, nodes.Getitem, nodes.Slice),
    }
)
"""The nodes of a tree that Jinja2 makes of a source. What is not here is refused, also what a later Jinja2 adds."""
_REFUSED = {
    nodes.For: "There are no loops here",
    nodes.Mul: "There is no * here",
    nodes.Pow: "There is no ** here",
    nodes.Mod: "There is no % here. Texts are joined with ~",
    nodes.Assign: "There is no set here",
    nodes.AssignBlock: "There is no set here",
}
_EXAMPLES = ("{{ member }} is now {{ rank }}!", 'unit == "1st Platoon" or word == "event"')
_METHODS = ("capitalize", "endswith", "lower", "removeprefix", "removesuffix", "startswith", "strip", "title", "upper")


class EmptyName(Exception):
    """A template would show a name that is empty."""


class Mistake(NamedTuple):
    """What is wrong with a source, and on which of its lines, from 1."""

    line: int
    text: str


class _Empty(str):
    """The value of a name that PERSCOM did not send: empty, but told from ``""``, also when its letters were changed."""

    __slots__ = ()

    def __getitem__(self, place: object) -> _Empty:
        return self

    capitalize = lower = strip = title = upper = lambda self: self  # type: ignore[assignment]


def _shown(value: object) -> object:
    if isinstance(value, _Empty):
        raise EmptyName
    return value


def _replace(value: str, old: str, new: str) -> str:
    if len(value) + value.count(old) * (len(new) - len(old)) > _LARGEST:
        raise ValueError("too much is replaced")
    return value.replace(old, new)


def _default(value: object, other: object = "", boolean: bool = True) -> object:
    return value or other  # an empty name is what Jinja2 calls undefined


def _of_text(function: Callable[..., str]) -> Callable[..., str]:
    """A filter for texts. An empty name stays one."""
    return lambda value, *more: value if isinstance(value, _Empty) else function(str(value), *map(str, more))


def _environment() -> ImmutableSandboxedEnvironment:
    # Not autoescaped: what comes out is text, which each platform escapes in its own way.
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_shown)
    made.globals.clear()
    made.filters = {
        "capitalize": _of_text(str.capitalize),
        "d": _default,
        "default": _default,
        "first": lambda value: value[:1],
        "last": lambda value: value[-1:],
        "length": len,
        "lower": _of_text(str.lower),
        "replace": _of_text(_replace),
        "title": _of_text(do_title),
        "trim": _of_text(str.strip),
        "truncate": do_truncate,
        "upper": _of_text(str.upper),
    }
    # A name is always there, perhaps empty. Whoever asks whether it is defined wants to know whether PERSCOM sent it.
    made.tests = {
        "defined": lambda value: bool(value),
        "eq": lambda value, other: value == other,
        "in": lambda value, others: value in others,
        "ne": lambda value, other: value != other,
        "none": lambda value: not value,
        "undefined": lambda value: not value,
    }
    return made


_ENVIRONMENT: Final = _environment()


@cache
def template(source: str) -> Callable[[Mapping[str, str]], str]:
    """What makes a text of the names. ``source`` has no :func:`mistakes`; compiled once.

    The function raises :class:`EmptyName` where an empty name would be shown as it is, and whatever goes wrong.
    """
    compiled = _ENVIRONMENT.from_string(source)
    return lambda names: compiled.render(_marked(names))


@cache
def expression(source: str) -> Callable[[Mapping[str, str]], bool]:
    """What tells whether the condition ``source``, which has no :func:`mistakes`, is met. Compiled once; may raise anything."""
    compiled = _ENVIRONMENT.compile_expression(source, undefined_to_none=False)
    return lambda names: bool(compiled(_marked(names)))


def _marked(names: Mapping[str, str]) -> dict[str, str]:
    return {name: value or _Empty() for name, value in names.items()}


def mistakes(source: str, *, condition: bool = False, about: str = "a wording", hint: str = "") -> list[Mistake]:
    """All that is wrong with ``source``, a template or a ``condition``; empty when it can be compiled.

    ``about`` is what its names are for, and ``hint`` says where a reader finds them. Never raises and runs nothing that is not
    let through.
    """
    if len(source) > LONGEST:
        return [Mistake(1, f"This is longer than {LONGEST} characters. Make it shorter.")]
    if condition and source.lstrip().startswith(("{{", "{%")):
        return [Mistake(1, f"A condition has no braces. Write it like this: {_EXAMPLES[True]}")]
    try:
        tree = _parse(source, condition=condition)
        found = list(dict.fromkeys(_judge(tree, about, hint)))
        return found or list(_trial(source, condition=condition))
    except TemplateSyntaxError as error:
        text = f"This is not written as Jinja2 wants it: {hide(error.message or '').rstrip('.')}."
        return [Mistake(error.lineno, f"{text} Write it like this: {_EXAMPLES[condition]}")]
    except (RecursionError, MemoryError, SyntaxError):
        return [Mistake(1, 'This is nested too deeply. In place of many "or", write: unit in ["1st Platoon", "2nd Platoon"]')]


def names_in(source: str, *, condition: bool = False) -> frozenset[str]:
    """The names that ``source``, which has no mistakes, asks for."""
    return frozenset(node.name for node in _parse(source, condition=condition).find_all(nodes.Name))


def _parse(source: str, *, condition: bool) -> nodes.Node:
    if not condition:
        return _ENVIRONMENT.parse(source)
    parser = Parser(_ENVIRONMENT, source, state="variable")
    found = parser.parse_expression()
    if parser.stream.current.type == "assign":
        raise TemplateSyntaxError('two things are compared by "==", and here stands "="', parser.stream.current.lineno)
    if not parser.stream.eos:
        raise TemplateSyntaxError("something stands behind the first comparison", parser.stream.current.lineno)
    return found


def _judge(node: nodes.Node, about: str, hint: str, depth: int = 0) -> Iterator[Mistake]:
    if depth > _DEEPEST:
        raise RecursionError
    wrong, below = _look(node, about, hint)
    if wrong is not None:
        yield Mistake(node.lineno, wrong)
    for child in below:
        yield from _judge(child, about, hint, depth + 1)


def _look(node: nodes.Node, about: str, hint: str) -> tuple[str | None, Iterable[nodes.Node]]:
    """What is wrong with one node, and those below it that are still to be looked at."""
    below: Iterable[nodes.Node] = node.iter_child_nodes()
    match node:
        case nodes.Name(name=name) if name not in NAMES:
            return f'"{hide(name)}" is not known for {about}.{did_you_mean(name, NAMES)}{hint}', ()
        case nodes.FilterBlock() | nodes.Filter(node=None):
            return "There is no filter block here. Write the filter behind the name: {{ member|upper }}", ()
        case nodes.Filter(name=name) if name not in _ENVIRONMENT.filters:
            return _unknown("filter", name, _ENVIRONMENT.filters), below
        case nodes.Test(name=name) if name not in _ENVIRONMENT.tests:
            return _unknown("test", name, _ENVIRONMENT.tests), below
        case nodes.Call(node=nodes.Getattr(node=inner, attr=name), args=args, kwargs=kwargs):
            wrong = None if name in _METHODS else _unknown("method", name, _METHODS)
            return wrong, (inner, *args, *kwargs, *(extra for extra in (node.dyn_args, node.dyn_kwargs) if extra is not None))
        case nodes.Call():
            return "There are no functions here. Take the names as they are.", ()
        case nodes.Getattr(attr=name):
            return f'A name has nothing called "{hide(name)}". Take the name as it is.', ()
        case nodes.Getitem(arg=place) if not isinstance(place, nodes.Slice):
            return "A name may be too short for that. Write member[:1] in place of member[0]", ()
        case nodes.CondExpr(expr2=None):
            return 'An if without else has no value. Write it so: "x" if by else ""', below
        case _ if type(node) not in _LET_THROUGH:
            kind = _REFUSED.get(type(node)) or f"There is no {type(node).__name__.lower()} here"
            return f"{kind}. Only names, texts, comparisons, if and else are understood.", ()
    return None, below


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    return f'"{hide(name)}" is no {kind} here.{did_you_mean(name, known)}      Known: {", ".join(known)}'


def _trial(source: str, *, condition: bool) -> Iterator[Mistake]:
    """What fails whatever the names hold is found here, before an event comes that somebody waits for."""
    run: Callable[[Mapping[str, str]], object] = expression(source) if condition else template(source)
    for value, when in (("", "no name has a value"), ("Alpha 1", "every name has a value")):
        try:
            run(dict.fromkeys(NAMES, value))
        except EmptyName:
            continue
        except Exception as error:  # noqa: BLE001 - whatever a template raises
            line = 1 if condition else _line_of(error)
            cause = hide(str(error).replace(_Empty.__name__, "str")).rstrip(".")
            yield Mistake(line, f"This fails when {when}: {cause}. Write it another way.")
            return


def _line_of(error: BaseException) -> int:
    rows = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return next((row for row in reversed(rows) if row), 1)
