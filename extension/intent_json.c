/*-------------------------------------------------------------------------
 *
 * intent_json.c
 *	  Claims, and what could not be looked into, as JSON: for the functions
 *	  in SQL that store and compare them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "utils/syscache.h"

#include "intent.h"
#include "json.h"

/* What a claim is called in front of people, as confiture.intent_object.display has it. */
char *
cf_claim_display(const CfClaim *claim)
{
	const char *name = strchr(claim->anchor, ':') + 1;

	return claim->part[0] ? psprintf("%s.%s", name, strchr(claim->part, ':') + 1) : pstrdup(name);
}

/* Tells whether tables inherit from a relation. */
static bool
has_children(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool result = false;

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_class) GETSTRUCT(tuple))->relhassubclass;
		ReleaseSysCache(tuple);
	}
	return result;
}

/* Tells whether something may depend on an object in the way in which a claim changes it. */
static bool
is_seed(const CfClaim *claim)
{
	if (!OidIsValid(claim->oid))
		return false;
	if (claim->action == CF_CLAIM_TOUCH)
		return claim->part[0] == '\0' && claim->catalog == RelationRelationId &&
			   has_children(claim->oid);
	return claim->action == CF_CLAIM_ALTER || claim->action == CF_CLAIM_DROP;
}

/* Notes which whole objects have parts among the claims. */
static void
note_parts(List *claims)
{
	ListCell *lc;

	foreach (lc, claims)
	{
		CfClaimed *claimed = (CfClaimed *) lfirst(lc);

		if (claimed->owner)
			claimed->owner->has_parts = true;
	}
}

/*
 * Adds what the functions of intents need besides, so that they need not look
 * it up: what the claim is called in front of people, whether it is of a whole
 * object and nothing says which parts, and what to look for in pg_depend.
 */
static void
add_details(StringInfo json, const CfClaim *claim)
{
	cf_json_text(json, "display", cf_claim_display(claim));
	if (claim->part[0] == '\0' && !((const CfClaimed *) claim)->has_parts)
		cf_json_bool(json, "bare", true);
	if (is_seed(claim))
	{
		cf_json_number(json, "classid", claim->catalog);
		cf_json_number(json, "oid", claim->oid);
	}
}

/* Returns claims as a JSON array, with all that functions need or only with what a claim is. */
char *
cf_claims_json(List *claims, bool details)
{
	StringInfoData json;
	ListCell *lc;

	if (details)
		note_parts(claims);
	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach (lc, claims)
	{
		const CfClaim *claim = (const CfClaim *) lfirst(lc);

		appendStringInfoString(&json, json.len > 1 ? ", {" : "{");
		cf_json_text(&json, "anchor", claim->anchor);
		cf_json_text(&json, "part", claim->part);
		cf_json_text(&json, "kind", claim->kind);
		cf_json_text(&json, "schema", claim->schema);
		cf_json_text(&json, "name", claim->name);
		cf_json_text(&json, "column", claim->column);
		cf_json_text(&json, "arguments", claim->arguments);
		cf_json_text(&json, "action", cf_claim_action_name(claim->action));
		cf_json_text(&json, "source", claim->declared ? "declared" : "parsed");
		if (details)
			add_details(&json, claim);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

/* Returns what could not be looked into as a JSON array. */
char *
cf_unseen_json(List *unseen)
{
	StringInfoData json;
	ListCell *lc;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach (lc, unseen)
	{
		const CfUnseen *one = (const CfUnseen *) lfirst(lc);

		appendStringInfoString(&json, json.len > 1 ? ", {" : "{");
		cf_json_number(&json, "ordinal", one->ordinal);
		cf_json_number(&json, "line", one->line);
		cf_json_text(&json, "what", one->what);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}
