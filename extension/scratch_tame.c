/*-------------------------------------------------------------------------
 *
 * scratch_tame.c
 *	  Subscriptions in a scratch database: there, but nothing comes of them.
 *
 * A subscription that is made connects to its publisher, and makes a slot
 * there; one that is dropped, drops it. In a scratch database it gets a
 * connection that leads nowhere, makes no slot, and whether it is enabled is
 * only written down: the launcher is not told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_subscription.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "scratch.h"

/* A connection that fails at once. */
#define NOWHERE "host=/dev/null dbname=confiture_scratch"

static ProcessUtility_hook_type next_utility = NULL;

/* Takes an option out of a list; returns its value when it is a boolean. */
static bool
take_option(List **options, const char *name, bool dflt)
{
	bool value = dflt;
	ListCell *lc;

	foreach (lc, *options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, name) != 0)
			continue;
		value = defGetBoolean(option);
		*options = foreach_delete_current(*options, lc);
	}
	return value;
}

static List *
add_false(List *options, const char *name)
{
	return lappend(options, makeDefElem(pstrdup(name), (Node *) makeString(pstrdup("false")), -1));
}

/* Writes down whether a subscription is enabled; or, without that, that it has no slot. */
static void
write_down(const char *name, const bool *enabled)
{
	Relation catalog = table_open(SubscriptionRelationId, RowExclusiveLock);
	HeapTuple tuple = SearchSysCacheCopy2(SUBSCRIPTIONNAME, ObjectIdGetDatum(MyDatabaseId),
										  CStringGetDatum(name));

	if (HeapTupleIsValid(tuple))
	{
		Datum values[Natts_pg_subscription] = {0};
		bool nulls[Natts_pg_subscription] = {false};
		bool replaces[Natts_pg_subscription] = {false};
		int column =
			(enabled ? Anum_pg_subscription_subenabled : Anum_pg_subscription_subslotname) - 1;

		replaces[column] = true;
		if (enabled)
			values[column] = BoolGetDatum(*enabled);
		else
			nulls[column] = true;
		tuple = heap_modify_tuple(tuple, RelationGetDescr(catalog), values, nulls, replaces);
		CatalogTupleUpdate(catalog, &tuple->t_self, tuple);
		CommandCounterIncrement();
	}
	table_close(catalog, RowExclusiveLock);
}

/* Makes a CREATE SUBSCRIPTION harmless; returns whether it would have been enabled. */
static bool
tame_create(CreateSubscriptionStmt *stmt)
{
	bool connects = take_option(&stmt->options, "connect", true);
	bool enabled = take_option(&stmt->options, "enabled", connects);

	(void) take_option(&stmt->options, "create_slot", true);
	(void) take_option(&stmt->options, "copy_data", true);
	stmt->options = add_false(stmt->options, "connect");
	stmt->conninfo = pstrdup(NOWHERE);
	return enabled;
}

/* Makes an ALTER SUBSCRIPTION harmless; returns false when nothing of it is left. */
static bool
tame_alter(AlterSubscriptionStmt *stmt)
{
	bool enabled;

	switch (stmt->kind)
	{
		case ALTER_SUBSCRIPTION_CONNECTION:
			stmt->conninfo = pstrdup(NOWHERE);
			return true;
		case ALTER_SUBSCRIPTION_REFRESH:
			return false;
		case ALTER_SUBSCRIPTION_SET_PUBLICATION:
		case ALTER_SUBSCRIPTION_ADD_PUBLICATION:
		case ALTER_SUBSCRIPTION_DROP_PUBLICATION:
			(void) take_option(&stmt->options, "refresh", true);
			(void) take_option(&stmt->options, "copy_data", true);
			stmt->options = add_false(stmt->options, "refresh");
			return true;
		case ALTER_SUBSCRIPTION_ENABLED:
			enabled = take_option(&stmt->options, "enabled", true);
			write_down(stmt->subname, &enabled);
			return false;
		default:
			return true;
	}
}

/* Runs a utility statement, a tame one in place of one about a subscription. */
static void
tame_utility(PlannedStmt *pstmt, const char *query, bool read_only, ProcessUtilityContext context,
			 ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest,
			 QueryCompletion *completion)
{
	Node *node = pstmt->utilityStmt;
	char *enable = NULL;

	if (IsA(node, CreateSubscriptionStmt) || IsA(node, AlterSubscriptionStmt))
	{
		pstmt = copyObject(pstmt);
		node = pstmt->utilityStmt;
	}
	if (IsA(node, CreateSubscriptionStmt))
	{
		if (tame_create((CreateSubscriptionStmt *) node))
			enable = ((CreateSubscriptionStmt *) node)->subname;
	}
	else if (IsA(node, AlterSubscriptionStmt))
	{
		if (!tame_alter((AlterSubscriptionStmt *) node))
			return;
	}
	else if (IsA(node, DropSubscriptionStmt))
		write_down(((DropSubscriptionStmt *) node)->subname, NULL);
	(next_utility ? next_utility : standard_ProcessUtility)(pstmt, query, read_only, context,
															params, environment, dest, completion);
	if (enable)
	{
		bool enabled = true;

		CommandCounterIncrement();
		write_down(enable, &enabled);
	}
}

/* Tames what the worker of a scratch database runs from now on. */
void
cf_scratch_tame(void)
{
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = tame_utility;
}
