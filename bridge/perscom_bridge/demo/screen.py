"""What the demo prints."""

from __future__ import annotations

import click

from ..platforms import PLATFORMS
from ..preview import card_of, payload_of
from ..preview.terminal import boxes
from ..public import WEBHOOK_PATH
from ..service import web_url
from .running import Demo
from .sent import Sent
from .verdict import Verdict

__all__ = ["cards", "line", "opening", "summary"]

_COLORS = {"genuine": "green", "refused": "red", "again": "yellow"}


def opening(demo: Demo) -> str:
    """The first lines: what runs where."""
    return (
        "perscom-bridge demo: no account, nothing leaves this machine\n"
        f"  receiver  {web_url(demo.service.public)}{WEBHOOK_PATH}"
        "     stand-in Discord, Slack and Telegram with their real limits, at a faster pace\n"
    )


def line(sent: Sent, width: int) -> str:
    """One request: verdict, event, answer, and what it says or why it was refused."""
    took = f"stored in {sent.ms:.0f} ms" if sent.status == 202 else str(sent.status)
    told = sent.told
    room = max(20, width - 56)
    told = told if len(told) <= room else f"{told[: room - 1]}…"
    verdict = click.style(f"{sent.verdict:<8}", fg=_COLORS[sent.verdict])
    return f"  {verdict}  {sent.golden.event or '':<27} {took:<15} {told}"


def cards(sent: Sent, width: int) -> str:
    """A message as each platform shows it, read from the payload that is sent there; empty when there was nothing to say."""
    if sent.message is None:
        return ""
    return boxes([card_of(platform, payload_of(platform, sent.message)) for platform in PLATFORMS], width).rstrip("\n")


def summary(verdict: Verdict, seconds: float) -> str:
    """The last lines: every promise with its count, then OK or FAILED."""
    v = verdict
    counts_there = set(v.messages.values())
    messages = (
        f"{counts_there.pop()} messages on each of {len(v.messages)} platforms"
        if len(counts_there) == 1
        else ", ".join(f"{count} messages on {PLATFORMS[name].name}" for name, count in v.messages.items())
    )
    counts = (
        f"\n  {v.requests} requests, one of them twice: {v.genuine} genuine, {v.refused} refused, {v.again} seen before."
        f" {v.together} more came along with a promotion: one message.\n"
        f"  {messages}, {v.silent} events with nothing to say, {v.lost} lost, {v.twice} twice, {v.pings} pings,"
        f" {v.private} private fields.   {seconds:.1f} s"
    )
    if verdict.wrong:
        more = f" (and {len(verdict.wrong) - 1} more)" if len(verdict.wrong) > 1 else ""
        return f"{counts}\n{click.style('FAILED', fg='red', bold=True)} {verdict.wrong[0]}{more}"
    return f"{counts}\n{click.style('OK', fg='green', bold=True)}. Next: perscom-bridge init"
