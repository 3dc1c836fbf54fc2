/*-------------------------------------------------------------------------
 *
 * analyze_world.c
 *	  Names in a script: what they mean after the statements before.
 *
 * Nothing is executed, so the catalogs show the state before the script.
 * What its statements create, rename and drop is kept in a list, newest
 * first, and is asked before the catalogs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "analyze.h"

#define TEMP_SCHEMA "pg_temp"

/* Makes a world in which nothing has happened yet. */
CfWorld *
cf_world_create(MemoryContext context)
{
	CfWorld *world = MemoryContextAllocZero(context, sizeof(CfWorld));

	world->context = context;
	world->transactional = true;
	return world;
}

/* Returns the list that holds what is known under a name, newest first. */
List **
cf_world_bucket(CfWorld *world, const char *name)
{
	return &world->known[string_hash(name, strlen(name) + 1) % CF_WORLD_BUCKETS];
}

/* Finds what a statement before has done with a name that has no schema. */
static CfKnown *
known_plain(CfAnalysis *a, const char *kind, const char *name)
{
	ListCell *lc;

	foreach (lc, *cf_world_bucket(a->world, name))
	{
		CfKnown *known = (CfKnown *) lfirst(lc);

		if (known->part == NULL && strcmp(known->kind, kind) == 0 && strcmp(known->name, name) == 0)
			return known;
	}
	return NULL;
}

/* Finds what a statement before has done with a relation. */
CfKnown *
cf_world_relation(CfAnalysis *a, const char *schema, const char *name)
{
	ListCell *lc;

	foreach (lc, *cf_world_bucket(a->world, name))
	{
		CfKnown *known = (CfKnown *) lfirst(lc);

		if (known->part == NULL && known->schema != NULL && strcmp(known->kind, "relation") == 0 &&
			strcmp(known->name, name) == 0 && strcmp(known->schema, schema) == 0)
			return known;
	}
	return NULL;
}

/* Returns the OID of a schema of the database; schemas may be renamed. */
static Oid
schema_oid(CfAnalysis *a, const char *name)
{
	CfKnown *known = known_plain(a, "schema", name);

	if (known)
		return known->exists ? known->oid : InvalidOid;
	if (strcmp(name, TEMP_SCHEMA) == 0)
		return LookupExplicitNamespace(name, true);
	return get_namespace_oid(name, true);
}

/* Tells whether a schema exists, or will when the statement runs. */
static bool
schema_exists(CfAnalysis *a, const char *name)
{
	CfKnown *known = known_plain(a, "schema", name);

	return known ? known->exists : OidIsValid(schema_oid(a, name));
}

/*
 * Returns the schemas that search_path names, in order, with those that the
 * server searches in any case. Schemas that do not exist yet are in the list.
 */
static List *
search_path_names(CfAnalysis *a, bool implicit)
{
	List *names = NIL;
	List *result = NIL;
	bool has_temp = false, has_catalog = false;
	ListCell *lc;

	if (!SplitIdentifierString(pstrdup(namespace_search_path), ',', &names))
		names = NIL;
	if (a->world->in_schema)
		result = list_make1(pstrdup(a->world->in_schema));
	foreach (lc, names)
	{
		char *name = (char *) lfirst(lc);

		if (strcmp(name, "$user") == 0)
			name = GetUserNameFromId(GetUserId(), false);
		has_temp |= strcmp(name, TEMP_SCHEMA) == 0;
		has_catalog |= strcmp(name, "pg_catalog") == 0;
		result = lappend(result, name);
	}
	if (implicit && !has_catalog)
		result = lcons(pstrdup("pg_catalog"), result);
	if (implicit && !has_temp)
		result = lcons(pstrdup(TEMP_SCHEMA), result);
	return result;
}

/* Looks a relation up in one schema. */
static bool
find_in_schema(CfAnalysis *a, const char *schema, const char *name, CfRel *rel)
{
	CfKnown *known = cf_world_relation(a, schema, name);
	Oid nspid;

	memset(rel, 0, sizeof(CfRel));
	rel->relname = name;
	rel->schema = schema;
	if (known && !known->exists)
		return false;
	if (known && !OidIsValid(known->oid))
	{
		rel->created = true;
		rel->since = known->when;
		rel->relkind = known->relkind;
		rel->name = quote_qualified_identifier(schema, name);
		return true;
	}
	if (known)
		rel->relid = known->oid;
	else if (OidIsValid(nspid = schema_oid(a, schema)))
		rel->relid = get_relname_relid(name, nspid);
	if (!OidIsValid(rel->relid))
		return false;
	rel->relkind = get_rel_relkind(rel->relid);
	rel->name = cf_relation_name(rel->relid);
	return rel->name != NULL;
}

/* Finds a relation; false when there is none. */
bool
cf_an_find(CfAnalysis *a, const RangeVar *rv, CfRel *rel)
{
	ListCell *lc;

	if (rv->schemaname)
		return find_in_schema(a, rv->schemaname, rv->relname, rel);
	if (rv->relpersistence == RELPERSISTENCE_TEMP)
		return find_in_schema(a, TEMP_SCHEMA, rv->relname, rel);
	foreach (lc, search_path_names(a, true))
		if (find_in_schema(a, (char *) lfirst(lc), rv->relname, rel))
			return true;
	return false;
}

/* Finds a relation, or raises the error that the server would raise. */
void
cf_an_need(CfAnalysis *a, const RangeVar *rv, CfRel *rel)
{
	int position = 0;

	if (cf_an_find(a, rv, rel))
		return;
	if (rv->location >= 0)
		position = pg_mbstrlen_with_len(a->script->sql, rv->location) + 1;
	if (rv->schemaname)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation \"%s.%s\" does not exist", rv->schemaname, rv->relname),
						errposition(position)));
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
					errmsg("relation \"%s\" does not exist", rv->relname), errposition(position)));
}

/* Finds a relation by a list of names, as DROP and COMMENT have it. */
bool
cf_an_find_names(CfAnalysis *a, List *names, CfRel *rel)
{
	return cf_an_find(a, makeRangeVarFromNameList(names), rel);
}

/* Returns the schema in which a new relation would be created, or NULL. */
static char *
new_schema(CfAnalysis *a, const RangeVar *rv)
{
	ListCell *lc;

	if (rv->schemaname)
		return rv->schemaname;
	if (rv->relpersistence == RELPERSISTENCE_TEMP)
		return pstrdup(TEMP_SCHEMA);
	foreach (lc, search_path_names(a, false))
		if (schema_exists(a, (char *) lfirst(lc)))
			return (char *) lfirst(lc);
	return NULL;
}

/* Returns the qualified, quoted name of a relation that is not there yet. */
char *
cf_an_new_name(CfAnalysis *a, const RangeVar *rv)
{
	return quote_qualified_identifier(new_schema(a, rv), rv->relname);
}

/* Returns the schema in which a new relation is created. */
char *
cf_an_creation_schema(CfAnalysis *a, const RangeVar *rv)
{
	char *schema = new_schema(a, rv);

	if (schema == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA),
						errmsg("no schema has been selected to create in")));
	return schema;
}

/* Returns the name of a relation that the user is about to create. */
char *
cf_an_creation_name(CfAnalysis *a, const RangeVar *rv)
{
	char *schema = cf_an_creation_schema(a, rv);

	if (strcmp(schema, TEMP_SCHEMA) != 0)
	{
		if (!schema_exists(a, schema))
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA),
							errmsg("schema \"%s\" does not exist", schema)));
		cf_an_may_create(a, schema_oid(a, schema));
	}
	return quote_qualified_identifier(schema, rv->relname);
}

/* Tells whether a statement before creates an object of that name. */
bool
cf_an_is_known(CfAnalysis *a, const char *kind, const char *name)
{
	CfKnown *known;
	ListCell *lc;

	if (kind)
	{
		known = known_plain(a, kind, name);
		return known && known->exists;
	}
	foreach (lc, *cf_world_bucket(a->world, name))
	{
		known = (CfKnown *) lfirst(lc);
		if (known->part == NULL && known->exists && strcmp(known->name, name) == 0)
			return true;
	}
	return false;
}

/* Finds what a statement before has done with a part of a relation. */
CfKnown *
cf_an_known_part(CfAnalysis *a, const CfRel *rel, const char *kind, const char *part)
{
	ListCell *lc;

	foreach (lc, *cf_world_bucket(a->world, part))
	{
		CfKnown *known = (CfKnown *) lfirst(lc);

		if (known->part == NULL || strcmp(known->kind, kind) != 0 || strcmp(known->part, part) != 0)
			continue;
		if (OidIsValid(rel->relid) ? known->oid == rel->relid : strcmp(known->name, rel->name) == 0)
			return known->when >= rel->since ? known : NULL;
	}
	return NULL;
}

/*
 * Returns the number of a column, or 0 when a statement before creates it or
 * may do so. found is false when there is no such column for sure.
 */
AttrNumber
cf_an_find_column(CfAnalysis *a, const CfRel *rel, const char *column, bool *found)
{
	CfKnown *known = cf_an_known_part(a, rel, "column", column);
	AttrNumber attnum = InvalidAttrNumber;

	*found = true;
	if (known && known->exists)
		return known->attnum;
	if (rel->created)
		return InvalidAttrNumber;
	if (known == NULL)
		attnum = get_attnum(rel->relid, column);
	if (attnum != InvalidAttrNumber)
		return attnum;
	if (a->world->opaque)
		cf_an_warn(a, "column \"%s\" of %s does not exist, unless %s creates it", column, rel->name,
				   a->world->opaque);
	else
		*found = false;
	return InvalidAttrNumber;
}

/* The same, but raises the server's error when there is no such column. */
AttrNumber
cf_an_column(CfAnalysis *a, const CfRel *rel, const char *column)
{
	bool found;
	AttrNumber attnum = cf_an_find_column(a, rel, column, &found);

	if (!found)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("column \"%s\" of relation \"%s\" does not exist", column,
							   get_rel_name(rel->relid))));
	return attnum;
}

/* Tells whether the catalogs show a relation as it is when the statement runs. */
bool
cf_an_sure(CfAnalysis *a, Oid relid)
{
	return a->world->opaque == NULL && !a->world->code_changed &&
		   !list_member_oid(a->world->altered, relid);
}

/* Warns that something depends on the statements before, unless it is sure. */
bool
cf_an_unsure(CfAnalysis *a, Oid relid, const char *what)
{
	if (cf_an_sure(a, relid))
		return false;
	cf_an_warn(a, "%s: it depends on the statements before, only a dry run can tell", what);
	return true;
}
