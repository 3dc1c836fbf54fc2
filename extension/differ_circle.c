/*-------------------------------------------------------------------------
 *
 * differ_circle.c
 *	  What to do when actions wait for each other in a circle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "differ.h"

/* What an action is, for a message. */
static char *
action_name(const CfdAction *action)
{
	static const char *const verbs[] = {"create", "prepare", "alter", "detach", "finish", "drop"};

	return psprintf("%s %s", verbs[action->verb], action->fact->identity);
}

/* Finds the first action, of those that wait, that waits for this one. */
static CfdAction *
next_in_circle(CfdPlan *plan, const CfdAction *action)
{
	ListCell *lc;

	foreach (lc, plan->actions)
	{
		CfdAction *other = (CfdAction *) lfirst(lc);

		if (!other->done && list_member_ptr(other->followers, action))
			return other;
	}
	return NULL;
}

/*
 * Finds something in the circle that needs not be altered, or prepared: to drop it and to make it
 * anew waits for less. Data must not be lost by that. False when there is nothing.
 */
static bool
find_way_out(CfdPlan *plan, CfdAction *first)
{
	CfdAction *action = first;

	do
	{
		const CfdFact *fact = action->fact;

		if (action->verb == CFD_PREPARE)
		{
			plan->unprepared = lappend(plan->unprepared, pstrdup(fact->identity));
			return true;
		}
		if (action->verb == CFD_ALTER_IT && fact->kind->drop && fact->kind->create &&
			!cfd_is(fact, "table") && !cfd_is(fact, "foreign table") && !cfd_is(fact, "column") &&
			!cfd_is(fact, "sequence") && !cfd_is(fact, "type") && !cfd_is(fact, "domain") &&
			!cfd_is(fact, "extension") && !cfd_is(fact, "schema") && !cfd_is(fact, "server") &&
			!cfd_is(fact, "foreign data wrapper") && !cfd_is(fact, "subscription") &&
			!cfd_is(fact, "materialized view"))
		{
			plan->replaced = lappend(plan->replaced, pstrdup(fact->identity));
			return true;
		}
		action = next_in_circle(plan, action);
	} while (action && action != first);
	return false;
}

/*
 * Breaks one circle among the actions that wait for each other; raises an error that names it
 * when that is not possible.
 */
void
cfd_break_circle(CfdPlan *plan)
{
	CfdAction *action = NULL;
	CfdAction *first;
	StringInfoData names;
	ListCell *lc;

	foreach (lc, plan->actions)
		if (!((CfdAction *) lfirst(lc))->done)
			action = (CfdAction *) lfirst(lc);
	/* Backwards from any that waits one comes into a circle. */
	while (action && !action->visited)
	{
		action->visited = true;
		action = next_in_circle(plan, action);
	}
	first = action;
	if (first && find_way_out(plan, first))
		return;
	initStringInfo(&names);
	while (action)
	{
		appendStringInfo(&names, "%s%s", names.len ? ", after " : "", action_name(action));
		action = next_in_circle(plan, action);
		if (action == first)
		{
			appendStringInfo(&names, ", after %s", action_name(action));
			break;
		}
	}
	ereport(
		ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		errmsg("there is no order for the changes: they wait for each other in a circle"),
		errdetail("%s.", names.data),
		errhint(
			"Make the change in two steps: first without the dependency that closes the circle."));
}
