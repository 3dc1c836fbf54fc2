/*-------------------------------------------------------------------------
 *
 * analyze_partition.c
 *	  Partitions that come and go: ATTACH, DETACH, CREATE TABLE ... PARTITION OF.
 *
 * The server checks the bounds and says whether existing constraints prove
 * that no row has to be read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/tablecmds.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_utilcmd.h"
#include "partitioning/partbounds.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"

#include "analyze.h"

/* A partition that is attached or created. */
typedef struct NewPartition
{
	const CfRel *parent;
	const CfRel *child; /* NULL when it is created right now */
	const char *name;
	PartitionBoundSpec *bound;
	Oid default_partition;
	List *child_scans; /* the answers, of Oid: tables whose rows are checked */
	List *default_scans;
	List *default_locks; /* below the default partition */
	bool builds_indexes;
} NewPartition;

#define ADD_CHECK \
	"A valid CHECK constraint that implies the bounds of the partition makes it unnecessary to read the rows"

/*
 * Returns the tables, at or below one, whose constraints do not prove a
 * partition constraint. Adds to locks the partitions that are looked at.
 */
static List *
unproven(CfAnalysis *a, Oid relid, Relation parent, List *constraint, List **locks)
{
	Relation rel = cf_an_open(a, relid);
	List *result = NIL;
	ListCell *lc;

	if (rel == NULL)
		return cf_an_with_descendants(relid, true);
	constraint = map_partition_varattnos(constraint, 1, rel, parent);
	if (PartConstraintImpliedByRelConstraint(rel, constraint))
		return NIL;
	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(relid);
	foreach (lc, find_inheritance_children(relid, NoLock))
	{
		*locks = lappend_oid(*locks, lfirst_oid(lc));
		result = list_concat(result, unproven(a, lfirst_oid(lc), rel, constraint, locks));
	}
	return result;
}

/* Checks that a table to attach has no column that its parent lacks. */
static void
check_columns(CfAnalysis *a, const NewPartition *new, Relation parent)
{
	Relation child = cf_an_open(a, new->child->relid);

	if (child && child->rd_rel->relispartition)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is already a partition", RelationGetRelationName(child))));
	for (int i = 0; child && i < RelationGetNumberOfAttributes(child); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(child), i);

		if (!attribute->attisdropped &&
			get_attnum(RelationGetRelid(parent), NameStr(attribute->attname)) == InvalidAttrNumber)
			ereport(
				ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("table \"%s\" contains column \"%s\" not found in parent \"%s\"",
						RelationGetRelationName(child), NameStr(attribute->attname),
						RelationGetRelationName(parent)),
				 errdetail("The new partition may contain only the columns present in parent.")));
	}
}

/* Checks the bounds and looks for proofs, as the server does. */
static void
check_bound(CfAnalysis *a, void *arg)
{
	NewPartition *new = (NewPartition *) arg;
	Relation parent = cf_an_open(a, new->parent->relid);
	ParseState *pstate = cf_an_parse_state(a, NULL);
	PartitionBoundSpec *bound;
	List *constraint;
	List *own;

	if (parent == NULL)
		return;
	if (parent->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
						errmsg(new->child ? "table \"%s\" is not partitioned"
										  : "\"%s\" is not partitioned",
							   RelationGetRelationName(parent))));
	if (new->child)
		check_columns(a, new, parent);
	bound = transformPartitionBound(pstate, parent, new->bound);
	check_new_partition_bound(pstrdup(new->name), parent, bound, pstate);
	own = get_qual_from_partbound(parent, bound);
	if (new->child)
	{
		constraint = list_concat(list_copy(own), RelationGetPartitionQual(parent));
		new->child_scans = NIL;
		if (constraint != NIL)
		{
			constraint = (List *) eval_const_expressions(NULL, (Node *) constraint);
			constraint = list_make1(make_ands_explicit(constraint));
			new->child_scans =
				unproven(a, new->child->relid, parent, constraint, &new->default_locks);
		}
	}
	new->default_locks = NIL;
	new->default_scans = NIL;
	if (OidIsValid(new->default_partition))
		new->default_scans = unproven(a, new->default_partition, parent,
									  get_proposed_default_constraint(own), &new->default_locks);
}

/* Decides which rows are read for a new partition; when that fails, all. */
static void
decide(CfAnalysis *a, NewPartition *new)
{
	ErrorData *error;

	if (new->child)
		new->child_scans = cf_an_with_descendants(new->child->relid, true);
	if (OidIsValid(new->default_partition))
	{
		new->default_scans = cf_an_with_descendants(new->default_partition, true);
		new->default_locks = new->default_scans;
	}
	if (cf_an_attempt(a, check_bound, new, &error))
		return;
	if (cf_an_sure(a, new->parent->relid) &&
		(new->child == NULL || cf_an_sure(a, new->child->relid)))
		ReThrowError(error);
	cf_an_warn(a, "%s: only a dry run can tell", error->message);
}

/* Notes the default partition: it is locked, and read unless that is not needed. */
static void
default_partition(CfAnalysis *a, const NewPartition *new)
{
	ListCell *lc;

	cf_an_lock(a, new->default_partition, AccessExclusiveLock, false);
	cf_an_lock_list(a, new->default_locks, AccessExclusiveLock);
	foreach (lc, new->default_scans)
		cf_an_scan(a, lfirst_oid(lc), "checking the default partition", ADD_CHECK);
}

/* Tells whether a key is no part of another one in the list. */
static bool
is_top(const CfForeignKey *fk, List *keys)
{
	ListCell *lc;

	foreach (lc, keys)
		if (((CfForeignKey *) lfirst(lc))->oid == fk->parent)
			return false;
	return true;
}

/* Notes a foreign key that a new partition takes over from its parent. */
static void
inherit_key(CfAnalysis *a, const NewPartition *new, const CfForeignKey *fk)
{
	LOCKMODE mode = ShareRowExclusiveLock;
	List *columns = NIL;
	ListCell *lc;

	for (int i = 0; i < fk->nkeys; i++)
		columns = lappend(columns, get_attname(fk->conrelid, fk->conkey[i], false));
	if (new->child && cf_an_has_foreign_key(a, new->child->relid, columns, fk))
		mode = AccessExclusiveLock; /* to remove the triggers of its own key */
	else if (new->child)
		foreach (lc, cf_an_with_descendants(new->child->relid, true))
			cf_an_scan(a, lfirst_oid(lc), "checking the foreign keys of",
					   "Give the table the same foreign key before, NOT VALID and then validated");
	cf_an_lock_list(a, cf_an_with_descendants(fk->confrelid, true), mode);
}

/* Notes what a new partition takes over from its parent: indexes, foreign keys. */
static void
inherit_from_parent(CfAnalysis *a, const NewPartition *new)
{
	List *keys;
	ListCell *lc;

	cf_an_lock_indexes(a, new->parent->relid, ShareUpdateExclusiveLock);
	keys = cf_an_foreign_keys(a, new->parent->relid, true);
	foreach (lc, keys)
		if (is_top(lfirst(lc), keys))
			inherit_key(a, new, lfirst(lc));
	keys = cf_an_foreign_keys(a, new->parent->relid, false);
	foreach (lc, keys)
		if (is_top(lfirst(lc), keys))
			cf_an_lock(a, ((CfForeignKey *) lfirst(lc))->conrelid, ShareRowExclusiveLock, false);
}

/* Notes the indexes that an attached table lacks: they are built. */
static void
missing_indexes(CfAnalysis *a, void *arg)
{
	NewPartition *new = (NewPartition *) arg;
	Relation parent = cf_an_open(a, new->parent->relid);
	Relation child = cf_an_open(a, new->child->relid);
	AttrMap *map;
	ListCell *lc, *own;

	if (parent == NULL || child == NULL)
		return;
	map = cf_attrmap_by_name(RelationGetDescr(child), RelationGetDescr(parent));
	foreach (lc, cf_an_indexes(new->parent->relid))
	{
		Relation index = cf_an_open(a, lfirst_oid(lc));
		IndexInfo *info;
		bool found = false;

		if (index == NULL || index->rd_rel->relkind != RELKIND_PARTITIONED_INDEX)
			continue;
		info = BuildIndexInfo(index);
		foreach (own, cf_an_indexes(new->child->relid))
		{
			Relation other = cf_an_open(a, lfirst_oid(own));

			found |= other != NULL && !other->rd_rel->relispartition &&
					 other->rd_index->indisvalid &&
					 CompareIndexInfo(BuildIndexInfo(other), info, other->rd_indcollation,
									  index->rd_indcollation, other->rd_opfamily,
									  index->rd_opfamily, map);
		}
		if (!found)
			new->builds_indexes = true;
	}
}

/* ATTACH PARTITION */
void
cf_an_attach(CfAnalysis *a, const CfRel *parent, PartitionCmd *cmd)
{
	CfRel child;
	NewPartition new = {.parent = parent, .name = cmd->name->relname, .bound = cmd->bound};
	ListCell *lc;

	cf_an_need(a, cmd->name, &child);
	cf_an_lock_rel(a, &child, AccessExclusiveLock);
	if (parent->created)
		return;
	new.default_partition = get_default_partition_oid(parent->relid);
	if (!child.created)
	{
		new.child = &child;
		new.name = get_rel_name(child.relid);
		cf_an_lock_list(a, cf_an_descendants(child.relid), AccessExclusiveLock);
	}
	decide(a, &new);
	foreach (lc, new.child_scans)
		cf_an_scan(a, lfirst_oid(lc), "checking all rows of", ADD_CHECK);
	if (new.child && cf_an_attempt(a, missing_indexes, &new, NULL) && new.builds_indexes)
		foreach (lc, cf_an_with_descendants(child.relid, true))
			cf_an_scan(a, lfirst_oid(lc), "building the indexes of the parent on",
					   "Build them before, with CREATE INDEX CONCURRENTLY on the table");
	default_partition(a, &new);
	inherit_from_parent(a, &new);
}

/* CREATE TABLE ... PARTITION OF */
void
cf_an_create_partition(CfAnalysis *a, const CfRel *parent, const char *name,
					   PartitionBoundSpec *bound)
{
	NewPartition new = {.parent = parent, .name = name, .bound = bound};

	cf_an_lock_rel(a, parent, AccessExclusiveLock);
	if (parent->created)
		return;
	cf_an_warn(a, "locks %s for reads and writes; CREATE TABLE and ATTACH PARTITION block neither",
			   parent->name);
	new.default_partition = get_default_partition_oid(parent->relid);
	decide(a, &new);
	default_partition(a, &new);
	inherit_from_parent(a, &new);
}

/* DETACH PARTITION, also FINALIZE */
void
cf_an_detach(CfAnalysis *a, const CfRel *parent, PartitionCmd *cmd)
{
	CfRel child;
	List *own;
	ListCell *lc, *table;

	cf_an_need(a, cmd->name, &child);
	/* With CONCURRENTLY the second transaction takes the stronger lock. */
	cf_an_lock_rel(a, &child, AccessExclusiveLock);
	if (parent->created || child.created)
		return;
	cf_an_lock(a, get_default_partition_oid(parent->relid), AccessExclusiveLock, false);
	own = cf_an_with_descendants(child.relid, true);
	cf_an_lock_list(a, own, AccessExclusiveLock);
	foreach (lc, cf_an_indexes(child.relid))
		if (has_superclass(lfirst_oid(lc)))
			cf_an_lock(a, lfirst_oid(lc), AccessExclusiveLock, false);
	foreach (lc, cf_an_foreign_keys(a, child.relid, true))
	{
		const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);

		if (OidIsValid(fk->parent))
			cf_an_lock_list(a, cf_an_with_descendants(fk->confrelid, true), ShareRowExclusiveLock);
	}
	/* Keys that reference the partition as part of the whole are removed. */
	foreach (lc, cf_an_foreign_keys(a, child.relid, false))
	{
		const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);

		if (!OidIsValid(fk->parent))
			continue;
		cf_an_lock(a, fk->conrelid, AccessExclusiveLock, false);
		foreach (table, list_difference_oid(cf_an_with_descendants(fk->conrelid, true), own))
			cf_an_scan(a, lfirst_oid(table), "looking for references to the partition in", NULL);
	}
}

/*
 * Notes the table of an index that gets one more part. When it was the last
 * that was missing, the index becomes valid, and so may the one above it.
 */
static void
complete_index(CfAnalysis *a, Oid index)
{
	Oid table = IndexGetRelation(index, true);
	Oid above;

	cf_an_lock(a, table, AccessShareLock, false);
	if (!get_rel_relispartition(index) ||
		list_length(find_inheritance_children(index, NoLock)) + 1 <
			list_length(find_inheritance_children(table, NoLock)))
		return;
	above = get_partition_parent(index, false);
	cf_an_lock(a, above, AccessExclusiveLock, false);
	cf_an_lock(a, IndexGetRelation(above, true), AccessExclusiveLock, false);
}

/* ALTER INDEX ... ATTACH PARTITION */
void
cf_an_attach_index(CfAnalysis *a, const CfRel *parent, PartitionCmd *cmd)
{
	CfRel child;

	cf_an_need(a, cmd->name, &child);
	cf_an_lock_rel(a, &child, AccessExclusiveLock);
	if (!parent->created)
		complete_index(a, parent->relid);
	if (!child.created)
		cf_an_lock(a, IndexGetRelation(child.relid, true), AccessShareLock, false);
}

/* Notes the tables of a composite type: what changes it changes them too. */
List *
cf_an_typed_tables(CfAnalysis *a, const CfRel *type, DropBehavior behavior)
{
	Relation pg_class = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	List *result = NIL;

	ScanKeyInit(&key, Anum_pg_class_reloftype, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(get_rel_type_id(type->relid)));
	scan = systable_beginscan(pg_class, InvalidOid, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid table = ((Form_pg_class) GETSTRUCT(tuple))->oid;

		if (behavior != DROP_CASCADE)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot alter type \"%s\" because it is the type of a typed table",
							get_rel_name(type->relid)),
					 errhint("Use ALTER ... CASCADE to alter the typed tables too.")));
		cf_an_lock_list(a, cf_an_with_descendants(table, true), AccessExclusiveLock);
		result = lappend_oid(result, table);
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return result;
}
