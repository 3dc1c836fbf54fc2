/*-------------------------------------------------------------------------
 *
 * analyze_type.c
 *	  ALTER COLUMN TYPE and ALTER DOMAIN: which tables are rewritten, which
 *	  are read, which indexes and constraints are made again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "analyze.h"

/* A change of a column's type. */
typedef struct TypeChange
{
	const CfRel *rel;
	const char *column;
	ColumnDef *def;
	AttrNumber attnum; /* in the table that is named */
	Oid type;
	Oid collation;
	bool rewrite; /* the answer */
} TypeChange;

#define NEW_COLUMN "Add a new column, fill it in batches, then let clients change over"

/*
 * Tells whether a change of type has to compute each row anew. Follows
 * ATColumnChangeRequiresRewrite().
 */
static bool
requires_rewrite(Node *expr, AttrNumber attnum)
{
	for (;;)
	{
		if (IsA(expr, Var) && ((Var *) expr)->varattno == attnum)
			return false;
		if (IsA(expr, RelabelType))
			expr = (Node *) ((RelabelType *) expr)->arg;
		else if (IsA(expr, CoerceToDomain))
		{
			if (DomainHasConstraints(((CoerceToDomain *) expr)->resulttype))
				return true;
			expr = (Node *) ((CoerceToDomain *) expr)->arg;
		}
		else if (IsA(expr, FuncExpr) &&
				 (((FuncExpr *) expr)->funcid == F_TIMESTAMPTZ_TIMESTAMP ||
				  ((FuncExpr *) expr)->funcid == F_TIMESTAMP_TIMESTAMPTZ) &&
				 !TimestampTimestampTzRequiresRewrite())
			expr = (Node *) linitial(((FuncExpr *) expr)->args);
		else
			return true;
	}
}

/* Plans the expression that makes the new values, as the server does. */
static void
plan_change(CfAnalysis *a, void *arg)
{
	TypeChange *change = (TypeChange *) arg;
	Relation rel = cf_an_open(a, change->rel->relid);
	ParseState *pstate;
	Form_pg_attribute attribute;
	int32 typmod;
	Node *expr;

	typenameTypeIdAndMod(NULL, change->def->typeName, &change->type, &typmod);
	change->collation = GetColumnDefCollation(NULL, change->def, change->type);
	change->rewrite = true;
	if (rel == NULL || !(RELKIND_HAS_TABLE_AM(change->rel->relkind) ||
						 change->rel->relkind == RELKIND_PARTITIONED_TABLE))
		return;
	pstate = cf_an_parse_state(a, rel);
	attribute = TupleDescAttr(RelationGetDescr(rel), change->attnum - 1);
	if (change->def->raw_default)
		expr = transformExpr(pstate, change->def->raw_default, EXPR_KIND_ALTER_COL_TRANSFORM);
	else
		expr = (Node *) makeVar(1, change->attnum, attribute->atttypid, attribute->atttypmod,
								attribute->attcollation, 0);
	expr = coerce_to_target_type(pstate, expr, exprType(expr), change->type, typmod,
								 COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (expr == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 change->def->raw_default
				 ? errmsg(
					   "result of USING clause for column \"%s\" cannot be cast automatically to type %s",
					   change->column, format_type_be(change->type))
				 : errmsg("column \"%s\" cannot be cast automatically to type %s", change->column,
						  format_type_be(change->type)),
			 change->def->raw_default
				 ? errhint("You might need to add an explicit cast.")
				 : errhint("You might need to specify \"USING %s::%s\".", change->column,
						   format_type_with_typemod(change->type, typmod))));
	assign_expr_collations(pstate, expr);
	change->rewrite = requires_rewrite((Node *) expression_planner((Expr *) expr), change->attnum);
}

/* Returns the access method of an index. */
static Oid
index_method(Oid index)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
	Oid method = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		method = ((Form_pg_class) GETSTRUCT(tuple))->relam;
		ReleaseSysCache(tuple);
	}
	return method;
}

/* Tells whether an index fits the new type as it is: CheckIndexCompatible(). */
static bool
index_survives(Oid index, AttrNumber attnum, const TypeChange *change)
{
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	Oid method = index_method(index);
	oidvector *classes;
	oidvector *collations;
	bool result;
	bool isnull;

	if (!HeapTupleIsValid(tuple))
		return true;
	form = (Form_pg_index) GETSTRUCT(tuple);
	result = form->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
			 heap_attisnull(tuple, Anum_pg_index_indexprs, NULL);
	classes = (oidvector *) DatumGetPointer(
		SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indclass, &isnull));
	collations = (oidvector *) DatumGetPointer(
		SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indcollation, &isnull));
	for (int i = 0; result && i < form->indnkeyatts; i++)
	{
		Oid old = get_atttype(form->indrelid, attnum);

		if (form->indkey.values[i] != attnum)
			continue;
		/* A class that is not the default one is named in the definition. */
		if (GetDefaultOpClass(old, method) == classes->values[i] &&
			GetDefaultOpClass(change->type, method) != classes->values[i])
			result = false;
		if (IsPolymorphicType(get_opclass_input_type(classes->values[i])) && old != change->type)
			result = false;
		if (OidIsValid(collations->values[i]) && collations->values[i] == get_typcollation(old) &&
			collations->values[i] != change->collation)
			result = false;
	}
	ReleaseSysCache(tuple);
	return result;
}

/* An index on the column is made again, unless it fits as it is. */
static void
remake_index(CfAnalysis *a, Oid index, AttrNumber attnum, const TypeChange *change)
{
	Oid table = IndexGetRelation(index, true);

	cf_an_lock(a, index, AccessExclusiveLock, false);
	cf_an_lock(a, table, AccessExclusiveLock, false);
	/* The index of a partition is made with that of the table, from nothing. */
	if (!cf_an_rewrites(a, table) &&
		(get_rel_relispartition(index) || !index_survives(index, attnum, change)))
		cf_an_scan(a, table, "building indexes again on", NEW_COLUMN);
}

/* Tells whether the equality that a foreign key checks with changes. */
static bool
key_check_changes(const CfForeignKey *fk, bool referencing, const TypeChange *change,
				  AttrNumber attnum)
{
	for (int i = 0; i < fk->nkeys; i++)
	{
		Oid other;

		if ((referencing ? fk->conkey[i] : fk->confkey[i]) != attnum)
			continue;
		other = referencing ? get_atttype(fk->confrelid, fk->confkey[i])
							: get_atttype(fk->conrelid, fk->conkey[i]);
		/* Types that share their storage and equality need no new check. */
		if (!IsBinaryCoercible(change->type, other) && !IsBinaryCoercible(other, change->type))
			return true;
	}
	return false;
}

/* A foreign key on the column is made again. */
static void
remake_foreign_key(CfAnalysis *a, Oid constraint, Oid relid, AttrNumber attnum,
				   const TypeChange *change)
{
	ListCell *lc;
	bool referencing = false;

	for (int side = 0; side < 2; side++)
	{
		referencing = side == 0;
		foreach (lc, cf_an_foreign_keys(a, relid, referencing))
		{
			const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);

			if (fk->oid != constraint)
				continue;
			cf_an_lock(a, fk->conrelid, AccessExclusiveLock, false);
			cf_an_lock(a, fk->confrelid, AccessExclusiveLock, false);
			if (!cf_an_rewrites(a, fk->conrelid) &&
				(change->rewrite || key_check_changes(fk, referencing, change, attnum)))
				cf_an_scan(a, fk->conrelid, "checking the foreign keys of", NULL);
		}
	}
}

/* A constraint on the column is made again. */
static void
remake_constraint(CfAnalysis *a, Oid constraint, Oid relid, AttrNumber attnum,
				  const TypeChange *change)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint form;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	switch (form->contype)
	{
		case CONSTRAINT_CHECK:
			cf_an_lock(a, form->conrelid, AccessExclusiveLock, false);
			if (OidIsValid(form->conrelid) && !cf_an_rewrites(a, form->conrelid))
				cf_an_scan(a, form->conrelid, "checking the constraints of", NEW_COLUMN);
			break;
		case CONSTRAINT_PRIMARY:
		case CONSTRAINT_UNIQUE:
		case CONSTRAINT_EXCLUSION:
			remake_index(a, form->conindid, attnum, change);
			break;
		case CONSTRAINT_FOREIGN:
			remake_foreign_key(a, constraint, relid, attnum, change);
			break;
		default:
			break;
	}
	ReleaseSysCache(tuple);
}

/* Refuses a change of type because of what depends on the column. */
static void
refuse(CfAnalysis *a, const ObjectAddress *object, const char *what, const TypeChange *change)
{
	char *description = getObjectDescription(object, true);

	if (description == NULL ||
		cf_an_unsure(a, change->rel->relid, psprintf("%s uses the column", description)))
		return;
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("cannot alter type of a column used %s", what),
					errdetail("%s depends on column \"%s\"", description, change->column)));
}

/* Works out one object that depends on the column. */
static void
dependent(CfAnalysis *a, const ObjectAddress *object, Oid relid, AttrNumber attnum,
		  const TypeChange *change)
{
	ObjectAddress owner;

	switch (object->classId)
	{
		case RelationRelationId:
			if (get_rel_relkind(object->objectId) == RELKIND_INDEX ||
				get_rel_relkind(object->objectId) == RELKIND_PARTITIONED_INDEX)
				remake_index(a, object->objectId, attnum, change);
			break;
		case ConstraintRelationId:
			remake_constraint(a, object->objectId, relid, attnum, change);
			break;
		case ProcedureRelationId:
			refuse(a, object, "by a function or procedure", change);
			break;
		case RewriteRelationId:
			refuse(a, object, "by a view or rule", change);
			break;
		case TriggerRelationId:
			refuse(a, object, "in a trigger definition", change);
			break;
		case PolicyRelationId:
			refuse(a, object, "in a policy definition", change);
			break;
		case AttrDefaultRelationId:
			owner = GetAttrDefaultColumnAddress(object->objectId);
			if (owner.objectId != relid || owner.objectSubId != attnum)
				refuse(a, object, "by a generated column", change);
			break;
		default:
			break;
	}
}

/* Works out all that depends on the column in one table. */
static void
dependents(CfAnalysis *a, Oid relid, AttrNumber attnum, const TypeChange *change)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&key[2], Anum_pg_depend_refobjsubid, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(attnum));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 3, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend row = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress object;

		ObjectAddressSubSet(object, row->classid, row->objid, row->objsubid);
		if (!cf_world_is_gone(a, row->classid, row->objid, row->objsubid))
			dependent(a, &object, relid, attnum, change);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

/* Tells whether a column is an identity column: its sequence changes type too. */
static bool
is_identity(Oid relid, AttrNumber attnum)
{
	HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	bool result = false;

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_attribute) GETSTRUCT(tuple))->attidentity != '\0';
		ReleaseSysCache(tuple);
	}
	return result;
}

/* ALTER COLUMN TYPE */
void
cf_an_change_type(CfAnalysis *a, const CfRel *rel, AlterTableCmd *cmd, bool recurse)
{
	TypeChange change = {.rel = rel, .column = cmd->name, .def = (ColumnDef *) cmd->def};
	List *tables;
	ListCell *lc;
	ErrorData *error;

	change.attnum = cf_an_column(a, rel, cmd->name);
	if (rel->created)
		return;
	if (change.attnum != InvalidAttrNumber)
		cf_an_lock_list(a, cf_an_column_sequences(rel->relid, change.attnum),
						is_identity(rel->relid, change.attnum) ? ShareRowExclusiveLock
															   : AccessShareLock);
	tables = cf_an_with_descendants(rel->relid, recurse);
	cf_an_lock_list(a, tables, AccessExclusiveLock);
	if (change.attnum == InvalidAttrNumber)
		change.rewrite = true;
	else if (!cf_an_attempt(a, plan_change, &change, &error))
	{
		if (cf_an_sure(a, rel->relid))
			ReThrowError(error);
		cf_an_warn(a, "%s: whether %s is rewritten, only a dry run can tell", error->message,
				   rel->name);
		change.rewrite = true;
	}
	if (change.rewrite)
		foreach (lc, tables)
			cf_an_rewrite(a, lfirst_oid(lc), "rewriting (the type changes)", NEW_COLUMN);
	if (change.attnum == InvalidAttrNumber || !OidIsValid(change.type))
		return;
	foreach (lc, tables)
		dependents(a, lfirst_oid(lc),
				   lfirst_oid(lc) == rel->relid ? change.attnum
												: get_attnum(lfirst_oid(lc), cmd->name),
				   &change);
}
