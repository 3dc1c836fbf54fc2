/*-------------------------------------------------------------------------
 *
 * intent_kind.c
 *	  Kinds of objects: which share their names, which have a schema, and how
 *	  to find those that are neither relations, types nor routines.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_database.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_tablespace.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_ts_parser.h"
#include "catalog/pg_ts_template.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/proclang.h"
#include "commands/tablespace.h"
#include "foreign/foreign.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "intent.h"

/* Kinds that share the names of one schema; "relation" is one of them. */
static const char *const relation_kinds[] = {
	"table", "relation", "view", "index", "sequence", "materialized view", "foreign table"};

static const char *const type_kinds[] = {"type", "domain"};

static const char *const routine_kinds[] = {"function", "procedure", "aggregate", "routine"};

/* What has a name within a table, a view or a type. */
static const char *const part_kinds[] = {"column",	"attribute", "constraint",
										 "trigger", "policy",	 "rule"};

/* Objects without a schema: how to find them. */
static const struct
{
	const char *kind;
	Oid (*find)(const char *name, bool missing_ok);
	Oid catalog;
} shared_kinds[] = {
	{"schema", get_namespace_oid, NamespaceRelationId},
	{"extension", get_extension_oid, ExtensionRelationId},
	{"role", get_role_oid, AuthIdRelationId},
	{"server", get_foreign_server_oid, ForeignServerRelationId},
	{"foreign data wrapper", get_foreign_data_wrapper_oid, ForeignDataWrapperRelationId},
	{"publication", get_publication_oid, PublicationRelationId},
	{"subscription", get_subscription_oid, SubscriptionRelationId},
	{"event trigger", get_event_trigger_oid, EventTriggerRelationId},
	{"language", get_language_oid, LanguageRelationId},
	{"access method", get_am_oid, AccessMethodRelationId},
	{"tablespace", get_tablespace_oid, TableSpaceRelationId},
	{"database", get_database_oid, DatabaseRelationId},
};

/* Objects in a schema that are neither relations, types nor routines. */
static const struct
{
	const char *kind;
	Oid (*find)(List *names, bool missing_ok); /* or NULL */
	Oid catalog;
} schema_kinds[] = {
	{"collation", get_collation_oid, CollationRelationId},
	{"conversion", get_conversion_oid, ConversionRelationId},
	{"statistics", get_statistics_object_oid, StatisticExtRelationId},
	{"text search configuration", get_ts_config_oid, TSConfigRelationId},
	{"text search dictionary", get_ts_dict_oid, TSDictionaryRelationId},
	{"text search parser", get_ts_parser_oid, TSParserRelationId},
	{"text search template", get_ts_template_oid, TSTemplateRelationId},
	{"operator", NULL, OperatorRelationId},
	{"operator class", NULL, InvalidOid},
	{"operator family", NULL, InvalidOid},
};

/* Returns the number of a kind in schema_kinds, or -1. */
static int
schema_kind(const char *kind)
{
	for (int i = 0; i < lengthof(schema_kinds); i++)
	{
		if (strcmp(kind, schema_kinds[i].kind) == 0)
			return i;
	}
	return -1;
}

/* Tells whether a word stands in a list. */
static bool
in_list(const char *word, const char *const *list, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(word, list[i]) == 0)
			return true;
	}
	return false;
}

/* Tells whether objects of a kind are in pg_class, types aside. */
bool
cf_is_relation_kind(const char *kind)
{
	return in_list(kind, relation_kinds, lengthof(relation_kinds));
}

/* Tells whether objects of a kind are in pg_type. */
bool
cf_is_type_kind(const char *kind)
{
	return strcmp(kind, "type") == 0 || strcmp(kind, "domain") == 0;
}

/* Tells whether objects of a kind are in pg_proc. */
bool
cf_is_routine_kind(const char *kind)
{
	return in_list(kind, routine_kinds, lengthof(routine_kinds));
}

/* Tells whether objects of a kind belong to a table, a view or a type. */
bool
cf_is_part_kind(const char *kind)
{
	return in_list(kind, part_kinds, lengthof(part_kinds));
}

/* Tells whether names of a kind are in a schema. */
bool
cf_kind_has_schema(const char *kind)
{
	return cf_is_relation_kind(kind) || cf_is_type_kind(kind) || cf_is_routine_kind(kind) ||
		   schema_kind(kind) >= 0;
}

/*
 * Returns the kind as it is in claims, which lives as long as the server, or
 * NULL when no name can be declared to be of such a kind.
 */
const char *
cf_known_kind(const char *kind)
{
	static const struct
	{
		const char *const *list;
		int n;
	} lists[] = {{relation_kinds, lengthof(relation_kinds)},
				 {type_kinds, lengthof(type_kinds)},
				 {routine_kinds, lengthof(routine_kinds)},
				 {part_kinds, lengthof(part_kinds)}};

	for (int i = 0; i < lengthof(lists); i++)
	{
		for (int j = 0; j < lists[i].n; j++)
		{
			if (strcmp(kind, lists[i].list[j]) == 0)
				return lists[i].list[j];
		}
	}
	for (int i = 0; i < lengthof(shared_kinds); i++)
	{
		if (strcmp(kind, shared_kinds[i].kind) == 0)
			return shared_kinds[i].kind;
	}
	return schema_kind(kind) >= 0 ? schema_kinds[schema_kind(kind)].kind : NULL;
}

/* Returns what stands before the colon of an anchor. */
const char *
cf_kind_class(const char *kind)
{
	if (cf_is_relation_kind(kind) || cf_is_type_kind(kind))
		return "relation";
	return cf_is_routine_kind(kind) ? "routine" : kind;
}

/* Returns the schema of an operator that the search_path finds, or NULL. */
static const char *
schema_of_operator(CfClaimSet *set, const char *name)
{
	CatCList *list = SearchSysCacheList1(OPERNAMENSP, CStringGetDatum(name));
	const char *schema = NULL;

	cf_intent_path(set);
	for (int i = 0; i < set->path_len && schema == NULL; i++)
	{
		for (int j = 0; j < list->n_members; j++)
		{
			HeapTuple tuple = &list->members[j]->tuple;

			if (((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace == set->path[i].oid)
				schema = set->path[i].name;
		}
	}
	ReleaseSysCacheList(list);
	return schema;
}

/* Returns the schema of an object of schema_kinds that exists, or NULL. */
static const char *
schema_of_other(CfClaimSet *set, int kind, const char *name, Oid *oid)
{
	ObjectAddress address;

	*oid = InvalidOid;
	if (schema_kinds[kind].catalog == OperatorRelationId)
		return schema_of_operator(set, name);
	if (schema_kinds[kind].find == NULL)
		return NULL;
	*oid = schema_kinds[kind].find(list_make1(makeString(unconstify(char *, name))), true);
	if (!OidIsValid(*oid))
		return NULL;
	ObjectAddressSet(address, schema_kinds[kind].catalog, *oid);
	return get_namespace_name(get_object_namespace(&address));
}

/* Returns the object of one of schema_kinds. */
static CfClaimed *
resolve_in_schema(CfClaimSet *set, int kind, const char *schema, const char *name, CfSearch search)
{
	Oid oid = InvalidOid;
	CfClaimed *claimed;

	if (schema == NULL && search == CF_SEARCH_EXISTING)
		schema = schema_of_other(set, kind, name, &oid);
	if (schema == NULL)
		schema = cf_creation_schema(set);
	claimed = cf_claimed_get(set, schema_kinds[kind].kind, schema, name, NULL);
	if (OidIsValid(oid))
	{
		claimed->claim.catalog = schema_kinds[kind].catalog;
		claimed->claim.oid = oid;
	}
	return claimed;
}

/* Returns the object of a name that is none of a relation, type or routine. */
CfClaimed *
cf_resolve_other(CfClaimSet *set, const char *kind, const char *schema, const char *name,
				 CfSearch search)
{
	CfClaimed *claimed;

	if (schema_kind(kind) >= 0)
		return resolve_in_schema(set, schema_kind(kind), schema, name, search);

	claimed = cf_claimed_get(set, kind, schema, name, NULL);
	for (int i = 0; i < lengthof(shared_kinds) && !claimed->looked_up; i++)
	{
		if (strcmp(kind, shared_kinds[i].kind) != 0)
			continue;
		claimed->claim.catalog = shared_kinds[i].catalog;
		claimed->claim.oid = shared_kinds[i].find(name, true);
	}
	claimed->looked_up = true;
	return claimed;
}
