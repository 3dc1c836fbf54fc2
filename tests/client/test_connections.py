"""Connections that are borrowed: opened when needed, kept, and opened anew when lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from confiture import config
from confiture.connections import Connections, opener
from confiture.errors import ConfigurationError, SettingError

from .conftest import Project

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def connections(database: str) -> Connections:
    return Connections(lambda: psycopg.connect(database, autocommit=True), keep=1)


def test_one_is_kept(connections: Connections) -> None:
    with connections.borrow() as first:
        pass
    with connections.borrow() as again, connections.borrow() as second:
        assert again is first
        assert second is not first
    assert [first.closed, second.closed].count(False) == 1
    connections.close()
    assert first.closed and second.closed


def test_a_lost_one_is_replaced(connections: Connections, query: Query) -> None:
    with connections.borrow() as first:
        lost = first.info.backend_pid
    query("SELECT pg_terminate_backend(%s, 60000)", lost)
    with connections.borrow() as second:
        assert second.info.backend_pid != lost
    connections.close()


@pytest.mark.parametrize("statement", ["BEGIN", "BEGIN; SELECT 1/0"])
def test_one_in_a_transaction_is_not_kept(connections: Connections, statement: str) -> None:
    try:
        with connections.borrow() as first:
            first.execute(statement)
    except psycopg.Error:
        pass
    assert first.closed


def test_what_is_given_back_after_the_end_is_closed(connections: Connections) -> None:
    with connections.borrow() as first:
        connections.close()
    assert first.closed


def test_it_opens_with_settings_and_notices_a_lost_peer(database: str, project: Project) -> None:
    project.write("confiture.yaml", "environments: {local: {settings: {work_mem: 1MB, jit: 'off'}}}")
    found = config.load()
    target = found.target(f"{database} keepalives_idle=7", "local")
    connections = Connections(opener(found, target, print, {"work_mem": "2MB"}, timeout=9))
    with connections.borrow() as connection:
        parameters = connection.info.get_parameters()
        row = connection.execute("SELECT current_setting('work_mem'), current_setting('jit')").fetchone()
    connections.close()
    assert row == ("2MB", "off")
    given = {name: parameters[name] for name in ("keepalives_idle", "tcp_user_timeout", "connect_timeout")}
    assert given == {"keepalives_idle": "7", "tcp_user_timeout": "15000", "connect_timeout": "9"}


def test_wrong_urls_and_settings_say_so(database: str, project: Project) -> None:
    project.write("confiture.yaml", "environments: {local: {settings: {work_mem: lots}}}")
    found = config.load()
    with pytest.raises(ConfigurationError, match="the database URL is not valid"):
        opener(found, found.target("postgresql://[", "local"), print, {})()
    with pytest.raises(SettingError) as caught:
        opener(found, found.target(database, "local"), print, {})()
    assert caught.value.file == "confiture.yaml"
