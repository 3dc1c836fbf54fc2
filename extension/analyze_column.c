/*-------------------------------------------------------------------------
 *
 * analyze_column.c
 *	  ADD COLUMN and SET NOT NULL: whether the table is rewritten or read.
 *
 * The default is planned by the server, and the server says whether it is
 * volatile and what the constraints of the table prove.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "analyze.h"

/* What ADD COLUMN does with the rows that are there. */
typedef struct NewColumn
{
	const CfRel *rel;
	ColumnDef *def;
	Node *raw_default;
	bool identity;
	bool generated;
	bool rewrite;		/* the answer */
	bool has_value;		/* old rows get a value that is not NULL */
	const char *reason; /* why it is rewritten */
} NewColumn;

#define FILL_LATER \
	"Add the column without it, then set the default, then fill the old rows in batches"
#define CHECK_FIRST \
	"Add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in a later migration, then SET NOT NULL reads no row"

/* Tells whether a column is of one of the serial types. */
bool
cf_an_is_serial(const TypeName *type)
{
	static const char *const names[] = {"smallserial", "serial2", "serial", "serial4",
										"bigserial",   "serial8", NULL};

	if (type == NULL || list_length(type->names) != 1 || type->pct_type)
		return false;
	for (const char *const *name = names; *name; name++)
		if (strcmp(strVal(linitial(type->names)), *name) == 0)
			return true;
	return false;
}

/* Makes a parse state in which the columns of a table are seen. */
ParseState *
cf_an_parse_state(CfAnalysis *a, Relation rel)
{
	ParseState *pstate = make_parsestate(NULL);

	pstate->p_sourcetext = a->script->sql;
	if (rel)
		addNSItemToQuery(
			pstate, addRangeTableEntryForRelation(pstate, rel, AccessShareLock, NULL, false, true),
			true, true, true);
	return pstate;
}

/* Finds out whether the value of a new column can be stored apart. */
static void
plan_default(CfAnalysis *a, void *arg)
{
	NewColumn *column = (NewColumn *) arg;
	Oid type;
	int32 typmod;
	Node *expr;

	typenameTypeIdAndMod(NULL, column->def->typeName, &type, &typmod);
	if (column->raw_default)
		expr = cookDefault(cf_an_parse_state(a, NULL), column->raw_default, type, typmod,
						   column->def->colname, '\0');
	else
		expr = get_typdefault(type);
	if (DomainHasConstraints(type))
	{
		column->rewrite = true;
		column->reason = "the domain has constraints";
		return;
	}
	if (expr == NULL)
		return;
	expr = (Node *) expression_planner((Expr *) expr);
	if (contain_volatile_functions(expr))
	{
		column->rewrite = true;
		column->reason = "the default is volatile";
	}
	column->has_value = !IsA(expr, Const) || !((Const *) expr)->constisnull;
}

/* Tells whether a default is a constant, or none at all. */
static bool
is_constant(Node *expr)
{
	while (expr && IsA(expr, TypeCast))
		expr = ((TypeCast *) expr)->arg;
	return expr == NULL || IsA(expr, A_Const);
}

/* Decides about a new column; when that fails, for the worse. */
static void
decide(CfAnalysis *a, NewColumn *column)
{
	const char *type = strVal(llast(column->def->typeName->names));
	ErrorData *error;

	column->has_value = column->identity || column->generated;
	if (column->identity || cf_an_is_serial(column->def->typeName))
	{
		column->rewrite = true;
		column->has_value = true;
		column->reason = "each old row takes a number from the sequence";
		return;
	}
	if (column->generated)
	{
		column->rewrite = true;
		column->reason = "the column is computed for each old row";
		return;
	}
	if (cf_an_attempt(a, plan_default, column, &error))
		return;
	if (is_constant(column->raw_default) && cf_an_is_known(a, NULL, type) &&
		!cf_an_is_known(a, "domain", type))
	{
		/* Of a type that the script creates. */
		column->has_value = column->raw_default != NULL;
		return;
	}
	if (a->world->opaque == NULL && !a->world->code_changed && a->world->nknown == 0)
		ReThrowError(error);
	cf_an_warn(a, "%s: whether %s is rewritten, only a dry run can tell", error->message,
			   column->rel->name);
	column->rewrite = column->raw_default != NULL || cf_an_is_known(a, "domain", type);
	column->has_value = column->raw_default != NULL;
	column->reason = "the default may be volatile";
}

/* Works out the constraints that stand in the definition of a column. */
static void
column_constraints(CfAnalysis *a, NewColumn *column, bool recurse)
{
	ListCell *lc;

	foreach (lc, column->def->constraints)
	{
		Constraint *con = copyObject(lfirst_node(Constraint, lc));
		List *names = list_make1(makeString(column->def->colname));

		switch (con->contype)
		{
			case CONSTR_CHECK:
				if (!column->rel->created)
					cf_an_check_rows(a, column->rel, con->conname, recurse && !con->is_no_inherit,
									 AccessExclusiveLock);
				break;
			case CONSTR_PRIMARY:
			case CONSTR_UNIQUE:
				con->keys = names;
				cf_an_add_constraint(a, column->rel, con, recurse, AccessExclusiveLock);
				break;
			case CONSTR_FOREIGN:
				con->fk_attrs = names;
				cf_an_foreign_key(a, column->rel, con, column->raw_default != NULL);
				break;
			default:
				break;
		}
	}
}

/* Tells whether the column is there already. */
static bool
column_exists(CfAnalysis *a, const CfRel *rel, const char *column)
{
	CfKnown *known = cf_an_known_part(a, rel, "column", column);

	if (known)
		return known->exists;
	return !rel->created && get_attnum(rel->relid, column) != InvalidAttrNumber;
}

/*
 * Returns a table and the children that take over a new column. A child that
 * has it already is locked too, but what is below it is not.
 */
static List *
column_takers(CfAnalysis *a, Oid relid, const char *column)
{
	List *result = list_make1_oid(relid);
	ListCell *lc;

	foreach (lc, find_inheritance_children(relid, NoLock))
	{
		cf_an_lock(a, lfirst_oid(lc), AccessExclusiveLock, false);
		if (get_attnum(lfirst_oid(lc), column) == InvalidAttrNumber)
			result = list_concat(result, column_takers(a, lfirst_oid(lc), column));
	}
	return result;
}

/* ADD COLUMN */
void
cf_an_add_column(CfAnalysis *a, const CfRel *rel, AlterTableCmd *cmd, bool recurse)
{
	ColumnDef *def = (ColumnDef *) cmd->def;
	NewColumn column = {.rel = rel, .def = def};
	bool not_null = def->is_not_null;
	ListCell *lc;

	if (column_exists(a, rel, def->colname))
	{
		if (!cmd->missing_ok)
			ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
							errmsg("column \"%s\" of relation \"%s\" already exists", def->colname,
								   rel->created ? rel->relname : get_rel_name(rel->relid))));
		cf_an_warn(a, "column %s of %s exists already: nothing is added", def->colname, rel->name);
		return;
	}
	if (!rel->created && get_rel_relispartition(rel->relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("cannot add column to a partition")));
	foreach (lc, def->constraints)
	{
		Constraint *con = lfirst_node(Constraint, lc);

		if (con->contype == CONSTR_DEFAULT)
			column.raw_default = con->raw_expr;
		column.identity |= con->contype == CONSTR_IDENTITY;
		column.generated |= con->contype == CONSTR_GENERATED && !cf_is_virtual(con);
		not_null |= con->contype == CONSTR_NOTNULL || con->contype == CONSTR_PRIMARY;
	}
	if (!rel->created && rel->relkind != RELKIND_COMPOSITE_TYPE)
	{
		decide(a, &column);
		foreach (lc, column_takers(a, rel->relid, def->colname))
		{
			double rows;
			uint64 bytes;

			if (column.rewrite)
				cf_an_rewrite(a, lfirst_oid(lc), psprintf("rewriting (%s)", column.reason),
							  FILL_LATER);
			else if (not_null && !column.has_value)
			{
				cf_an_scan(a, lfirst_oid(lc), "checking for NULLs in", NULL);
				cf_an_size(lfirst_oid(lc), &rows, &bytes);
				if (bytes > 0)
					cf_an_warn(
						a,
						"fails unless %s is empty (%s): column %s is NOT NULL and has no default",
						cf_relation_name(lfirst_oid(lc)), cf_an_size_text(rows, bytes),
						def->colname);
			}
		}
	}
	cf_an_sequences(a, column.rewrite ? column.raw_default : NULL);
	cf_world_part(a, rel, "column", def->colname, true);
	column_constraints(a, &column, recurse);
}

/* Collects the checks that statements before have added, as the planner wants them. */
static List *
known_checks(CfAnalysis *a, Oid relid)
{
	List *result = NIL;
	ListCell *lc;

	foreach (lc, a->world->checks)
	{
		const CfKnownCheck *check = (const CfKnownCheck *) lfirst(lc);
		Node *expr;

		if (check->relid != relid || !check->valid)
			continue;
		expr = eval_const_expressions(NULL, (Node *) stringToNode(check->expr));
		expr = (Node *) canonicalize_qual((Expr *) expr, true);
		result = list_concat(result, make_ands_implicit((Expr *) expr));
	}
	return result;
}

/* Tells whether the constraints of a table prove that a column has no NULLs. */
static bool
is_proven(CfAnalysis *a, Oid relid, Form_pg_attribute attribute)
{
	NullTest *test = makeNode(NullTest);
	Relation rel;

	test->arg = (Expr *) makeVar(1, attribute->attnum, attribute->atttypid, attribute->atttypmod,
								 attribute->attcollation, 0);
	test->nulltesttype = IS_NOT_NULL;
	test->argisrow = false;
	test->location = -1;
	if (predicate_implied_by(list_make1(test), known_checks(a, relid), true))
		return true;
	rel = cf_an_open(a, relid);
	return rel != NULL && PartConstraintImpliedByRelConstraint(rel, list_make1(test));
}

/* Works out SET NOT NULL on one table. */
static void
set_not_null_on(CfAnalysis *a, Oid relid, const char *column)
{
	CfRel rel = {.relid = relid, .name = cf_relation_name(relid)};
	HeapTuple tuple;
	Form_pg_attribute form;
	CfKnown *known = cf_an_known_part(a, &rel, "column", column);

	if (cf_world_is_not_null(a, &rel, column))
		return;
	cf_world_learn_not_null(a, &rel, column);
	if (known && known->attnum == InvalidAttrNumber)
	{
		/* Added by a statement before: nothing proves that it is filled. */
		cf_an_scan(a, relid, "checking for NULLs in", CHECK_FIRST);
		return;
	}
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
							Int16GetDatum(known ? known->attnum : get_attnum(relid, column)));
	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_attribute) GETSTRUCT(tuple);
	if (!form->attnotnull && !is_proven(a, relid, form))
		cf_an_scan(a, relid, "checking for NULLs in", CHECK_FIRST);
	ReleaseSysCache(tuple);
}

/* SET NOT NULL */
void
cf_an_set_not_null(CfAnalysis *a, const CfRel *rel, const char *column, bool recurse,
				   LOCKMODE lockmode)
{
	AttrNumber attnum = cf_an_column(a, rel, column);
	ListCell *lc;

	if (rel->created)
		return;
	if (rel->relkind == RELKIND_PARTITIONED_TABLE && attnum != InvalidAttrNumber)
	{
		HeapTuple tuple =
			SearchSysCache2(ATTNUM, ObjectIdGetDatum(rel->relid), Int16GetDatum(attnum));
		bool is_set = HeapTupleIsValid(tuple) && ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;

		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
		if (is_set)
			return;
	}
	if (recurse || rel->relkind == RELKIND_PARTITIONED_TABLE)
		cf_an_lock_list(a, cf_an_descendants(rel->relid), lockmode);
	foreach (lc, cf_an_with_descendants(rel->relid, recurse))
		set_not_null_on(a, lfirst_oid(lc), column);
}

/* SET EXPRESSION: the column is computed anew, unless it is virtual. */
void
cf_an_set_expression(CfAnalysis *a, const CfRel *rel, const char *column, bool recurse,
					 LOCKMODE lockmode)
{
	AttrNumber attnum = cf_an_column(a, rel, column);
	ListCell *lc;

	if (rel->created)
		return;
	if (recurse)
		cf_an_lock_list(a, cf_an_descendants(rel->relid), lockmode);
	if (attnum != InvalidAttrNumber &&
		get_attgenerated(rel->relid, attnum) != ATTRIBUTE_GENERATED_STORED)
		return;
	foreach (lc, cf_an_with_descendants(rel->relid, recurse))
		cf_an_rewrite(a, lfirst_oid(lc), "rewriting (the column is computed anew)", NULL);
}
