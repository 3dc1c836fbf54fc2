/*-------------------------------------------------------------------------
 *
 * differ_close.c
 *	  What has to go along with what goes, and what of that comes back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "differ.h"

/*
 * Lets a fact of the source go. If the target has it, it comes back; because says
 * for whose sake it went, when not for its own.
 */
void
cfd_drop(CfdPlan *plan, CfdFact *fact, const char *because)
{
	if (fact->dropped)
		return;
	fact->dropped = true;
	fact->because = fact->twin ? because : NULL;
	if (fact->twin)
		fact->twin->created = true;
	cfd_decide_to_move(plan, fact);
	plan->queue = lappend(plan->queue, fact);
}

/*
 * An object is made anew by what its ALTER does: what is said about it has to be said
 * again.
 */
void
cfd_remake_about(CfdFact *old)
{
	ListCell *lc;

	foreach (lc, old->children)
	{
		CfdFact *child = (CfdFact *) lfirst(lc);

		if (child->twin)
			child->twin->created = true;
	}
}

/* Tells whether a fact of the target needs one that is dropped and made anew. */
bool
cfd_needs_replaced(const CfdFact *fact)
{
	ListCell *lc;

	foreach (lc, fact->depends)
	{
		CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		if (needed->created && needed->twin)
			return true;
	}
	return false;
}

/* Tells whether a change of a fact takes away that it needs what goes. */
static bool
detaches(const CfdFact *dependent, const CfdFact *gone)
{
	return dependent->twin && dependent->change == CFD_ALTER &&
		   !cfd_needs(dependent->twin, gone->twin ? gone->twin->identity : gone->identity);
}

/*
 * A partition has rows, its table has none: when the table goes, or is made anew, the partition leaves
 * it before and stays, with its indexes and constraints.
 */
static bool
stays_without(CfdFact *dependent, const CfdFact *gone)
{
	if (dependent->twin == NULL || dependent->kind != dependent->twin->kind)
		return false;
	if (cfd_has(gone, "partition_by") && cfd_has(dependent, "partition_of") &&
		strcmp(cfd_text(dependent, "partition_of"), cfd_table(gone)) == 0)
	{
		dependent->loose = dependent->twin->loose = true;
		return true;
	}
	return dependent->kind == gone->kind && dependent->parent && dependent->parent->loose &&
		   (cfd_is(dependent, "index") || cfd_is(dependent, "constraint"));
}

/* Lets go what can't stay without a fact, and what is a part of it. */
static void
follow(CfdPlan *plan, CfdFact *gone)
{
	ListCell *lc;

	foreach (lc, gone->children)
		cfd_drop(plan, (CfdFact *) lfirst(lc), gone->identity);
	foreach (lc, gone->dependents)
	{
		CfdFact *dependent = ((CfdDepend *) lfirst(lc))->fact;

		if (!dependent->dropped && !stays_without(dependent, gone) && !detaches(dependent, gone) &&
			!cfd_follow_move(plan, dependent, gone))
			cfd_drop(plan, dependent, gone->identity);
	}
	if (gone->twin)
		foreach (lc, gone->twin->children)
		{
			CfdFact *child = (CfdFact *) lfirst(lc);

			if (child->twin)
				cfd_drop(plan, child->twin, gone->identity);
			child->created = true;
		}
}

/* Follows all that goes, until nothing more does. */
void
cfd_close(CfdPlan *plan)
{
	while (plan->queue != NIL)
	{
		List *queue = plan->queue;
		ListCell *lc;

		CHECK_FOR_INTERRUPTS();
		plan->queue = NIL;
		foreach (lc, queue)
			follow(plan, (CfdFact *) lfirst(lc));
		list_free(queue);
	}
}
