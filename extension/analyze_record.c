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
CfKnown *
cf_world_remember(CfAnalysis *a, const char *kind, const char *schema, const char *name,
				  const char *part, bool exists)
{
	MemoryContext old = MemoryContextSwitchTo(a->world->context);
	CfKnown *known = palloc0(sizeof(CfKnown));
	List **bucket;

	known->kind = pstrdup(kind);
	known->schema = schema ? pstrdup(schema) : NULL;
	known->name = pstrdup(name);
	known->part = part ? pstrdup(part) : NULL;
	known->exists = exists;
	bucket = cf_world_bucket(a->world, part ? part : name);
	*bucket = lcons(known, *bucket);
	a->world->nknown++;
	MemoryContextSwitchTo(old);
	return known;
}

/* A relation appears. */
void
cf_world_created(CfAnalysis *a, const char *schema, const char *name, char relkind)
{
	cf_world_remember(a, "relation", schema, name, NULL, true)->relkind = relkind;
}

/* A column or constraint comes or goes. */
CfKnown *
cf_world_part(CfAnalysis *a, const CfRel *rel, const char *kind, const char *part, bool exists)
{
	CfKnown *known = cf_world_remember(a, kind, NULL, rel->name, part, exists);

	known->oid = rel->relid;
	return known;
}

/* A relation is no longer what the catalogs say. */
void
cf_world_altered(CfAnalysis *a, Oid relid)
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
		cf_world_remember(a, "relation", get_namespace_name(get_rel_namespace(relid)), name, NULL,
						  false);
}

/* Returns the schema of a relation that has been found. */
char *
cf_world_schema_of(CfAnalysis *a, const CfRel *rel, const RangeVar *rv)
{
	return OidIsValid(rel->relid) ? get_namespace_name(get_rel_namespace(rel->relid))
								  : cf_an_creation_schema(a, rv);
}

/* Joins the names of columns, as the server does for a default name. */
char *
cf_world_joined(List *columns)
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
			cf_world_created(a, schema, name, RELKIND_INDEX);
			break;
		case CONSTR_UNIQUE:
			if (name == NULL)
				name = con->indexname
						   ? con->indexname
						   : makeObjectName(table, column ? column : cf_world_joined(con->keys),
											"key");
			cf_world_created(a, schema, name, RELKIND_INDEX);
			break;
		case CONSTR_EXCLUSION:
			if (name == NULL)
				name = makeObjectName(table, cf_world_joined(con->exclusions), "excl");
			cf_world_created(a, schema, name, RELKIND_INDEX);
			break;
		case CONSTR_FOREIGN:
			if (name == NULL)
				name =
					makeObjectName(table, column ? column : cf_world_joined(con->fk_attrs), "fkey");
			break;
		case CONSTR_IDENTITY:
			cf_world_created(a, schema, makeObjectName(table, column, "seq"), RELKIND_SEQUENCE);
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
		cf_world_created(a, schema, makeObjectName(table, def->colname, "seq"), RELKIND_SEQUENCE);
	foreach (lc, def->constraints)
		constraint_created(a, rel, schema, table, def->colname, lfirst_node(Constraint, lc));
}

/* CREATE TABLE */
void
cf_world_learn_table(CfAnalysis *a, CreateStmt *stmt, char relkind)
{
	char *schema = cf_an_creation_schema(a, stmt->relation);
	RangeVar rv = *stmt->relation;
	CfRel rel;
	ListCell *lc;

	rv.schemaname = schema;
	if (cf_an_find(a, &rv, &rel))
		return;
	cf_world_created(a, schema, rv.relname, stmt->partspec ? RELKIND_PARTITIONED_TABLE : relkind);
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
			cf_world_altered(a, rel.relid);
}

/* ALTER TABLE */
void
cf_world_learn_alter_table(CfAnalysis *a, AlterTableStmt *stmt)
{
	CfRel rel, other;
	ListCell *lc;

	if (!cf_an_find(a, stmt->relation, &rel))
		return;
	cf_world_altered(a, rel.relid);
	foreach (lc, stmt->cmds)
		if (lfirst_node(AlterTableCmd, lc)->subtype == AT_DropColumn)
			cf_world_part(a, &rel, "column", lfirst_node(AlterTableCmd, lc)->name, false);
	foreach (lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		char *schema = cf_world_schema_of(a, &rel, stmt->relation);

		switch (cmd->subtype)
		{
			case AT_AddColumn:
				column_created(a, &rel, schema, stmt->relation->relname, (ColumnDef *) cmd->def);
				break;
			case AT_AddConstraint:
				constraint_created(a, &rel, schema, stmt->relation->relname, NULL,
								   (Constraint *) cmd->def);
				break;
			case AT_DropConstraint:
				cf_world_part(a, &rel, "constraint", cmd->name, false);
				break;
			case AT_AddIdentity:
				cf_world_created(a, schema,
								 makeObjectName(stmt->relation->relname, cmd->name, "seq"),
								 RELKIND_SEQUENCE);
				break;
			case AT_AttachPartition:
			case AT_DetachPartition:
				if (cf_an_find(a, ((PartitionCmd *) cmd->def)->name, &other))
					cf_world_altered(a, other.relid);
				break;
			default:
				break;
		}
	}
}
