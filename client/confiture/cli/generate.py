"""What ``confiture migrate generate`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confiture import exit_codes, generated, human, scaffold, sides, validate
from confiture.cli.compare import Comparison
from confiture.cli.new import reserve
from confiture.cli.options import Session
from confiture.errors import ConfitureError
from confiture.generated import Heading
from confiture.migrations import Migration
from confiture.migrator import Migrator
from confiture.render import plan as render
from confiture.textfile import shown

_WAITS = ("pending", "blocked")


@dataclass(frozen=True)
class GenerateOptions:
    """The options of the command."""

    name: str
    source: str
    target: str | None
    version: str | None
    unproven: bool
    rows: str | None
    dry_run: bool
    plan: Mapping[str, Any]


class Generation:
    """One call of the command, from the two schemas to the two files."""

    def __init__(self, session: Session, options: GenerateOptions) -> None:
        self.session = session
        self.terminal = session.terminal
        self.options = options
        self.words = scaffold.words_of(options.name)
        self.files: Sequence[str] = ()
        self.version: str | None = None

    def run(self) -> int:
        """Plan, prove, write, and tell."""
        options, project, environment = self.options, self.session.project, self.session.environment
        if options.version is not None:
            scaffold.stem(self.session.migrations_dir, options.version, self.words)
        source = sides.parse(project, options.source, environment)
        target = (
            sides.of_project(project, environment)
            if options.target is None
            else sides.parse(project, options.target, environment)
        )
        self.comparison = Comparison(self.session, source, target)
        if options.source == sides.DATABASE:
            self.refuse_pending()
        self.plan = self.comparison.plan(**options.plan, rows=options.rows)
        if self.plan.equal:
            self.nothing()
        elif options.dry_run:
            self.show()
        else:
            self.write()
        self.terminal.document(self.document())
        return exit_codes.OK

    def refuse_pending(self) -> None:
        """Refuse to plan from a database that lacks migrations: they would be generated again."""
        session = self.session
        if not scaffold.known_versions(session.migrations_dir):
            return
        migrator = Migrator(self.comparison.connection, session.migrations_dir, root=session.root())
        waiting = [each.version for each in migrator.status() if each.state in _WAITS]
        if waiting:
            label = self.comparison.source.label
            number = human.count(len(waiting), "migration")
            raise ConfitureError(
                f"{number} not applied to {label}: {human.listed(waiting)}",
                detail="What they do would be in the new one once more.",
                hint="Run `confiture migrate up` first, or plan from something else: --from.",
                exit_code=exit_codes.FINDINGS,
            )

    def nothing(self) -> None:
        """Say that there is nothing to do, and why that may be a surprise."""
        source, target = self.comparison.source, self.comparison.target
        self.terminal.line(f"Nothing to do: {source.label} has the schema of {target.label}.")
        if source.database is not None and target.files is not None:
            self.terminal.note(
                "If it was built from these files, plan from what it was before: --from HEAD, a commit of "
                "git; or --from empty for a first migration, and then `confiture migrate baseline`."
            )

    def show(self) -> None:
        """Print what would be written."""
        render.show_statements(self.terminal, self.plan.up)
        self.tell()

    def write(self) -> None:
        """Write the files, once it is certain that they are good."""
        self.demand_proof()
        options, session = self.options, self.session
        folder = session.migrations_dir
        next_version = scaffold.next_version(scaffold.known_versions(folder))
        up, down = self.texts(options.version or next_version)
        Migrator(self.comparison.connection, [Migration.of("1", self.words, up, down)]).check()
        self.version = options.version or reserve(session, options.name, None) or next_version
        stem = scaffold.stem(folder, self.version, self.words)
        written = generated.write(folder, stem, *self.texts(self.version))
        self.files = [shown(path) for path in written]
        for name in self.files:
            self.terminal.line(f"created  {name}")
        self.terminal.line()
        render.show_summary(self.terminal, self.plan)
        self.tell()
        for finding in validate.check_files(session.migrations_dir, session.root()):
            if finding.severity == "error":
                self.terminal.note(f"{finding.file}: {finding.message}")

    def texts(self, version: str) -> tuple[str, str]:
        """Return the two scripts; both are read again as the statements that they are made of."""
        source, target = self.comparison.source.label, self.comparison.target.label
        heading = Heading(version, self.words, source, target)
        up, down = generated.up_text(heading, self.plan), generated.down_text(heading, self.plan)
        generated.check(up, self.plan.up)
        generated.check(down, self.plan.down)
        return up, down

    def demand_proof(self) -> None:
        """Refuse what is not proven, unless it is wanted all the same."""
        if self.plan.proven or self.options.unproven:
            return
        raise render.not_proven(self.plan, self.document())

    def tell(self) -> None:
        """Print how good it is, and at last what it destroys."""
        render.show_verdict(self.terminal, self.plan)

    def document(self) -> dict[str, Any]:
        """Return the result, for JSON."""
        return {
            "version": self.version,
            "files": list(self.files),
            "source": self.comparison.source.label,
            "target": self.comparison.target.label,
            **self.plan.as_dict(),
            "destructive": [each.ordinal for each in self.plan.destructive],
        }
