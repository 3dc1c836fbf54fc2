/*-------------------------------------------------------------------------
 *
 * worker_main.c
 *	  The background worker itself: becomes the role that asked, takes over
 *	  its settings, and does its task.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "libpq/pqformat.h"
#include "libpq/pqmq.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "ledger.h"
#include "worker.h"

/* Sets search_path and lock_timeout for the session of the worker. */
void
cf_worker_set_session(const char *search_path)
{
	StartTransactionCommand();
	(void) set_config_option("search_path", search_path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET,
							 true, 0, false);
	if (cf_lock_timeout > 0 && (LockTimeout == 0 || LockTimeout > cf_lock_timeout))
	{
		char value[32];

		snprintf(value, sizeof(value), "%d", cf_lock_timeout);
		(void) set_config_option("lock_timeout", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET,
								 true, 0, false);
	}
	CommitTransactionCommand();
}

/* Takes the lock of workers for the session: two can't work at once. */
void
cf_worker_lock(void)
{
	bool free;

	StartTransactionCommand();
	free = cf_try_lock(CF_LOCK_WORKER, ExclusiveLock, true);
	CommitTransactionCommand();
	if (!free)
		ereport(ERROR, (errcode(ERRCODE_CF_RUNNING),
						errmsg("a background worker of another migration is still running"),
						errhint("Wait until it has ended, then run again.")));
}

/* Takes over role and settings of the session that asked. */
static void
take_over_session(const CfWorkerHeader *header, void *settings)
{
	BackgroundWorkerInitializeConnectionByOid(header->database, header->session_user, 0);
	StartTransactionCommand();
	RestoreGUCState(settings);
	/* Messages cross the queue as they are. */
	SetClientEncoding(GetDatabaseEncoding());
	if (header->current_user != header->session_user)
		SetCurrentRoleId(header->current_user, superuser_arg(header->current_user));
	CommitTransactionCommand();
}

/*
 * Becomes the role that asked, with the settings that a new session has: what
 * a build makes depends on nothing that the session that asked has SET.
 */
static void
begin_session(const CfWorkerHeader *header)
{
	BackgroundWorkerInitializeConnectionByOid(header->database, header->session_user, 0);
	StartTransactionCommand();
	if (PrepareClientEncoding(header->encoding) >= 0)
		SetClientEncoding(header->encoding);
	if (header->current_user != header->session_user)
		SetCurrentRoleId(header->current_user, superuser_arg(header->current_user));
	CommitTransactionCommand();
}

/*
 * Runs statements that make, rename and drop databases, one after the other,
 * each at the top level.
 */
static void
run_top_level(const char *text)
{
	CfScript *script;

	MemoryContextSwitchTo(TopMemoryContext);
	pgstat_report_activity(STATE_RUNNING, text);
	StartTransactionCommand();
	MemoryContextSwitchTo(TopMemoryContext);
	script = cf_script_parse(text, strlen(text), "confiture");
	CommitTransactionCommand();
	for (int i = 0; i < script->count; i++)
	{
		CfCost cost = {0};

		cf_execute_top_level(script, &script->statements[i], &cost);
	}
}

/* Puts a failure on record, in a transaction of its own. */
static void
record_failure(const char *payload, const char *search_path)
{
	Oid types[2] = {TEXTOID, TEXTOID};
	Datum values[2];

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, "confiture: recording a failure");
	values[0] = CStringGetTextDatum(payload);
	values[1] = CStringGetTextDatum(search_path);
	if (SPI_execute_with_args("SELECT confiture._failed($1::pg_catalog.jsonb, $2)", 2, types,
							  values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._failed() failed");
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Entry point of the worker. */
void
cf_worker_main(Datum main_arg)
{
	dsm_segment *segment;
	shm_toc *toc;
	CfWorkerHeader *header;
	shm_mq *queue;
	shm_mq_handle *handle;
	StringInfoData done;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	segment = dsm_attach(DatumGetUInt32(main_arg));
	if (segment == NULL)
		return; /* the session that asked is gone */
	toc = shm_toc_attach(CF_WORKER_MAGIC, dsm_segment_address(segment));
	if (toc == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("bad magic number in dynamic shared memory segment")));
	header = shm_toc_lookup(toc, CF_KEY_HEADER, false);
	queue = shm_toc_lookup(toc, CF_KEY_QUEUE, false);
	shm_mq_set_sender(queue, MyProc);
	handle = shm_mq_attach(queue, segment, NULL);
	pq_redirect_to_shm_mq(segment, handle);
	/* The mapping must outlive the transactions of the work. */
	dsm_pin_mapping(segment);

	if (header->task == CF_TASK_BUILD || header->task == CF_TASK_SCRATCH ||
		header->task == CF_TASK_TOP_LEVEL)
		begin_session(header);
	else
		take_over_session(header, shm_toc_lookup(toc, CF_KEY_SETTINGS, false));
	if (header->task == CF_TASK_BUILD)
	{
		shm_mq *input = shm_toc_lookup(toc, CF_KEY_INPUT, false);

		shm_mq_set_receiver(input, MyProc);
		cf_run_build(header, shm_mq_attach(input, segment, NULL),
					 shm_toc_lookup(toc, CF_KEY_PAYLOAD, true));
	}
	else if (header->task == CF_TASK_SCRATCH)
	{
		shm_mq *input = shm_toc_lookup(toc, CF_KEY_INPUT, false);

		shm_mq_set_receiver(input, MyProc);
		cf_run_scratch(shm_mq_attach(input, segment, NULL));
	}
	else if (header->task == CF_TASK_TOP_LEVEL)
		run_top_level(shm_toc_lookup(toc, CF_KEY_PAYLOAD, false));
	else if (header->task == CF_TASK_MIGRATION)
		cf_run_stepwise(shm_toc_lookup(toc, CF_KEY_VERSION, false),
						shm_toc_lookup(toc, CF_KEY_DIRECTION, false),
						shm_toc_lookup(toc, CF_KEY_SEARCH_PATH, false), header->ordinal,
						header->of);
	else
		record_failure(shm_toc_lookup(toc, CF_KEY_PAYLOAD, false),
					   shm_toc_lookup(toc, CF_KEY_SEARCH_PATH, false));

	/* Tell that all is done: a queue that just closes means a crash. */
	pq_beginmessage(&done, 'Z');
	pq_endmessage(&done);
}
