/*-------------------------------------------------------------------------
 *
 * snapshot_read.c
 *	  Collects the facts of a snapshot: runs the queries of
 *	  sql/65_snapshot_*.sql, and gives every fact its identity.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "snapshot.h"

/*
 * One query, the longest first, so that a parallel worker can take a part of
 * them: constraints and indexes take about as long as all the others.
 */
#define COLLECT                                             \
	"SELECT * FROM confiture._facts_parts()"                \
	" UNION ALL SELECT * FROM confiture._facts_columns()"   \
	" UNION ALL SELECT * FROM confiture._facts_relations()" \
	" UNION ALL SELECT * FROM confiture._facts_types()"     \
	" UNION ALL SELECT * FROM confiture._facts_routines()"  \
	" UNION ALL SELECT * FROM confiture._facts_others()"

/* The columns of confiture._fact, in their order. */
enum
{
	FACT_CLASS = 1,
	FACT_OBJECT,
	FACT_SUB,
	FACT_PARENT_CLASS,
	FACT_PARENT,
	FACT_PARENT_SUB,
	FACT_KIND,
	FACT_SCHEMA,
	FACT_NAME,
	FACT_PART,
	FACT_ARGUMENTS,
	FACT_OWNER,
	FACT_PAYLOAD
};

/* The columns of confiture._facts_about(). */
enum
{
	ABOUT_CLASS = 1,
	ABOUT_OBJECT,
	ABOUT_SUB,
	ABOUT_KIND,
	ABOUT_SUFFIX,
	ABOUT_ROLE,
	ABOUT_PAYLOAD
};

static CfFact *
add_fact(CfSnapshot *snapshot)
{
	CfFact *fact;

	if (snapshot->count == snapshot->max)
	{
		snapshot->max = Max(1024, snapshot->max * 2);
		snapshot->facts =
			snapshot->facts ? repalloc_huge(snapshot->facts, (Size) snapshot->max * sizeof(CfFact))
							: MemoryContextAllocHuge(CurrentMemoryContext,
													 (Size) snapshot->max * sizeof(CfFact));
	}
	fact = &snapshot->facts[snapshot->count++];
	memset(fact, 0, sizeof(CfFact));
	return fact;
}

static Datum
value_of(HeapTuple tuple, TupleDesc desc, int column, bool *isnull)
{
	return SPI_getbinval(tuple, desc, column, isnull);
}

static char *
text_of(HeapTuple tuple, TupleDesc desc, int column)
{
	bool isnull;
	Datum value = value_of(tuple, desc, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static ObjectAddress
address_of(HeapTuple tuple, TupleDesc desc, int column)
{
	ObjectAddress address;
	bool isnull[3];

	address.classId = DatumGetObjectId(value_of(tuple, desc, column, &isnull[0]));
	address.objectId = DatumGetObjectId(value_of(tuple, desc, column + 1, &isnull[1]));
	address.objectSubId = DatumGetInt32(value_of(tuple, desc, column + 2, &isnull[2]));
	if (isnull[0] || isnull[1] || isnull[2])
		address = InvalidObjectAddress;
	return address;
}

/* kind schema.name.part(arguments), each name quoted where it must be. */
static char *
identity_of(const CfFact *fact, StringInfo text)
{
	resetStringInfo(text);
	appendStringInfoString(text, fact->kind);
	if (fact->schema)
	{
		appendStringInfoChar(text, ' ');
		appendStringInfoString(text, quote_identifier(fact->schema));
	}
	if (fact->name)
	{
		appendStringInfoChar(text, fact->schema ? '.' : ' ');
		appendStringInfoString(text, quote_identifier(fact->name));
	}
	if (fact->part)
	{
		appendStringInfoChar(text, '.');
		appendStringInfoString(text, quote_identifier(fact->part));
	}
	if (fact->arguments)
		appendStringInfo(text, "(%s)", fact->arguments);
	return pnstrdup(text->data, text->len);
}

/* Takes the rows of the collectors. */
static void
take(CfSnapshot *snapshot)
{
	TupleDesc desc = SPI_tuptable->tupdesc;
	StringInfoData buffer;

	initStringInfo(&buffer);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		CfFact *fact = add_fact(snapshot);
		bool isnull;
		Datum value;

		fact->address = address_of(tuple, desc, FACT_CLASS);
		fact->parent = address_of(tuple, desc, FACT_PARENT_CLASS);
		fact->kind = text_of(tuple, desc, FACT_KIND);
		fact->schema = text_of(tuple, desc, FACT_SCHEMA);
		fact->name = text_of(tuple, desc, FACT_NAME);
		fact->part = text_of(tuple, desc, FACT_PART);
		fact->arguments = text_of(tuple, desc, FACT_ARGUMENTS);
		value = value_of(tuple, desc, FACT_OWNER, &isnull);
		fact->owner = isnull ? InvalidOid : DatumGetObjectId(value);
		value = value_of(tuple, desc, FACT_PAYLOAD, &isnull);
		Assert(!isnull);
		fact->payload = DatumGetJsonbP(value);
		fact->identity = identity_of(fact, &buffer);
	}
	pfree(buffer.data);
}

/* Columns come with their number; what counts is their place among the others. */
static int
by_column(const void *a, const void *b)
{
	const CfFact *x = *(CfFact *const *) a;
	const CfFact *y = *(CfFact *const *) b;

	if (x->address.objectId != y->address.objectId)
		return x->address.objectId < y->address.objectId ? -1 : 1;
	return x->address.objectSubId - y->address.objectSubId;
}

static void
number_columns(CfSnapshot *snapshot)
{
	CfFact **columns = palloc(Max(snapshot->count, 1) * sizeof(CfFact *));
	int count = 0;

	for (int i = 0; i < snapshot->count; i++)
		if (strcmp(snapshot->facts[i].kind, "column") == 0)
			columns[count++] = &snapshot->facts[i];
	qsort(columns, count, sizeof(CfFact *), by_column);
	for (int i = 0; i < count; i++)
	{
		bool first = i == 0 || columns[i - 1]->address.objectId != columns[i]->address.objectId;

		columns[i]->position = first ? 1 : columns[i - 1]->position + 1;
	}
	pfree(columns);
}

/* Makes the owner of a fact a fact of its own. */
static void
add_owner(CfSnapshot *snapshot, int number)
{
	CfFact *owner = add_fact(snapshot);
	const CfFact *fact = &snapshot->facts[number];

	owner->kind = "owner";
	owner->identity = psprintf("owner of %s", fact->identity);
	owner->schema = fact->schema;
	owner->above = fact->identity;
	owner->role = GetUserNameFromId(fact->owner, true);
	if (owner->role == NULL)
		owner->role = psprintf("%u", fact->owner);
}

/*
 * Grants, comments and labels. One on an object of an extension or of the system
 * is told with the name of that object, which is no fact; comments and labels
 * on those are theirs.
 */
static void
take_about(CfSnapshot *snapshot)
{
	TupleDesc desc = SPI_tuptable->tupdesc;

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		ObjectAddress address = address_of(tuple, desc, ABOUT_CLASS);
		char *kind = text_of(tuple, desc, ABOUT_KIND);
		bool is_grant = strcmp(kind, "grant") == 0;
		int target = cf_snapshot_find(snapshot, &address);
		int owner = target;
		bool alien = false;
		char *name;
		CfFact *fact;
		bool isnull;

		if (target >= 0)
			name = snapshot->facts[target].identity;
		else
		{
			char *identity;

			if (cf_snapshot_is_part(snapshot, &address, &owner, &alien) && alien && !is_grant)
				continue;
			identity = getObjectIdentity(&address, true);
			if (identity == NULL)
				continue;
			name = psprintf("%s %s", getObjectTypeDescription(&address, true), identity);
			if (strncmp(name, "table column ", 13) == 0)
				name += strlen("table ");
		}
		fact = add_fact(snapshot);
		fact->kind = kind;
		fact->identity = psprintf("%s on %s%s", kind, name, text_of(tuple, desc, ABOUT_SUFFIX));
		fact->above = owner >= 0 && !alien ? snapshot->facts[owner].identity : name;
		fact->role = text_of(tuple, desc, ABOUT_ROLE);
		fact->payload = DatumGetJsonbP(value_of(tuple, desc, ABOUT_PAYLOAD, &isnull));
		if (owner >= 0 && !alien)
			fact->schema = snapshot->facts[owner].schema;
		else if (owner >= 0)
			cf_snapshot_refer(fact, owner, DEPENDENCY_AUTO);
	}
}

/*
 * Runs the queries of all collectors. They see the catalogs as of one moment, but
 * PostgreSQL's functions that write definitions see them as they are now: an
 * object that another session has dropped meanwhile is none of theirs.
 */
static void
collect(void)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (SPI_execute(COLLECT, true, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not collect the facts");
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_INTERNAL_ERROR &&
			error->sqlerrcode != ERRCODE_UNDEFINED_TABLE &&
			error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("the schema changed while it was read"), errdetail("%s.", error->message),
				errhint("Try again. If nobody changes it, the catalogs are damaged."));
	}
	PG_END_TRY();
}

/*
 * Whether a materialized view is filled is no part of its payload, as it changes without any
 * DDL: two schemas that differ in that alone are equal.
 */
static void
note_unfilled(CfSnapshot *snapshot)
{
	if (SPI_execute("SELECT c.oid FROM pg_catalog.pg_class AS c WHERE c.relkind"
					" OPERATOR(pg_catalog.=) 'm' AND NOT c.relispopulated",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read pg_class");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		ObjectAddress address;
		bool isnull;
		int fact;

		ObjectAddressSet(
			address, RelationRelationId,
			DatumGetObjectId(value_of(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)));
		fact = cf_snapshot_find(snapshot, &address);
		if (fact >= 0)
			snapshot->facts[fact].unfilled = true;
	}
}

/* Reads all facts. */
void
cf_snapshot_read(CfSnapshot *snapshot)
{
	int count;

	collect();
	/* The payloads stay where they are, in the rows. */
	take(snapshot);
	number_columns(snapshot);
	cf_snapshot_index(snapshot);
	note_unfilled(snapshot);
	count = snapshot->count;
	cf_snapshot_depend(snapshot);
	for (int i = 0; i < count; i++)
	{
		CfFact *fact = &snapshot->facts[i];
		int parent;

		if (OidIsValid(fact->parent.classId) &&
			(parent = cf_snapshot_fact_of(snapshot, &fact->parent, true)) >= 0)
			fact->above = snapshot->facts[parent].identity;
	}
	for (int i = 0; i < count; i++)
		if (OidIsValid(snapshot->facts[i].owner))
			add_owner(snapshot, i);
	if (SPI_execute("SELECT * FROM confiture._facts_about()", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read grants and comments");
	take_about(snapshot);
}
