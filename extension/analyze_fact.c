/*-------------------------------------------------------------------------
 *
 * analyze_fact.c
 *	  What later statements of a script may rely on: constraints that hold by
 *	  then, and locks that are held until the migration ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "utils/lsyscache.h"

#include "analyze.h"

/* Remembers a CHECK constraint, or that it is valid now. */
void
cf_world_learn_check(CfAnalysis *a, Oid relid, const char *name, const char *expr, bool valid)
{
	MemoryContext old = MemoryContextSwitchTo(a->world->context);
	CfKnownCheck *check = palloc0(sizeof(CfKnownCheck));

	check->relid = relid;
	check->name = name ? pstrdup(name) : NULL;
	check->expr = pstrdup(expr);
	check->valid = valid;
	a->world->checks = lappend(a->world->checks, check);
	MemoryContextSwitchTo(old);
}

/* Remembers that a column is NOT NULL by now. */
void
cf_world_learn_not_null(CfAnalysis *a, const CfRel *rel, const char *column)
{
	cf_world_part(a, rel, "not null", column, true);
}

/* Tells whether a statement before has made a column NOT NULL. */
bool
cf_world_is_not_null(CfAnalysis *a, const CfRel *rel, const char *column)
{
	return cf_an_known_part(a, rel, "not null", column) != NULL;
}

/* Remembers the locks that block others until the migration ends. */
void
cf_world_hold(CfAnalysis *a)
{
	MemoryContext old = MemoryContextSwitchTo(a->world->context);
	ListCell *lc, *held;

	foreach (lc, a->row->locks)
	{
		const CfRelationLock *lock = (const CfRelationLock *) lfirst(lc);
		char relkind = get_rel_relkind(lock->relid);
		CfHeld *found = NULL;

		if (lock->created || lock->mode < ShareLock || lock->mode == NoLock ||
			(!RELKIND_HAS_TABLE_AM(relkind) && relkind != RELKIND_PARTITIONED_TABLE))
			continue;
		foreach (held, a->world->held)
			if (((CfHeld *) lfirst(held))->relid == lock->relid)
				found = (CfHeld *) lfirst(held);
		if (found && found->mode >= lock->mode)
			continue;
		if (found == NULL)
		{
			found = palloc0(sizeof(CfHeld));
			a->world->held = lappend(a->world->held, found);
		}
		found->relid = lock->relid;
		found->relation = pstrdup(lock->relation);
		found->mode = lock->mode;
		found->line = a->stmt->line;
	}
	MemoryContextSwitchTo(old);
}
