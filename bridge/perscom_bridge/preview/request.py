"""A forwarded event, as the request that would be sent."""

from __future__ import annotations

from perscom_adapters.webhook import request_headers
from perscom_receiver import HIDDEN_COLUMNS, SIGNATURE_HEADER, Event, Secret

from ..platforms.webhook import WebhookPlace

__all__ = ["request_text"]


def request_text(name: str, place: WebhookPlace, event: Event) -> str:
    """The request to the destination ``name``, without what is secret: of its address the host alone, and no hidden column.

    What is stored, and forwarded, has none of those columns. A body that has one is not shown, and so not signed either.
    """
    headers = {"Content-Type": "application/json", **request_headers(event, Secret(place.secret.value))}
    text = event.body.decode()
    hidden = [column for column in sorted(HIDDEN_COLUMNS) if f'"{column}"' in text]
    if hidden:
        headers[SIGNATURE_HEADER] = "(of the bytes as they are stored)"
        text = f"(as it is stored: without {', '.join(hidden)})"
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return "\n".join([f"{name}: POST {place.url}", *(f"{key}: {value}" for key, value in headers.items()), "", shown, ""])
