/*-------------------------------------------------------------------------
 *
 * digest.c
 *	  A digest of rows, whatever their order: two sets of rows with the same
 *	  count and the same digest are the same.
 *
 * Each row is hashed to 64 bits; the digest is the sum of that. Values are
 * compared to the last bit: 1.0 and 1.00 are different. Types that can have
 * several forms of the same value are hashed as they are printed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "transition.h"

PG_FUNCTION_INFO_V1(confiture_digest_add);
PG_FUNCTION_INFO_V1(confiture_digest_combine);

/* How a column is hashed. */
typedef struct DigestColumn
{
	bool by_value;
	bool as_it_is; /* the bytes of a varlena */
	int16 len;	   /* of a type with a fixed length; else 0 */
	FmgrInfo output;
} DigestColumn;

/* How rows of one kind are hashed. */
struct CfDigest
{
	int natts;
	DigestColumn *columns;
};

/* What is known of the rows of one call. */
typedef struct DigestState
{
	Oid type;
	int32 typmod;
	TupleDesc desc;
	CfDigest *digest;
	Datum *values;
	bool *nulls;
} DigestState;

/* Looks at the type of a column. */
static void
prepare_column(DigestColumn *column, Oid type, MemoryContext context)
{
	Oid base = getBaseType(type);
	int16 len;
	bool by_value, varlena;
	char align;
	Oid output;

	get_typlenbyvalalign(base, &len, &by_value, &align);
	column->by_value = by_value;
	if (by_value)
		column->len = len;
	switch (base)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case BYTEAOID:
		case NUMERICOID:
		case JSONOID:
		case JSONBOID:
			column->as_it_is = true;
			break;
		case UUIDOID:
			column->len = len;
			break;
		default:
			getTypeOutputInfo(base, &output, &varlena);
			fmgr_info_cxt(output, &column->output, context);
			break;
	}
}

/* Makes ready for rows with some columns. */
CfDigest *
cf_digest_start(TupleDesc desc, MemoryContext context)
{
	CfDigest *digest = MemoryContextAllocZero(context, sizeof(CfDigest));

	digest->natts = desc->natts;
	digest->columns = MemoryContextAllocZero(context, desc->natts * sizeof(DigestColumn));
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			prepare_column(&digest->columns[i], TupleDescAttr(desc, i)->atttypid, context);
	return digest;
}

/* Makes ready for rows of one type. */
static DigestState *
prepare(HeapTupleHeader row, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	DigestState *state = palloc0(sizeof(DigestState));
	TupleDesc desc;

	state->type = HeapTupleHeaderGetTypeId(row);
	state->typmod = HeapTupleHeaderGetTypMod(row);
	desc = lookup_rowtype_tupdesc(state->type, state->typmod);
	state->desc = CreateTupleDescCopy(desc);
	ReleaseTupleDesc(desc);
	state->digest = cf_digest_start(state->desc, context);
	state->values = palloc(state->desc->natts * sizeof(Datum));
	state->nulls = palloc(state->desc->natts * sizeof(bool));
	MemoryContextSwitchTo(old);
	return state;
}

/* Hashes one value; what was hashed before goes in. */
static uint64
hash_value(DigestColumn *column, Datum value, uint64 seed)
{
	if (column->by_value)
	{
		char bytes[sizeof(Datum)];

		/* As it would be read from a table: the rest of a computed Datum may be anything. */
		store_att_byval(bytes, value, column->len);
		value = fetch_att(bytes, true, column->len);
		return hash_bytes_extended((unsigned char *) &value, sizeof(value), seed);
	}
	if (column->as_it_is)
	{
		struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);

		return hash_bytes_extended((unsigned char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes),
								   seed);
	}
	if (column->len)
		return hash_bytes_extended((unsigned char *) DatumGetPointer(value), column->len, seed);
	else
	{
		char *printed = OutputFunctionCall(&column->output, value);

		return hash_bytes_extended((unsigned char *) printed, strlen(printed), seed);
	}
}

/* Hashes one row. */
uint64
cf_digest_values(CfDigest *digest, const Datum *values, const bool *nulls)
{
	uint64 hash = 0;

	for (int i = 0; i < digest->natts; i++)
		hash = nulls[i] ? hash_bytes_extended((const unsigned char *) "null", 4, ~hash)
						: hash_value(&digest->columns[i], values[i], hash + 1);
	return hash;
}

/* confiture._digest_add(state, row): the transition function. */
Datum
confiture_digest_add(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(1);
	DigestState *state = (DigestState *) fcinfo->flinfo->fn_extra;
	HeapTupleData tuple = {0};
	uint64 hash;

	if (state == NULL || state->type != HeapTupleHeaderGetTypeId(row) ||
		state->typmod != HeapTupleHeaderGetTypMod(row))
		fcinfo->flinfo->fn_extra = state = prepare(row, fcinfo->flinfo->fn_mcxt);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	tuple.t_data = row;
	heap_deform_tuple(&tuple, state->desc, state->values, state->nulls);
	hash = cf_digest_values(state->digest, state->values, state->nulls);
	PG_RETURN_INT64((int64) ((uint64) PG_GETARG_INT64(0) + hash));
}

/* confiture._digest_combine(a, b): of parallel workers. */
Datum
confiture_digest_combine(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) ((uint64) PG_GETARG_INT64(0) + (uint64) PG_GETARG_INT64(1)));
}
