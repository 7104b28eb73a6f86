"""A message that shows what is to come, and cannot be taken for the real thing."""

from __future__ import annotations

import msgspec

from perscom_adapters import Message, Paragraph, Text, render
from perscom_receiver.testing import make_event

__all__ = ["sample_message"]


def sample_message(name: str = "rankrecord.created") -> Message:
    """The message of a sample event, marked as a sample in its title and its text."""
    message = render(make_event(name))
    if message is None:
        raise ValueError(f"There is nothing to say about a sample of {name}.")
    note = Paragraph((Text("This is a sample from perscom-bridge. Nobody was promoted."),))
    return msgspec.structs.replace(message, title=f"Sample: {message.title}", blocks=(*message.blocks, note))
