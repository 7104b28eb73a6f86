"""The demo: the whole house on this machine, with no account and no configuration."""

from .running import Demo, demo
from .sent import Sent
from .verdict import Verdict, judge

__all__ = ["Demo", "Sent", "Verdict", "demo", "judge"]
