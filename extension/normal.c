/*-------------------------------------------------------------------------
 *
 * normal.c
 *	  Facts that differ only in how the server has written an expression.
 *
 * Deparsed text is not a fixed point: what a CHECK of a varchar column says is
 * read back as another expression, and written as other text. Two texts are
 * equal when they are so after having been parsed and written again, until
 * they do not change any more. That happens in a database that has one of the
 * two schemas: what both have in common is there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "facts.h"
#include "normal.h"
#include "subtransaction.h"

PG_FUNCTION_INFO_V1(confiture_normal_forms);

/* How often a text is parsed and written again. */
#define ROUNDS 4

/* The facts of two snapshots, while they are compared. */
typedef struct Comparison
{
	MemoryContext context; /* of one pair */
	MemoryContext result;
	bool scratch;	 /* things may be made here, and taken back */
	List *equal;	 /* text *: identities */
	List *undecided; /* those that have to be made to be compared */
} Comparison;

/* Two texts, while they are compared. */
typedef struct TextPair
{
	CfTextPlace place;
	const char *texts[2];
	bool scratch;
	bool equal;
	bool undecided;
} TextPair;

/* Has a rule or a routine made, and written by the server. */
static char *
make_and_write(const CfTextPlace *place, const char *text)
{
	const char *name = quote_qualified_identifier(place->schema, place->name);
	const char *query;

	if (strcmp(place->kind, "rule") == 0)
	{
		if (strncmp(text, "CREATE RULE ", 12) != 0)
			elog(ERROR, "this is not a rule");
		text = psprintf("CREATE OR REPLACE RULE %s", text + 12);
		query = psprintf("SELECT pg_catalog.pg_get_ruledef(w.oid) FROM pg_catalog.pg_rewrite AS w"
						 " WHERE w.ev_class = %s::pg_catalog.regclass AND w.rulename = %s",
						 quote_literal_cstr(name), quote_literal_cstr(place->part));
	}
	else
		query = psprintf("SELECT pg_catalog.pg_get_functiondef(%s::pg_catalog.regprocedure)",
						 quote_literal_cstr(psprintf("%s(%s)", name, place->arguments)));
	if (SPI_execute(text, false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "a definition did not make anything");
	if (SPI_execute(query, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "what was made is not there");
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* Makes what two texts say one after the other, as often as it takes, and compares what is written. */
static bool
made_are_equal(TextPair *pair)
{
	char *texts[2];
	bool equal = false;

	SPI_connect();
	texts[0] = pstrdup(pair->texts[0]);
	texts[1] = pstrdup(pair->texts[1]);
	for (int round = 0; round < ROUNDS && !equal; round++)
	{
		for (int i = 0; i < 2; i++)
		{
			texts[i] = make_and_write(&pair->place, texts[i]);
			if (strcmp(pair->place.kind, "rule") == 0 && texts[i][strlen(texts[i]) - 1] == ';')
				texts[i][strlen(texts[i]) - 1] = '\0';
		}
		equal = strcmp(texts[0], texts[1]) == 0;
	}
	SPI_finish();
	return equal;
}

/* Compares the forms of two texts. */
static bool
forms_are_equal(const CfTextForm *a, const CfTextForm *b)
{
	char *queries[2] = {a->query, b->query};

	if (!equal(a->frame, b->frame) || (a->query == NULL) != (b->query == NULL))
		return false;
	if (a->query == NULL)
		return true;
	for (int round = 1;; round++)
	{
		char *again[2];

		if (strcmp(queries[0], queries[1]) == 0)
			return true;
		if (round == ROUNDS)
			return false;
		again[0] = cf_normal_again(queries[0]);
		again[1] = cf_normal_again(queries[1]);
		if (strcmp(again[0], queries[0]) == 0 && strcmp(again[1], queries[1]) == 0)
			return false;
		queries[0] = again[0];
		queries[1] = again[1];
	}
}

/* Compares two texts, as an attempt: what means nothing here is no equal of anything. */
static void
compare_texts(void *arg)
{
	TextPair *pair = (TextPair *) arg;
	CfTextForm *a = cf_normal_form(&pair->place, pair->texts[0]);
	CfTextForm *b = cf_normal_form(&pair->place, pair->texts[1]);

	if (!a->made || !b->made)
		pair->equal = forms_are_equal(a, b);
	else if (!pair->scratch)
		pair->undecided = true;
	else
	{
		pair->equal = made_are_equal(pair);
		/* What was made is taken back, as after any error. */
		ereport(ERROR, (errmsg_internal("taken back")));
	}
}

/* Compares the values of one key of two payloads. */
static void
compare_values(TextPair *pair, JsonbValue *a, JsonbValue *b, MemoryContext context)
{
	ErrorData *edata;

	pair->equal = pair->undecided = false;
	if (a->type != jbvString || b->type != jbvString ||
		!cf_normal_has_form(pair->place.kind, pair->place.key))
		return;
	pair->texts[0] = pnstrdup(a->val.string.val, a->val.string.len);
	pair->texts[1] = pnstrdup(b->val.string.val, b->val.string.len);
	edata = cf_try(compare_texts, pair, context);
	if (edata && ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(edata);
}

/* Tells whether two values are the same as they stand. */
static bool
same_value(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case jbvBinary:
			return compareJsonbContainers(a->val.binary.data, b->val.binary.data) == 0;
		case jbvString:
			return a->val.string.len == b->val.string.len &&
				   memcmp(a->val.string.val, b->val.string.val, a->val.string.len) == 0;
		case jbvNumeric:
			return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(a->val.numeric),
													NumericGetDatum(b->val.numeric)));
		case jbvBool:
			return a->val.boolean == b->val.boolean;
		default:
			return a->type == jbvNull;
	}
}

/*
 * Compares two payloads: every key has to be there in both, with the same value
 * or two texts that are equal in normal form.
 */
static void
compare_payloads(TextPair *pair, JsonbContainer *a, JsonbContainer *b, MemoryContext context,
				 bool *equal, bool *undecided)
{
	JsonbIterator *iterator = JsonbIteratorInit(a);
	JsonbValue key, value, other;

	*equal = *undecided = false;
	if (JsonContainerSize(a) != JsonContainerSize(b))
		return;
	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (!getKeyJsonValueFromContainer(b, key.val.string.val, key.val.string.len, &other))
			return;
		/* Whether an inherited column is declared, too, no statement can change. */
		if (same_value(&value, &other) ||
			(key.val.string.len == 5 && memcmp(key.val.string.val, "local", 5) == 0))
			continue;
		pair->place.key = pnstrdup(key.val.string.val, key.val.string.len);
		compare_values(pair, &value, &other, context);
		if (pair->undecided)
			*undecided = true;
		else if (!pair->equal)
		{
			*undecided = false;
			return;
		}
	}
	*equal = !*undecided;
}

/* Compares two facts of the same identity. */
static void
compare_facts(const CfFactPair *facts, void *arg)
{
	Comparison *comparison = (Comparison *) arg;
	MemoryContext old = MemoryContextSwitchTo(comparison->context);
	JsonbContainer *source = facts->source ? cf_fact_payload(facts->source) : NULL;
	JsonbContainer *target = facts->target ? cf_fact_payload(facts->target) : NULL;
	TextPair pair = {.scratch = comparison->scratch};
	bool equal = false, undecided = false;

	if (source && target)
	{
		pair.place.kind = cf_fact_text(facts->target, "kind");
		pair.place.schema = cf_fact_text(facts->target, "schema");
		pair.place.name = cf_fact_text(facts->target, "name");
		pair.place.part = cf_fact_text(facts->target, "part");
		pair.place.arguments = cf_fact_text(facts->target, "arguments");
		pair.place.relation = cf_fact_text(target, "table");
		if (pair.place.kind)
			compare_payloads(&pair, source, target, comparison->context, &equal, &undecided);
	}
	MemoryContextSwitchTo(comparison->result);
	if (equal)
		comparison->equal =
			lappend(comparison->equal, cstring_to_text_with_len(facts->identity, facts->len));
	else if (undecided)
		comparison->undecided =
			lappend(comparison->undecided, cstring_to_text_with_len(facts->identity, facts->len));
	MemoryContextSwitchTo(old);
	MemoryContextReset(comparison->context);
}

static Datum
texts_array(List *texts)
{
	Datum *values = palloc(Max(list_length(texts), 1) * sizeof(Datum));
	ListCell *lc;

	foreach (lc, texts)
		values[foreach_current_index(lc)] = PointerGetDatum(lfirst(lc));
	return PointerGetDatum(
		construct_array(values, list_length(texts), TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * SELECT confiture._normal_forms(source, target, scratch): the identities of
 * facts that differ as they are written, and are equal in normal form; and
 * those of which only a scratch database can tell.
 */
Datum
confiture_normal_forms(PG_FUNCTION_ARGS)
{
	Comparison comparison = {.scratch = PG_GETARG_BOOL(2)};
	MemoryContext old = CurrentMemoryContext;
	TupleDesc desc;
	Datum values[2];
	bool nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	comparison.result = CurrentMemoryContext;
	comparison.context = AllocSetContextCreate(CurrentMemoryContext, "confiture normal forms",
											   ALLOCSET_DEFAULT_SIZES);
	cf_facts_compare(PG_GETARG_JSONB_P(0), PG_GETARG_JSONB_P(1), compare_facts, &comparison);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(comparison.context);
	values[0] = texts_array(comparison.equal);
	values[1] = texts_array(comparison.undecided);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
