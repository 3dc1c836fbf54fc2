"""JSON results, checked against the schemas of docs/reference/json."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

FOLDER = Path(__file__).resolve().parents[2] / "docs/reference/json"


@functools.cache
def _validators() -> dict[str, Draft202012Validator]:
    schemas = {path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(schema)) for name, schema in schemas.items()
    )
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    return {
        name.removesuffix(".schema.json"): Draft202012Validator(
            schema, registry=registry, format_checker=FormatChecker()
        )
        for name, schema in schemas.items()
    }


def check(arguments: tuple[str, ...], document: Any) -> None:
    """Validate what a command printed; one that was not recognised may print an error only."""
    words = [word for word in arguments[:2] if not word.startswith("-")]
    validators = _validators()
    name = next((name for name in ("-".join(words), words[0]) if name in validators), "init")
    validators[name].validate(document)
