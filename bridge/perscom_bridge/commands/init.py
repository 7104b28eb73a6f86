"""``perscom-bridge init``: five questions, then bridge.toml and .env."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import Failure, config_option

if TYPE_CHECKING:
    from .._init import Answers, NewDestination

__all__ = ["command"]

Check = Callable[[str], str | None]
"""What is wrong with an answer; None when nothing is."""


@click.command("init")
@config_option
def command(config: Path) -> None:
    """Ask five things, write bridge.toml and .env.

    Asks for the secret in PERSCOM's webhook form, the public address of this machine, the address of your PERSCOM, the
    platforms, and your channels there. What is secret is not shown while you type. Both files are for your eyes alone (mode
    600); none is ever overwritten. Without a terminal the answers are read from standard input, one a line.
    """
    from .._init import bridge_toml, dotenv, write_new

    env = config.parent / ".env"
    for path in (config, env):
        if os.path.lexists(path):  # a link that leads nowhere counts, too
            raise Failure(
                f"{path} is there already and is never overwritten. Move it away, or edit it and run perscom-bridge check."
            )
    if not os.path.isdir(config.parent):
        raise Failure(f"There is no folder {config.parent}. Make it first.")
    answers = _ask_all()
    try:
        write_new({env: dotenv(answers), config: bridge_toml(answers)})
    except OSError as error:
        raise Failure(f"Nothing was written. {error.filename or config.parent}: {error.strerror}.") from error
    address = f"{answers.public or 'https://THE-NAME-OF-THIS-MACHINE'}/webhooks/perscom"
    click.echo(f"\nWrote {config} and {env}, readable for you alone.")
    click.echo(f"For PERSCOM's webhook form:  URL {address}   Method POST   and the same Secret")
    click.echo("Next: perscom-bridge check")


def _ask_all() -> Answers:
    from perscom_receiver import Secret

    from .._init import Answers
    from .._site import web_address_mistake
    from ..platforms import PLATFORMS

    click.echo("Five questions. Enter alone leaves out what is marked so.\n")
    secret = _ask("1  The Secret in PERSCOM's webhook form", _secret_mistake, hidden=True, as_typed=True)
    if weakness := Secret(secret).weakness():
        click.echo(f"   Good to know: {weakness}.")
    public = _ask(
        "2  The public address of this machine, https://…  (Enter: not known yet)", web_address_mistake, optional=True
    )
    perscom = _ask(
        "3  The address of your PERSCOM, for links, https://…  (Enter: no links)", web_address_mistake, optional=True
    )
    platforms = _platforms(_ask(f"4  Platforms: {', '.join(PLATFORMS)}  (Enter: discord)", _platform_mistake, optional=True))
    return Answers(
        secret=secret,
        public=public.rstrip("/").removesuffix("/webhooks/perscom") or None,
        perscom=perscom.rstrip("/") or None,
        destinations=tuple(_ask_destinations(platforms)),
    )


def _ask_destinations(platforms: list[str]) -> Iterator[NewDestination]:
    """A channel for everybody and perhaps one for staff, on each of ``platforms``."""
    from .._init import NewDestination
    from ..platforms import PLATFORMS

    number = "5"
    for kind in platforms:
        once: dict[str, str] = {}
        for role, whom in (("announcements", "everybody"), ("staff", "staff")):
            given = dict(once)
            for question in PLATFORMS[kind].questions:
                if question.key in given:
                    continue
                optional = role == "staff"
                text = f"{number:<3}{PLATFORMS[kind].name}: {question.text.format(whom=whom)}"
                answer = _ask(
                    f"{text}  (Enter: none)" if optional else text, question.mistake, hidden=question.secret, optional=optional
                )
                number = ""
                if not answer:
                    break
                given[question.key] = answer
                if question.once:
                    once[question.key] = answer
            else:
                yield NewDestination(role=role, platform=kind, values=given)


def _ask(question: str, mistake: Check, *, hidden: bool = False, optional: bool = False, as_typed: bool = False) -> str:
    """The answer, asked again in a terminal until it is right; empty only when ``optional``.

    White space around it is dropped unless it counts ``as_typed``: PERSCOM does not trim its secrets.
    """
    terminal = sys.stdin.isatty()
    while True:
        answer = _prompt(question, hidden) if terminal else _read_line(question, optional)
        answer = answer if as_typed else answer.strip()
        wrong = None if optional and not answer else mistake(answer)
        if wrong is None:
            return answer
        if not terminal:
            raise Failure(f"{wrong}\nNothing was written.")
        click.echo("\n".join(f"   {line}" for line in wrong.splitlines()))


def _prompt(question: str, hidden: bool) -> str:
    answer: str = click.prompt(question, default="", show_default=False, hide_input=hidden)
    return answer


def _read_line(question: str, optional: bool) -> str:
    click.echo(question)
    line = sys.stdin.readline()
    if not line and not optional:
        raise Failure("The answers on standard input ended before this question. Nothing was written.")
    return line.rstrip("\r\n")


def _secret_mistake(answer: str) -> str | None:
    from .._table import UNTYPED

    if not answer.strip():
        return "The secret is blank, so anybody could sign. Copy it from PERSCOM's webhook form."
    if UNTYPED.search(answer):
        return "The secret holds a control character. Copy it again from PERSCOM's webhook form."
    return None


def _platforms(answer: str) -> list[str]:
    return list(dict.fromkeys(answer.lower().replace(",", " ").split())) or ["discord"]


def _platform_mistake(answer: str) -> str | None:
    from .._problems import did_you_mean, hide
    from ..platforms import PLATFORMS

    for name in _platforms(answer):
        if name not in PLATFORMS:
            return f'"{hide(name)}" is no platform.{did_you_mean(name, PLATFORMS)}      Known: {", ".join(PLATFORMS)}'
    return None
