"""The language of conditions and templates: Jinja2's sandbox with Twig's meaning. Loaded when it is needed.

A source is read by Jinja2, rewritten (``_jinja_tree``) and compiled once. No attribute of a Python object is ever reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from jinja2 import (
    ChainableUndefined,
    StrictUndefined,
    Template,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
    nodes,
    pass_context,
)
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from markupsafe import Markup

from ._jinja_tree import NAMES, SETS, Mistake, Rewriting
from ._php import Stopped, calculated, number, text, truth
from ._php_date import PARTS
from ._spellings import other_spelling
from ._twig import FILTERS
from ._twig_functions import FUNCTIONS, TESTS, each, empty, joined, pairs
from ._twig_text import escaped
from ._work import size, spend

__all__ = ["NAMES", "Mistake", "Prepared", "condition", "evaluated", "failure", "string"]

LONGEST: Final = 10_000
"""Characters of a source."""
_LOOP = ("index", "index0", "revindex", "revindex0", "first", "last", "length")


class Prepared(NamedTuple):
    """A source, ready to be evaluated."""

    template: Template
    variables: frozenset[str]
    """Those that it sets."""


def _plain(value: object) -> object:
    """An argument without Jinja2's own types. In a condition, what is not there raises UndefinedError."""
    if isinstance(value, Undefined):
        bool(value)
        return None
    return str.__str__(value) if isinstance(value, str) else value


def _counted(function: Callable[..., object]) -> Callable[..., object]:
    def call(*values: object, **named: object) -> object:
        plain, more = [_plain(value) for value in values], {name: _plain(value) for name, value in named.items()}
        spend(1 + sum(map(size, plain)) + sum(map(size, more.values())))
        made = function(*plain, **more)
        if isinstance(made, str) and plain and isinstance(plain[0], str):
            spend(max(0, len(made) - len(plain[0])))
        return made

    return call


@pass_context  # else Jinja2 would print constants when it compiles, where nothing is counted
def _as_text(_: Context, value: object) -> Markup:
    """What ``{{ value }}`` writes."""
    if isinstance(value, Markup):
        spend(len(value))
        return value
    return _as_it_is(_, escaped(text(_plain(value))) if isinstance(value, str) else value)


@pass_context
def _as_it_is(_: Context, value: object) -> Markup:
    written = text(_plain(value))
    spend(1 + len(written))
    return Markup(written)  # noqa: S704 - it has been escaped, or the template says |raw


def _escaped_once(value: object) -> str:
    return str.__str__(value) if isinstance(value, Markup) else escaped(text(_plain(value)))


def _default(value: object, default: object = "") -> object:
    return default if isinstance(value, Undefined) or empty(value) else value


class _Key(str):
    """A key that the source does not spell out: it may be somebody's name, so no error names it."""

    __slots__ = ()


def _weighed(value: object) -> object:
    spend(size(value))
    return value


_OWN: dict[str, Callable[..., object]] = {  # a blank in a name keeps them out of the reach of a source
    "as text": _as_text,
    "as it is": _as_it_is,
    "escaped once": _escaped_once,
    "in turn": lambda values, cost: each(_plain(values), cost),
    "pairs in turn": lambda values, cost: pairs(_plain(values), cost),
    "joined texts": _counted(joined),
    "true to php": lambda value: truth(value) if isinstance(value, str) else bool(value),
    "to compare": _weighed,
    "a key": lambda value: _Key(value) if isinstance(value, str) else value,
}


class _Apply(Extension):
    """``{% apply upper %}…{% endapply %}``, which Jinja2 calls ``filter``."""

    tags = {"apply"}  # noqa: RUF012 - as Jinja2 declares it

    def parse(self, parser: Parser) -> nodes.Node:
        node = nodes.FilterBlock(lineno=next(parser.stream).lineno)
        node.filter = parser.parse_filter(None, start_inline=True)  # type: ignore[assignment]
        node.body = parser.parse_statements(("name:endapply",), drop_needle=True)
        return node


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)
    intercepted_unops = frozenset(ImmutableSandboxedEnvironment.default_unop_table)

    def __init__(self, undefined: type[Undefined]) -> None:
        super().__init__(
            undefined=undefined,
            autoescape=True,
            optimized=False,  # nothing is evaluated before it is counted
            trim_blocks=True,
            keep_trailing_newline=True,
            extensions=[_Apply],
        )
        self.globals = {"null": None} | {name: _counted(function) for name, function in FUNCTIONS.items()}
        self.callable = frozenset(map(id, self.globals.values()))
        self.filters = {name: _counted(function) for name, function in FILTERS.items()} | {"default": _default} | _OWN
        self.tests = {name: _counted(function) for name, function in TESTS.items()}
        self.tests["defined"] = lambda value: not isinstance(value, Undefined)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A key of an object, a place in a list, a part of ``now`` or of ``loop``; never an attribute."""
        if isinstance(obj, Namespace):
            try:
                return Namespace.__getattribute__(obj, argument)
            except AttributeError:
                return self.undefined(name=argument)
        if isinstance(obj, LoopContext):
            if argument in _LOOP:
                return getattr(obj, argument)
        elif isinstance(obj, datetime):
            if argument in PARTS:
                return PARTS[argument](obj)
        elif isinstance(obj, Mapping | list | tuple):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        name = argument if type(argument) is str and argument.isidentifier() and len(argument) <= 64 else "this key"
        return self.undefined(f'there is no "{name}" in it' if obj is not None else f'what should hold "{name}" is null')

    def is_safe_callable(self, obj: object) -> bool:
        return id(obj) in self.callable

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return calculated(operator, _plain(left), _plain(right))

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        return -number(_plain(arg)) if operator == "-" else number(_plain(arg))


_TEMPLATES: Final = _Environment(ChainableUndefined)
_CONDITIONS: Final = _Environment(StrictUndefined)


@lru_cache(1024)
def string(source: str) -> Prepared | str:
    """A text of a template, or why PERSCOM sends it as it stands. Raises Mistake for what is to be written another way."""
    return _prepared(source, _TEMPLATES.parse, condition=False)


@lru_cache(1024)
def condition(source: str) -> Prepared:
    """A condition, which evaluates to ``1`` or nothing. Raises Mistake."""
    if source.lstrip().startswith(("{{", "{%")):
        raise Mistake('A condition has no braces. Write it like this: model["rank_id"] == 7 and changed("rank_id")')

    def parse(text: str) -> nodes.Template:
        parser = Parser(_CONDITIONS, text, state="variable")
        found = parser.parse_expression()
        if not parser.stream.eos:
            raise TemplateSyntaxError("something stands behind its end", parser.stream.current.lineno)
        return nodes.Template([nodes.If(found, [nodes.Output([nodes.TemplateData("1")])], [], [], lineno=1)], lineno=1)

    found = _prepared(source, parse, condition=True)
    if isinstance(found, str):
        raise Mistake(found)
    return found


def _prepared(source: str, parse: Callable[[str], nodes.Template], *, condition: bool) -> Prepared | str:
    environment = _CONDITIONS if condition else _TEMPLATES
    if len(source) > LONGEST:
        raise Mistake(f"This is longer than {LONGEST} characters. Make it shorter.")
    try:
        tree = parse(source)
        rewriting = Rewriting(tree, len(source), (*NAMES, "null") if condition else None)
        tree.body = rewriting.body(tree.body)
        code = environment.compile(tree)
    except TemplateSyntaxError as error:
        hint = other_spelling(source, condition=condition)
        if hint is not None:
            raise Mistake(hint) from None
        return f"{(error.message or '').rstrip('.')}."
    except (RecursionError, MemoryError, SyntaxError, ValueError):
        raise Mistake(
            'This is nested too deeply, or holds too long a number. In place of many "or", write: a in [1, 2, 3]'
        ) from None
    return Prepared(Template.from_code(environment, code, environment.globals), rewriting.variables)


def evaluated(prepared: Prepared, values: Mapping[str, object]) -> str:
    """What it writes, with ``values`` by :data:`NAMES`. Within a run: ``WORK`` is set. Raises what :func:`failure` reads."""
    kept = Namespace({name: values[name] for name in prepared.variables if name in values})
    return prepared.template.render({**values, SETS: kept})


def failure(error: Exception) -> str:
    """Why an evaluation went wrong, in words that hold no value."""
    match error:
        case Stopped() | UndefinedError():
            return str(error)
        case ZeroDivisionError():
            return "something is divided by zero"
        case OverflowError():
            return "a number is too large"
        case SecurityError():
            return "something is called that is no function"
        case TypeError() | ValueError():
            return "values that do not go together are compared or given to a filter, such as a text and a number"
    return type(error).__name__
