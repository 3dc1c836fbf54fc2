/*-------------------------------------------------------------------------
 *
 * differ_refer.c
 *	  Tables that refer to each other: what foreign keys mean for the order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

static bool
is_foreign_key(const CfdFact *fact)
{
	return cfd_is(fact, "constraint") && strcmp(cfd_text(fact, "type"), "foreign key") == 0;
}

/* Tells whether tables that go lead from one to another by foreign keys. */
static bool
leads_to_table(CfdFact *from, const CfdFact *to, List **seen)
{
	ListCell *lc;
	ListCell *ld;

	if (from == to)
		return true;
	if (list_member_ptr(*seen, from))
		return false;
	*seen = lappend(*seen, from);
	foreach (lc, from->children)
	{
		CfdFact *child = (CfdFact *) lfirst(lc);

		if (!is_foreign_key(child))
			continue;
		foreach (ld, child->depends)
		{
			CfdFact *table = ((CfdDepend *) lfirst(ld))->fact->parent;

			if (table && table != from && table->dropped && cfd_is(table, "table") &&
				leads_to_table(table, to, seen))
				return true;
		}
	}
	return false;
}

/* Tells whether a foreign key between two tables that go has to go by itself: they refer to each other. */
bool
cfd_closes_circle(const CfdFact *fact)
{
	ListCell *lc;

	if (!is_foreign_key(fact) || !fact->parent->dropped)
		return false;
	foreach (lc, fact->depends)
	{
		CfdFact *table = ((CfdDepend *) lfirst(lc))->fact->parent;
		List *seen = NIL;

		if (table && table != fact->parent && table->dropped && cfd_is(table, "table") &&
			leads_to_table(table, fact->parent, &seen))
			return true;
	}
	return false;
}

/* A logged table must never refer to an unlogged one. */
void
cfd_order_by_logging(const CfdFact *fact)
{
	CfdAction *action;
	ListCell *lc;

	if (!is_foreign_key(fact) || fact->parent->alter == NULL)
		return;
	action = fact->parent->alter;
	foreach (lc, fact->depends)
	{
		CfdFact *table = ((CfdDepend *) lfirst(lc))->fact->parent;

		if (!cfd_is(table, "table") || table->alter == NULL || table == fact->parent ||
			cfd_equal(table, table->twin, "persistence"))
			continue;
		if (cfd_has(table, "persistence"))
			cfd_wait(table->alter, action);
		else
			cfd_wait(action, table->alter);
	}
}

/* The foreign key of its table to which that of a partition belongs, or NULL. */
CfdFact *
cfd_whole_key(const CfdFact *fact)
{
	ListCell *lc;

	if (!is_foreign_key(fact) || !cfd_bool(fact, "inherited") || cfd_bool(fact, "local"))
		return NULL;
	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (depend->how == CFD_INTERNAL && is_foreign_key(depend->fact))
			return depend->fact;
	}
	return NULL;
}

/*
 * Tells whether a foreign key of a partition comes with that of its table: by ATTACH PARTITION, or
 * by ADD CONSTRAINT. It has the name of that then. One with a name of its own was there before,
 * and is joined to it; so is every one where nobody is to wait while the rows are read.
 */
bool
cfd_comes_attached(const CfdPlan *plan, const CfdFact *fact)
{
	const CfdFact *whole = cfd_whole_key(fact);

	if (!is_foreign_key(fact) || !cfd_bool(fact, "inherited") || cfd_bool(fact, "local"))
		return false;
	if (whole == NULL)
		return true;
	if (strcmp(whole->part, fact->part) != 0)
		return !cfd_attaches(fact->parent) && !whole->created;
	return cfd_attaches(fact->parent) || !whole->created || !plan->online || whole->twin ||
		   !cfd_bool(whole, "valid") || cfd_is_new(whole->parent) || cfd_is_new(fact->parent);
}

/* Tells whether all rows are known to satisfy a foreign key of a partitioned table: those of the partitions are there. */
bool
cfd_is_joined(const CfdPlan *plan, const CfdFact *whole)
{
	ListCell *lc;
	bool found = false;

	foreach (lc, whole->dependents)
	{
		CfdFact *part = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_whole_key(part) != whole || cfd_is_new(part->parent))
			continue;
		if (cfd_comes_attached(plan, part))
			return false;
		found = true;
	}
	return found;
}
