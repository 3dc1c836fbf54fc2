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

#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/shm_mq.h"
#include "utils/elog.h"
#include "utils/timestamp.h"

#define CF_WORKER_MAGIC 0x636F6E66

/* What a worker is asked to do. */
typedef enum CfWorkerTask
{
	CF_TASK_MIGRATION, /* run a migration statement by statement */
	CF_TASK_FAILURE,   /* put a failure on record */
	CF_TASK_TOP_LEVEL, /* run statements that make and drop databases */
	CF_TASK_BUILD,	   /* run files into a database */
	CF_TASK_SCRATCH	   /* do steps in a scratch database */
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
	CF_KEY_QUEUE,
	CF_KEY_INPUT
} CfWorkerKey;

typedef struct CfWorkerHeader
{
	CfWorkerTask task;
	Oid database;	  /* 0: that of the session that asks */
	Oid session_user; /* 0: that of the session that asks */
	Oid current_user;
	int ordinal; /* of the migration in its run */
	int of;
	bool has_input; /* there is a queue to the worker */
	int encoding;	/* of the session that asks */
} CfWorkerHeader;

/* A worker that was started. */
typedef struct CfWorker
{
	dsm_segment *segment;
	shm_mq_handle *queue;
	shm_mq_handle *input; /* to the worker, or NULL */
	BackgroundWorkerHandle *handle;
	pid_t pid;
	MemoryContext context;
	ErrorData *failure; /* the error it has ended with */
	ErrorData *cancel;	/* it was cancelled, and had done its work before it heard of it */
	char *result;		/* what it has sent */
	List *values;		/* void *: jsonb values that it has sent, or NULL */
	bool completed;
} CfWorker;

/* worker.c: the session that asks */
extern CfWorker *
cf_worker_start(MemoryContext context, CfWorkerHeader *header, const char *version,
				const char *direction, const char *search_path, const char *payload);
extern void cf_worker_wait(CfWorker *worker, TimestampTz deadline);
extern void cf_worker_end(CfWorker *worker);
extern void cf_worker_finish(CfWorker *worker);
extern void cf_raise_no_worker(void);
extern void cf_run_in_worker(const char *version, const char *name, const char *direction,
							 int ordinal, int of, const char *search_path, MemoryContext context);
extern void cf_log_failure_in_worker(const char *payload);

/* build.c: workers of functions that make databases */
extern CfWorker *cf_start_build_worker(CfWorkerHeader *header, const char *payload);
extern char *cf_finish_build_worker(CfWorker *worker, bool hide_place);

/* worker_main.c: the worker */
extern PGDLLEXPORT void cf_worker_main(Datum main_arg);
extern void cf_worker_set_session(const char *search_path);
extern void cf_worker_lock(void);

/* build_main.c: files into a database */
extern void cf_run_build(const CfWorkerHeader *header, shm_mq_handle *input, const char *payload);

/* scratch_main.c: steps in a scratch database */
extern void cf_run_scratch(shm_mq_handle *input);

/* stepwise.c: a migration statement by statement */
extern void cf_run_stepwise(const char *version, const char *direction, const char *search_path,
							int ordinal, int of);

/* leftover.c: what a statement outside a transaction leaves behind */
extern void cf_check_can_start(const CfStatement *stmt);
extern bool cf_was_completed(const CfStatement *stmt, int ordinal);
extern bool cf_clean_up(const CfStatement *stmt, List **leftovers);
extern void cf_drop_leftovers(List *names);

#endif /* CF_WORKER_H */
