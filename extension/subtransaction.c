/*-------------------------------------------------------------------------
 *
 * subtransaction.c
 *	  Something that may fail, tried in a subtransaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "subtransaction.h"

/*
 * Does something in a subtransaction, and in the caller's memory context.
 * Returns the error that it has failed with, in the context keep, with all
 * that was done undone; or NULL.
 */
ErrorData *
cf_try(CfAttempt attempt, void *arg, MemoryContext keep)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile edata = NULL;

	BeginInternalSubTransaction("confiture");
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		attempt(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(keep);
		edata = CopyErrorData();
		FlushErrorState();
		MemoryContextSwitchTo(context);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return edata;
}
