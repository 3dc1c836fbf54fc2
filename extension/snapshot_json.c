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
#include "common/hashfn.h"
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

/* The payload of a fact as a tree, and the hash of its text. */
typedef struct Payload
{
	const Jsonb *stored; /* as it was read */
	JsonbValue value;
	char *hash;
} Payload;

/*
 * Most facts of a big database have one of few payloads, such as that of an
 * integer column: what was made of those last seen is kept. The number is a power
 * of two.
 */
#define CACHE_SIZE 1024

typedef struct Hasher
{
	pg_cryptohash_ctx *sha;
	StringInfoData buffer;
	Payload cache[CACHE_SIZE];
} Hasher;

/*
 * Returns what a container holds as a tree whose strings stay where they are. At
 * the top, keys with the value null are left out.
 */
static JsonbValue
tree_of(JsonbContainer *container, bool top)
{
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbValue result;
	JsonbValue value;
	JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, false);

	if (token == WJB_BEGIN_OBJECT)
	{
		result = make_object(value.val.object.nPairs);
		while (JsonbIteratorNext(&iterator, &value, true) == WJB_KEY)
		{
			JsonbPair *pair = &result.val.object.pairs[result.val.object.nPairs];

			pair->key = value;
			pair->order = 0;
			(void) JsonbIteratorNext(&iterator, &value, true);
			if (top && value.type == jbvNull)
				continue;
			pair->value = value.type == jbvBinary ? tree_of(value.val.binary.data, false) : value;
			result.val.object.nPairs++;
		}
	}
	else
	{
		memset(&result, 0, sizeof(result));
		result.type = jbvArray;
		result.val.array.rawScalar = false;
		result.val.array.nElems = 0;
		result.val.array.elems = palloc(Max(value.val.array.nElems, 1) * sizeof(JsonbValue));
		while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM)
			result.val.array.elems[result.val.array.nElems++] =
				value.type == jbvBinary ? tree_of(value.val.binary.data, false) : value;
	}
	return result;
}

/* Returns the SHA-256 of a payload's text in UTF-8, in hex. */
static char *
hash_value(Hasher *hasher, JsonbValue *payload)
{
	Jsonb *stored = JsonbValueToJsonb(payload);
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char *hex = palloc(PG_SHA256_DIGEST_STRING_LENGTH);
	char *text;
	char *utf8;

	resetStringInfo(&hasher->buffer);
	text = JsonbToCString(&hasher->buffer, &stored->root, VARSIZE(stored));
	utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	if (pg_cryptohash_init(hasher->sha) < 0 ||
		pg_cryptohash_update(hasher->sha, (const uint8 *) utf8, strlen(utf8)) < 0 ||
		pg_cryptohash_final(hasher->sha, digest, sizeof(digest)) < 0)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute SHA-256"));
	hex[hex_encode((const char *) digest, sizeof(digest), hex)] = '\0';
	if (utf8 != text)
		pfree(utf8);
	pfree(stored);
	return hex;
}

/*
 * Returns the payload of a fact and its hash. A definition that is null is one
 * of an object that another session has dropped meanwhile.
 */
static Payload
payload_of(Hasher *hasher, const CfFact *fact)
{
	const Jsonb *stored = fact->payload;
	Payload payload = {.stored = stored};
	Payload *cached;
	JsonbValue definition;

	if (stored == NULL)
	{
		payload.value = make_object(1);
		add_text(&payload.value, "role", fact->role);
		payload.hash = hash_value(hasher, &payload.value);
		return payload;
	}
	cached = &hasher->cache[hash_bytes((const unsigned char *) stored, VARSIZE(stored)) &
							(CACHE_SIZE - 1)];
	if (cached->stored && VARSIZE(cached->stored) == VARSIZE(stored) &&
		memcmp(cached->stored, stored, VARSIZE(stored)) == 0)
		return *cached;
	if (getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &stored->root), "definition", 10,
									 &definition) &&
		definition.type == jbvNull)
		ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("the schema changed while it was read"),
				errdetail("%s is gone.", fact->identity), errhint("Try again."));
	payload.value = tree_of(unconstify(JsonbContainer *, &stored->root), true);
	payload.hash = hash_value(hasher, &payload.value);
	*cached = payload;
	return payload;
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
fact_value(const CfSnapshot *snapshot, const CfFact *fact, const bool *wanted, Hasher *hasher)
{
	/* hash, kind and payload are always there. */
	int keys = 3 + (fact->name != NULL) + (fact->part != NULL) + (fact->role != NULL) +
			   (fact->above != NULL) + (fact->schema != NULL) + (fact->nreferences > 0) +
			   (fact->position > 0) + (fact->arguments != NULL) + (fact->unfilled ? 1 : 0);
	JsonbValue object = make_object(keys);
	Payload payload = payload_of(hasher, fact);

	add_text(&object, "hash", payload.hash);
	add_text(&object, "kind", fact->kind);
	add_text(&object, "name", fact->name);
	add_text(&object, "part", fact->part);
	add_text(&object, "role", fact->role);
	if (fact->unfilled)
	{
		JsonbValue value = {.type = jbvBool, .val.boolean = false};

		add_pair(&object, "filled", value);
	}
	add_text(&object, "parent", fact->above);
	add_text(&object, "schema", fact->schema);
	if (fact->nreferences > 0)
	{
		JsonbValue depends = depends_value(snapshot, fact, wanted);

		if (depends.val.object.nPairs > 0)
			add_pair(&object, "depends", depends);
	}
	add_pair(&object, "payload", payload.value);
	if (fact->position > 0)
		add_pair(&object, "position", number_value(fact->position));
	add_text(&object, "arguments", fact->arguments);
	return object;
}

/* Returns the snapshot, in the given context; reduced to the schemas unless they are NIL. */
Datum
cf_snapshot_json(CfSnapshot *snapshot, List *schemas, const char *version, MemoryContext context)
{
	JsonbValue root = make_object(6);
	JsonbValue facts = make_object(snapshot->count);
	JsonbParseState *state = NULL;
	Hasher *hasher = palloc0(sizeof(Hasher));
	bool *wanted = palloc(Max(snapshot->count, 1));
	ListCell *lc;

	hasher->sha = pg_cryptohash_create(PG_SHA256);
	if (hasher->sha == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	initStringInfo(&hasher->buffer);
	for (int i = 0; i < snapshot->count; i++)
		wanted[i] = is_wanted(&snapshot->facts[i], schemas);
	for (int i = 0; i < snapshot->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (wanted[i])
			add_pair(&facts, snapshot->facts[i].identity,
					 fact_value(snapshot, &snapshot->facts[i], wanted, hasher));
	}
	pg_cryptohash_free(hasher->sha);
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
	MemoryContextSwitchTo(context);
	return JsonbPGetDatum(JsonbValueToJsonb(&root));
}
