"""The command line: one file a command group, each loaded when it is first needed."""

from __future__ import annotations

from importlib import import_module

import click

from confiture import __version__

COMMANDS = {
    "init": "confiture.cli.init",
    "migrate": "confiture.cli.migrate",
    "build": "confiture.cli.build",
    "testdb": "confiture.cli.testdb",
    "server": "confiture.cli.server",
    "extension": "confiture.cli.extension",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """List the commands in the order of a newcomer."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
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
