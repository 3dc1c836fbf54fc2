/*-------------------------------------------------------------------------
 *
 * differ_circle.c
 *	  Actions that wait for each other in a circle. A wish in it is given up; what
 *	  can be done in two steps is: differ_split.c. Else something is made anew that
 *	  was to be altered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

static void
add_before(CfdAction *action, CfdAction *sooner, int weight)
{
	CfdHope *hope = palloc(sizeof(CfdHope));

	hope->action = sooner;
	hope->weight = weight;
	action->before = lappend(action->before, hope);
}

/* Notes what every action that is left waits for. */
static void
look_back(CfdPlan *plan)
{
	ListCell *lc;
	ListCell *lf;

	foreach (lc, plan->actions)
	{
		CfdAction *action = (CfdAction *) lfirst(lc);

		action->before = NIL;
		action->visited = false;
	}
	foreach (lc, plan->actions)
	{
		CfdAction *action = (CfdAction *) lfirst(lc);

		if (action->done)
			continue;
		foreach (lf, action->followers)
			add_before((CfdAction *) lfirst(lf), action, CFD_MUST);
		foreach (lf, action->hopers)
			add_before(((CfdHope *) lfirst(lf))->action, action, ((CfdHope *) lfirst(lf))->weight);
	}
}

/*
 * Finds a circle among what is left: each action of the list waits for the one
 * after it, the last for the first.
 */
static List *
find_circle(CfdPlan *plan)
{
	CfdAction *action = NULL;
	List *way = NIL;
	ListCell *lc;

	foreach (lc, plan->actions)
	{
		action = (CfdAction *) lfirst(lc);
		if (!action->done)
			break;
	}
	/* What is left waits for something: the way ends where it has been. */
	while (!action->visited)
	{
		action->visited = true;
		way = lappend(way, action);
		action = ((CfdHope *) linitial(action->before))->action;
	}
	while (linitial(way) != action)
		way = list_delete_first(way);
	return way;
}

/* What an action is, for a message. */
static char *
action_name(const CfdAction *action)
{
	static const char *const verbs[] = {"create", "prepare", "alter", "detach", "finish", "drop"};

	return psprintf("%s %s", verbs[action->verb], action->fact->identity);
}

static void
raise_circle(List *circle)
{
	StringInfoData names;
	ListCell *lc;

	initStringInfo(&names);
	foreach (lc, circle)
		appendStringInfo(&names, "%s, after ", action_name((CfdAction *) lfirst(lc)));
	appendStringInfoString(&names, action_name((CfdAction *) linitial(circle)));
	ereport(
		ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		errmsg("there is no order for the changes: they wait for each other in a circle"),
		errdetail("%s.", names.data),
		errhint(
			"Make the change in two steps: first without the dependency that closes the circle."));
}

/* Gives up one wish; returns the action, if it is ready by that. */
static List *
give_up(CfdPlan *plan, CfdAction *later, CfdAction *sooner, int weight)
{
	ListCell *lc;

	foreach (lc, sooner->hopers)
	{
		CfdHope *hope = (CfdHope *) lfirst(lc);

		if (hope->action == later && hope->weight == weight)
		{
			sooner->hopers = foreach_delete_current(sooner->hopers, lc);
			break;
		}
	}
	later->waits--;
	if (weight == CFD_CHECKS)
		plan->unchecked = true;
	if (weight == CFD_AMBIGUOUS && cfd_are_confused(sooner->fact, later->fact))
		return cfd_give_way(plan, sooner, later);
	return later->waits == 0 ? list_make1(later) : NIL;
}

/* Looks for the wish of least weight in a circle; false when there is none. */
static bool
find_wish(List *circle, CfdAction **later, CfdAction **sooner, int *weight)
{
	ListCell *lc;

	*weight = CFD_MUST;
	foreach (lc, circle)
	{
		CfdAction *action = (CfdAction *) lfirst(lc);
		CfdHope *hope = (CfdHope *) linitial(action->before);

		if (hope->weight < *weight)
		{
			*later = action;
			*sooner = hope->action;
			*weight = hope->weight;
		}
	}
	return *weight < CFD_MUST;
}

/*
 * Notes something in the circle that needs not be altered, or prepared: to drop it and to make it
 * anew waits for less. Data must not be lost by that. All is thought over then. False when
 * there is nothing.
 */
static bool
find_way_out(CfdPlan *plan, List *circle)
{
	static const char *const keepers[] = {"table",
										  "foreign table",
										  "column",
										  "sequence",
										  "type",
										  "domain",
										  "extension",
										  "schema",
										  "materialized view",
										  "server",
										  "foreign data wrapper",
										  "subscription"};
	ListCell *lc;

	foreach (lc, circle)
	{
		const CfdAction *action = (const CfdAction *) lfirst(lc);
		const CfdFact *fact = action->fact;
		bool keeps = false;

		if (action->verb == CFD_PREPARE)
		{
			plan->unprepared = lappend(plan->unprepared, pstrdup(fact->identity));
			return true;
		}
		for (int i = 0; i < lengthof(keepers); i++)
			keeps = keeps || cfd_is(fact, keepers[i]);
		if (action->verb == CFD_ALTER_IT && fact->kind->drop && fact->kind->create && !keeps)
		{
			plan->replaced = lappend(plan->replaced, pstrdup(fact->identity));
			return true;
		}
	}
	return false;
}

/*
 * Breaks a circle among what is left. *ready is what is ready by that, maybe nothing when
 * there are more. False when all has to be thought over at once.
 */
bool
cfd_break_circle(CfdPlan *plan, List **ready)
{
	List *circle;
	CfdAction *later = NULL;
	CfdAction *sooner = NULL;
	int weight;
	ListCell *lc;

	*ready = NIL;
	look_back(plan);
	circle = find_circle(plan);
	if (find_wish(circle, &later, &sooner, &weight))
	{
		*ready = give_up(plan, later, sooner, weight);
		return true;
	}
	if (cfd_put_apart(plan, circle, ready))
	{
		plan->again = true;
		return true;
	}
	foreach (lc, circle)
	{
		CfdAction *action = (CfdAction *) lfirst(lc);

		if (!cfd_can_be_split(action))
			continue;
		*ready = cfd_split(plan, action);
		return true;
	}
	/* What is noted already may be enough. */
	if (!plan->again && !find_way_out(plan, circle))
		raise_circle(circle);
	plan->again = true;
	return false;
}
