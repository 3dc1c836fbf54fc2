/*-------------------------------------------------------------------------
 *
 * intent_claim.c
 *	  The set of claims: what is one object, which action wins, what goes
 *	  without saying.
 *
 * A script is taken as a whole: what it creates and then alters is created,
 * what it creates and then drops was never there, and what it drops and then
 * creates is altered. OR REPLACE alters what is there, and IF NOT EXISTS only
 * refers to it. What is declared does not pass through this; of the two
 * the stronger action counts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "intent.h"
#include "json.h"

/* An element of the hash table of a set. */
typedef struct ClaimedElement
{
	const char *key;
	CfClaimed *claimed;
	uint32 hash;
	char status;
} ClaimedElement;

#define SH_PREFIX claimed
#define SH_ELEMENT_TYPE ClaimedElement
#define SH_KEY_TYPE const char *
#define SH_KEY key
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) (key), strlen(key))
#define SH_EQUAL(tb, a, b) (strcmp((a), (b)) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) ((a)->hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* In the order of CfClaimAction. */
static const char *const action_names[] = {"read",	"reference", "write",  "affected",
										   "touch", "alter",	 "create", "drop"};

/* Returns the word for an action. */
const char *
cf_claim_action_name(CfClaimAction action)
{
	return action_names[action];
}

/* Tells whether the objects of a schema are no matter of intents. */
static bool
is_hidden_schema(const char *schema)
{
	return schema != NULL &&
		   (strncmp(schema, "pg_", 3) == 0 || strcmp(schema, "information_schema") == 0 ||
			strcmp(schema, "confiture") == 0);
}

/*
 * Starts a set. Names are quoted the same in every session, so a setting that
 * quotes more is off until the set is complete, or an error resets it.
 */
void
cf_claims_begin(CfClaimSet *set)
{
	memset(set, 0, sizeof(CfClaimSet));
	set->hash = claimed_create(CurrentMemoryContext, 32, NULL);
	initStringInfo(&set->key);
	set->guc_level = NewGUCNestLevel();
	if (quote_all_identifiers)
		(void) set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/* Makes the key of an object; returns the length of its anchor. */
static int
make_key(CfClaimSet *set, const char *kind, const char *schema, const char *name,
		 const char *arguments)
{
	StringInfo key = &set->key;
	int len;

	resetStringInfo(key);
	appendStringInfoString(key, cf_kind_class(kind));
	appendStringInfoChar(key, ':');
	if (schema != NULL)
	{
		appendStringInfoString(key, quote_identifier(schema));
		appendStringInfoChar(key, '.');
	}
	appendStringInfoString(key, quote_identifier(name));
	len = key->len;
	if (arguments != NULL)
		appendStringInfo(key, "\n(%s)", arguments);
	return len;
}

/* Finds what the key of the set stands for; NULL when it was not met yet. */
static CfClaimed *
find_by_key(CfClaimSet *set)
{
	ClaimedElement *element = claimed_lookup(set->hash, set->key.data);

	return element ? element->claimed : NULL;
}

/* Adds what the key of the set stands for. */
static CfClaimed *
add_by_key(CfClaimSet *set)
{
	CfClaimed *claimed = palloc0(sizeof(CfClaimed));
	bool found;

	claimed_insert(set->hash, pstrdup(set->key.data), &found)->claimed = claimed;
	return claimed;
}

/* Finds an object that was met before. */
CfClaimed *
cf_claimed_find(CfClaimSet *set, const char *kind, const char *schema, const char *name,
				const char *arguments)
{
	(void) make_key(set, kind, schema, name, arguments);
	return find_by_key(set);
}

/* Finds an object, or adds it without a claim. */
CfClaimed *
cf_claimed_get(CfClaimSet *set, const char *kind, const char *schema, const char *name,
			   const char *arguments)
{
	int len = make_key(set, kind, schema, name, arguments);
	CfClaimed *claimed = find_by_key(set);

	if (claimed != NULL)
		return claimed;
	claimed = add_by_key(set);
	claimed->claim.anchor = pnstrdup(set->key.data, len);
	claimed->claim.part = "";
	claimed->claim.kind = kind;
	claimed->claim.schema = schema ? pstrdup(schema) : NULL;
	claimed->claim.name = pstrdup(name);
	claimed->claim.arguments = arguments ? pstrdup(arguments) : NULL;
	claimed->hidden =
		is_hidden_schema(schema) || (strcmp(kind, "schema") == 0 && is_hidden_schema(name));
	if (arguments != NULL)
	{
		CfClaimed *base = cf_claimed_get(set, kind, schema, name, NULL);

		base->overloads = lappend(base->overloads, claimed);
	}
	return claimed;
}

/* Finds a part of an object, or adds it without a claim. */
CfClaimed *
cf_claimed_part(CfClaimSet *set, CfClaimed *owner, const char *kind, const char *part)
{
	CfClaimed *claimed;
	int len;

	if (strcmp(kind, "attribute") == 0)
		kind = "column";
	resetStringInfo(&set->key);
	appendStringInfo(&set->key, "%s\n", owner->claim.anchor);
	len = set->key.len;
	appendStringInfo(&set->key, "%s:%s", kind, quote_identifier(part));
	claimed = find_by_key(set);
	if (claimed != NULL)
		return claimed;
	claimed = add_by_key(set);
	claimed->claim = owner->claim;
	claimed->claim.part = pstrdup(set->key.data + len);
	claimed->claim.kind = kind;
	claimed->claim.column = pstrdup(part);
	claimed->owner = owner;
	claimed->hidden = owner->hidden;
	return claimed;
}

/* Returns what an action on a part means for the whole. */
static CfClaimAction
action_on_owner(CfClaimAction action)
{
	return Min(action, CF_CLAIM_TOUCH);
}

/* Puts an object into the list of those that are claimed. */
static void
list_claimed(CfClaimSet *set, CfClaimed *claimed)
{
	if (!claimed->is_listed)
		set->all = lappend(set->all, claimed);
	claimed->is_listed = true;
}

/* Claims an object because it is declared. */
void
cf_claim_declare(CfClaimSet *set, CfClaimed *claimed, CfClaimAction action)
{
	if (claimed->owner != NULL)
		cf_claim_declare(set, claimed->owner, action_on_owner(action));
	else if (action >= CF_CLAIM_CREATE)
		claimed->replaced = true;
	claimed->declared = claimed->is_declared ? Max(claimed->declared, action) : action;
	claimed->is_declared = true;
	list_claimed(set, claimed);
}

/* Notes the action of a statement. */
static void
set_parsed(CfClaimSet *set, CfClaimed *claimed, CfClaimAction action)
{
	if (claimed->owner != NULL)
		cf_claim_act(set, claimed->owner, action_on_owner(action));
	claimed->parsed = action;
	claimed->is_parsed = true;
	list_claimed(set, claimed);
}

/* Notes that a statement creates or drops something. */
static void
set_life(CfClaimSet *set, CfClaimed *claimed, CfLife life)
{
	claimed->life = life;
	claimed->replaced = true;
	set->changes = true;
}

/* Claims an object because a statement does something with it as it is. */
void
cf_claim_act(CfClaimSet *set, CfClaimed *claimed, CfClaimAction action)
{
	Assert(action < CF_CLAIM_CREATE);
	/* what was created and dropped was never there */
	if (claimed->life == CF_LIFE_DROPPED && !claimed->is_parsed)
		return;
	set_parsed(set, claimed, claimed->is_parsed ? Max(claimed->parsed, action) : action);
}

/* Claims an object because a statement creates it, unless it is there. */
void
cf_claim_create(CfClaimSet *set, CfClaimed *claimed, CfClash clash)
{
	switch (claimed->life)
	{
		case CF_LIFE_CREATED:
			/* as IF NOT EXISTS and OR REPLACE do */
			return;
		case CF_LIFE_DROPPED:
			set_parsed(set, claimed, claimed->absent ? CF_CLAIM_CREATE : CF_CLAIM_ALTER);
			break;
		case CF_LIFE_AS_BEFORE:
			if (clash == CF_CLASH_REPLACES && cf_claimed_exists(claimed))
			{
				cf_claim_act(set, claimed, CF_CLAIM_ALTER);
				claimed->replaced = true;
				return;
			}
			if (clash == CF_CLASH_SKIPS && cf_claimed_exists(claimed))
			{
				cf_claim_act(set, claimed, CF_CLAIM_REFERENCE);
				return;
			}
			claimed->absent = !cf_claimed_exists(claimed);
			set_parsed(set, claimed, CF_CLAIM_CREATE);
			break;
	}
	set_life(set, claimed, CF_LIFE_CREATED);
}

/* Claims an object because a statement drops it. */
void
cf_claim_drop(CfClaimSet *set, CfClaimed *claimed, bool if_exists)
{
	if (claimed->life == CF_LIFE_CREATED && claimed->absent)
		claimed->is_parsed = false;
	else
	{
		/* of a name that is free, IF EXISTS does nothing */
		if (claimed->life == CF_LIFE_AS_BEFORE && if_exists && !cf_claimed_exists(claimed))
			claimed->absent = true;
		set_parsed(set, claimed, CF_CLAIM_DROP);
	}
	set_life(set, claimed, CF_LIFE_DROPPED);
}

/*
 * Tells whether a routine without arguments is one of those that the script
 * creates: there is no other.
 */
static bool
is_own_routine(const CfClaimed *claimed)
{
	return claimed->overloads != NIL && !claimed->is_declared &&
		   !cf_catalog_has_routine(claimed->claim.schema, claimed->claim.name);
}

/* Works out the action; false when there is nothing to claim. */
static bool
settle(CfClaimed *claimed)
{
	CfClaim *claim = &claimed->claim;

	if (claimed->hidden || !(claimed->is_parsed || claimed->is_declared))
		return false;
	if (claimed->owner != NULL)
	{
		if (claimed->owner->replaced)
			return false;
		claim->catalog = claimed->owner->claim.catalog;
		claim->oid = claimed->owner->claim.oid;
	}
	claim->declared =
		claimed->is_declared && (!claimed->is_parsed || claimed->declared >= claimed->parsed);
	claim->action = claim->declared ? claimed->declared : claimed->parsed;
	return true;
}

/* Claims what a claim implies, in the way in which that was made. */
static void
imply(CfClaimSet *set, const CfClaim *by, CfClaimed *implied, CfClaimAction action)
{
	if (implied == NULL)
		return;
	if (by->declared)
		cf_claim_declare(set, implied, action);
	else
		cf_claim_act(set, implied, action);
}

/*
 * Completes a set and returns its claims.
 *
 * An index or a sequence that is changed touches its table, and everything
 * that is in a schema refers to that.
 */
List *
cf_claims_end(CfClaimSet *set)
{
	List *claims = NIL;
	int given = list_length(set->all);

	for (int i = 0; i < given; i++)
	{
		CfClaimed *claimed = (CfClaimed *) list_nth(set->all, i);
		Oid table;

		if (claimed->owner == NULL && settle(claimed) && claimed->claim.action >= CF_CLAIM_TOUCH &&
			OidIsValid(table = cf_table_of(&claimed->claim)))
			imply(set, &claimed->claim, cf_claimed_of_relation(set, table), CF_CLAIM_TOUCH);
	}
	for (int i = 0; i < list_length(set->all); i++)
	{
		CfClaimed *claimed = (CfClaimed *) list_nth(set->all, i);
		CfClaim *claim = &claimed->claim;

		if (!settle(claimed) || is_own_routine(claimed))
			continue;
		claims = lappend(claims, claim);
		if (claim->schema != NULL)
			imply(set, claim, cf_resolve(set, "schema", NULL, claim->schema, CF_SEARCH_EXISTING),
				  CF_CLAIM_REFERENCE);
	}
	/* the actions of schemas may have grown after they were in the list */
	for (int i = 0; i < list_length(claims); i++)
		(void) settle((CfClaimed *) list_nth(claims, i));
	AtEOXact_GUC(true, set->guc_level);
	return claims;
}
