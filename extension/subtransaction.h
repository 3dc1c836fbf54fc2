/*-------------------------------------------------------------------------
 *
 * subtransaction.h
 *	  Something that may fail, tried in a subtransaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_SUBTRANSACTION_H
#define CF_SUBTRANSACTION_H

#include "nodes/pg_list.h"
#include "utils/elog.h"
#include "utils/palloc.h"

typedef void (*CfAttempt)(void *arg);

extern ErrorData *cf_try(CfAttempt attempt, void *arg, MemoryContext keep);

#endif /* CF_SUBTRANSACTION_H */
