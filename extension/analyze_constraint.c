/*-------------------------------------------------------------------------
 *
 * analyze_constraint.c
 *	  Constraints of tables: ADD, VALIDATE, ALTER, DROP CONSTRAINT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_index.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "analyze.h"

#define VALIDATE_LATER \
	"Add the constraint NOT VALID, and VALIDATE it in a later migration: that blocks no writes"

/* A CHECK constraint that is transformed. */
typedef struct Check
{
	Oid relid;
	Constraint *con;
	char *expr; /* the answer: nodeToString() */
} Check;

/* Raises the server's error for a constraint that does not exist. */
static void
no_constraint(const CfRel *rel, const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
					errmsg("constraint \"%s\" of relation \"%s\" does not exist", name,
						   get_rel_name(rel->relid))));
}

/* Transforms the expression of a CHECK constraint, as the server does. */
static void
transform_check(CfAnalysis *a, void *arg)
{
	Check *check = (Check *) arg;
	Relation rel = cf_an_open(a, check->relid);
	ParseState *pstate;
	Node *expr;

	if (rel == NULL)
		return;
	pstate = cf_an_parse_state(a, rel);
	expr = transformExpr(pstate, check->con->raw_expr, EXPR_KIND_CHECK_CONSTRAINT);
	expr = coerce_to_boolean(pstate, expr, "CHECK");
	assign_expr_collations(pstate, expr);
	check->expr = nodeToString(expr);
}

/* Notes that all rows of a table and its children are checked. */
void
cf_an_check_rows(CfAnalysis *a, const CfRel *rel, const char *name, bool recurse, LOCKMODE lockmode)
{
	ListCell *lc;

	foreach (lc, cf_an_with_descendants(rel->relid, recurse))
	{
		cf_an_lock(a, lfirst_oid(lc), lockmode, false);
		/* A child that has the constraint already is not checked again. */
		if (lfirst_oid(lc) != rel->relid && name &&
			OidIsValid(get_relation_constraint_oid(lfirst_oid(lc), name, true)))
			continue;
		if (!cf_an_rewrites(a, lfirst_oid(lc)))
			cf_an_scan(a, lfirst_oid(lc), "checking all rows of", VALIDATE_LATER);
	}
}

/* ADD CHECK */
static void
add_check(CfAnalysis *a, const CfRel *rel, Constraint *con, bool recurse, LOCKMODE lockmode)
{
	Check check = {.relid = rel->relid, .con = con};
	ErrorData *error;

	if (rel->created)
		return;
	recurse &= !con->is_no_inherit;
	if (cf_an_attempt(a, transform_check, &check, &error))
	{
		if (check.expr)
			cf_world_learn_check(a, rel->relid, con->conname, check.expr, !con->skip_validation);
	}
	else if (cf_an_sure(a, rel->relid) && a->world->nknown == 0)
		ReThrowError(error);
	if (con->skip_validation)
		cf_an_lock_list(a, cf_an_with_descendants(rel->relid, recurse), lockmode);
	else
		cf_an_check_rows(a, rel, con->conname, recurse, lockmode);
}

/* Sets the columns of a primary key NOT NULL. */
static void
key_columns_not_null(CfAnalysis *a, const CfRel *rel, List *columns, bool recurse,
					 LOCKMODE lockmode)
{
	ListCell *lc;

	foreach (lc, columns)
	{
		const char *column = strVal(lfirst(lc));

		if (cf_an_column(a, rel, column) != InvalidAttrNumber)
			cf_an_set_not_null(a, rel, column, recurse, lockmode);
	}
}

/* Returns the names of the columns of an index. */
static List *
index_columns(Oid index)
{
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	List *names = NIL;

	if (!HeapTupleIsValid(tuple))
		return NIL;
	form = (Form_pg_index) GETSTRUCT(tuple);
	for (int i = 0; i < form->indnkeyatts; i++)
		if (form->indkey.values[i] > 0)
			names = lappend(names,
							makeString(get_attname(form->indrelid, form->indkey.values[i], false)));
	ReleaseSysCache(tuple);
	return names;
}

/* Checks that columns exist; says in the words of PostgreSQL what is the matter with one that does not. */
void
cf_an_check_columns(CfAnalysis *a, const CfRel *rel, List *columns, const char *problem)
{
	ListCell *lc;
	bool found;

	foreach (lc, columns)
	{
		(void) cf_an_find_column(a, rel, strVal(lfirst(lc)), &found);
		if (!found)
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
							errmsg("column \"%s\" %s", strVal(lfirst(lc)), problem)));
	}
}

/* ADD PRIMARY KEY, UNIQUE, EXCLUDE */
static void
add_index_constraint(CfAnalysis *a, const CfRel *rel, Constraint *con, bool recurse,
					 LOCKMODE lockmode)
{
	if (rel->created)
		return;
	if (con->indexname)
	{
		Oid index = get_relname_relid(con->indexname, get_rel_namespace(rel->relid));

		if (!OidIsValid(index) && !cf_an_is_known(a, NULL, con->indexname) &&
			!cf_an_unsure(a, rel->relid, psprintf("index \"%s\"", con->indexname)))
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
							errmsg("index \"%s\" does not exist", con->indexname)));
		if (!OidIsValid(index))
			return;
		/* Another name of the constraint renames the index. */
		cf_an_lock(a, index,
				   con->conname && strcmp(con->conname, con->indexname) != 0
					   ? ShareUpdateExclusiveLock
					   : AccessShareLock,
				   true);
		if (con->contype == CONSTR_PRIMARY)
			key_columns_not_null(a, rel, index_columns(index), recurse, lockmode);
		return;
	}
	cf_an_check_columns(a, rel, con->keys, "named in key does not exist");
	if (con->contype == CONSTR_PRIMARY)
		key_columns_not_null(a, rel, con->keys, recurse, lockmode);
	if (recurse || rel->relkind != RELKIND_PARTITIONED_TABLE)
		cf_an_constraint_index(a, rel, con);
}

/* Tells whether a constraint is there only because the parent has it. */
static bool
is_inherited_only(Oid constraint)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	bool result = false;

	if (HeapTupleIsValid(tuple))
	{
		result = !((Form_pg_constraint) GETSTRUCT(tuple))->conislocal;
		ReleaseSysCache(tuple);
	}
	return result;
}

/* ADD CONSTRAINT */
void
cf_an_add_constraint(CfAnalysis *a, const CfRel *rel, Constraint *con, bool recurse,
					 LOCKMODE lockmode)
{
	Oid same = con->conname && !rel->created
				   ? get_relation_constraint_oid(rel->relid, con->conname, true)
				   : InvalidOid;

	if (OidIsValid(same) && !cf_world_is_gone(a, ConstraintRelationId, same, 0))
	{
		CfKnown *known = cf_an_known_part(a, rel, "constraint", con->conname);

		if (con->contype == CONSTR_CHECK && is_inherited_only(same))
			return; /* becomes the table's own, without a look at the rows */
		if (known == NULL || known->exists)
			ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
							errmsg("constraint \"%s\" for relation \"%s\" already exists",
								   con->conname, get_rel_name(rel->relid))));
	}
	switch (con->contype)
	{
		case CONSTR_CHECK:
			add_check(a, rel, con, recurse, lockmode);
			break;
		case CONSTR_NOTNULL:
			if (!con->skip_validation)
				key_columns_not_null(a, rel, con->keys, recurse, lockmode);
			break;
		case CONSTR_PRIMARY:
		case CONSTR_UNIQUE:
		case CONSTR_EXCLUSION:
			add_index_constraint(a, rel, con, recurse, lockmode);
			break;
		case CONSTR_FOREIGN:
			cf_an_foreign_key(a, rel, con, !con->skip_validation);
			break;
		default:
			break;
	}
}

/* Returns the constraints of that name of a table and of those that inherit it. */
static List *
inherited_constraints(CfAnalysis *a, Oid relid, const char *name, bool recurse, LOCKMODE lockmode)
{
	List *result = NIL;
	ListCell *lc;

	foreach (lc, find_inheritance_children(relid, NoLock))
	{
		Oid child = lfirst_oid(lc);
		Oid constraint = get_relation_constraint_oid(child, name, true);

		cf_an_lock(a, child, lockmode, false);
		if (!OidIsValid(constraint) || !recurse)
			continue;
		result = lappend(result, cf_an_address(ConstraintRelationId, constraint, 0));
		result = list_concat(result, inherited_constraints(a, child, name, true, lockmode));
	}
	return result;
}

/* DROP CONSTRAINT */
void
cf_an_drop_constraint(CfAnalysis *a, const CfRel *rel, AlterTableCmd *cmd, bool recurse,
					  LOCKMODE lockmode)
{
	CfKnown *known = cf_an_known_part(a, rel, "constraint", cmd->name);
	Oid constraint;
	HeapTuple tuple;
	Form_pg_constraint form;
	List *objects;

	if (rel->created || (known && known->exists))
	{
		cf_an_lock_references(a, rel, cmd->name, AccessExclusiveLock);
		return;
	}
	if (rel->relkind == RELKIND_PARTITIONED_TABLE)
		cf_an_lock_list(a, cf_an_descendants(rel->relid), lockmode);
	constraint = known ? InvalidOid : get_relation_constraint_oid(rel->relid, cmd->name, true);
	if (!OidIsValid(constraint))
	{
		if (!cmd->missing_ok &&
			!cf_an_unsure(a, rel->relid, psprintf("constraint \"%s\" is not there yet", cmd->name)))
			no_constraint(rel, cmd->name);
		return;
	}
	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	objects = list_make1(cf_an_address(ConstraintRelationId, constraint, 0));
	if (form->coninhcount > 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
						errmsg("cannot drop inherited constraint \"%s\" of relation \"%s\"",
							   cmd->name, get_rel_name(rel->relid))));
	if (form->contype == CONSTRAINT_FOREIGN)
		cf_an_lock(a, form->confrelid, AccessExclusiveLock, false);
	if (form->contype == CONSTRAINT_CHECK && !form->connoinherit)
		objects = list_concat(objects,
							  inherited_constraints(a, rel->relid, cmd->name, recurse, lockmode));
	ReleaseSysCache(tuple);
	cf_an_drop(a, objects, cmd->behavior, false);
}

/* Tells whether a table has a valid constraint of that name. */
static bool
is_validated(Oid relid, const char *name)
{
	Oid constraint = get_relation_constraint_oid(relid, name, true);
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	bool result = false;

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_constraint) GETSTRUCT(tuple))->convalidated;
		ReleaseSysCache(tuple);
	}
	return result;
}

/* Validates a constraint that the catalogs have. */
static void
validate(CfAnalysis *a, const CfRel *rel, HeapTuple tuple, bool recurse, LOCKMODE lockmode)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	bool isnull;
	Datum expr;
	ListCell *lc;

	if (form->convalidated)
		return;
	if (form->contype == CONSTRAINT_FOREIGN)
	{
		cf_an_lock(a, form->confrelid, RowShareLock, false);
		cf_an_scan(a, rel->relid, "checking all rows of", NULL);
		return;
	}
	if (form->contype != CONSTRAINT_CHECK)
		return;
	expr = SysCacheGetAttr(CONSTROID, tuple, Anum_pg_constraint_conbin, &isnull);
	if (!isnull)
		cf_world_learn_check(a, rel->relid, NameStr(form->conname), TextDatumGetCString(expr),
							 true);
	foreach (lc, cf_an_with_descendants(rel->relid, recurse && !form->connoinherit))
	{
		cf_an_lock(a, lfirst_oid(lc), lockmode, false);
		if (!is_validated(lfirst_oid(lc), NameStr(form->conname)))
			cf_an_scan(a, lfirst_oid(lc), "checking all rows of", NULL);
	}
}

/* VALIDATE CONSTRAINT */
void
cf_an_validate_constraint(CfAnalysis *a, const CfRel *rel, const char *name, bool recurse,
						  LOCKMODE lockmode)
{
	CfKnown *known = cf_an_known_part(a, rel, "constraint", name);
	Oid constraint = InvalidOid;
	HeapTuple tuple;
	ListCell *lc;

	if (rel->created)
		return;
	if (known == NULL)
		constraint = get_relation_constraint_oid(rel->relid, name, true);
	if (OidIsValid(constraint))
	{
		tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
		if (HeapTupleIsValid(tuple))
		{
			validate(a, rel, tuple, recurse, lockmode);
			ReleaseSysCache(tuple);
		}
		return;
	}
	if (!(known && known->exists) &&
		!cf_an_unsure(a, rel->relid, psprintf("constraint \"%s\" is not there yet", name)))
		no_constraint(rel, name);
	/* Added by a statement before. */
	cf_an_lock_references(a, rel, name, RowShareLock);
	foreach (lc, a->world->checks)
	{
		CfKnownCheck *check = (CfKnownCheck *) lfirst(lc);

		if (check->relid == rel->relid && check->name && strcmp(check->name, name) == 0)
			check->valid = true;
	}
	foreach (lc, cf_an_with_descendants(rel->relid, recurse))
	{
		cf_an_lock(a, lfirst_oid(lc), lockmode, false);
		cf_an_scan(a, lfirst_oid(lc), "checking all rows of", NULL);
	}
}

/* Notes the tables of the parts of a constraint: those of partitions. */
static void
lock_parts(CfAnalysis *a, Oid constraint, LOCKMODE lockmode)
{
	Relation rel = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_constraint_conparentid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(constraint));
	scan = systable_beginscan(rel, ConstraintParentIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		cf_an_lock(a, ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid, lockmode, false);
		lock_parts(a, ((Form_pg_constraint) GETSTRUCT(tuple))->oid, lockmode);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* ALTER CONSTRAINT: of the partitions too. */
void
cf_an_alter_constraint(CfAnalysis *a, const CfRel *rel, const char *name, LOCKMODE lockmode)
{
	Oid constraint;

	if (rel->created)
		return;
	constraint = get_relation_constraint_oid(rel->relid, name, true);
	if (!OidIsValid(constraint))
	{
		if (!cf_an_unsure(a, rel->relid, psprintf("constraint \"%s\" is not there yet", name)))
			no_constraint(rel, name);
		return;
	}
	lock_parts(a, constraint, lockmode);
}

/* RENAME CONSTRAINT: the children have it too. */
void
cf_an_rename_constraint(CfAnalysis *a, const CfRel *rel, const char *name)
{
	Oid constraint = get_relation_constraint_oid(rel->relid, name, true);
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint form;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	if (form->contype == CONSTRAINT_CHECK && !form->connoinherit)
		cf_an_lock_list(a, cf_an_descendants(rel->relid), AccessExclusiveLock);
	if (OidIsValid(form->conindid) && form->contype != CONSTRAINT_FOREIGN)
		cf_an_lock(a, form->conindid, ShareUpdateExclusiveLock, false);
	ReleaseSysCache(tuple);
}
