"""The language of conditions and templates: Jinja2 with Twig's meaning. Loaded when it is needed.

A source is read by Jinja2, rewritten (``_jinja_tree``) and compiled once, for the sandbox of ``_jinja_environment``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from jinja2 import Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.utils import Namespace

from ._jinja_environment import CONDITIONS, TEMPLATES
from ._jinja_tree import NAMES, SETS, Rewriting
from ._php import Stopped
from ._spellings import Mistake, other_spelling

__all__ = ["Prepared", "condition", "evaluated", "failure", "string"]

LONGEST: Final = 10_000
"""Characters of a source."""


class Prepared(NamedTuple):
    """A source, ready to be evaluated."""

    template: Template
    variables: frozenset[str]
    """Those that it sets."""


@lru_cache(1024)
def string(source: str) -> Prepared | str:
    """A text of a template, or why PERSCOM sends it as it stands. Raises Mistake for what is to be written another way."""
    return _prepared(source, TEMPLATES.parse, condition=False)


@lru_cache(1024)
def condition(source: str) -> Prepared:
    """A condition, which evaluates to ``1`` or nothing. Raises Mistake."""
    if source.lstrip().startswith(("{{", "{%")):
        raise Mistake('A condition has no braces. Write it like this: model["rank_id"] == 7 and changed("rank_id")')

    def parse(text: str) -> nodes.Template:
        parser = Parser(CONDITIONS, text, state="variable")
        found = parser.parse_expression()
        if not parser.stream.eos:
            raise TemplateSyntaxError("something stands behind its end", parser.stream.current.lineno)
        return nodes.Template([nodes.If(found, [nodes.Output([nodes.TemplateData("1")])], [], [], lineno=1)], lineno=1)

    found = _prepared(source, parse, condition=True)
    if isinstance(found, str):
        raise Mistake(found)
    return found


def _prepared(source: str, parse: Callable[[str], nodes.Template], *, condition: bool) -> Prepared | str:
    environment = CONDITIONS if condition else TEMPLATES
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
        case RecursionError():
            return "something is nested too deeply"
        case SecurityError():
            return "something is called that is no function"
        case TypeError() | ValueError():
            return "values that do not go together are compared or given to a filter, such as a text and a number"
    return type(error).__name__
