/*-------------------------------------------------------------------------
 *
 * build_main.c
 *	  A build in the worker that is connected to the new database: gets the
 *	  files, has them run, writes the ledger, and reports.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "build.h"
#include "json.h"
#include "worker.h"

/* Begins a build as the role that is current, in a context of its own. */
void
cf_build_begin(CfBuild *build)
{
	*build = (CfBuild) {.caller = GetUserId()};
	build->context =
		AllocSetContextCreate(TopMemoryContext, "confiture build", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(build->context);
	initStringInfo(&build->order);
	initStringInfo(&build->moved);
	appendStringInfoChar(&build->order, '[');
	appendStringInfoChar(&build->moved, '[');
	StartTransactionCommand();
	build->caller_is_superuser = superuser_arg(build->caller);
	CommitTransactionCommand();
	MemoryContextSwitchTo(build->context);
}

/* Adds a file to a build. */
void
cf_build_add(CfBuild *build, const char *path, const char *text)
{
	MemoryContext old = MemoryContextSwitchTo(build->context);
	CfBuildFile *file;

	if (build->nfiles == build->maxfiles)
	{
		build->maxfiles = Max(64, build->maxfiles * 2);
		build->files = build->files
						   ? repalloc_huge(build->files, build->maxfiles * sizeof(CfBuildFile))
						   : palloc(build->maxfiles * sizeof(CfBuildFile));
	}
	file = &build->files[build->nfiles++];
	*file = (CfBuildFile) {.block = -1};
	file->path = pstrdup(path);
	file->text = pstrdup(text);
	file->len = strlen(file->text);
	MemoryContextSwitchTo(old);
}

/* Returns the report of a build that has ended, as the text of a JSON object. */
char *
cf_build_report(CfBuild *build)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	cf_json_number(&json, "files", build->nfiles);
	cf_json_number(&json, "statements", (double) build->statements);
	cf_json_number(&json, "rows", (double) build->rows);
	appendStringInfo(&json, ", \"run_order\": %s], \"moved\": %s]}", build->order.data,
					 build->moved.data);
	return json.data;
}

/* Reads the files from the session that asks; the queue ends with an 'E'. */
static void
read_files(CfBuild *build, shm_mq_handle *input)
{
	for (;;)
	{
		Size size;
		void *data;
		const char *message;
		const char *text;

		if (shm_mq_receive(input, &size, &data, false) != SHM_MQ_SUCCESS)
			ereport(ERROR, (errcode(ERRCODE_CONNECTION_FAILURE),
							errmsg("the session that asked for the build is gone")));
		message = (const char *) data;
		if (message[0] == 'E')
			break;
		text = message + 1 + strlen(message + 1) + 1;
		cf_build_add(build, pg_client_to_server(message + 1, strlen(message + 1)),
					 pg_client_to_server(text, strlen(text)));
	}
}

/* Creates the extension before the files. */
static void
create_extension(void)
{
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) SPI_execute("CREATE EXTENSION IF NOT EXISTS confiture", false, 0);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Registers the migrations after the files, all of them as applied. */
static void
write_ledger(const char *migrations)
{
	Oid types[1] = {TEXTOID};
	Datum values[1];

	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	values[0] = CStringGetTextDatum(migrations);
	if (SPI_execute_with_args("SELECT confiture._build_ledger($1::pg_catalog.jsonb)", 1, types,
							  values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._build_ledger() failed");
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Sends what has been done to the session that asks. */
static void
send_report(CfBuild *build)
{
	StringInfoData message;

	pq_beginmessage(&message, 'D');
	/* Converted to what the other session's database is encoded in. */
	pq_sendstring(&message, cf_build_report(build));
	pq_endmessage(&message);
}

/*
 * Builds: receives the files, runs them, reports. payload is the text of the
 * migrations, "-" for the extension alone, or NULL. Called in the worker,
 * outside of any transaction.
 */
void
cf_run_build(const CfWorkerHeader *header, shm_mq_handle *input, const char *payload)
{
	CfBuild build;

	cf_build_begin(&build);
	/* What matters is committed later, and then all before it is on disk too. */
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_OVERRIDE);
	read_files(&build, input);
	if (payload)
		create_extension();
	MemoryContextSwitchTo(build.context);
	cf_build_run_files(&build);
	if (payload && strcmp(payload, "-") != 0)
		write_ledger(payload);
	MemoryContextSwitchTo(build.context);
	send_report(&build);
}
