"""The sandbox that conditions and templates run in: Jinja2's, with Twig's functions, filters and arithmetic, all counted.

No attribute of a Python object is ever reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import index
from typing import Any, Final

from jinja2 import ChainableUndefined, StrictUndefined, Undefined, nodes, pass_context
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from markupsafe import Markup

from ._php import calculated, number, text, truth
from ._php_date import PARTS
from ._twig import FILTERS
from ._twig_functions import FUNCTIONS, TESTS, each, empty, is_in, joined, pairs
from ._twig_text import escaped
from ._work import size, spend

__all__ = ["CONDITIONS", "TEMPLATES"]

_LOOP = ("index", "index0", "revindex", "revindex0", "first", "last", "length")


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
    plain = _plain(value)
    spend(size(plain))
    return plain


def _member(holder: Any, key: object) -> object:
    """As PHP has it: ``7`` and ``"7"`` are one key, and none counts from the end. Raises what the holder raises."""
    if isinstance(holder, Mapping):
        return holder[str(key) if isinstance(key, int) and key not in holder else key]
    place = int(key) if isinstance(key, str) else index(key)  # type: ignore[arg-type]
    if place < 0:
        raise LookupError
    return holder[place]


_OWN: dict[str, Callable[..., object]] = {  # a blank in a name keeps them out of the reach of a source
    "as text": _as_text,
    "as it is": _as_it_is,
    "escaped once": _escaped_once,
    "in turn": lambda values, cost: each(_plain(values), cost),
    "pairs in turn": lambda values, cost: pairs(_plain(values), cost),
    "is in": lambda needle, haystack: is_in(_plain(needle), _plain(haystack)),
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
                return _member(obj, argument)
            except (TypeError, ValueError, LookupError):
                pass
        name = argument if type(argument) is str and argument.isidentifier() and len(argument) <= 64 else "this key"
        return self.undefined(f'there is no "{name}" in it' if obj is not None else f'what should hold "{name}" is null')

    def is_safe_callable(self, obj: object) -> bool:
        return id(obj) in self.callable

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return calculated(operator, _plain(left), _plain(right))

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        return calculated("-", 0, _plain(arg)) if operator == "-" else number(_plain(arg))


TEMPLATES: Final = _Environment(ChainableUndefined)
CONDITIONS: Final = _Environment(StrictUndefined)
