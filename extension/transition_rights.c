/*-------------------------------------------------------------------------
 *
 * transition_rights.c
 *	  With whose rights a transition runs what is not its own.
 *
 * Who moves a transition on may have more rights than who has made it, or
 * owns its tables: a superuser, for example. Expressions of a mapping, checks,
 * defaults, functions of indexes, triggers, and what all those call, are
 * theirs. So they are run as the server runs them in maintenance, in REINDEX
 * or ANALYZE: as the owner of the table, in a security-restricted operation,
 * with a search_path that finds nothing but the server's own, and what they set
 * is taken back.
 *
 * After an error the end of the transaction or subtransaction puts everything
 * back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "transition.h"

PG_FUNCTION_INFO_V1(confiture_as_owner);
PG_FUNCTION_INFO_V1(confiture_do_as_owner);
PG_FUNCTION_INFO_V1(confiture_digest_as_owner);

/* Becomes a role that the caller has the rights of. Leaves settings alone. */
static void
become(CfRights *rights, Oid owner)
{
	GetUserIdAndSecContext(&rights->role, &rights->context);
	SetUserIdAndSecContext(owner, rights->context | SECURITY_LOCAL_USERID_CHANGE |
									  SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	rights->nest = 0;
}

/* Lets names be looked up in pg_catalog only, until everything is put back. */
static void
pin_search_path(CfRights *rights)
{
	rights->nest = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Becomes a role that the caller has the rights of, until cf_rights_leave(). */
void
cf_rights_enter(CfRights *rights, Oid owner)
{
	become(rights, owner);
	pin_search_path(rights);
}

/* Becomes the owner of the table that a sink writes: for one row, so that it costs nothing where it can. */
void
cf_rights_enter_sink(CfRights *rights, CfSink *sink)
{
	become(rights, sink->rel->rd_rel->relowner);
	if (sink->route->foreign_code && !sink->pinned)
		pin_search_path(rights);
}

/* Becomes who it was before, and takes back what was set meanwhile. */
void
cf_rights_leave(const CfRights *rights)
{
	if (rights->nest > 0)
		AtEOXact_GUC(false, rights->nest);
	SetUserIdAndSecContext(rights->role, rights->context);
}

/* Returns the owner of a relation. Raises an error unless the caller has that role's rights. */
Oid
cf_rights_owner(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	if (!has_privs_of_role(GetUserId(), owner))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
	return owner;
}

/* Keeps the rows of a query. */
typedef struct Keeper
{
	DestReceiver receiver; /* must be first */
	Tuplestorestate *rows;
	TupleDesc desc;
	MemoryContext context;
} Keeper;

static void
start_keeping(DestReceiver *self, int operation, TupleDesc desc)
{
	Keeper *keeper = (Keeper *) self;
	MemoryContext caller = MemoryContextSwitchTo(keeper->context);

	keeper->desc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(caller);
}

static bool
keep_row(TupleTableSlot *slot, DestReceiver *self)
{
	tuplestore_puttupleslot(((Keeper *) self)->rows, slot);
	return true;
}

/* Hashes the rows of a query. */
typedef struct Digester
{
	DestReceiver receiver; /* must be first */
	CfDigest *digest;
	MemoryContext each; /* for one row */
	uint64 sum;
	uint64 rows;
} Digester;

static void
start_digesting(DestReceiver *self, int operation, TupleDesc desc)
{
	((Digester *) self)->digest = cf_digest_start(desc, CurrentMemoryContext);
}

static bool
digest_row(TupleTableSlot *slot, DestReceiver *self)
{
	Digester *digester = (Digester *) self;
	MemoryContext caller = MemoryContextSwitchTo(digester->each);

	slot_getallattrs(slot);
	digester->sum += cf_digest_values(digester->digest, slot->tts_values, slot->tts_isnull);
	digester->rows++;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(digester->each);
	return true;
}

static void
do_nothing(DestReceiver *self)
{
}

/* A receiver that calls two functions. */
static DestReceiver
receiver(void (*start)(DestReceiver *self, int operation, TupleDesc desc),
		 bool (*receive)(TupleTableSlot *slot, DestReceiver *self))
{
	DestReceiver result = {.receiveSlot = receive,
						   .rStartup = start,
						   .rShutdown = do_nothing,
						   .rDestroy = do_nothing,
						   .mydest = DestNone};

	return result;
}

/*
 * Runs a statement as a role; rows, if it has any, go somewhere. Returns how
 * many. What only reads does so in the snapshot of the caller.
 */
static uint64
run_as(Oid owner, const char *statement, bool read_only, DestReceiver *dest)
{
	CfRights rights;
	uint64 count;

	cf_rights_enter(&rights, owner);
	count = cf_run_query(statement, read_only, dest);
	cf_rights_leave(&rights);
	return count;
}

/* Runs a query as a role, and keeps its rows: it writes, and sees what is committed now. */
static void
run_latest_as(Oid owner, const char *query, Keeper *keeper)
{
	CfRights rights;
	SPIPlanPtr plan;

	cf_rights_enter(&rights, owner);
	SPI_connect();
	plan = SPI_prepare(query, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_execute_snapshot(plan, NULL, NULL, GetLatestSnapshot(), InvalidSnapshot, false, true,
							 0) < 0 ||
		SPI_tuptable == NULL)
		elog(ERROR, "the query of a transition returns nothing");
	start_keeping(&keeper->receiver, 0, SPI_tuptable->tupdesc);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(keeper->rows, SPI_tuptable->vals[i]);
	SPI_finish();
	cf_rights_leave(&rights);
}

/*
 * confiture._as_owner(relation, query, mode): the rows of a query that is run
 * as the owner of a relation, whose rights the caller must have. Modes: read,
 * in the snapshot of the caller; write, in one of its own; latest, write with
 * what is committed now, whatever the isolation level.
 */
Datum
confiture_as_owner(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char *mode = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Oid owner = cf_rights_owner(PG_GETARG_OID(0));
	Keeper keeper = {.receiver = receiver(start_keeping, keep_row)};
	MemoryContext caller;

	if (!result || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in a context that cannot accept a set")));
	keeper.context = result->econtext->ecxt_per_query_memory;
	caller = MemoryContextSwitchTo(keeper.context);
	keeper.rows = tuplestore_begin_heap(true, false, work_mem);
	MemoryContextSwitchTo(caller);
	if (strcmp(mode, "latest") == 0)
		run_latest_as(owner, query, &keeper);
	else
		run_as(owner, query, strcmp(mode, "read") == 0, &keeper.receiver);
	if (keeper.desc == NULL)
		elog(ERROR, "the query of a transition returns nothing");
	result->setDesc = keeper.desc;
	result->returnMode = SFRM_Materialize;
	result->setResult = keeper.rows;
	return (Datum) 0;
}

/*
 * confiture._do_as_owner(relation, statement): runs a statement without rows
 * as the owner of a relation. Returns how many rows it has written.
 */
Datum
confiture_do_as_owner(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) run_as(cf_rights_owner(PG_GETARG_OID(0)),
								   text_to_cstring(PG_GETARG_TEXT_PP(1)), false, None_Receiver));
}

/*
 * confiture._digest_as_owner(relation, query, latest): counts and digests the
 * rows of a query that is run as the owner of a relation; in the snapshot of
 * the caller, or with what is committed now. Done here, since the owner may
 * know nothing of schema confiture.
 */
Datum
confiture_digest_as_owner(PG_FUNCTION_ARGS)
{
	Digester digester = {.receiver = receiver(start_digesting, digest_row)};
	TupleDesc desc;
	Datum values[2];
	bool nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	digester.each =
		AllocSetContextCreate(CurrentMemoryContext, "confiture digest", ALLOCSET_SMALL_SIZES);
	PushActiveSnapshot(PG_GETARG_BOOL(2) ? GetLatestSnapshot() : GetActiveSnapshot());
	run_as(cf_rights_owner(PG_GETARG_OID(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)), true,
		   &digester.receiver);
	PopActiveSnapshot();
	MemoryContextDelete(digester.each);
	values[0] = Int64GetDatum((int64) digester.rows);
	values[1] = Int64GetDatum((int64) digester.sum);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
