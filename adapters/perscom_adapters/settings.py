"""What is wrong with a setting, before a destination is made with it: for programs that let people type them.

Each function takes a text (for a mention its kind, too) and returns None, or what is wrong and what to do, on up to two lines.
What it returns shows no more of a secret than its first four characters. Nothing here needs an extra.
"""

from ._discord_settings import discord_mention_mistake, discord_thread_mistake, discord_url_mistake
from ._forward_settings import forward_url_mistake
from ._slack_settings import (
    slack_api_mistake,
    slack_channel_mistake,
    slack_mention_mistake,
    slack_token_mistake,
    slack_url_mistake,
)
from ._telegram_settings import (
    telegram_api_mistake,
    telegram_chat_mistake,
    telegram_mention_mistake,
    telegram_token_mistake,
    telegram_topic_mistake,
)

__all__ = [
    "discord_mention_mistake",
    "discord_thread_mistake",
    "discord_url_mistake",
    "forward_url_mistake",
    "slack_api_mistake",
    "slack_channel_mistake",
    "slack_mention_mistake",
    "slack_token_mistake",
    "slack_url_mistake",
    "telegram_api_mistake",
    "telegram_chat_mistake",
    "telegram_mention_mistake",
    "telegram_token_mistake",
    "telegram_topic_mistake",
]
