/*-------------------------------------------------------------------------
 *
 * differ_overload.c
 *	  Routines that share a name: a call must mean the one that the target has.
 *
 * The one that goes is better gone before the other comes. Where something that is kept
 * until its successor is made, such as an index, needs the old one, that gives its name
 * away before, and is dropped under another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"

#include "differ.h"

/*
 * Of two routines of a name, the one that goes is better gone before the other comes: f(1)
 * could mean either of f(integer) and f(integer, integer DEFAULT 1).
 */
void
cfd_hope_for_overloads(CfdPlan *plan)
{
	List *dropped = NIL;
	HTAB *names;
	ListCell *lc;
	ListCell *ld;

	foreach (lc, plan->old)
		if (((CfdFact *) lfirst(lc))->dropped && ((CfdFact *) lfirst(lc))->twin == NULL)
			dropped = lappend(dropped, lfirst(lc));
	names = cfd_names(dropped, true);
	foreach (lc, plan->new)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (!fact->created || (fact->kind->flags & CFD_ROUTINE) == 0)
			continue;
		foreach (ld, cfd_named(names, fact->name))
		{
			CfdFact *other = (CfdFact *) lfirst(ld);

			if (strcmp(other->schema, fact->schema) == 0)
				cfd_hope(fact->create, other->drop, CFD_AMBIGUOUS);
		}
	}
}

/* With how many arguments a routine can be called. */
static void
count_arguments(const CfdFact *routine, int *least, int *most)
{
	ListCell *lc;

	*least = *most = 0;
	if (cfd_is(routine, "aggregate"))
	{
		*most = FUNC_MAX_ARGS;
		return;
	}
	foreach (lc, cfd_parse_routine(routine)->parameters)
	{
		const FunctionParameter *parameter = lfirst_node(FunctionParameter, lc);

		/* Those that come out of a procedure are given by a call, too. */
		if (parameter->mode == FUNC_PARAM_TABLE ||
			(parameter->mode == FUNC_PARAM_OUT && !cfd_is(routine, "procedure")))
			continue;
		*most = parameter->mode == FUNC_PARAM_VARIADIC ? FUNC_MAX_ARGS : *most + 1;
		if (parameter->defexpr == NULL && parameter->mode != FUNC_PARAM_VARIADIC)
			(*least)++;
	}
}

/* Whether a call of one routine might mean another one of its name. */
bool
cfd_are_confused(const CfdFact *old, const CfdFact *new)
{
	int old_least;
	int old_most;
	int new_least;
	int new_most;

	if ((old->kind->flags & CFD_ROUTINE) == 0 || (new->kind->flags &CFD_ROUTINE) == 0)
		return false;
	count_arguments(old, &old_least, &old_most);
	count_arguments(new, &new_least, &new_most);
	return old_least <= new_most && new_least <= old_most;
}

/*
 * Lets a routine that can't go before another one comes give its name away. Returns what is
 * ready by that.
 */
List *
cfd_give_way(CfdPlan *plan, CfdAction *drop, CfdAction *create)
{
	CfdFact *old = drop->fact;
	List *ready = NIL;

	if (old->leave == NULL)
	{
		old->aside = cfd_name_aside(plan, old->schema, old->name);
		old->leave = cfd_new_action(plan, CFD_LEAVE, old);
		plan->left++;
		cfd_wait(drop, old->leave);
		ready = list_make1(old->leave);
	}
	if (!old->leave->done)
		cfd_wait(create, old->leave);
	else if (create->waits == 0)
		ready = lappend(ready, create);
	return ready;
}
