/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Recording the schema that a run of migrations has left, and a stamp of
 *	  the catalogs: has anything changed since?
 *
 * What is recorded is up to confiture._record_begin() and _record_end().
 *
 * Every version of a row carries the transaction that has written it, and has
 * a place. The stamp is a sum over both, of all catalogs that a schema can
 * stand in: equal when no row was written, moved or removed. Statistics and
 * large objects are left out. What VACUUM and ANALYZE write into pg_class they
 * write in place. A stamp that differs says nothing: the schema may be equal.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext_data.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_tablespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "confiture.h"
#include "record.h"

PG_FUNCTION_INFO_V1(confiture_catalog_stamp);
PG_FUNCTION_INFO_V1(confiture_catalog_stamp_seen);

/* What is known of a version of a row; no padding. */
typedef struct RowVersion
{
	Oid catalog;
	TransactionId xmin;
	uint32 block;
	uint32 offset;
} RowVersion;

/* Adds up the rows of a catalog, as they are now or as a snapshot sees them. */
static uint64
stamp_of(Oid catalog, Snapshot snapshot)
{
	Relation relation = table_open(catalog, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, NULL);
	uint64 sum = 0;
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		RowVersion row = {.catalog = catalog,
						  .xmin = HeapTupleHeaderGetRawXmin(tuple->t_data),
						  .block = ItemPointerGetBlockNumberNoCheck(&tuple->t_self),
						  .offset = ItemPointerGetOffsetNumberNoCheck(&tuple->t_self)};

		sum += hash_bytes_extended((const unsigned char *) &row, sizeof(row), 0);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return sum;
}

/* Tells whether a schema can stand in a relation. */
static bool
is_of_schema(Form_pg_class form)
{
	if (form->relkind != RELKIND_RELATION || form->relnamespace != PG_CATALOG_NAMESPACE ||
		form->oid >= FirstUnpinnedObjectId)
		return false;
	if (form->relisshared)
		/* the names in it, and the subscriptions */
		return form->oid == AuthIdRelationId || form->oid == TableSpaceRelationId ||
			   form->oid == SubscriptionRelationId;
	return form->oid != StatisticRelationId && form->oid != StatisticExtDataRelationId &&
		   form->oid != LargeObjectRelationId && form->oid != LargeObjectMetadataRelationId;
}

/* The stamp of all catalogs. */
static Datum
catalog_stamp(Snapshot snapshot)
{
	Relation relation = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, NULL, 0, NULL);
	List *catalogs = NIL;
	uint64 sum = 0;
	HeapTuple tuple;
	ListCell *lc;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (is_of_schema(form))
			catalogs = lappend_oid(catalogs, form->oid);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	foreach (lc, catalogs)
	{
		CHECK_FOR_INTERRUPTS();
		sum += stamp_of(lfirst_oid(lc), snapshot);
	}
	return PointerGetDatum(cstring_to_text(psprintf(UINT64_FORMAT, sum)));
}

/* SELECT confiture._catalog_stamp(): as they are now */
Datum
confiture_catalog_stamp(PG_FUNCTION_ARGS)
{
	return catalog_stamp(NULL);
}

/* SELECT confiture._catalog_stamp_seen(): as the statement sees them, and confiture.snapshot() in it */
Datum
confiture_catalog_stamp_seen(PG_FUNCTION_ARGS)
{
	return catalog_stamp(GetActiveSnapshot());
}

/* Returns what was changed by hand before a run, in the given context, or NULL. The caller is connected to SPI. */
struct varlena *
cf_record_begin(MemoryContext context)
{
	MemoryContext old;
	struct varlena *result = NULL;
	Datum by_hand;
	bool isnull;

	if (SPI_execute("SELECT confiture._record_begin()", false, 1) != SPI_OK_SELECT)
		elog(ERROR, "confiture._record_begin() failed");
	by_hand = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
	{
		old = MemoryContextSwitchTo(context);
		result = (struct varlena *) DatumGetPointer(datumCopy(by_hand, false, -1));
		MemoryContextSwitchTo(old);
	}
	return result;
}

/* Records the schema that a run has left. */
void
cf_record_end(const char *direction, const struct varlena *by_hand)
{
	Oid types[2] = {TEXTOID, JSONBOID};
	Datum values[2];

	values[0] = CStringGetTextDatum(direction);
	values[1] = PointerGetDatum(by_hand);
	if (SPI_execute_with_args("SELECT confiture._record_end($1, $2)", 2, types, values,
							  by_hand ? NULL : " n", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._record_end() failed");
}
