"""``confiture migrate``: apply migrations, take them back, and look before."""

from __future__ import annotations

from typing import Any

import click

from confiture.cli.mapping import read_json, read_options, with_mapping, with_move
from confiture.cli.options import (
    YES,
    RunOptions,
    Session,
    with_agent,
    with_database,
    with_plan,
    with_run,
)


@click.group()
def migrate() -> None:
    """Apply migrations and take them back.

    \b
    Example:
      confiture migrate status
      confiture migrate up --dry-run
      confiture migrate up
    """


@migrate.command()
@with_run
@with_database
def up(session: Session, options: RunOptions) -> int:
    """Apply the pending migrations.

    Each runs in a transaction of its own; --atomic makes it one for all.

    --dry-run predicts locks, rewrites and scans, and executes nothing. --dry-run-execute runs
    everything, measures it, rolls it back, and asks whether to go on.

    \b
    Example:
      confiture migrate up
      confiture migrate up --target 004 --dry-run
      confiture migrate up --dry-run-execute --yes
    """
    from confiture.cli.run import run

    return run(session, "up", options)


@migrate.command()
@click.option("--steps", type=click.IntRange(min=1), help="How many to take back; default 1.")
@with_run
@with_database
def down(session: Session, options: RunOptions, steps: int | None) -> int:
    """Take back the newest migrations.

    \b
    Example:
      confiture migrate down
      confiture migrate down --steps 3 --dry-run
      confiture migrate down --target 002
    """
    from confiture.cli.run import run

    return run(session, "down", options, steps)


@migrate.command()
@click.option("--check", is_flag=True, help="Exit with 21 if something is not applied as it is on disk.")
@with_database
def status(session: Session, check: bool) -> int:
    """Show every migration and its state.

    Changes nothing. On a standby, and for a role that may only read, it shows what is registered
    in the database and says so: the files were not compared, which --check does not let pass.

    \b
    Example:
      confiture migrate status
      confiture migrate status --env production --check
    """
    from confiture.cli.look import status

    return status(session, check=check)


@migrate.command()
@click.argument("name")
@click.option("--python", is_flag=True, help="A migration in Python, run by the server.")
@click.option("--version", "version", metavar="VERSION", help="Instead of the next one.")
@click.option("--intent-id", metavar="ID", help="The intent that this migration carries out.")
@with_database
@with_agent
def new(session: Session, name: str, python: bool, version: str | None, intent_id: str | None) -> None:
    """Write the files of a new migration.

    The version is the next number in the style of the existing files; without any, the time in
    UTC. Where a database is configured and answers, it is reserved there: nobody else gets it,
    whatever branch they are on.

    \b
    Example:
      confiture migrate new add_orders
      confiture migrate new fill_totals --python
    """
    from confiture.cli.new import new

    new(session, name, python=python, version=version, intent=intent_id)


@migrate.command()
@click.option("--name", required=True, metavar="NAME", help="What the migration does: add_orders.")
@click.option(
    "--from",
    "source",
    metavar="SCHEMA",
    default="db",
    show_default=True,
    help="What there is: db, a folder, a file, a commit of git, ...",
)
@click.option("--to", "target", metavar="SCHEMA", help="What is wanted; default the files of the project.")
@click.option("--version", "version", metavar="VERSION", help="Instead of the next one.")
@click.option("--unproven", is_flag=True, help="Write it though it could not be proven.")
@click.option(
    "--rows",
    type=click.Choice(["none", "sample", "generated"]),
    help="Prove it with rows: of the live tables, or made up.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be written; write nothing.")
@with_plan
@with_database
@with_agent
def generate(
    session: Session,
    name: str,
    source: str,
    target: str | None,
    version: str | None,
    unproven: bool,
    rows: str | None,
    dry_run: bool,
    plan: dict[str, Any],
) -> int:
    """Write a migration from the difference of two schemas.

    By default from the database to db/schema. The server works it out, both ways, and proves it on
    a copy before anything is written; nothing happens to the database.

    A SCHEMA is db, db:NAME (of the same server), env:NAME, a URL, a folder, a file, a commit of git,
    COMMIT:PATH, or empty.

    \b
    Example:
      confiture migrate generate --name add_orders
      confiture migrate generate --name add_orders --dry-run
      confiture migrate generate --name all --from empty
      confiture migrate generate --name release --from v1.2 --to main
    """
    from confiture.cli.generate import GenerateOptions, Generation

    options = GenerateOptions(name, source, target, version, unproven, rows, dry_run, plan)
    return Generation(session, options).run()


@migrate.command()
@click.argument("source", metavar="A")
@click.argument("target", metavar="B")
@click.option("--summary", is_flag=True, help="Which objects differ, and no statements.")
@with_plan
@with_database
def diff(session: Session, source: str, target: str, summary: bool, plan: dict[str, Any]) -> int:
    """Compare two schemas.

    Prints what turns A into B. Exits with 0 if they are equal, with 1 if they differ, and with
    another code if they could not be compared.

    A and B are each db, db:NAME (of the same server), env:NAME, a URL, a folder, a file, a commit of
    git, COMMIT:PATH, a stored snapshot (a .json file), or empty.

    \b
    Example:
      confiture migrate diff db db/schema
      confiture migrate diff main HEAD --summary
      confiture migrate diff env:staging env:production
    """
    from confiture.cli.diff import diff

    return diff(session, source, target, summary=summary, options=plan)


@migrate.command()
@click.argument("version")
@with_database
def baseline(session: Session, version: str) -> None:
    """Mark migrations as applied without running them.

    All up to VERSION, for a database that has all of it already.

    \b
    Example:
      confiture migrate baseline 012 --env production
    """
    from confiture import human

    marked = session.migrator().baseline(version)
    for each, name in marked:
        session.terminal.line(f"{each} {name}")
    session.terminal.line(f"{human.count(len(marked), 'migration')} marked as applied, none was run.")
    session.terminal.document({"migrations": [{"version": each, "name": name} for each, name in marked]})


@migrate.command()
@click.argument("version")
@with_database
def accept(session: Session, version: str) -> None:
    """Accept that an applied migration has changed.

    For a change that does not matter, in a comment for example. Nothing runs: the database takes
    the text of the file, and the log keeps the old checksum.

    \b
    Example:
      confiture migrate accept 003 --env production
    """
    result = session.migrator().accept(version)
    said = "the text of the file counts now" if result == "changed" else "it had not changed"
    session.terminal.line(f"{version}: {said}.")
    session.terminal.document({"version": version, "result": result})


@migrate.command()
@click.argument("version")
@YES
@with_database
def forget(session: Session, version: str, yes: bool) -> None:
    """Take a migration off the ledger, and run nothing.

    For one that was undone by hand. It is pending again; one that stopped half-way starts from
    its first statement.

    \b
    Example:
      confiture migrate forget 003
      confiture migrate forget 003 --yes
    """
    migrator = session.migrator()
    session.terminal.ask(
        f"Forget that {version} was applied to {session.label}? Nothing that it did is taken back.",
        yes=yes,
        otherwise="nothing was forgotten",
    )
    result = migrator.forget(version)
    session.terminal.line(f"{version} is forgotten: it counts as not applied, and nothing was run.")
    session.terminal.document({"version": version, "result": result})


@migrate.command()
@click.argument("version")
@click.option(
    "--completed/--not-completed",
    required=True,
    help="The statement took effect, or it did not and is to run again.",
)
@YES
@with_database
def resolve(session: Session, version: str, completed: bool, yes: bool) -> None:
    """Decide about a statement that a crash has left in doubt.

    Such a migration does not run in one transaction, and fails with CF012 until somebody has looked.

    \b
    Example:
      confiture migrate resolve 003 --completed
      confiture migrate resolve 003 --not-completed --yes
    """
    migrator = session.migrator()
    effect = "took effect and is not to run again" if completed else "did not take effect and is to run again"
    session.terminal.ask(
        f"Is it certain that the statement in doubt of {version} in {session.label} {effect}?",
        yes=yes,
        otherwise="nothing was decided",
    )
    result = migrator.resolve(version, completed=completed)
    said = "counts as completed" if completed else result
    session.terminal.line(f"{version}: the statement in doubt {said}.")
    session.terminal.document({"version": version, "result": result})


@migrate.command()
@click.option("--fix-naming", is_flag=True, help="Rename files where it is plain what was meant.")
@click.option("--dry-run", is_flag=True, help="With --fix-naming: show the renames, do none.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@with_database
def validate(session: Session, fix_naming: bool, dry_run: bool, strict: bool) -> int:
    """Check the files, and what was applied of them.

    Names, versions, contents; and, where there is a database, checksums.

    \b
    Example:
      confiture migrate validate
      confiture migrate validate --fix-naming --dry-run
    """
    from confiture.cli.check import check

    return check(session, fix_naming=fix_naming, dry_run=dry_run, strict=strict)


@migrate.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@with_database
def history(session: Session, limit: int) -> None:
    """Show who ran what, when, and how it ended.

    \b
    Example:
      confiture migrate history --limit 5
    """
    from confiture.render import history as render

    entries = session.migrator().history(limit)
    render.show(session.terminal, entries)
    session.terminal.document({"entries": [entry.as_dict() for entry in entries]})


@migrate.command("schema-to-schema")
@with_mapping
@click.option("--name", metavar="NAME", help="Of the transition; default FROM_to_TO.")
@click.option("--server", metavar="NAME", help="The foreign server on which the new schema is.")
@click.option(
    "--strategy",
    type=click.Choice(["local", "fdw"]),
    help="local: in this database; fdw: to another server. Default: fdw with --server.",
)
@with_move
@with_database
def schema_to_schema(
    session: Session,
    source: str,
    target: str,
    mapping: str | None,
    swap: str | None,
    mode: str | None,
    options: tuple[str, ...],
    name: str | None,
    server: str | None,
    strategy: str | None,
    until: str,
    jobs: int,
    background: bool,
) -> None:
    """Move tables to a new schema while everyone writes.

    Makes a transition, or goes on with the one of that name, and moves it on until both sides are
    equal and stay so. The cutover is a step of its own: confiture transition cutover, or --until
    cut_over. Goes on where an earlier run has stopped.

    \b
    Example:
      confiture migrate schema-to-schema --from app --to app_v2
      confiture migrate schema-to-schema --from app --to app_v2 --mapping @mapping.json --jobs 2
      confiture migrate schema-to-schema --from app --to app_v2 --until contracted
      confiture migrate schema-to-schema --from app --to app_v2 --server next --mode synchronous
    """
    from confiture.cli.moving import Move, Wanted, schema_to_schema
    from confiture.errors import UsageError

    if strategy is not None and (strategy == "fdw") is not (server is not None):
        raise UsageError(
            f"--strategy {strategy} {'needs' if strategy == 'fdw' else 'goes without'} a server",
            hint="Name the foreign server with --server, or leave --strategy out.",
        )
    wanted = Wanted(
        name or f"{source}_to_{target}",
        source,
        target,
        read_json(mapping, "mapping"),
        server,
        read_options(options, swap=swap, mode=mode),
    )
    schema_to_schema(session, wanted, Move(until, jobs, background))
