"""What a message looks like on each platform, read back from the very payload that is sent there.

A reader per platform turns a payload into a :class:`Card`; ``terminal`` and ``page`` show cards. Neither ever sees the message
itself: what went wrong on the way into the payload shows.
"""

from .card import Card, Piece
from .platforms import card_of, payload_of

__all__ = ["Card", "Piece", "card_of", "payload_of"]
