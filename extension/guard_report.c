/*-------------------------------------------------------------------------
 *
 * guard_report.c
 *	  What becomes of conflicts between a statement or script and the intents
 *	  of other agents: a warning, an error, or an entry in the log for who
 *	  goes on all the same.
 *
 * A conflict is an object as confiture._guard() returns it: other (the intent),
 * agent, feature, branch, status, severity, expires_at, and objects, each with
 * object, kind and other_action.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "guard.h"
#include "intent.h"

/* A DETAIL has no more conflicts than this, and of each no more objects. */
#define MOST_CONFLICTS 10
#define MOST_OBJECTS 3

/* An object that is in conflict. */
typedef struct Object
{
	const char *name; /* public.users.email */
	const char *kind;
	const char *other_action;
} Object;

/* A conflict, as far as it is news. */
typedef struct Conflict
{
	const char *intent;
	const char *agent;
	const char *feature;
	const char *branch; /* or NULL */
	const char *status;
	const char *until; /* or NULL */
	int weight;		   /* of its severity */
	int place;		   /* in the answer */
	List *objects;	   /* of Object * */
} Conflict;

/* ---------------------------------------------------------------------
 * Reading the answer
 * ------------------------------------------------------------------- */

/* Returns a value of a JSON object, or NULL. */
static JsonbValue *
value_of(JsonbContainer *object, const char *key)
{
	return getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
}

/* Returns a string of a JSON object, or NULL. */
static char *
string_of(JsonbContainer *object, const char *key)
{
	JsonbValue *value = value_of(object, key);

	return value && value->type == jbvString
			   ? pnstrdup(value->val.string.val, value->val.string.len)
			   : NULL;
}

/* The same with a word for what is missing. */
static char *
string_or(JsonbContainer *object, const char *key, const char *missing)
{
	char *string = string_of(object, key);

	return string ? string : pstrdup(missing);
}

/* Returns a point in time of a JSON object as the session writes it, or NULL. */
static char *
moment_of(JsonbContainer *object, const char *key)
{
	char *string = string_of(object, key);

	if (string == NULL)
		return NULL;
	return DatumGetCString(DirectFunctionCall1(
		timestamptz_out, DirectFunctionCall3(timestamptz_in, CStringGetDatum(string),
											 ObjectIdGetDatum(InvalidOid), Int32GetDatum(0))));
}

/* What was reported, and is not to be reported again: an intent and an object. */
static char *
news_key(const char *intent, const char *object)
{
	return psprintf("%s %s", intent, object);
}

/* Returns those objects of a conflict that are news. */
static List *
read_objects(const CfGuardFinding *finding, JsonbContainer *conflict, const char *intent)
{
	JsonbValue *array = value_of(conflict, "objects");
	List *result = NIL;

	if (array == NULL || array->type != jbvBinary)
		return NIL;
	for (uint32 i = 0; i < JsonContainerSize(array->val.binary.data); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array->val.binary.data, i);
		Object *object = palloc0(sizeof(Object));

		object->name = string_of(element->val.binary.data, "object");
		/* {"more": 17} ends a long list. */
		if (object->name == NULL || !cf_guard_is_news(finding, news_key(intent, object->name)))
			continue;
		object->kind = string_or(element->val.binary.data, "kind", "object");
		object->other_action = string_or(element->val.binary.data, "other_action", "alter");
		result = lappend(result, object);
	}
	return result;
}

/* Reads one conflict. Returns NULL when all of it was reported before. */
static Conflict *
read_conflict(const CfGuardFinding *finding, JsonbContainer *json)
{
	Conflict *conflict = palloc0(sizeof(Conflict));

	conflict->intent = string_or(json, "other", "?");
	conflict->objects = read_objects(finding, json, conflict->intent);
	if (conflict->objects == NIL)
		return NULL;
	conflict->agent = string_or(json, "agent", "?");
	conflict->feature = string_or(json, "feature", "?");
	conflict->branch = string_of(json, "branch");
	conflict->status = string_or(json, "status", "?");
	conflict->until = moment_of(json, "expires_at");
	conflict->weight = strcmp(string_or(json, "severity", "warning"), "error") == 0 ? 1 : 0;
	return conflict;
}

/* Puts the worse conflict first, and else leaves them as they come. */
static int
compare_conflicts(const ListCell *left, const ListCell *right)
{
	const Conflict *a = (const Conflict *) lfirst(left);
	const Conflict *b = (const Conflict *) lfirst(right);

	return a->weight != b->weight ? b->weight - a->weight : a->place - b->place;
}

/* Reads what confiture._guard() has returned, without what was reported before. */
static List *
read_conflicts(const CfGuardFinding *finding)
{
	JsonbContainer *array = &finding->conflicts->root;
	List *result = NIL;

	for (uint32 i = 0; JsonContainerIsArray(array) && i < JsonContainerSize(array); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);
		Conflict *conflict =
			element->type == jbvBinary ? read_conflict(finding, element->val.binary.data) : NULL;

		if (conflict == NULL)
			continue;
		conflict->place = i;
		result = lappend(result, conflict);
	}
	list_sort(result, compare_conflicts);
	return result;
}

/* ---------------------------------------------------------------------
 * Who may go on
 * ------------------------------------------------------------------- */

/* Finds the claim that an object in conflict is about, or NULL. */
static const CfClaim *
claim_of(List *claims, const Object *object)
{
	ListCell *lc;

	foreach (lc, claims)
	{
		const CfClaim *claim = (const CfClaim *) lfirst(lc);

		if (strcmp(cf_claim_display(claim), object->name) == 0)
			return claim;
	}
	return NULL;
}

/*
 * Tells whether a role owns what a claim is about; of a routine all that have
 * its name, of what is not there yet its schema.
 */
static bool
owns(Oid role, const CfClaim *claim)
{
	Oid schema;

	if (claim == NULL)
		return false;
	if (OidIsValid(claim->oid))
		switch (claim->catalog)
		{
			case RelationRelationId:
				return cf_owns_relation(claim->oid, role);
			case TypeRelationId:
				return cf_owns_type(claim->oid, role);
			case ProcedureRelationId:
				return cf_owns_routine(claim->oid, role);
			case NamespaceRelationId:
				return cf_owns_schema(claim->oid, role);
			default:
				return false;
		}
	if (claim->schema == NULL)
		return false;
	schema = get_namespace_oid(claim->schema, true);
	return OidIsValid(schema) && cf_owns_schema(schema, role);
}

/*
 * Tells whether the current role may go on in spite of conflicts: a superuser,
 * who has the privileges of the owner of the database, and who owns all that
 * is in conflict. Who has dropped something could, with all that went with it.
 */
static bool
may_override(const CfGuardFinding *finding, List *conflicts)
{
	Oid role = GetUserId();
	ListCell *lc, *lo;

	if (superuser_arg(role) || cf_owns_database(MyDatabaseId, role) || finding->dropped)
		return true;
	foreach (lc, conflicts)
		foreach (lo, ((Conflict *) lfirst(lc))->objects)
			if (!owns(role, claim_of(finding->claims, (Object *) lfirst(lo))))
				return false;
	return true;
}

/* Puts it on record that somebody goes on. */
void
cf_guard_log_override(const CfGuardFinding *finding)
{
	Oid types[5] = {TEXTOID, JSONBOID, JSONBOID, TEXTOID, TEXTOID};
	Datum values[5];
	CfOwner owner;

	values[0] = CStringGetTextDatum(cf_intent_agent(NULL));
	values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(finding->claims_json));
	values[2] = JsonbPGetDatum(finding->conflicts);
	values[3] = CStringGetTextDatum(cf_override_reason);
	values[4] = CStringGetTextDatum(finding->command ? finding->command : "");
	(void) cf_owner_begin(&owner);
	SPI_connect();
	if (SPI_execute_with_args("SELECT confiture._guard_override($1, $2, $3, $4, $5)", 5, types,
							  values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._guard_override() failed");
	SPI_finish();
	cf_owner_end(&owner);
}

/* ---------------------------------------------------------------------
 * Saying it
 * ------------------------------------------------------------------- */

/* What an intent does with an object, for a sentence about it. */
static const char *
verb(const char *action)
{
	static const char *const verbs[][2] = {
		{"read", "reads"},
		{"reference", "refers to"},
		{"write", "writes to"},
		{"affected", "needs"},
		{"touch", "changes a part of"},
		{"alter", "alters"},
		{"create", "creates"},
		{"drop", "drops"},
	};

	for (int i = 0; i < lengthof(verbs); i++)
		if (strcmp(action, verbs[i][0]) == 0)
			return verbs[i][1];
	return action;
}

/* One line about a conflict. */
static void
append_conflict(StringInfo out, const Conflict *conflict)
{
	int count = 0;
	ListCell *lc;

	appendStringInfo(out, "Intent %s of agent \"%s\", feature \"%s\" (", conflict->intent,
					 conflict->agent, conflict->feature);
	if (conflict->branch)
		appendStringInfo(out, "branch %s, ", conflict->branch);
	appendStringInfo(out, "%s), ", conflict->status);
	foreach (lc, conflict->objects)
	{
		const Object *object = (const Object *) lfirst(lc);

		if (count++ == MOST_OBJECTS)
		{
			appendStringInfo(out, " and %d more", list_length(conflict->objects) - MOST_OBJECTS);
			break;
		}
		appendStringInfo(out, "%s%s %s %s", count > 1 ? ", " : "", verb(object->other_action),
						 object->kind, object->name);
	}
	if (conflict->until)
		appendStringInfo(out, ", until %s", conflict->until);
	appendStringInfoChar(out, '.');
}

/* The DETAIL: a line for each conflict. */
static char *
detail_of(List *conflicts)
{
	StringInfoData out;
	int count = 0;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, conflicts)
	{
		if (count++ > 0)
			appendStringInfoChar(&out, '\n');
		if (count > MOST_CONFLICTS)
		{
			appendStringInfo(&out, "and %d more", list_length(conflicts) - MOST_CONFLICTS);
			break;
		}
		append_conflict(&out, (const Conflict *) lfirst(lc));
	}
	return out.data;
}

/* The HINT: how to go on, and who may. */
static char *
hint_of(const Conflict *conflict, const Object *object, bool entitled)
{
	StringInfoData out;
	char *name = psprintf("%s:%s", object->kind, object->name);

	initStringInfo(&out);
	if (!entitled && cf_override_reason[0] != '\0')
		appendStringInfo(&out,
						 "Role \"%s\" can't override it: only a superuser, the owner of the "
						 "database or the owner of all that is in conflict can. ",
						 GetUserNameFromId(GetUserId(), false));
	appendStringInfo(&out,
					 "Agree with agent \"%s\", or wait until it is free: SELECT "
					 "confiture.intent_wait(ARRAY[%s]). If the intent is yours, SET "
					 "confiture.agent = %s.",
					 conflict->agent, quote_literal_cstr(name),
					 quote_literal_cstr(conflict->agent));
	if (entitled)
		appendStringInfoString(&out, " To go on all the same, SET confiture.override_reason = "
									 "'why'; it is logged.");
	return out.data;
}

/* Finds the statement of a script that an object in conflict is claimed by. */
static const CfStatement *
statement_of(const CfScript *script, const Object *object)
{
	for (int i = 0; i < script->count; i++)
	{
		List *unseen = NIL;

		if (claim_of(cf_claims_of_statement(script->statements[i].raw->stmt, &unseen), object))
			return &script->statements[i];
	}
	return NULL;
}

/* Raises a warning or an error that points into the script, if it is one. */
static void
raise_conflict(const CfGuardFinding *finding, int level, List *conflicts, bool entitled)
{
	const Conflict *first = linitial(conflicts);
	const Object *object = linitial(first->objects);
	CfErrorFrame frame = {.script = finding->script, .offset = -1};
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};

	if (finding->script)
	{
		frame.stmt = statement_of(finding->script, object);
		error_context_stack = &callback;
	}
	ereport(level, (errcode(ERRCODE_CF_INTENT_CONFLICT),
					errmsg("%s %s is claimed by intent %s of agent \"%s\"", object->kind,
						   object->name, first->intent, first->agent),
					errdetail("%s", detail_of(conflicts)),
					errhint("%s", hint_of(first, object, entitled))));
	error_context_stack = callback.previous;
}

/* Says that somebody goes on. */
static void
note_override(List *conflicts)
{
	const Conflict *first = linitial(conflicts);
	const Object *object = linitial(first->objects);

	ereport(NOTICE, (errmsg("%s %s is claimed by intent %s of agent \"%s\": going on, and it is "
							"logged",
							object->kind, object->name, first->intent, first->agent),
					 errdetail("%s", detail_of(conflicts))));
}

/*
 * Reports conflicts as confiture.enforce_intents says, unless they were
 * reported before, or who runs this may go on and says why.
 */
void
cf_guard_report(const CfGuardFinding *finding)
{
	List *conflicts = read_conflicts(finding);
	ListCell *lc, *lo;
	bool entitled;

	if (conflicts == NIL)
		return;
	entitled = may_override(finding, conflicts);
	if (entitled && cf_override_reason[0] != '\0')
	{
		if (finding->log_later)
			cf_guard_postpone(finding);
		else
			cf_guard_log_override(finding);
		note_override(conflicts);
	}
	else
		raise_conflict(finding, cf_enforce_intents == CF_ENFORCE_ERROR ? ERROR : WARNING, conflicts,
					   entitled);
	foreach (lc, conflicts)
	{
		const Conflict *conflict = (const Conflict *) lfirst(lc);

		foreach (lo, conflict->objects)
			cf_guard_note(finding, news_key(conflict->intent, ((Object *) lfirst(lo))->name));
	}
}
