/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  Asking a background worker to do what this session can't: statements
 *	  that need the top level, and records that survive a rollback.
 *
 * The worker connects as the same role with the same settings. Its errors and
 * notices come back through a queue in shared memory, as those of parallel
 * workers do. While this session waits for a migration it holds no snapshot:
 * CREATE INDEX CONCURRENTLY would wait for it for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "executor/spi.h"
#include "libpq/pqformat.h"
#include "libpq/pqmq.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/latch.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "failure.h"
#include "ledger.h"
#include "worker.h"

#define QUEUE_SIZE 65536
#define INPUT_SIZE 262144
/* How long migrate_up() waits for its failure to be put on record. */
#define FAILURE_WAIT_MS 5000

/* Puts a NUL-terminated string into the shared memory; NULL is left out. */
static void
put_string(shm_toc *toc, CfWorkerKey key, const char *value)
{
	char *space;

	if (value == NULL)
		return;
	space = shm_toc_allocate(toc, strlen(value) + 1);
	strcpy(space, value);
	shm_toc_insert(toc, key, space);
}

/* Counts a string into the size of the shared memory. */
static void
estimate_string(shm_toc_estimator *e, const char *value)
{
	if (value == NULL)
		return;
	shm_toc_estimate_chunk(e, strlen(value) + 1);
	shm_toc_estimate_keys(e, 1);
}

/* If this session ends while a worker works for it, cancels the work. */
static void
cancel_at_exit(dsm_segment *segment, Datum arg)
{
	CfWorker *worker = (CfWorker *) DatumGetPointer(arg);

	if (worker->pid > 0 && !worker->completed)
		(void) kill(worker->pid, SIGINT);
}

/* Fills shared memory with what the worker needs to know. */
static void
make_segment(CfWorker *worker, const CfWorkerHeader *header, const char *version,
			 const char *direction, const char *search_path, const char *payload)
{
	shm_toc_estimator e;
	shm_toc *toc;
	Size size, settings = EstimateGUCStateSpace();
	CfWorkerHeader *copy;
	char *space;
	shm_mq *queue;

	shm_toc_initialize_estimator(&e);
	shm_toc_estimate_chunk(&e, sizeof(CfWorkerHeader));
	shm_toc_estimate_chunk(&e, settings);
	shm_toc_estimate_chunk(&e, QUEUE_SIZE);
	shm_toc_estimate_keys(&e, 3);
	if (header->has_input)
	{
		shm_toc_estimate_chunk(&e, INPUT_SIZE);
		shm_toc_estimate_keys(&e, 1);
	}
	estimate_string(&e, version);
	estimate_string(&e, direction);
	estimate_string(&e, search_path);
	estimate_string(&e, payload);
	size = shm_toc_estimate(&e);

	worker->segment = dsm_create(size, 0);
	/* It must outlive the transactions of a CALL. */
	dsm_pin_mapping(worker->segment);
	toc = shm_toc_create(CF_WORKER_MAGIC, dsm_segment_address(worker->segment), size);
	copy = shm_toc_allocate(toc, sizeof(CfWorkerHeader));
	*copy = *header;
	shm_toc_insert(toc, CF_KEY_HEADER, copy);
	space = shm_toc_allocate(toc, settings);
	SerializeGUCState(settings, space);
	shm_toc_insert(toc, CF_KEY_SETTINGS, space);
	put_string(toc, CF_KEY_VERSION, version);
	put_string(toc, CF_KEY_DIRECTION, direction);
	put_string(toc, CF_KEY_SEARCH_PATH, search_path);
	put_string(toc, CF_KEY_PAYLOAD, payload);
	queue = shm_mq_create(shm_toc_allocate(toc, QUEUE_SIZE), QUEUE_SIZE);
	shm_toc_insert(toc, CF_KEY_QUEUE, queue);
	shm_mq_set_receiver(queue, MyProc);
	worker->queue = shm_mq_attach(queue, worker->segment, NULL);
	if (header->has_input)
	{
		queue = shm_mq_create(shm_toc_allocate(toc, INPUT_SIZE), INPUT_SIZE);
		shm_toc_insert(toc, CF_KEY_INPUT, queue);
		shm_mq_set_sender(queue, MyProc);
		worker->input = shm_mq_attach(queue, worker->segment, NULL);
	}
}

/*
 * Starts a worker. Returns NULL when the server has no free slot for one.
 */
CfWorker *
cf_worker_start(MemoryContext context, CfWorkerHeader *header, const char *version,
				const char *direction, const char *search_path, const char *payload)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	CfWorker *worker = palloc0(sizeof(CfWorker));
	BackgroundWorker bgw = {0};

	worker->context = context;
	if (!OidIsValid(header->database))
		header->database = MyDatabaseId;
	header->encoding = GetDatabaseEncoding();
	if (!OidIsValid(header->session_user))
		header->session_user = GetSessionUserId();
	header->current_user = GetUserId();
	make_segment(worker, header, version, direction, search_path, payload);

	bgw.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	bgw.bgw_start_time = BgWorkerStart_RecoveryFinished;
	bgw.bgw_restart_time = BGW_NEVER_RESTART;
	bgw.bgw_notify_pid = MyProcPid;
	bgw.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(worker->segment));
	strlcpy(bgw.bgw_library_name, CF_LIBRARY_NAME, sizeof(bgw.bgw_library_name));
	strlcpy(bgw.bgw_function_name, "cf_worker_main", BGW_MAXLEN);
	snprintf(bgw.bgw_name, BGW_MAXLEN, "confiture worker for PID %d", MyProcPid);
	strlcpy(bgw.bgw_type, "confiture worker", BGW_MAXLEN);
	if (!RegisterDynamicBackgroundWorker(&bgw, &worker->handle))
	{
		dsm_detach(worker->segment);
		MemoryContextSwitchTo(old);
		return NULL;
	}
	shm_mq_set_handle(worker->queue, worker->handle);
	if (worker->input)
		shm_mq_set_handle(worker->input, worker->handle);
	on_dsm_detach(worker->segment, cancel_at_exit, PointerGetDatum(worker));
	MemoryContextSwitchTo(old);
	return worker;
}

/* Copies the value that a message holds, to where a Datum may point. */
static void *
copy_value(StringInfo msg)
{
	Size size = msg->len - msg->cursor;
	void *value = MemoryContextAllocHuge(CurrentMemoryContext, size);

	memcpy(value, msg->data + msg->cursor, size);
	return value;
}

/* Handles one message of the worker: an error is kept, a notice goes on. */
static void
handle_message(CfWorker *worker, void *data, Size size)
{
	MemoryContext old = MemoryContextSwitchTo(worker->context);
	StringInfoData msg;
	ErrorData edata;

	initStringInfo(&msg);
	appendBinaryStringInfo(&msg, data, size);
	switch (pq_getmsgbyte(&msg))
	{
		case 'E':
			pq_parse_errornotice(&msg, &edata);
			if (worker->failure == NULL)
			{
				worker->failure = palloc(sizeof(ErrorData));
				*worker->failure = edata;
				/* Let it look as if it had been raised here. */
				worker->failure->elevel = ERROR;
				worker->failure->output_to_server = true;
				worker->failure->output_to_client = true;
				worker->failure->assoc_context = worker->context;
			}
			break;
		case 'N':
			pq_parse_errornotice(&msg, &edata);
			ThrowErrorData(&edata);
			break;
		case 'D':
			worker->result = pstrdup(pq_getmsgrawstring(&msg));
			break;
		case 'B':
			worker->values = lappend(worker->values, size > 1 ? copy_value(&msg) : NULL);
			break;
		case 'Z':
			worker->completed = true;
			break;
		default:
			break;
	}
	MemoryContextSwitchTo(old);
}

/* Handles what has come in. Returns false once the worker is gone. */
static bool
drain_queue(CfWorker *worker)
{
	for (;;)
	{
		Size size;
		void *data;

		switch (shm_mq_receive(worker->queue, &size, &data, true))
		{
			case SHM_MQ_SUCCESS:
				handle_message(worker, data, size);
				break;
			case SHM_MQ_WOULD_BLOCK:
				return true;
			case SHM_MQ_DETACHED:
				return false;
		}
	}
}

/* How long what comes after a cancel request may be the same one, in milliseconds. */
#define SAME_REQUEST_MS 100

/*
 * Lets a cancel request of the client reach the worker: it stops its
 * statement, cleans up and reports. A second request stops waiting for that,
 * or the worker that cleans up.
 *
 * For one request the postmaster sends two signals, to the process and to its
 * group. When this process gets to run in between, the second one is no
 * request of its own.
 */
static void
pass_on_cancel(CfWorker *worker, ErrorData **cancelled)
{
	static TimestampTz requested = 0;
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		CHECK_FOR_INTERRUPTS();
	}
	PG_CATCH();
	{
		TimestampTz now = GetCurrentTimestamp();
		bool same = geterrcode() == ERRCODE_QUERY_CANCELED &&
					!TimestampDifferenceExceeds(requested, now, SAME_REQUEST_MS);

		if (*cancelled && !same)
			PG_RE_THROW();
		if (!same)
		{
			requested = now;
			MemoryContextSwitchTo(worker->context);
			*cancelled = CopyErrorData();
			(void) kill(worker->pid, SIGINT);
		}
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}

/*
 * Waits until the worker has ended, at most until a deadline (0: for ever).
 * Raises no error of the worker's own: it is in worker->failure.
 */
void
cf_worker_wait(CfWorker *worker, TimestampTz deadline)
{
	ErrorData *cancelled = NULL;

	while (drain_queue(worker))
	{
		if (deadline && GetCurrentTimestamp() >= deadline)
			break;
		if (worker->pid == 0)
			(void) GetBackgroundWorkerPid(worker->handle, &worker->pid);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 worker->pid == 0 ? 10L : 1000L, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		if (worker->pid != 0)
			pass_on_cancel(worker, &cancelled);
	}
	if (worker->completed)
		worker->cancel = cancelled;
	if (cancelled == NULL || worker->completed)
		return;
	/* Why it was cancelled, this session knows; where, the worker does. */
	if (worker->failure && worker->failure->sqlerrcode == ERRCODE_QUERY_CANCELED)
	{
		cancelled->context = worker->failure->context;
		cancelled->internalquery = worker->failure->internalquery;
	}
	if (worker->failure == NULL || worker->failure->sqlerrcode == ERRCODE_QUERY_CANCELED)
		worker->failure = cancelled;
}

/* Gives the shared memory back; stops a worker that still works. */
void
cf_worker_end(CfWorker *worker)
{
	if (!worker->completed && worker->failure == NULL)
		TerminateBackgroundWorker(worker->handle);
	worker->completed = true;
	dsm_detach(worker->segment);
}

/* Says that there is no slot for a worker. */
void
cf_raise_no_worker(void)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_CF_NO_WORKER), errmsg("the server has no free background worker"),
		 errdetail("max_worker_processes is %d; all are taken.", max_worker_processes),
		 errhint(
			 "Raise max_worker_processes (needs a restart), or try again when other workers have ended.")));
}

/* Why a worker has not done its work, when it does not say so itself. */
typedef enum NoWork
{
	NO_SLOT,
	WORKER_DIED
} NoWork;

/* Makes the error for it. */
static ErrorData *
no_work_error(NoWork why, const char *version, MemoryContext context)
{
	ErrorData *volatile edata = NULL;
	MemoryContext old = CurrentMemoryContext;

	PG_TRY();
	{
		if (why == NO_SLOT)
			cf_raise_no_worker();
		ereport(
			ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("the background worker ended before migration %s was done", version),
			 errdetail(
				 "Statements that had ended are on record; the one that was running may have ended or not."),
			 errhint("See the server's log, then run again: it goes on where it stopped.")));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return edata;
}

/* Waits until a worker has ended and nobody sees it any more; ends it on error. */
void
cf_worker_finish(CfWorker *worker)
{
	PG_TRY();
	{
		cf_worker_wait(worker, 0);
		(void) WaitForBackgroundWorkerShutdown(worker->handle);
	}
	PG_CATCH();
	{
		cf_worker_end(worker);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* Waits for a worker without holding a snapshot. Its lock must be free before the next one wants it. */
static void
wait_without_snapshot(CfWorker *worker)
{
	InvalidateCatalogSnapshot();
	if (HaveRegisteredOrActiveSnapshot())
		elog(ERROR, "a snapshot is held while waiting for a worker");
	cf_worker_finish(worker);
}

/*
 * Runs a migration in a worker, statement by statement. The caller is a
 * non-atomic procedure that is connected to SPI and has just committed.
 * Raises the worker's error after putting it on record.
 */
void
cf_run_in_worker(const char *version, const char *name, const char *direction, int ordinal, int of,
				 const char *search_path, MemoryContext context)
{
	CfWorkerHeader header = {.task = CF_TASK_MIGRATION, .ordinal = ordinal, .of = of};
	TimestampTz started = GetCurrentTimestamp();
	CfWorker *worker;
	ErrorData *failure;

	cf_note_current(version, name, direction);
	(void) cf_try_lock(CF_LOCK_RUN, ExclusiveLock, false);
	worker = cf_worker_start(context, &header, version, direction, search_path, NULL);
	if (worker == NULL)
		failure = no_work_error(NO_SLOT, version, context);
	else
	{
		wait_without_snapshot(worker);
		failure = worker->failure;
		if (failure == NULL && !worker->completed)
			failure = no_work_error(WORKER_DIED, version, context);
		cf_worker_end(worker);
	}
	if (failure)
	{
		cf_trim_error_context(failure);
		SPI_rollback();
		cf_fail(failure, started, search_path);
	}
	SPI_commit();
	cf_note_current(NULL, NULL, direction);
}

/*
 * Puts a failure on record from a transaction that will be rolled back.
 * Waits a bounded time; a failure to do so is a warning.
 */
void
cf_log_failure_in_worker(const char *payload)
{
	CfWorkerHeader header = {.task = CF_TASK_FAILURE};
	CfWorker *worker = cf_worker_start(CurrentMemoryContext, &header, NULL, NULL,
									   GetConfigOption("search_path", false, false), payload);
	const char *reason = NULL;

	if (worker == NULL)
		reason = "The server has no free background worker.";
	else
	{
		cf_worker_wait(worker, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FAILURE_WAIT_MS));
		if (worker->failure)
			reason = worker->failure->message;
		else if (!worker->completed)
			reason = "The background worker did not end in time.";
		cf_worker_end(worker);
	}
	if (reason)
		cf_warn_not_recorded(reason);
}
