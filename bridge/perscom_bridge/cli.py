"""The command line: ``perscom-bridge COMMAND``. Each command is a module of its own in ``commands``."""

from __future__ import annotations

from importlib import import_module

try:
    import click
except ModuleNotFoundError:
    raise SystemExit(
        'perscom-bridge needs click. Install all it needs: python -m pip install "perscom-receiver[bridge]"'
    ) from None

from perscom_receiver import PerscomError

from .commands._shared import Failure

__all__ = ["main"]

COMMANDS = (  # in the order of a first hour; commands/NAME.py holds the click command as ``command``
    "init",
    "check",
    "events",
    "preview",
    "test",
    "serve",
    "demo",
    "inbox",
    "backup",
    "restore",
    "purge",
    "work",
    "subscriptions",
    "publish",
    "deliveries",
    "send",
    "sign",
    "verify",
    "explain",
)


class _Group(click.Group):
    """Shows each error of ours as the clean text it is, and lists the commands in the order of the first hour."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PerscomError as error:
            raise Failure(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="perscom-receiver", prog_name="perscom-bridge")
def main() -> None:
    """Promotions, awards and events from PERSCOM in your chats: readable, once each, nobody pinged by accident.

    New here? Start with perscom-bridge init, then check. After every change to bridge.toml: check, then restart.
    """


for _name in COMMANDS:
    main.add_command(import_module(f".commands.{_name}", __package__).command)
