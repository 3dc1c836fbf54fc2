"""Files of another commit, read from git's objects: nothing is checked out.

Git is asked for the names of the files (``ls-tree``) and their contents (``cat-file``), which are
written to a temporary folder. So what a file includes is found as it was then.
"""

from __future__ import annotations

import difflib
import os
import posixpath
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confiture.errors import ConfigurationError, ConfitureError

_LINK = b"120000"
_SQL = b".sql"


class GitError(ConfigurationError):
    """Git is missing, there is no repository, or it has not what is asked for."""


@dataclass(frozen=True)
class Commit:
    """A commit of the repository around a folder.

    ``ref`` is how it was written, ``name`` its hash; ``prefix`` leads from the repository's top to
    the folder: empty, or with a slash at its end.
    """

    folder: Path
    prefix: str
    ref: str
    name: str

    @contextmanager
    def files(self, wanted: Sequence[str]) -> Iterator[Path]:
        """Write the files below ``wanted``, and every other SQL file below the prefix.

        ``wanted`` are paths from the repository's top. Returns the folder that stands for the top;
        errors and names that point into it are for ``shown``.
        """
        with tempfile.TemporaryDirectory(prefix="confiture-git-") as name:
            top = Path(name).resolve()
            self._write(top, [os.fsencode(each).rstrip(b"/") for each in wanted])
            try:
                yield top
            except ConfitureError as problem:
                self._rename(problem, top)
                raise

    def shown(self, path: str, top: Path) -> str:
        """Return a path below ``top`` as git writes it."""
        return path.replace(f"{top}{os.sep}", f"{self.ref}:").replace(str(top), f"{self.ref}:")

    def kind(self, path: str) -> str | None:
        """Return what a path from the top is in this commit: blob or tree; None if it is not there."""
        path = path.rstrip("/")
        done = _git(self.folder, "cat-file", "-t", f"{self.name}:{path}")
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def _rename(self, problem: ConfitureError, top: Path) -> None:
        for part in ("message", "detail", "hint", "file"):
            text = getattr(problem, part)
            if text:
                setattr(problem, part, self.shown(text, top))

    def _write(self, top: Path, wanted: Sequence[bytes]) -> None:
        tree = self._tree()
        prefix = os.fsencode(self.prefix)

        def is_wanted(path: bytes) -> bool:
            if path.lower().endswith(_SQL) and path.startswith(prefix):
                return True
            return any(not each or path == each or path.startswith(each + b"/") for each in wanted)

        names = {path: entry for path, entry in tree.items() if is_wanted(path)}
        contents = self._contents([entry[1] for entry in names.values()])
        for path, (mode, blob) in names.items():
            data = contents[blob]
            if mode == _LINK:
                aim = posixpath.normpath(posixpath.join(posixpath.dirname(path), data))
                if aim not in tree or tree[aim][0] == _LINK:
                    hidden = posixpath.basename(path).startswith(b".")
                    folder = not hidden and any(each.startswith(aim + b"/") for each in tree)
                    if path.lower().endswith(_SQL) or folder:
                        raise GitError(
                            "this link leads to a folder: its files would not be seen"
                            if folder
                            else "this file is a link to what the commit does not have",
                            file=f"{self.ref}:{os.fsdecode(path)}",
                            detail=f"It leads to {os.fsdecode(data)}.",
                        )
                    continue
                data = self._contents([tree[aim][1]])[tree[aim][1]]
            place = top / os.fsdecode(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)

    def _tree(self) -> dict[bytes, tuple[bytes, bytes]]:
        """Return mode and hash of each file, by its path from the top."""
        listed = _output(self.folder, "ls-tree", "-r", "-z", "--full-tree", self.name)
        found = {}
        for line in listed.split(b"\0"):
            facts, _, path = line.partition(b"\t")
            if path:
                mode, kind, blob = facts.split()
                if kind == b"blob":  # no submodule
                    found[path] = (mode, blob)
        return found

    def _contents(self, blobs: Sequence[bytes]) -> dict[bytes, bytes]:
        given = b"".join(blob + b"\n" for blob in dict.fromkeys(blobs))
        out = _output(self.folder, "cat-file", "--batch", given=given) if given else b""
        found: dict[bytes, bytes] = {}
        at = 0
        while at < len(out):
            end = out.index(b"\n", at)
            facts = out[at:end].split()
            if len(facts) != 3:
                raise GitError(
                    f"git has not all files of {self.ref}: {out[at:end].decode(errors='replace')}",
                    hint="In a partial clone, fetch them first: git fetch --refetch.",
                )
            size = int(facts[2])
            found[facts[0]] = out[end + 1 : end + 1 + size]
            at = end + 1 + size + 1
        return found


def find(folder: Path, ref: str) -> Commit:
    """Return the commit that a branch, tag, hash or other expression of git names."""
    prefix = os.fsdecode(_output(folder, "rev-parse", "--show-prefix").rstrip(b"\n"))
    done = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if done.returncode != 0 or ref.startswith("-"):
        raise GitError(f'git knows no commit "{ref}"', hint=_similar(folder, ref))
    return Commit(folder, prefix, ref, done.stdout.decode().strip())


def is_commit(folder: Path, ref: str) -> bool:
    """Tell whether git, where there is a repository, knows a commit by this name."""
    try:
        find(folder, ref)
    except GitError:
        return False
    return True


def _similar(folder: Path, ref: str) -> str:
    """Return the hint for a name that is not known."""
    known = _output(folder, "for-each-ref", "--format=%(refname:short)").decode(errors="replace").split()
    close = difflib.get_close_matches(ref, known, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    shallow = _output(folder, "rev-parse", "--is-shallow-repository").strip() == b"true"
    if shallow:
        return "This clone is shallow and has not all commits: git fetch --unshallow."
    return "Name a branch, a tag or a commit; `git branch --all` and `git tag` list them."


def _output(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Run git and return what it prints; what it complains about becomes an error."""
    done = _git(folder, *arguments, given=given)
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip()
    if "not a git repository" in said:
        raise GitError(
            f"there is no git repository around {folder}", hint="Name a file or a folder instead of a commit."
        )
    raise GitError(f"git {arguments[0]} failed", detail=said or None)


def _git(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    kept = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(
            ["git", *arguments], cwd=folder, env=kept, input=given, capture_output=True, check=False
        )
    except FileNotFoundError as problem:
        raise GitError(
            "git is not installed", hint="Name a file or a folder instead of a commit."
        ) from problem
