/*-------------------------------------------------------------------------
 *
 * objects_table.c
 *	  The objects that CREATE TABLE, CREATE INDEX and the like name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "objects.h"

/* Adds a column of a relation or an attribute of a type, as it is defined. */
void
cf_obj_column_def(CfCollector *c, const char *kind, const RangeVar *rel, ColumnDef *def,
				  CfAction action)
{
	ListCell *lc;

	cf_obj_part(c, kind, rel, def->colname, action);
	cf_obj_type(c, def->typeName);
	cf_obj_walk(c, (Node *) def->collClause);
	cf_obj_walk_of(c, rel, def->raw_default);
	foreach (lc, def->constraints)
		cf_obj_constraint(c, rel, lfirst_node(Constraint, lc));
}

/* Adds what EXCLUDE names: a list of elements, each with an operator. */
static void
exclusions(CfCollector *c, const RangeVar *rel, List *pairs)
{
	ListCell *lc;

	foreach (lc, pairs)
	{
		List *pair = lfirst_node(List, lc);

		cf_obj_walk_of(c, rel, (Node *) linitial(pair));
		cf_obj_reference(c, "operator", (List *) lsecond(pair));
	}
}

/* Adds a constraint of a table. Without a name it is only what it refers to. */
void
cf_obj_constraint(CfCollector *c, const RangeVar *rel, Constraint *con)
{
	cf_obj_part(c, "constraint", rel, con->conname, CF_CREATE);
	cf_obj_walk_of(c, rel, con->raw_expr);
	cf_obj_columns(c, rel, con->keys, CF_REFERENCE);
	cf_obj_columns(c, rel, con->including, CF_REFERENCE);
	exclusions(c, rel, con->exclusions);
	cf_obj_reference_name(c, "access method", con->access_method);
	cf_obj_walk_of(c, rel, con->where_clause);
	cf_obj_reference_name(c, "tablespace", con->indexspace);
	if (con->indexname != NULL)
		/* the index becomes the constraint's, and gets its name */
		cf_obj_add(c, "index", cf_obj_schema(c, rel, CF_ALTER), con->indexname, CF_ALTER);

	cf_obj_columns(c, rel, con->fk_attrs, CF_REFERENCE);
	cf_obj_columns(c, rel, con->fk_del_set_cols, CF_REFERENCE);
	if (con->pktable != NULL)
	{
		cf_obj_relation(c, "table", con->pktable, CF_REFERENCE);
		cf_obj_columns(c, con->pktable, con->pk_attrs, CF_REFERENCE);
	}
	if (con->contype == CONSTR_IDENTITY)
		cf_obj_sequence_options(c, con->options);
}

/* Adds what the values of FOR VALUES name. No column can be among them. */
void
cf_obj_bound(CfCollector *c, PartitionBoundSpec *bound)
{
	if (bound == NULL)
		return;
	cf_obj_walk(c, (Node *) bound->listdatums);
	cf_obj_walk(c, (Node *) bound->lowerdatums);
	cf_obj_walk(c, (Node *) bound->upperdatums);
}

/* Adds what CREATE TABLE or CREATE FOREIGN TABLE names. */
static void
create_table(CfCollector *c, CreateStmt *stmt, const char *kind)
{
	RangeVar *rel = stmt->relation;
	ListCell *lc;

	cf_obj_relation(c, kind, rel, CF_CREATE);
	foreach (lc, stmt->inhRelations)
		cf_obj_relation(c, "table", lfirst_node(RangeVar, lc),
						stmt->partbound ? CF_ALTER : CF_REFERENCE);
	cf_obj_type(c, stmt->ofTypename);
	foreach (lc, stmt->tableElts)
	{
		Node *elt = (Node *) lfirst(lc);

		if (IsA(elt, ColumnDef))
			cf_obj_column_def(c, "column", rel, (ColumnDef *) elt, CF_CREATE);
		else if (IsA(elt, Constraint))
			cf_obj_constraint(c, rel, (Constraint *) elt);
		else
			cf_obj_relation(c, "relation", castNode(TableLikeClause, elt)->relation, CF_REFERENCE);
	}
	cf_obj_bound(c, stmt->partbound);
	if (stmt->partspec != NULL)
		cf_obj_walk_of(c, rel, (Node *) stmt->partspec->partParams);
	cf_obj_reference_name(c, "access method", stmt->accessMethod);
	cf_obj_reference_name(c, "tablespace", stmt->tablespacename);
}

/* Adds what the options of a sequence, or of an identity column, name. */
void
cf_obj_sequence_options(CfCollector *c, List *options)
{
	ListCell *lc;

	foreach (lc, options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "as") == 0)
			cf_obj_type(c, castNode(TypeName, option->arg));
		else if (strcmp(option->defname, "sequence_name") == 0)
			cf_obj_names(c, "sequence", castNode(List, option->arg), CF_CREATE);
		else if (strcmp(option->defname, "owned_by") == 0 &&
				 list_length(castNode(List, option->arg)) > 1)
		{
			const char *column;
			RangeVar *rel = cf_obj_owner((List *) option->arg, &column);

			cf_obj_relation(c, "table", rel, CF_REFERENCE);
			cf_obj_part(c, "column", rel, column, CF_REFERENCE);
		}
	}
}

/* Adds what CREATE INDEX names. An index is in the schema of its table. */
static void
create_index(CfCollector *c, IndexStmt *stmt)
{
	RangeVar *rel = stmt->relation;

	cf_obj_add(c, "index", cf_obj_schema(c, rel, CF_ALTER), stmt->idxname, CF_CREATE);
	cf_obj_relation(c, "table", rel, CF_ALTER);
	cf_obj_reference_name(c, "access method", stmt->accessMethod);
	cf_obj_walk_of(c, rel, (Node *) stmt->indexParams);
	cf_obj_walk_of(c, rel, (Node *) stmt->indexIncludingParams);
	cf_obj_walk_of(c, rel, stmt->whereClause);
	cf_obj_reference_name(c, "tablespace", stmt->tableSpace);
}

/* Adds what CREATE STATISTICS names. */
static void
create_statistics(CfCollector *c, CreateStatsStmt *stmt)
{
	ListCell *lc;

	cf_obj_names(c, "statistics", stmt->defnames, CF_CREATE);
	cf_obj_push(c, false);
	foreach (lc, stmt->relations)
	{
		Node *item = (Node *) lfirst(lc);

		if (IsA(item, RangeVar))
			cf_obj_relation(c, "table", (RangeVar *) item, CF_ALTER);
		cf_obj_from_item(c, item);
	}
	cf_obj_walk(c, (Node *) stmt->exprs);
	cf_obj_pop(c);
}

/* Adds what CREATE TABLE AS or CREATE MATERIALIZED VIEW names. */
static void
create_table_as(CfCollector *c, CreateTableAsStmt *stmt)
{
	cf_obj_into(c, stmt->into, cf_obj_kind(stmt->objtype));
	/* a query, or EXECUTE */
	cf_obj_statement(c, stmt->query);
}

/* Adds what a statement about tables names; false if it is about others. */
bool
cf_obj_table_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			create_table(c, (CreateStmt *) stmt, "table");
			return true;
		case T_CreateForeignTableStmt:
			create_table(c, (CreateStmt *) stmt, "foreign table");
			cf_obj_add(c, "server", NULL, ((CreateForeignTableStmt *) stmt)->servername,
					   CF_REFERENCE);
			return true;
		case T_CreateTableAsStmt:
			create_table_as(c, (CreateTableAsStmt *) stmt);
			return true;
		case T_CreateSeqStmt:
			cf_obj_relation(c, "sequence", ((CreateSeqStmt *) stmt)->sequence, CF_CREATE);
			cf_obj_sequence_options(c, ((CreateSeqStmt *) stmt)->options);
			return true;
		case T_AlterSeqStmt:
			cf_obj_relation(c, "sequence", ((AlterSeqStmt *) stmt)->sequence, CF_ALTER);
			cf_obj_sequence_options(c, ((AlterSeqStmt *) stmt)->options);
			return true;
		case T_IndexStmt:
			create_index(c, (IndexStmt *) stmt);
			return true;
		case T_CreateStatsStmt:
			create_statistics(c, (CreateStatsStmt *) stmt);
			return true;
		case T_AlterStatsStmt:
			cf_obj_names(c, "statistics", ((AlterStatsStmt *) stmt)->defnames, CF_ALTER);
			return true;
		default:
			return false;
	}
}
