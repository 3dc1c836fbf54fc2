"""The web board: a read-only server, and its page in a real browser."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from confiture import board, db
from confiture.connections import Connections

from . import schemas
from .browser import Browser
from .conftest import Command, Project, wait_until

EVIL = "<script>document.title = 'gotcha'</script>"
# The ratio of the contrast of every text that can be seen, where it is too low.
CONTRASTS = """(() => {
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const light = ([r, g, b]) => [r, g, b]
    .map((value) => value / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest('.hidden, script')) continue;
    if (!element.checkVisibility()) continue;
    let behind = element;
    while (behind && parse(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    const pair = [getComputedStyle(element).color, getComputedStyle(behind || document.body).backgroundColor];
    const [high, low] = pair.map((color) => light(parse(color))).sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) found.push(`${node.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return found;
})()"""

Register = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Browser]:
    """A browser whose page must not complain of anything."""
    browser.problems.clear()
    yield browser
    browser.call("Page.navigate", url="about:blank")
    assert browser.problems == []


@contextmanager
def serving(url: str, host: str = "127.0.0.1") -> Iterator[board.Server]:
    connections = Connections(lambda: db.connect(url, board.SETTINGS))
    with board.open_server(board.Source(connections), host, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            connections.close()


@pytest.fixture
def server(database: str) -> Iterator[board.Server]:
    with serving(database) as started:
        yield started


@pytest.fixture
def register(connection: psycopg.Connection[Any]) -> Register:
    connection.execute("CREATE TABLE users (id integer PRIMARY KEY, email text, old_id integer)")

    def call(agent: str, feature: str, *objects: str, **more: Any) -> dict[str, Any]:
        given = {"agent": agent, "feature": feature, "objects": list(objects), **more}
        arguments = ", ".join(f"{name} => %s" for name in given)
        row = connection.execute(
            f"SELECT confiture.intent_register({arguments})", [*given.values()]
        ).fetchone()
        assert row
        found: dict[str, Any] = row[0]
        return found

    return call


def request(
    server: board.Server, method: str = "GET", path: str = "/", **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def look(page: Browser, server: board.Server, **screen: Any) -> None:
    """Open the board, and wait for what the database says."""
    page.open(server.url, **screen)
    page.wait_for("document.getElementById('board').hidden === false")


def test_the_page_shows_who_changes_what(server: board.Server, register: Register, page: Browser) -> None:
    alice = register("alice", "user search", "users.email", branch="feat/search", description="Any case")
    bob = register("bob", "tidy up", "drop users.email", "drop users.old_id")
    queued = register("carol", "more", "users.old_id", on_conflict="queue")
    look(page, server)

    assert page.run("document.title").startswith("(2) Coordination board: cf_test_")
    counts = " ".join(page.text("#counts").split())
    assert counts == "Active 3 In conflict 3 Queued 1 Registered 1 In progress 0 Completed 0"
    conflict = page.text("#conflicts article")
    for part in ("error", "public.users.old_id", "carol", "alter for", "came second", "bob", "drop for"):
        assert part in conflict
    table = page.text("#tables tbody")
    assert table.startswith("public.users")
    for part in (
        "alter email",
        "alice",
        "user search",
        alice["id"],
        "drop old_id",
        "bob",
        "in conflict",
        "queued",
    ):
        assert part in table
    assert "clash" in page.run("document.querySelector('#tables tbody').className")
    intent = page.text(f"#intent-{alice['id']}")
    for part in (
        "alice",
        "feat/search",
        "Any case",
        "alter public.users.email",
        "registered",
        "1 conflict",
        "ends in",
    ):
        assert part in intent
    assert "queued" in page.text(f"#intent-{queued['id']}")
    assert "registered by carol" in page.text("#history")
    assert f'{bob["id"]} for "tidy up"' in page.text("#history")


def test_it_says_what_to_do_when_there_is_nothing(server: board.Server, page: Browser) -> None:
    look(page, server)
    assert "confiture coordinate register --agent-id" in page.text("#welcome")
    assert page.text("#conflicts") == page.text("#tables") == ""
    assert "Nothing has happened yet" in page.text("#history")


def test_names_are_shown_as_text(server: board.Server, register: Register, page: Browser) -> None:
    name = '"<img src=x onerror=alert(1)>"'
    register(EVIL, '"><b>bold', f"alter table:{name}", branch="javascript:alert(2)", description=EVIL)
    register("</table>", "&lt;i&gt;", f"drop table:{name}")
    look(page, server)

    for selector in ("#tables", "#intents", "#conflicts", "#history"):
        assert EVIL in page.text(selector), selector
    for part in (f"public.{name}", "&lt;i&gt;", "</table>", '"><b>bold'):
        assert part in page.text("#conflicts")
    assert page.run("document.querySelectorAll('main img, main script, main b, main i').length") == 0
    assert "gotcha" not in page.run("document.title")


def test_it_keeps_itself_up_to_date(server: board.Server, register: Register, page: Browser) -> None:
    register("alice", "search", "users.email")
    look(page, server)
    assert "None" in page.text("#conflicts")
    register("bob", "tidy up", "drop users.email")
    page.wait_for("document.querySelectorAll('#conflicts article').length === 1")
    assert "New conflict: bob and alice on public.users.email." in page.text("#news")
    assert page.run("document.getElementById('news').getAttribute('aria-live')") == "polite"
    assert page.run("document.title").startswith("(1) ")


def test_the_filter(server: board.Server, register: Register, page: Browser) -> None:
    register("alice", "search", "users.email")
    register("bob", "orders", "create orders")
    look(page, server)
    page.run(
        "const f = document.getElementById('filter'); f.value = 'ALICE'; f.dispatchEvent(new Event('input'))"
    )
    assert "search" in page.text("#intents")
    assert "bob" not in page.text("main")
    assert page.text("#intents h2").endswith("1 of 2")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_everybody_can_read_it(
    server: board.Server, register: Register, page: Browser, dark: bool, width: int
) -> None:
    register("alice", "search", "users.email", description="x" * 500)
    register("b" * 60, "tidy-" * 30, "drop users.email", "create a_table_with_" + "y" * 50)
    register("carol", "more", "users", on_conflict="queue")
    look(page, server, width=width, dark=dark)
    assert page.run(CONTRASTS) == []
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.run("[...document.querySelectorAll('th')].every((cell) => cell.scope)")
    assert page.run("[...document.querySelectorAll('section')].every((part) => part.querySelector('h2').id)")


def test_the_database_goes_and_comes_back(
    server: board.Server, register: Register, database: str, browser: Browser
) -> None:
    register("alice", "search", "users.email")
    look(browser, server)
    dbname = str(conninfo_to_dict(database)["dbname"])
    name = sql.Identifier(dbname)
    with psycopg.connect(dbname="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'confiture'",
            (dbname,),
        )
        browser.wait_for("document.getElementById('pulse').dataset.state === 'lost'")
        alarm = browser.text("[role=alert]")
        assert "cannot be read" in alarm
        assert "not currently accepting connections" in alarm
        assert "What you see is of" in alarm
        assert "alice" in browser.text("#tables")
        assert request(server, path="/board.json").status == 503

        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
        browser.wait_for("document.getElementById('pulse').dataset.state === 'live'")
        assert browser.text("[role=alert]") == ""
    browser.call("Page.navigate", url="about:blank")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_it_can_only_be_read(server: board.Server, method: str) -> None:
    answer = request(server, method)
    assert (answer.status, answer.getheader("Allow")) == (405, "GET, HEAD")


def test_get_and_head(server: board.Server) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/board.css", "text/css"),
        ("/board.js", "text/javascript"),
        ("/board.json", "application/json"),
    ):
        whole, head = request(server, path=path), request(server, "HEAD", path)
        assert whole.status == head.status == 200
        assert str(whole.getheader("Content-Type")).startswith(kind)
        assert len(whole.body) > 0  # type: ignore[attr-defined]
        assert head.body == b""  # type: ignore[attr-defined]
    for path in ("/favicon.ico", "/../board.py", "/%2e%2e/board.py", "/board.json/", "*"):
        assert request(server, path=path).status == 404


def test_headers_keep_the_page_to_itself(server: board.Server) -> None:
    for path in ("/", "/board.json", "/nothing"):
        answer = request(server, path=path)
        policy = str(answer.getheader("Content-Security-Policy"))
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        assert answer.getheader("Access-Control-Allow-Origin") is None
    for name in ("index.html", "board.js"):
        text = (board.FOLDER / name).read_text()
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "http:",
            "https:",
            "onclick",
        ):
            assert forbidden not in text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "[::2]", "", "localhost."]
)
def test_it_answers_only_to_names_of_this_machine(server: board.Server, host: str) -> None:
    for path in ("/", "/board.json"):
        assert request(server, path=path, Host=host).status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1", "127.0.0.1:8765", "[::1]:8765"])
def test_names_of_this_machine(server: board.Server, host: str) -> None:
    assert request(server, Host=host).status == 200


def test_elsewhere_any_name_will_do(database: str) -> None:
    with serving(database, "0.0.0.0") as server:
        assert not server.local
        assert request(server, Host="board.example").status == 200


def test_a_request_with_a_body_ends_the_connection(server: board.Server) -> None:
    answer = request(server, **{"Content-Length": "30"})
    assert (answer.status, answer.getheader("Connection")) == (200, "close")


def test_its_session_cannot_write(database: str) -> None:
    connections = Connections(lambda: db.connect(database, board.SETTINGS))
    with connections.borrow() as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("CREATE TABLE x ()")
    connections.close()


def test_a_reader_may_look(database: str, connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE ROLE looker LOGIN; SELECT confiture.grant_usage('looker', 'reader')")
    try:
        with serving(make_conninfo(database, user="looker")) as server:
            assert request(server, path="/board.json").status == 200
    finally:
        connection.execute("DROP OWNED BY looker; DROP ROLE looker")


def test_many_pages_ask_the_database_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    fetch = db.fetch

    def counting(connection: Any, query: str, *arguments: Any) -> list[dict[str, Any]]:
        asked.append(query)
        return fetch(connection, query, *arguments)

    monkeypatch.setattr(db, "fetch", counting)
    # However long it takes until the last of them asks.
    monkeypatch.setattr(board, "_FRESH_SECONDS", 3600.0)
    connections = Connections(lambda: db.connect(database, board.SETTINGS))
    source = board.Source(connections)
    threads = [threading.Thread(target=source.read) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connections.close()
    assert len(asked) == 1


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "confiture", "coordinate", "serve", *arguments]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command(database: str, project: Project, browser: Browser, number: int) -> None:
    with subprocess.Popen(
        command("--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        found = re.fullmatch(
            r"The board is at (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)\n", process.stdout.readline()
        )
        assert found
        browser.open(found[1])
        browser.wait_for("document.getElementById('pulse').dataset.state === 'live'")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "Stopped.\n")
    browser.wait_for("document.getElementById('pulse').dataset.state === 'lost'")
    assert "confiture coordinate serve" in browser.text("[role=alert]")
    browser.call("Page.navigate", url="about:blank")


def test_the_command_with_json_and_for_others(database: str, project: Project) -> None:
    arguments = ("--port", "0", "--host", "0.0.0.0", "--format", "json")
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        text = ""

        def document() -> Any:
            nonlocal text
            assert process.stdout
            text += process.stdout.readline()
            return text.endswith("}\n") and json.loads(text)

        found = wait_until(document)
        schemas.check(("coordinate", "serve"), found)
        assert found["local"] is False
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert "Warning: there is no password" in err


def test_the_port_is_taken(server: board.Server, confiture: Command) -> None:
    result = confiture("coordinate", "serve", "--port", str(server.server_address[1]))
    assert result.code == 3
    assert "Address already in use" in result.err
    assert "--port 0" in result.err


def test_there_is_no_such_address(database: str, confiture: Command) -> None:
    result = confiture("coordinate", "serve", "--host", "192.0.2.1", "--format", "json")
    assert result.code == 3
    assert "cannot listen on 192.0.2.1:8765" in result.json["error"]["message"]


def test_without_a_database(project: Project, confiture: Command, plain_database: str) -> None:
    assert confiture("coordinate", "serve", "--db-url", "host=/nowhere").code == 4
    result = confiture("coordinate", "serve", "--db-url", plain_database)
    assert result.code == 5
    assert "the extension confiture is not" in result.err
