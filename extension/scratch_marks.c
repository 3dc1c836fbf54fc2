/*-------------------------------------------------------------------------
 *
 * scratch_marks.c
 *	  Which objects have survived the statements of a plan: converging is not
 *	  preserving.
 *
 * Before the statements the addresses of all objects are remembered, with the
 * files of relations, by one pass over the catalogs. The snapshot that is taken
 * after them tells the identities of the objects that are new or have new
 * files: where source and target have the same identity, it was not preserved.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "json.h"
#include "scratch.h"

PG_FUNCTION_INFO_V1(confiture_scratch_mark);
PG_FUNCTION_INFO_V1(confiture_scratch_unmarked);

typedef struct MarkKey
{
	Oid class;
	Oid object;
	int32 sub;
} MarkKey;

/* An object that was there. */
typedef struct Mark
{
	MarkKey key; /* must be first */
	Oid file;	 /* of a relation */
} Mark;

static MemoryContext mark_context = NULL;
static HTAB *marks = NULL;	/* NULL: nobody has asked for it */
static StringInfo unmarked; /* what the last snapshot has found, a JSON array */

/* All objects that databases have of their own. A default is no object that could survive. */
#define MARK_QUERY                                                                                  \
	"SELECT 'pg_class'::regclass::oid, oid, 0, relfilenode FROM pg_class WHERE oid >= 16384"        \
	" UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum::integer, 0 FROM pg_attribute"        \
	" WHERE attrelid >= 16384 AND attnum > 0 AND NOT attisdropped"                                  \
	" UNION ALL SELECT classid, objid, 0, 0 FROM pg_depend WHERE objid >= 16384 AND objsubid = 0"   \
	" AND classid NOT IN ('pg_class'::regclass, 'pg_attrdef'::regclass)"                            \
	" UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, 0 FROM pg_namespace"                       \
	" UNION ALL SELECT 'pg_publication'::regclass, oid, 0, 0 FROM pg_publication"                   \
	" UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, 0 FROM pg_foreign_data_wrapper" \
	" UNION ALL SELECT 'pg_language'::regclass, oid, 0, 0 FROM pg_language"                         \
	" UNION ALL SELECT 'pg_subscription'::regclass, oid, 0, 0 FROM pg_subscription"                 \
	" UNION ALL SELECT 'pg_default_acl'::regclass, oid, 0, 0 FROM pg_default_acl"

/* Adds the rows of the query to the marks. */
static void
add_marks(SPITupleTable *table, uint64 count)
{
	for (uint64 i = 0; i < count; i++)
	{
		HeapTuple tuple = table->vals[i];
		bool isnull;
		MarkKey key;
		Mark *mark;

		key.class = DatumGetObjectId(SPI_getbinval(tuple, table->tupdesc, 1, &isnull));
		key.object = DatumGetObjectId(SPI_getbinval(tuple, table->tupdesc, 2, &isnull));
		key.sub = DatumGetInt32(SPI_getbinval(tuple, table->tupdesc, 3, &isnull));
		mark = (Mark *) hash_search(marks, &key, HASH_ENTER, NULL);
		mark->file = DatumGetObjectId(SPI_getbinval(tuple, table->tupdesc, 4, &isnull));
	}
}

/* SELECT confiture._scratch_mark(): remembers what there is, for the session. */
Datum
confiture_scratch_mark(PG_FUNCTION_ARGS)
{
	HASHCTL control = {.keysize = sizeof(MarkKey), .entrysize = sizeof(Mark)};

	if (mark_context)
		MemoryContextReset(mark_context);
	else
		mark_context =
			AllocSetContextCreate(TopMemoryContext, "confiture marks", ALLOCSET_DEFAULT_SIZES);
	marks = NULL;
	unmarked = NULL;
	control.hcxt = mark_context;
	SPI_connect();
	if (SPI_execute(MARK_QUERY, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "the catalogs could not be read");
	marks = hash_create("confiture marks", (long) Max(SPI_processed, 64), &control,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	add_marks(SPI_tuptable, SPI_processed);
	SPI_finish();
	PG_RETURN_JSONB_P(DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"))));
}

/* The file of a relation, 0 when it has none. */
static Oid
file_of(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid file = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		file = ((Form_pg_class) GETSTRUCT(tuple))->relfilenode;
		ReleaseSysCache(tuple);
	}
	return file;
}

/* Adds one object to what the snapshot has found. */
static void
note(const CfFact *fact, const char *what)
{
	appendStringInfoString(unmarked, unmarked->len > 1 ? ", {" : "{");
	cf_json_text(unmarked, "identity", fact->identity);
	cf_json_text(unmarked, "what", what);
	cf_json_text(unmarked, "kind", fact->kind);
	cf_json_text(unmarked, "parent", fact->above);
	appendStringInfoChar(unmarked, '}');
}

/* Looks at the facts of a snapshot, when somebody has marked what was there. */
void
cf_scratch_look(const CfSnapshot *snapshot)
{
	MemoryContext old;

	if (marks == NULL)
		return;
	old = MemoryContextSwitchTo(mark_context);
	unmarked = makeStringInfo();
	appendStringInfoChar(unmarked, '[');
	for (int i = 0; i < snapshot->count; i++)
	{
		const CfFact *fact = &snapshot->facts[i];
		MarkKey key = {fact->address.classId, fact->address.objectId, fact->address.objectSubId};
		const Mark *mark;

		if (!OidIsValid(key.class) || key.object < FirstNormalObjectId ||
			strcmp(fact->kind, "default") == 0)
			continue;
		mark = (const Mark *) hash_search(marks, &key, HASH_FIND, NULL);
		if (mark == NULL)
			note(fact, key.sub > 0 ? "attnum" : "oid");
		else if (key.class == RelationRelationId && key.sub == 0 &&
				 mark->file != file_of(key.object))
			note(fact, "relfilenode");
	}
	appendStringInfoChar(unmarked, ']');
	MemoryContextSwitchTo(old);
}

/*
 * SELECT confiture._scratch_unmarked(): what the last snapshot of this session has
 * found that was not there, or has other files, when it was marked.
 */
Datum
confiture_scratch_unmarked(PG_FUNCTION_ARGS)
{
	if (unmarked == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(unmarked->data)));
}
