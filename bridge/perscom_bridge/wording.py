"""[wording.WORD]: lines of the built-in messages, said in words of the operator's own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from perscom_adapters import WORDS, Directory, Message, names, names_of, reworded
from perscom_receiver import Event

from ._problems import did_you_mean, hide
from ._table import Table

if TYPE_CHECKING:
    from .config import Site

__all__ = ["FAILED", "KEYS", "Wording", "in_own_words", "read_wordings", "worded"]

KEYS = ("title", "text")
FAILED = "wording failed"
"""How it is counted that a message was posted without its wording."""

_log = logging.getLogger("perscom_bridge")


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one word that are said otherwise: Jinja2 templates, checked. None: as it is."""

    title: str | None = None
    text: str | None = None
    """In place of the first paragraph, which says where the member serves and who signed."""


def in_own_words(
    message: Message,
    event: Event,
    site: Site,
    *,
    directory: Directory | None = None,
    language: str = "en",
    failed: Callable[[], object] = lambda: None,
) -> Message:
    """The ``message`` about ``event`` as the community words it. ``failed`` and the log are told of a line that cannot be made.

    A wording is for what is new. That a record was changed or withdrawn, or an event moved or cancelled, is told by the
    built-in message. Nor is replaced what an automation wrote.
    """
    wording = site.wording.get(message.word)
    if wording is None or not _is_news(event):
        return message

    def tell(key: str, error: Exception) -> None:
        _log_once(message.word, key, hide(str(error)) or type(error).__name__)
        failed()

    return worded(message, names(event, directory, language=language, timezone=site.zone), wording, tell)


def worded(
    message: Message,
    names: Mapping[str, str],
    wording: Wording,
    failed: Callable[[str, Exception], object] = lambda key, error: None,
) -> Message:
    """``message`` with the lines of ``wording``, filled in with ``names`` (see :func:`perscom_adapters.names`).

    The rest of it stays, and what comes out is text: nothing in it becomes markup, a link or a mention. A line that would show
    an empty name is not used, since the built-in one knows how to do without; nor is a blank title, while a blank text takes
    the paragraph out. Never raises: of a template that does, ``failed`` is told the key and the error, and the built-in line
    stays.
    """
    title = _said("title", wording.title, names, failed)
    return reworded(message, title=title, body=_said("text", wording.text, names, failed))


def read_wordings(tables: Table) -> Mapping[str, Wording]:
    """All wordings without mistakes, by word."""
    found: dict[str, Wording] = {}
    for word in tables.values:
        if word not in WORDS:
            near = did_you_mean(word, WORDS)
            text = f'"{hide(word)}" is no event word.{near}      All of them: perscom-bridge events'
            tables.document.wrong((*tables.path, word), text)
            continue
        table = tables.table(word, f"[wording.{word}]")
        table.check_keys(KEYS)
        found[word] = Wording(title=_template(table, "title", word), text=_template(table, "text", word))
    return found


def _is_news(event: Event) -> bool:
    # The words of members say what happened, each of them.
    return (event.action == "created" or event.resource in ("user", "webhook")) and event.template is None


@cache
def _log_once(word: str, key: str, cause: str) -> None:
    _log.error("[wording.%s]: %s failed (%s), so messages have the built-in line. Write it another way.", word, key, cause)


def _said(key: str, source: str | None, names: Mapping[str, str], failed: Callable[[str, Exception], object]) -> str | None:
    if source is None:
        return None
    from ._sandbox import EmptyName, template  # here, since Jinja2 is slow to load and most files have no wording

    try:
        return template(source)(names)
    except EmptyName:
        return None
    except Exception as error:  # noqa: BLE001 - a template may raise whatever it likes, and the message still goes out
        failed(key, error)
        return None


def _template(table: Table, key: str, word: str) -> str | None:
    source = table.text(key, long=True)
    if source is None:
        return None
    from ._sandbox import mistakes, names_in

    found = mistakes(source, about=word, hint=f"      All of them: perscom-bridge preview {word}")
    for mistake in found:
        table.wrong(key, mistake.text, row=mistake.line)
    if found:
        return None
    for name in sorted(names_in(source) - set(names_of(word))):
        table.note(key, f'asks for "{name}", which is empty for {word}.')
    return source
