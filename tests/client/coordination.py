"""What the tests of coordination share: a schema, and commands with their exit codes checked."""

from __future__ import annotations

from typing import Any

from .conftest import Command, Result

USERS = """
CREATE SCHEMA app;
CREATE TABLE users (id bigint PRIMARY KEY, email text, name text);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users);
CREATE TABLE carts (id bigint);
CREATE VIEW emails AS SELECT email FROM users;
CREATE FUNCTION app.total(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 + $2';
CREATE TABLE "Größe, ""neu""!" ("Straße" text);
"""


def register(confiture: Command, agent: str, *options: str, feature: str = "work") -> Any:
    result = confiture(
        "coordinate",
        "register",
        "--agent-id",
        agent,
        "--feature-name",
        feature,
        *options,
        "--format",
        "json",
    )
    assert result.code in (0, 8), result.out
    intent = result.json["intent"]
    assert result.code == (8 if intent["status"] == "conflicted" else 0)
    return intent


def check(confiture: Command, agent: str, *options: str) -> Any:
    result = confiture("coordinate", "check", "--agent-id", agent, *options, "--format", "json")
    document = result.json
    assert result.code == (0 if document["free"] else 8)
    return document


def pairs(found: Any) -> set[tuple[str, str]]:
    """Return what was asked for: names and actions, without what it only reaches."""
    return {
        (each["display"], each["action"])
        for each in found["objects"]
        if each["source"] != "affected" and each["kind"] != "schema"
    }


def move(confiture: Command, name: str, *arguments: str) -> Result:
    return confiture("coordinate", name, *arguments, "--format", "json")
