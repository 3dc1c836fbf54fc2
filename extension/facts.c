/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  The facts of two snapshots side by side: what differs.
 *
 * jsonb keeps the keys of an object in order, by length and then bytewise: two
 * snapshots are merged in one pass, and only what differs is looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "facts.h"

PG_FUNCTION_INFO_V1(confiture_changed_facts);

/* Where a pass over the facts of one snapshot stands. */
typedef struct Cursor
{
	JsonbIterator *iterator;
	JsonbValue identity;
	JsonbContainer *fact; /* NULL at the end */
} Cursor;

/* Moves a cursor to the next fact. */
static void
advance(Cursor *cursor)
{
	JsonbValue value;

	cursor->fact = NULL;
	if (cursor->iterator == NULL)
		return;
	if (JsonbIteratorNext(&cursor->iterator, &cursor->identity, true) != WJB_KEY)
	{
		cursor->iterator = NULL;
		return;
	}
	(void) JsonbIteratorNext(&cursor->iterator, &value, true);
	if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is not a snapshot"),
				errhint("Give what confiture.snapshot() has returned."));
	cursor->fact = value.val.binary.data;
}

/* Begins a pass; {} is a snapshot of nothing. */
static void
begin(Cursor *cursor, Jsonb *snapshot)
{
	JsonbValue facts;
	JsonbValue value;

	cursor->iterator = NULL;
	if (getKeyJsonValueFromContainer(&snapshot->root, "facts", 5, &facts) &&
		facts.type == jbvBinary && JsonContainerIsObject(facts.val.binary.data))
	{
		cursor->iterator = JsonbIteratorInit(facts.val.binary.data);
		(void) JsonbIteratorNext(&cursor->iterator, &value, true);
	}
	advance(cursor);
}

/* Compares the identities of two cursors, the end being the greatest. */
static int
compare(const Cursor *a, const Cursor *b)
{
	if (a->fact == NULL || b->fact == NULL)
		return a->fact ? -1 : 1;
	if (a->identity.val.string.len != b->identity.val.string.len)
		return a->identity.val.string.len < b->identity.val.string.len ? -1 : 1;
	return memcmp(a->identity.val.string.val, b->identity.val.string.val,
				  a->identity.val.string.len);
}

/* Tells whether the hashes of two facts are the same. */
static bool
same_hash(JsonbContainer *a, JsonbContainer *b)
{
	JsonbValue x, y;

	return getKeyJsonValueFromContainer(a, "hash", 4, &x) &&
		   getKeyJsonValueFromContainer(b, "hash", 4, &y) && x.type == jbvString &&
		   y.type == jbvString && x.val.string.len == y.val.string.len &&
		   memcmp(x.val.string.val, y.val.string.val, x.val.string.len) == 0;
}

/* Visits what is only in one of two snapshots, or differs. */
void
cf_facts_compare(Jsonb *source, Jsonb *target, CfFactVisitor visit, void *arg)
{
	Cursor a, b;

	begin(&a, source);
	begin(&b, target);
	while (a.fact || b.fact)
	{
		int order = compare(&a, &b);
		const JsonbValue *identity = order <= 0 ? &a.identity : &b.identity;
		CfFactPair pair = {.identity = identity->val.string.val,
						   .len = identity->val.string.len,
						   .source = order <= 0 ? a.fact : NULL,
						   .target = order >= 0 ? b.fact : NULL};

		CHECK_FOR_INTERRUPTS();
		if (order != 0 || !same_hash(a.fact, b.fact))
			visit(&pair, arg);
		if (order <= 0)
			advance(&a);
		if (order >= 0)
			advance(&b);
	}
}

/* Returns a text of an object, or NULL. */
char *
cf_fact_text(JsonbContainer *object, const char *key)
{
	JsonbValue value;

	if (object == NULL || !getKeyJsonValueFromContainer(object, key, strlen(key), &value) ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* Returns the payload of a fact, or NULL. */
JsonbContainer *
cf_fact_payload(JsonbContainer *fact)
{
	JsonbValue value;

	if (!getKeyJsonValueFromContainer(fact, "payload", 7, &value) || value.type != jbvBinary)
		return NULL;
	return value.val.binary.data;
}

/* Returns a container as a value of its own. */
static Datum
container_datum(JsonbContainer *container)
{
	JsonbParseState *state = NULL;
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue item;
	JsonbValue *result = NULL;

	while ((token = JsonbIteratorNext(&iterator, &item, false)) != WJB_DONE)
		result = pushJsonbValue(&state, token, token < WJB_BEGIN_ARRAY ? &item : NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(result));
}

/* One row of confiture._changed_facts(). */
static void
put_change(const CfFactPair *pair, void *arg)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) arg;
	Datum values[3];
	bool nulls[3] = {false, pair->source == NULL, pair->target == NULL};

	values[0] = PointerGetDatum(cstring_to_text_with_len(pair->identity, pair->len));
	values[1] = pair->source ? container_datum(pair->source) : (Datum) 0;
	values[2] = pair->target ? container_datum(pair->target) : (Datum) 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* SELECT * FROM confiture._changed_facts(source, target) */
Datum
confiture_changed_facts(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	cf_facts_compare(PG_GETARG_JSONB_P(0), PG_GETARG_JSONB_P(1), put_change, fcinfo->resultinfo);
	return (Datum) 0;
}
