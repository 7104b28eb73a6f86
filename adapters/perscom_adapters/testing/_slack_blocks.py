"""The blocks that Slack knows, with their parts and limits, from the documentation of Block Kit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ._slack_checks import Check, Path, Problem, address, many, not_played, number, one_of, record, text, truth, word

__all__ = ["BLOCK"]

_ANY_NUMBER: Final = 10_000  # where no limit is documented
_ANY_TEXT: Final = text(40_000)
_WEB: Final = address("http", "https")
_ID: Final[Mapping[str, Check]] = {"block_id": text(255)}


def _plain_text(most: int) -> Check:
    return one_of({"plain_text": record({"text": text(most), "emoji": truth}, required=("text",))})


def _text(most: int) -> Check:
    mrkdwn = record({"text": text(most), "verbatim": truth}, required=("text",))
    return one_of({"plain_text": _plain_text(most), "mrkdwn": mrkdwn})


def _container(each: Check, required: tuple[str, ...] = ("elements",), /, **more: Check) -> Check:
    return record({"elements": many(_ANY_NUMBER, each), **more}, required=required)


def _section(value: object, path: Path) -> Iterator[Problem]:
    yield from record({"text": _text(3000), "fields": many(10, _text(2000)), "accessory": _ACCESSORY, **_ID})(value, path)
    if isinstance(value, Mapping) and not (value.get("text") or value.get("fields")):
        yield path, "missing required field: text or fields"


_STYLE: Final = record(dict.fromkeys(("bold", "italic", "strike", "code", "underline"), truth))


def _inline(required: Mapping[str, Check], **optional: Check) -> Check:
    return record({**required, **optional, "style": _STYLE}, required=tuple(required))


_INLINE: Final = one_of(
    {
        "text": _inline({"text": _ANY_TEXT}),
        "link": _inline({"url": address("http", "https", "mailto")}, text=_ANY_TEXT),
        "emoji": _inline({"name": text(100)}),
        "date": _inline({"timestamp": number, "format": _ANY_TEXT}, fallback=_ANY_TEXT),
        "user": _inline({"user_id": _ANY_TEXT}),
        "usergroup": _inline({"usergroup_id": _ANY_TEXT}),
        "channel": _inline({"channel_id": _ANY_TEXT}),
        "broadcast": _inline({"range": word("here", "channel", "everyone")}),
    }
)
_BORDER: Final = word(0, 1)
_ITEM: Final = one_of({"rich_text_section": _container(_INLINE)})
_RICH: Final = one_of(
    {
        "rich_text_section": _container(_INLINE),
        "rich_text_quote": _container(_INLINE, border=_BORDER),
        "rich_text_preformatted": _container(_INLINE, border=_BORDER),
        "rich_text_list": _container(
            _ITEM,
            ("elements", "style"),
            style=word("bullet", "ordered"),
            indent=number,
            offset=number,
            border=_BORDER,
        ),
    }
)
_IMAGE: Final = record({"image_url": _WEB, "alt_text": text(2000)}, required=("image_url", "alt_text"))
_ACCESSORY: Final = one_of({"image": _IMAGE, "button": not_played, "overflow": not_played})

BLOCK: Final = one_of(
    {
        "header": record({"text": _plain_text(150), **_ID}, required=("text",)),
        "section": _section,
        "context": record(
            {"elements": many(10, one_of({"image": _IMAGE, "plain_text": _text(3000), "mrkdwn": _text(3000)})), **_ID},
            required=("elements",),
        ),
        "image": record(
            {"image_url": _WEB, "alt_text": text(2000), "title": _plain_text(2000), **_ID}, required=("image_url", "alt_text")
        ),
        "divider": record(_ID),
        "rich_text": _container(_RICH, **_ID),
        **dict.fromkeys(("actions", "file", "input", "markdown", "table", "video"), not_played),
    }
)
"""The check of one block."""
