"""The command line: one file a command group, each loaded when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from confiture import __version__

COMMANDS = {
    "init": "confiture.cli.init",
    "migrate": "confiture.cli.migrate",
    "build": "confiture.cli.build",
    "drift": "confiture.cli.drift",
    "testdb": "confiture.cli.testdb",
    "transition": "confiture.cli.transition",
    "coordinate": "confiture.cli.coordinate",
    "mcp": "confiture.cli.mcp",
    "server": "confiture.cli.server",
    "extension": "confiture.cli.extension",
}


class LazyGroup(click.Group):
    """A group with commands that are imported when they are asked for: ``modules`` says whence.

    They are listed in the order of a newcomer, after those that the group has at once.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """List the commands in the order in which they were written down."""
        return [*self.commands, *self.modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.modules:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(self.modules[cmd_name]), cmd_name)
        return command


@click.group(
    cls=LazyGroup,
    modules=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="confiture %(version)s")
def cli() -> None:
    """PostgreSQL schema evolution that lives inside PostgreSQL.

    \b
    Example, a new project on a private server:
      confiture init
      confiture migrate new create_users
      confiture migrate up
    """
