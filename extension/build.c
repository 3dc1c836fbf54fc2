/*-------------------------------------------------------------------------
 *
 * build.c
 *	  What the SQL functions of a build need from C.
 *
 * A function can't make a database, and can't run in another one: background
 * workers do both, as the role that calls. sql/60_build.sql says what happens
 * when; here are its tools: statements at the top level, the files run in a
 * database, and locks that count in all databases of the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "build.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(confiture_top_level);
PG_FUNCTION_INFO_V1(confiture_build_check);
PG_FUNCTION_INFO_V1(confiture_build_run);
PG_FUNCTION_INFO_V1(confiture_build_lock);
PG_FUNCTION_INFO_V1(confiture_build_unlock);

/* Names of databases are locked in a key space of their own: field 4 of the tag. */
#define BUILD_LOCK_SPACE 0x6366

/* A lock that this session holds. */
typedef struct HeldLock
{
	LOCKTAG tag;
	LOCKMODE mode;
} HeldLock;

static List *held_locks = NIL;

/*
 * Starts a worker. What a file says must not get it more rights than the
 * caller has: RESET ROLE leads to the role that the worker has connected as.
 */
CfWorker *
cf_start_build_worker(CfWorkerHeader *header, const char *payload)
{
	CfWorker *worker;

	if (InSecurityRestrictedOperation())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("cannot build within a security-restricted operation")));
	/* A function with the rights of its owner: it can't SET ROLE either. */
	if (InLocalUserIdChange())
		header->session_user = GetUserId();
	worker = cf_worker_start(CurrentMemoryContext, header, NULL, NULL, NULL, payload);
	if (worker == NULL)
		cf_raise_no_worker();
	return worker;
}

/*
 * Waits until a worker has ended, raises the error that it has ended with if
 * it has, and returns what it has said.
 */
char *
cf_finish_build_worker(CfWorker *worker, bool hide_place)
{
	ErrorData *failure;
	bool completed;
	char *result;

	cf_worker_finish(worker);
	failure = worker->failure;
	completed = worker->completed;
	result = worker->result;
	cf_worker_end(worker);
	if (failure)
	{
		/* Where in our own statements it was helps nobody. */
		if (hide_place)
		{
			failure->context = failure->internalquery = NULL;
			failure->internalpos = 0;
		}
		ReThrowError(failure);
	}
	if (!completed)
		ereport(ERROR, (errcode(ERRCODE_CONNECTION_FAILURE),
						errmsg("the background worker ended before its work was done"),
						errhint("See the server's log, then try again.")));
	/* There is more to come after this worker, which is cancelled too. */
	if (worker->cancel)
		ReThrowError(worker->cancel);
	return result;
}

/*
 * SELECT confiture._top_level(script): runs statements in a worker, each in a
 * transaction of its own, committed whatever becomes of the caller's.
 */
Datum
confiture_top_level(PG_FUNCTION_ARGS)
{
	char *script = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CfWorkerHeader header = {.task = CF_TASK_TOP_LEVEL};
	CfWorker *worker = cf_start_build_worker(&header, script);

	(void) cf_finish_build_worker(worker, true);
	/* What it has done is seen from now on. */
	AcceptInvalidationMessages();
	PG_RETURN_VOID();
}

/* Reads a text[] without NULLs. */
static Datum *
read_texts(ArrayType *array, int *count)
{
	Datum *texts;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, count);
	return texts;
}

/*
 * SELECT confiture._build_check(paths, texts): parses all files, so that a
 * mistake shows before anything is made. Returns how many statements there are.
 */
Datum
confiture_build_check(PG_FUNCTION_ARGS)
{
	int count, ntexts, statements = 0;
	Datum *paths = read_texts(PG_GETARG_ARRAYTYPE_P(0), &count);
	Datum *texts = read_texts(PG_GETARG_ARRAYTYPE_P(1), &ntexts);

	for (int i = 0; i < count && i < ntexts; i++)
	{
		text *content = DatumGetTextPP(texts[i]);
		CfScript *script = cf_build_parse(TextDatumGetCString(paths[i]), VARDATA_ANY(content),
										  VARSIZE_ANY_EXHDR(content));

		statements += script->count;
		cf_script_free(script);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_INT32(statements);
}

/* Sends one message; false when the worker is gone. */
static bool
send_message(CfWorker *worker, StringInfo message)
{
	return shm_mq_send(worker->input, message->len, message->data, false, true) == SHM_MQ_SUCCESS;
}

/* Sends the files to the worker, and that there are no more. */
static void
send_files(CfWorker *worker, Datum *paths, Datum *texts, int count)
{
	StringInfoData message;

	initStringInfo(&message);
	for (int i = 0; i < count; i++)
	{
		char *path = TextDatumGetCString(paths[i]);
		text *content = DatumGetTextPP(texts[i]);

		resetStringInfo(&message);
		appendStringInfoChar(&message, 'F');
		appendBinaryStringInfo(&message, path, strlen(path) + 1);
		appendBinaryStringInfo(&message, VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content));
		appendStringInfoChar(&message, '\0');
		if (!send_message(worker, &message))
			return;
	}
	resetStringInfo(&message);
	appendStringInfoChar(&message, 'E');
	(void) send_message(worker, &message);
	pfree(message.data);
}

/*
 * SELECT confiture._build_run(database, paths, texts, migrations): runs files
 * in another database. migrations is the text of a jsonb array, "-" for the
 * extension alone, or NULL. Returns the report as jsonb.
 */
Datum
confiture_build_run(PG_FUNCTION_ARGS)
{
	char *database = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *payload = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	CfWorkerHeader header = {.task = CF_TASK_BUILD, .has_input = true};
	int count, ntexts;
	Datum *paths = read_texts(PG_GETARG_ARRAYTYPE_P(1), &count);
	Datum *texts = read_texts(PG_GETARG_ARRAYTYPE_P(2), &ntexts);
	CfWorker *worker;
	char *report;

	Assert(count == ntexts);
	header.database = get_database_oid(database, false);
	worker = cf_start_build_worker(&header, payload);
	PG_TRY();
	{
		send_files(worker, paths, texts, count);
	}
	PG_CATCH();
	{
		cf_worker_end(worker);
		PG_RE_THROW();
	}
	PG_END_TRY();
	report = cf_finish_build_worker(worker, false);
	if (report == NULL)
		elog(ERROR, "the worker has sent no report");
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(report)));
}

/* Makes the tag of the lock on the name of a database. */
static LOCKTAG
name_tag(const char *name)
{
	LOCKTAG tag;
	uint64 hash = hash_bytes_extended((const unsigned char *) name, strlen(name), 0);

	/* No database in it: all sessions of the server meet here. */
	SET_LOCKTAG_ADVISORY(tag, InvalidOid, (uint32) (hash >> 32), (uint32) hash, BUILD_LOCK_SPACE);
	return tag;
}

/*
 * SELECT confiture._build_lock(name, exclusive, wait): locks the name of a
 * database that is being made, for the session. Returns whether it has it.
 */
Datum
confiture_build_lock(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	LOCKMODE mode = PG_GETARG_BOOL(1) ? ExclusiveLock : ShareLock;
	MemoryContext old;
	HeldLock *held;
	LOCKTAG tag = name_tag(name);

	if (LockAcquire(&tag, mode, true, !PG_GETARG_BOOL(2)) == LOCKACQUIRE_NOT_AVAIL)
		PG_RETURN_BOOL(false);
	old = MemoryContextSwitchTo(TopMemoryContext);
	held = palloc(sizeof(HeldLock));
	*held = (HeldLock) {.tag = tag, .mode = mode};
	held_locks = lappend(held_locks, held);
	MemoryContextSwitchTo(old);
	PG_RETURN_BOOL(true);
}

/*
 * SELECT confiture._build_unlock(name, exclusive): gives a lock back, or, with
 * name NULL, all that this session has.
 */
Datum
confiture_build_unlock(PG_FUNCTION_ARGS)
{
	bool all = PG_ARGISNULL(0);
	LOCKTAG tag = {0};
	LOCKMODE mode = NoLock;
	ListCell *lc;

	if (!all)
	{
		tag = name_tag(text_to_cstring(PG_GETARG_TEXT_PP(0)));
		mode = PG_GETARG_BOOL(1) ? ExclusiveLock : ShareLock;
	}
	foreach (lc, held_locks)
	{
		HeldLock *held = (HeldLock *) lfirst(lc);

		if (!all && (held->mode != mode || memcmp(&held->tag, &tag, sizeof(tag)) != 0))
			continue;
		(void) LockRelease(&held->tag, held->mode, true);
		held_locks = foreach_delete_current(held_locks, lc);
		pfree(held);
		if (!all)
			break;
	}
	PG_RETURN_VOID();
}
