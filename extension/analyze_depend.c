/*-------------------------------------------------------------------------
 *
 * analyze_depend.c
 *	  What DROP takes along, and what it locks.
 *
 * The search follows findDependentObjects() of the server through pg_depend.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "analyze.h"

/* An object that goes. */
typedef struct Target
{
	ObjectAddress address;
	bool allowed; /* asked for, or part of what is asked for */
	bool direct;  /* the statement names it */
} Target;

/* The search, while it goes on. */
typedef struct Search
{
	CfAnalysis *a;
	Relation depend;
	List *targets; /* Target * */
	List *pending; /* ObjectAddress *: asked for */
	int depth;
} Search;

static void visit(Search *search, const ObjectAddress *object, bool allowed);

/* Makes an address in allocated memory. */
ObjectAddress *
cf_an_address(Oid class, Oid object, int32 sub)
{
	ObjectAddress *address = palloc(sizeof(ObjectAddress));

	ObjectAddressSubSet(*address, class, object, sub);
	return address;
}

/* Tells whether an address covers another: a table covers its columns. */
static bool
covers(const ObjectAddress *whole, const ObjectAddress *part)
{
	return whole->classId == part->classId && whole->objectId == part->objectId &&
		   (whole->objectSubId == 0 || whole->objectSubId == part->objectSubId);
}

/* Finds the target that covers an object. */
static Target *
find_target(Search *search, const ObjectAddress *object)
{
	ListCell *lc;

	foreach (lc, search->targets)
		if (covers(&((Target *) lfirst(lc))->address, object))
			return (Target *) lfirst(lc);
	return NULL;
}

/* Tells whether the statement asks for an object. */
static bool
is_pending(Search *search, const ObjectAddress *object)
{
	ListCell *lc;

	foreach (lc, search->pending)
		if (covers((ObjectAddress *) lfirst(lc), object))
			return true;
	return false;
}

/* Reads rows of pg_depend, as an object's owners or as its dependents. */
static List *
read_depend(Search *search, const ObjectAddress *object, bool owners)
{
	List *rows = NIL;
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple tuple;
	int nkeys = object->objectSubId != 0 ? 3 : 2;

	ScanKeyInit(&key[0], owners ? Anum_pg_depend_classid : Anum_pg_depend_refclassid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object->classId));
	ScanKeyInit(&key[1], owners ? Anum_pg_depend_objid : Anum_pg_depend_refobjid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object->objectId));
	if (nkeys == 3)
		ScanKeyInit(&key[2], owners ? Anum_pg_depend_objsubid : Anum_pg_depend_refobjsubid,
					BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(object->objectSubId));
	scan =
		systable_beginscan(search->depend, owners ? DependDependerIndexId : DependReferenceIndexId,
						   true, NULL, nkeys, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		rows = lappend(rows, heap_copytuple(tuple));
	systable_endscan(scan);
	return rows;
}

/* Raises the error for an object that can only go with its owner. */
static void
refuse_part(const ObjectAddress *object, const ObjectAddress *owner)
{
	char *description = getObjectDescription(owner, false);

	ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					errmsg("cannot drop %s because %s requires it",
						   getObjectDescription(object, false), description),
					errhint("You can drop %s instead.", description)));
}

/*
 * Looks whether an object can only go with an owner. Returns true when it was
 * left to the owner, which is visited instead.
 */
static bool
visit_owner(Search *search, const ObjectAddress *object)
{
	ObjectAddress partition = InvalidObjectAddress, other = InvalidObjectAddress;
	ListCell *lc;

	foreach (lc, read_depend(search, object, true))
	{
		Form_pg_depend row = (Form_pg_depend) GETSTRUCT((HeapTuple) lfirst(lc));
		ObjectAddress owner;

		ObjectAddressSubSet(owner, row->refclassid, row->refobjid, row->refobjsubid);
		if (object->objectSubId == 0 && owner.classId == object->classId &&
			owner.objectId == object->objectId)
			continue;
		if (row->deptype == DEPENDENCY_PARTITION_PRI && search->depth == 0 &&
			!is_pending(search, &owner))
			partition = owner;
		if ((row->deptype != DEPENDENCY_INTERNAL && row->deptype != DEPENDENCY_EXTENSION) ||
			find_target(search, &owner) != NULL)
			continue;
		if (search->depth > 0)
		{
			visit(search, &owner, false);
			return true;
		}
		if (is_pending(search, &owner))
			return true;
		other = owner;
	}
	if (OidIsValid(partition.classId))
		refuse_part(object, &partition);
	if (OidIsValid(other.classId))
		refuse_part(object, &other);
	return false;
}

/* Visits an object that goes, its owner and its dependents. */
static void
visit(Search *search, const ObjectAddress *object, bool allowed)
{
	Target *target = find_target(search, object);
	ListCell *lc;

	check_stack_depth();
	allowed |= is_pending(search, object);
	if (target != NULL)
	{
		target->allowed |= allowed;
		return;
	}
	if (visit_owner(search, object))
	{
		if ((target = find_target(search, object)) != NULL)
			target->allowed |= allowed;
		return;
	}
	target = palloc0(sizeof(Target));
	target->address = *object;
	target->allowed = allowed;
	target->direct = search->depth == 0;
	search->targets = lappend(search->targets, target);
	search->depth++;
	foreach (lc, read_depend(search, object, false))
	{
		Form_pg_depend row = (Form_pg_depend) GETSTRUCT((HeapTuple) lfirst(lc));
		ObjectAddress dependent;

		ObjectAddressSubSet(dependent, row->classid, row->objid, row->objsubid);
		if (object->objectSubId == 0 && dependent.classId == object->classId &&
			dependent.objectId == object->objectId)
			continue;
		if (!cf_world_is_gone(search->a, dependent.classId, dependent.objectId,
							  dependent.objectSubId))
			visit(search, &dependent, row->deptype != DEPENDENCY_NORMAL);
	}
	search->depth--;
}

/* Reads an OID from a catalog row found by the OID of an object. */
static Oid
owner_of(Oid catalog, Oid index, AttrNumber oid_column, AttrNumber column, Oid object)
{
	Relation rel = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	Oid result = InvalidOid;
	bool isnull;

	ScanKeyInit(&key, oid_column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(rel, index, true, NULL, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = DatumGetObjectId(heap_getattr(tuple, column, RelationGetDescr(rel), &isnull));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* Notes the locks for dropping a relation. */
static void
lock_relation(CfAnalysis *a, Oid relid, LOCKMODE mode)
{
	char relkind = get_rel_relkind(relid);
	Oid other;

	cf_an_lock(a, relid, mode, false);
	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
	{
		other = IndexGetRelation(relid, true);
		cf_an_lock(a, other, mode, false);
		if (relkind == RELKIND_PARTITIONED_INDEX)
			cf_an_lock_list(a, cf_an_descendants(other), mode);
	}
	else if (get_rel_relispartition(relid))
	{
		Oid parent = get_partition_parent(relid, true);

		cf_an_lock(a, parent, AccessExclusiveLock, false);
		cf_an_lock(a, get_default_partition_oid(parent), AccessExclusiveLock, false);
	}
}

/* Notes the locks for dropping one object. */
static void
lock_target(CfAnalysis *a, const ObjectAddress *object, LOCKMODE mode)
{
	Oid relid = InvalidOid;

	switch (object->classId)
	{
		case RelationRelationId:
			if (object->objectSubId == 0)
				lock_relation(a, object->objectId, mode);
			else
				cf_an_lock(a, object->objectId, AccessExclusiveLock, false);
			return;
		case ConstraintRelationId:
			relid = owner_of(ConstraintRelationId, ConstraintOidIndexId, Anum_pg_constraint_oid,
							 Anum_pg_constraint_conrelid, object->objectId);
			break;
		case TriggerRelationId:
			relid = owner_of(TriggerRelationId, TriggerOidIndexId, Anum_pg_trigger_oid,
							 Anum_pg_trigger_tgrelid, object->objectId);
			break;
		case RewriteRelationId:
			relid = owner_of(RewriteRelationId, RewriteOidIndexId, Anum_pg_rewrite_oid,
							 Anum_pg_rewrite_ev_class, object->objectId);
			break;
		case PolicyRelationId:
			relid = owner_of(PolicyRelationId, PolicyOidIndexId, Anum_pg_policy_oid,
							 Anum_pg_policy_polrelid, object->objectId);
			break;
		case AttrDefaultRelationId:
			relid = owner_of(AttrDefaultRelationId, AttrDefaultOidIndexId, Anum_pg_attrdef_oid,
							 Anum_pg_attrdef_adrelid, object->objectId);
			break;
		case StatisticExtRelationId:
			relid =
				owner_of(StatisticExtRelationId, StatisticExtOidIndexId, Anum_pg_statistic_ext_oid,
						 Anum_pg_statistic_ext_stxrelid, object->objectId);
			cf_an_lock(a, relid, ShareUpdateExclusiveLock, false);
			return;
		default:
			return;
	}
	cf_an_lock(a, relid, AccessExclusiveLock, false);
}

/* Refuses a DROP without CASCADE that others depend on. */
static void
check_restrict(Search *search)
{
	List *names = NIL;
	Target *first = NULL;
	ListCell *lc;

	foreach (lc, search->targets)
	{
		Target *target = (Target *) lfirst(lc);

		if (target->allowed)
			first = first ? first : target;
		else
			names = lappend(names, getObjectDescription(&target->address, false));
	}
	if (names)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 list_length(search->pending) == 1 && first
					 ? errmsg("cannot drop %s because other objects depend on it",
							  getObjectDescription(&first->address, false))
					 : errmsg("cannot drop desired object(s) because other objects depend on them"),
				 errdetail("Also to be dropped: %s.", cf_an_short_list(names, 10)),
				 errhint("Use DROP ... CASCADE to drop the dependent objects too.")));
}

/* Warns of rows that are lost, and of what else goes. */
static void
warn_of_loss(Search *search)
{
	List *also = NIL;
	ListCell *lc;

	foreach (lc, search->targets)
	{
		Target *target = (Target *) lfirst(lc);
		Oid relid = target->address.objectId;
		double rows;
		uint64 bytes;

		if (!target->allowed)
			also = lappend(also, getObjectDescription(&target->address, false));
		if (target->address.classId != RelationRelationId || relid < FirstNormalObjectId ||
			!RELKIND_HAS_TABLE_AM(get_rel_relkind(relid)) ||
			get_rel_relkind(relid) == RELKIND_TOASTVALUE)
			continue;
		cf_an_size(relid, &rows, &bytes);
		if (bytes == 0)
			continue;
		if (target->address.objectSubId == 0)
			cf_an_warn(search->a, "drops %s with its data (%s)", cf_relation_name(relid),
					   cf_an_size_text(rows, bytes));
		else
			cf_an_warn(search->a, "drops column %s of %s with its data (%s)",
					   quote_identifier(get_attname(relid, target->address.objectSubId, false)),
					   cf_relation_name(relid), cf_an_size_text(rows, bytes));
	}
	if (also)
		cf_an_warn(search->a, "CASCADE also drops %s", cf_an_short_list(also, 10));
}

/* Notes what dropping objects (ObjectAddress *) leads to. */
void
cf_an_drop(CfAnalysis *a, List *objects, DropBehavior behavior, bool concurrently)
{
	Search search = {.a = a, .pending = objects};
	ListCell *lc;

	search.depend = table_open(DependRelationId, AccessShareLock);
	foreach (lc, objects)
		visit(&search, (ObjectAddress *) lfirst(lc), true);
	table_close(search.depend, AccessShareLock);
	foreach (lc, search.targets)
		lock_target(a, &((Target *) lfirst(lc))->address,
					concurrently ? ShareUpdateExclusiveLock : AccessExclusiveLock);
	if (behavior != DROP_CASCADE)
		check_restrict(&search);
	warn_of_loss(&search);
	foreach (lc, search.targets)
	{
		ObjectAddress *address = &((Target *) lfirst(lc))->address;

		cf_world_learn_gone(a, address);
		if (address->classId == RelationRelationId && address->objectSubId == 0)
			cf_world_learn_dropped(a, address->objectId);
	}
}
