"""What an event is about, with types: the half of :class:`~perscom_receiver.Event` that is read only if somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._reading import Reading
    from ._resources import Calendar, CalendarEvent, PerscomMessage, Record, Submission, User

__all__ = ["Typed"]


class Typed:
    """The base of :class:`~perscom_receiver.Event`."""

    __slots__ = ("_read",)

    body: bytes
    _read: Reading

    @property
    def user(self) -> User | None:
        """The user that a ``user.*`` event is about. None for every other event, and for ``data`` that is no object.

        ``record`` and the following work alike. They never raise: a member that cannot be read is absent (``UNSET``) and is
        named in ``problems``, while ``data`` has everything as it came.
        """
        return self._reading.user

    @property
    def record(self) -> Record | None:
        """The record that an event of the six kinds of records is about; ask for the kind with ``isinstance``."""
        return self._reading.record

    @property
    def calendar(self) -> Calendar | None:
        """The calendar that a ``calendar.*`` event is about."""
        return self._reading.calendar

    @property
    def calendar_event(self) -> CalendarEvent | None:
        """What an ``event.*`` event is about, such as an operation."""
        return self._reading.calendar_event

    @property
    def message(self) -> PerscomMessage | None:
        """The message that a ``message.*`` event is about."""
        return self._reading.message

    @property
    def submission(self) -> Submission | None:
        """The form that a ``submission.*`` event is about."""
        return self._reading.submission

    @property
    def template(self) -> dict[str, object] | list[object] | None:
        """What the template of an automation made, without the HTML escapes; None for all other events.

        PERSCOM sends it under the name of a resource's event, in any shape. Its texts were escaped (``O&#039;Brien``) and are
        decoded once here, and in ``user``, ``record`` and the like, which read it as far as it looks like the resource.
        """
        return self._reading.template

    @property
    def problems(self) -> tuple[str, ...]:
        """What of ``data`` could not be read as ``user``, ``record`` and the like: ``"data.rank_id is not a whole number."``

        A sentence for each member, without its value. Empty for ``webhook.test`` and for names PERSCOM does not have today.
        """
        return self._reading.problems

    @property
    def _reading(self) -> Reading:
        try:
            return self._read
        except AttributeError:
            from ._reading import read  # here, so that who never asks never loads it

            _set_read(self, read(self.body))
            return self._read


_set_read = Typed.__dict__["_read"].__set__  # an event is frozen
