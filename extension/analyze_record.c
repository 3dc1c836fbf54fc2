/*-------------------------------------------------------------------------
 *
 * analyze_record.c
 *	  What later statements of a script must know of the earlier ones:
 *	  relations, columns and constraints that come and go.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "utils/lsyscache.h"

#include "analyze.h"

/* Puts an event in front of the list. */
static CfKnown *
remember(CfAnalysis *a, const char *kind, const char *schema, const char *name, const char *part,
		 bool exists)
{
	MemoryContext old = MemoryContextSwitchTo(a->world->context);
	CfKnown *known = palloc0(sizeof(CfKnown));

	known->kind = kind;
	known->schema = schema ? pstrdup(schema) : NULL;
	known->name = pstrdup(name);
	known->part = part ? pstrdup(part) : NULL;
	known->exists = exists;
	a->world->known = lcons(known, a->world->known);
	MemoryContextSwitchTo(old);
	return known;
}

/* A relation appears. */
static void
relation_created(CfAnalysis *a, const char *schema, const char *name, char relkind)
{
	remember(a, "relation", schema, name, NULL, true)->relkind = relkind;
}

/* A new relation appears under the name that the statement gives it. */
static void
range_var_created(CfAnalysis *a, const RangeVar *rv, char relkind)
{
	CfRel rel;
	char *schema = cf_an_creation_schema(a, rv);
	RangeVar qualified = *rv;

	qualified.schemaname = schema;
	/* IF NOT EXISTS and OR REPLACE leave what is there. */
	if (!cf_an_find(a, &qualified, &rel))
		relation_created(a, schema, rv->relname, relkind);
}

/* A column or constraint comes or goes. */
CfKnown *
cf_world_part(CfAnalysis *a, const CfRel *rel, const char *kind, const char *part, bool exists)
{
	CfKnown *known = remember(a, kind, NULL, rel->name, part, exists);

	known->oid = rel->relid;
	return known;
}

/* A relation is no longer what the catalogs say. */
static void
relation_altered(CfAnalysis *a, Oid relid)
{
	MemoryContext old = MemoryContextSwitchTo(a->world->context);

	if (OidIsValid(relid))
		a->world->altered = list_append_unique_oid(a->world->altered, relid);
	MemoryContextSwitchTo(old);
}

/* A relation disappears: DROP, also by CASCADE. */
void
cf_world_learn_dropped(CfAnalysis *a, Oid relid)
{
	char *name = get_rel_name(relid);

	if (name)
		remember(a, "relation", get_namespace_name(get_rel_namespace(relid)), name, NULL, false);
}

/* Returns the schema of a relation that has been found. */
static char *
schema_of(CfAnalysis *a, const CfRel *rel, const RangeVar *rv)
{
	return OidIsValid(rel->relid) ? get_namespace_name(get_rel_namespace(rel->relid))
								  : cf_an_creation_schema(a, rv);
}

/* Joins the names of columns, as the server does for a default name. */
static char *
joined(List *columns)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	foreach (lc, columns)
	{
		Node *node = (Node *) lfirst(lc);
		const char *name = "expr";

		if (IsA(node, String))
			name = strVal(node);
		else if (IsA(node, IndexElem) && ((IndexElem *) node)->name)
			name = ((IndexElem *) node)->name;
		else if (IsA(node, List) && IsA(linitial((List *) node), IndexElem) &&
				 linitial_node(IndexElem, (List *) node)->name)
			name = linitial_node(IndexElem, (List *) node)->name;
		appendStringInfo(&text, "%s%s", text.len > 0 ? "_" : "", name);
	}
	return text.data;
}

/* The index of a constraint appears under the constraint's name. */
static void
constraint_created(CfAnalysis *a, const CfRel *rel, const char *schema, const char *table,
				   const char *column, Constraint *con)
{
	char *name = con->conname;

	switch (con->contype)
	{
		case CONSTR_PRIMARY:
			if (name == NULL)
				name = con->indexname ? con->indexname : makeObjectName(table, NULL, "pkey");
			relation_created(a, schema, name, RELKIND_INDEX);
			break;
		case CONSTR_UNIQUE:
			if (name == NULL)
				name = con->indexname
						   ? con->indexname
						   : makeObjectName(table, column ? column : joined(con->keys), "key");
			relation_created(a, schema, name, RELKIND_INDEX);
			break;
		case CONSTR_EXCLUSION:
			if (name == NULL)
				name = makeObjectName(table, joined(con->exclusions), "excl");
			relation_created(a, schema, name, RELKIND_INDEX);
			break;
		case CONSTR_FOREIGN:
			if (name == NULL)
				name = makeObjectName(table, column ? column : joined(con->fk_attrs), "fkey");
			break;
		case CONSTR_IDENTITY:
			relation_created(a, schema, makeObjectName(table, column, "seq"), RELKIND_SEQUENCE);
			return;
		case CONSTR_CHECK:
			if (name == NULL && column)
				name = makeObjectName(table, column, "check");
			break;
		default:
			return;
	}
	if (name && rel)
		cf_world_part(a, rel, "constraint", name, true);
}

/* A column appears, with the sequence and the indexes that belong to it. */
static void
column_created(CfAnalysis *a, const CfRel *rel, const char *schema, const char *table,
			   ColumnDef *def)
{
	ListCell *lc;

	if (rel)
		cf_world_part(a, rel, "column", def->colname, true);
	if (cf_an_is_serial(def->typeName))
		relation_created(a, schema, makeObjectName(table, def->colname, "seq"), RELKIND_SEQUENCE);
	foreach (lc, def->constraints)
		constraint_created(a, rel, schema, table, def->colname, lfirst_node(Constraint, lc));
}

/* CREATE TABLE */
static void
learn_table(CfAnalysis *a, CreateStmt *stmt, char relkind)
{
	char *schema = cf_an_creation_schema(a, stmt->relation);
	RangeVar rv = *stmt->relation;
	CfRel rel;
	ListCell *lc;

	rv.schemaname = schema;
	if (cf_an_find(a, &rv, &rel))
		return;
	relation_created(a, schema, rv.relname, stmt->partspec ? RELKIND_PARTITIONED_TABLE : relkind);
	foreach (lc, stmt->tableElts)
	{
		Node *element = (Node *) lfirst(lc);

		if (IsA(element, ColumnDef))
			column_created(a, NULL, schema, rv.relname, (ColumnDef *) element);
		else if (IsA(element, Constraint))
			constraint_created(a, NULL, schema, rv.relname, NULL, (Constraint *) element);
	}
	foreach (lc, stmt->inhRelations)
		if (cf_an_find(a, lfirst_node(RangeVar, lc), &rel))
			relation_altered(a, rel.relid);
}

/* ALTER TABLE */
static void
learn_alter_table(CfAnalysis *a, AlterTableStmt *stmt)
{
	CfRel rel, other;
	ListCell *lc;

	if (!cf_an_find(a, stmt->relation, &rel))
		return;
	relation_altered(a, rel.relid);
	foreach (lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		char *schema = schema_of(a, &rel, stmt->relation);

		switch (cmd->subtype)
		{
			case AT_AddColumn:
				column_created(a, &rel, schema, stmt->relation->relname, (ColumnDef *) cmd->def);
				break;
			case AT_DropColumn:
				cf_world_part(a, &rel, "column", cmd->name, false);
				break;
			case AT_AddConstraint:
				constraint_created(a, &rel, schema, stmt->relation->relname, NULL,
								   (Constraint *) cmd->def);
				break;
			case AT_DropConstraint:
				cf_world_part(a, &rel, "constraint", cmd->name, false);
				break;
			case AT_AddIdentity:
				relation_created(a, schema,
								 makeObjectName(stmt->relation->relname, cmd->name, "seq"),
								 RELKIND_SEQUENCE);
				break;
			case AT_AttachPartition:
			case AT_DetachPartition:
				if (cf_an_find(a, ((PartitionCmd *) cmd->def)->name, &other))
					relation_altered(a, other.relid);
				break;
			default:
				break;
		}
	}
}

/* A relation gets another name or another schema. */
static void
relation_moved(CfAnalysis *a, const RangeVar *rv, const char *newschema, const char *newname)
{
	CfRel rel;
	char *schema;
	CfKnown *known;

	if (!cf_an_find(a, rv, &rel))
		return;
	if (OidIsValid(rel.relid))
	{
		schema = get_namespace_name(get_rel_namespace(rel.relid));
		/* The name in the script may be one that it has given itself. */
		if (rv->schemaname)
			schema = rv->schemaname;
	}
	else
		schema = cf_an_creation_schema(a, rv);
	remember(a, "relation", schema, rv->relname, NULL, false);
	known = remember(a, "relation", newschema ? newschema : schema, newname ? newname : rv->relname,
					 NULL, true);
	known->oid = rel.relid;
	known->relkind = rel.relkind;
}

/* ALTER ... RENAME */
static void
learn_rename(CfAnalysis *a, RenameStmt *stmt)
{
	CfRel rel;
	CfKnown *known;
	AttrNumber attnum = InvalidAttrNumber;

	switch (stmt->renameType)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_INDEX:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
			relation_moved(a, stmt->relation, NULL, stmt->newname);
			break;
		case OBJECT_COLUMN:
		case OBJECT_ATTRIBUTE:
			if (!cf_an_find(a, stmt->relation, &rel))
				break;
			if ((known = cf_an_known_part(a, &rel, "column", stmt->subname)) != NULL)
				attnum = known->attnum;
			else if (OidIsValid(rel.relid))
				attnum = get_attnum(rel.relid, stmt->subname);
			cf_world_part(a, &rel, "column", stmt->subname, false);
			cf_world_part(a, &rel, "column", stmt->newname, true)->attnum = attnum;
			relation_altered(a, rel.relid);
			break;
		case OBJECT_TABCONSTRAINT:
			if (!cf_an_find(a, stmt->relation, &rel))
				break;
			cf_world_part(a, &rel, "constraint", stmt->subname, false);
			cf_world_part(a, &rel, "constraint", stmt->newname, true);
			relation_altered(a, rel.relid);
			break;
		case OBJECT_SCHEMA:
		{
			Oid nspid = get_namespace_oid(stmt->subname, true);

			remember(a, "schema", NULL, stmt->subname, NULL, false);
			remember(a, "schema", NULL, stmt->newname, NULL, true)->oid = nspid;
			break;
		}
		case OBJECT_TRIGGER:
		case OBJECT_POLICY:
		case OBJECT_RULE:
			if (cf_an_find(a, stmt->relation, &rel))
				relation_altered(a, rel.relid);
			break;
		default:
			a->world->code_changed = true;
	}
}

/* DROP of what the script itself has created; the rest is learnt on the way. */
static void
learn_drop(CfAnalysis *a, DropStmt *stmt)
{
	ListCell *lc;
	CfRel rel;

	foreach (lc, stmt->objects)
	{
		Node *object = (Node *) lfirst(lc);

		switch (stmt->removeType)
		{
			case OBJECT_TABLE:
			case OBJECT_VIEW:
			case OBJECT_MATVIEW:
			case OBJECT_INDEX:
			case OBJECT_SEQUENCE:
			case OBJECT_FOREIGN_TABLE:
			{
				RangeVar *rv = makeRangeVarFromNameList((List *) object);

				if (cf_an_find(a, rv, &rel))
					remember(a, "relation",
							 rv->schemaname ? rv->schemaname : schema_of(a, &rel, rv), rv->relname,
							 NULL, false);
				break;
			}
			case OBJECT_SCHEMA:
				remember(a, "schema", NULL, strVal(object), NULL, false);
				break;
			case OBJECT_TRIGGER:
			case OBJECT_POLICY:
			case OBJECT_RULE:
				if (cf_an_find_names(
						a, list_copy_head((List *) object, list_length((List *) object) - 1), &rel))
					relation_altered(a, rel.relid);
				break;
			default:
				a->world->code_changed = true;
		}
	}
}

/* What other statements create: known by kind and name. */
static void
learn_others(CfAnalysis *a, Node *stmt)
{
	ListCell *lc;

	foreach (lc, cf_objects_of(stmt))
	{
		const CfObject *object = (const CfObject *) lfirst(lc);

		if (object->column != NULL || object->name == NULL)
			continue;
		if (strcmp(object->action, "create") == 0 || strcmp(object->action, "drop") == 0)
			remember(a, pstrdup(object->kind), NULL, object->name, NULL,
					 strcmp(object->action, "create") == 0);
	}
}

/* A schema appears. */
void
cf_world_learn_schema(CfAnalysis *a, const char *name)
{
	remember(a, "schema", NULL, name, NULL, true);
}

/* CREATE SCHEMA with its elements */
static void
learn_schema(CfAnalysis *a, CreateSchemaStmt *stmt)
{
	ListCell *lc;

	if (stmt->schemaname)
		cf_world_learn_schema(a, stmt->schemaname);
	a->world->in_schema = stmt->schemaname;
	foreach (lc, stmt->schemaElts)
		cf_world_learn(a, (Node *) lfirst(lc));
	a->world->in_schema = NULL;
}

/* Remembers what a statement changes for those that follow. */
void
cf_world_learn(CfAnalysis *a, Node *stmt)
{
	CfRel rel;

	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			learn_table(a, (CreateStmt *) stmt, RELKIND_RELATION);
			break;
		case T_CreateForeignTableStmt:
			learn_table(a, &((CreateForeignTableStmt *) stmt)->base, RELKIND_FOREIGN_TABLE);
			break;
		case T_CreateTableAsStmt:
			range_var_created(a, ((CreateTableAsStmt *) stmt)->into->rel,
							  ((CreateTableAsStmt *) stmt)->objtype == OBJECT_MATVIEW
								  ? RELKIND_MATVIEW
								  : RELKIND_RELATION);
			break;
		case T_SelectStmt:
			if (((SelectStmt *) stmt)->intoClause)
				range_var_created(a, ((SelectStmt *) stmt)->intoClause->rel, RELKIND_RELATION);
			break;
		case T_ViewStmt:
			range_var_created(a, ((ViewStmt *) stmt)->view, RELKIND_VIEW);
			break;
		case T_CreateSeqStmt:
			range_var_created(a, ((CreateSeqStmt *) stmt)->sequence, RELKIND_SEQUENCE);
			break;
		case T_IndexStmt:
		{
			IndexStmt *index = (IndexStmt *) stmt;

			if (cf_an_find(a, index->relation, &rel))
				relation_created(a, schema_of(a, &rel, index->relation),
								 index->idxname ? index->idxname
												: makeObjectName(index->relation->relname,
																 joined(index->indexParams), "idx"),
								 RELKIND_INDEX);
			break;
		}
		case T_AlterTableStmt:
			learn_alter_table(a, (AlterTableStmt *) stmt);
			break;
		case T_RenameStmt:
			learn_rename(a, (RenameStmt *) stmt);
			break;
		case T_AlterObjectSchemaStmt:
			if (((AlterObjectSchemaStmt *) stmt)->relation)
				relation_moved(a, ((AlterObjectSchemaStmt *) stmt)->relation,
							   ((AlterObjectSchemaStmt *) stmt)->newschema, NULL);
			else
				a->world->code_changed = true;
			break;
		case T_DropStmt:
			learn_drop(a, (DropStmt *) stmt);
			break;
		case T_CreateTrigStmt:
			if (cf_an_find(a, ((CreateTrigStmt *) stmt)->relation, &rel))
				relation_altered(a, rel.relid);
			break;
		case T_CreatePolicyStmt:
			if (cf_an_find(a, ((CreatePolicyStmt *) stmt)->table, &rel))
				relation_altered(a, rel.relid);
			break;
		case T_RuleStmt:
			if (cf_an_find(a, ((RuleStmt *) stmt)->relation, &rel))
				relation_altered(a, rel.relid);
			break;
		case T_CompositeTypeStmt:
			range_var_created(a, ((CompositeTypeStmt *) stmt)->typevar, RELKIND_COMPOSITE_TYPE);
			a->world->code_changed = true;
			break;
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
		case T_CopyStmt:
		case T_TruncateStmt:
		case T_LockStmt:
		case T_CommentStmt:
		case T_GrantStmt:
		case T_VariableSetStmt:
		case T_VacuumStmt:
		case T_RefreshMatViewStmt:
		case T_ClusterStmt:
		case T_ReindexStmt:
		case T_ExplainStmt:
		case T_ConstraintsSetStmt:
		case T_CreateRoleStmt:
			break;
		case T_CreateSchemaStmt:
			learn_schema(a, (CreateSchemaStmt *) stmt);
			break;
		default:
			learn_others(a, stmt);
			a->world->code_changed = true;
			break;
	}
}
