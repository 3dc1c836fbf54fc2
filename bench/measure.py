"""Repeat, alternate, take medians: how two ways of doing the same are compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Trial = Callable[[], float]


@dataclass(frozen=True)
class Bench:
    """How much and how often to measure, and a folder for files."""

    folder: Path
    repetitions: int
    scale: float

    def count(self, number: int) -> int:
        return max(4, round(number * self.scale))

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@dataclass(frozen=True)
class Row:
    """One line of the report: what was measured, against what.

    ``low`` and ``high`` are the smallest and the largest ratio of the
    repetitions. A target is either a ratio (``limit``), seconds (``limit_s``) or
    seconds more than the baseline (``limit_more_s``); a row without one is there
    to be read.
    """

    what: str
    against: str
    measured_s: float
    baseline_s: float
    low: float
    high: float
    limit: float | None = None
    limit_s: float | None = None
    limit_more_s: float | None = None

    @property
    def ratio(self) -> float:
        return self.measured_s / self.baseline_s

    @property
    def met(self) -> bool | None:
        if self.limit is not None:
            return self.ratio <= self.limit
        if self.limit_s is not None:
            return self.measured_s <= self.limit_s
        if self.limit_more_s is not None:
            return self.measured_s - self.baseline_s <= self.limit_more_s
        return None

    def as_dict(self) -> dict[str, object]:
        return {
            "what": self.what,
            "against": self.against,
            "measured_ms": round(self.measured_s * 1000, 3),
            "baseline_ms": round(self.baseline_s * 1000, 3),
            "ratio": round(self.ratio, 4),
            "ratio_low": round(self.low, 4),
            "ratio_high": round(self.high, 4),
            "target_ratio": self.limit,
            "target_ms": None if self.limit_s is None else self.limit_s * 1000,
            "target_more_ms": None if self.limit_more_s is None else self.limit_more_s * 1000,
            "met": self.met,
        }


@dataclass(frozen=True)
class Latency:
    """How long single calls took, by the server's clock: a line of the report has one for each ``where``.

    A target is one for the 99th percentile.
    """

    what: str
    where: str
    calls: int
    median_s: float
    p99_s: float
    worst_s: float
    limit_s: float | None = None

    @classmethod
    def of(cls, what: str, where: str, seconds: Sequence[float], *, limit_s: float | None = None) -> Latency:
        p99 = statistics.quantiles(seconds, n=100, method="inclusive")[-1]
        return cls(what, where, len(seconds), statistics.median(seconds), p99, max(seconds), limit_s)

    @property
    def met(self) -> bool | None:
        return None if self.limit_s is None else self.p99_s <= self.limit_s

    def as_dict(self) -> dict[str, object]:
        return {
            "what": self.what,
            "where": self.where,
            "calls": self.calls,
            "median_ms": round(self.median_s * 1000, 3),
            "p99_ms": round(self.p99_s * 1000, 3),
            "worst_ms": round(self.worst_s * 1000, 3),
            "target_p99_ms": None if self.limit_s is None else self.limit_s * 1000,
            "met": self.met,
        }


def timed(work: Callable[[], object]) -> float:
    """Seconds on the clock that a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternate(trials: Mapping[str, Trial], repetitions: int) -> dict[str, list[float]]:
    """Run each trial once to warm up, then in turns; every other turn backwards."""
    for trial in trials.values():
        trial()
    seconds: dict[str, list[float]] = {name: [] for name in trials}
    for turn in range(repetitions):
        names = list(trials)
        if turn % 2 == 1:
            names.reverse()
        for name in names:
            seconds[name].append(trials[name]())
    return seconds


def compare(
    seconds: Mapping[str, list[float]],
    measured: str,
    baseline: str,
    *,
    limit: float | None = None,
    limit_s: float | None = None,
    limit_more_s: float | None = None,
) -> Row:
    """Set the medians of two trials against each other, and each turn for the spread."""
    ratios = [a / b for a, b in zip(seconds[measured], seconds[baseline], strict=True)]
    return Row(
        what=measured,
        against=baseline,
        measured_s=statistics.median(seconds[measured]),
        baseline_s=statistics.median(seconds[baseline]),
        low=min(ratios),
        high=max(ratios),
        limit=limit,
        limit_s=limit_s,
        limit_more_s=limit_more_s,
    )
