/*-------------------------------------------------------------------------
 *
 * objects.c
 *	  The objects that a statement names.
 *
 * The input is what the grammar makes of a statement; no catalog says which
 * objects exist, so the statement may be one that can't run. What the syntax
 * does not show (the body of a function in a string, DO, what CASCADE
 * reaches) is not in the list; code that is opaque has an entry of kind
 * "opaque" that says so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tcop/utility.h"

#include "objects.h"

/* Adds what VACUUM and ANALYZE name. */
static void
vacuum(CfCollector *c, VacuumStmt *stmt)
{
	CfAction action = stmt->is_vacuumcmd ? CF_ALTER : CF_READ;
	ListCell *lc;

	if (stmt->rels == NIL)
		cf_obj_opaque(c, "all tables", action);
	foreach (lc, stmt->rels)
	{
		VacuumRelation *rel = lfirst_node(VacuumRelation, lc);

		cf_obj_relation(c, "table", rel->relation, action);
		cf_obj_columns(c, rel->relation, rel->va_cols, CF_READ);
	}
}

/* Adds what REINDEX names. */
static void
reindex(CfCollector *c, ReindexStmt *stmt)
{
	if (stmt->kind == REINDEX_OBJECT_INDEX)
		cf_obj_relation(c, "index", stmt->relation, CF_ALTER);
	else if (stmt->kind == REINDEX_OBJECT_TABLE)
		cf_obj_relation(c, "table", stmt->relation, CF_ALTER);
	else if (stmt->kind == REINDEX_OBJECT_SCHEMA)
		cf_obj_add(c, "schema", NULL, stmt->name, CF_ALTER);
	else if (stmt->name != NULL)
		cf_obj_add(c, "database", NULL, stmt->name, CF_ALTER);
	else
		cf_obj_opaque(c, "all tables", CF_ALTER);
}

/* Adds what CLUSTER names. */
static void
cluster(CfCollector *c, ClusterStmt *stmt)
{
	if (stmt->relation == NULL)
	{
		cf_obj_opaque(c, "all tables", CF_ALTER);
		return;
	}
	cf_obj_relation(c, "table", stmt->relation, CF_ALTER);
	cf_obj_add(c, "index", stmt->relation->schemaname, stmt->indexname, CF_REFERENCE);
}

/* Adds what COPY names. */
static void
copy(CfCollector *c, CopyStmt *stmt)
{
	CfAction action = stmt->is_from ? CF_WRITE : CF_READ;

	if (stmt->relation != NULL)
	{
		cf_obj_relation(c, "table", stmt->relation, action);
		cf_obj_columns(c, stmt->relation, stmt->attlist, action);
		cf_obj_walk_of(c, stmt->relation, stmt->whereClause);
	}
	cf_obj_statement(c, stmt->query);
}

/* Adds relations of one kind. */
static void
relations(CfCollector *c, const char *kind, List *rels, CfAction action)
{
	ListCell *lc;

	foreach (lc, rels)
		cf_obj_relation(c, kind, lfirst_node(RangeVar, lc), action);
}

/* Adds what a statement names that works on tables as they are. */
static bool
maintenance_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_TruncateStmt:
			relations(c, "table", ((TruncateStmt *) stmt)->relations, CF_WRITE);
			return true;
		case T_LockStmt:
			relations(c, "table", ((LockStmt *) stmt)->relations, CF_REFERENCE);
			return true;
		case T_RefreshMatViewStmt:
			cf_obj_relation(c, "materialized view", ((RefreshMatViewStmt *) stmt)->relation,
							CF_WRITE);
			return true;
		case T_CopyStmt:
			copy(c, (CopyStmt *) stmt);
			return true;
		case T_VacuumStmt:
			vacuum(c, (VacuumStmt *) stmt);
			return true;
		case T_ReindexStmt:
			reindex(c, (ReindexStmt *) stmt);
			return true;
		case T_ClusterStmt:
			cluster(c, (ClusterStmt *) stmt);
			return true;
		case T_ConstraintsSetStmt:
			/* the table of a constraint is not in the statement */
			relations(c, "constraint", ((ConstraintsSetStmt *) stmt)->constraints, CF_REFERENCE);
			return true;
		default:
			return false;
	}
}

/* Adds what a statement names that holds or calls another one. */
static bool
wrapping_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_RawStmt:
			cf_obj_statement(c, ((RawStmt *) stmt)->stmt);
			return true;
		case T_ReturnStmt:
			cf_obj_walk(c, stmt);
			return true;
		case T_ExplainStmt:
			cf_obj_statement(c, ((ExplainStmt *) stmt)->query);
			return true;
		case T_DeclareCursorStmt:
			cf_obj_statement(c, ((DeclareCursorStmt *) stmt)->query);
			return true;
		case T_PrepareStmt:
			cf_obj_types(c, ((PrepareStmt *) stmt)->argtypes);
			cf_obj_statement(c, ((PrepareStmt *) stmt)->query);
			return true;
		case T_ExecuteStmt:
			cf_obj_opaque(c, "prepared statement", CF_WRITE);
			cf_obj_push(c, true);
			cf_obj_walk(c, (Node *) ((ExecuteStmt *) stmt)->params);
			cf_obj_pop(c);
			return true;
		default:
			return false;
	}
}

/* Tells whether a statement names no object of the database. */
static bool
names_nothing(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_TransactionStmt:
		case T_VariableSetStmt:
		case T_VariableShowStmt:
		case T_DiscardStmt:
		case T_DeallocateStmt:
		case T_FetchStmt:
		case T_ClosePortalStmt:
		case T_NotifyStmt:
		case T_ListenStmt:
		case T_UnlistenStmt:
		case T_CheckPointStmt:
		case T_LoadStmt:
			return true;
		default:
			return false;
	}
}

/* Adds what a statement names; stmt may be NULL. */
void
cf_obj_statement(CfCollector *c, Node *stmt)
{
	if (stmt == NULL)
		return;
	if (cf_obj_query(c, stmt) || cf_obj_table_statement(c, stmt) || cf_obj_alter_table(c, stmt) ||
		cf_obj_rule_statement(c, stmt) || cf_obj_define_statement(c, stmt) ||
		cf_obj_function_statement(c, stmt) || cf_obj_named_statement(c, stmt) ||
		cf_obj_shared_statement(c, stmt) || maintenance_statement(c, stmt) ||
		wrapping_statement(c, stmt) || names_nothing(stmt))
		return;

	/* a statement of a server newer than this file */
	cf_obj_opaque(c, CreateCommandName(stmt), CF_ALTER);
}

/*
 * Returns the objects that a statement names, as a list of CfObject *.
 *
 * The statement is the node inside RawStmt as raw_parser() returns it. The
 * list and the names in it are in the current memory context.
 */
List *
cf_objects_of(Node *stmt)
{
	CfCollector collector = {0};

	cf_obj_push(&collector, false);
	cf_obj_statement(&collector, stmt);
	return collector.objects;
}
