/*-------------------------------------------------------------------------
 *
 * snapshot_json.c
 *	  A snapshot as jsonb. The facts of a big database are hundreds of
 *	  thousands of JSON tokens: the tree is built in one piece, and turned into
 *	  its stored form once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "snapshot.h"

static JsonbValue
string_value(const char *text)
{
	JsonbValue value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	return value;
}

static JsonbValue
number_value(int64 number)
{
	JsonbValue value = {.type = jbvNumeric};

	value.val.numeric = int64_to_numeric(number);
	return value;
}

/* An object of up to so many pairs. */
static JsonbValue
make_object(int max)
{
	JsonbValue value = {.type = jbvObject};

	value.val.object.nPairs = 0;
	value.val.object.pairs =
		MemoryContextAllocHuge(CurrentMemoryContext, Max(max, 1) * sizeof(JsonbPair));
	return value;
}

static void
add_pair(JsonbValue *object, const char *key, JsonbValue value)
{
	JsonbPair *pair = &object->val.object.pairs[object->val.object.nPairs++];

	pair->key = string_value(key);
	pair->value = value;
	pair->order = 0;
}

static void
add_text(JsonbValue *object, const char *key, const char *text)
{
	if (text)
		add_pair(object, key, string_value(text));
}

/* The order that jsonb keeps keys in: by length, then bytewise. */
static int
compare_strings(const JsonbValue *a, const JsonbValue *b)
{
	if (a->val.string.len != b->val.string.len)
		return a->val.string.len < b->val.string.len ? -1 : 1;
	return memcmp(a->val.string.val, b->val.string.val, a->val.string.len);
}

static int
compare_pairs(const void *a, const void *b)
{
	return compare_strings(&((const JsonbPair *) a)->key, &((const JsonbPair *) b)->key);
}

static void
sort_object(JsonbValue *object)
{
	qsort(object->val.object.pairs, object->val.object.nPairs, sizeof(JsonbPair), compare_pairs);
}

/*
 * Returns the payload of a fact without its top-level nulls. A definition that
 * is null is one of an object that another session has dropped meanwhile.
 */
static JsonbValue
payload_value(const CfFact *fact)
{
	JsonbParseState *state = NULL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	JsonbValue key = {.type = jbvNull};
	JsonbValue *result = NULL;
	int depth = 0;

	if (fact->payload == NULL)
	{
		JsonbValue object = make_object(1);

		add_text(&object, "role", fact->role);
		return object;
	}
	iterator = JsonbIteratorInit(&fact->payload->root);
	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_OBJECT || token == WJB_BEGIN_ARRAY)
			depth++;
		else if (token == WJB_END_OBJECT || token == WJB_END_ARRAY)
			depth--;
		if (depth == 1 && token == WJB_KEY)
		{
			JsonbIteratorToken next = JsonbIteratorNext(&iterator, &key, false);
			JsonbValue name = value;

			if (next == WJB_VALUE && key.type == jbvNull)
			{
				if (name.val.string.len == 10 && memcmp(name.val.string.val, "definition", 10) == 0)
					ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
							errmsg("the schema changed while it was read"),
							errdetail("%s is gone.", fact->identity), errhint("Try again."));
				continue;
			}
			pushJsonbValue(&state, WJB_KEY, &name);
			if (next == WJB_BEGIN_OBJECT || next == WJB_BEGIN_ARRAY)
				depth++;
			result = pushJsonbValue(&state, next, next == WJB_VALUE ? &key : NULL);
			continue;
		}
		result = pushJsonbValue(&state, token,
								token == WJB_KEY || token == WJB_VALUE || token == WJB_ELEM ? &value
																							: NULL);
	}
	return *result;
}

/* Returns the SHA-256 of a payload's text in UTF-8, in hex. */
static char *
hash_value(pg_cryptohash_ctx *sha, JsonbValue *payload, StringInfo buffer)
{
	Jsonb *stored = JsonbValueToJsonb(payload);
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char *hex = palloc(PG_SHA256_DIGEST_STRING_LENGTH);
	char *text;
	char *utf8;

	resetStringInfo(buffer);
	text = JsonbToCString(buffer, &stored->root, VARSIZE(stored));
	utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	if (pg_cryptohash_init(sha) < 0 ||
		pg_cryptohash_update(sha, (const uint8 *) utf8, strlen(utf8)) < 0 ||
		pg_cryptohash_final(sha, digest, sizeof(digest)) < 0)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute SHA-256"));
	hex[hex_encode((const char *) digest, sizeof(digest), hex)] = '\0';
	if (utf8 != text)
		pfree(utf8);
	pfree(stored);
	return hex;
}

/* n is stronger than i, and that than a. */
static int
strength(char deptype)
{
	return deptype == DEPENDENCY_NORMAL ? 3 : deptype == DEPENDENCY_AUTO ? 1 : 2;
}

/* What a fact depends on: an object of identities, with how. */
static JsonbValue
depends_value(const CfSnapshot *snapshot, const CfFact *fact, const bool *wanted)
{
	static const char *const words[] = {"", "auto", "internal", "normal"};
	JsonbValue object = make_object(fact->nreferences);
	int kept = 0;

	for (int i = 0; i < fact->nreferences; i++)
	{
		const CfReference *reference = &fact->references[i];
		JsonbPair *pair;

		if (!wanted[reference->fact] || &snapshot->facts[reference->fact] == fact)
			continue;
		add_pair(&object, snapshot->facts[reference->fact].identity,
				 string_value(words[strength(reference->deptype)]));
		pair = &object.val.object.pairs[object.val.object.nPairs - 1];
		pair->order = strength(reference->deptype);
	}
	sort_object(&object);
	for (int i = 0; i < object.val.object.nPairs; i++)
	{
		JsonbPair *pair = &object.val.object.pairs[i];

		if (kept > 0 && compare_pairs(pair, &object.val.object.pairs[kept - 1]) == 0)
		{
			if (pair->order > object.val.object.pairs[kept - 1].order)
				object.val.object.pairs[kept - 1] = *pair;
		}
		else
			object.val.object.pairs[kept++] = *pair;
	}
	object.val.object.nPairs = kept;
	return object;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* What the catalogs hold and no kind of fact stands for. */
static JsonbValue
unmodelled_value(const CfSnapshot *snapshot)
{
	JsonbParseState *state = NULL;
	char **objects;
	int count = 0;
	ListCell *lc;

	objects = palloc(Max(list_length(snapshot->unmodelled), 1) * sizeof(char *));
	foreach (lc, snapshot->unmodelled)
	{
		const ObjectAddress *address = (const ObjectAddress *) lfirst(lc);
		const char *catalog = get_rel_name(address->classId);
		char *identity = getObjectIdentity(address, true);

		if (identity == NULL)
			identity = psprintf("%u", address->objectId);
		objects[count++] = psprintf("%s: %s", catalog ? catalog : "?", identity);
	}
	qsort(objects, count, sizeof(char *), by_text);
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < count; i++)
	{
		JsonbValue value = string_value(objects[i]);

		pushJsonbValue(&state, WJB_ELEM, &value);
	}
	return *pushJsonbValue(&state, WJB_END_ARRAY, NULL);
}

/* Whether a fact belongs to one of the schemas; NIL is all. */
static bool
is_wanted(const CfFact *fact, List *schemas)
{
	ListCell *lc;

	if (schemas == NIL)
		return true;
	foreach (lc, schemas)
		if (fact->schema && strcmp(fact->schema, (const char *) lfirst(lc)) == 0)
			return true;
	return false;
}

/* One fact. Its keys are added in the order that jsonb keeps them in. */
static JsonbValue
fact_value(const CfSnapshot *snapshot, const CfFact *fact, const bool *wanted,
		   pg_cryptohash_ctx *sha, StringInfo buffer)
{
	JsonbValue object = make_object(11);
	JsonbValue payload = payload_value(fact);

	add_text(&object, "hash", hash_value(sha, &payload, buffer));
	add_text(&object, "kind", fact->kind);
	add_text(&object, "name", fact->name);
	add_text(&object, "part", fact->part);
	add_text(&object, "role", fact->role);
	add_text(&object, "parent", fact->above);
	add_text(&object, "schema", fact->schema);
	if (fact->nreferences > 0)
	{
		JsonbValue depends = depends_value(snapshot, fact, wanted);

		if (depends.val.object.nPairs > 0)
			add_pair(&object, "depends", depends);
	}
	add_pair(&object, "payload", payload);
	if (fact->position > 0)
		add_pair(&object, "position", number_value(fact->position));
	add_text(&object, "arguments", fact->arguments);
	return object;
}

/* Returns the snapshot, reduced to the schemas unless they are NIL. */
Datum
cf_snapshot_json(CfSnapshot *snapshot, List *schemas, const char *version)
{
	JsonbValue root = make_object(6);
	JsonbValue facts = make_object(snapshot->count);
	JsonbParseState *state = NULL;
	pg_cryptohash_ctx *sha = pg_cryptohash_create(PG_SHA256);
	bool *wanted = palloc(Max(snapshot->count, 1));
	StringInfoData buffer;
	ListCell *lc;

	if (sha == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	initStringInfo(&buffer);
	for (int i = 0; i < snapshot->count; i++)
		wanted[i] = is_wanted(&snapshot->facts[i], schemas);
	for (int i = 0; i < snapshot->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (wanted[i])
			add_pair(&facts, snapshot->facts[i].identity,
					 fact_value(snapshot, &snapshot->facts[i], wanted, sha, &buffer));
	}
	pg_cryptohash_free(sha);
	sort_object(&facts);
	for (int i = 1; i < facts.val.object.nPairs; i++)
		if (compare_pairs(&facts.val.object.pairs[i - 1], &facts.val.object.pairs[i]) == 0)
			elog(ERROR, "two facts are %s",
				 pnstrdup(facts.val.object.pairs[i].key.val.string.val,
						  facts.val.object.pairs[i].key.val.string.len));

	add_pair(&root, "facts", facts);
	add_pair(&root, "format", number_value(CF_SNAPSHOT_FORMAT));
	if (schemas != NIL)
	{
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		foreach (lc, schemas)
		{
			JsonbValue name = string_value((const char *) lfirst(lc));

			pushJsonbValue(&state, WJB_ELEM, &name);
		}
		add_pair(&root, "schemas", *pushJsonbValue(&state, WJB_END_ARRAY, NULL));
	}
	add_pair(&root, "unmodelled", unmodelled_value(snapshot));
	add_text(&root, "extension_version", version);
	add_pair(&root, "server_version_num", number_value(PG_VERSION_NUM));
	sort_object(&root);
	return JsonbPGetDatum(JsonbValueToJsonb(&root));
}
