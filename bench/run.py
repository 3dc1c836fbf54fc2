"""Measure Confiture against plain PostgreSQL: ratios, taken side by side in one run.

    make bench                                      all of it, on a private server
    tests/cluster.sh .venv/bin/python bench/run.py --only client
    tests/cluster.sh .venv/bin/python bench/run.py --format json

The server is the one that PGHOST and PGPORT name; it must be one that may be
filled with databases, as tests/cluster.sh starts it (CLUSTER_FSYNC=on for
commits that reach the disk). Every time is that of a whole process on a fresh
copy of a database. Both sides run the same text, in turns, after a warm-up; a
ratio is that of the medians, the spread that of the single turns.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import server
from cases import CASES, Bench
from measure import Row

HEAD = ("what", "measured", "against", "baseline", "ratio", "spread", "target", "met")


def cells(row: Row) -> tuple[str, ...]:
    target = ""
    if row.limit is not None:
        target = f"{row.limit:g} x"
    elif row.limit_s is not None:
        target = f"{row.limit_s * 1000:g} ms"
    return (
        row.what,
        f"{row.measured_s * 1000:.0f} ms",
        row.against,
        f"{row.baseline_s * 1000:.0f} ms",
        f"{row.ratio:.2f}",
        f"{row.low:.2f} - {row.high:.2f}",
        target,
        {True: "yes", False: "NO", None: ""}[row.met],
    )


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out as a table that is also one in Markdown."""
    lines = [HEAD, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]

    def layout(line: Sequence[str], fill: str = " ") -> str:
        padded = [cell.ljust(width, fill) for cell, width in zip(line, widths, strict=True)]
        return f"| {' | '.join(padded)} |"

    return "\n".join([layout(HEAD), layout([""] * len(HEAD), "-"), *map(layout, lines[1:])])


def machine() -> dict[str, object]:
    return {"cores": os.cpu_count(), "server": server.version()}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=CASES, action="append", help="one case; may be repeated")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of each side (default 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the work, to try the script itself")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        bench = Bench(Path(folder), arguments.repetitions, arguments.scale)
        for name in arguments.only or CASES:
            rows.extend(CASES[name](bench))
    if arguments.format == "json":
        print(json.dumps({"machine": machine(), "rows": [row.as_dict() for row in rows]}, indent=2))
    else:
        print(f"PostgreSQL {server.version()}, {os.cpu_count()} cores, {arguments.repetitions} turns each\n")
        print(table(rows))


if __name__ == "__main__":
    main()
