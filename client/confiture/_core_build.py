"""Describes ``confiture._core``, the cffi door to ``extension/core``, to the build backend.

The declarations are those of ``cf_core.h`` itself, so that they exist once. Paths are relative to the
working folder, as setuptools wants them: the repository.
"""

import os
from pathlib import Path

from cffi import FFI

CORE = Path(os.path.relpath(Path(__file__).resolve().parents[2] / "extension" / "core"))

CALLBACKS = """
extern "Python" int cf_on_piece(const cf_piece *, void *);
extern "Python" int cf_on_directive(const cf_directive *, void *);
"""


def declarations() -> str:
    """Return what ``cf_core.h`` declares, without the lines of the preprocessor."""
    header = (CORE / "cf_core.h").read_text(encoding="utf-8")
    return "\n".join(line for line in header.splitlines() if not line.startswith("#"))


ffibuilder = FFI()
ffibuilder.cdef(declarations() + CALLBACKS)
ffibuilder.set_source(
    "confiture._core",
    '#include "cf_core.h"',
    sources=[str(path) for path in sorted(CORE.glob("*.c"))],
    include_dirs=[str(CORE)],
    extra_compile_args=["-std=c11"],
    py_limited_api=True,
)
