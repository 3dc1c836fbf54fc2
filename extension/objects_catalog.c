/*-------------------------------------------------------------------------
 *
 * objects_catalog.c
 *	  References to objects, without those that every database has.
 *
 * now(), integer or btree say nothing about a schema: what the statement
 * does not qualify and pg_catalog has is left out. The search_path is not
 * looked at, so a function of one's own that is named like one of pg_catalog
 * is seen only when it is qualified.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
#include "commands/proclang.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

#include "objects.h"

/* Words that the grammar turns into a type and a sequence. */
static const char *const serial_types[] = {"smallserial", "serial2",   "serial",
										   "serial4",	  "bigserial", "serial8"};

static const Oid index_methods[] = {BTREE_AM_OID, HASH_AM_OID,	 GIST_AM_OID,
									GIN_AM_OID,	  SPGIST_AM_OID, BRIN_AM_OID};

/* Tells whether pg_catalog has an object of a cache by name and schema. */
static bool
catalog_has(int cache, const char *name)
{
	return SearchSysCacheExists2(cache, CStringGetDatum(name),
								 ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
}

/* Tells whether pg_catalog has a function, whatever its arguments. */
static bool
catalog_has_function(const char *name)
{
	CatCList *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	bool found = false;

	for (int i = 0; i < list->n_members && !found; i++)
	{
		HeapTuple tuple = &list->members[i]->tuple;

		found = ((Form_pg_proc) GETSTRUCT(tuple))->pronamespace == PG_CATALOG_NAMESPACE;
	}
	ReleaseSysCacheList(list);
	return found;
}

/*
 * Returns the type of an argument of a function of pg_catalog.
 *
 * InvalidOid when the functions of this name differ in it, or none has it.
 */
Oid
cf_obj_argument_type(const char *function, int arg)
{
	CatCList *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(function));
	Oid type = InvalidOid;

	for (int i = 0; i < list->n_members; i++)
	{
		HeapTuple tuple = &list->members[i]->tuple;
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

		if (proc->pronamespace != PG_CATALOG_NAMESPACE || arg >= proc->pronargs)
			continue;
		if (OidIsValid(type) && type != proc->proargtypes.values[arg])
		{
			type = InvalidOid;
			break;
		}
		type = proc->proargtypes.values[arg];
	}
	ReleaseSysCacheList(list);
	return type;
}

/* Tells whether pg_catalog has an operator, whatever its arguments. */
static bool
catalog_has_operator(const char *name)
{
	CatCList *list = SearchSysCacheList1(OPERNAMENSP, CStringGetDatum(name));
	bool found = false;

	for (int i = 0; i < list->n_members && !found; i++)
	{
		HeapTuple tuple = &list->members[i]->tuple;

		found = ((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace == PG_CATALOG_NAMESPACE;
	}
	ReleaseSysCacheList(list);
	return found;
}

/* Tells whether pg_catalog has a type, or the grammar makes it one. */
static bool
catalog_has_type(const char *name)
{
	for (int i = 0; i < lengthof(serial_types); i++)
	{
		if (strcmp(name, serial_types[i]) == 0)
			return true;
	}
	return catalog_has(TYPENAMENSP, name);
}

/* Tells whether pg_catalog has a collation, for any or this encoding. */
static bool
catalog_has_collation(const char *name)
{
	Datum schema = ObjectIdGetDatum(PG_CATALOG_NAMESPACE);

	return SearchSysCacheExists3(COLLNAMEENCNSP, CStringGetDatum(name), Int32GetDatum(-1),
								 schema) ||
		   SearchSysCacheExists3(COLLNAMEENCNSP, CStringGetDatum(name),
								 Int32GetDatum(GetDatabaseEncoding()), schema);
}

/* Tells whether pg_catalog has an operator class or family. */
static bool
catalog_has_opclass(int cache, const char *name)
{
	for (int i = 0; i < lengthof(index_methods); i++)
	{
		if (SearchSysCacheExists3(cache, ObjectIdGetDatum(index_methods[i]), CStringGetDatum(name),
								  ObjectIdGetDatum(PG_CATALOG_NAMESPACE)))
			return true;
	}
	return false;
}

/* Tells whether initdb made the object with this OID. */
static bool
is_built_in(Oid oid)
{
	return OidIsValid(oid) && oid < FirstNormalObjectId;
}

/* Tells whether every database has an object of this name. */
static bool
everyone_has(const char *kind, const char *name)
{
	if (strcmp(kind, "function") == 0)
		/* inet(x) is a cast */
		return catalog_has_function(name) || catalog_has_type(name);
	if (strcmp(kind, "type") == 0)
		return catalog_has_type(name);
	if (strcmp(kind, "operator") == 0)
		return catalog_has_operator(name);
	if (strcmp(kind, "collation") == 0)
		return catalog_has_collation(name);
	if (strcmp(kind, "operator class") == 0)
		return catalog_has_opclass(CLAAMNAMENSP, name);
	if (strcmp(kind, "operator family") == 0)
		return catalog_has_opclass(OPFAMILYAMNAMENSP, name);
	if (strcmp(kind, "text search configuration") == 0)
		return catalog_has(TSCONFIGNAMENSP, name);
	if (strcmp(kind, "text search dictionary") == 0)
		return catalog_has(TSDICTNAMENSP, name);
	if (strcmp(kind, "text search parser") == 0)
		return catalog_has(TSPARSERNAMENSP, name);
	if (strcmp(kind, "text search template") == 0)
		return catalog_has(TSTEMPLATENAMENSP, name);
	if (strcmp(kind, "access method") == 0)
		return is_built_in(get_am_oid(name, true));
	if (strcmp(kind, "language") == 0)
		return is_built_in(get_language_oid(name, true));
	if (strcmp(kind, "tablespace") == 0)
		return strcmp(name, "pg_default") == 0 || strcmp(name, "pg_global") == 0;
	return false;
}

/* Adds a reference to an object, unless every database has it. */
void
cf_obj_reference(CfCollector *c, const char *kind, List *names)
{
	const char *schema;
	const char *name;

	cf_obj_split(names, &schema, &name);
	if (name == NULL)
		return;
	if (schema != NULL ? strcmp(schema, "pg_catalog") == 0 : everyone_has(kind, name))
		return;
	cf_obj_add(c, kind, schema, name, CF_REFERENCE);
}

/* The same for an object that has no schema; name may be NULL. */
void
cf_obj_reference_name(CfCollector *c, const char *kind, const char *name)
{
	if (name != NULL && !everyone_has(kind, name))
		cf_obj_add(c, kind, NULL, name, CF_REFERENCE);
}

/* Adds a reference to a type. Its modifiers are constants and name nothing. */
void
cf_obj_type(CfCollector *c, TypeName *type)
{
	if (type == NULL || type->names == NIL)
		return;
	if (type->pct_type)
	{
		const char *column;
		RangeVar *rel = cf_obj_owner(type->names, &column);

		cf_obj_relation(c, "relation", rel, CF_REFERENCE);
		cf_obj_part(c, "column", rel, column, CF_REFERENCE);
	}
	else
		cf_obj_reference(c, "type", type->names);
}

/* Adds references to types; an element may be NULL, as in (NONE, integer). */
void
cf_obj_types(CfCollector *c, List *types)
{
	ListCell *lc;

	foreach (lc, types)
	{
		Node *type = (Node *) lfirst(lc);

		if (type != NULL && IsA(type, FunctionParameter))
			cf_obj_type(c, ((FunctionParameter *) type)->argType);
		else if (type != NULL)
			cf_obj_type(c, castNode(TypeName, type));
	}
}

/* Returns the name of a role, or NULL for PUBLIC, which is none. */
const char *
cf_obj_role_name(RoleSpec *role)
{
	if (role == NULL)
		return NULL;
	switch (role->roletype)
	{
		case ROLESPEC_CSTRING:
			return role->rolename;
		case ROLESPEC_CURRENT_ROLE:
		case ROLESPEC_CURRENT_USER:
			return GetUserNameFromId(GetUserId(), true);
		case ROLESPEC_SESSION_USER:
			return GetUserNameFromId(GetSessionUserId(), true);
		default:
			return NULL;
	}
}

/* Adds a role. */
void
cf_obj_role(CfCollector *c, RoleSpec *role, CfAction action)
{
	cf_obj_add(c, "role", NULL, cf_obj_role_name(role), action);
}

/* Adds the roles of a list. */
void
cf_obj_roles(CfCollector *c, List *roles, CfAction action)
{
	ListCell *lc;

	foreach (lc, roles)
		cf_obj_role(c, lfirst_node(RoleSpec, lc), action);
}
