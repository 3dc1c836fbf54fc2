/*-------------------------------------------------------------------------
 *
 * transition_pair.c
 *	  The pairs of a transition: what their rows say, and whether their tables
 *	  are still there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "transition.h"

/* Reads an array of names out of the row that SPI has found. */
static List *
read_list(int column)
{
	bool isnull;
	Datum array = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
	Datum *elements;
	int count;
	List *list = NIL;

	if (isnull)
		return NIL;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
					  &count);
	for (int i = 0; i < count; i++)
		list = lappend(list, TextDatumGetCString(elements[i]));
	return list;
}

/* Reads an OID out of it. */
static Oid
read_oid(int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(value);
}

/* Reads a value that is never null. */
static Datum
read_datum(int column)
{
	bool isnull;

	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
}

/*
 * Becomes the owner of what is stored of transitions, and sees it as it is
 * now: writers have no rights in schema confiture, and may have taken their
 * snapshot before the pair was there.
 */
static Relation
open_state(Oid *user, int *security)
{
	Oid state = get_relname_relid("transition_table", get_namespace_oid("confiture", false));
	Relation rel = table_open(state, AccessShareLock);

	GetUserIdAndSecContext(user, security);
	SetUserIdAndSecContext(rel->rd_rel->relowner, *security | SECURITY_LOCAL_USERID_CHANGE);
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	return rel;
}

/* Reads the row of a pair. */
void
cf_pair_read(int32 pair, bool back, CfPair *row, MemoryContext context)
{
	Oid types[2] = {INT4OID, BOOLOID};
	Datum values[2] = {Int32GetDatum(pair), BoolGetDatum(back)};
	MemoryContext caller;
	Oid user;
	int security;
	Relation rel = open_state(&user, &security);

	if (SPI_execute_with_args(
			"SELECT t.source::pg_catalog.oid, t.target::pg_catalog.oid, t.log::pg_catalog.oid,"
			" t.source_key, t.target_key,"
			" ARRAY(SELECT e.part FROM pg_catalog.jsonb_each_text(CASE WHEN $2 THEN t.back ELSE t.columns END)"
			" AS c, LATERAL (VALUES (1, c.key), (2, c.value)) AS e (place, part)"
			" ORDER BY c.key, e.place),"
			" ARRAY(SELECT e.part FROM pg_catalog.jsonb_each_text(t.absent)"
			" AS c, LATERAL (VALUES (1, c.key), (2, c.value)) AS e (place, part)"
			" ORDER BY c.key, e.place),"
			" t.condition, t.shape OPERATOR(pg_catalog.=) 'split', t.shape OPERATOR(pg_catalog.=) 'merge', t.main,"
			" coalesce(t.sibling, 0),"
			" (SELECT r.name FROM confiture.transition AS r WHERE r.id OPERATOR(pg_catalog.=) t.transition)"
			" FROM confiture.transition_table AS t WHERE t.id OPERATOR(pg_catalog.=) $1",
			2, types, values, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		ereport(
			ERROR,
			(errcode(ERRCODE_CF_UNKNOWN_TRANSITION),
			 errmsg("a trigger belongs to a transition that is not there"),
			 errhint(
				 "The table was restored from a dump, or the row was removed: drop its triggers confiture_transition and confiture_transition_truncate.")));
	caller = MemoryContextSwitchTo(context);
	row->source = read_oid(1);
	row->target = read_oid(2);
	row->log = read_oid(3);
	row->source_key = read_list(4);
	row->target_key = read_list(5);
	row->columns = read_list(6);
	row->absent = read_list(7);
	row->condition = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 8);
	if (row->condition)
		row->condition = MemoryContextStrdup(context, row->condition);
	row->wide_source = DatumGetBool(read_datum(9));
	row->wide_target = DatumGetBool(read_datum(10));
	row->main = DatumGetBool(read_datum(11));
	row->sibling = DatumGetInt32(read_datum(12));
	row->name = MemoryContextStrdup(context,
									SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 13));
	MemoryContextSwitchTo(caller);
	SPI_finish();
	PopActiveSnapshot();
	SetUserIdAndSecContext(user, security);
	table_close(rel, NoLock);
}

/*
 * Opens a table of a pair. Says what to do when it was dropped: whoever writes
 * the other one has to know.
 */
Relation
cf_pair_open(int32 pair, Oid relid, LOCKMODE lockmode)
{
	Oid types[1] = {INT4OID};
	Datum values[1] = {Int32GetDatum(pair)};
	Relation rel = try_table_open(relid, lockmode);
	Oid user;
	int security;

	if (rel)
		return rel;
	(void) open_state(&user, &security);
	(void) SPI_execute_with_args(
		"SELECT confiture._transition_check_there(t.transition) FROM confiture.transition_table AS t"
		" WHERE t.id OPERATOR(pg_catalog.=) $1",
		1, types, values, NULL, true, 1);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
					errmsg("relation with OID %u, which a transition needs, does not exist", relid),
					errhint("SELECT confiture.transition_abort(name).")));
}

/* The name of a table as it is now. */
static char *
name_of(Oid relid)
{
	char *name = get_rel_name(relid);

	return name ? quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name)
				: psprintf("%u", relid);
}

/*
 * Adds to an error of which transition it is, and what to do: whoever writes
 * one table has to know that it is the other one that does not take the row.
 */
static void
tell_pair(void *arg)
{
	CfTelling *about = arg;
	int category = ERRCODE_TO_CATEGORY(geterrcode());
	bool misfit =
		category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION || category == ERRCODE_DATA_EXCEPTION;
	MemoryContext caller;
	char *from, *to;
	bool hinted;

	if (about->name == NULL ||
		(!misfit && category != ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION))
		return;
	caller = MemoryContextSwitchTo(CurTransactionContext);
	from = name_of(about->from);
	to = name_of(about->to);
	hinted = CopyErrorData()->hint != NULL;
	MemoryContextSwitchTo(caller);
	errcontext("transition \"%s\", from table %s to table %s", about->name, from, to);
	if (hinted)
		return;
	if (!misfit)
		errhint(
			"Transition \"%s\" needs both tables as they were: undo what was altered, or end it.",
			about->name);
	else if (about->mirror)
		errhint("Transition \"%s\" writes to %s what is written to %s: it must fit there too.",
				about->name, to, from);
	else
		errhint("Mend the row in table %s, and go on with transition \"%s\".", from, about->name);
}

/* Lets errors tell of which transition they are, until cf_tell_end(). The name may be set later. */
void
cf_tell_pair(CfTelling *about)
{
	about->callback.previous = error_context_stack;
	about->callback.callback = tell_pair;
	about->callback.arg = about;
	error_context_stack = &about->callback;
}

/* The end of that. */
void
cf_tell_end(CfTelling *about)
{
	error_context_stack = about->callback.previous;
}
