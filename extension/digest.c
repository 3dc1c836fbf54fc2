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
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "transition.h"

PG_FUNCTION_INFO_V1(confiture_digest_row);

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

/* confiture._digest_row(row): the digest of one row. */
Datum
confiture_digest_row(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	TupleDesc desc =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
	Datum *values = palloc(desc->natts * sizeof(Datum));
	bool *nulls = palloc(desc->natts * sizeof(bool));
	uint64 hash;

	heap_deform_tuple(&tuple, desc, values, nulls);
	hash = cf_digest_values(cf_digest_start(desc, CurrentMemoryContext), values, nulls);
	ReleaseTupleDesc(desc);
	PG_RETURN_INT64((int64) hash);
}
