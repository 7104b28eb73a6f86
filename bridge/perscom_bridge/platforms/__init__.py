"""The chat platforms that a destination may be on, and what else it may be. A further one is a module beside these and a line
below.

Nothing here loads a platform's library: a configuration is judged without any extra.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from perscom_receiver import ConfigurationError

from . import discord, slack, telegram, webhook
from ._platform import Place, Platform, Question

__all__ = ["PLATFORMS", "TYPES", "Place", "Platform", "Question", "extra_of"]

PLATFORMS: Final[Mapping[str, Platform]] = MappingProxyType(
    {
        "discord": discord.PLATFORM,
        "slack": slack.PLATFORM,
        "telegram": telegram.PLATFORM,
    }
)
"""By the name that people write as ``type``."""

TYPES: Final[Mapping[str, Platform]] = MappingProxyType({**PLATFORMS, "webhook": webhook.FORWARD})
"""All that people may write as ``type``: also the one that shows no message."""


@contextmanager
def extra_of(platform: str) -> Iterator[None]:
    """Inside the block the platform's library is used. Raises ConfigurationError, with the remedy, when it is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("perscom_"):
            raise
        raise ConfigurationError(
            f'{TYPES[platform].name} needs the extra "{platform}": python -m pip install "perscom-receiver[{platform}]"'
        ) from error
