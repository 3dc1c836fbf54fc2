/*-------------------------------------------------------------------------
 *
 * objects_list.c
 *	  The list of the objects that a statement names.
 *
 * An object is in it once, with the strongest thing that the statement does
 * with it, at the place where it appeared first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"

#include "objects.h"

typedef struct CfEntry
{
	CfObject object; /* must be first */
	CfAction action;
} CfEntry;

/* In the order of CfAction. */
static const char *const action_names[] = {"read", "reference", "write", "alter", "create", "drop"};

/* Kinds that share the names of one schema, see pg_class. */
static const char *const relation_kinds[] = {"table",		  "view",	  "materialized view",
											 "foreign table", "sequence", "index"};

/* Compares two strings of which each may be NULL. */
static bool
same_string(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

/* Tells whether a kind is one of relations. */
static bool
is_relation_kind(const char *kind)
{
	for (int i = 0; i < lengthof(relation_kinds); i++)
	{
		if (strcmp(kind, relation_kinds[i]) == 0)
			return true;
	}
	return false;
}

/* Tells whether two kinds can be one object: a relation can be a table. */
static bool
same_kind(const char *a, const char *b)
{
	if (strcmp(a, b) == 0)
		return true;
	if (strcmp(a, "relation") == 0)
		return is_relation_kind(b);
	if (strcmp(b, "relation") == 0)
		return is_relation_kind(a);
	return false;
}

/* Returns the part of the list that holds a name. */
static List **
bucket_of(CfCollector *c, const char *name)
{
	uint32 hash = hash_bytes((const unsigned char *) name, strlen(name));

	return &c->buckets[hash % CF_BUCKETS];
}

/* Finds an object in the list. */
static CfEntry *
find_entry(CfCollector *c, const char *kind, const char *schema, const char *name, const char *part)
{
	ListCell *lc;

	foreach (lc, *bucket_of(c, name))
	{
		CfEntry *entry = (CfEntry *) lfirst(lc);
		CfObject *object = &entry->object;

		if (strcmp(object->name, name) == 0 && same_string(object->schema, schema) &&
			same_string(object->column, part) && same_kind(object->kind, kind))
			return entry;
	}
	return NULL;
}

/* Adds a part of an object, or what is known about it now. */
void
cf_obj_add_part(CfCollector *c, const char *kind, const char *schema, const char *name,
				const char *part, CfAction action)
{
	CfEntry *entry;

	if (name == NULL)
		return;

	entry = find_entry(c, kind, schema, name, part);
	if (entry == NULL)
	{
		List **bucket = bucket_of(c, name);

		entry = palloc0(sizeof(CfEntry));
		entry->object.kind = kind;
		entry->object.schema = schema ? pstrdup(schema) : NULL;
		entry->object.name = pstrdup(name);
		entry->object.column = part ? pstrdup(part) : NULL;
		entry->action = action;
		*bucket = lappend(*bucket, entry);
		c->objects = lappend(c->objects, &entry->object);
	}
	else
	{
		if (strcmp(entry->object.kind, "relation") == 0)
			entry->object.kind = kind;
		entry->action = Max(entry->action, action);
	}
	entry->object.action = action_names[entry->action];
}

/* Adds an object. */
void
cf_obj_add(CfCollector *c, const char *kind, const char *schema, const char *name, CfAction action)
{
	cf_obj_add_part(c, kind, schema, name, NULL, action);
}

/* Adds something that the grammar can't look into. */
void
cf_obj_opaque(CfCollector *c, const char *what, CfAction action)
{
	cf_obj_add_part(c, "opaque", NULL, what, NULL, action);
}

/*
 * Splits a list of names into schema and name.
 *
 * The name of a database before them is left out: it can only be the current
 * one.
 */
void
cf_obj_split(List *names, const char **schema, const char **name)
{
	int n = list_length(names);

	*schema = n > 1 ? strVal(list_nth(names, n - 2)) : NULL;
	*name = n > 0 ? strVal(list_nth(names, n - 1)) : NULL;
}

/* Splits the names of a part of a relation: schema.relation.part. */
RangeVar *
cf_obj_owner(List *names, const char **part)
{
	List *rest = list_truncate(list_copy(names), list_length(names) - 1);
	const char *schema;
	const char *name;

	*part = strVal(llast(names));
	cf_obj_split(rest, &schema, &name);
	return makeRangeVar((char *) schema, (char *) name, -1);
}

/* Adds the object of a list of names. */
void
cf_obj_names(CfCollector *c, const char *kind, List *names, CfAction action)
{
	const char *schema;
	const char *name;

	cf_obj_split(names, &schema, &name);
	cf_obj_add(c, kind, schema, name, action);
}

/*
 * Returns the schema of a relation, as far as the statement tells.
 *
 * An element of CREATE SCHEMA is created there, and the other elements mean
 * that one.
 */
const char *
cf_obj_schema(CfCollector *c, const RangeVar *rel, CfAction action)
{
	if (rel->schemaname != NULL)
		return rel->schemaname;
	if (rel->relpersistence == RELPERSISTENCE_TEMP)
		return "pg_temp";
	if (c->schema != NULL && rel->relname != NULL &&
		(action == CF_CREATE || find_entry(c, "relation", c->schema, rel->relname, NULL) != NULL))
		return c->schema;
	return NULL;
}

/* Adds a relation. */
void
cf_obj_relation(CfCollector *c, const char *kind, const RangeVar *rel, CfAction action)
{
	cf_obj_add(c, kind, cf_obj_schema(c, rel, action), rel->relname, action);
}

/* Adds a part of a relation: a column, a constraint, a trigger. */
void
cf_obj_part(CfCollector *c, const char *kind, const RangeVar *rel, const char *part,
			CfAction action)
{
	if (part != NULL)
		cf_obj_add_part(c, kind, cf_obj_schema(c, rel, action), rel->relname, part, action);
}

/* Adds columns of a relation, given as a list of String. */
void
cf_obj_columns(CfCollector *c, const RangeVar *rel, List *columns, CfAction action)
{
	ListCell *lc;

	foreach (lc, columns)
		cf_obj_part(c, "column", rel, strVal(lfirst(lc)), action);
}
