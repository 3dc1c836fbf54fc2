/*-------------------------------------------------------------------------
 *
 * differ_circle.c
 *	  Actions that wait for each other in a circle. A wish in it is given up; a
 *	  view in it is made in two steps, at first with nothing but its columns, or
 *	  left with nothing else before it is dropped.
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
	if (weight == CFD_CHECKS)
		plan->unchecked = true;
	return --later->waits == 0 ? list_make1(later) : NIL;
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

/* Whether a view can be made at first, or left, without its query. */
static bool
can_be_split(const CfdAction *action)
{
	if (!cfd_is(action->fact, "view"))
		return false;
	if (action->verb == CFD_DROP)
		return action->fact->leave == NULL;
	return (action->verb == CFD_CREATE || action->verb == CFD_ALTER_IT) &&
		   action->fact->finish == NULL;
}

/* Whether the columns of a view need what an action does, as its query may, too. */
static bool
serves_columns(const CfdAction *action)
{
	return action->verb == CFD_DROP || cfd_is(action->fact, "schema") ||
		   cfd_is(action->fact, "type") || cfd_is(action->fact, "domain") ||
		   cfd_is(action->fact, "collation") || cfd_is(action->fact, "extension");
}

/* Marks all that an action waits for, directly or not. */
static void
mark_before(CfdAction *action)
{
	ListCell *lc;

	if (action->visited)
		return;
	action->visited = true;
	foreach (lc, action->before)
		mark_before(((CfdHope *) lfirst(lc))->action);
}

/* The type of a column of a view is there before it, though nothing else need be. */
static void
wait_for_types(CfdPlan *plan, CfdAction *action)
{
	ListCell *lc;

	foreach (lc, action->fact->children)
	{
		CfdFact *column = (CfdFact *) lfirst(lc);
		static const char *const kinds[] = {"type", "domain"};
		char *type;

		if (!cfd_is(column, "column"))
			continue;
		type = cfd_text(column, "type");
		type[strcspn(type, "[(")] = '\0';
		for (int i = 0; i < lengthof(kinds); i++)
		{
			CfdFact *fact = cfd_find(plan->target, psprintf("%s %s", kinds[i], type));
			CfdAction *sooner = fact ? cfd_provider(fact) : NULL;

			if (sooner && !sooner->done)
				cfd_wait(action, sooner);
		}
	}
}

/*
 * Makes a view in two steps: its columns, and, as its last step, its query. What the
 * query needs waits for the columns only, all others for the last step.
 */
static List *
split_view(CfdPlan *plan, CfdAction *action)
{
	CfdAction *last = cfd_new_action(plan, CFD_FINISH, action->fact);
	List *ready = NIL;
	ListCell *lc;

	action->fact->finish = last;
	plan->left++;
	foreach (lc, plan->actions)
		((CfdAction *) lfirst(lc))->visited = false;
	mark_before(action);
	foreach (lc, action->before)
	{
		CfdHope *hope = (CfdHope *) lfirst(lc);
		CfdAction *sooner = hope->action;

		if (serves_columns(sooner) || hope->weight != CFD_MUST)
			continue;
		sooner->followers = list_delete_ptr(sooner->followers, action);
		sooner->followers = lappend(sooner->followers, last);
		last->waits++;
		action->waits--;
	}
	foreach (lc, action->followers)
	{
		CfdAction *follower = (CfdAction *) lfirst(lc);

		if (!follower->visited)
			cfd_wait(follower, last);
	}
	cfd_wait(last, action);
	wait_for_types(plan, action);
	if (action->waits == 0)
		ready = lappend(ready, action);
	return ready;
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
 * Leaves a view with nothing but its columns before it is dropped. What its query
 * needed can go then.
 */
static List *
empty_view(CfdPlan *plan, CfdAction *action)
{
	CfdAction *first = cfd_new_action(plan, CFD_LEAVE, action->fact);
	List *followers = action->followers;
	ListCell *lc;

	action->fact->leave = first;
	plan->left++;
	foreach (lc, plan->actions)
		((CfdAction *) lfirst(lc))->visited = false;
	mark_before(action);
	action->followers = NIL;
	foreach (lc, followers)
	{
		CfdAction *follower = (CfdAction *) lfirst(lc);
		CfdAction *sooner = follower->visited ? first : action;

		sooner->followers = lappend(sooner->followers, follower);
	}
	cfd_wait(action, first);
	return list_make1(first);
}

/*
 * Breaks a circle among what is left. Returns what is ready by that, maybe nothing
 * when there are more; or says that all has to be thought over.
 */
List *
cfd_break_circle(CfdPlan *plan)
{
	List *circle;
	CfdAction *later;
	CfdAction *sooner;
	int weight;
	ListCell *lc;

	look_back(plan);
	circle = find_circle(plan);
	if (find_wish(circle, &later, &sooner, &weight))
		return give_up(plan, later, sooner, weight);
	foreach (lc, circle)
	{
		CfdAction *action = (CfdAction *) lfirst(lc);

		if (can_be_split(action))
			return action->verb == CFD_DROP ? empty_view(plan, action) : split_view(plan, action);
	}
	if (!find_way_out(plan, circle))
		raise_circle(circle);
	plan->again = true;
	return NIL;
}
