"""The project's private server: a cluster of its own, made when it is first needed.

Its data is under ``.confiture/``. It listens on a Unix socket only, in a folder of /tmp that no
other user can enter (a socket's path must be short, so it cannot be in the project). As root the
server runs as the user postgres, since PostgreSQL refuses root.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from confiture import __version__, binaries, staging
from confiture.config import Project
from confiture.errors import ConfigurationError, ConnectionFailedError
from confiture.textfile import shown

Note = Callable[[str], None]
SUPERUSER = "postgres"
_CONF = "confiture.conf"
_TMP, _VAR_TMP = "/tmp", "/var/tmp"  # noqa: S108
_STATE = "server.json"


@dataclass(frozen=True)
class State:
    """What .confiture/server.json remembers."""

    data: str
    socket: str
    database: str
    major: int
    stage: str | None = None
    port: int | None = None
    client: str | None = None

    @property
    def url(self) -> str:
        """The connection string of the server's socket and database."""
        from psycopg.conninfo import make_conninfo

        return make_conninfo(host=self.socket, port=self.port or 5432, user=SUPERUSER, dbname=self.database)


def ensure(project: Project, note: Note) -> str:
    """Return the URL of the running private server; make and start it first if need be."""
    state = _load(project)
    if state is not None and state.client == __version__ and _answers(state):
        return state.url
    return start(project, note, state.port if state else None).url


def start(project: Project, note: Note, port: int | None = None) -> State:
    """Start the private server, making it the first time; prepare its database.

    One that runs already is restarted only where the port or the extension's sources changed.
    """
    from confiture import prepare

    with _locked(project):
        state = _load(project)
        if state is None or not (Path(state.data) / "PG_VERSION").is_file():
            state = _make(project, note)
        elif not _alive(state):
            note("Starting the private server of this project.")
        programs = binaries.find(state.major)
        stage = staging.ensure(programs, Path(state.data).parent, note)
        wanted = replace(state, port=port, stage=stage, client=__version__)
        if _alive(state) and not (_answers(state) and wanted == state):
            note("Restarting the private server of this project.")
            _control(state, programs, "stop", "-m", "fast")
        if not _alive(state):
            state = replace(wanted, socket=_socket_folder(state.socket))
            _configure(state, programs)
            _save(project, state)
            _clear(state)
            _control(state, programs, "start", "-l", _log(state))
        prepare.database(state.url, state.database)
        return state


def stop(project: Project) -> bool:
    """Stop the private server; tell whether it was running."""
    with _locked(project):
        state = _load(project)
        if state is None or not _alive(state):
            return False
        _control(state, binaries.find(state.major), "stop", "-m", "fast")
        return True


def destroy(project: Project) -> bool:
    """Stop the private server and remove its data; tell whether there was one."""
    state = _load(project)
    if state is None:
        return False
    stop(project)
    base = Path(state.data).parent
    shutil.rmtree(state.data)
    shutil.rmtree(base / "stage", ignore_errors=True)
    shutil.rmtree(state.socket, ignore_errors=True)
    if base != project.state_dir:
        shutil.rmtree(base, ignore_errors=True)
    (project.state_dir / _STATE).unlink(missing_ok=True)
    return True


def is_running(project: Project) -> bool:
    """Tell whether the private server runs and answers."""
    state = _load(project)
    return state is not None and _answers(state)


def running_url(project: Project) -> str | None:
    """Return the URL of the private server if it runs; nothing is made or started for it."""
    state = _load(project)
    return state.url if state is not None and _answers(state) else None


def describe(project: Project) -> dict[str, Any]:
    """Return what ``confiture server status`` prints."""
    state = _load(project)
    if state is None:
        return {"exists": False, "running": False}
    running = _answers(state)
    return {
        "exists": True,
        "running": running,
        "pid": _pid(state) if running else None,
        "url": state.url,
        "log": _log(state),
        **asdict(state),
    }


def _make(project: Project, note: Note) -> State:
    """Run initdb in a folder that the server's user can reach."""
    programs = binaries.find()
    base = _base(project, note)
    data = base / "data"
    note(f"Making the private server of this project: PostgreSQL {programs.major}, {shown(data)}.")
    if data.exists():
        shutil.rmtree(data)
    state = State(str(data), _socket_folder(None), project.name, programs.major)
    if os.geteuid() == 0:
        data.mkdir(mode=0o700)
        shutil.chown(data, *_owner())
    options = ["-U", SUPERUSER, "-A", "trust", "--auth-host=scram-sha-256", "-E", "UTF8"]
    _run([programs["initdb"], "-D", state.data, *options, "--locale=C.UTF-8", "-N"], state)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"\ninclude_if_exists = '{_CONF}'\n")
    _save(project, state)
    return state


def _configure(state: State, programs: binaries.Binaries) -> None:
    """Write the settings that may change from one start to the next."""
    settings = {
        "listen_addresses": "localhost" if state.port else "",
        "port": str(state.port or 5432),
        "unix_socket_directories": state.socket,
        "unix_socket_permissions": "0700",
        "log_min_messages": "warning",
        "max_worker_processes": "16",
        **staging.settings(programs, state.stage),
    }
    text = "".join(f"{name} = '{_quoted(value)}'\n" for name, value in settings.items())
    path = Path(state.data, _CONF)
    path.write_text(f"# Written by `confiture server start`.\n{text}", encoding="utf-8")
    if os.geteuid() == 0:
        shutil.chown(path, *_owner())


def _quoted(value: str) -> str:
    return value.replace("'", "''")


def _base(project: Project, note: Note) -> Path:
    """Return the folder for the data: .confiture, unless the server's user cannot get there."""
    folder = project.state_dir
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return folder
    folder.chmod(0o755)
    reach = subprocess.run(["test", "-x", folder], check=False, cwd="/", **_as_server())
    if reach.returncode == 0:
        return folder
    base = elsewhere(project)
    note(f"The user {SUPERUSER} cannot enter {project.root}: the data is in {base}.")
    base.mkdir(mode=0o755, exist_ok=True)
    if base.is_symlink() or base.stat().st_uid != 0:
        raise ConfigurationError(f"{base} belongs to someone else", hint="Remove it.")
    return base


def elsewhere(project: Project) -> Path:
    """Return the folder for the data of a project that the server's user cannot enter."""
    name = hashlib.sha256(str(project.root).encode()).hexdigest()[:12]
    return Path(_VAR_TMP, f"confiture-{name}")


def _socket_folder(before: str | None) -> str:
    """Return a short folder that only the server's user (and root) can enter."""
    if before and Path(before).is_dir() and Path(before).stat().st_uid == _uid():
        return before
    folder = tempfile.mkdtemp(prefix="confiture-", dir=_TMP)
    if os.geteuid() == 0:
        shutil.chown(folder, *_owner())
    return folder


def _pid(state: State) -> int | None:
    try:
        first = Path(state.data, "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0]
        return int(first)
    except (OSError, ValueError):
        return None


def _alive(state: State) -> bool:
    """Tell whether the process of postmaster.pid lives; a killed one that nobody reaps does not."""
    pid = _pid(state)
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    """Tell whether a process has ended without being reaped: in a container without an init."""
    try:
        fields = Path("/proc", str(pid), "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return False
    return fields[:1] == ["Z"]


def _clear(state: State) -> None:
    """Remove what a killed server has left, and a new one would take for a running one.

    Should backends of the killed one still live, the new one finds their shared memory and
    refuses to start.
    """
    pid = _pid(state)
    if pid is not None and _zombie(pid):
        Path(state.data, "postmaster.pid").unlink()
    for left in Path(state.socket).glob(".s.PGSQL.*"):
        left.unlink()


def _answers(state: State) -> bool:
    """Tell whether somebody listens on the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(f"{state.socket}/.s.PGSQL.{state.port or 5432}")
        except OSError:
            return False
    return True


def _log(state: State) -> str:
    return str(Path(state.data, "server.log"))


def _owner() -> tuple[int, int]:
    """Return the user and group that the server runs as, when we are root."""
    try:
        entry = pwd.getpwnam(SUPERUSER)
    except KeyError as problem:
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and there is no user {SUPERUSER}",
            hint=f"Run Confiture as an ordinary user, or make the user: useradd --system {SUPERUSER}.",
        ) from problem
    return entry.pw_uid, entry.pw_gid


def _uid() -> int:
    return _owner()[0] if os.geteuid() == 0 else os.geteuid()


def _as_server() -> dict[str, Any]:
    """Return the arguments of subprocess that make a program run as the server's user."""
    if os.geteuid() != 0:
        return {}
    user, group = _owner()
    return {"user": user, "group": group, "extra_groups": [group]}


def _control(state: State, programs: binaries.Binaries, *arguments: str) -> None:
    """Run pg_ctl, and wait until it has done what it was told."""
    _run([programs["pg_ctl"], "-D", state.data, "-w", "-s", *arguments], state)


def _run(command: Sequence[str], state: State) -> None:
    """Run a program of PostgreSQL as the server's user; its words become the error."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    clean |= {"LC_ALL": "C.UTF-8", "HOME": state.data}
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=clean,
            check=False,
            **_as_server(),
        )
        said.seek(0)
        words = said.read().strip().splitlines()
    if done.returncode == 0:
        return
    log = Path(_log(state))
    if log.is_file():
        words += log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:]
    raise ConnectionFailedError(
        f"{Path(command[0]).name} failed", detail="\n".join(words[-12:]), hint=f"The log is {log}."
    )


def _load(project: Project) -> State | None:
    path = project.state_dir / _STATE
    damaged = ConfigurationError(
        "this file is damaged", file=shown(path), hint="Remove it; the data stays where it is."
    )
    try:
        state = State(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as problem:
        raise damaged from problem
    # The file may have come with a checkout: what it names is stopped and removed by `destroy`.
    homes = (project.state_dir, elsewhere(project))
    if Path(state.data) not in [home / "data" for home in homes]:
        raise damaged
    if Path(state.socket).parent != Path(_TMP) or not Path(state.socket).name.startswith("confiture-"):
        raise damaged
    return state


def _save(project: Project, state: State) -> None:
    """Write server.json in one step, so that a killed client leaves the old one or the new one."""
    path = project.state_dir / _STATE
    temporary = path.with_suffix(".new")
    temporary.write_text(f"{json.dumps(asdict(state), indent=2)}\n", encoding="utf-8")
    temporary.replace(path)


@contextmanager
def _locked(project: Project) -> Iterator[None]:
    """Let one client at a time make, start or stop the server."""
    project.state_dir.mkdir(parents=True, exist_ok=True)
    with (project.state_dir / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
