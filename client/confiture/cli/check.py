"""What ``confiture migrate validate`` does."""

from __future__ import annotations

from confiture import cluster, exit_codes, human, naming, validate
from confiture.cli.options import Session
from confiture.errors import ConfitureError, UsageError
from confiture.naming import Rename
from confiture.validate import Finding


def check(session: Session, *, fix_naming: bool, dry_run: bool, strict: bool) -> int:
    """Repair names if asked, check, and print the findings."""
    if dry_run and not fix_naming:
        raise UsageError("--dry-run needs --fix-naming", hint="Validating alone changes nothing.")
    directory = session.migrations_dir
    renames: list[Rename] = []
    if fix_naming:
        renames = naming.plan(directory)
        if not dry_run:
            naming.apply(renames)
    findings = validate.check_files(directory, session.project.root)
    looked = False
    why: str | None = "the files have errors"
    if not any(finding.severity == "error" for finding in findings):
        applied, why = _database(session)
        findings += applied
        looked = why is None
    _show(session, findings, renames, dry_run=dry_run, why=why)
    session.terminal.document(
        {
            "findings": [finding.as_dict() for finding in findings],
            "renames": [rename.as_dict() for rename in renames],
            "renamed": fix_naming and not dry_run,
            "database_checked": looked,
        }
    )
    bad = [finding for finding in findings if strict or finding.severity == "error"]
    return exit_codes.FINDINGS if bad else exit_codes.OK


def _database(session: Session) -> tuple[list[Finding], str | None]:
    """Compare with the database; without an explicit one, it may be out of reach."""
    target = session.project.target(session.database_url, session.environment)
    if target.url is None and not cluster.is_running(session.project):
        return [], "the private server is not running"
    try:
        return list(validate.check_applied(session.migrator().status())), None
    except ConfitureError as problem:
        if session.database_url or session.environment or problem.exit_code not in _OUT_OF_REACH:
            raise
        return [], problem.message


_OUT_OF_REACH = (exit_codes.CONNECTION, exit_codes.EXTENSION)


def _show(
    session: Session, findings: list[Finding], renames: list[Rename], *, dry_run: bool, why: str | None
) -> None:
    terminal = session.terminal
    for rename in renames:
        terminal.line(f"{'would rename' if dry_run else 'renamed'} {rename.file} -> {rename.to}")
    if renames:
        terminal.line()
    for finding in findings:
        at = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part)
        style = "bold red" if finding.severity == "error" else "yellow"
        terminal.line(f"{f'{at}: ' if at else ''}{finding.severity}: {finding.message}", style)
        if finding.hint:
            terminal.line(f"    HINT: {finding.hint}")
    errors = sum(1 for finding in findings if finding.severity == "error")
    warnings = len(findings) - errors
    if findings:
        terminal.line()
    said = [
        human.count(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number
    ]
    terminal.line(f"{' and '.join(said) or 'No findings'}.")
    if why:
        terminal.line(f"Checksums of applied migrations were not compared: {why}.")
