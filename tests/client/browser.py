"""A headless Chromium, driven over a pipe by its DevTools protocol; no package is needed for it."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAM = "chromium-headless-shell"


class Browser:
    """One browser with one page; ``problems`` are what its console complains about."""

    def __init__(self) -> None:
        program = shutil.which(PROGRAM)
        assert program, f"{PROGRAM} is missing: tests/deps.sh installs it"
        self._folder = tempfile.TemporaryDirectory(prefix="cf-browser.")
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        self._log = Path(self._folder.name) / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                # As root there is no sandbox; the browser reads from descriptor 3 and writes to 4.
                [
                    "bash",
                    "-c",
                    f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}',
                    program,
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--remote-debugging-pipe",
                    f"--user-data-dir={self._folder.name}/profile",
                ],
                pass_fds=(to_browser, from_browser),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.close(to_browser)
        os.close(from_browser)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session: str | None = None
        self.problems: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._attach()
        except BaseException:
            self._process.kill()
            self._clean()
            raise
        return self

    def _attach(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None
        try:
            self.call("Browser.close")
        finally:
            self._clean()

    def _clean(self) -> None:
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
        self._folder.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def open(self, url: str, *, width: int = 1366, height: int = 900, dark: bool = False) -> None:
        """Load a page at the size of a screen."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Evaluate JavaScript in the page; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script: str, seconds: float = 60) -> Any:
        """Wait until JavaScript returns something true; a page that is just loading has none."""
        deadline = time.monotonic() + seconds
        while not (found := self.run(script)):
            assert time.monotonic() < deadline, f"not in time: {script}\n{self.text('body')}"
            time.sleep(0.05)
        return found

    def text(self, selector: str) -> str:
        """Return the text that a reader sees in an element."""
        found = f"document.querySelector({json.dumps(selector)})"
        return str(self.run(f"{found}?.checkVisibility() ? {found}.innerText : ''"))

    def screenshot(self, file: Path) -> None:
        """Take a picture of the whole page."""
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(picture["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 16)
            assert part, f"the browser has ended: {self._log.read_text(errors='replace')[-2000:]}"
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(str(message["params"]["exceptionDetails"]))
            case "Log.entryAdded" if message["params"]["entry"]["level"] == "error":
                self.problems.append(str(message["params"]["entry"]["text"]))
