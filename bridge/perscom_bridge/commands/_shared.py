"""What several commands have in common: the option --config, clean failures, the secret, a file or standard input."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from perscom_receiver import Secret

__all__ = ["Failure", "body_argument", "config_option", "live_secrets"]

VARIABLE = "PERSCOM_WEBHOOK_SECRET"

config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    default=Path("bridge.toml"),
    show_default="bridge.toml here",
    help="The configuration to use.",
)

body_argument = click.argument("body", type=click.File("rb"), default="-", metavar="[FILE]")


class Failure(click.ClickException):
    """The command could not do its work. Shown as it is, on standard error, with exit status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=True)


def live_secrets(config: Path) -> tuple[Secret, ...]:
    """The secrets in the file ``config``, the live one first; where nobody named a file and none is here, the environment's.

    Raises ConfigurationError for a file with mistakes, and Failure when there is no secret at all.
    """
    from perscom_receiver import Secret

    from .._load import load

    source = click.get_current_context().get_parameter_source("config")
    if os.path.exists(config) or source is not ParameterSource.DEFAULT:
        return load(config).site.secrets
    value = os.environ.get(VARIABLE)
    if not value:
        raise Failure(f"There is no secret: no file {config}, and {VARIABLE} is not set. Name a file with --config, or set it.")
    return (Secret(value, name=VARIABLE),)
