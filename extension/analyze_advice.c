/*-------------------------------------------------------------------------
 *
 * analyze_advice.c
 *	  Warnings that follow from the notes on a statement: who waits while
 *	  rows are read or written under a blocking lock, and for how many rows.
 *
 * An empty table is no reason for a warning.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "storage/lock.h"
#include "utils/lsyscache.h"

#include "analyze.h"

#define NAMES_SHOWN 3

/* Tells whether a lock keeps others from the rows of a table. */
static bool
blocks_rows(const CfRelationLock *lock, bool reads)
{
	char relkind = get_rel_relkind(lock->relid);

	if (lock->created || (!RELKIND_HAS_TABLE_AM(relkind) && relkind != RELKIND_PARTITIONED_TABLE))
		return false;
	if (DoLockModesConflict(lock->mode, AccessShareLock))
		return reads;
	return !reads && DoLockModesConflict(lock->mode, RowExclusiveLock);
}

/* Returns the names of the tables that a statement blocks, named ones first. */
static List *
blocked_tables(CfAnalysis *a, bool reads)
{
	List *names = NIL;
	int named = 0;
	ListCell *lc;

	foreach (lc, a->row->locks)
	{
		const CfRelationLock *lock = (const CfRelationLock *) lfirst(lc);

		if (!blocks_rows(lock, reads))
			continue;
		names = list_insert_nth(names, lock->named ? named : list_length(names), lock->relation);
		named += lock->named;
	}
	return names;
}

/* Says who waits: "reads and writes of a, b; writes of c". NULL: nobody. */
static char *
blocked_text(CfAnalysis *a)
{
	List *reads = blocked_tables(a, true);
	List *writes = blocked_tables(a, false);
	StringInfoData text;

	if (reads == NIL && writes == NIL)
		return NULL;
	initStringInfo(&text);
	if (reads)
		appendStringInfo(&text, "reads and writes of %s", cf_an_short_list(reads, NAMES_SHOWN));
	if (reads && writes)
		appendStringInfoString(&text, ", and ");
	if (writes)
		appendStringInfo(&text, "writes of %s", cf_an_short_list(writes, NAMES_SHOWN));
	return text.data;
}

/* Tells whether two notes belong into one warning. */
static bool
same_work(const CfWork *x, const CfWork *y)
{
	return strcmp(x->doing, y->doing) == 0 && (x->advice == NULL) == (y->advice == NULL) &&
		   (x->advice == NULL || strcmp(x->advice, y->advice) == 0);
}

/* Warns of one kind of work, on all the tables that it is done on. */
static double
warn_of_work(CfAnalysis *a, const CfWork *work, const char *blocked)
{
	List *names = NIL;
	double rows = 0, all_rows = 0;
	uint64 bytes = 0, all_bytes = 0;
	ListCell *lc;

	foreach (lc, a->work)
	{
		const CfWork *other = (const CfWork *) lfirst(lc);

		if (!same_work(work, other))
			continue;
		cf_an_size(other->relid, &rows, &bytes);
		if (bytes > 0)
			names = lappend(names, cf_relation_name(other->relid));
		all_rows += rows;
		all_bytes += bytes;
	}
	if (all_bytes > 0 && blocked)
		cf_an_warn(a, "%s wait while %s %s (%s)%s%s", blocked, work->doing,
				   cf_an_short_list(names, NAMES_SHOWN), cf_an_size_text(all_rows, all_bytes),
				   work->advice ? ". " : "", work->advice ? work->advice : "");
	return all_bytes;
}

/* Warns of what can't be used while a statement that takes long runs. */
static void
warn_of_held_locks(CfAnalysis *a)
{
	List *texts = NIL;
	ListCell *lc;

	foreach (lc, a->world->held)
	{
		const CfHeld *held = (const CfHeld *) lfirst(lc);

		texts = lappend(texts, psprintf("%s on %s since line %d",
										GetLockmodeName(DEFAULT_LOCKMETHOD, held->mode),
										held->relation, held->line));
	}
	if (texts)
		cf_an_warn(a, "runs while the migration holds %s: others wait until it ends",
				   cf_an_short_list(texts, NAMES_SHOWN));
}

/* Adds the warnings that follow from all notes on a statement. */
void
cf_an_advise(CfAnalysis *a)
{
	char *blocked = blocked_text(a);
	bool takes_long = a->writes || a->opaque;

	for (int i = 0; i < list_length(a->work); i++)
	{
		const CfWork *work = (const CfWork *) list_nth(a->work, i);
		bool seen = false;

		for (int j = 0; j < i && !seen; j++)
			seen = same_work(work, (const CfWork *) list_nth(a->work, j));
		if (!seen && warn_of_work(a, work, blocked) > 0)
			takes_long = true;
	}
	if (takes_long && a->world->transactional)
		warn_of_held_locks(a);
}
