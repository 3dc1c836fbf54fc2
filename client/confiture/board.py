"""The web board of coordination: a small local server, from confiture.intent_board().

It only reads: two methods, GET and HEAD, and a session of the database that cannot write. There
are no accounts, so it listens on this machine alone unless told otherwise, and then answers only
to names of this machine: a page from elsewhere whose name was pointed here (DNS rebinding) gets
nothing.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final

from confiture import db, installed
from confiture.connections import Connections
from confiture.errors import ConfigurationError, ConfitureError, ConnectionFailedError

# What the session of the board sets: it cannot write, and nobody waits for it for long.
SETTINGS: Final = {"default_transaction_read_only": "on", "statement_timeout": "8s", "lock_timeout": "2s"}

FOLDER: Final = Path(__file__).with_name("web")
_FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/board.css": ("board.css", "text/css; charset=utf-8"),
    "/board.js": ("board.js", "text/javascript; charset=utf-8"),
}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
# However many pages are open, the database is asked this often, and rests for so many times as
# long as its last answer took; a page waits so long for it.
_FRESH_SECONDS: Final = 1.0
_REST: Final = 4
_PATIENCE_SECONDS: Final = 9.0

Answer = tuple[HTTPStatus, bytes]


class Source:
    """The latest state of the board, as JSON; asked for at most once a second, less if it is large."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._stale_at = float("-inf")
        self._answer = _problem(ConnectionFailedError("the database was not asked yet"))

    def check(self) -> None:
        """Fail if the database is not there, or has no extension that fits this client."""
        with self._connections.borrow() as connection:
            installed.check(connection)

    def read(self) -> Answer:
        """Return the board, or what is wrong with the database."""
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            return _problem(ConnectionFailedError("the database does not answer"))
        try:
            started = time.monotonic()
            if started >= self._stale_at:
                self._answer = self._ask()
                now = time.monotonic()
                rest = _REST * (now - started) if self._answer[0] == HTTPStatus.OK else 0.0
                self._stale_at = now + max(_FRESH_SECONDS, rest)
            return self._answer
        finally:
            self._lock.release()

    def _ask(self) -> Answer:
        try:
            with self._connections.borrow() as connection:
                rows = db.fetch(connection, "SELECT confiture.intent_board()::text AS board")
        except ConfitureError as problem:
            return _problem(problem)
        return HTTPStatus.OK, str(rows[0]["board"]).encode()


class Server(ThreadingMixIn, TCPServer):
    """The server of one board; ``port`` 0 takes any that is free."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, source: Source, host: str, port: int) -> None:
        self.source = source
        self.files = {path: ((FOLDER / name).read_bytes(), kind) for path, (name, kind) in _FILES.items()}
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, address = found[0][0], str(found[0][4][0])
        super().__init__((address, port), Handler)
        bound = ipaddress.ip_address(address.partition("%")[0])
        self.local = bound.is_loopback
        self.names = {*_LOCAL_NAMES, host.lower(), _in_url(str(bound))}
        self.url = f"http://{_in_url(host)}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone; anything else is worth a traceback."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers one browser."""

    server: Server
    protocol_version = "HTTP/1.1"
    # A connection on which nothing comes is closed after this time.
    timeout = 30
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """Answer with a file of the page, or with the board."""
        if self.server.local and self._host() not in self.server.names:
            self._send(
                HTTPStatus.MISDIRECTED_REQUEST,
                b"This board answers only to names of the machine that it runs on.\n",
            )
            return
        path = self.path.partition("?")[0]
        if path == "/board.json":
            status, body = self.server.source.read()
            self._send(status, body, "application/json")
        elif path in self.server.files:
            self._send(HTTPStatus.OK, *self.server.files[path])
        else:
            self._send(HTTPStatus.NOT_FOUND, b"There is nothing here. The board is at /.\n")

    do_HEAD = do_GET  # noqa: N815

    def __getattr__(self, name: str) -> Any:
        """Refuse every other method: the parent looks for do_METHOD."""
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"The board can only be read.\n")

    def _host(self) -> str:
        """Return the name in the Host header, without the port: another one may be forwarded here."""
        host = self.headers.get("Host", "").strip().lower()
        return host[: host.index("]") + 1] if "]" in host else host.partition(":")[0]

    def _send(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if self._has_body():
            # It is not read: what follows on this connection is no request.
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _has_body(self) -> bool:
        return "Content-Length" in self.headers or "Transfer-Encoding" in self.headers

    def end_headers(self) -> None:
        """Send the headers that every answer has."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """Name no versions."""
        return "confiture"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Log nothing: every page asks every few seconds."""


def open_server(source: Source, host: str, port: int) -> Server:
    """Start to listen; whoever connects is answered as soon as ``serve_forever`` runs."""
    try:
        return Server(source, host, port)
    except OSError as problem:
        raise ConfigurationError(
            f"cannot listen on {_in_url(host)}:{port}: {problem.strerror or problem}",
            hint="--port 0 takes any port that is free.",
        ) from problem


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _problem(problem: ConfitureError) -> Answer:
    parts = problem.as_dict()
    error = {name: parts[name] for name in ("message", "sqlstate", "detail", "hint")}
    if isinstance(problem, ConnectionFailedError):
        error["hint"] = None
    return HTTPStatus.SERVICE_UNAVAILABLE, json.dumps({"error": error}).encode()
