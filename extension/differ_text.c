/*-------------------------------------------------------------------------
 *
 * differ_text.c
 *	  What the payload of a fact says, and names as SQL writes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "differ.h"

/* A scalar as text; NULL for null, an object or an array. */
static char *
scalar_text(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

/* Returns the value of a key as text, or NULL. */
char *
cfd_text_in(JsonbContainer *object, const char *key)
{
	JsonbValue value;

	if (object == NULL || !JsonContainerIsObject(object) ||
		getKeyJsonValueFromContainer(object, key, strlen(key), &value) == NULL)
		return NULL;
	return scalar_text(&value);
}

char *
cfd_text(const CfdFact *fact, const char *key)
{
	return cfd_text_in(fact->payload, key);
}

bool
cfd_bool(const CfdFact *fact, const char *key)
{
	JsonbValue value;

	return getKeyJsonValueFromContainer(fact->payload, key, strlen(key), &value) != NULL &&
		   value.type == jbvBool && value.val.boolean;
}

bool
cfd_has(const CfdFact *fact, const char *key)
{
	JsonbValue value;

	return getKeyJsonValueFromContainer(fact->payload, key, strlen(key), &value) != NULL;
}

/* Returns the object or array of a key, or NULL. */
JsonbContainer *
cfd_object(const CfdFact *fact, const char *key)
{
	JsonbValue value;

	if (getKeyJsonValueFromContainer(fact->payload, key, strlen(key), &value) == NULL ||
		value.type != jbvBinary)
		return NULL;
	return value.val.binary.data;
}

/* Returns the elements of an array as texts; key NULL: the container is the array. */
List *
cfd_list_in(JsonbContainer *container, const char *key)
{
	JsonbIterator *iterator;
	JsonbValue value;
	JsonbIteratorToken token;
	List *list = NIL;

	if (container && key)
	{
		if (getKeyJsonValueFromContainer(container, key, strlen(key), &value) == NULL ||
			value.type != jbvBinary)
			return NIL;
		container = value.val.binary.data;
	}
	if (container == NULL || !JsonContainerIsArray(container))
		return NIL;
	iterator = JsonbIteratorInit(container);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			list = lappend(list, scalar_text(&value));
	return list;
}

List *
cfd_list(const CfdFact *fact, const char *key)
{
	return cfd_list_in(fact->payload, key);
}

/* Returns the pairs of an object, as CfdPair *. */
List *
cfd_pairs(const CfdFact *fact, const char *key)
{
	JsonbContainer *object = key ? cfd_object(fact, key) : fact->payload;
	JsonbIterator *iterator;
	JsonbValue value;
	List *list = NIL;

	if (object == NULL || !JsonContainerIsObject(object))
		return NIL;
	iterator = JsonbIteratorInit(object);
	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &value, true) == WJB_KEY)
	{
		CfdPair *pair = palloc0(sizeof(CfdPair));

		pair->key = scalar_text(&value);
		(void) JsonbIteratorNext(&iterator, &value, true);
		pair->value = scalar_text(&value);
		if (value.type == jbvBinary)
			pair->object = value.val.binary.data;
		list = lappend(list, pair);
	}
	return list;
}

static bool
equal_values(const JsonbValue *a, const JsonbValue *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (a->type != b->type)
		return false;
	if (a->type == jbvBinary)
		return compareJsonbContainers(a->val.binary.data, b->val.binary.data) == 0;
	if (a->type == jbvNull)
		return true;
	return strcmp(scalar_text(a), scalar_text(b)) == 0;
}

/* Tells whether both payloads say the same of a key. */
bool
cfd_equal(const CfdFact *old, const CfdFact *new, const char *key)
{
	JsonbValue a;
	JsonbValue b;

	return equal_values(getKeyJsonValueFromContainer(old->payload, key, strlen(key), &a),
						getKeyJsonValueFromContainer(new->payload, key, strlen(key), &b));
}

static bool
is_among(const char *key, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(*keys, key) == 0)
			return true;
	return false;
}

/* Tells whether the payloads are equal in all but some keys; these end with NULL. */
bool
cfd_equal_but(const CfdFact *old, const CfdFact *new, const char *const *keys)
{
	List *pairs = list_concat(cfd_pairs(old, NULL), cfd_pairs(new, NULL));
	ListCell *lc;

	foreach (lc, pairs)
	{
		const char *key = ((CfdPair *) lfirst(lc))->key;

		if (!is_among(key, keys) && !cfd_equal(old, new, key))
			return false;
	}
	return true;
}

/* Tells whether an array holds a text. */
bool
cfd_contains(JsonbContainer *array, const char *text)
{
	JsonbValue value = {.type = jbvString};

	if (array == NULL || !JsonContainerIsArray(array))
		return false;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	return findJsonbValueFromContainer(array, JB_FARRAY, &value) != NULL;
}

const char *
cfd_quote(const char *name)
{
	return quote_identifier(name);
}

const char *
cfd_literal(const char *text)
{
	return quote_literal_cstr(text);
}

/* The qualified name of what a fact is, or is a part of: schema.name. */
const char *
cfd_table(const CfdFact *fact)
{
	if (fact->schema == NULL)
		return quote_identifier(fact->name);
	if (fact->name == NULL)
		return quote_identifier(fact->schema);
	return quote_qualified_identifier(fact->schema, fact->name);
}

/*
 * The arguments of a routine as ALTER and DROP find it by them: those that go in. Of a procedure each
 * is marked as such, since without a mark those that come out could be meant, too.
 */
const char *
cfd_arguments(const CfdFact *fact)
{
	StringInfoData out;
	bool quoted = false;

	if (!cfd_is(fact, "procedure") || *fact->arguments == '\0')
		return fact->arguments;
	initStringInfo(&out);
	appendStringInfoString(&out, "IN ");
	for (const char *at = fact->arguments; *at; at++)
	{
		appendStringInfoChar(&out, *at);
		if (*at == '"')
			quoted = !quoted;
		if (*at == ' ' && at[-1] == ',' && !quoted)
			appendStringInfoString(&out, "IN ");
	}
	return out.data;
}

/* The same, with the arguments of a routine. */
const char *
cfd_name(const CfdFact *fact)
{
	if (fact->arguments)
		return psprintf("%s(%s)", cfd_table(fact), cfd_arguments(fact));
	return cfd_table(fact);
}

const char *
cfd_part(const CfdFact *fact)
{
	return quote_identifier(fact->part);
}

/* A value of a storage parameter or of an option of a foreign object, as SQL reads it. */
static char *
option_value(const char *value)
{
	return quote_literal_cstr(value ? value : "");
}

/*
 * Storage parameters as a list in parentheses, without these: a = 'x', b = 'y'. The prefix
 * (toast.) is put before each name. NULL when there are none.
 */
char *
cfd_options(const CfdFact *fact, const char *key, const char *prefix)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, cfd_pairs(fact, key))
	{
		CfdPair *pair = (CfdPair *) lfirst(lc);

		appendStringInfo(&out, "%s%s%s = %s", out.len ? ", " : "", prefix,
						 quote_identifier(pair->key), option_value(pair->value));
	}
	return out.len ? out.data : NULL;
}

/*
 * What SET (...) or RESET (...) has to say to make the parameters of one fact those of
 * another; NULL when there is nothing. old may be NULL.
 */
char *
cfd_options_alter(const CfdFact *old, const CfdFact *new, const char *key, bool set)
{
	const CfdFact *from = set ? new : old;
	const CfdFact *to = set ? old : new;
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, cfd_pairs(from, key))
	{
		CfdPair *pair = (CfdPair *) lfirst(lc);
		char *other = to ? cfd_text_in(cfd_object(to, key), pair->key) : NULL;

		if (set ? (other && strcmp(other, pair->value) == 0) : other != NULL)
			continue;
		appendStringInfo(&out, "%s%s", out.len ? ", " : "", quote_identifier(pair->key));
		if (set)
			appendStringInfo(&out, " = %s", option_value(pair->value));
	}
	return out.len ? out.data : NULL;
}

/*
 * Options of a foreign object: the OPTIONS clause of its CREATE, or, with an old fact, that
 * of its ALTER. NULL when there is nothing to say.
 */
char *
cfd_foreign_options(const CfdFact *old, const CfdFact *new, const char *key)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, cfd_pairs(new, key))
	{
		CfdPair *pair = (CfdPair *) lfirst(lc);
		char *was = old ? cfd_text_in(cfd_object(old, key), pair->key) : NULL;

		if (was && strcmp(was, pair->value) == 0)
			continue;
		appendStringInfo(&out, "%s%s%s %s", out.len ? ", " : "",
						 old == NULL ? ""
						 : was		 ? "SET "
									 : "ADD ",
						 quote_identifier(pair->key), option_value(pair->value));
	}
	if (old)
		foreach (lc, cfd_pairs(old, key))
		{
			CfdPair *pair = (CfdPair *) lfirst(lc);

			if (cfd_text_in(cfd_object(new, key), pair->key) == NULL)
				appendStringInfo(&out, "%sDROP %s", out.len ? ", " : "",
								 quote_identifier(pair->key));
		}
	if (out.len == 0)
		return NULL;
	return psprintf("%sOPTIONS (%s)", old ? "" : " ", out.data);
}

/* Tells whether a side has a relation of a name, or a constraint of that name on a table. */
static bool
is_taken(HTAB *side, const CfdFact *table, const char *name)
{
	static const char *const kinds[] = {
		"table", "index", "sequence", "view", "materialized view", "foreign table"};
	const char *qualified = quote_qualified_identifier(table->schema, name);

	for (int i = 0; i < lengthof(kinds); i++)
		if (cfd_find(side, psprintf("%s %s", kinds[i], qualified)))
			return true;
	return cfd_find(side, psprintf("constraint %s.%s", cfd_table(table), quote_identifier(name))) !=
		   NULL;
}

/* Returns a name with a suffix that nothing has yet, in place of which it is used for a while. */
char *
cfd_temporary_name(CfdPlan *plan, const CfdFact *table, const char *name, const char *suffix)
{
	for (int i = 0;; i++)
	{
		char *end = i == 0 ? pstrdup(suffix) : psprintf("%s%d", suffix, i);
		int len = pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1 - (int) strlen(end));
		char *made = psprintf("%.*s%s", len, name, end);

		if (!is_taken(plan->source, table, made) && !is_taken(plan->target, table, made))
			return made;
	}
}
