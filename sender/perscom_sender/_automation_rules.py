"""What is wrong with an automation, told when it is stored: its template, its condition, and which texts Jinja2 understands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from perscom_receiver import ConfigurationError, php_json

from ._spellings import Mistake

if TYPE_CHECKING:
    from .automations import Automation

__all__ = ["check", "decoded", "language", "unrendered"]

LONGEST_TEMPLATE: Final = 65_536
"""Bytes of a template as JSON."""
_DEEPEST = 64
"""Levels of a template."""
_MOST_TEXTS = 256
"""Texts of a template that are rendered: each is compiled once, and kept."""


def language() -> ModuleType:
    """The module that knows Jinja2, loaded when it is first needed. Raises ConfigurationError when Jinja2 is not installed."""
    try:
        from . import _jinja as module
    except ModuleNotFoundError as error:
        if error.name not in ("jinja2", "markupsafe"):
            raise
        raise ConfigurationError(
            "Conditions and templates need Jinja2. Install it: pip install 'perscom-receiver[automations]'"
        ) from error
    return module


def decoded(template: Mapping[str, Any] | list[Any] | str | None) -> Any:
    """The template as JSON values; None when there is none. Raises msgspec.DecodeError."""
    if not isinstance(template, str):
        return template
    return msgspec.json.decode(template) if template.strip() else None


def check(given: Automation) -> None:
    """Raises ConfigurationError for an automation that cannot work, with what to write instead."""
    for mistake in _mistakes(given):
        raise ConfigurationError(f"The automation {given.name!r}: {mistake}" if given.name else f"An automation: {mistake}")


def unrendered(template: Any) -> list[str]:
    """Which texts of a template go out as they stand, and why. Of one that was checked."""
    found = ((path, language().string(text)) for _, path, text in _texts(template) if "{{" in text)
    return [f"{path} goes out unrendered: {why}" for path, why in found if isinstance(why, str)]


def _mistakes(given: Automation) -> Iterator[str]:
    """Each as the end of a sentence."""
    if not _is_text(given.trigger, 255) or not given.trigger or set(given.trigger) & set("*?[ \t\n"):
        yield "its trigger is the name of one event, such as rankrecord.created. For several events make several automations."
    elif given.trigger == "webhook.test":
        yield "PERSCOM runs none on webhook.test. Send a test with the sender's test()."
    if not _is_whole(given.subscription) or given.subscription < 1:
        yield "its subscription is the id of one, such as sender.subscriptions.add(...).id."
    if not _is_whole(given.priority):
        yield "its priority is a whole number; higher ones run first."
    if not isinstance(given.enabled, bool):
        yield "enabled is true or false."
    if not _is_text(given.name, 255):
        yield "its name is a text of at most 255 characters."
    if given.condition is not None and not _is_text(given.condition, LONGEST_TEMPLATE):
        yield "its condition is a text."
    elif given.condition and given.condition.strip():
        yield from _said(language().condition, given.condition, "its condition")
    yield from _mistakes_in_template(given.template)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _is_text(value: object, longest: int) -> bool:
    try:
        return isinstance(value, str) and len(value) <= longest and value.encode() is not None
    except UnicodeEncodeError:  # half of a surrogate pair, which no database takes
        return False


def _mistakes_in_template(template: Any) -> Iterator[str]:
    try:
        value = decoded(template)
        size = len(php_json(value))
    except (msgspec.DecodeError, RecursionError):
        yield 'its template is no JSON, and PERSCOM would send the whole resource. Write: {"title": "{{ model.name }}"}'
        return
    except (TypeError, ValueError):
        yield "its template holds something that JSON cannot, or is nested too deeply."
        return
    if value is not None and not isinstance(value, Mapping | list | tuple):
        yield "its template is an object or a list. In place of anything else PERSCOM would send the whole resource."
    elif size > LONGEST_TEMPLATE:
        yield f"its template has more than {LONGEST_TEMPLATE} bytes. Make it shorter."
    else:
        texts = list(_texts(value))
        if any(depth > _DEEPEST for depth, _, _ in texts):
            yield f"its template is nested deeper than {_DEEPEST} levels."
        elif sum("{{" in text for _, _, text in texts) > _MOST_TEXTS:
            yield f"its template has more than {_MOST_TEXTS} texts to render. Join some of them."
        else:
            for _, path, text in texts:
                if "{{" in text:
                    yield from _said(language().string, text, f"its template, at {path},")


def _texts(template: Any) -> Iterator[tuple[int, str, str]]:
    """Depth, place and text of all in it, and of a container that is too deep to be looked into."""
    waiting = [(0, "", template)]
    while waiting:
        depth, path, value = waiting.pop()
        if isinstance(value, str) or depth > _DEEPEST:
            yield depth, path, value if isinstance(value, str) else ""
        elif isinstance(value, Mapping):
            waiting.extend((depth + 1, f"{path}.{key}" if path else str(key), one) for key, one in value.items())
        elif isinstance(value, list | tuple):
            waiting.extend((depth + 1, f"{path}[{place}]", one) for place, one in enumerate(value))


def _said(prepare: Callable[[str], object], source: str, what: str) -> Iterator[str]:
    try:
        prepare(source)
    except Mistake as mistake:
        yield f"{what} cannot be used. {mistake}"
