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

/* Remembers a new foreign key. */
void
cf_world_learn_reference(CfAnalysis *a, const CfRel *rel, const char *constraint, Oid referenced)
{
	MemoryContext old = MemoryContextSwitchTo(a->world->context);
	CfKnownReference *reference = palloc0(sizeof(CfKnownReference));

	reference->relid = rel->relid;
	reference->relation = pstrdup(rel->name);
	reference->constraint = constraint ? pstrdup(constraint) : NULL;
	reference->referenced = referenced;
	reference->when = a->world->nknown;
	a->world->references = lappend(a->world->references, reference);
	MemoryContextSwitchTo(old);
}

/* Notes locks on what the new foreign keys of a table (or one) reference. */
void
cf_an_lock_references(CfAnalysis *a, const CfRel *rel, const char *constraint, LOCKMODE mode)
{
	ListCell *lc;

	foreach (lc, a->world->references)
	{
		const CfKnownReference *reference = (const CfKnownReference *) lfirst(lc);

		if (OidIsValid(rel->relid) ? reference->relid != rel->relid
								   : strcmp(reference->relation, rel->name) != 0)
			continue;
		if (constraint &&
			(reference->constraint == NULL || strcmp(reference->constraint, constraint) != 0))
			continue;
		cf_an_lock(a, reference->referenced, mode, false);
	}
}

/* Remembers that an object is dropped. */
void
cf_world_learn_gone(CfAnalysis *a, const ObjectAddress *object)
{
	MemoryContext old = MemoryContextSwitchTo(a->world->context);

	a->world->gone = lappend(a->world->gone,
							 cf_an_address(object->classId, object->objectId, object->objectSubId));
	MemoryContextSwitchTo(old);
}

/* Tells whether a statement before has dropped an object. */
bool
cf_world_is_gone(CfAnalysis *a, Oid class, Oid object, int32 sub)
{
	ListCell *lc;

	foreach (lc, a->world->gone)
	{
		const ObjectAddress *gone = (const ObjectAddress *) lfirst(lc);

		if (gone->classId == class && gone->objectId == object &&
			(gone->objectSubId == 0 || gone->objectSubId == sub))
			return true;
	}
	return false;
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
