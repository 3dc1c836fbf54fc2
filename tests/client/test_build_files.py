"""The files of a tree: what can't be read, or would not be seen, is an error."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest

from confiture import SchemaBuilder
from confiture.errors import FileError

from .conftest import Project


@pytest.fixture
def shop(project: Project) -> Project:
    """Two files, in their order."""
    project.write("db/schema/10_users.sql", "CREATE TABLE users (id int PRIMARY KEY)")
    project.write("db/schema/20_orders.sql", "CREATE TABLE orders (user_id int REFERENCES users)")
    return project


def test_nothing_is_overlooked(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def problem() -> tuple[str, str | None]:
        with pytest.raises(FileError) as caught:
            SchemaBuilder().hash()
        return caught.value.message, caught.value.file

    link = shop.root / "db/schema/30.sql"
    link.symlink_to("nowhere.sql")
    assert problem() == ("this link leads to no file", "db/schema/30.sql")
    link.unlink()
    os.mkfifo(link)
    assert problem() == ("this is no regular file", "db/schema/30.sql")
    link.unlink()
    link.symlink_to(".")
    assert problem() == ("this link leads to a folder: its files would not be seen", "db/schema/30.sql")
    link.unlink()
    (shop.root / "db/schema/more").mkdir()
    before, there = SchemaBuilder().hash(), os.scandir

    def scandir(path: str) -> Any:
        if path.endswith("more"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return there(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        assert problem() == ("this folder cannot be read: Permission denied", "db/schema/more")
    # a link to a file is that file
    (shop.root / "elsewhere.sql").write_text("CREATE TABLE elsewhere ();")
    link.symlink_to("../../elsewhere.sql")
    assert before != SchemaBuilder().hash()
