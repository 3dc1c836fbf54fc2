"""``confiture coordinate serve``: the board of the intents, in a browser."""

from __future__ import annotations

import signal

import click

from confiture.cli.options import Session, with_coordination

_OPEN = (
    "Warning: there is no password: whoever can reach {} can read the names of your agents, tables "
    "and features."
)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes one that is free."
)
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Where to listen; any other address than this machine's own lets others read too.",
)
@with_coordination
def serve(session: Session, port: int, host: str) -> None:
    """Show who is about to change what in a browser.

    Active intents by table, conflicts and history, kept up to date. It only reads, and listens on
    this machine alone. Ctrl-C ends it. With --format json it prints its URL as a document first.

    \b
    Example:
      confiture coordinate serve
      confiture coordinate serve --port 0 --env staging
    """
    from confiture import board
    from confiture.connections import Connections, opener

    target = session.project.coordination_target(session.database_url, session.environment)
    connect = opener(session.project, target, session.terminal.note, board.SETTINGS, timeout=5)
    connections = Connections(connect)
    click.get_current_context().call_on_close(connections.close)
    source = board.Source(connections)
    source.check()
    with board.open_server(source, host, port) as server:
        session.terminal.line(f"The board is at {server.url} (Ctrl-C ends it)")
        session.terminal.document({"url": server.url, "local": server.local})
        if not server.local:
            session.terminal.note(_OPEN.format(server.url))
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            session.terminal.note("Stopped.")
