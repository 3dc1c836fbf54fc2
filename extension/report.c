/*-------------------------------------------------------------------------
 *
 * report.c
 *	  The rows of confiture.dry_run() and confiture.analyze().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "json.h"
#include "report.h"
#include "values.h"

/* Says what other sessions can't do on a relation under a lock. */
const char *
cf_lock_blocks(LOCKMODE mode)
{
	if (DoLockModesConflict(mode, AccessShareLock))
		return "reads and writes";
	if (DoLockModesConflict(mode, RowExclusiveLock))
		return "writes";
	return "nothing";
}

/* Returns the qualified, quoted name of a relation, or NULL if it is gone. */
char *
cf_relation_name(Oid relid)
{
	char *name = get_rel_name(relid);

	if (name == NULL)
		return NULL;
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name);
}

/*
 * Adds a lock to a list that keeps the strongest lock for each relation.
 * relation may be NULL: then the name is looked up.
 */
List *
cf_add_lock(List *locks, Oid relid, const char *relation, LOCKMODE mode, bool named, bool created)
{
	ListCell *lc;
	CfRelationLock *lock;

	if (relation == NULL)
		relation = cf_relation_name(relid);
	if (relation == NULL)
		return locks;
	foreach (lc, locks)
	{
		lock = (CfRelationLock *) lfirst(lc);
		/* An index that is built anew has the name of the old one. */
		if (lock->relid == relid || strcmp(lock->relation, relation) == 0)
		{
			if (lock->created == created || lock->created)
				lock->mode = lock->created == created ? Max(lock->mode, mode) : mode;
			lock->created &= created;
			lock->named |= named;
			return locks;
		}
	}
	lock = palloc0(sizeof(CfRelationLock));
	lock->relid = relid;
	lock->relation = pstrdup(relation);
	lock->mode = mode;
	lock->named = named;
	lock->created = created;
	return lappend(locks, lock);
}

/* list_sort() comparator: the strongest lock first, then by name. */
static int
compare_locks(const ListCell *a, const ListCell *b)
{
	const CfRelationLock *x = (const CfRelationLock *) lfirst(a);
	const CfRelationLock *y = (const CfRelationLock *) lfirst(b);

	if (x->mode != y->mode)
		return y->mode - x->mode;
	return strcmp(x->relation, y->relation);
}

/*
 * Tells whether a lock is on an index that the statement does not name, of a
 * table that it locks as strongly: then nobody waits for the index who does
 * not wait for the table.
 */
static bool
is_covered_index(const CfRelationLock *lock, List *locks)
{
	char relkind = OidIsValid(lock->relid) ? get_rel_relkind(lock->relid) : '\0';
	Oid table;
	ListCell *lc;

	if (lock->named || (relkind != RELKIND_INDEX && relkind != RELKIND_PARTITIONED_INDEX))
		return false;
	table = IndexGetRelation(lock->relid, true);
	foreach (lc, locks)
	{
		const CfRelationLock *other = (const CfRelationLock *) lfirst(lc);

		if (OidIsValid(table) && other->relid == table && other->mode >= lock->mode)
			return true;
	}
	return false;
}

/* Returns the locks as a jsonb array. */
static Datum
locks_datum(List *locks)
{
	StringInfoData json;
	ListCell *lc;

	list_sort(locks, compare_locks);
	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach (lc, locks)
	{
		const CfRelationLock *lock = (const CfRelationLock *) lfirst(lc);

		if (is_covered_index(lock, locks))
			continue;
		appendStringInfoString(&json, json.len > 1 ? ", {" : "{");
		cf_json_text(&json, "relation", lock->relation);
		cf_json_text(&json, "mode", GetLockmodeName(DEFAULT_LOCKMETHOD, lock->mode));
		cf_json_text(&json, "blocks", lock->created ? "nothing" : cf_lock_blocks(lock->mode));
		cf_json_bool(&json, "named", lock->named);
		if (lock->created)
			cf_json_bool(&json, "created", true);
		if (lock->again)
			cf_json_bool(&json, "again", true);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	return cf_json_datum(&json);
}

/* list_sort() comparator: by name. */
static int
compare_texts(const ListCell *a, const ListCell *b)
{
	return strcmp((const char *) lfirst(a), (const char *) lfirst(b));
}

/* Puts a JSON text into a column, or NULL. */
static void
put_json(Datum *value, bool *isnull, const char *json)
{
	*isnull = json == NULL;
	*value = json ? DirectFunctionCall1(jsonb_in, CStringGetDatum(json)) : (Datum) 0;
}

/*
 * Puts one row into the result. With version and name in front when the
 * result has them.
 */
void
cf_report_put(ReturnSetInfo *rsinfo, const char *version, const char *name, const CfReportRow *row)
{
	Datum values[CF_REPORT_COLUMNS + 2] = {0};
	bool nulls[CF_REPORT_COLUMNS + 2] = {false};
	int n = 0;

	if (version)
	{
		values[n++] = CStringGetTextDatum(version);
		values[n++] = CStringGetTextDatum(name);
	}
	values[n++] = Int32GetDatum(row->stmt->ordinal);
	values[n++] = Int32GetDatum(row->stmt->line);
	values[n++] = CStringGetTextDatum(row->text);
	values[n++] =
		CStringGetTextDatum(row->command ? row->command : GetCommandTagName(row->stmt->tag));
	nulls[n] = nulls[n + 1] = nulls[n + 2] = nulls[n + 3] = !row->executed;
	values[n++] = Float8GetDatum(row->cost.elapsed_ms);
	values[n++] = Int64GetDatum(row->cost.rows);
	values[n++] = Int64GetDatum(row->cost.wal_bytes);
	values[n++] = Int64GetDatum(row->cost.buffers_read);
	values[n++] = locks_datum(row->locks);
	list_sort(row->rewrites, compare_texts);
	list_sort(row->scans, compare_texts);
	values[n++] = cf_names_array(row->rewrites);
	values[n++] = cf_names_array(row->scans);
	values[n++] = BoolGetDatum(row->stmt->needs_top_level);
	values[n++] = cf_names_array(row->warnings);
	put_json(&values[n], &nulls[n], row->estimate);
	n++;
	put_json(&values[n], &nulls[n], row->error);
	n++;
	put_json(&values[n], &nulls[n], row->holders);
	n++;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Describes an error as a JSON object. */
char *
cf_error_json(const ErrorData *edata)
{
	StringInfoData json;
	const char *line = cf_error_context_line(edata->context);
	const char *at = line ? strstr(line, " at line ") : NULL;
	const char *python = line ? strstr(line, ", Python line ") : NULL;
	int lineno, column;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	cf_json_text(&json, "sqlstate", unpack_sql_state(edata->sqlerrcode));
	cf_json_text(&json, "message", edata->message);
	cf_json_text(&json, "detail", edata->detail);
	cf_json_text(&json, "hint", edata->hint);
	if (at && sscanf(at, " at line %d, column %d", &lineno, &column) == 2)
	{
		cf_json_number(&json, "line", lineno);
		cf_json_number(&json, "column", column);
	}
	else if (python && sscanf(python, ", Python line %d", &lineno) == 1)
		cf_json_number(&json, "line", lineno);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/*
 * Returns the OIDs of the existing relations that a statement names.
 */
List *
cf_named_relations(const CfStatement *stmt)
{
	List *result = NIL;
	ListCell *lc;

	foreach (lc, cf_objects_of(stmt->raw->stmt))
	{
		const CfObject *object = (const CfObject *) lfirst(lc);
		Oid relid = InvalidOid;

		if (object->column != NULL ||
			(strcmp(object->kind, "table") != 0 && strcmp(object->kind, "relation") != 0 &&
			 strcmp(object->kind, "view") != 0 && strcmp(object->kind, "materialized view") != 0 &&
			 strcmp(object->kind, "index") != 0 && strcmp(object->kind, "sequence") != 0 &&
			 strcmp(object->kind, "foreign table") != 0))
			continue;
		if (object->schema)
		{
			Oid nspid = get_namespace_oid(object->schema, true);

			if (OidIsValid(nspid))
				relid = get_relname_relid(object->name, nspid);
		}
		else
			relid = RelnameGetRelid(object->name);
		if (OidIsValid(relid))
			result = list_append_unique_oid(result, relid);
	}
	return result;
}
