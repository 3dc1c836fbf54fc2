"""The report of a dry run or an analysis: every statement with what it costs and blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from confiture import human
from confiture.results import Lock, StatementReport
from confiture.terminal import Terminal

PYTHON = "PYTHON"
_WIDTH = 96
_LONG_MS = 1000
_NOTABLE_MS = 100
_AGAIN = "; held since an earlier statement, the real run takes it anew"
Line = tuple[str, str]


def show(terminal: Terminal, reports: Sequence[StatementReport], *, executed: bool, migrations: int) -> None:
    """Print the report, one paragraph a statement, and what stands out at its end.

    ``migrations`` is how many were planned: one without a statement is in no report.
    """
    for (version, name), group in groupby(reports, lambda each: (each.version, each.name)):
        terminal.line(f"{version} {name}", "bold")
        for report in group:
            for text, style in statement(report, executed=executed):
                terminal.line(text, style)
        terminal.line()
    for text, style in summary(reports, executed=executed, migrations=migrations):
        terminal.line(text, style)


def failures(reports: Sequence[StatementReport]) -> list[StatementReport]:
    """Return the statements that failed."""
    return [report for report in reports if report.error]


def statement(report: StatementReport, *, executed: bool) -> Iterator[Line]:
    """Yield the lines about one statement."""
    line = report.file_line or report.line
    if report.command == PYTHON:
        yield "  Python", ""
    else:
        yield f"  line {line}: {_first_line(report.statement)}", ""
    if report.error:
        yield from _error(report, report.error)
        return
    if executed and (measured := ", ".join(_measured(report))):
        yield f"      {measured}", "dim"
    yield from _locks(report.locks)
    for relation in report.rewrites:
        yield f"      rewrites {relation}", "yellow"
    for relation in report.scans:
        yield f"      reads all of {relation}", "yellow"
    if executed and report.needs_top_level:  # an analysis has a warning for it
        yield "      cannot run in a transaction: it will run on its own", "yellow"
    for warning in report.warnings:
        yield f"      warning: {warning}", "yellow"
    if report.estimate and tells_something(report.estimate, report.execution_time_ms):
        yield f"      {_estimate(report.estimate)}", ""
    for holder in report.holders:
        yield f"      waits for {_holder(holder)}", "red"


def tells_something(estimate: Mapping[str, Any], measured_ms: float | None) -> bool:
    """Tell whether an estimate says more than the measured time beside it."""
    if estimate.get("rows_target") != estimate.get("rows_measured"):
        return True
    if measured_ms is None or (estimate.get("high_ms") or 0) >= _LONG_MS:
        return True
    return estimate.get("class") != "metadata" and measured_ms > _NOTABLE_MS


def summary(reports: Sequence[StatementReport], *, executed: bool, migrations: int) -> Iterator[Line]:
    """Yield what stands out of the whole report."""
    if failures(reports):  # what comes after a failure is not looked at
        migrations = len({report.version for report in reports})
    head = f"{human.count(migrations, 'migration')}, {human.count(len(reports), 'statement')}"
    if executed:
        spent = sum(report.execution_time_ms or 0 for report in reports)
        head += f", {human.duration(spent)}; measured, then rolled back"
    else:
        head += "; nothing was executed"
    yield f"{head}.", ""
    for blocks in ("reads and writes", "writes"):
        locks = (lock for report in reports for lock in report.locks if not lock.created)
        found = {lock.relation: None for lock in locks if lock.blocks == blocks}
        if found:
            yield f"Blocks {blocks}: {human.listed(list(found))}.", _lock_style(blocks)
    rewritten = {relation: None for report in reports for relation in report.rewrites}
    if rewritten:
        yield f"Rewrites: {human.listed(list(rewritten))}.", "yellow"
    if failed := failures(reports):
        yield f"{human.count(len(failed), 'statement')} failed.", "bold red"


def _locks(locks: Sequence[Lock]) -> Iterator[Line]:
    """Yield one line for each kind of lock that blocks somebody; nobody sees what is new."""
    for blocks in ("reads and writes", "writes"):
        blocking = [lock for lock in locks if lock.blocks == blocks and not lock.created]
        for mode, again in dict.fromkeys((lock.mode, lock.again) for lock in blocking):
            found = [lock for lock in blocking if (lock.mode, lock.again) == (mode, again)]
            named = [lock.relation for lock in found if lock.named]
            others = [lock.relation for lock in found if not lock.named]
            text = human.listed(named)
            if others:
                text += f"{', and ' if named else ''}not named by it: {human.listed(others)}"
            yield f"      blocks {blocks}: {text} ({mode}{_AGAIN if again else ''})", _lock_style(blocks)


def _measured(report: StatementReport) -> Iterator[str]:
    if report.execution_time_ms is not None:
        yield human.duration(report.execution_time_ms)
    if report.rows_affected:
        yield human.count(report.rows_affected, "row")
    if report.wal_bytes:
        yield f"{human.size(report.wal_bytes)} of WAL"
    if report.buffers_read:
        yield f"{human.size(report.buffers_read * 8192)} read"


def _error(report: StatementReport, error: Mapping[str, Any]) -> Iterator[Line]:
    place = f" at {report.file}:{report.file_line}" if report.file else ""
    yield f"      error{place}: {error.get('message')}", "bold red"
    for label in ("sqlstate", "detail", "hint"):
        if error.get(label):
            yield f"      {label.upper()}: {error[label]}", "cyan" if label == "hint" else ""


def _estimate(estimate: Mapping[str, Any]) -> str:
    low, high = estimate.get("low_ms"), estimate.get("high_ms")
    rows = estimate.get("rows_target")
    at = f" with {human.count(int(rows), 'row')}" if rows else ""
    basis = f" ({estimate['basis']})" if estimate.get("basis") else ""
    if low is None or high is None:
        return f"no estimate{at}{basis}"
    return f"estimate{at}: {human.duration(low)} to {human.duration(high)}{basis}"


def _holder(holder: Mapping[str, Any]) -> str:
    name = f" ({holder['application_name']})" if holder.get("application_name") else ""
    since = holder.get("xact_seconds")
    age = f", in a transaction for {human.duration(since * 1000)}" if since is not None else ""
    return (
        f"process {holder.get('pid')} of {holder.get('user')}{name}: "
        f"{holder.get('mode')} on {holder.get('relation')}, {holder.get('state')}{age}"
    )


def _first_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _WIDTH else f"{words[: _WIDTH - 3]}..."


def _lock_style(blocks: str) -> str:
    return {"reads and writes": "red", "writes": "yellow"}.get(blocks, "dim")
