"""The language of conditions and templates: Jinja2's sandbox with Twig's meaning. The one module that loads Jinja2.

A source is read by Jinja2, looked through, rewritten and compiled once. What is not named on this page is not let through: no
attribute of a Python object is ever reached, nothing is called but the functions of ``_twig`` and ``now.format``. The rewriting
gives what Jinja2 does otherwise than Twig (escaping, printing, loops over objects, ``set`` within a loop) and counts the work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
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
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from ._php import Stopped, number, text, truth
from ._php_date import PARTS
from ._spellings import other_spelling, sentence
from ._twig import FILTERS, FUNCTIONS, TESTS, calculated, each, empty, joined, pairs, size, spend
from ._twig_text import escaped

__all__ = ["NAMES", "Mistake", "Prepared", "condition", "evaluated", "failure", "string"]

NAMES: Final = ("model", "model_type", "model_id", "changes", "causer", "causer_id", "now")
"""What PERSCOM calls the things that a condition or a template may ask for."""
LONGEST: Final = 10_000
"""Characters of a source."""
_DEEPEST = 40
"""Levels of a source. Python's own parser stops at a few hundred."""
_SETS = "_set"
"""Where the variables of ``set`` are kept."""
_LOOP = ("index", "index0", "revindex", "revindex0", "first", "last", "length")
_UNKNOWN_TO_PHP = {"constant": "constant()", "enum": "enum()"}
_LET_THROUGH = frozenset(
    {
        *(nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.AssignBlock, nodes.FilterBlock),
        *(nodes.CondExpr, nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair, nodes.Not, nodes.And),
        *(nodes.Or, nodes.Compare, nodes.Operand, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
        *(nodes.Pow, nodes.Neg, nodes.Pos, nodes.Concat, nodes.Filter, nodes.Test, nodes.Call, nodes.Keyword, nodes.Getattr),
        *(nodes.Getitem, nodes.Slice),
    }
)


class Mistake(Exception):
    """A source that is refused. Its text says what to write."""


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
        return function(*plain, **more)

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


def _weighed(value: object) -> object:
    spend(size(value))
    return value


_OWN: Mapping[str, Callable[..., object]] = {  # a blank in a name keeps them out of the reach of a source
    "as text": _as_text,
    "as it is": _as_it_is,
    "escaped once": _escaped_once,
    "in turn": lambda values, cost: each(_plain(values), cost),
    "pairs in turn": lambda values, cost: pairs(_plain(values), cost),
    "joined texts": _counted(joined),
    "true to php": lambda value: truth(value) if isinstance(value, str) else bool(value),
    "to compare": _weighed,
}
_FILTERS: Final = (*FILTERS, "default")
_TESTS: Final = (*TESTS, "defined")


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
        name = argument if isinstance(argument, str) and argument.isidentifier() and len(argument) <= 64 else "this key"
        return self.undefined(f'there is no "{name}" in it' if obj is not None else f'what should hold "{name}" is null')

    def is_safe_callable(self, obj: object) -> bool:
        return id(obj) in self.callable

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return calculated(operator, _plain(left), _plain(right))

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        return -number(_plain(arg)) if operator == "-" else number(_plain(arg))


_TEMPLATES: Final = _Environment(ChainableUndefined)
_CONDITIONS: Final = _Environment(StrictUndefined)


class _Rewriting(NodeTransformer):
    """Looks through a tree and makes of it what is compiled. ``known``: the names of a condition; None lets all through."""

    def __init__(self, tree: nodes.Node, cost: int, known: Collection[str] | None) -> None:
        in_loops = {name.name for loop in tree.find_all(nodes.For) for name in _names(loop.target)}
        targets = (node.target for node in tree.find_all((nodes.Assign, nodes.AssignBlock)))
        self.variables = frozenset(name.name for target in targets for name in _names(target)) - in_loops
        self.cost, self.known, self.depth, self.blocks = cost, known, 0, 0

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        if type(node) not in _LET_THROUGH:
            raise _unknown("tag", type(node).__name__.lower(), (), node)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise RecursionError
        rewritten = super().visit(node, *args, **kwargs)
        self.depth -= 1
        return rewritten

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        node.nodes = [part if isinstance(part, nodes.TemplateData) else self.printed(part) for part in node.nodes]
        return node

    def printed(self, part: nodes.Expr) -> nodes.Expr:
        return _filtered("as it is" if _is_safe(part) else "as text", self.visit(part))

    def visit_FilterBlock(self, node: nodes.FilterBlock) -> list[nodes.Node]:
        self.blocks += 1
        name = f"_applied{self.blocks}"
        body = nodes.AssignBlock(nodes.Name(name, "store"), None, self.body(node.body), lineno=node.lineno)
        innermost = node.filter
        while isinstance(innermost.node, nodes.Filter):
            innermost = innermost.node
        chain = self.printed(node.filter)
        innermost.node = nodes.Name(name, "load")
        return [body, nodes.Output([chain], lineno=node.lineno)]

    def body(self, statements: list[nodes.Node]) -> list[nodes.Node]:
        return list(_flat(self.visit(one) for one in statements))

    def visit_If(self, node: nodes.If) -> nodes.Node:
        self.generic_visit(node)
        node.test = _filtered("true to php", node.test)
        return node

    visit_CondExpr = visit_If

    def visit_Not(self, node: nodes.Not) -> nodes.Node:
        self.generic_visit(node)
        node.node = _filtered("true to php", node.node)
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:
        if node.recursive:
            raise _unknown("tag", "recursive", (), node)
        two = isinstance(node.target, nodes.Tuple)
        self.targets(node.target)
        node.iter = _filtered("pairs in turn" if two else "in turn", self.visit(node.iter), nodes.Const(self.cost))
        node.body, node.else_ = self.body(node.body), self.body(node.else_)
        node.test = None if node.test is None else _filtered("true to php", self.visit(node.test))
        return node

    def targets(self, target: nodes.Node) -> None:
        for name in _names(target):
            if name.name.startswith("_") or name.name in ("loop", "self", "super"):
                raise _unknown("name for a variable", name.name, (), name)

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:
        self.targets(node.target)
        node.node, node.target = self.visit(node.node), self.stored(node.target)
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:
        self.targets(node.target)
        if node.filter is not None:
            raise _unknown("set with a filter", node.filter.name, (), node)
        node.body, node.target = self.body(node.body), self.stored(node.target)
        return node

    def stored(self, target: nodes.Expr) -> nodes.Expr:
        """Twig's variables outlive a loop that sets them, so they are kept in one place."""
        if isinstance(target, nodes.Name):
            return nodes.NSRef(_SETS, target.name, lineno=target.lineno) if target.name in self.variables else target
        if isinstance(target, nodes.Tuple):
            return nodes.Tuple([self.stored(one) for one in target.items], "store", lineno=target.lineno)
        raise _unknown("target of set", type(target).__name__.lower(), (), target)

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        if node.name.startswith("_") or node.name in ("self", "super", *FUNCTIONS):
            raise _unknown("name", node.name, self.known or NAMES, node)
        if node.name in self.variables:
            return nodes.Getitem(nodes.Name(_SETS, "load"), nodes.Const(node.name), "load", lineno=node.lineno)
        if self.known is not None and node.name not in self.known:
            raise _unknown("name", node.name, self.known, node)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        first, *rest = (self.visit(one) for one in node.nodes)
        return _filtered("joined texts", first, *rest)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        node.expr = _filtered("to compare", self.visit(node.expr))
        for operand in node.ops:
            operand.expr = _filtered("to compare", self.visit(operand.expr))
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        if isinstance(node.arg, nodes.Slice):
            raise Mistake(sentence("[a:b]"))
        return self.generic_visit(node)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        if node.name not in _FILTERS:
            raise _unknown("filter", node.name, _FILTERS, node)
        if node.name == "nl2br" and not _is_safe(node.node):
            node.node = node.node if node.node is None else self.visit(node.node)
            return node if node.node is None else _refilled(node, _filtered("escaped once", node.node))
        return self.called(node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        if node.name not in _TESTS:
            raise _unknown("test", node.name, _TESTS, node)
        return self.called(node)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        match node.node:
            case nodes.Getattr(node=inner, attr="format"):
                return self.called(nodes.Filter(inner, "date", [*node.args, nodes.Const(None)][:1], [], None, None))
            case nodes.Name(name=name) if name in _UNKNOWN_TO_PHP:
                raise Mistake(sentence(_UNKNOWN_TO_PHP[name]))
            case nodes.Name(name=name) if name not in FUNCTIONS:
                raise _unknown("function", name, FUNCTIONS, node)
            case nodes.Name():
                node.args, node.kwargs = [self.visit(one) for one in node.args], [self.visit(one) for one in node.kwargs]
                return node
        raise _unknown("function", "this", FUNCTIONS, node)

    def called(self, node: Any) -> nodes.Node:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise _unknown("argument", "*", (), node)
        return self.generic_visit(node)


def _names(target: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    yield from target.find_all(nodes.Name)


def _flat(parts: Iterator[Any]) -> Iterator[nodes.Node]:
    for part in parts:
        if isinstance(part, list):
            yield from part
        else:
            yield part


def _filtered(name: str, node: nodes.Expr, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)


def _refilled(node: nodes.Filter, inner: nodes.Expr) -> nodes.Filter:
    node.node = inner
    return node


def _is_safe(part: nodes.Expr | None) -> bool:
    """Whether Twig writes it as it is: a text of the template itself, and what ends in a filter that says so."""
    match part:
        case nodes.Const() | nodes.Filter(name="raw" | "nl2br"):
            return True
        case nodes.Filter(name="e" | "escape", args=args):
            return all(isinstance(one, nodes.Const) and one.value == "html" for one in args)
        case nodes.CondExpr(expr1=one, expr2=other):
            return _is_safe(one) and (other is None or _is_safe(other))
    return False


def _unknown(kind: str, name: str, known: Collection[str], node: nodes.Node) -> TemplateSyntaxError:
    near = get_close_matches(name, known, 1)
    listed = f" Known: {', '.join(known)}." if known else ""
    return TemplateSyntaxError(f'"{name}" is no {kind} here.{f" Did you mean {near[0]}?" if near else ""}{listed}', node.lineno)


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
        rewriting = _Rewriting(tree, len(source), (*NAMES, "null") if condition else None)
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
    return prepared.template.render({**values, _SETS: kept})


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
