"""A hot standby of the server, by streaming replication."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .server import Server

PORT = "5499"


@contextmanager
def standby(server: Server) -> Iterator[str]:
    """Make a standby that has all of the server, and start it; give its port."""
    root = server.data.parent / "standby"
    # The server's user, by way of root where the tests are run as root.
    as_server = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []

    def run(*command: str) -> None:
        subprocess.run([*as_server, *command], check=True, capture_output=True, cwd="/")

    source = ["-h", os.environ["PGHOST"], "-p", os.environ["PGPORT"], "-U", "postgres"]
    run("pg_basebackup", "-D", str(root), "-R", "-X", "stream", "-c", "fast", *source)
    control = ["pg_ctl", "-D", str(root), "-w", "-t", "60"]
    log = Path(os.environ["PGHOST"]) / "standby.log"
    run(*control, "-o", f"-p {PORT}", "-l", str(log), "start")
    try:
        yield PORT
    finally:
        run(*control, "-m", "immediate", "stop")
        run("rm", "-rf", str(root))
