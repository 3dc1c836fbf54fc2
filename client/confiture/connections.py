"""Connections that a process which lives long borrows: opened when needed, and anew when lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from confiture import db
from confiture.config import Project, Target
from confiture.db import Connection
from confiture.errors import SettingError

Opener = Callable[[], Connection]

# A peer that has vanished without a word, such as behind a network that a laptop has left, is given
# up after seconds: the system's own patience is a quarter of an hour and more.
_PATIENCE = {
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


def opener(
    project: Project,
    target: Target,
    note: Callable[[str], None],
    settings: Mapping[str, str],
    *,
    timeout: int | None = None,
) -> Opener:
    """Return a function that connects to a database, now and whenever it is needed again.

    ``settings`` come on top of those of the environment. ``note`` is told when the private server
    has to be started.
    """

    def connect() -> Connection:
        from confiture import cluster

        url = target.url or cluster.ensure(project, note)
        try:
            return db.connect(_impatient(url), {**target.settings, **settings}, timeout=timeout)
        except SettingError as problem:
            target.point_at(problem)
            raise

    return connect


def _impatient(url: str) -> str:
    """Add what makes libpq notice a lost peer; what the URL says itself stays."""
    try:
        given: dict[str, Any] = conninfo_to_dict(url)
        return make_conninfo("", **{**_PATIENCE, **given})
    except psycopg.Error:
        return url  # db.connect says what is wrong with it


class Connections:
    """Connections to one database, for several threads; ``keep`` of them stay open when idle.

    Each that is handed out has just answered. A call is therefore never repeated because its
    connection was lost meanwhile, and nothing is done twice.
    """

    def __init__(self, connect: Opener, keep: int = 1) -> None:
        self._connect = connect
        self._keep = keep
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._ended = False

    @contextmanager
    def borrow(self) -> Iterator[Connection]:
        """Hand out a connection that nobody else uses; take it back at the end of the block."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close those that are idle now, and the others when they are given back."""
        with self._lock:
            self._ended = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connect()
            if _answers(connection):
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        # What was left in a transaction, or in the middle of a result, is not worth to be mended.
        usable = connection.info.transaction_status == TransactionStatus.IDLE
        with self._lock:
            if usable and not self._ended and len(self._idle) < self._keep:
                self._idle.append(connection)
                return
        connection.close()


def _answers(connection: Connection) -> bool:
    try:
        connection.execute("", prepare=False)
    except psycopg.Error:
        return False
    return True
