/*-------------------------------------------------------------------------
 *
 * snapshot_hash.c
 *	  One hash for all facts of a snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(confiture_facts_hash);

static void
update(pg_cryptohash_ctx *sha, const char *text, int len)
{
	char *utf8 = pg_server_to_any(text, len, PG_UTF8);

	if (pg_cryptohash_update(sha, (const uint8 *) utf8, utf8 == text ? len : strlen(utf8)) < 0)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute SHA-256"));
	if (utf8 != text)
		pfree(utf8);
}

/*
 * confiture._facts_hash(facts jsonb, unmodelled text): SHA-256, in hex, of a line
 * for each identity and one for its hash, and of the list of what is not
 * modelled unless that is empty. jsonb keeps its keys in one order, whatever the
 * locale is.
 */
Datum
confiture_facts_hash(PG_FUNCTION_ARGS)
{
	Jsonb *facts = PG_GETARG_JSONB_P(0);
	text *unmodelled = PG_GETARG_TEXT_PP(1);
	pg_cryptohash_ctx *sha = pg_cryptohash_create(PG_SHA256);
	JsonbIterator *iterator = JsonbIteratorInit(&facts->root);
	JsonbIteratorToken token;
	JsonbValue value;
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char hex[PG_SHA256_DIGEST_STRING_LENGTH];

	if (sha == NULL || pg_cryptohash_init(sha) < 0)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute SHA-256"));
	token = JsonbIteratorNext(&iterator, &value, false);
	Assert(token == WJB_BEGIN_OBJECT);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_KEY)
	{
		update(sha, value.val.string.val, value.val.string.len);
		update(sha, "\n", 1);
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data))
		{
			JsonbValue hash;

			if (getKeyJsonValueFromContainer(value.val.binary.data, "hash", 4, &hash) &&
				hash.type == jbvString)
				update(sha, hash.val.string.val, hash.val.string.len);
		}
		update(sha, "\n", 1);
	}
	if (VARSIZE_ANY_EXHDR(unmodelled) > 2)
		update(sha, VARDATA_ANY(unmodelled), VARSIZE_ANY_EXHDR(unmodelled));
	if (pg_cryptohash_final(sha, digest, sizeof(digest)) < 0)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute SHA-256"));
	pg_cryptohash_free(sha);
	hex[hex_encode((const char *) digest, sizeof(digest), hex)] = '\0';
	PG_RETURN_TEXT_P(cstring_to_text(hex));
}
