/*-------------------------------------------------------------------------
 *
 * basis.c
 *	  What a plan was made from: the objects that it touches, each with a hash
 *	  of all facts that belong to it.
 *
 * A column, an index or a policy belongs to its table. Who owns an object, who
 * may use it and what its comment says does not change what a plan means:
 * these count only where the plan is about them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/json.h"

#include "facts.h"
#include "json.h"

PG_FUNCTION_INFO_V1(confiture_basis_hashes);
PG_FUNCTION_INFO_V1(confiture_basis_objects);

/* Hexadecimal digits of a hash. */
#define DIGITS 12
/* Parts of parts: a comment on a column of a table. */
#define MAX_DEPTH 8

/* An object that is asked for. */
typedef struct Wanted
{
	char *identity;
	StringInfoData facts; /* identities and hashes of what belongs to it */
} Wanted;

typedef struct Basis
{
	Jsonb *snapshots[2]; /* the second may be NULL */
	Wanted *wanted;
	int count;
} Basis;

/* Looks a fact up. */
static JsonbContainer *
find_fact(Jsonb *snapshot, const char *identity)
{
	JsonbValue facts, fact;

	if (snapshot == NULL || !getKeyJsonValueFromContainer(&snapshot->root, "facts", 5, &facts) ||
		facts.type != jbvBinary ||
		!getKeyJsonValueFromContainer(facts.val.binary.data, identity, strlen(identity), &fact) ||
		fact.type != jbvBinary)
		return NULL;
	return fact.val.binary.data;
}

/* Tells whether a kind of facts only says something about an object. */
static bool
is_about(const char *kind)
{
	return strcmp(kind, "owner") == 0 || strcmp(kind, "grant") == 0 ||
		   strcmp(kind, "comment") == 0 || strcmp(kind, "security label") == 0;
}

/*
 * Returns the identity of the object that a fact belongs to: itself, when it is
 * in a schema or nowhere. What is about an object stands for itself.
 */
static const char *
object_of(Basis *basis, const char *identity)
{
	for (int depth = 0; depth < MAX_DEPTH; depth++)
	{
		JsonbContainer *fact = find_fact(basis->snapshots[0], identity);
		char *parent, *kind;

		if (fact == NULL)
			fact = find_fact(basis->snapshots[1], identity);
		if (fact == NULL)
			return identity;
		kind = cf_fact_text(fact, "kind");
		parent = cf_fact_text(fact, "parent");
		if (parent == NULL || (kind && is_about(kind)) || strncmp(parent, "schema ", 7) == 0)
			return identity;
		identity = parent;
	}
	return identity;
}

/* Adds a fact to the object that it belongs to, when that is asked for. */
static void
add_fact(const CfFactPair *pair, void *arg)
{
	Basis *basis = (Basis *) arg;
	char *identity = pnstrdup(pair->identity, pair->len);
	const char *object = object_of(basis, identity);

	for (int i = 0; i < basis->count; i++)
		if (strcmp(basis->wanted[i].identity, object) == 0)
		{
			char *hash = cf_fact_text(pair->source, "hash");

			appendStringInfo(&basis->wanted[i].facts, "%s %s\n", identity, hash ? hash : "");
			pfree(hash);
		}
	if (object != identity)
		pfree(unconstify(char *, object));
	pfree(identity);
}

/* Appends the first digits of the hash of a text. */
static void
append_hash(StringInfo out, const StringInfo text)
{
	pg_cryptohash_ctx *sha = pg_cryptohash_create(PG_SHA256);
	uint8 digest[PG_SHA256_DIGEST_LENGTH];

	if (sha == NULL || pg_cryptohash_init(sha) < 0 ||
		pg_cryptohash_update(sha, (const uint8 *) text->data, text->len) < 0 ||
		pg_cryptohash_final(sha, digest, sizeof(digest)) < 0)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute SHA-256"));
	pg_cryptohash_free(sha);
	for (int i = 0; i < DIGITS / 2; i++)
		appendStringInfo(out, "%02x", digest[i]);
}

/* Reads the identities that are asked for. */
static void
read_wanted(Basis *basis, ArrayType *array)
{
	Datum *values;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &basis->count);
	basis->wanted = palloc0(Max(basis->count, 1) * sizeof(Wanted));
	for (int i = 0; i < basis->count; i++)
	{
		basis->wanted[i].identity = TextDatumGetCString(values[i]);
		initStringInfo(&basis->wanted[i].facts);
	}
}

/*
 * SELECT confiture._basis_hashes(snapshot, identities): an object of the
 * identities with a hash of what belongs to each, or "-" where it is not there.
 */
Datum
confiture_basis_hashes(PG_FUNCTION_ARGS)
{
	Basis basis = {.snapshots = {PG_GETARG_JSONB_P(0)}};
	Jsonb *nothing = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	StringInfoData json;

	read_wanted(&basis, PG_GETARG_ARRAYTYPE_P(1));
	if (basis.count > 0)
		cf_facts_compare(basis.snapshots[0], nothing, add_fact, &basis);
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < basis.count; i++)
	{
		StringInfoData hash;

		initStringInfo(&hash);
		if (basis.wanted[i].facts.len > 0)
			append_hash(&hash, &basis.wanted[i].facts);
		else
			appendStringInfoChar(&hash, '-');
		cf_json_text(&json, basis.wanted[i].identity, hash.data);
	}
	appendStringInfoChar(&json, '}');
	return cf_json_datum(&json);
}

/*
 * SELECT confiture._basis_objects(source, target, identities): the objects that
 * facts of either snapshot belong to.
 */
Datum
confiture_basis_objects(PG_FUNCTION_ARGS)
{
	Basis basis = {.snapshots = {PG_GETARG_JSONB_P(0), PG_GETARG_JSONB_P(1)}};
	Datum *objects;

	read_wanted(&basis, PG_GETARG_ARRAYTYPE_P(2));
	objects = palloc(Max(basis.count, 1) * sizeof(Datum));
	for (int i = 0; i < basis.count; i++)
		objects[i] = CStringGetTextDatum(object_of(&basis, basis.wanted[i].identity));
	PG_RETURN_ARRAYTYPE_P(construct_array(objects, basis.count, TEXTOID, -1, false, TYPALIGN_INT));
}
