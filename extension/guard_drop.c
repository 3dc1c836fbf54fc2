/*-------------------------------------------------------------------------
 *
 * guard_drop.c
 *	  Claims of what a statement has dropped: what it names, and what CASCADE
 *	  has taken with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "guard.h"
#include "intent.h"

/* The columns that are looked at, in this order. */
#define DROPPED_QUERY                                                                               \
	"SELECT object_type, schema_name, object_name, address_names, address_args, original OR normal" \
	" FROM pg_catalog.pg_event_trigger_dropped_objects() WHERE NOT is_temporary"

/* One object. */
typedef struct Dropped
{
	char *type;
	char *schema;	/* or NULL */
	char *name;		/* or NULL */
	Datum *address; /* texts: schema, name, part */
	int naddress;
	Datum *arguments; /* texts */
	int narguments;
	bool wanted; /* not merely a thing that another one brings with it */
} Dropped;

/* Reads the texts of an array; none when it is null. */
static int
read_texts(HeapTuple tuple, int column, Datum **texts)
{
	bool isnull;
	Datum array = SPI_getbinval(tuple, SPI_tuptable->tupdesc, column, &isnull);
	int count = 0;

	*texts = NULL;
	if (!isnull)
		deconstruct_array(DatumGetArrayTypePCopy(array), TEXTOID, -1, false, TYPALIGN_INT, texts,
						  NULL, &count);
	return count;
}

/* Reads a row. */
static Dropped *
read_row(HeapTuple tuple)
{
	TupleDesc desc = SPI_tuptable->tupdesc;
	Dropped *dropped = palloc0(sizeof(Dropped));
	bool isnull;

	dropped->type = SPI_getvalue(tuple, desc, 1);
	dropped->schema = SPI_getvalue(tuple, desc, 2);
	dropped->name = SPI_getvalue(tuple, desc, 3);
	dropped->naddress = read_texts(tuple, 4, &dropped->address);
	dropped->narguments = read_texts(tuple, 5, &dropped->arguments);
	dropped->wanted = DatumGetBool(SPI_getbinval(tuple, desc, 6, &isnull));
	return dropped;
}

/* Asks the server what has been dropped: a list of Dropped *. */
static List *
read_dropped(void)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext caller = CurrentMemoryContext;
	List *result = NIL;

	SPI_connect();
	if (plan == NULL)
	{
		plan = SPI_prepare(DROPPED_QUERY, 0, NULL);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	}
	if (SPI_execute_plan(plan, NULL, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "pg_event_trigger_dropped_objects() failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);

		result = lappend(result, read_row(SPI_tuptable->vals[i]));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return result;
}

/* Tells whether a whole table is among them. */
static bool
has_table(List *all)
{
	ListCell *lc;

	foreach (lc, all)
	{
		const char *type = ((Dropped *) lfirst(lc))->type;

		if (strcmp(type, "table") == 0 || strcmp(type, "foreign table") == 0 ||
			strcmp(type, "materialized view") == 0)
			return true;
	}
	return false;
}

/* Kinds of parts: what the server calls them, and what claims do. */
static const char *const parts[][2] = {
	{"table column", "column"},
	{"view column", "column"},
	{"materialized view column", "column"},
	{"foreign table column", "column"},
	{"composite type column", "column"},
	{"table constraint", "constraint"},
	{"default value", "column"},
	{"trigger", "trigger"},
	{"policy", "policy"},
	{"rule", "rule"},
};

/* Returns the kind of a part, or NULL when something is none. */
static const char *
kind_of_part(const Dropped *dropped)
{
	for (int i = 0; i < lengthof(parts); i++)
		if (strcmp(dropped->type, parts[i][0]) == 0)
			return parts[i][1];
	return NULL;
}

/* Claims a part: what it belongs to may be gone too, and then says it. */
static void
claim_part(CfClaimSet *set, const Dropped *dropped, const char *kind)
{
	const char *owner = strcmp(dropped->type, "composite type column") == 0 ? "type" : "table";
	CfClaimed *whole;
	CfClaimed *part;

	if (dropped->naddress != 3)
		return;
	whole = cf_claimed_get(set, owner, TextDatumGetCString(dropped->address[0]),
						   TextDatumGetCString(dropped->address[1]), NULL);
	part = cf_claimed_part(set, whole, kind, TextDatumGetCString(dropped->address[2]));
	/* A column is not gone with its default. */
	if (strcmp(dropped->type, "default value") == 0)
		cf_claim_act(set, part, CF_CLAIM_ALTER);
	else
		cf_claim_drop(set, part, false);
}

/* Claims a routine. */
static void
claim_routine(CfClaimSet *set, const Dropped *dropped)
{
	StringInfoData arguments;

	if (dropped->naddress != 2)
		return;
	initStringInfo(&arguments);
	for (int i = 0; i < dropped->narguments; i++)
		appendStringInfo(&arguments, "%s%s", i > 0 ? ", " : "",
						 TextDatumGetCString(dropped->arguments[i]));
	cf_claim_drop(set,
				  cf_claimed_get(set, dropped->type, TextDatumGetCString(dropped->address[0]),
								 TextDatumGetCString(dropped->address[1]), arguments.data),
				  false);
}

/* Claims one object, of whatever kind. */
static void
claim(CfClaimSet *set, const Dropped *dropped)
{
	const char *kind = kind_of_part(dropped);

	if (kind)
		claim_part(set, dropped, kind);
	else if (cf_is_routine_kind(dropped->type))
		claim_routine(set, dropped);
	else if (dropped->name)
		cf_claim_drop(
			set,
			cf_claimed_get(set,
						   strcmp(dropped->type, "composite type") == 0 ? "type" : dropped->type,
						   dropped->schema, dropped->name, NULL),
			false);
}

/*
 * Returns the claims of what the statement that is running has dropped.
 * Indexes, sequences and types that go with their table are not worth a word.
 */
List *
cf_guard_dropped(void)
{
	List *all = read_dropped();
	bool tables = has_table(all);
	CfClaimSet set;
	ListCell *lc;

	cf_claims_begin(&set);
	foreach (lc, all)
	{
		const Dropped *dropped = (const Dropped *) lfirst(lc);

		if (dropped->wanted || !tables || kind_of_part(dropped))
			claim(&set, dropped);
	}
	return cf_claims_end(&set);
}
