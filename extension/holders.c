/*-------------------------------------------------------------------------
 *
 * holders.c
 *	  Who holds, right now, a lock that conflicts with those that a statement
 *	  takes. How long the wait would be can't be predicted; who would be
 *	  waited for can be said.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "report.h"

/*
 * Returns a JSON array of {pid, user, application_name, relation, mode,
 * state, xact_seconds}, or NULL when nobody is in the way.
 */
char *
cf_lock_holders(List *locks)
{
	Datum *relids = palloc(Max(1, list_length(locks) * MaxLockMode) * sizeof(Datum));
	Datum *modes = palloc(Max(1, list_length(locks) * MaxLockMode) * sizeof(Datum));
	MemoryContext caller = CurrentMemoryContext;
	int n = 0;
	char *result = NULL;
	ListCell *lc;
	Oid types[2] = {OIDARRAYOID, TEXTARRAYOID};
	Datum values[2];

	foreach (lc, locks)
	{
		const CfRelationLock *lock = (const CfRelationLock *) lfirst(lc);

		if (!OidIsValid(lock->relid) || lock->created)
			continue;
		for (LOCKMODE mode = AccessShareLock; mode <= MaxLockMode; mode++)
		{
			if (!DoLockModesConflict(lock->mode, mode))
				continue;
			relids[n] = ObjectIdGetDatum(lock->relid);
			modes[n++] = CStringGetTextDatum(GetLockmodeName(DEFAULT_LOCKMETHOD, mode));
		}
	}
	if (n == 0)
		return NULL;

	values[0] =
		PointerGetDatum(construct_array(relids, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
	values[1] = PointerGetDatum(construct_array(modes, n, TEXTOID, -1, false, TYPALIGN_INT));
	SPI_connect();
	if (SPI_execute_with_args("SELECT confiture._lock_holders($1, $2)::pg_catalog.text", 2, types,
							  values, NULL, true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
	{
		char *json = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		if (json)
			result = MemoryContextStrdup(caller, json);
	}
	SPI_finish();
	return result;
}
