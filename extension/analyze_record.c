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
#include "utils/builtins.h"
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
	known->when = ++a->world->nknown;
	MemoryContextSwitchTo(old);
	return known;
}

/* Adds a name to a list that is kept. */
void
cf_world_add_source(CfAnalysis *a, List **list, const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(a->world->context);

	*list = lappend(*list, pstrdup(name));
	MemoryContextSwitchTo(old);
}

/* A relation appears. owner: the one that it goes with, or NULL. */
CfKnown *
cf_world_created(CfAnalysis *a, const char *schema, const char *name, char relkind,
				 const char *owner)
{
	CfKnown *known = cf_world_remember(a, "relation", schema, name, NULL, true);

	known->relkind = relkind;
	if (owner)
		cf_world_add_source(a, &known->owners, owner);
	return known;
}

/* Tells whether a list of strings holds a name. */
bool
cf_an_has_name(List *names, const char *name)
{
	ListCell *lc;

	foreach (lc, names)
		if (strcmp((char *) lfirst(lc), name) == 0)
			return true;
	return false;
}

/*
 * Refuses to drop a relation without CASCADE that views of the script read,
 * unless they are dropped together with it.
 */
void
cf_world_check_sources(CfAnalysis *a, const CfRel *rel, List *dropped)
{
	ListCell *lc, *name;
	CfRel other;

	for (int i = 0; i < CF_WORLD_BUCKETS; i++)
		foreach (lc, a->world->known[i])
		{
			const CfKnown *known = (const CfKnown *) lfirst(lc);
			bool goes = false;

			if (!known->exists || !cf_an_has_name(known->sources, rel->name) ||
				cf_world_relation(a, known->schema, known->name) != known)
				continue;
			foreach (name, dropped)
				goes |= cf_an_find_names(a, (List *) lfirst(name), &other) &&
						strcmp(other.relname, known->name) == 0;
			if (!goes)
				ereport(ERROR,
						(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
						 errmsg("cannot drop %s because other objects depend on it", rel->relname),
						 errdetail("Also to be dropped: %s.", known->name),
						 errhint("Use DROP ... CASCADE to drop the dependent objects too.")));
		}
}

/* A relation of the script goes, and with it what belongs to it. */
void
cf_world_drop_owned(CfAnalysis *a, const char *owner, bool cascade)
{
	ListCell *lc;

	for (int i = 0; i < CF_WORLD_BUCKETS; i++)
		foreach (lc, list_copy(a->world->known[i]))
		{
			CfKnown *known = (CfKnown *) lfirst(lc);

			if (!known->exists || known->schema == NULL ||
				!(cf_an_has_name(known->owners, owner) ||
				  (cascade && cf_an_has_name(known->sources, owner))) ||
				cf_world_relation(a, known->schema, known->name) != known)
				continue;
			cf_world_remember(a, known->kind, known->schema, known->name, NULL, false);
			cf_world_drop_owned(a, quote_qualified_identifier(known->schema, known->name), cascade);
		}
}

/* Changes a name in a list that is kept. */
static void
rename_in(CfAnalysis *a, List *names, const char *old, const char *new)
{
	ListCell *lc;

	foreach (lc, names)
		if (strcmp((char *) lfirst(lc), old) == 0)
			lfirst(lc) = MemoryContextStrdup(a->world->context, new);
}

/* What belongs to a relation still does when that gets another name. */
void
cf_world_rename_owner(CfAnalysis *a, const char *old, const char *new)
{
	ListCell *lc;

	for (int i = 0; i < CF_WORLD_BUCKETS; i++)
		foreach (lc, a->world->known[i])
		{
			rename_in(a, ((CfKnown *) lfirst(lc))->owners, old, new);
			rename_in(a, ((CfKnown *) lfirst(lc))->sources, old, new);
		}
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
	Oid schema = get_rel_namespace(relid);

	if (name == NULL)
		return;
	cf_world_remember(a, "relation",
					  isTempNamespace(schema) ? "pg_temp" : get_namespace_name(schema), name, NULL,
					  false);
	cf_world_drop_owned(a, cf_relation_name(relid), true);
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
	const char *owner = rel ? rel->name : quote_qualified_identifier(schema, table);

	switch (con->contype)
	{
		case CONSTR_PRIMARY:
			if (name == NULL)
				name = con->indexname ? con->indexname : makeObjectName(table, NULL, "pkey");
			cf_world_created(a, schema, name, RELKIND_INDEX, owner);
			break;
		case CONSTR_UNIQUE:
			if (name == NULL)
				name = con->indexname
						   ? con->indexname
						   : makeObjectName(table, column ? column : cf_world_joined(con->keys),
											"key");
			cf_world_created(a, schema, name, RELKIND_INDEX, owner);
			break;
		case CONSTR_EXCLUSION:
			if (name == NULL)
				name = makeObjectName(table, cf_world_joined(con->exclusions), "excl");
			cf_world_created(a, schema, name, RELKIND_INDEX, owner);
			break;
		case CONSTR_FOREIGN:
			if (name == NULL)
				name =
					makeObjectName(table, column ? column : cf_world_joined(con->fk_attrs), "fkey");
			break;
		case CONSTR_IDENTITY:
			cf_world_created(a, schema, makeObjectName(table, column, "seq"), RELKIND_SEQUENCE,
							 owner);
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
		cf_world_created(a, schema, makeObjectName(table, def->colname, "seq"), RELKIND_SEQUENCE,
						 rel ? rel->name : quote_qualified_identifier(schema, table));
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
	CfKnown *known;

	rv.schemaname = schema;
	if (cf_an_find(a, &rv, &rel))
		return;
	known = cf_world_created(a, schema, rv.relname,
							 stmt->partspec ? RELKIND_PARTITIONED_TABLE : relkind, NULL);
	foreach (lc, stmt->tableElts)
	{
		Node *element = (Node *) lfirst(lc);

		if (IsA(element, ColumnDef))
			column_created(a, NULL, schema, rv.relname, (ColumnDef *) element);
		else if (IsA(element, TableLikeClause))
			a->world->generated_names = true;
		else if (IsA(element, Constraint))
			constraint_created(a, NULL, schema, rv.relname, NULL, (Constraint *) element);
	}
	foreach (lc, stmt->inhRelations)
		if (cf_an_find(a, lfirst_node(RangeVar, lc), &rel))
		{
			cf_world_altered(a, rel.relid);
			a->world->generated_names |= stmt->partbound != NULL;
			cf_world_add_source(a, stmt->partbound ? &known->owners : &known->sources, rel.name);
		}
}

/* A relation becomes part of another one, or of none. */
static void
change_owner(CfAnalysis *a, const CfRel *rel, const char *owner)
{
	CfKnown *known = cf_world_remember(a, "relation", rel->schema, rel->relname, NULL, true);

	known->oid = rel->relid;
	known->relkind = rel->relkind;
	if (rel->since > 0)
		known->when = rel->since;
	if (owner)
		cf_world_add_source(a, &known->owners, owner);
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
		const char *schema = rel.schema;

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
								 RELKIND_SEQUENCE, rel.name);
				break;
			case AT_AttachPartition:
			case AT_DetachPartition:
				if (!cf_an_find(a, ((PartitionCmd *) cmd->def)->name, &other))
					break;
				cf_world_altered(a, other.relid);
				change_owner(a, &other, cmd->subtype == AT_AttachPartition ? rel.name : NULL);
				break;
			default:
				break;
		}
	}
}
