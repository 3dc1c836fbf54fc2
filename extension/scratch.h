/*-------------------------------------------------------------------------
 *
 * scratch.h
 *	  Steps in a scratch database.
 *
 * scratch.c			the session that asks
 * scratch_main.c		the worker: gets the steps, sends what they return
 * scratch_marks.c		which objects have survived them
 * scratch_tame.c		subscriptions of which nothing comes
 * scratch_statements.c	statements in their transactions, as for real
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_SCRATCH_H
#define CF_SCRATCH_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "snapshot.h"

/* Statements of a plan on their way. */
typedef struct CfStatements
{
	MemoryContext context; /* outlives their transactions */
	List *texts;		   /* char * */
	List *groups;		   /* int: of one transaction each; NIL: as a migration runs */
} CfStatements;

/* scratch_statements.c */
extern Jsonb *cf_scratch_statements(CfStatements *statements);

/* scratch_tame.c */
extern void cf_scratch_tame(void);

/* scratch_marks.c */
extern void cf_scratch_look(const CfSnapshot *snapshot);

#endif /* CF_SCRATCH_H */
