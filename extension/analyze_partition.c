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
	PartitionBoundSpec *bound;
	Oid default_partition;
	bool scan_child; /* the answers: rows must be checked */
	bool scan_default;
} NewPartition;

#define ADD_CHECK \
	"A valid CHECK constraint that implies the bounds of the partition makes it unnecessary to read the rows"

/* Tells whether constraints of a table prove a partition constraint. */
static bool
is_implied(CfAnalysis *a, Oid relid, Relation parent, List *constraint)
{
	Relation rel = cf_an_open(a, relid);

	if (rel == NULL)
		return false;
	constraint = map_partition_varattnos(constraint, 1, rel, parent);
	return PartConstraintImpliedByRelConstraint(rel, constraint);
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

	if (parent == NULL || parent->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	bound = transformPartitionBound(pstate, parent, new->bound);
	check_new_partition_bound(new->child ? get_rel_name(new->child->relid)
										 : pstrdup("new partition"),
							  parent, bound, pstate);
	own = get_qual_from_partbound(parent, bound);
	if (new->child)
	{
		constraint = list_concat(list_copy(own), RelationGetPartitionQual(parent));
		if (constraint == NIL)
			new->scan_child = false;
		else
		{
			constraint = (List *) eval_const_expressions(NULL, (Node *) constraint);
			constraint = list_make1(make_ands_explicit(constraint));
			new->scan_child = !is_implied(a, new->child->relid, parent, constraint);
		}
	}
	if (OidIsValid(new->default_partition))
		new->scan_default =
			!is_implied(a, new->default_partition, parent, get_proposed_default_constraint(own));
}

/* Decides which rows are read for a new partition; when that fails, all. */
static void
decide(CfAnalysis *a, NewPartition *new)
{
	ErrorData *error;

	new->scan_child = new->child != NULL;
	new->scan_default = OidIsValid(new->default_partition);
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

	if (!OidIsValid(new->default_partition))
		return;
	foreach (lc, cf_an_with_descendants(new->default_partition, new->scan_default))
	{
		cf_an_lock(a, lfirst_oid(lc), AccessExclusiveLock, false);
		if (new->scan_default)
			cf_an_scan(a, lfirst_oid(lc), "checking the default partition", ADD_CHECK);
	}
}

/* Notes what a new partition takes over from its parent: indexes, foreign keys. */
static void
inherit_from_parent(CfAnalysis *a, const NewPartition *new)
{
	ListCell *lc;

	cf_an_lock_indexes(a, new->parent->relid, ShareUpdateExclusiveLock);
	foreach (lc, cf_an_foreign_keys(new->parent->relid, true))
	{
		const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);

		cf_an_lock_list(a, cf_an_with_descendants(fk->confrelid, true), ShareRowExclusiveLock);
		if (new->child && !cf_an_rewrites(a, new->child->relid))
		{
			ListCell *own;
			bool found = false;

			foreach (own, cf_an_foreign_keys(new->child->relid, true))
				found |= ((CfForeignKey *) lfirst(own))->confrelid == fk->confrelid;
			if (!found)
				cf_an_scan(
					a, new->child->relid, "checking the foreign keys of",
					"Give the table the same foreign key before, NOT VALID and then validated");
		}
	}
	foreach (lc, cf_an_foreign_keys(new->parent->relid, false))
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
			new->scan_child = true;
	}
}

/* ATTACH PARTITION */
void
cf_an_attach(CfAnalysis *a, const CfRel *parent, PartitionCmd *cmd)
{
	CfRel child;
	NewPartition new = {.parent = parent, .bound = cmd->bound};
	ListCell *lc;

	cf_an_need(a, cmd->name, &child);
	cf_an_lock_rel(a, &child, AccessExclusiveLock);
	if (parent->created)
		return;
	new.default_partition = get_default_partition_oid(parent->relid);
	if (!child.created)
	{
		new.child = &child;
		cf_an_lock_list(a, cf_an_descendants(child.relid), AccessExclusiveLock);
	}
	decide(a, &new);
	if (new.scan_child)
		foreach (lc, cf_an_with_descendants(child.relid, true))
			cf_an_scan(a, lfirst_oid(lc), "checking all rows of", ADD_CHECK);
	if (new.child)
	{
		new.scan_child = false;
		(void) cf_an_attempt(a, missing_indexes, &new, NULL);
		if (new.scan_child)
			foreach (lc, cf_an_with_descendants(child.relid, true))
				cf_an_scan(a, lfirst_oid(lc), "building the indexes of the parent on",
						   "Build them before, with CREATE INDEX CONCURRENTLY on the table");
	}
	default_partition(a, &new);
	inherit_from_parent(a, &new);
}

/* CREATE TABLE ... PARTITION OF */
void
cf_an_create_partition(CfAnalysis *a, const CfRel *parent, PartitionBoundSpec *bound)
{
	NewPartition new = {.parent = parent, .bound = bound};

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
	ListCell *lc;

	cf_an_need(a, cmd->name, &child);
	/* With CONCURRENTLY the second transaction takes the stronger lock. */
	cf_an_lock_rel(a, &child, AccessExclusiveLock);
	if (parent->created || child.created)
		return;
	cf_an_lock(a, get_default_partition_oid(parent->relid), AccessExclusiveLock, false);
	cf_an_lock_list(a, cf_an_descendants(child.relid), AccessExclusiveLock);
	foreach (lc, cf_an_indexes(child.relid))
		if (has_superclass(lfirst_oid(lc)))
			cf_an_lock(a, lfirst_oid(lc), AccessExclusiveLock, false);
	foreach (lc, cf_an_foreign_keys(child.relid, true))
	{
		const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);

		if (OidIsValid(fk->parent))
			cf_an_lock_list(a, cf_an_with_descendants(fk->confrelid, true), ShareRowExclusiveLock);
	}
	/* Keys that reference the partition as part of the whole are removed. */
	foreach (lc, cf_an_foreign_keys(child.relid, false))
	{
		const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);

		if (!OidIsValid(fk->parent))
			continue;
		cf_an_lock(a, fk->conrelid, AccessExclusiveLock, false);
		cf_an_scan(a, fk->conrelid, "looking for references to the partition in", NULL);
	}
}

/* ALTER INDEX ... ATTACH PARTITION */
void
cf_an_attach_index(CfAnalysis *a, const CfRel *parent, PartitionCmd *cmd)
{
	CfRel child;

	cf_an_need(a, cmd->name, &child);
	cf_an_lock_rel(a, &child, AccessExclusiveLock);
	if (!parent->created)
		cf_an_lock(a, IndexGetRelation(parent->relid, true), AccessShareLock, false);
	if (!child.created)
		cf_an_lock(a, IndexGetRelation(child.relid, true), AccessShareLock, false);
}

/* Notes the tables of a composite type: what changes it changes them too. */
void
cf_an_typed_tables(CfAnalysis *a, const CfRel *type, DropBehavior behavior)
{
	Relation pg_class = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

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
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
}
