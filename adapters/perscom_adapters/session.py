"""The HTTP session that all destinations of a process share, whatever their platform."""

from ._http import new_session

__all__ = ["new_session"]
