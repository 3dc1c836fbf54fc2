/*-------------------------------------------------------------------------
 *
 * objects_expr.c
 *	  The objects that expressions name.
 *
 * Functions, types, operators and collations are named by themselves. A
 * column is reported when the syntax alone tells its relation: it is
 * qualified, or one relation is all that is in sight.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/heap.h"
#include "catalog/pg_type.h"
#include "common/keywords.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "objects.h"

static bool walker(Node *node, void *context);

/* Adds what an expression, a list of them or a query names. */
void
cf_obj_walk(CfCollector *c, Node *node)
{
	(void) walker(node, c);
}

/* The same for an expression over the columns of a table. */
void
cf_obj_walk_of(CfCollector *c, const RangeVar *rel, Node *expr)
{
	if (expr == NULL)
		return;
	cf_obj_push(c, false);
	cf_obj_see(c, rel->relname, rel, NIL);
	(void) walker(expr, c);
	cf_obj_pop(c);
}

/* Tells whether a list of String holds a name. */
static bool
has_string(List *strings, const char *name)
{
	ListCell *lc;

	foreach (lc, strings)
	{
		if (strcmp(strVal(lfirst(lc)), name) == 0)
			return true;
	}
	return false;
}

/*
 * Returns the relation that a column without qualification is of.
 *
 * That is certain only when nothing else is in sight, be it a second
 * relation, a sub-select, or a name that is not a column.
 */
static const RangeVar *
only_relation(CfCollector *c, const char *column)
{
	const RangeVar *found = NULL;

	for (CfNamespace *names = c->names; names != NULL; names = names->outer)
	{
		ListCell *lc;

		foreach (lc, names->labels)
		{
			if (strcmp((const char *) lfirst(lc), column) == 0)
				return NULL;
		}
		if (names->hidden)
			continue;
		foreach (lc, names->items)
		{
			CfRangeItem *item = (CfRangeItem *) lfirst(lc);

			if (item->relation == NULL || (found != NULL && item->relation != found) ||
				strcmp(item->name, column) == 0 || has_string(item->renamed, column))
				return NULL;
			found = item->relation;
		}
	}
	return found;
}

/* Adds a column of a relation. */
static void
add_column(CfCollector *c, const RangeVar *rel, const char *column)
{
	if (rel != NULL && SystemAttributeByName(column) == NULL)
		cf_obj_part(c, "column", rel, column, c->in_query ? CF_READ : CF_REFERENCE);
}

/* Adds the column of a reference, if its relation is certain. */
static void
column_ref(CfCollector *c, ColumnRef *ref)
{
	int n = list_length(ref->fields);
	const char *column;

	/* the whole row: the relation itself is in the list already */
	if (!IsA(llast(ref->fields), String))
		return;

	column = strVal(llast(ref->fields));
	if (n == 1)
		add_column(c, only_relation(c, column), column);
	else
	{
		const char *owner = strVal(list_nth(ref->fields, n - 2));
		CfRangeItem *item = cf_obj_seen(c, owner);

		if (item == NULL || item->relation == NULL || has_string(item->renamed, column))
			return;
		if (n > 2 &&
			(item->relation->schemaname == NULL ||
			 strcmp(item->relation->schemaname, strVal(list_nth(ref->fields, n - 3))) != 0))
			return;
		add_column(c, item->relation, column);
	}
}

/* Adds an element of an index, a partition key or statistics. */
static void
key_column(CfCollector *c, const char *name, List *collation, List *opclass)
{
	if (name != NULL)
		add_column(c, only_relation(c, name), name);
	cf_obj_reference(c, "collation", collation);
	cf_obj_reference(c, "operator class", opclass);
}

/* Returns the text of a literal, also under a cast; NULL if it is none. */
static char *
literal_text(Node *node)
{
	while (node != NULL && IsA(node, TypeCast))
		node = ((TypeCast *) node)->arg;
	if (node == NULL || !IsA(node, A_Const) || ((A_Const *) node)->isnull ||
		!IsA(&((A_Const *) node)->val, String))
		return NULL;
	return ((A_Const *) node)->val.sval.sval;
}

/* Splits a name in a literal as regclass does; NIL if it is not a name. */
static List *
literal_names(const char *text)
{
	List *parts;
	List *names = NIL;
	ListCell *lc;

	/* an OID */
	if (strspn(text, "0123456789") == strlen(text))
		return NIL;
	if (!SplitIdentifierString(pstrdup(text), '.', &parts))
		return NIL;
	foreach (lc, parts)
		names = lappend(names, makeString((char *) lfirst(lc)));
	return names;
}

/* Types whose literals are names of objects. */
static const struct
{
	Oid oid;
	const char *type;
	const char *kind;
} reg_types[] = {{REGCLASSOID, "regclass", "relation"},
				 {REGPROCOID, "regproc", "function"},
				 {REGPROCEDUREOID, "regprocedure", "function"},
				 {REGTYPEOID, "regtype", "type"},
				 {REGROLEOID, "regrole", "role"},
				 {REGNAMESPACEOID, "regnamespace", "schema"},
				 {REGCOLLATIONOID, "regcollation", "collation"},
				 {REGCONFIGOID, "regconfig", "text search configuration"},
				 {REGDICTIONARYOID, "regdictionary", "text search dictionary"}};

/* Adds the object that a literal of the type reg_types[i] names. */
static void
reg_literal(CfCollector *c, int i, const char *text)
{
	/* without the arguments of a function, the modifiers of a type */
	List *names = literal_names(pnstrdup(text, strcspn(text, "([")));

	/* integer and the like are words of the grammar */
	if (reg_types[i].oid == REGTYPEOID && list_length(names) == 1 &&
		ScanKeywordLookup(strVal(linitial(names)), &ScanKeywords) >= 0)
		return;
	cf_obj_reference(c, reg_types[i].kind, names);
}

/* Adds the object of a literal, if type is one of reg_types. */
static void
reg_literal_of(CfCollector *c, const char *type, const char *text)
{
	for (int i = 0; i < lengthof(reg_types); i++)
	{
		if (strcmp(type, reg_types[i].type) == 0)
			reg_literal(c, i, text);
	}
}

/* Adds the object of a cast like 'orders'::regclass. */
static void
reg_cast(CfCollector *c, TypeCast *cast)
{
	char *text = literal_text(cast->arg);
	const char *schema;
	const char *type;

	cf_obj_split(cast->typeName->names, &schema, &type);
	if (text != NULL && type != NULL && (schema == NULL || strcmp(schema, "pg_catalog") == 0))
		reg_literal_of(c, type, text);
}

/* Adds the sequence of nextval() and its relatives, for what they do. */
static void
sequence_call(CfCollector *c, const char *function, List *args)
{
	char *text = literal_text((Node *) linitial(args));
	List *names = text ? literal_names(text) : NIL;

	if (names == NIL)
		return;
	if (strcmp(function, "nextval") == 0 || strcmp(function, "setval") == 0)
		cf_obj_names(c, "sequence", names, c->in_query ? CF_WRITE : CF_REFERENCE);
	else if (strcmp(function, "currval") == 0)
		cf_obj_names(c, "sequence", names, CF_REFERENCE);
	else if (strcmp(function, "pg_get_serial_sequence") == 0 && list_length(args) == 2)
	{
		const char *column = literal_text((Node *) lsecond(args));
		const char *schema;
		const char *table;

		cf_obj_split(names, &schema, &table);
		cf_obj_add(c, "table", schema, table, CF_REFERENCE);
		if (column != NULL)
			cf_obj_add_part(c, "column", schema, table, column, CF_REFERENCE);
	}
}

/* Adds a function, and the objects in literals that it takes as regclass. */
static void
function_call(CfCollector *c, FuncCall *call)
{
	const char *schema;
	const char *function;

	cf_obj_reference(c, "function", call->funcname);

	cf_obj_split(call->funcname, &schema, &function);
	if (call->args == NIL || (schema != NULL && strcmp(schema, "pg_catalog") != 0))
		return;
	sequence_call(c, function, call->args);
	for (int arg = 0; arg < list_length(call->args); arg++)
	{
		Node *node = (Node *) list_nth(call->args, arg);
		char *text = IsA(node, A_Const) ? literal_text(node) : NULL;
		Oid type;

		if (text == NULL)
			continue;
		/* to_regclass('orders') */
		if (arg == 0 && strncmp(function, "to_", 3) == 0)
			reg_literal_of(c, function + 3, text);
		type = cf_obj_argument_type(function, arg);
		for (int i = 0; i < lengthof(reg_types); i++)
		{
			if (type == reg_types[i].oid)
				reg_literal(c, i, text);
		}
	}
}

/* Adds what one node names; what is below it is visited after that. */
static bool
walker(Node *node, void *context)
{
	CfCollector *c = (CfCollector *) context;

	if (node == NULL)
		return false;
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();

	switch (nodeTag(node))
	{
		case T_SelectStmt:
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			(void) cf_obj_query(c, node);
			return false;
		case T_ReturnStmt:
			return walker(((ReturnStmt *) node)->returnval, context);
		case T_ColumnRef:
			column_ref(c, (ColumnRef *) node);
			return false;
		case T_TypeName:
			cf_obj_type(c, (TypeName *) node);
			return false;
		case T_TypeCast:
			reg_cast(c, (TypeCast *) node);
			break;
		case T_FuncCall:
			function_call(c, (FuncCall *) node);
			break;
		case T_A_Expr:
			/* BETWEEN stands in the place of an operator */
			if (((A_Expr *) node)->kind < AEXPR_BETWEEN)
				cf_obj_reference(c, "operator", ((A_Expr *) node)->name);
			break;
		case T_SubLink:
			cf_obj_reference(c, "operator", ((SubLink *) node)->operName);
			break;
		case T_SortBy:
			cf_obj_reference(c, "operator", ((SortBy *) node)->useOp);
			break;
		case T_CollateClause:
			cf_obj_reference(c, "collation", ((CollateClause *) node)->collname);
			break;
		case T_RangeTableFuncCol:
			cf_obj_type(c, ((RangeTableFuncCol *) node)->typeName);
			break;
		case T_IndexElem:
		{
			IndexElem *elem = (IndexElem *) node;

			key_column(c, elem->name, elem->collation, elem->opclass);
		}
		break;
		case T_PartitionElem:
		{
			PartitionElem *elem = (PartitionElem *) node;

			key_column(c, elem->name, elem->collation, elem->opclass);
			return walker(elem->expr, context);
		}
		case T_StatsElem:
		{
			StatsElem *elem = (StatsElem *) node;

			key_column(c, elem->name, NIL, NIL);
			return walker(elem->expr, context);
		}
		default:
			break;
	}
	return cf_raw_walker(node, walker, context);
}
