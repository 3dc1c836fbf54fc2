/*-------------------------------------------------------------------------
 *
 * differ_split.c
 *	  What is done in two steps because it stands in a circle: a view is made at
 *	  first with nothing but its columns, a function without its body, and both are
 *	  left so before they are dropped; a part of something that goes, such as a
 *	  default, a policy or a rule, goes before it by a statement of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "differ.h"

/* Whether a fact has to be gone before an action, since it needs what that drops or changes. */
static bool
needs_before(const CfdFact *fact, const CfdAction *action)
{
	ListCell *lc;

	foreach (lc, fact->depends)
	{
		const CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		if (needed->drop == action || needed->alter == action)
			return true;
	}
	return false;
}

/* Whether a part of something that goes can go by a statement of its own. */
static bool
can_go_alone(const CfdFact *fact)
{
	static const char *const kinds[] = {"default", "constraint", "domain constraint", "policy",
										"rule",	   "trigger",	 "statistics"};

	for (int i = 0; i < lengthof(kinds); i++)
		if (cfd_is(fact, kinds[i]))
			return true;
	return cfd_is(fact, "column") && cfd_has(fact, "generated");
}

/* Notes the members of a drop that make another action wait for it; false when there is none. */
static bool
put_members_apart(CfdPlan *plan, const CfdAction *drop, const CfdAction *later)
{
	bool found = false;
	ListCell *lc;

	foreach (lc, drop->members)
	{
		const CfdFact *member = (const CfdFact *) lfirst(lc);

		if (member == drop->fact || !can_go_alone(member) || !needs_before(member, later))
			continue;
		plan->apart = lappend(plan->apart, pstrdup(member->identity));
		found = true;
	}
	return found;
}

/* Takes away that one action waits for another; returns it, when it is ready by that. */
static List *
cut(CfdAction *later, CfdAction *sooner)
{
	while (list_member_ptr(sooner->followers, later))
	{
		sooner->followers = list_delete_ptr(sooner->followers, later);
		later->waits--;
	}
	return later->waits == 0 ? list_make1(later) : NIL;
}

/*
 * Looks in a circle for a drop that others wait for because of nothing but its parts, and notes
 * these: they will have drops of their own when all is thought over again. Until then the circle is
 * cut there, so that others are found too. False when there is none.
 */
bool
cfd_put_apart(CfdPlan *plan, List *circle, List **ready)
{
	ListCell *lc;

	foreach (lc, circle)
	{
		CfdAction *later = (CfdAction *) lfirst(lc);
		CfdAction *sooner = ((CfdHope *) linitial(later->before))->action;

		if (sooner->verb != CFD_DROP || needs_before(sooner->fact, later) ||
			!put_members_apart(plan, sooner, later))
			continue;
		*ready = cut(later, sooner);
		return true;
	}
	return false;
}

/* Whether a fact is a function whose body is known by the catalogs, and needs what it names. */
static bool
has_sql_body(const CfdFact *fact)
{
	return (cfd_is(fact, "function") || cfd_is(fact, "procedure")) &&
		   cfd_parse_routine(fact)->sql_body != NULL;
}

/* Whether a view or function can be made at first, or left, without its query. */
bool
cfd_can_be_split(const CfdAction *action)
{
	if (!cfd_is(action->fact, "view") && !has_sql_body(action->fact))
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

static void
unmark(CfdPlan *plan)
{
	ListCell *lc;

	foreach (lc, plan->actions)
		((CfdAction *) lfirst(lc))->visited = false;
}

/* Whether one action waits for another, directly or not. */
static bool
waits_for(CfdPlan *plan, CfdAction *later, const CfdAction *sooner)
{
	unmark(plan);
	mark_before(later);
	return sooner->visited;
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
 * Returns what can wait for the last step of two: of a view all that its columns do not need, of
 * a function, whose arguments need more, only what waits for it.
 */
static List *
wanted_later(CfdPlan *plan, CfdAction *action)
{
	List *wanted = NIL;
	ListCell *lc;

	foreach (lc, action->before)
	{
		CfdHope *hope = (CfdHope *) lfirst(lc);

		if (hope->weight != CFD_MUST || serves_columns(hope->action))
			continue;
		if (cfd_is(action->fact, "view") || waits_for(plan, hope->action, action))
			wanted = lappend(wanted, hope->action);
	}
	return wanted;
}

/*
 * Makes a view or a function in two steps: its columns or arguments, and, as its last step, its
 * query or body. What that needs waits for the first step only, all others for the last.
 */
static List *
make_in_two(CfdPlan *plan, CfdAction *action)
{
	CfdAction *last = cfd_new_action(plan, CFD_FINISH, action->fact);
	List *wanted = wanted_later(plan, action);
	ListCell *lc;

	action->fact->finish = last;
	plan->left++;
	unmark(plan);
	mark_before(action);
	foreach (lc, wanted)
	{
		CfdAction *sooner = (CfdAction *) lfirst(lc);

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
	if (cfd_is(action->fact, "view"))
		wait_for_types(plan, action);
	else
		plan->unchecked = true;
	return action->waits == 0 ? list_make1(action) : NIL;
}

/*
 * Leaves a view or a function with nothing but its columns or arguments before it is dropped. What
 * its query or body needed can go then; its rules go before by themselves.
 */
static List *
drop_in_two(CfdPlan *plan, CfdAction *action)
{
	CfdAction *first = cfd_new_action(plan, CFD_LEAVE, action->fact);
	List *followers = action->followers;
	ListCell *lc;

	action->fact->leave = first;
	plan->left++;
	unmark(plan);
	mark_before(action);
	action->followers = NIL;
	foreach (lc, followers)
	{
		CfdAction *follower = (CfdAction *) lfirst(lc);
		CfdAction *sooner = follower->visited ? first : action;

		sooner->followers = lappend(sooner->followers, follower);
		if (follower->visited && put_members_apart(plan, action, follower))
			plan->again = true;
	}
	cfd_wait(action, first);
	if (!cfd_is(action->fact, "view"))
		plan->unchecked = true;
	return list_make1(first);
}

/* Does in two steps what an action does; returns what is ready by that. */
List *
cfd_split(CfdPlan *plan, CfdAction *action)
{
	return action->verb == CFD_DROP ? drop_in_two(plan, action) : make_in_two(plan, action);
}
