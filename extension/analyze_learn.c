/*-------------------------------------------------------------------------
 *
 * analyze_learn.c
 *	  What each kind of statement changes for those that follow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "analyze.h"

/* A new relation appears under the name that the statement gives it. */
static CfKnown *
range_var_created(CfAnalysis *a, const RangeVar *rv, char relkind)
{
	CfRel rel;
	char *schema = cf_an_creation_schema(a, rv);
	RangeVar qualified = *rv;

	qualified.schemaname = schema;
	/* IF NOT EXISTS and OR REPLACE leave what is there. */
	if (cf_an_find(a, &qualified, &rel))
		return NULL;
	return cf_world_created(a, schema, rv->relname, relkind, NULL);
}

/* A view appears, and goes with what it reads on DROP ... CASCADE. */
static void
view_created(CfAnalysis *a, const RangeVar *rv, char relkind, Node *query)
{
	CfKnown *known = range_var_created(a, rv, relkind);
	ListCell *lc;
	CfRel rel;

	if (known == NULL)
		return;
	foreach (lc, cf_objects_of(query))
	{
		const CfObject *object = (const CfObject *) lfirst(lc);

		if (object->column == NULL && object->name && strcmp(object->action, "read") == 0 &&
			cf_an_find(a,
					   makeRangeVar(unconstify(char *, object->schema),
									unconstify(char *, object->name), -1),
					   &rel))
			cf_world_add_source(a, &known->sources, rel.name);
	}
}

/* A relation gets another name or another schema. */
static void
relation_moved(CfAnalysis *a, const RangeVar *rv, const char *newschema, const char *newname)
{
	CfRel rel;
	CfKnown *known, *before;

	if (!cf_an_find(a, rv, &rel))
		return;
	before = cf_world_relation(a, rel.schema, rv->relname);
	cf_world_remember(a, "relation", rel.schema, rv->relname, NULL, false);
	known = cf_world_remember(a, "relation", newschema ? newschema : rel.schema,
							  newname ? newname : rv->relname, NULL, true);
	known->oid = rel.relid;
	known->relkind = rel.relkind;
	if (before)
	{
		known->when = before->when;
		known->owners = before->owners;
		known->sources = before->sources;
	}
	cf_world_rename_owner(a, rel.name, quote_qualified_identifier(known->schema, known->name));
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
			cf_world_altered(a, rel.relid);
			break;
		case OBJECT_TABCONSTRAINT:
			if (!cf_an_find(a, stmt->relation, &rel))
				break;
			cf_world_part(a, &rel, "constraint", stmt->subname, false);
			cf_world_part(a, &rel, "constraint", stmt->newname, true);
			cf_world_altered(a, rel.relid);
			break;
		case OBJECT_SCHEMA:
		{
			Oid nspid = get_namespace_oid(stmt->subname, true);

			cf_world_remember(a, "schema", NULL, stmt->subname, NULL, false);
			cf_world_remember(a, "schema", NULL, stmt->newname, NULL, true)->oid = nspid;
			break;
		}
		case OBJECT_TRIGGER:
		case OBJECT_POLICY:
		case OBJECT_RULE:
			if (cf_an_find(a, stmt->relation, &rel))
				cf_world_altered(a, rel.relid);
			break;
		default:
			a->world->code_changed = true;
	}
}

/* A schema goes, and with it what the script has created in it. */
static void
schema_dropped(CfAnalysis *a, const char *name)
{
	ListCell *lc;

	cf_world_remember(a, "schema", NULL, name, NULL, false);
	for (int i = 0; i < CF_WORLD_BUCKETS; i++)
		foreach (lc, list_copy(a->world->known[i]))
		{
			const CfKnown *known = (const CfKnown *) lfirst(lc);

			if (known->schema && known->exists && strcmp(known->schema, name) == 0)
				cf_world_remember(a, known->kind, name, known->name, NULL, false);
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

				if (!cf_an_find(a, rv, &rel))
					break;
				cf_world_remember(a, "relation", rel.schema, rv->relname, NULL, false);
				cf_world_drop_owned(a, rel.name, stmt->behavior == DROP_CASCADE);
				break;
			}
			case OBJECT_SCHEMA:
				schema_dropped(a, strVal(object));
				break;
			case OBJECT_TRIGGER:
			case OBJECT_POLICY:
			case OBJECT_RULE:
				if (cf_an_find_names(
						a, list_copy_head((List *) object, list_length((List *) object) - 1), &rel))
					cf_world_altered(a, rel.relid);
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
			cf_world_remember(a, object->kind, NULL, object->name, NULL,
							  strcmp(object->action, "create") == 0);
	}
}

/* A schema appears. */
void
cf_world_learn_schema(CfAnalysis *a, const char *name)
{
	cf_world_remember(a, "schema", NULL, name, NULL, true);
}

/* Returns the name of a new schema: that of its owner when none is given. */
const char *
cf_an_new_schema(CreateSchemaStmt *stmt)
{
	return stmt->schemaname ? stmt->schemaname
							: GetUserNameFromId(get_rolespec_oid(stmt->authrole, false), false);
}

/* CREATE SCHEMA with its elements */
static void
learn_schema(CfAnalysis *a, CreateSchemaStmt *stmt)
{
	const char *name = cf_an_new_schema(stmt);
	ListCell *lc;

	cf_world_learn_schema(a, name);
	a->world->in_schema = name;
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
			cf_world_learn_table(a, (CreateStmt *) stmt, RELKIND_RELATION);
			break;
		case T_CreateForeignTableStmt:
			cf_world_learn_table(a, &((CreateForeignTableStmt *) stmt)->base,
								 RELKIND_FOREIGN_TABLE);
			break;
		case T_CreateTableAsStmt:
			if (((CreateTableAsStmt *) stmt)->objtype == OBJECT_MATVIEW)
				view_created(a, ((CreateTableAsStmt *) stmt)->into->rel, RELKIND_MATVIEW,
							 ((CreateTableAsStmt *) stmt)->query);
			else
				(void) range_var_created(a, ((CreateTableAsStmt *) stmt)->into->rel,
										 RELKIND_RELATION);
			break;
		case T_SelectStmt:
			if (((SelectStmt *) stmt)->intoClause)
				(void) range_var_created(a, ((SelectStmt *) stmt)->intoClause->rel,
										 RELKIND_RELATION);
			break;
		case T_ViewStmt:
			view_created(a, ((ViewStmt *) stmt)->view, RELKIND_VIEW, ((ViewStmt *) stmt)->query);
			break;
		case T_CreateSeqStmt:
			(void) range_var_created(a, ((CreateSeqStmt *) stmt)->sequence, RELKIND_SEQUENCE);
			break;
		case T_IndexStmt:
		{
			IndexStmt *index = (IndexStmt *) stmt;

			if (!cf_an_find(a, index->relation, &rel))
				break;
			a->world->generated_names |= rel.relkind == RELKIND_PARTITIONED_TABLE;
			cf_world_created(a, rel.schema,
							 index->idxname
								 ? index->idxname
								 : makeObjectName(index->relation->relname,
												  cf_world_joined(index->indexParams), "idx"),
							 RELKIND_INDEX, rel.name);
			break;
		}
		case T_AlterTableStmt:
			cf_world_learn_alter_table(a, (AlterTableStmt *) stmt);
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
				cf_world_altered(a, rel.relid);
			break;
		case T_CreatePolicyStmt:
			if (cf_an_find(a, ((CreatePolicyStmt *) stmt)->table, &rel))
				cf_world_altered(a, rel.relid);
			break;
		case T_RuleStmt:
			if (cf_an_find(a, ((RuleStmt *) stmt)->relation, &rel))
				cf_world_altered(a, rel.relid);
			break;
		case T_CompositeTypeStmt:
			(void) range_var_created(a, ((CompositeTypeStmt *) stmt)->typevar,
									 RELKIND_COMPOSITE_TYPE);
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
