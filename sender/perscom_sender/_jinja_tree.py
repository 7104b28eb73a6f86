"""Conditions and templates as Jinja2 has read them, looked through and rewritten before they are compiled.

What is not named on this page is not let through: nothing is called but the functions of PERSCOM and ``now.format``. The
rewriting gives what Jinja2 does otherwise than Twig (escaping, printing, loops over objects, ``set`` within a loop) and has the
work counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any, Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer

from ._spellings import Mistake, sentence
from ._twig import FILTERS
from ._twig_functions import FUNCTIONS, TESTS

__all__ = ["NAMES", "SETS", "Rewriting"]

NAMES: Final = ("model", "model_type", "model_id", "changes", "causer", "causer_id", "now")
"""What PERSCOM calls the things that a condition or a template may ask for."""
_DEEPEST = 40
"""Levels of a source. Python's own parser stops at a few hundred."""
SETS: Final = "_set"
"""Where the variables of ``set`` are kept."""
_UNKNOWN_TO_PHP = {"constant": "constant()", "enum": "enum()"}
_FILTERS: Final = (*FILTERS, "default")
_TESTS: Final = (*TESTS, "defined")
_LET_THROUGH = frozenset(
    {
        *(nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.AssignBlock, nodes.FilterBlock),
        *(nodes.CondExpr, nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair, nodes.Not, nodes.And),
        *(nodes.Or, nodes.Compare, nodes.Operand, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
        *(nodes.Pow, nodes.Neg, nodes.Pos, nodes.Concat, nodes.Filter, nodes.Test, nodes.Call, nodes.Keyword, nodes.Getattr),
        *(nodes.Getitem, nodes.Slice),
    }
)


class Rewriting(NodeTransformer):
    """Looks through a tree and makes of it what is compiled. ``known``: the names of a condition; None lets all through."""

    def __init__(self, tree: nodes.Node, cost: int, known: Collection[str] | None) -> None:
        in_loops = {name.name for loop in tree.find_all(nodes.For) for name in _names(loop.target)}
        sets: list[Any] = [*tree.find_all(nodes.Assign), *tree.find_all(nodes.AssignBlock)]
        self.variables = frozenset(name.name for one in sets for name in _names(one.target)) - in_loops
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
        two = isinstance(node.target, nodes.Tuple) and len(node.target.items) == 2
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
            return nodes.NSRef(SETS, target.name, lineno=target.lineno) if target.name in self.variables else target
        if isinstance(target, nodes.Tuple):
            return nodes.Tuple([self.stored(one) for one in target.items], "store", lineno=target.lineno)
        raise _unknown("target of set", type(target).__name__.lower(), (), target)

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        if node.name.startswith("_") or node.name in ("self", "super", *FUNCTIONS):
            raise _unknown("name", node.name, self.known or NAMES, node)
        if node.name in self.variables:
            return nodes.Getitem(nodes.Name(SETS, "load"), nodes.Const(node.name), "load", lineno=node.lineno)
        if self.known is not None and node.name not in self.known:
            raise _unknown("name", node.name, self.known, node)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        first, *rest = (self.visit(one) for one in node.nodes)
        return _filtered("joined texts", first, *rest)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        first = node.ops[0]
        if len(node.ops) == 1 and first.op in ("in", "notin"):
            found = _filtered("is in", self.visit(node.expr), self.visit(first.expr))
            return found if first.op == "in" else nodes.Not(found, lineno=node.lineno)
        if any(operand.op in ("in", "notin") for operand in node.ops):
            raise _unknown("part of a chain of comparisons", "in", (), node)
        node.expr = _filtered("to compare", self.visit(node.expr))
        for operand in node.ops:
            operand.expr = _filtered("to compare", self.visit(operand.expr))
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        if isinstance(node.arg, nodes.Slice):
            raise Mistake(sentence("[a:b]"))
        if not isinstance(node.arg, nodes.Const):
            node.node, node.arg = self.visit(node.node), _filtered("a key", self.visit(node.arg))
            return node
        return self.generic_visit(node)

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        if node.name not in _FILTERS:
            raise _unknown("filter", node.name, _FILTERS, node)
        unsafe = node.name == "nl2br" and node.node is not None and not _is_safe(node.node)
        self.called(node)
        if unsafe:
            node.node = _filtered("escaped once", node.node)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        if node.name not in _TESTS:
            raise _unknown("test", node.name, _TESTS, node)
        return self.called(node)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        match node.node:
            case nodes.Getattr(node=inner, attr="format"):
                given = (node.kwargs, node.dyn_args, node.dyn_kwargs)
                return self.called(nodes.Filter(inner, "date", [*node.args, nodes.Const(None)][:1], *given))
            case nodes.Name(name=name) if name in _UNKNOWN_TO_PHP:
                raise Mistake(sentence(_UNKNOWN_TO_PHP[name]))
            case nodes.Name(name=name) if name not in FUNCTIONS:
                raise _unknown("function", name, FUNCTIONS, node)
            case nodes.Name():
                _refuse_stars(node)
                node.args, node.kwargs = [self.visit(one) for one in node.args], [self.visit(one) for one in node.kwargs]
                return node
        raise _unknown("function", "this", FUNCTIONS, node)

    def called(self, node: nodes.Filter | nodes.Test) -> nodes.Node:
        _refuse_stars(node)
        return self.generic_visit(node)


def _refuse_stars(node: nodes.Call | nodes.Filter | nodes.Test) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _unknown("argument", "*", (), node)


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


def _filtered(name: str, node: Any, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)


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
