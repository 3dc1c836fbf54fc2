/*-------------------------------------------------------------------------
 *
 * analyze_alter.c
 *	  ALTER TABLE, with all that shares its node: ALTER INDEX, VIEW, SEQUENCE,
 *	  MATERIALIZED VIEW, FOREIGN TABLE, TYPE.
 *
 * The lock on the relation is what AlterTableGetLockLevel() says. What each
 * subcommand locks, reads and rewrites beyond that follows ATPrepCmd() and
 * ATExecCmd().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "analyze.h"

/* Notes the lock on the indexes that a subcommand names. */
static void
named_index(CfAnalysis *a, const CfRel *rel, const char *name, LOCKMODE mode)
{
	Oid relid;

	if (rel->created)
		return;
	relid = get_relname_relid(name, get_rel_namespace(rel->relid));
	if (OidIsValid(relid))
		cf_an_lock(a, relid, mode, true);
	else if (!cf_an_is_known(a, NULL, name) &&
			 !cf_an_unsure(a, rel->relid, psprintf("index \"%s\"", name)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("index \"%s\" for table \"%s\" does not exist", name,
							   get_rel_name(rel->relid))));
}

/* Notes locks on the sequences that belong to a table. */
static void
owned_sequences(CfAnalysis *a, const CfRel *rel, LOCKMODE mode)
{
	if (!rel->created)
		cf_an_lock_list(a, getOwnedSequences(rel->relid), mode);
}

/* Notes locks on the sequences that belong to a column. */
static void
column_sequences(CfAnalysis *a, const CfRel *rel, const char *column, LOCKMODE mode)
{
	AttrNumber attnum = cf_an_column(a, rel, column);

	if (!rel->created && attnum != InvalidAttrNumber)
		cf_an_lock_list(a, cf_an_column_sequences(rel->relid, attnum), mode);
}

/* ALTER COLUMN with no more than a change of the catalogs. */
static void
plain_column(CfAnalysis *a, const CfRel *rel, const char *column, bool recurse, LOCKMODE lockmode)
{
	if (column)
		(void) cf_an_column(a, rel, column);
	if (!rel->created && recurse)
		cf_an_lock_list(a, cf_an_descendants(rel->relid), lockmode);
}

/* Collects the column of a table, and of the children that lose it too. */
static List *
dropped_columns(CfAnalysis *a, Oid relid, AttrNumber attnum, const char *column, bool recurse)
{
	List *objects = list_make1(cf_an_address(RelationRelationId, relid, attnum));
	ListCell *lc;

	foreach (lc, find_inheritance_children(relid, NoLock))
	{
		HeapTuple tuple = SearchSysCacheAttName(lfirst_oid(lc), column);
		Form_pg_attribute form;

		cf_an_lock(a, lfirst_oid(lc), AccessExclusiveLock, false);
		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_attribute) GETSTRUCT(tuple);
		if (recurse && form->attinhcount == 1 && !form->attislocal)
			objects = list_concat(objects,
								  dropped_columns(a, lfirst_oid(lc), form->attnum, column, true));
		ReleaseSysCache(tuple);
	}
	return objects;
}

/* Refuses to drop a column of a partition key. */
static void
check_partition_key(CfAnalysis *a, List *tables, const char *column)
{
	ListCell *lc;

	foreach (lc, tables)
	{
		AttrNumber attnum = get_attnum(lfirst_oid(lc), column);
		Relation table;
		bool is_expr;

		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_PARTITIONED_TABLE ||
			attnum == InvalidAttrNumber || (table = cf_an_open(a, lfirst_oid(lc))) == NULL)
			continue;
		if (has_partition_attrs(
				table, bms_make_singleton(attnum - FirstLowInvalidHeapAttributeNumber), &is_expr))
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg(
					 "cannot drop column \"%s\" because it is part of the partition key of relation \"%s\"",
					 column, get_rel_name(lfirst_oid(lc)))));
	}
}

/* DROP COLUMN */
static void
drop_column(CfAnalysis *a, const CfRel *rel, AlterTableCmd *cmd, bool recurse)
{
	AttrNumber attnum;

	if (rel->created)
		return;
	if (cmd->missing_ok && cf_an_known_part(a, rel, "column", cmd->name) == NULL &&
		get_attnum(rel->relid, cmd->name) == InvalidAttrNumber)
		return;
	attnum = cf_an_column(a, rel, cmd->name);
	if (attnum != InvalidAttrNumber)
		check_partition_key(a, cf_an_with_descendants(rel->relid, recurse), cmd->name);
	cf_world_part(a, rel, "column", cmd->name, false);
	if (attnum != InvalidAttrNumber)
		cf_an_drop(a, dropped_columns(a, rel->relid, attnum, cmd->name, recurse), cmd->behavior,
				   false);
	cf_an_warn(a, "clients that still use column %s of %s fail as soon as this is committed",
			   cmd->name, rel->name);
}

/* SET LOGGED, SET UNLOGGED */
static void
change_persistence(CfAnalysis *a, const CfRel *rel, char persistence)
{
	bool to_logged = persistence == RELPERSISTENCE_PERMANENT;
	ListCell *lc;

	if (rel->created || get_rel_persistence(rel->relid) == persistence)
		return;
	foreach (lc, cf_an_foreign_keys(a, rel->relid, to_logged))
	{
		const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);
		Oid other = to_logged ? fk->confrelid : fk->conrelid;

		if (other != rel->relid && cf_an_sure(a, other) &&
			(get_rel_persistence(other) == RELPERSISTENCE_PERMANENT) != to_logged)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("could not change table \"%s\" to %s because it references %s table \"%s\"",
						get_rel_name(rel->relid), to_logged ? "logged" : "unlogged",
						to_logged ? "unlogged" : "logged", get_rel_name(other))));
	}
	cf_an_rewrite(a, rel->relid, "rewriting", NULL);
	owned_sequences(a, rel, AccessExclusiveLock);
}

/* SET ACCESS METHOD */
static void
change_access_method(CfAnalysis *a, const CfRel *rel, const char *name)
{
	HeapTuple tuple;
	Oid am;
	bool same;

	if (rel->created)
		return;
	am = get_table_am_oid(name ? name : default_table_access_method, false);
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(rel->relid));
	if (!HeapTupleIsValid(tuple))
		return;
	same = ((Form_pg_class) GETSTRUCT(tuple))->relam == am;
	ReleaseSysCache(tuple);
	if (!same)
		cf_an_rewrite(a, rel->relid, "rewriting", NULL);
}

/* SET TABLESPACE */
static void
change_tablespace(CfAnalysis *a, const CfRel *rel, const char *name)
{
	Oid tablespace = get_tablespace_oid(name, false);

	if (rel->created)
		return;
	if (tablespace == MyDatabaseTableSpace)
		tablespace = InvalidOid;
	if (get_rel_tablespace(rel->relid) != tablespace)
		cf_an_copy(a, rel->relid, "copying");
}

/* INHERIT, NO INHERIT */
static void
change_parent(CfAnalysis *a, const CfRel *rel, Node *def, LOCKMODE mode)
{
	CfRel parent;

	cf_an_need(a, (RangeVar *) def, &parent);
	cf_an_lock_rel(a, &parent, mode);
	if (!rel->created && mode == ShareUpdateExclusiveLock)
		cf_an_lock_list(a, cf_an_descendants(rel->relid), AccessShareLock);
}

/* OWNER TO: indexes and sequences change hands too. */
static void
change_owner(CfAnalysis *a, const CfRel *rel)
{
	if (rel->created)
		return;
	cf_an_lock_indexes(a, rel->relid, AccessExclusiveLock);
	owned_sequences(a, rel, AccessExclusiveLock);
}

/* REPLICA IDENTITY */
static void
replica_identity(CfAnalysis *a, const CfRel *rel, ReplicaIdentityStmt *stmt)
{
	if (stmt->identity_type == REPLICA_IDENTITY_INDEX)
		named_index(a, rel, stmt->name, ShareLock);
}

/* Works out one subcommand. */
static void
subcommand(CfAnalysis *a, const CfRel *rel, AlterTableCmd *cmd, bool recurse, LOCKMODE lockmode)
{
	switch (cmd->subtype)
	{
		case AT_AddColumn:
			cf_an_add_column(a, rel, cmd, recurse);
			break;
		case AT_DropColumn:
			drop_column(a, rel, cmd, recurse);
			break;
		case AT_ColumnDefault:
		case AT_DropNotNull:
		case AT_DropExpression:
		case AT_SetStatistics:
		case AT_SetStorage:
			plain_column(a, rel, cmd->name, recurse, lockmode);
			break;
		case AT_SetOptions:
		case AT_ResetOptions:
		case AT_SetCompression:
		case AT_AddIdentity:
			plain_column(a, rel, cmd->name, false, lockmode);
			break;
		case AT_SetIdentity:
			column_sequences(a, rel, cmd->name, ShareRowExclusiveLock);
			break;
		case AT_DropIdentity:
			column_sequences(a, rel, cmd->name, AccessExclusiveLock);
			break;
		case AT_SetNotNull:
			cf_an_set_not_null(a, rel, cmd->name, recurse, lockmode);
			break;
		case AT_AlterColumnType:
			cf_an_change_type(a, rel, cmd, recurse);
			break;
		case AT_AddConstraint:
			if (CF_ADD_CONSTRAINT_LOCKS_DESCENDANTS && recurse && !rel->created)
				cf_an_lock_list(a, cf_an_descendants(rel->relid), lockmode);
			cf_an_add_constraint(a, rel, (Constraint *) cmd->def, recurse, lockmode);
			break;
		case AT_DropConstraint:
			cf_an_drop_constraint(a, rel, cmd, recurse, lockmode);
			break;
		case AT_ValidateConstraint:
			cf_an_validate_constraint(a, rel, cmd->name, recurse, lockmode);
			break;
		case AT_AlterConstraint:
			cf_an_alter_constraint(a, rel, cf_altered_constraint(cmd->def), lockmode);
			if (cf_alters_enforceability(cmd->def))
				cf_an_enforce_key(a, rel, cf_altered_constraint(cmd->def), cf_enforces(cmd->def));
			break;
		case AT_ChangeOwner:
			change_owner(a, rel);
			break;
		case AT_SetLogged:
			change_persistence(a, rel, RELPERSISTENCE_PERMANENT);
			break;
		case AT_SetUnLogged:
			change_persistence(a, rel, RELPERSISTENCE_UNLOGGED);
			break;
		case AT_SetAccessMethod:
			change_access_method(a, rel, cmd->name);
			break;
		case AT_SetTableSpace:
			change_tablespace(a, rel, cmd->name);
			break;
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
		case AT_DisableTrig:
		case AT_DisableTrigAll:
		case AT_DisableTrigUser:
			plain_column(a, rel, NULL, recurse && rel->relkind == RELKIND_PARTITIONED_TABLE,
						 lockmode);
			break;
		case AT_ReplicaIdentity:
			replica_identity(a, rel, (ReplicaIdentityStmt *) cmd->def);
			break;
		case AT_ClusterOn:
			named_index(a, rel, cmd->name, lockmode);
			break;
		case AT_AddInherit:
			change_parent(a, rel, cmd->def, ShareUpdateExclusiveLock);
			break;
		case AT_DropInherit:
			change_parent(a, rel, cmd->def, AccessShareLock);
			break;
		case AT_AttachPartition:
			if (rel->relkind == RELKIND_PARTITIONED_INDEX)
				cf_an_attach_index(a, rel, (PartitionCmd *) cmd->def);
			else
				cf_an_attach(a, rel, (PartitionCmd *) cmd->def);
			break;
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			cf_an_detach(a, rel, (PartitionCmd *) cmd->def);
			break;
		default:
			if (cf_sets_expression(cmd->subtype))
				cf_an_set_expression(a, rel, cmd->name, recurse, lockmode);
			break;
	}
}

#define LAST_PASS 3

/* The server runs the subcommands in an order of its own. */
static int
pass_of(const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_DropColumn:
		case AT_DropConstraint:
		case AT_DropNotNull:
		case AT_DropIdentity:
		case AT_DropExpression:
			return 0;
		case AT_AlterColumnType:
			return 1;
		case AT_AddColumn:
			return 2;
		default:
			return LAST_PASS;
	}
}

/* ALTER TABLE and its relatives */
static void
alter_table(CfAnalysis *a, AlterTableStmt *stmt)
{
	LOCKMODE lockmode = AlterTableGetLockLevel(stmt->cmds);
	List *typed = NIL;
	CfRel rel;
	ListCell *lc;

	if (stmt->missing_ok && !cf_an_find(a, stmt->relation, &rel))
		return;
	cf_an_need(a, stmt->relation, &rel);
	cf_an_own(a, &rel);
	cf_an_lock_rel(a, &rel, lockmode);
	if (!cf_an_sure(a, rel.relid) || rel.created)
		a->uncertain = true;
	if (rel.relkind == RELKIND_COMPOSITE_TYPE && !rel.created)
		typed = cf_an_typed_tables(a, &rel, linitial_node(AlterTableCmd, stmt->cmds)->behavior);
	foreach (lc, typed)
	{
		CfRel table = {.relid = lfirst_oid(lc), .name = cf_relation_name(lfirst_oid(lc))};
		ListCell *cmd;

		table.relkind = get_rel_relkind(table.relid);
		foreach (cmd, stmt->cmds)
			subcommand(a, &table, lfirst_node(AlterTableCmd, cmd), true, lockmode);
	}
	for (int pass = 0; pass <= LAST_PASS; pass++)
		foreach (lc, stmt->cmds)
			if (pass_of(lfirst_node(AlterTableCmd, lc)) == pass)
				subcommand(a, &rel, lfirst_node(AlterTableCmd, lc), stmt->relation->inh, lockmode);
}

/* Works out the statements of this file; false for others. */
bool
cf_an_alter_statement(CfAnalysis *a, Node *stmt)
{
	if (!IsA(stmt, AlterTableStmt))
		return false;
	alter_table(a, (AlterTableStmt *) stmt);
	return true;
}
