/*-------------------------------------------------------------------------
 *
 * analyze_foreign.c
 *	  Foreign keys: the other table is locked too, and the referencing one
 *	  wants an index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "analyze.h"

#define VALIDATE_LATER \
	"Add the constraint NOT VALID, and VALIDATE it in a later migration: that blocks no writes"

/* Returns the foreign keys of a table, or those that reference it. */
List *
cf_an_foreign_keys(CfAnalysis *a, Oid relid, bool referencing)
{
	List *result = NIL;
	Relation rel = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key[0], referencing ? Anum_pg_constraint_conrelid : Anum_pg_constraint_confrelid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&key[1], Anum_pg_constraint_contype, BTEqualStrategyNumber, F_CHAREQ,
				CharGetDatum(CONSTRAINT_FOREIGN));
	/* There is no index on confrelid: the server reads the catalog too. */
	scan = systable_beginscan(rel, referencing ? ConstraintRelidTypidNameIndexId : InvalidOid, true,
							  NULL, referencing ? 1 : 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
		CfForeignKey *fk;

		if (form->contype != CONSTRAINT_FOREIGN ||
			cf_world_is_gone(a, ConstraintRelationId, form->oid, 0))
			continue;
		fk = palloc0(sizeof(CfForeignKey));
		fk->oid = form->oid;
		fk->conrelid = form->conrelid;
		fk->confrelid = form->confrelid;
		fk->parent = form->conparentid;
		fk->valid = form->convalidated;
		fk->on_update = form->confupdtype;
		fk->on_delete = form->confdeltype;
		DeconstructFkConstraintRow(tuple, &fk->nkeys, fk->conkey, fk->confkey, NULL, NULL, NULL,
								   NULL, NULL);
		result = lappend(result, fk);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* Tells whether a list of column names begins with a column. */
static bool
begins_with(List *keys, const char *column)
{
	return keys != NIL && strcmp(strVal(linitial(keys)), column) == 0;
}

/* Tells whether a constraint makes an index that begins with a column. */
static bool
constraint_indexes(Constraint *con, const char *column)
{
	return (con->contype == CONSTR_PRIMARY || con->contype == CONSTR_UNIQUE) &&
		   begins_with(con->keys, column);
}

/* Tells whether the definition of a table makes an index that begins with a column. */
static bool
elements_index(List *elements, const char *column)
{
	ListCell *lc, *con;

	foreach (lc, elements)
	{
		Node *element = (Node *) lfirst(lc);

		if (IsA(element, Constraint) && constraint_indexes((Constraint *) element, column))
			return true;
		if (!IsA(element, ColumnDef) || strcmp(((ColumnDef *) element)->colname, column) != 0)
			continue;
		foreach (con, ((ColumnDef *) element)->constraints)
			if (lfirst_node(Constraint, con)->contype == CONSTR_PRIMARY ||
				lfirst_node(Constraint, con)->contype == CONSTR_UNIQUE)
				return true;
	}
	return false;
}

/* Tells whether a relation of the script is the one meant. */
static bool
is_relation(CfAnalysis *a, const RangeVar *rv, const CfRel *rel)
{
	CfRel other;

	if (rel->relname == NULL || strcmp(rv->relname, rel->relname) != 0)
		return false;
	if (cf_an_find(a, rv, &other))
		return strcmp(other.name, rel->name) == 0;
	/* Not there yet, and created right now. */
	return rel->created && strcmp(cf_an_new_name(a, rv), rel->name) == 0;
}

/* Tells whether any statement of the script makes such an index. */
static bool
script_indexes(CfAnalysis *a, const CfRel *rel, const char *column)
{
	ListCell *lc;

	for (int i = 0; i < a->script->count; i++)
	{
		Node *stmt = a->script->statements[i].raw->stmt;

		if (IsA(stmt, IndexStmt) && is_relation(a, ((IndexStmt *) stmt)->relation, rel))
		{
			IndexElem *first = linitial_node(IndexElem, ((IndexStmt *) stmt)->indexParams);

			if (first->name && strcmp(first->name, column) == 0)
				return true;
		}
		else if (IsA(stmt, CreateStmt) && is_relation(a, ((CreateStmt *) stmt)->relation, rel) &&
				 elements_index(((CreateStmt *) stmt)->tableElts, column))
			return true;
		else if (IsA(stmt, AlterTableStmt) &&
				 is_relation(a, ((AlterTableStmt *) stmt)->relation, rel))
		{
			foreach (lc, ((AlterTableStmt *) stmt)->cmds)
			{
				AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

				if (cmd->subtype == AT_AddConstraint &&
					constraint_indexes((Constraint *) cmd->def, column))
					return true;
				if (cmd->subtype == AT_AddColumn && elements_index(list_make1(cmd->def), column))
					return true;
			}
		}
	}
	return false;
}

/* Tells whether a table has an index that begins with a column. */
static bool
table_indexes(Oid relid, const char *column)
{
	AttrNumber attnum = get_attnum(relid, column);
	ListCell *lc;
	bool found = false;

	if (attnum == InvalidAttrNumber)
		return false;
	foreach (lc, cf_an_indexes(relid))
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, lfirst_oid(lc));

		if (!HeapTupleIsValid(tuple))
			continue;
		found |= ((Form_pg_index) GETSTRUCT(tuple))->indkey.values[0] == attnum &&
				 ((Form_pg_index) GETSTRUCT(tuple))->indisvalid &&
				 heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
		ReleaseSysCache(tuple);
	}
	return found;
}

/* Warns when deleting from the referenced table has to read the other one. */
static void
warn_without_index(CfAnalysis *a, const CfRel *rel, const CfRel *referenced, Constraint *con)
{
	StringInfoData columns;
	ListCell *lc;

	initStringInfo(&columns);
	foreach (lc, con->fk_attrs)
	{
		const char *column = strVal(lfirst(lc));

		if ((!rel->created && table_indexes(rel->relid, column)) || script_indexes(a, rel, column))
			return;
		appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "", quote_identifier(column));
	}
	if (columns.len > 0)
		cf_an_warn(a, "no index on %s (%s): each DELETE and key UPDATE on %s reads all of it",
				   rel->name, columns.data, referenced->name);
}

/* Turns a list of String into one of char *. */
static List *
names_of(List *strings)
{
	List *names = NIL;
	ListCell *lc;

	foreach (lc, strings)
		names = lappend(names, strVal(lfirst(lc)));
	return names;
}

/*
 * Tells whether a table has a valid foreign key of its own from these columns,
 * to the same table and with the same actions as another one: a partition then takes over no other.
 */
bool
cf_an_has_foreign_key(CfAnalysis *a, Oid relid, List *columns, const CfForeignKey *like)
{
	ListCell *lc, *column;

	foreach (lc, cf_an_foreign_keys(a, relid, true))
	{
		const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);
		int same = 0;

		if (fk->confrelid != like->confrelid || OidIsValid(fk->parent) || !fk->valid ||
			fk->on_update != like->on_update || fk->on_delete != like->on_delete ||
			fk->nkeys != list_length(columns))
			continue;
		foreach (column, columns)
			same += get_attnum(relid, (char *) lfirst(column)) ==
					fk->conkey[foreach_current_index(column)];
		if (same == fk->nkeys)
			return true;
	}
	return false;
}

/* Notes a new foreign key on the partitions of a table. */
static void
key_on_partitions(CfAnalysis *a, Oid relid, List *columns, const CfForeignKey *like, bool validate)
{
	ListCell *lc;

	foreach (lc, find_inheritance_children(relid, NoLock))
	{
		Oid child = lfirst_oid(lc);

		cf_an_lock(a, child, ShareRowExclusiveLock, false);
		if (cf_an_has_foreign_key(a, child, columns, like))
			/* It becomes part of the new one, whose triggers replace its own. */
			cf_an_lock_list(a, cf_an_with_descendants(like->confrelid, true), AccessExclusiveLock);
		else if (get_rel_relkind(child) == RELKIND_PARTITIONED_TABLE)
			key_on_partitions(a, child, columns, like, validate);
		else if (validate && !cf_an_rewrites(a, child))
			cf_an_scan(a, child, "checking all rows of", NULL);
	}
}

/* Tells whether a table that is created right now references itself. */
static bool
is_self(CfAnalysis *a, const RangeVar *rv, const CfRel *rel)
{
	RangeVar temporary = *rv;
	CfRel other;

	if (!rel->created)
		return false;
	temporary.relpersistence = RELPERSISTENCE_TEMP;
	if (rv->schemaname == NULL && strcmp(cf_an_new_name(a, &temporary), rel->name) == 0)
		return true;
	return !cf_an_find(a, rv, &other) && strcmp(cf_an_new_name(a, rv), rel->name) == 0;
}

/*
 * Works out a new foreign key. The table may be one that is created right
 * now; validate: its rows are checked.
 */
void
cf_an_foreign_key(CfAnalysis *a, const CfRel *rel, Constraint *con, bool validate)
{
	static const char *const problem = "referenced in foreign key constraint does not exist";
	CfRel referenced;
	bool self;

	self = is_self(a, con->pktable, rel);
	if (self)
		referenced = *rel;
	else
	{
		cf_an_need(a, con->pktable, &referenced);
		cf_an_lock_rel(a, &referenced, ShareRowExclusiveLock);
	}
	cf_an_check_columns(a, rel, con->fk_attrs, problem);
	cf_an_check_columns(a, &referenced, con->pk_attrs, problem);
	if (!self && !referenced.created)
		cf_world_learn_reference(a, rel, con->conname, referenced.relid);
	warn_without_index(a, rel, &referenced, con);
	if (!referenced.created && referenced.relkind == RELKIND_PARTITIONED_TABLE)
		cf_an_lock_list(a, cf_an_descendants(referenced.relid), ShareRowExclusiveLock);
	if (rel->created)
		return;
	if (rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		CfForeignKey like = {.confrelid = referenced.relid};

		like.on_update = con->fk_upd_action;
		like.on_delete = con->fk_del_action;
		key_on_partitions(a, rel->relid, names_of(con->fk_attrs), &like, validate);
	}
	else if (validate && !cf_an_rewrites(a, rel->relid))
		cf_an_scan(a, rel->relid, "checking all rows of", VALIDATE_LATER);
}

/*
 * ALTER CONSTRAINT ... [NOT] ENFORCED: the triggers of a foreign key go, or
 * they come and all rows are checked.
 */
void
cf_an_enforce_key(CfAnalysis *a, const CfRel *rel, const char *name, bool enforced)
{
	HeapTuple tuple;
	Form_pg_constraint form;
	ListCell *lc;

	if (rel->created)
		return;
	tuple = SearchSysCache1(CONSTROID,
							ObjectIdGetDatum(get_relation_constraint_oid(rel->relid, name, true)));
	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	if (form->contype == CONSTRAINT_FOREIGN && cf_is_enforced(form) != enforced)
	{
		cf_an_lock_list(a, cf_an_with_descendants(form->confrelid, true),
						enforced ? ShareRowExclusiveLock : AccessExclusiveLock);
		foreach (lc, enforced ? cf_an_with_descendants(rel->relid, true) : NIL)
			if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_PARTITIONED_TABLE &&
				!cf_an_rewrites(a, lfirst_oid(lc)))
				cf_an_scan(a, lfirst_oid(lc), "checking all rows of", NULL);
	}
	ReleaseSysCache(tuple);
}
