"""One version everywhere; META.json as PGXN wants it."""

from __future__ import annotations

import json
import re
import tomllib

from confiture import __version__

from .reader import REPOSITORY


def test_one_version_everywhere() -> None:
    for name in ("confiture", "confiture_py"):
        control = (REPOSITORY / f"{name}.control").read_text(encoding="utf-8")
        assert re.findall(r"^default_version = '(.*)'", control, re.MULTILINE) == [__version__]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "confiture.__version__"}
    meta = json.loads((REPOSITORY / "META.json").read_text(encoding="utf-8"))
    assert {meta["version"], *(each["version"] for each in meta["provides"].values())} == {__version__}
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == __version__


def test_meta_json_is_what_pgxn_wants() -> None:
    """PGXN Meta Spec 1.0.0: the keys that must be there, and files that exist."""
    meta = json.loads((REPOSITORY / "META.json").read_text(encoding="utf-8"))
    required = {"name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"}
    assert required <= set(meta)
    assert meta["meta-spec"]["version"] == "1.0.0"
    assert meta["license"] == "mit"
    assert meta["release_status"] in ("stable", "testing", "unstable")
    assert set(meta["provides"]) == {path.stem for path in REPOSITORY.glob("*.control")}
    for each in meta["provides"].values():
        assert (REPOSITORY / each["file"]).is_file()
        assert (REPOSITORY / each["docfile"]).is_file()
        assert re.fullmatch(r"\d+\.\d+\.\d+", each["version"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", meta["prereqs"]["runtime"]["requires"]["PostgreSQL"])
