#!/usr/bin/env python3
"""Run pairs by hand: tests/pairs/run.py [--check] [--quiet] [NAME or FILE ...].

A server is started around it unless PGHOST names one. NAME may have * in it; FILE is the beginning of
the name of a file, such as 20_ or 20_views. A pair that was named by itself is told in full, of others
only the failures.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pairs.pair import Pair, read_all
from pairs.proof import Report, Trial
from pairs.server import Server

TOP = Path(__file__).resolve().parents[2]


def chosen(pairs: list[Pair], names: list[str]) -> list[Pair]:
    if not names:
        return pairs
    found = [
        pair
        for pair in pairs
        if any(fnmatch.fnmatchcase(pair.name, n) or pair.file.startswith(Path(n).name) for n in names)
    ]
    if not found:
        raise SystemExit(f"no such pair: {' '.join(names)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true", help="only load both sides")
    parser.add_argument("--quiet", action="store_true", help="one line for each failure")
    parser.add_argument("--all", action="store_true", help="tell everything of all")
    parser.add_argument(
        "--fast", action="store_true", help="as pytest does it: fewer dumps, one side from nothing"
    )
    parser.add_argument("--list", action="store_true", help="list the pairs")
    parser.add_argument("--jobs", type=int, default=3)
    arguments = parser.parse_args()
    pairs = chosen(read_all(), arguments.names)
    if arguments.list:
        for pair in pairs:
            print(pair.file, pair.name)
        return 0
    if "PGHOST" not in os.environ:
        os.execv(
            str(TOP / "tests" / "cluster.sh"),
            [str(TOP / "tests" / "cluster.sh"), sys.executable, *sys.argv],
        )
    started = time.monotonic()

    with Server() as server:

        def one(pair: Pair) -> Report:
            trial = Trial(server, pair, not arguments.fast)
            return trial.check() if arguments.check else trial.run()

        pairs = [pair for pair in pairs if pair.runs_on(server.major)]
        with ThreadPoolExecutor(arguments.jobs) as pool:
            failed = []
            for number, report in enumerate(pool.map(one, pairs), 1):
                if sys.stderr.isatty() or number % 50 == 0:
                    print(f"\r{number} ", end="", file=sys.stderr, flush=True)
                if not report.ok:
                    failed.append(report)
                if arguments.all or len(pairs) == 1 or (not report.ok and not arguments.quiet):
                    print(report, end="\n\n", flush=True)
                elif not report.ok:
                    first = report.failures[0].splitlines()[0]
                    print(f"{report.pair.file} {report.pair.name}: {first}", flush=True)
    print(f"{len(pairs)} pairs, {len(failed)} failed, {time.monotonic() - started:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
