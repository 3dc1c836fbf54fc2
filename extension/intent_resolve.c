/*-------------------------------------------------------------------------
 *
 * intent_resolve.c
 *	  Which object a name in an intent means.
 *
 * A name without a schema means what the search_path finds, after what the
 * statements before have created and dropped; else it is the name of
 * something new, in the schema where the server would create it. Nothing is
 * locked, and no privilege on a schema is needed to speak of what is in it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/policy.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "rewrite/rewriteSupport.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "intent.h"

#define TEMP_SCHEMA "pg_temp"

/* Adds a schema to what is searched, unless the role may not use it. */
static void
add_to_path(CfClaimSet *set, const char *name)
{
	Oid oid = strcmp(name, TEMP_SCHEMA) == 0 ? LookupExplicitNamespace(name, true)
											 : get_namespace_oid(name, true);

	if (OidIsValid(oid) && cf_schema_aclcheck(oid, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		return;
	set->path[set->path_len].name = name;
	set->path[set->path_len++].oid = oid;
}

/* Reads the search_path, unless that was done before and it is the same. */
void
cf_intent_path(CfClaimSet *set)
{
	bool has_temp = false, has_catalog = false;
	List *names;
	ListCell *lc;

	if (set->path_of != NULL && strcmp(set->path_of, namespace_search_path) == 0)
		return;
	set->path_of = pstrdup(namespace_search_path);
	if (!SplitIdentifierString(pstrdup(namespace_search_path), ',', &names))
		names = NIL;
	set->path = palloc((list_length(names) + 2) * sizeof(CfPathSchema));
	set->path_len = 0;
	foreach (lc, names)
	{
		const char *name = (const char *) lfirst(lc);

		has_temp |= strcmp(name, TEMP_SCHEMA) == 0;
		has_catalog |= strcmp(name, "pg_catalog") == 0;
	}
	if (!has_temp)
		add_to_path(set, TEMP_SCHEMA);
	if (!has_catalog)
		add_to_path(set, "pg_catalog");
	set->path_explicit = set->path_len;
	foreach (lc, names)
	{
		const char *name = (const char *) lfirst(lc);

		add_to_path(set, strcmp(name, "$user") == 0 ? GetUserNameFromId(GetUserId(), false) : name);
	}
}

/*
 * Returns where to start in the path. A declared name is that of something
 * that one can change: what every database has and what is temporary does not
 * hide it.
 */
int
cf_path_start(const CfClaimSet *set)
{
	return set->declaring ? set->path_explicit : 0;
}

/* Tells whether a schema of the path exists after the statements before. */
static bool
path_schema_exists(CfClaimSet *set, const CfPathSchema *item)
{
	CfClaimed *claimed =
		set->changes ? cf_claimed_find(set, "schema", NULL, item->name, NULL) : NULL;

	if (claimed != NULL && claimed->life != CF_LIFE_AS_BEFORE && !set->declaring)
		return claimed->life == CF_LIFE_CREATED;
	return OidIsValid(item->oid) || (claimed != NULL && claimed->life == CF_LIFE_CREATED);
}

/*
 * Returns the schema in which something new is created when its name has
 * none. What is declared is not temporary.
 */
const char *
cf_creation_schema(CfClaimSet *set)
{
	cf_intent_path(set);
	for (int i = set->path_explicit; i < set->path_len; i++)
	{
		const CfPathSchema *item = &set->path[i];

		if (strcmp(item->name, TEMP_SCHEMA) == 0)
		{
			if (!set->declaring)
				return TEMP_SCHEMA;
		}
		else if (strcmp(item->name, "pg_catalog") != 0 && path_schema_exists(set, item))
			return item->name;
	}
	return "public";
}

/* Returns the kind of a relation. */
static const char *
kind_of_relation(Oid relid)
{
	switch (get_rel_relkind(relid))
	{
		case RELKIND_VIEW:
			return "view";
		case RELKIND_MATVIEW:
			return "materialized view";
		case RELKIND_FOREIGN_TABLE:
			return "foreign table";
		case RELKIND_SEQUENCE:
			return "sequence";
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			return "index";
		case RELKIND_COMPOSITE_TYPE:
			return "type";
		default:
			return "table";
	}
}

/* An object of the catalogs. */
typedef struct Found
{
	const char *kind;
	Oid catalog;
	Oid oid;
} Found;

/* Looks a relation up in a schema. */
static bool
find_relation(Oid nspid, const char *name, Found *found)
{
	found->oid = get_relname_relid(name, nspid);
	if (!OidIsValid(found->oid))
		return false;
	found->catalog = RelationRelationId;
	found->kind = kind_of_relation(found->oid);
	return true;
}

/* Looks a type up in a schema. That of the rows of a relation is that. */
static bool
find_type(Oid nspid, const char *name, Found *found)
{
	Oid relid;

	found->oid = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
								 ObjectIdGetDatum(nspid));
	if (!OidIsValid(found->oid))
		return false;
	relid = get_typ_typrelid(found->oid);
	if (OidIsValid(relid))
	{
		found->oid = relid;
		found->catalog = RelationRelationId;
		found->kind = kind_of_relation(relid);
		return true;
	}
	found->catalog = TypeRelationId;
	found->kind = get_typtype(found->oid) == TYPTYPE_DOMAIN ? "domain" : "type";
	return true;
}

/* Looks a relation or a type up in a schema. */
static bool
find_in_schema(const char *kind, Oid nspid, const char *name, Found *found)
{
	if (!OidIsValid(nspid))
		return false;
	return cf_is_type_kind(kind) ? find_type(nspid, name, found)
								 : find_relation(nspid, name, found);
}

/* Notes what the catalogs say of an object. */
static void
note_found(CfClaimed *claimed, const Found *found)
{
	claimed->looked_up = true;
	claimed->claim.kind = found->kind;
	claimed->claim.catalog = found->catalog;
	claimed->claim.oid = found->oid;
}

/*
 * Finds a relation or a type in one schema, after the statements before. A
 * declared name is first of all that of what is there before them.
 */
static CfClaimed *
existing_in_schema(CfClaimSet *set, const char *kind, const char *schema, Oid nspid,
				   const char *name)
{
	CfClaimed *claimed = set->changes ? cf_claimed_find(set, kind, schema, name, NULL) : NULL;
	bool changed = claimed != NULL && claimed->life != CF_LIFE_AS_BEFORE;
	Found found;

	if (changed && !set->declaring)
		return claimed->life == CF_LIFE_CREATED ? claimed : NULL;
	if (!find_in_schema(kind, nspid, name, &found))
		return changed ? claimed : NULL;
	claimed = cf_claimed_get(set, kind, schema, name, NULL);
	if (!claimed->looked_up)
		note_found(claimed, &found);
	return claimed;
}

/*
 * Finds a relation or a type that exists, after the statements before; NULL
 * when there is none.
 */
CfClaimed *
cf_resolve_existing(CfClaimSet *set, const char *kind, const char *schema, const char *name)
{
	if (schema != NULL)
		return existing_in_schema(set, kind, schema, get_namespace_oid(schema, true), name);
	cf_intent_path(set);
	for (int i = cf_path_start(set); i < set->path_len; i++)
	{
		const CfPathSchema *item = &set->path[i];
		CfClaimed *claimed = existing_in_schema(set, kind, item->name, item->oid, name);

		if (claimed != NULL)
			return claimed;
	}
	return NULL;
}

/* Returns the object of a relation or a type. */
static CfClaimed *
resolve_relation(CfClaimSet *set, const char *kind, const char *schema, const char *name,
				 CfSearch search)
{
	CfClaimed *claimed;
	Found found;

	if (schema == NULL && search == CF_SEARCH_EXISTING)
	{
		claimed = cf_resolve_existing(set, kind, NULL, name);
		if (claimed != NULL)
			return claimed;
	}
	if (schema == NULL)
		schema = cf_creation_schema(set);
	claimed = cf_claimed_get(set, kind, schema, name, NULL);
	if (!claimed->looked_up && find_in_schema(kind, get_namespace_oid(schema, true), name, &found))
		note_found(claimed, &found);
	claimed->looked_up = true;
	if (search == CF_SEARCH_NEW)
		claimed->claim.kind = kind;
	if (strcmp(claimed->claim.kind, "relation") == 0)
		claimed->claim.kind = "table";
	return claimed;
}

/* Returns the object that a name means, be it there or not. */
CfClaimed *
cf_resolve(CfClaimSet *set, const char *kind, const char *schema, const char *name, CfSearch search)
{
	if (cf_is_routine_kind(kind))
		return cf_resolve_routine(set, kind, schema, name, NULL, search);
	if (cf_is_relation_kind(kind) || cf_is_type_kind(kind))
		return resolve_relation(set, kind, schema, name, search);
	return cf_resolve_other(set, kind, schema, name, search);
}

/* Returns the object of a relation that exists. */
CfClaimed *
cf_claimed_of_relation(CfClaimSet *set, Oid relid)
{
	char *schema = get_namespace_name(get_rel_namespace(relid));
	char *name = get_rel_name(relid);

	/* another session may have dropped it since */
	if (schema == NULL || name == NULL)
		return NULL;
	return cf_resolve(set, "relation", schema, name, CF_SEARCH_EXISTING);
}

/* Tells whether a part exists in the table or the type that has it. */
static bool
part_exists(const CfClaim *owner, const char *kind, const char *part)
{
	if (!OidIsValid(owner->oid))
		return false;
	if (owner->catalog == TypeRelationId)
		return strcmp(kind, "constraint") == 0 &&
			   OidIsValid(get_domain_constraint_oid(owner->oid, part, true));
	if (strcmp(kind, "column") == 0)
		return get_attnum(owner->oid, part) != InvalidAttrNumber;
	if (strcmp(kind, "constraint") == 0)
		return OidIsValid(get_relation_constraint_oid(owner->oid, part, true));
	if (strcmp(kind, "trigger") == 0)
		return OidIsValid(get_trigger_oid(owner->oid, part, true));
	if (strcmp(kind, "policy") == 0)
		return OidIsValid(get_relation_policy_oid(owner->oid, part, true));
	if (strcmp(kind, "rule") == 0)
		return OidIsValid(get_rewrite_oid(owner->oid, part, true));
	return false;
}

/* Tells whether the catalogs have an object, or a part of one. */
bool
cf_claimed_exists(const CfClaimed *claimed)
{
	if (claimed->owner != NULL)
		return part_exists(&claimed->owner->claim, claimed->claim.kind, claimed->claim.column);
	return OidIsValid(claimed->claim.oid);
}

/* Returns the table of an index or of a sequence that a column owns. */
Oid
cf_table_of(const CfClaim *claim)
{
	Oid table;
	int32 column;

	if (!OidIsValid(claim->oid) || claim->catalog != RelationRelationId)
		return InvalidOid;
	switch (get_rel_relkind(claim->oid))
	{
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			return IndexGetRelation(claim->oid, true);
		case RELKIND_SEQUENCE:
			if (sequenceIsOwned(claim->oid, DEPENDENCY_AUTO, &table, &column) ||
				sequenceIsOwned(claim->oid, DEPENDENCY_INTERNAL, &table, &column))
				return table;
			return InvalidOid;
		default:
			return InvalidOid;
	}
}
