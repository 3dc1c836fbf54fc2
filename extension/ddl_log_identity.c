/*-------------------------------------------------------------------------
 *
 * ddl_log_identity.c
 *	  The identity that a snapshot has for an object, of one object alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "ddl_log.h"

/* Puts an identity together as snapshot_read.c does. */
char *
cf_identity_text(const CfIdentity *pieces)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, pieces->kind);
	if (pieces->whole)
	{
		appendStringInfo(&text, " %s", pieces->whole);
		return text.data;
	}
	if (pieces->schema)
		appendStringInfo(&text, " %s", quote_identifier(pieces->schema));
	if (pieces->name)
		appendStringInfo(&text, "%c%s", pieces->schema ? '.' : ' ', quote_identifier(pieces->name));
	if (pieces->part)
		appendStringInfo(&text, ".%s", quote_identifier(pieces->part));
	if (pieces->arguments)
		appendStringInfo(&text, "(%s)", pieces->arguments);
	return text.data;
}

/* Adds a text to a list unless it is in it. */
List *
cf_identity_add(List *objects, char *identity)
{
	ListCell *lc;

	foreach (lc, objects)
		if (strcmp((const char *) lfirst(lc), identity) == 0)
			return objects;
	return lappend(objects, identity);
}

/* Returns what a snapshot calls a relation. */
static const char *
relation_kind(char relkind)
{
	switch (relkind)
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

/* Takes a routine to pieces. Returns false when it is gone. */
static bool
routine_pieces(Oid oid, CfIdentity *pieces)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	Form_pg_proc form;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	pieces->kind = form->prokind == PROKIND_PROCEDURE	? "procedure"
				   : form->prokind == PROKIND_AGGREGATE ? "aggregate"
														: "function";
	pieces->schema = get_namespace_name(form->pronamespace);
	pieces->name = pstrdup(NameStr(form->proname));
	pieces->arguments = TextDatumGetCString(
		DirectFunctionCall1(oidvectortypes, PointerGetDatum(&form->proargtypes)));
	ReleaseSysCache(tuple);
	return true;
}

/* Takes a type or domain to pieces. Returns false when it is gone. */
static bool
type_pieces(Oid oid, CfIdentity *pieces)
{
	HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(oid));
	Form_pg_type form;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_type) GETSTRUCT(tuple);
	pieces->kind = form->typtype == TYPTYPE_DOMAIN ? "domain" : "type";
	pieces->schema = get_namespace_name(form->typnamespace);
	pieces->name = pstrdup(NameStr(form->typname));
	ReleaseSysCache(tuple);
	return true;
}

/* Takes a constraint of a domain to pieces. Returns false when it is none. */
static bool
domain_constraint_pieces(Oid oid, CfIdentity *pieces)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(oid));
	Form_pg_constraint form;
	bool found;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	found = OidIsValid(form->contypid) && type_pieces(form->contypid, pieces);
	if (found)
	{
		pieces->kind = "domain constraint";
		pieces->part = pstrdup(NameStr(form->conname));
	}
	ReleaseSysCache(tuple);
	return found;
}

/* What a snapshot calls a part of a relation, by its catalog; or NULL. */
static const char *
part_kind(Oid catalog)
{
	switch (catalog)
	{
		case ConstraintRelationId:
			return "constraint";
		case TriggerRelationId:
			return "trigger";
		case PolicyRelationId:
			return "policy";
		case RewriteRelationId:
			return "rule";
		case AttrDefaultRelationId:
			return "default";
		default:
			return NULL;
	}
}

/* Takes the identity of an object to pieces. Returns false when it is gone. */
bool
cf_identity_of(const ObjectAddress *address, CfIdentity *pieces)
{
	List *names = NIL;
	List *arguments = NIL;
	char *identity;
	char relkind;

	memset(pieces, 0, sizeof(CfIdentity));
	if (address->classId == ProcedureRelationId)
		return routine_pieces(address->objectId, pieces);
	if (address->classId == TypeRelationId)
		return type_pieces(address->objectId, pieces);
	if (address->classId == ConstraintRelationId &&
		domain_constraint_pieces(address->objectId, pieces))
		return true;
	identity = getObjectIdentityParts(address, &names, &arguments, true);
	if (identity == NULL)
		return false;
	if (address->classId == NamespaceRelationId)
	{
		pieces->kind = "schema";
		pieces->schema = get_namespace_name(address->objectId);
		return pieces->schema != NULL;
	}
	if (address->classId == RelationRelationId && list_length(names) >= 2)
	{
		relkind = get_rel_relkind(address->objectId);
		pieces->kind = relation_kind(relkind);
		/* The last of its names may be that of a column that is gone. */
		if (list_length(names) == 3 &&
			!SearchSysCacheExistsAttName(address->objectId, (char *) lthird(names)))
			return false;
		if (list_length(names) == 3)
			pieces->kind = relkind == RELKIND_COMPOSITE_TYPE ? "attribute" : "column";
	}
	else if (list_length(names) == 3)
		pieces->kind = part_kind(address->classId);
	if (pieces->kind)
	{
		pieces->schema = linitial(names);
		pieces->name = lsecond(names);
		pieces->part = list_length(names) > 2 ? lthird(names) : NULL;
		return true;
	}
	pieces->kind = address->classId == StatisticExtRelationId
					   ? "statistics"
					   : getObjectTypeDescription(address, true);
	pieces->whole = identity;
	return pieces->kind != NULL;
}
