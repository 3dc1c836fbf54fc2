/*-------------------------------------------------------------------------
 *
 * differ_emit.c
 *	  The statements of a plan: which transaction each belongs to, what it locks,
 *	  what it may do to data and to those who work with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

static char *write_text(const char *format, va_list args) pg_attribute_printf(1, 0);

/* Returns a text of any length. */
static char *
write_text(const char *format, va_list args)
{
	StringInfoData text;

	initStringInfo(&text);
	for (;;)
	{
		va_list copy;
		int needed;

		va_copy(copy, args);
		needed = appendStringInfoVA(&text, format, copy);
		va_end(copy);
		if (needed == 0)
			return text.data;
		enlargeStringInfo(&text, needed);
	}
}

/* Adds a hazard to the statement that is written next. */
void
cfd_hazard(CfdPlan *plan, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	text = write_text(format, args);
	va_end(args);
	plan->hazards = lappend(plan->hazards, text);
}

/* "ACCESS EXCLUSIVE on public.a" */
const char *
cfd_lock(const char *mode, const char *relation)
{
	return psprintf("%s on %s", mode, relation);
}

/* Gives a statement its place: behind the others, in their transaction where it may. */
static CfdStatement *
add_statement(CfdPlan *plan, const CfdFact *fact, const char *change, int flags, const char *lock,
			  char *text)
{
	CfdStatement *last = plan->statements ? (CfdStatement *) llast(plan->statements) : NULL;
	CfdStatement *statement = palloc0(sizeof(CfdStatement));

	if (last == NULL || last->top_level || plan->alone ||
		(flags & (CFD_TOP_LEVEL | CFD_NEW_GROUP)) != 0)
		plan->group++;
	plan->alone = false;
	statement->text = text;
	statement->object = fact->identity;
	statement->kind = fact->kind->name;
	statement->change = change;
	statement->lock = lock;
	statement->hazards = plan->hazards;
	statement->top_level = (flags & CFD_TOP_LEVEL) != 0;
	statement->group = plan->group;
	plan->hazards = NIL;
	plan->statements = lappend(plan->statements, statement);
	if (plan->current)
	{
		if (plan->current->group_first == 0)
			plan->current->group_first = statement->group;
		plan->current->group_last = statement->group;
	}
	return statement;
}

/* Writes a statement, without its semicolon. */
CfdStatement *
cfd_emit(CfdPlan *plan, const CfdFact *fact, const char *change, int flags, const char *lock,
		 const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	text = write_text(format, args);
	va_end(args);
	return add_statement(plan, fact, change, flags, lock, text);
}

/* The kind of table that an ALTER has to name. */
static const char *
table_word(const CfdFact *table)
{
	if (cfd_is(table, "foreign table"))
		return "FOREIGN TABLE";
	if (cfd_is(table, "view"))
		return "VIEW";
	if (cfd_is(table, "materialized view"))
		return "MATERIALIZED VIEW";
	return "TABLE";
}

/* Whether ONLY can be said of a relation. */
static bool
has_descendants(const CfdFact *table)
{
	return cfd_is(table, "table") || cfd_is(table, "foreign table");
}

/*
 * Writes a part of an ALTER TABLE that takes an ACCESS EXCLUSIVE lock. What follows directly
 * on another one of the same table becomes one statement with it, so that the
 * table is locked, and rewritten, once.
 */
CfdStatement *
cfd_alter_table(CfdPlan *plan, const CfdFact *fact, const char *change, int flags,
				const CfdFact *table, const char *format, ...)
{
	CfdStatement *last = plan->statements ? (CfdStatement *) llast(plan->statements) : NULL;
	const char *name = cfd_table(table);
	const char *join =
		psprintf("ALTER %s %s%s", table_word(table),
				 (flags & CFD_ONLY) != 0 && has_descendants(table) ? "ONLY " : "", name);
	char *text;
	va_list args;
	ListCell *lc;

	va_start(args, format);
	text = write_text(format, args);
	va_end(args);
	if ((flags & ~CFD_ONLY) == 0 && !plan->alone && last && last->join &&
		strcmp(last->join, join) == 0)
	{
		last->text = psprintf("%s,\n    %s", last->text, text);
		foreach (lc, plan->hazards)
			if (!cfd_has_text(last->hazards, (char *) lfirst(lc)))
				last->hazards = lappend(last->hazards, lfirst(lc));
		plan->hazards = NIL;
		if (strcmp(last->object, fact->identity) != 0)
		{
			last->object = table->identity;
			last->kind = table->kind->name;
			last->change = "alter";
		}
		if (plan->current)
		{
			if (plan->current->group_first == 0)
				plan->current->group_first = last->group;
			plan->current->group_last = last->group;
		}
		return last;
	}
	last = add_statement(plan, fact, change, flags, cfd_lock("ACCESS EXCLUSIVE", name),
						 psprintf("%s %s", join, text));
	if ((flags & CFD_NEW_STATEMENT) == 0)
		last->join = join;
	return last;
}

/* What is dropped and comes back in another transaction is missing in between. */
static void
note_gap(CfdPlan *plan, const CfdAction *action)
{
	const CfdFact *old = action->fact->twin;
	CfdStatement *statement = plan->statements ? (CfdStatement *) llast(plan->statements) : NULL;

	if (old && old->drop && old->drop->fact == old && old->drop->group_last > 0 && statement &&
		action->group_first > old->drop->group_last)
		statement->hazards =
			lappend(statement->hazards,
					psprintf("%s: %s is missing between transactions %d and %d",
							 cfd_is(old, "index") || cfd_is(old, "statistics") ? "long lock"
																			   : "changes results",
							 old->identity, old->drop->group_last, action->group_first));
}

/* Writes the statements of an action. */
void
cfd_run(CfdPlan *plan, CfdAction *action)
{
	CfdFact *fact = action->fact;
	const CfdKind *kind = fact->kind;

	plan->current = action;
	switch (action->verb)
	{
		case CFD_CREATE:
			if (kind->create)
				kind->create(plan, fact);
			note_gap(plan, action);
			break;
		case CFD_PREPARE:
			kind->prepare(plan, fact->twin, fact);
			break;
		case CFD_ALTER_IT:
			if (kind->alter)
				kind->alter(plan, fact->twin, fact);
			break;
		case CFD_LEAVE:
			kind->leave(plan, fact->twin, fact);
			break;
		case CFD_FINISH:
			kind->finish(plan, fact->created ? NULL : fact->twin, fact);
			break;
		case CFD_DROP:
			if (kind->drop)
				kind->drop(plan, fact);
			break;
	}
	plan->current = NULL;
}

/* A statement that is about no fact, in the transaction of its neighbour if that may be. */
static CfdStatement *
setting(const CfdStatement *neighbour, const char *change, const char *text)
{
	CfdStatement *statement = palloc0(sizeof(CfdStatement));

	statement->text = pstrdup(text);
	statement->object = "setting check_function_bodies";
	statement->kind = "setting";
	statement->change = change;
	statement->group = neighbour->group;
	return statement;
}

/*
 * Lets routines be made whose bodies name what is not there yet, or may not be found. It
 * is set for the session: the plan may run in several transactions, or in none.
 */
void
cfd_leave_unchecked(CfdPlan *plan)
{
	CfdStatement *first = (CfdStatement *) linitial(plan->statements);
	CfdStatement *last = (CfdStatement *) llast(plan->statements);
	CfdStatement *set = setting(first, "set", "SET check_function_bodies = off");
	CfdStatement *reset = setting(last, "reset", "RESET check_function_bodies");
	ListCell *lc;

	if (last->top_level)
		reset->group++;
	if (first->top_level)
	{
		foreach (lc, plan->statements)
			((CfdStatement *) lfirst(lc))->group++;
		reset->group++;
	}
	plan->statements = lcons(set, plan->statements);
	plan->statements = lappend(plan->statements, reset);
}
