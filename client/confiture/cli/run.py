"""What ``confiture migrate up`` and ``down`` do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from confiture import aftermath, exit_codes, human
from confiture.cli.options import RunOptions, Session
from confiture.errors import ConfitureError, DatabaseError, UsageError
from confiture.interrupts import cancelling
from confiture.migrator import Migrator
from confiture.render import report
from confiture.render.live import RunProgress
from confiture.results import MigrationRun, PlannedMigration


def run(session: Session, direction: str, options: RunOptions, steps: int | None = None) -> int:
    """Plan, report if asked, and run."""
    if options.dry_run and options.dry_run_execute:
        raise UsageError("--dry-run and --dry-run-execute exclude each other")
    terminal = session.terminal
    progress = RunProgress(terminal)
    migrator = session.migrator(progress)
    try:
        plan = migrator.plan(direction, target=options.target, steps=steps)
    except DatabaseError as problem:
        problem.state = f"Nothing was {'applied' if direction == 'up' else 'taken back'}."
        raise
    work = Run(session, migrator, progress, direction, options, steps, plan)
    try:
        code = work.go()
    except ConfitureError as problem:
        problem.result = work.result
        raise
    terminal.document(work.result)
    return code


class Run:
    """One run of up or down, from its plan to its last line."""

    def __init__(
        self,
        session: Session,
        migrator: Migrator,
        progress: RunProgress,
        direction: str,
        options: RunOptions,
        steps: int | None,
        plan: Sequence[PlannedMigration],
    ) -> None:
        self.terminal = session.terminal
        self.migrator = migrator
        self.progress = progress
        self.direction = direction
        self.options = options
        self.steps = steps
        self.plan = plan
        self.result: dict[str, Any] = {
            "database": session.label,
            "direction": direction,
            "mode": _mode(options),
            "plan": [step.as_dict() for step in plan],
            "report": None,
            "migrations": [],
        }

    def go(self) -> int:
        """Report, ask and run, as the options say; return the exit code."""
        if not self.plan:
            what = "everything is applied" if self.direction == "up" else "nothing is applied"
            self.terminal.line(f"Nothing to do: {what}.")
            return exit_codes.OK
        self.note_empty()
        if self.options.dry_run or self.options.dry_run_execute:
            failed = self.report()
            if failed or self.options.dry_run:
                return exit_codes.FAILED if failed else exit_codes.OK
        self.ask()
        self.execute()
        return exit_codes.OK

    def report(self) -> bool:
        """Predict or measure, and print the report; tell whether a statement failed."""
        executed = self.options.dry_run_execute
        method = self.migrator.dry_run if executed else self.migrator.analyze
        found = method(self.direction, target=self.options.target, steps=self.steps)
        self.result["report"] = [statement.as_dict() for statement in found]
        report.show(self.terminal, found, executed=executed, migrations=len(self.plan))
        return bool(report.failures(found))

    def note_empty(self) -> None:
        """Say which migrations have nothing in them: they count as applied all the same."""
        for step in self.plan:
            if step.statements == 0 and self.direction == "up":
                self.terminal.note(
                    f"{step.file or step.version} has no statement: it would be marked as applied, "
                    "and nothing else."
                )

    def ask(self) -> None:
        """Ask before anything surprising: after a measured run, or out of order."""
        late = [step.version for step in self.plan if step.out_of_order]
        if late:
            self.terminal.note(
                f"{human.listed(late)}: older than what is applied, and would be applied out of order."
            )
        if late or self.options.dry_run_execute:
            self.terminal.ask(
                f"Go on with {human.count(len(self.plan), 'migration')}?",
                yes=self.options.yes,
                otherwise="nothing was applied" if self.direction == "up" else "nothing was taken back",
            )

    def execute(self) -> None:
        """Run, and on failure say what state the database is in."""
        atomic = self.options.atomic
        doing, word = ("Applying", "to") if self.direction == "up" else ("Taking back", "of")
        number = human.count(len(self.plan), "migration")
        self.terminal.line(f"{doing} {number} {word} {self.result['database']}.")
        try:
            with cancelling(self.migrator.connection) as interrupts, self.progress:
                self.progress.interrupts = interrupts
                if self.direction == "up":
                    runs = self.migrator.up(self.options.target, atomic=atomic)
                else:
                    runs = self.migrator.down(self.steps, target=self.options.target, atomic=atomic)
        except ConfitureError as problem:
            problem.state = aftermath.describe(
                problem,
                self.plan,
                direction=self.direction,
                atomic=atomic,
                current=self.progress.current,
                statements_done=self.progress.statements_done,
            )
            self.result["migrations"] = [each.as_dict() for each in problem.runs]
            raise
        self.result["migrations"] = [each.as_dict() for each in runs]
        self.sum_up(runs)

    def sum_up(self, runs: Sequence[MigrationRun]) -> None:
        """Print the last line."""
        done = "applied" if self.direction == "up" else "taken back"
        took = human.duration(self.progress.elapsed_ms)
        self.terminal.line(f"{human.count(len(runs), 'migration')} {done} in {took}.")


def _mode(options: RunOptions) -> str:
    if options.dry_run:
        return "dry-run"
    return "dry-run-execute" if options.dry_run_execute else "run"
