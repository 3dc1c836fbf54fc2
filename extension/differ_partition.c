/*-------------------------------------------------------------------------
 *
 * differ_partition.c
 *	  Partitions: when one leaves its table, and when it is attached.
 *
 * A partition has the rows; the table has none. When that is made anew, since its partition key is
 * another one or has columns of other types, or goes for good, the partitions leave it before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

/* Whether a table is attached to another one by the plan; old is NULL when it is made. */
bool
cfd_is_attached(const CfdFact *old, const CfdFact *new)
{
	return cfd_has(new, "partition_of") &&
		   (old == NULL || new->loose || !cfd_equal(old, new, "partition_of") ||
			!cfd_equal(old, new, "partition_bound"));
}

/* Whether a table of the target is attached to another one by the plan. */
bool
cfd_attaches(const CfdFact *table)
{
	return cfd_is_attached(table->created ? NULL : table->twin, table);
}

/*
 * Whether the indexes of a partition are attached along with it: the index of its table
 * is there before.
 */
bool
cfd_attaches_all(const CfdFact *table, const CfdFact *whole)
{
	return cfd_attaches(table) && !whole->created;
}

/* Whether a partition gets other bounds in the same table, or the table is made anew. */
bool
cfd_partition_leaves(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_has(new, "partition_of") && cfd_equal(old, new, "partition_of") &&
		   (new->loose || !cfd_equal(old, new, "partition_bound"));
}

/* Takes a partition out of its table. */
void
cfd_leave_table(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	const char *parent = cfd_text(old, "partition_of");

	cfd_emit(plan, new, "alter", 0, cfd_lock("ACCESS EXCLUSIVE", parent),
			 "ALTER TABLE %s DETACH PARTITION %s", parent, cfd_table(new));
}

/* A partition that goes is gone before others are attached, which may have its bounds. */
void
cfd_make_room(CfdAction *action, const CfdFact *partition)
{
	ListCell *lc;
	ListCell *ld;

	foreach (lc, cfd_has(partition, "partition_of") ? partition->depends : NIL)
	{
		const CfdFact *table = ((CfdDepend *) lfirst(lc))->fact;

		if (table->twin == NULL || !cfd_has(table, "partition_by"))
			continue;
		foreach (ld, table->twin->dependents)
			if (cfd_is(((CfdDepend *) lfirst(ld))->fact, "table"))
				cfd_wait(((CfdDepend *) lfirst(ld))->fact->finish, action);
	}
}

/* Whether foreign keys refer to a table, or to one that it is a partition of. */
bool
cfd_is_referred_to(CfdPlan *plan, const CfdFact *table)
{
	char *whole = cfd_text(table, "partition_of");
	CfdFact *parent = whole ? cfd_find(plan->source, psprintf("table %s", whole)) : NULL;
	ListCell *lc;
	ListCell *ld;

	foreach (lc, table->children)
		foreach (ld, ((CfdFact *) lfirst(lc))->dependents)
		{
			CfdFact *fact = ((CfdDepend *) lfirst(ld))->fact;

			if (cfd_is(fact, "constraint") && strcmp(cfd_text(fact, "type"), "foreign key") == 0)
				return true;
		}
	return parent && cfd_is_referred_to(plan, parent);
}

/* Whether rows go with a table: those of a partitioned one are in its partitions. */
bool
cfd_loses_rows(const CfdFact *fact)
{
	ListCell *lc;
	bool any = false;

	if (cfd_is(fact, "foreign table"))
		return false;
	if (!cfd_has(fact, "partition_by"))
		return true;
	foreach (lc, fact->dependents)
	{
		const CfdFact *partition = ((CfdDepend *) lfirst(lc))->fact;

		if (!cfd_has(partition, "partition_of") ||
			strcmp(cfd_text(partition, "partition_of"), cfd_table(fact)) != 0)
			continue;
		if (partition->dropped ? cfd_loses_rows(partition) : !partition->loose)
			return true;
		any = true;
	}
	return !any;
}
