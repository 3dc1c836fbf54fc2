/*-------------------------------------------------------------------------
 *
 * toplevel.c
 *	  Which statements refuse to run inside a transaction block.
 *
 * The list follows every call of PreventInTransactionBlock() in the server.
 * Where the answer depends on the catalogs (a partitioned table, the slot of
 * a subscription) they are read, without a lock: the server itself has the
 * last word when the statement runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_subscription.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "confiture.h"

/* Tells whether an option of the list is given and true. */
static bool
option_is_on(List *options, const char *name, bool dflt)
{
	ListCell *lc;

	foreach (lc, options)
	{
		DefElem *opt = (DefElem *) lfirst(lc);

		if (strcmp(opt->defname, name) == 0)
			return defGetBoolean(opt);
	}
	return dflt;
}

/* Tells whether a name is that of a partitioned table or index. */
static bool
is_partitioned(RangeVar *relation)
{
	Oid relid;
	char relkind;

	if (relation == NULL || !IsTransactionState())
		return false;
	relid = RangeVarGetRelid(relation, NoLock, true);
	if (!OidIsValid(relid))
		return false;
	relkind = get_rel_relkind(relid);
	return relkind == RELKIND_PARTITIONED_TABLE || relkind == RELKIND_PARTITIONED_INDEX;
}

/* Tells whether a subscription has a replication slot on its publisher. */
static bool
subscription_has_slot(const char *name)
{
	HeapTuple tuple;
	bool isnull;

	tuple =
		SearchSysCache2(SUBSCRIPTIONNAME, ObjectIdGetDatum(MyDatabaseId), CStringGetDatum(name));
	if (!HeapTupleIsValid(tuple))
		return false;
	(void) SysCacheGetAttr(SUBSCRIPTIONNAME, tuple, Anum_pg_subscription_subslotname, &isnull);
	ReleaseSysCache(tuple);
	return !isnull;
}

/* ALTER TABLE: only DETACH PARTITION CONCURRENTLY. */
static bool
alter_table_needs_top_level(AlterTableStmt *stmt)
{
	ListCell *lc;

	foreach (lc, stmt->cmds)
	{
		AlterTableCmd *cmd = (AlterTableCmd *) lfirst(lc);

		if (cmd->subtype == AT_DetachPartition && ((PartitionCmd *) cmd->def)->concurrent)
			return true;
	}
	return false;
}

/* ALTER SUBSCRIPTION: whatever refreshes. */
static bool
alter_subscription_needs_top_level(AlterSubscriptionStmt *stmt)
{
	switch (stmt->kind)
	{
		case ALTER_SUBSCRIPTION_REFRESH:
			return true;
		case ALTER_SUBSCRIPTION_SET_PUBLICATION:
		case ALTER_SUBSCRIPTION_ADD_PUBLICATION:
		case ALTER_SUBSCRIPTION_DROP_PUBLICATION:
			return option_is_on(stmt->options, "refresh", true);
		default:
			return false;
	}
}

/* REINDEX: CONCURRENTLY, of more than one table, of a partitioned one. */
static bool
reindex_needs_top_level(ReindexStmt *stmt)
{
	switch (stmt->kind)
	{
		case REINDEX_OBJECT_SCHEMA:
		case REINDEX_OBJECT_SYSTEM:
		case REINDEX_OBJECT_DATABASE:
			return true;
		default:
			return option_is_on(stmt->params, "concurrently", false) ||
				   is_partitioned(stmt->relation);
	}
}

/*
 * Tells whether a statement refuses to run inside a transaction block, and so
 * inside a function too.
 */
bool
cf_needs_top_level(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_IndexStmt:
			return ((IndexStmt *) stmt)->concurrent;
		case T_DropStmt:
			return ((DropStmt *) stmt)->removeType == OBJECT_INDEX &&
				   ((DropStmt *) stmt)->concurrent;
		case T_ReindexStmt:
			return reindex_needs_top_level((ReindexStmt *) stmt);
		case T_VacuumStmt:
			return ((VacuumStmt *) stmt)->is_vacuumcmd;
		case T_ClusterStmt:
			return ((ClusterStmt *) stmt)->relation == NULL ||
				   is_partitioned(((ClusterStmt *) stmt)->relation);
		case T_AlterTableStmt:
			return alter_table_needs_top_level((AlterTableStmt *) stmt);
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
		case T_AlterSystemStmt:
			return true;
		case T_AlterDatabaseStmt:
		{
			ListCell *lc;

			foreach (lc, ((AlterDatabaseStmt *) stmt)->options)
				if (strcmp(((DefElem *) lfirst(lc))->defname, "tablespace") == 0)
					return true;
			return false;
		}
		case T_DiscardStmt:
			return ((DiscardStmt *) stmt)->target == DISCARD_ALL;
		case T_CreateSubscriptionStmt:
		{
			List *options = ((CreateSubscriptionStmt *) stmt)->options;

			return option_is_on(options, "create_slot", option_is_on(options, "connect", true));
		}
		case T_AlterSubscriptionStmt:
			return alter_subscription_needs_top_level((AlterSubscriptionStmt *) stmt);
		case T_DropSubscriptionStmt:
			return subscription_has_slot(((DropSubscriptionStmt *) stmt)->subname);
		default:
			return false;
	}
}

/*
 * Returns how a statement is called in a message: its command tag, with
 * CONCURRENTLY where that is what matters.
 */
const char *
cf_command_name(const CfStatement *stmt)
{
	Node *node = stmt->raw->stmt;
	bool concurrently = false;

	if (IsA(node, IndexStmt))
		concurrently = ((IndexStmt *) node)->concurrent;
	else if (IsA(node, DropStmt))
		concurrently = ((DropStmt *) node)->concurrent;
	else if (IsA(node, ReindexStmt))
		concurrently = option_is_on(((ReindexStmt *) node)->params, "concurrently", false);
	else if (IsA(node, AlterTableStmt) && alter_table_needs_top_level((AlterTableStmt *) node))
		return "ALTER TABLE ... DETACH PARTITION CONCURRENTLY";
	if (!concurrently)
		return GetCommandTagName(stmt->tag);
	return psprintf("%s CONCURRENTLY", GetCommandTagName(stmt->tag));
}
