/*-------------------------------------------------------------------------
 *
 * snapshot_depend.c
 *	  What the facts of a snapshot depend on, from pg_depend; and that nothing
 *	  is left out: every object that pg_depend or pg_shdepend knows is a fact,
 *	  a part of one, foreign (of an extension, or temporary), or reported as
 *	  not modelled.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "snapshot.h"

/* An object that is a fact. */
typedef struct AddressEntry
{
	ObjectAddress address;
	int fact;
} AddressEntry;

/* An object that belongs to a fact, or to nothing that counts. */
typedef struct PartEntry
{
	ObjectAddress address; /* without a column */
	int fact;			   /* or -1 */
	bool alien;			   /* of an extension, or temporary */
} PartEntry;

/* A row of pg_depend whose dependent is no fact. */
typedef struct LooseRow
{
	ObjectAddress dependent;
	ObjectAddress referenced;
	char deptype;
	bool temporary;		/* it refers to a temporary schema */
	int dependent_fact; /* or -1 */
	int referenced_fact;
} LooseRow;

/* Owners, grants and policies may be all that is known of an object. */
#define SHARED_DEPENDENCIES                                                               \
	"SELECT DISTINCT d.classid, d.objid FROM pg_catalog.pg_shdepend AS d"                 \
	" WHERE d.dbid OPERATOR(pg_catalog.=) (SELECT b.oid FROM pg_catalog.pg_database AS b" \
	" WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())"              \
	" AND d.objid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid"

static HTAB *
make_table(const char *name, Size entry, long size)
{
	HASHCTL control = {
		.keysize = sizeof(ObjectAddress), .entrysize = entry, .hcxt = CurrentMemoryContext};

	return hash_create(name, size, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Fills the table of addresses from the facts. */
void
cf_snapshot_index(CfSnapshot *snapshot)
{
	snapshot->addresses = make_table("facts", sizeof(AddressEntry), snapshot->count + 1);
	snapshot->parts = make_table("parts of facts", sizeof(PartEntry), snapshot->count + 1);
	for (int i = 0; i < snapshot->count; i++)
	{
		AddressEntry *entry = (AddressEntry *) hash_search(
			snapshot->addresses, &snapshot->facts[i].address, HASH_ENTER, NULL);

		entry->fact = i;
	}
}

/* Returns the number of the fact that an object is, or -1. */
int
cf_snapshot_find(CfSnapshot *snapshot, const ObjectAddress *address)
{
	AddressEntry *entry;
	ObjectAddress key = *address;

	/* A system column stands for its table. */
	if (key.objectSubId < 0)
		key.objectSubId = 0;
	entry = (AddressEntry *) hash_search(snapshot->addresses, &key, HASH_FIND, NULL);
	return entry ? entry->fact : -1;
}

/* Tells whether an object is a part of a fact (of which), or alien. */
bool
cf_snapshot_is_part(CfSnapshot *snapshot, const ObjectAddress *address, int *fact, bool *alien)
{
	ObjectAddress key = *address;
	PartEntry *entry;

	key.objectSubId = 0;
	entry = (PartEntry *) hash_search(snapshot->parts, &key, HASH_FIND, NULL);
	if (entry == NULL)
		return false;
	*fact = entry->fact;
	*alien = entry->alien;
	return true;
}

/*
 * Objects of these catalogs may be parts of others: row and array types, the
 * rule of a view, the index of a constraint, TOAST tables, the triggers of a
 * foreign key, the functions and casts of a range type, the members of an
 * operator class. What another catalog holds is never taken for a part.
 */
static bool
may_be_part(Oid class)
{
	switch (class)
	{
		case RelationRelationId:
		case TypeRelationId:
		case RewriteRelationId:
		case TriggerRelationId:
		case AttrDefaultRelationId:
		case ConstraintRelationId:
		case AccessMethodOperatorRelationId:
		case AccessMethodProcedureRelationId:
		case ProcedureRelationId:
		case CastRelationId:
			return true;
		default:
			return false;
	}
}

/* Makes an object a part; says whether that is news. */
static bool
add_part(CfSnapshot *snapshot, ObjectAddress address, int fact, bool alien)
{
	bool found;
	PartEntry *entry;

	address.objectSubId = 0;
	entry = (PartEntry *) hash_search(snapshot->parts, &address, HASH_ENTER, &found);
	if (!found)
	{
		entry->fact = fact;
		entry->alien = alien;
		return true;
	}
	if (alien && !entry->alien)
	{
		entry->alien = true;
		entry->fact = fact;
		return true;
	}
	return false;
}

/* Whether a row of pg_depend says that one object goes with another. */
static inline bool
goes_with(char deptype)
{
	return deptype == DEPENDENCY_INTERNAL || deptype == DEPENDENCY_AUTO ||
		   deptype == DEPENDENCY_PARTITION_PRI || deptype == DEPENDENCY_PARTITION_SEC;
}

/* Whether an object is a member of an operator family or class. */
static inline bool
is_member(const ObjectAddress *address)
{
	return address->classId == AccessMethodOperatorRelationId ||
		   address->classId == AccessMethodProcedureRelationId;
}

static inline bool
is_family(const ObjectAddress *address)
{
	return address->classId == OperatorFamilyRelationId ||
		   address->classId == OperatorClassRelationId;
}

/*
 * Makes the dependent of a row a part, when the row says so. What is internal to
 * an object belongs to that, whatever it depends on besides.
 */
static bool
absorb(CfSnapshot *snapshot, const LooseRow *row, bool internal)
{
	int fact = row->referenced_fact;
	bool alien = false;

	/* The only extensions that are no facts are Confiture's own. */
	if (row->dependent.classId == ExtensionRelationId)
		return add_part(snapshot, row->dependent, -1, true);
	if (fact < 0 && (row->deptype == DEPENDENCY_EXTENSION || row->temporary))
		(void) add_part(snapshot, row->referenced, -1, true);
	if (row->deptype == DEPENDENCY_EXTENSION || row->temporary)
		return add_part(snapshot, row->dependent, fact, true);
	if (internal ? row->deptype != DEPENDENCY_INTERNAL : !goes_with(row->deptype))
		return false;
	if (fact < 0 && !cf_snapshot_is_part(snapshot, &row->referenced, &fact, &alien))
		return false;
	/* What a family consists of goes with its operator or function, too, and is no part of that. */
	if (!alien && is_member(&row->dependent) && !is_family(&row->referenced))
		return false;
	if (!alien && !may_be_part(row->dependent.classId))
		return false;
	return add_part(snapshot, row->dependent, fact, alien);
}

/* The family of a member, as pg_amop or pg_amproc has it. */
static Oid
family_of(const ObjectAddress *member)
{
	bool function = member->classId == AccessMethodProcedureRelationId;
	Relation relation = table_open(member->classId, AccessShareLock);
	Oid index = function ? AccessMethodProcedureOidIndexId : AccessMethodOperatorOidIndexId;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	Oid family = InvalidOid;

	ScanKeyInit(&key, function ? Anum_pg_amproc_oid : Anum_pg_amop_oid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(member->objectId));
	scan = systable_beginscan(relation, index, true, GetActiveSnapshot(), 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		family = function ? ((Form_pg_amproc) GETSTRUCT(tuple))->amprocfamily
						  : ((Form_pg_amop) GETSTRUCT(tuple))->amopfamily;
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return family;
}

/* A member of a family of the system is a part of that: pg_depend has no row that says so. */
static void
adopt(CfSnapshot *snapshot, const ObjectAddress *member)
{
	ObjectAddress family;
	int fact;

	ObjectAddressSet(family, OperatorFamilyRelationId, family_of(member));
	if (family.objectId >= FirstNormalObjectId)
		return;
	fact = cf_snapshot_find(snapshot, &family);
	if (fact >= 0)
		(void) add_part(snapshot, *member, fact, false);
}

/* Adds a dependency; of several on the same fact the JSON keeps the strongest. */
void
cf_snapshot_refer(CfFact *fact, int referenced, char deptype)
{
	if (fact->nreferences == fact->maxreferences)
	{
		fact->maxreferences = Max(4, fact->maxreferences * 2);
		fact->references =
			fact->references ? repalloc(fact->references, fact->maxreferences * sizeof(CfReference))
							 : palloc(fact->maxreferences * sizeof(CfReference));
	}
	fact->references[fact->nreferences].fact = referenced;
	fact->references[fact->nreferences++].deptype = deptype;
}

/*
 * The number of the fact that an object is or belongs to, or -1. What belongs to
 * an extension depends on nothing by itself, but others depend on the extension.
 */
int
cf_snapshot_fact_of(CfSnapshot *snapshot, const ObjectAddress *address, bool dependent)
{
	int fact = cf_snapshot_find(snapshot, address);
	bool alien;

	if (fact >= 0 || !cf_snapshot_is_part(snapshot, address, &fact, &alien))
		return fact;
	return dependent && alien ? -1 : fact;
}

/* Reports an object unless it is accounted for. */
static void
account(CfSnapshot *snapshot, const ObjectAddress *address)
{
	int fact;
	bool alien;
	ObjectAddress *copy;

	/* Large objects are data. */
	if (address->objectId < FirstNormalObjectId || address->classId == LargeObjectRelationId ||
		cf_snapshot_find(snapshot, address) >= 0 ||
		cf_snapshot_is_part(snapshot, address, &fact, &alien))
		return;
	copy = palloc(sizeof(ObjectAddress));
	*copy = *address;
	copy->objectSubId = 0;
	snapshot->unmodelled = lappend(snapshot->unmodelled, copy);
	/* Once is enough. */
	add_part(snapshot, *copy, -1, true);
}

static inline Datum
column(uint64 row, int number)
{
	bool isnull;

	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &isnull);
}

/* Reads pg_depend and pg_shdepend: parts, references, what is not modelled. */
void
cf_snapshot_depend(CfSnapshot *snapshot)
{
	LooseRow *loose = NULL;
	int nloose = 0;
	int maxloose = 0;
	bool internal = true;
	Relation relation = table_open(DependRelationId, AccessShareLock);
	/* With the snapshot of the queries: what is newer is no fact yet. */
	SysScanDesc scan =
		systable_beginscan(relation, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		LooseRow row = {.deptype = form->deptype};
		int dependent;
		int referenced;

		if (form->objid < FirstNormalObjectId)
			continue;
		ObjectAddressSubSet(row.dependent, form->classid, form->objid, form->objsubid);
		ObjectAddressSubSet(row.referenced, form->refclassid, form->refobjid, form->refobjsubid);
		dependent = cf_snapshot_find(snapshot, &row.dependent);
		referenced = cf_snapshot_find(snapshot, &row.referenced);
		if (dependent >= 0 && referenced >= 0)
			cf_snapshot_refer(&snapshot->facts[dependent], referenced, row.deptype);
		else if (dependent < 0 || form->refobjid >= FirstNormalObjectId)
		{
			row.temporary = form->refclassid == NamespaceRelationId && referenced < 0 &&
							isAnyTempNamespace(form->refobjid);
			if (nloose == maxloose)
			{
				maxloose = Max(1024, maxloose * 2);
				loose = loose ? repalloc_huge(loose, (Size) maxloose * sizeof(LooseRow))
							  : palloc((Size) maxloose * sizeof(LooseRow));
			}
			row.dependent_fact = dependent;
			row.referenced_fact = referenced;
			loose[nloose++] = row;
		}
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);

	for (int i = 0; i < nloose; i++)
		if (is_member(&loose[i].dependent))
			adopt(snapshot, &loose[i].dependent);

	/* A part of a part needs another round: an array of a row type of a table. */
	for (;;)
	{
		bool more = false;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < nloose; i++)
			if (loose[i].dependent_fact < 0 && absorb(snapshot, &loose[i], internal))
				more = true;
		if (!more && !internal)
			break;
		internal = more;
	}
	for (int i = 0; i < nloose; i++)
	{
		int dependent = cf_snapshot_fact_of(snapshot, &loose[i].dependent, true);
		int referenced = cf_snapshot_fact_of(snapshot, &loose[i].referenced, false);

		if (dependent >= 0 && referenced >= 0)
			cf_snapshot_refer(&snapshot->facts[dependent], referenced, loose[i].deptype);
		account(snapshot, &loose[i].dependent);
		account(snapshot, &loose[i].referenced);
	}

	if (SPI_execute(SHARED_DEPENDENCIES, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read pg_shdepend");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		ObjectAddress address;

		ObjectAddressSet(address, DatumGetObjectId(column(i, 1)), DatumGetObjectId(column(i, 2)));
		account(snapshot, &address);
	}
	SPI_freetuptable(SPI_tuptable);
	if (loose)
		pfree(loose);
}
