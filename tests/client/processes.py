"""Commands in processes of their own: on a pseudo-terminal, or with pipes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

CONFITURE = [str(Path(sys.executable).with_name("confiture"))]
Spawn = Callable[..., subprocess.Popen[str]]


class Terminal:
    """A command on a pseudo-terminal of its own."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self.text = ""
        self.changed = threading.Condition()
        controller, terminal = pty.openpty()
        self.controller = controller
        self.process = subprocess.Popen(
            [*CONFITURE, *arguments],
            preexec_fn=lambda: os.login_tty(terminal),
            pass_fds=[terminal],
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **variables},
        )
        os.close(terminal)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        while True:
            try:
                data = os.read(self.controller, 4096)
            except OSError:  # Linux: the other end is closed
                data = b""
            with self.changed:
                self.text += data.decode(errors="replace")
                self.changed.notify_all()
            if not data:
                return

    def wait_for(self, words: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: words in self.text, timeout=60), self.text

    def say(self, words: str) -> None:
        os.write(self.controller, words.encode())

    def end(self) -> int:
        code = self.process.wait(timeout=60)
        self.reader.join()
        os.close(self.controller)
        return code
