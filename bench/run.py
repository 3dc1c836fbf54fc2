"""Measure Confiture against plain PostgreSQL: ratios, taken side by side in one run.

    make bench                                      all of it, on a private server
    tests/cluster.sh .venv/bin/python bench/run.py --only client
    tests/cluster.sh .venv/bin/python bench/run.py --format json

The server is the one that PGHOST and PGPORT name; it must be one that may be
filled with databases, as tests/cluster.sh starts it (CLUSTER_FSYNC=on for
commits that reach the disk). Where two sides are compared, a time is that of a
whole process on a fresh copy of a database; both run the same text, in turns,
after a warm-up; a ratio is that of the medians, the spread that of the single
turns. Where single calls are timed, it is in the server, around each call.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import server
from cases import CASES
from measure import Bench, Latency, Row

RATIOS = ("what", "measured", "against", "baseline", "ratio", "spread", "target", "met")
MET = {True: "yes", False: "NO", None: ""}


def ms(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2f} ms"


def ratio_cells(row: Row) -> tuple[str, ...]:
    target = ""
    if row.limit is not None:
        target = f"{row.limit:g} x"
    elif row.limit_s is not None:
        target = f"{row.limit_s * 1000:g} ms"
    elif row.limit_more_s is not None:
        target = f"{row.limit_more_s * 1000:g} ms more"
    return (
        row.what,
        ms(row.measured_s),
        row.against,
        ms(row.baseline_s),
        f"{row.ratio:.2f}",
        f"{row.low:.2f} - {row.high:.2f}",
        target,
        MET[row.met],
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out as a table that is also one in Markdown."""
    widths = [max(len(line[column]) for line in (head, *rows)) for column in range(len(head))]

    def layout(line: Sequence[str], fill: str = " ") -> str:
        padded = [cell.ljust(width, fill) for cell, width in zip(line, widths, strict=True)]
        return f"| {' | '.join(padded)} |"

    return "\n".join([layout(head), layout([""] * len(head), "-"), *map(layout, rows)])


def latency_table(rows: Sequence[Latency]) -> str:
    """Lay latencies out with a line for each call, and a column for each circumstance."""
    places = list(dict.fromkeys(row.where for row in rows))
    lines = []
    for what in dict.fromkeys(row.what for row in rows):
        found = {row.where: row for row in rows if row.what == what}
        limits = [row.limit_s for row in found.values() if row.limit_s is not None]
        cells = [f"{ms(found[at].median_s)} / {ms(found[at].p99_s)}" if at in found else "" for at in places]
        target = f"{max(limits) * 1000:g} ms" if limits else ""
        met = MET[None if not limits else all(row.met is not False for row in found.values())]
        lines.append((what, *cells, target, met))
    return table(("median / p99", *places, "target p99", "met"), lines)


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
    rows: list[Row | Latency] = []
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        bench = Bench(Path(folder), arguments.repetitions, arguments.scale)
        for name in arguments.only or CASES:
            rows.extend(CASES[name](bench))
    ratios = [row for row in rows if isinstance(row, Row)]
    latencies = [row for row in rows if isinstance(row, Latency)]
    if arguments.format == "json":
        document = {
            "machine": machine(),
            "rows": [row.as_dict() for row in ratios],
            "latencies": [row.as_dict() for row in latencies],
        }
        print(json.dumps(document, indent=2))
        return
    print(f"PostgreSQL {server.version()}, {os.cpu_count()} cores, {arguments.repetitions} turns each")
    if ratios:
        print(f"\n{table(RATIOS, [ratio_cells(row) for row in ratios])}")
    if latencies:
        print(f"\n{latency_table(latencies)}")


if __name__ == "__main__":
    main()
