"""What can be compared: how it is named, and read from folders, files and commits."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from confiture import config, git, sides
from confiture.errors import ConfigurationError, ConfitureError, FileError, UsageError
from confiture.sides import Side

from .conftest import Project


def run_git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path, message: str = "A commit") -> str:
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return run_git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A repository with a table in one commit, and another table that is not committed."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    run_git(project.root, "init", "-q")
    project.write("confiture.yaml", "name: shop\n")
    project.write("db/schema/10_users.sql", "CREATE TABLE users (id int PRIMARY KEY);\n")
    commit(project.root)
    project.write("db/schema/20_orders.sql", "CREATE TABLE orders (id int);\n")
    return project


def parse(text: str, environment: str | None = None) -> Side:
    return sides.parse(config.load(), text, environment)


def texts(side: Side) -> dict[str, str]:
    assert side.files is not None
    return {file.path: file.text for file in side.files}


def problem(text: str) -> ConfitureError:
    with pytest.raises(ConfitureError) as caught:
        parse(text)
    return caught.value


def test_databases(project: Project) -> None:
    for name in ("db", "db:other", "env:production", "postgresql://host/x", "host=x dbname=y"):
        assert parse(name) == Side(name, database=name)
    assert parse("empty").expression() == ("%s::jsonb", ("{}",))
    assert problem("db:").message == '"db:" names no database'
    assert problem("env:").exit_code == 2


def test_the_keyword_and_the_folder(repository: Project) -> None:
    assert parse("db").database == "db"
    assert list(texts(parse("db/"))) == ["db/schema/10_users.sql", "db/schema/20_orders.sql"]
    assert list(texts(parse("./db/schema"))) == ["db/schema/10_users.sql", "db/schema/20_orders.sql"]


def test_files(repository: Project) -> None:
    repository.write("other/b.sql", "SELECT 2;\n")
    repository.write("other/a.sql", "\\ir b.sql\n")
    assert texts(parse("other")) == {"other/a.sql": "SELECT 2;\n\n"}
    assert texts(parse("other/b.sql")) == {"other/b.sql": "SELECT 2;\n"}
    repository.write("schema.json", '{"format": 1}')
    assert parse("schema.json").value == '{"format": 1}'
    repository.write("schema.json", "[")
    assert isinstance(problem("schema.json"), FileError)
    repository.write("schema.json", "[]")
    assert problem("schema.json").message == "this is no snapshot"
    (repository.root / "void").mkdir()
    assert problem("void").message == "there is no .sql file in void"
    repository.write("odd.sql", b"SELECT '\xff'")
    assert problem("odd.sql").location == "odd.sql:1:9"


def test_outside_of_the_project(
    repository: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "a.sql").write_text("\\i b.sql\n")
    (elsewhere / "b.sql").write_text("SELECT 1;\n")
    assert list(texts(parse(str(elsewhere))).values()) == ["SELECT 1;\n\n"]


def test_the_files_of_the_project(repository: Project) -> None:
    repository.write("db/seeds/common/a.sql", "INSERT INTO users VALUES (1);\n")
    side = sides.of_project(config.load(), None)
    assert side.label == "db/schema"
    assert list(texts(side)) == ["db/schema/10_users.sql", "db/schema/20_orders.sql"]
    assert json.loads(side.expression()[1][0])[0] == {
        "path": "db/schema/10_users.sql",
        "text": "CREATE TABLE users (id int PRIMARY KEY);\n",
    }


def test_commits(repository: Project) -> None:
    first = run_git(repository.root, "rev-parse", "HEAD")
    run_git(repository.root, "tag", "v1.0")
    assert texts(parse("HEAD")) == {
        "HEAD:db/schema/10_users.sql": "CREATE TABLE users (id int PRIMARY KEY);\n"
    }
    second = commit(repository.root)
    for name in ("main", "HEAD", second, second[:10]):
        assert len(texts(parse(name))) == 2
    for name in ("v1.0", "HEAD~1", "main^", first):
        assert list(texts(parse(name))) == [f"{name}:db/schema/10_users.sql"]
    assert parse("v1.0").label == "v1.0"
    assert list(texts(parse("main:db/schema/20_orders.sql"))) == ["main:db/schema/20_orders.sql"]
    assert list(texts(parse("v1.0:db"))) == ["v1.0:db/schema/10_users.sql"]
    assert list(texts(parse("v1.0:"))) == ["v1.0:db/schema/10_users.sql"]


def test_nothing_is_checked_out(repository: Project) -> None:
    before = run_git(repository.root, "status", "--porcelain=v2", "--branch")
    files = sorted(path for path in repository.root.rglob("*") if ".git" not in path.parts)
    parse("HEAD")
    assert run_git(repository.root, "status", "--porcelain=v2", "--branch") == before
    assert sorted(path for path in repository.root.rglob("*") if ".git" not in path.parts) == files


def test_includes_are_those_of_the_commit(repository: Project) -> None:
    repository.write("db/schema/30_all.sql", "\\ir ../parts/a.psql\n\\i legacy/b.sql\nSELECT 'end';\n")
    repository.write("db/parts/a.psql", "SELECT 'then';\n")
    repository.write("legacy/b.sql", "SELECT 'b';\n")
    commit(repository.root)
    repository.write("db/parts/a.psql", "SELECT 'now';\n")
    file = next(file for file in parse("HEAD").files or () if file.path == "HEAD:db/schema/30_all.sql")
    assert file.text == "SELECT 'then';\n\nSELECT 'b';\n\nSELECT 'end';\n"
    assert [file.script.locate(line) for line in (1, 3, 5)] == [
        ("HEAD:db/parts/a.psql", 1),
        ("HEAD:legacy/b.sql", 1),
        ("HEAD:db/schema/30_all.sql", 3),
    ]


def test_a_project_that_is_a_part_of_a_repository(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("services/shop/confiture.yaml", "name: shop\n")
    repository.write("services/shop/db/schema/a.sql", "SELECT 'shop';\n")
    commit(repository.root)
    monkeypatch.chdir(repository.root / "services/shop")
    assert texts(parse("HEAD")) == {"HEAD:db/schema/a.sql": "SELECT 'shop';\n"}
    assert parse("HEAD").files[0].script.file == "HEAD:services/shop/db/schema/a.sql"  # type: ignore[index]
    assert list(texts(parse("HEAD:./db/schema"))) == ["HEAD:services/shop/db/schema/a.sql"]
    assert len(texts(parse("HEAD:db/schema"))) == 2
    failed = problem("HEAD:db/schema/a.sql")
    assert failed.message == 'there is no "db/schema/a.sql" in HEAD'
    assert failed.hint == "From the top of the repository it is HEAD:services/shop/db/schema/a.sql."


def test_odd_names_and_links(repository: Project) -> None:
    repository.write('db/schema/é "x"\n.sql', "SELECT 'odd';\n")
    (repository.root / "db/schema/link.sql").symlink_to("../shared.sql")
    repository.write("db/shared.sql", "SELECT 'shared';\n")
    commit(repository.root)
    found = texts(parse("HEAD"))
    assert found['HEAD:db/schema/é "x"\n.sql'] == "SELECT 'odd';\n"
    assert found["HEAD:db/schema/link.sql"] == "SELECT 'shared';\n"
    (repository.root / "db/schema/link.sql").unlink()
    (repository.root / "db/schema/link.sql").symlink_to("/etc/passwd")
    commit(repository.root)
    failed = problem("HEAD")
    assert (failed.message, failed.file) == (
        "this file is a link to what the commit does not have",
        "HEAD:db/schema/link.sql",
    )
    (repository.root / "db/schema/link.sql").unlink()
    (repository.root / "more").mkdir()
    repository.write("more/a.sql", "")
    (repository.root / "db/schema/link").symlink_to("../../more")
    commit(repository.root)
    failed = problem("HEAD")
    assert (failed.message, failed.file) == (
        "this link leads to a folder: its files would not be seen",
        "HEAD:db/schema/link",
    )


def test_files_of_a_commit_that_cannot_be(repository: Project) -> None:
    repository.write("db/schema/30.sql", b"SELECT 1;\nSELECT '\xff'")
    commit(repository.root)
    failed = problem("HEAD")
    assert (failed.location, failed.exit_code) == ("HEAD:db/schema/30.sql:2:9", 3)
    repository.write("db/schema/30.sql", "\\ir nowhere.sql\n")
    commit(repository.root)
    failed = problem("HEAD")
    assert (failed.location, failed.detail) == (
        "HEAD:db/schema/30.sql:1:1",
        "Looked for HEAD:db/schema/nowhere.sql.",
    )
    run_git(repository.root, "rm", "-q", "-r", "db/schema")
    commit(repository.root)
    failed = problem("HEAD")
    assert isinstance(failed, ConfigurationError)
    assert failed.message == "there is no folder HEAD:db/schema"
    assert problem("HEAD:confiture.yml").message == 'there is no "confiture.yml" in HEAD'


def test_names_that_mean_nothing_or_two_things(repository: Project) -> None:
    run_git(repository.root, "branch", "feature")
    failed = problem("featur")
    assert isinstance(failed, UsageError)
    assert failed.message == '"featur" is no file, no folder and no commit'
    assert failed.detail == 'Git knows no commit "featur".'
    assert failed.hint == 'Did you mean "feature"?'
    assert "db:NAME" in (problem("x" * 30).hint or "")
    assert problem("--all").exit_code == 2
    assert problem("").message == "nothing to compare is named"
    repository.write("feature/a.sql", "SELECT 1;\n")
    failed = problem("feature")
    assert failed.message == '"feature" is both a folder and a commit of git'
    assert failed.hint == "Write ./feature for the one here, or feature^0 for the commit."
    assert list(texts(parse("./feature"))) == ["feature/a.sql"]
    assert list(texts(parse("feature^0"))) == ["feature^0:db/schema/10_users.sql"]


def test_without_a_repository_and_without_git(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.root.parent))
    assert (problem("main").detail or "").startswith("There is no git repository around")
    project.write("a.sql", "SELECT 1;\n")
    assert list(texts(parse("a.sql"))) == ["a.sql"]
    monkeypatch.setenv("PATH", "")
    assert problem("main").detail == "Git is not installed."


def test_what_a_clone_does_not_have(repository: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    run_git(repository.root, "tag", "v1.0")
    commit(repository.root)
    place = tmp_path_factory.mktemp("clones")
    run_git(place, "clone", "-q", "--depth=1", f"file://{repository.root}", "shallow")
    with pytest.raises(git.GitError) as caught:
        git.find(place / "shallow", "v1.0")
    assert caught.value.hint == "This clone is shallow and has not all commits: git fetch --unshallow."
    blob = run_git(repository.root, "rev-parse", "HEAD:db/schema/20_orders.sql")
    (repository.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    failed = problem("HEAD")
    assert "git has not all files of HEAD" in failed.message
