/*-------------------------------------------------------------------------
 *
 * analyze_index.c
 *	  New indexes: CREATE INDEX, and those of PRIMARY KEY, UNIQUE, EXCLUDE.
 *
 * A partition that has an index of the same kind already gets no new one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/index.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "analyze.h"

/* An index to be made. */
typedef struct NewIndex
{
	List *columns; /* char *; NIL when there is more than columns */
	bool unique;
	bool constraint;
	Oid method;
	LOCKMODE mode; /* on the tables */
	const char *advice;
} NewIndex;

/* Looks for an index of that name. True when the statement has nothing to do. */
static bool
index_exists(CfAnalysis *a, const CfRel *table, IndexStmt *stmt)
{
	CfRel index;
	RangeVar *rv;
	HeapTuple tuple;

	if (stmt->idxname == NULL || table->created)
		return false;
	rv = makeRangeVar(get_namespace_name(get_rel_namespace(table->relid)), stmt->idxname, -1);
	if (!cf_an_find(a, rv, &index))
	{
		cf_an_lock_new(a, cf_an_creation_name(a, rv));
		return false;
	}
	if (!stmt->if_not_exists)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE),
						errmsg("relation \"%s\" already exists", stmt->idxname)));
	cf_an_warn(a, "%s exists already: nothing is built, and whether it is the same is not checked",
			   index.name);
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index.relid));
	if (HeapTupleIsValid(tuple))
	{
		if (!((Form_pg_index) GETSTRUCT(tuple))->indisvalid)
			cf_an_warn(a, "%s is INVALID, the remains of a build that failed: drop it first",
					   index.name);
		ReleaseSysCache(tuple);
	}
	return true;
}

/* Tells whether an index of a partition is just what is wanted. */
static bool
index_matches(Oid index, const NewIndex *new)
{
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	HeapTuple class;
	Form_pg_index form;
	bool result;
	ListCell *lc;
	int n = 0;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	result =
		new->columns != NIL && form->indisunique == new->unique &&
		form->indnatts == list_length(new->columns) &&
		form->indnkeyatts == form->indnatts &&heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
		heap_attisnull(tuple, Anum_pg_index_indexprs, NULL) &&
		(!new->constraint || OidIsValid(get_index_constraint(index)));
	foreach (lc, new->columns)
		if (result && form->indkey.values[n++] != get_attnum(form->indrelid, (char *) lfirst(lc)))
			result = false;
	ReleaseSysCache(tuple);
	if (!result || get_rel_relispartition(index))
		return false;
	class = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
	if (HeapTupleIsValid(class))
	{
		result = ((Form_pg_class) GETSTRUCT(class))->relam == new->method;
		ReleaseSysCache(class);
	}
	return result;
}

/* Notes the index on a table and on its partitions. */
static void
build_on(CfAnalysis *a, Oid relid, const NewIndex *new)
{
	ListCell *lc, *index;

	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
	{
		if (!cf_an_rewrites(a, relid))
			cf_an_scan(a, relid, "building an index on", new->advice);
		return;
	}
	foreach (lc, find_inheritance_children(relid, NoLock))
	{
		bool found = false;

		cf_an_lock(a, lfirst_oid(lc), new->mode, false);
		foreach (index, cf_an_indexes(lfirst_oid(lc)))
		{
			if (found || !index_matches(lfirst_oid(index), new))
				continue;
			found = true;
			cf_an_lock(a, lfirst_oid(index), new->mode, false);
		}
		if (!found)
			build_on(a, lfirst_oid(lc), new);
	}
}

/* Returns the columns of an index, or NIL when it has more than columns. */
static List *
plain_columns(IndexStmt *stmt)
{
	List *columns = NIL;
	ListCell *lc;

	if (stmt->whereClause || stmt->indexIncludingParams)
		return NIL;
	foreach (lc, stmt->indexParams)
	{
		IndexElem *element = lfirst_node(IndexElem, lc);

		if (element->name == NULL || element->collation || element->opclass)
			return NIL;
		columns = lappend(columns, element->name);
	}
	return columns;
}

/* CREATE INDEX */
void
cf_an_create_index(CfAnalysis *a, IndexStmt *stmt)
{
	NewIndex new = {.unique = stmt->unique};
	bool partitioned;
	ListCell *lc;
	CfRel rel;

	new.mode = stmt->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	cf_an_need(a, stmt->relation, &rel);
	cf_an_own(a, &rel);
	cf_an_lock_rel(a, &rel, new.mode);
	partitioned = rel.relkind == RELKIND_PARTITIONED_TABLE;
	if (partitioned && stmt->concurrent)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("cannot create index on partitioned table \"%s\" concurrently",
							   stmt->relation->relname)));
	foreach (lc, stmt->indexParams)
	{
		const char *column = lfirst_node(IndexElem, lc)->name;
		bool found = true;

		if (column)
			(void) cf_an_find_column(a, &rel, column, &found);
		if (!found)
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
							errmsg("column \"%s\" does not exist", column)));
	}
	if (index_exists(a, &rel, stmt) || rel.created || (partitioned && !stmt->relation->inh))
		return;
	if (partitioned)
		cf_an_lock_list(a, cf_an_descendants(rel.relid), new.mode);
	new.columns = plain_columns(stmt);
	new.method =
		get_index_am_oid(stmt->accessMethod ? stmt->accessMethod : DEFAULT_INDEX_TYPE, true);
	new.advice =
		partitioned
			? "CREATE INDEX ON ONLY the table, CONCURRENTLY on each partition, then ALTER INDEX ... ATTACH PARTITION"
			: "CREATE INDEX CONCURRENTLY blocks no writes";
	build_on(a, rel.relid, &new);
}

/* Notes the index that a new constraint makes. */
void
cf_an_constraint_index(CfAnalysis *a, const CfRel *rel, Constraint *con)
{
	NewIndex new = {.unique = true, .constraint = true};
	ListCell *lc;

	/* A constraint that can be deferred has triggers. */
	new.mode = con->deferrable ? ShareRowExclusiveLock : ShareLock;

	foreach (lc, con->including ? NIL : con->keys)
		new.columns = lappend(new.columns, strVal(lfirst(lc)));
	new.method = get_index_am_oid(DEFAULT_INDEX_TYPE, true);
	if (con->contype != CONSTR_EXCLUSION && rel->relkind != RELKIND_PARTITIONED_TABLE)
		new.advice = "CREATE UNIQUE INDEX CONCURRENTLY first, then ADD CONSTRAINT ... USING INDEX";
	build_on(a, rel->relid, &new);
}
