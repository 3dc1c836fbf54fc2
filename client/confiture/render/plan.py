"""Plans as text: the statements, one line for each, or what stands out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confiture import generated, human
from confiture.errors import DatabaseError
from confiture.results_plan import DATA_LOSS, Plan, PlanStatement, hazard_class
from confiture.terminal import Terminal

UNPROVEN = "CF019"
_MOST_DIFFERENCES = 5
_SIGNS = {"create": "+", "drop": "-"}
SIGNS = {"added": "+", "removed": "-", "changed": "~"}
STYLES = {"added": "green", "removed": "red", "changed": "yellow"}


def show_statements(terminal: Terminal, statements: Sequence[PlanStatement]) -> None:
    """Print the statements as a script, with their hazards and locks as comments above them."""
    grouped = len({each.transaction_group for each in statements}) > 1
    last: int | None = None
    for statement in statements:
        terminal.line()
        if grouped and statement.transaction_group != last:
            last = statement.transaction_group
            alone = ", which can't be in a transaction block" if statement.needs_top_level else ""
            terminal.line(f"-- transaction {last}{alone}", "dim")
        for hazard in ordered(statement.hazards):
            terminal.line(f"-- {hazard}", style(hazard))
        if statement.lock:
            terminal.line(f"-- lock: {statement.lock}", "dim")
        for line in generated.ended(statement.statement).split("\n"):
            terminal.line(line)


def show_summary(terminal: Terminal, plan: Plan) -> None:
    """Print a line for each statement, and its hazards below it."""
    for statement in plan.up:
        sign = _SIGNS.get(statement.change, "~")
        terminal.line(f"  {sign} {statement.object}", {"+": "green", "-": "red"}.get(sign, "yellow"))
        for hazard in ordered(statement.hazards):
            terminal.line(f"      {hazard}", style(hazard))


def show_changes(terminal: Terminal, source: str, target: str, changes: Sequence[Mapping[str, Any]]) -> None:
    """Print which facts differ, those of an object below it, with the head of a unified difference."""
    terminal.line(f"--- {source}")
    terminal.line(f"+++ {target}")
    whole = {each["object"]: each["change"] for each in changes if each["identity"] == each["object"]}
    shown: str | None = None
    for each in changes:
        identity, thing, change = each["identity"], each["object"], each["change"]
        if whole.get(thing) in ("added", "removed") and identity != thing:
            continue  # it comes and goes with it
        if identity != thing and thing not in whole and thing != shown:
            terminal.line(f"  {thing}")
        shown = thing
        indent = "" if identity == thing else "  "
        terminal.line(f"{SIGNS[change]} {indent}{identity}", STYLES[change])


def show_verdict(terminal: Terminal, plan: Plan) -> None:
    """Print whether it is proven, and what it destroys."""
    terminal.line()
    terminal.line(f"{human.count(len(plan.up), 'statement')}{_proven(plan)}.")
    show_rows(terminal, (plan.proof or {}).get("rows"))
    if generated.stepwise(plan.up):
        terminal.line("They run in several transactions: one that fails leaves those before it done.")
    if destructive := plan.destructive:
        terminal.line()
        terminal.line("Destroys data, which the way back does not bring back:", "bold red")
        for statement in destructive:
            for hazard in statement.hazards:
                if hazard_class(hazard) == DATA_LOSS:
                    terminal.line(f"  {hazard.partition(':')[2].strip()}", "red")


def show_rows(terminal: Terminal, rows: Mapping[str, Any] | None) -> None:
    """Print what the proof has seen of rows."""
    if rows is None:
        return
    filled = dict(rows.get("filled") or {})
    said = f"{human.count(sum(filled.values()), 'row')} in {human.count(len(filled), 'table')}"
    failed = rows.get("failed")
    if isinstance(failed, Mapping):
        message = f"statement {failed.get('ordinal')} fails: {failed.get('message')}"
        terminal.line(f"With {said}, {rows.get('how')}: {message}", "bold red")
    else:
        terminal.line(f"Tried with {said}, {rows.get('how')}.")


def not_proven(plan: Plan, result: dict[str, Any]) -> DatabaseError:
    """Return the error of a plan that is not proven."""
    way, proof = ("plan", plan.proof)
    if proof is not None and proof.get("proven"):
        way, proof = ("way back", plan.down_proof)
    problem = DatabaseError(
        f"the {way} could not be proven: {generated.unproven(proof or {})}",
        sqlstate=UNPROVEN,
        detail="\n".join(differences(proof or {})) or None,
        hint="Look at it with --dry-run. --unproven writes it all the same, with a note in the files.",
    )
    if proof and isinstance(failed := proof.get("failed"), Mapping):
        problem.statement = failed.get("statement")
        problem.hint = failed.get("hint") or problem.hint
    problem.state = "Nothing was written."
    problem.result = result
    return problem


def differences(proof: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a proof failed, in full sentences."""
    failed = proof.get("failed")
    if isinstance(failed, Mapping):
        yield f"{failed.get('message')} ({failed.get('sqlstate')})."
        if failed.get("detail"):
            yield str(failed["detail"])
    found = [*(proof.get("source_differences") or ()), *(proof.get("differences") or ())]
    for each in found[:_MOST_DIFFERENCES]:
        yield f"{each.get('identity')} is {_change(each)}."
    if len(found) > _MOST_DIFFERENCES:
        yield f"And {len(found) - _MOST_DIFFERENCES} more."


def ordered(hazards: Sequence[str]) -> list[str]:
    """Return hazards with the worst one first."""
    return sorted(hazards, key=lambda each: hazard_class(each) != DATA_LOSS)


def style(hazard: str) -> str:
    """Return the colour of a hazard."""
    return "bold red" if hazard_class(hazard) == DATA_LOSS else "yellow"


def _change(difference: Mapping[str, Any]) -> str:
    change = str(difference.get("change"))
    if change != "different":
        return change
    return f"{difference.get('found')} instead of {difference.get('expected')}"


def _proven(plan: Plan) -> str:
    if plan.proof is None:
        return ", not proven"
    if not plan.proof.get("proven"):
        return f", NOT PROVEN: {generated.unproven(plan.proof)}"
    elapsed = plan.proof.get("elapsed_ms")
    took = f" in {human.duration(float(elapsed))}" if elapsed is not None else ""
    if plan.down_proof is None:
        return f", proven on a copy{took}; the way back is not proven"
    if not plan.down_proof.get("proven"):
        return f", proven on a copy{took}; the way back is NOT PROVEN: {generated.unproven(plan.down_proof)}"
    return f", proven on a copy{took}, and so is the way back"
