"""The extension, made available to the private server without installing anything in the system.

Debian's servers before 18 have the setting ``extension_destdir``; 18 has
``extension_control_path``. A server of 15 to 17 built without Debian's patch has neither: there the
extension must be installed with ``confiture extension install``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from confiture import __version__, sources
from confiture.binaries import Binaries
from confiture.errors import ExtensionError


def ensure(programs: Binaries, base: Path, note: Callable[[str], None]) -> str | None:
    """Return the folder where the extension is staged; None when the server has it already."""
    if _installed(programs):
        return None
    if not _destdir(programs) and programs.major < 18:
        raise ExtensionError(
            f"the server in {programs.folder} does not have the extension confiture",
            hint=f"Run `confiture extension install --pg-config {programs.pg_config}`.",
        )
    stage = base / "stage" / f"{programs.major}-{sources.fingerprint()}"
    if not stage.is_dir():
        note(f"Building the extension for PostgreSQL {programs.major}.")
        partial = stage.with_suffix(".new")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        sources.install(programs.pg_config, partial)
        for folder, _, files in os.walk(partial):
            Path(folder).chmod(0o755)
            for file in files:
                Path(folder, file).chmod(0o644)
        stage.parent.chmod(0o755)
        partial.rename(stage)
        for other in stage.parent.iterdir():
            if other != stage:
                shutil.rmtree(other, ignore_errors=True)
    return str(stage)


def settings(programs: Binaries, stage: str | None) -> dict[str, str]:
    """Return the settings that make a server find the staged extension."""
    if stage is None:
        return {}
    if _destdir(programs):
        return {"extension_destdir": stage}
    share = sources.ask(programs.pg_config, "--sharedir")
    library = sources.ask(programs.pg_config, "--pkglibdir")
    return {
        "extension_control_path": f"{stage}{share}:$system",
        "dynamic_library_path": f"{stage}{library}:$libdir",
    }


def _installed(programs: Binaries) -> bool:
    """Tell whether the server's own folders have the extension, in the version of this client."""
    share = sources.ask(programs.pg_config, "--sharedir") if programs.pg_config.is_file() else ""
    control = Path(share, "extension", "confiture.control")
    if not share or not control.is_file():
        return False
    return f"default_version = '{__version__}'" in control.read_text(encoding="utf-8")


def _destdir(programs: Binaries) -> bool:
    """Tell whether the server knows Debian's setting."""
    done = subprocess.run(
        [programs["postgres"], "--describe-config"], capture_output=True, text=True, check=False
    )
    return any(line.startswith("extension_destdir\t") for line in done.stdout.splitlines())
