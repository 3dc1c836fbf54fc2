"""Repeat, alternate, take medians: how two ways of doing the same are compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Trial = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One line of the report: what was measured, against what.

    ``low`` and ``high`` are the smallest and the largest ratio of the
    repetitions. A target is either a ratio (``limit``) or seconds (``limit_s``);
    a row without one is there to be read.
    """

    what: str
    against: str
    measured_s: float
    baseline_s: float
    low: float
    high: float
    limit: float | None = None
    limit_s: float | None = None

    @property
    def ratio(self) -> float:
        return self.measured_s / self.baseline_s

    @property
    def met(self) -> bool | None:
        if self.limit is not None:
            return self.ratio <= self.limit
        if self.limit_s is not None:
            return self.measured_s <= self.limit_s
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
    )
