"""Names instead of ids: learned from earlier events, asked of PERSCOM where that is configured, and as of before an action."""

from .site import SiteDirectory, forget

__all__ = ["SiteDirectory", "forget"]
