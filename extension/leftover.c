/*-------------------------------------------------------------------------
 *
 * leftover.c
 *	  What a statement that runs outside of a transaction leaves behind when
 *	  it fails, is cancelled, or dies with the server; and how to go on.
 *
 * Called in the background worker, outside of any transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/dbcommands.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "worker.h"

/* Invalid indexes of the statement's table that were there before it ran. */
static List *known_invalid = NIL;

/* Finds the table that a statement builds or rebuilds indexes of, or 0. */
static Oid
indexed_table(Node *stmt)
{
	Oid relid;

	if (IsA(stmt, IndexStmt))
		return RangeVarGetRelid(((IndexStmt *) stmt)->relation, NoLock, true);
	if (!IsA(stmt, ReindexStmt) || ((ReindexStmt *) stmt)->relation == NULL)
		return InvalidOid;
	relid = RangeVarGetRelid(((ReindexStmt *) stmt)->relation, NoLock, true);
	if (OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_INDEX)
		relid = IndexGetRelation(relid, true);
	return relid;
}

/*
 * Lists the invalid indexes of a table. Reads the catalog, without a lock on
 * the table: whoever waits for it must not hide them.
 */
static List *
invalid_indexes(Oid table)
{
	List *result = NIL;
	Relation pg_index;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	if (!OidIsValid(table))
		return NIL;
	pg_index = table_open(IndexRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(table));
	scan = systable_beginscan(pg_index, IndexIndrelidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);

		if (!index->indisvalid)
			result = lappend_oid(result, index->indexrelid);
	}
	systable_endscan(scan);
	table_close(pg_index, AccessShareLock);
	return result;
}

/* Runs one statement of ours at the top level. */
static void
run_statement(const char *sql)
{
	CfScript *script;
	CfCost cost = {0};

	StartTransactionCommand();
	MemoryContextSwitchTo(TopMemoryContext);
	script = cf_script_parse(sql, strlen(sql), "script, clean-up");
	CommitTransactionCommand();
	cf_execute_top_level(script, &script->statements[0], &cost);
	cf_script_free(script);
}

/* Returns the qualified, quoted name of a relation. */
static char *
qualified_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/*
 * Drops an invalid index. Returns false, after a warning with its name, when
 * that could not be done.
 */
static bool
drop_invalid_index(const char *name)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool ok = true;

	PG_TRY();
	{
		run_statement(psprintf("DROP INDEX CONCURRENTLY IF EXISTS %s", name));
	}
	PG_CATCH();
	{
		ErrorData *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		MemoryContextSwitchTo(context);
		ereport(
			WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("invalid index %s is left behind", name),
			 errdetail("Dropping it failed: %s", edata->message),
			 errhint(
				 "The next run drops it before it tries again. To drop it yourself: DROP INDEX CONCURRENTLY %s;",
				 name)));
		ok = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return ok;
}

/* Lists the names of invalid indexes that the statement has left. */
static List *
new_invalid_indexes(Node *stmt)
{
	MemoryContext context = CurrentMemoryContext;
	List *names = NIL;
	ListCell *lc;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	foreach (lc, invalid_indexes(indexed_table(stmt)))
	{
		MemoryContext old;

		if (list_member_oid(known_invalid, lfirst_oid(lc)))
			continue;
		old = MemoryContextSwitchTo(context);
		names = lappend(names, qualified_name(lfirst_oid(lc)));
		MemoryContextSwitchTo(old);
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return names;
}

/* Looks at the index that CREATE INDEX is to make. */
typedef enum IndexState
{
	INDEX_MISSING,
	INDEX_INVALID,
	INDEX_VALID
} IndexState;

static IndexState
index_state(IndexStmt *stmt, char **name)
{
	MemoryContext context = CurrentMemoryContext;
	IndexState state = INDEX_MISSING;
	Oid table, index;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	table = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (OidIsValid(table) && stmt->idxname)
	{
		index = get_relname_relid(stmt->idxname, get_rel_namespace(table));
		if (OidIsValid(index) && get_rel_relkind(index) == RELKIND_INDEX &&
			IndexGetRelation(index, true) == table)
		{
			state = get_index_isvalid(index) ? INDEX_VALID : INDEX_INVALID;
			MemoryContextSwitchTo(context);
			*name = qualified_name(index);
		}
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return state;
}

/* Raises the error for a statement of which nothing can be said. */
static void
in_doubt(const CfStatement *stmt)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_CF_IN_DOUBT),
		 errmsg(
			 "statement %d (%s) of the last run was interrupted: it may have been completed or not",
			 stmt->ordinal, GetCommandTagName(stmt->tag)),
		 errhint(
			 "Look whether it took effect. Then SELECT confiture.resolve(version, completed => true or false), and run again.")));
}

/* Tells whether all the relations that a DROP names are gone. */
static bool
all_dropped(DropStmt *stmt)
{
	ListCell *lc;
	bool gone = true;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	foreach (lc, stmt->objects)
		if (OidIsValid(
				RangeVarGetRelid(makeRangeVarFromNameList((List *) lfirst(lc)), NoLock, true)))
			gone = false;
	PopActiveSnapshot();
	CommitTransactionCommand();
	return gone;
}

/* How far a DETACH PARTITION CONCURRENTLY is. */
typedef enum DetachState
{
	DETACH_UNKNOWN, /* there are no such tables */
	DETACH_ATTACHED,
	DETACH_PENDING,
	DETACH_DONE
} DetachState;

static DetachState
detach_state(AlterTableStmt *stmt, char **finalize)
{
	PartitionCmd *cmd = (PartitionCmd *) ((AlterTableCmd *) linitial(stmt->cmds))->def;
	MemoryContext context = CurrentMemoryContext;
	DetachState state = DETACH_UNKNOWN;
	Oid parent, partition;

	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	parent = RangeVarGetRelid(stmt->relation, NoLock, true);
	partition = RangeVarGetRelid(cmd->name, NoLock, true);
	if (OidIsValid(parent) && OidIsValid(partition))
	{
		state = DETACH_DONE;
		if (get_rel_relispartition(partition) && get_partition_parent(partition, true) == parent)
			state = PartitionHasPendingDetach(partition) ? DETACH_PENDING : DETACH_ATTACHED;
		MemoryContextSwitchTo(context);
		*finalize = psprintf("ALTER TABLE %s DETACH PARTITION %s FINALIZE", qualified_name(parent),
							 qualified_name(partition));
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return state;
}

/* Finishes a DETACH PARTITION CONCURRENTLY that is half done. */
static bool
detach_completed(AlterTableStmt *stmt)
{
	char *finalize;

	switch (detach_state(stmt, &finalize))
	{
		case DETACH_PENDING:
			run_statement(finalize);
			return true;
		case DETACH_DONE:
			return true;
		default:
			return false;
	}
}

/* Tells whether a database or tablespace exists. */
static bool
exists(Oid (*lookup)(const char *name, bool missing_ok), const char *name)
{
	bool found;

	StartTransactionCommand();
	found = OidIsValid(lookup(name, true));
	CommitTransactionCommand();
	return found;
}

/*
 * Raises the error that a statement would raise at once, before it is marked
 * as started: after a crash the mark means that it may have taken effect.
 */
static void
refuse_futile(const CfStatement *stmt)
{
	Node *node = stmt->raw->stmt;
	char *ignored;

	if (IsA(node, IndexStmt) && ((IndexStmt *) node)->idxname &&
		!((IndexStmt *) node)->if_not_exists &&
		index_state((IndexStmt *) node, &ignored) == INDEX_VALID)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE),
						errmsg("relation \"%s\" already exists", ((IndexStmt *) node)->idxname)));
	if (IsA(node, DropStmt) && !((DropStmt *) node)->missing_ok && all_dropped((DropStmt *) node))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("index \"%s\" does not exist",
							   NameListToString((List *) linitial(((DropStmt *) node)->objects)))));
	if (IsA(node, AlterTableStmt) && detach_state((AlterTableStmt *) node, &ignored) == DETACH_DONE)
		ereport(
			ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation \"%s\" is not a partition of relation \"%s\"",
					((PartitionCmd *) ((AlterTableCmd *) linitial(((AlterTableStmt *) node)->cmds))
						 ->def)
						->name->relname,
					((AlterTableStmt *) node)->relation->relname)));
	if (IsA(node, CreatedbStmt) && exists(get_database_oid, ((CreatedbStmt *) node)->dbname))
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_DATABASE),
						errmsg("database \"%s\" already exists", ((CreatedbStmt *) node)->dbname)));
	if (IsA(node, DropdbStmt) && !((DropdbStmt *) node)->missing_ok &&
		!exists(get_database_oid, ((DropdbStmt *) node)->dbname))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_DATABASE),
						errmsg("database \"%s\" does not exist", ((DropdbStmt *) node)->dbname)));
}

/*
 * Makes the way free for a statement: drops an invalid index of the same name
 * that an earlier failure has left (IF NOT EXISTS would take it for done),
 * and notes which invalid indexes are not its own.
 */
void
cf_check_can_start(const CfStatement *stmt)
{
	Node *node = stmt->raw->stmt;
	char *name;
	MemoryContext old;

	if (IsA(node, IndexStmt) && index_state((IndexStmt *) node, &name) == INDEX_INVALID)
	{
		ereport(NOTICE, (errmsg("dropping invalid index %s of an earlier failure", name)));
		run_statement(psprintf("DROP INDEX CONCURRENTLY IF EXISTS %s", name));
	}

	refuse_futile(stmt);

	list_free(known_invalid);
	known_invalid = NIL;
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	old = MemoryContextSwitchTo(TopMemoryContext);
	known_invalid = invalid_indexes(indexed_table(node));
	MemoryContextSwitchTo(old);
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/*
 * Drops the invalid copies that an interrupted REINDEX CONCURRENTLY has left:
 * the server names them *_ccnew and *_ccold.
 */
static void
drop_transient_indexes(Node *stmt)
{
	List *names;
	ListCell *lc;

	list_free(known_invalid);
	known_invalid = NIL;
	names = new_invalid_indexes(stmt);
	foreach (lc, names)
	{
		const char *name = (const char *) lfirst(lc);

		if (strstr(name, "_ccnew") || strstr(name, "_ccold"))
			(void) drop_invalid_index(name);
	}
}

/*
 * Finds out whether a statement that was started has been completed. False
 * means that it may be run again. Raises CF012 when it can't be told.
 */
bool
cf_was_completed(const CfStatement *stmt, int ordinal)
{
	Node *node = stmt->raw->stmt;
	char *name;

	switch (nodeTag(node))
	{
		case T_IndexStmt:
			if (((IndexStmt *) node)->idxname == NULL)
				in_doubt(stmt);
			return index_state((IndexStmt *) node, &name) == INDEX_VALID;
		case T_DropStmt:
			return all_dropped((DropStmt *) node);
		case T_AlterTableStmt:
			return detach_completed((AlterTableStmt *) node);
		case T_CreatedbStmt:
			return exists(get_database_oid, ((CreatedbStmt *) node)->dbname);
		case T_DropdbStmt:
			return !exists(get_database_oid, ((DropdbStmt *) node)->dbname);
		case T_CreateTableSpaceStmt:
			return exists(get_tablespace_oid, ((CreateTableSpaceStmt *) node)->tablespacename);
		case T_DropTableSpaceStmt:
			return !exists(get_tablespace_oid, ((DropTableSpaceStmt *) node)->tablespacename);
		case T_ReindexStmt:
			drop_transient_indexes(node);
			return false;
		case T_VacuumStmt:
		case T_ClusterStmt:
		case T_AlterSystemStmt:
		case T_AlterDatabaseStmt:
		case T_DiscardStmt:
			/* Running them twice does what running them once does. */
			return false;
		default:
			in_doubt(stmt);
			return false;
	}
}

/*
 * Cleans up after a statement that has failed. Returns false when it may be
 * half done, so that the next run has to look at it. Names of invalid indexes
 * that could not be dropped are added to leftovers.
 */
bool
cf_clean_up(const CfStatement *stmt, List **leftovers)
{
	Node *node = stmt->raw->stmt;
	char *finalize;
	ListCell *lc;

	foreach (lc, new_invalid_indexes(node))
		if (!drop_invalid_index((char *) lfirst(lc)))
			*leftovers = lappend(*leftovers, lfirst(lc));
	/* A DETACH that is half done is finished by the next run. */
	return !IsA(node, AlterTableStmt) ||
		   detach_state((AlterTableStmt *) node, &finalize) != DETACH_PENDING;
}

/*
 * Drops what an earlier failure could not: indexes of these names, if they are
 * still there and still invalid.
 */
void
cf_drop_leftovers(List *names)
{
	MemoryContext context = CurrentMemoryContext;
	ListCell *lc;

	foreach (lc, names)
	{
		const char *name = (const char *) lfirst(lc);
		Oid relid;
		bool invalid;

		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		relid = RangeVarGetRelid(makeRangeVarFromNameList(stringToQualifiedNameList_compat(name)),
								 NoLock, true);
		invalid = OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_INDEX &&
				  !get_index_isvalid(relid);
		PopActiveSnapshot();
		CommitTransactionCommand();
		MemoryContextSwitchTo(context);
		if (!invalid)
			continue;
		ereport(NOTICE, (errmsg("dropping invalid index %s of an earlier failure", name)));
		run_statement(psprintf("DROP INDEX CONCURRENTLY IF EXISTS %s", name));
	}
}
