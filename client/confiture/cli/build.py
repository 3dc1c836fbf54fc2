"""``confiture build``: a fresh database from the files of the schema."""

from __future__ import annotations

from pathlib import Path

import click

from confiture.cli.options import YES, Session, with_server


@click.command()
@click.option("--database", metavar="NAME", help="Build this database instead of the one of the URL.")
@click.option("--schema-only", is_flag=True, help="Without seeds.")
@click.option(
    "--seed",
    "seeds",
    metavar="NAME",
    multiple=True,
    help="These seeds instead of common and the environment's.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the text of all files to this file, too.",
)
@click.option("--show-hash", is_flag=True, help="Print the hash of the files; build nothing.")
@click.option("--watch", is_flag=True, help="Build again whenever a file changes.")
@click.option("--prune", is_flag=True, help="Drop the templates of earlier builds; build nothing.")
@click.option("--no-cache", is_flag=True, help="Neither use nor keep a template.")
@click.option("--replace", is_flag=True, help="Replace a database that Confiture has not built.")
@click.option("--force", is_flag=True, help="End the sessions that use the database to be replaced.")
@click.option(
    "--ledger/--no-ledger",
    default=True,
    show_default=True,
    help="Create the extension in the database, and mark the project's migrations as applied.",
)
@YES
@with_server
def build(
    session: Session,
    database: str | None,
    schema_only: bool,
    seeds: tuple[str, ...],
    output: Path | None,
    show_hash: bool,
    watch: bool,
    prune: bool,
    no_cache: bool,
    replace: bool,
    force: bool,
    ledger: bool,
    yes: bool,
) -> int:
    """Build a fresh database from db/schema and db/seeds.

    All or nothing: the database gets its name when all of it is there. One of that name is
    replaced if Confiture has built it; any other is left alone, unless --replace or --yes is given.

    \b
    Example:
      confiture build
      confiture build --env test --schema-only
      confiture build --database shop_dev --watch --force
    """
    from confiture.cli.building import Building, BuildOptions

    options = BuildOptions(database, schema_only, seeds, output, not no_cache, replace or yes, force, ledger)
    building = Building(session, options)
    if prune:
        return building.prune()
    if show_hash:
        return building.show_hash()
    return building.watch() if watch else building.build()
