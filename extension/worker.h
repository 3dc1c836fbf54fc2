/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  Background workers: what their two sides share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_WORKER_H
#define CF_WORKER_H

#include "confiture.h"
#include "execute.h"

#define CF_WORKER_MAGIC 0x636F6E66

/* What a worker is asked to do. */
typedef enum CfWorkerTask
{
	CF_TASK_MIGRATION, /* run a migration statement by statement */
	CF_TASK_FAILURE	   /* put a failure on record */
} CfWorkerTask;

/* The entries of its shared memory. */
typedef enum CfWorkerKey
{
	CF_KEY_HEADER,
	CF_KEY_SETTINGS,
	CF_KEY_VERSION,
	CF_KEY_DIRECTION,
	CF_KEY_SEARCH_PATH,
	CF_KEY_PAYLOAD,
	CF_KEY_QUEUE
} CfWorkerKey;

typedef struct CfWorkerHeader
{
	CfWorkerTask task;
	Oid database;
	Oid session_user;
	Oid current_user;
	int ordinal; /* of the migration in its run */
	int of;
} CfWorkerHeader;

/* worker.c: the session that asks */
extern void cf_run_in_worker(const char *version, const char *name, const char *direction,
							 int ordinal, int of, const char *search_path, MemoryContext context);
extern void cf_log_failure_in_worker(const char *payload);

/* worker_main.c: the worker */
extern PGDLLEXPORT void cf_worker_main(Datum main_arg);

/* stepwise.c: a migration statement by statement */
extern void cf_run_stepwise(const char *version, const char *direction, const char *search_path,
							int ordinal, int of);

/* leftover.c: what a statement outside a transaction leaves behind */
extern void cf_check_can_start(const CfStatement *stmt);
extern bool cf_was_completed(const CfStatement *stmt, int ordinal);
extern bool cf_clean_up(const CfStatement *stmt, List **leftovers);
extern void cf_drop_leftovers(List *names);

#endif /* CF_WORKER_H */
