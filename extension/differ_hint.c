/*-------------------------------------------------------------------------
 *
 * differ_hint.c
 *	  What is dropped and looks like something that is created: a rename would
 *	  keep what is in it. Never more than a hint.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

/* Whether one of the columns of a table has the name and payload of a column. */
static bool
has_column(const CfdFact *table, const CfdFact *column)
{
	ListCell *lc;

	foreach (lc, table->children)
	{
		const CfdFact *other = (const CfdFact *) lfirst(lc);

		if (other->kind == column->kind && strcmp(other->part, column->part) == 0)
			return strcmp(other->hash, column->hash) == 0;
	}
	return false;
}

static int
count_columns(const CfdFact *table)
{
	int count = 0;
	ListCell *lc;

	foreach (lc, table->children)
		count += cfd_is((const CfdFact *) lfirst(lc), "column");
	return count;
}

/* Whether two tables have the same columns, and more than none. */
static bool
same_columns(const CfdFact *old, const CfdFact *new)
{
	ListCell *lc;

	if (count_columns(old) == 0 || count_columns(old) != count_columns(new))
		return false;
	foreach (lc, old->children)
	{
		const CfdFact *column = (const CfdFact *) lfirst(lc);

		if (cfd_is(column, "column") && !has_column(new, column))
			return false;
	}
	return true;
}

/* What a dropped fact may have become, among the parts of what contained it; or NULL. */
static CfdFact *
find_heir(const CfdFact *fact)
{
	CfdFact *container = fact->parent ? fact->parent->twin : NULL;
	ListCell *lc;

	if (fact->twin || container == NULL || container->created)
		return NULL;
	foreach (lc, container->children)
	{
		CfdFact *other = (CfdFact *) lfirst(lc);

		if (other->kind != fact->kind || other->twin || strcmp(other->hash, fact->hash) != 0)
			continue;
		if (cfd_is(fact, "column") || same_columns(fact, other))
			return other;
	}
	return NULL;
}

/* Adds the hint to the statement that drops a table or a column. */
void
cfd_hint_rename(CfdPlan *plan, const CfdFact *fact)
{
	CfdFact *heir = find_heir(fact);
	const char *old;

	if (heir == NULL)
		return;
	old = fact->part ? cfd_part(fact) : cfd_quote(fact->name);
	if (fact->part)
		cfd_hazard(plan,
				   "rename?: column %s of %s looks like the new column %s; say -- confiture:"
				   " renamed from %s at that to keep its values",
				   old, fact->parent->identity, cfd_part(heir), old);
	else
		cfd_hazard(plan,
				   "rename?: %s looks like the new %s; say -- confiture: renamed from %s at that"
				   " to keep its rows",
				   fact->identity, heir->identity, old);
}
