"""Types of the compiled module, as far as ``confiture.core`` uses it."""

from typing import Any

ffi: Any
lib: Any
