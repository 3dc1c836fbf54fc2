/*-------------------------------------------------------------------------
 *
 * differ_order.c
 *	  The order of the actions of a plan: a topological sort that prefers creating
 *	  to dropping, and leaves what needs transactions of its own to the end. What
 *	  waits for what is in differ_wait.c, circles are in differ_circle.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/binaryheap.h"
#include "miscadmin.h"

#include "differ.h"

/* Whether an action drops what nobody waits for: a cast that comes back is waited for unseen. */
static bool
drops_at_last(const CfdAction *action)
{
	return action->verb == CFD_DROP && !(cfd_is(action->fact, "cast") && action->fact->twin);
}

/* Which of two actions comes first, where both could. */
static int
compare_actions(const CfdAction *a, const CfdAction *b)
{
	int rank_a = a->fact->kind->rank;
	int rank_b = b->fact->kind->rank;
	bool last_a = (a->fact->kind->flags & CFD_LAST) != 0;
	bool last_b = (b->fact->kind->flags & CFD_LAST) != 0;

	if (last_a != last_b)
		return last_a ? 1 : -1;
	if (a->late != b->late)
		return a->late ? 1 : -1;
	if (drops_at_last(a) != drops_at_last(b))
		return drops_at_last(a) ? 1 : -1;
	if (rank_a != rank_b)
		return (rank_a < rank_b) == (a->verb == CFD_DROP) ? 1 : -1;
	return strcmp(a->fact->identity, b->fact->identity);
}

static int
by_preference(Datum a, Datum b, void *arg)
{
	/* The heap gives its greatest first. */
	return -compare_actions((CfdAction *) DatumGetPointer(a), (CfdAction *) DatumGetPointer(b));
}

/* One that waits for another waits for one thing less. */
static void
release(binaryheap *heap, CfdAction *action)
{
	if (--action->waits == 0)
		binaryheap_add(heap, PointerGetDatum(action));
}

/* Runs what is ready, and what becomes ready by that. */
static void
run_ready(CfdPlan *plan, binaryheap *heap)
{
	ListCell *lc;

	while (!binaryheap_empty(heap))
	{
		CfdAction *action = (CfdAction *) DatumGetPointer(binaryheap_remove_first(heap));

		CHECK_FOR_INTERRUPTS();
		cfd_run(plan, action);
		action->done = true;
		plan->left--;
		foreach (lc, action->followers)
			release(heap, (CfdAction *) lfirst(lc));
		foreach (lc, action->hopers)
			release(heap, ((CfdHope *) lfirst(lc))->action);
	}
}

/*
 * Runs the actions in their order: writes their statements. Returns false when some wait for
 * each other: then all has to be thought over, with something replaced that was to be altered.
 */
bool
cfd_order(CfdPlan *plan)
{
	binaryheap *heap;
	ListCell *lc;

	cfd_make_actions(plan);
	cfd_link_actions(plan);
	plan->left = list_length(plan->actions);
	/* A view that is broken out of a circle takes one action more. */
	heap = binaryheap_allocate(Max(plan->left * 2, 1), by_preference, NULL);
	foreach (lc, plan->actions)
		if (((CfdAction *) lfirst(lc))->waits == 0)
			binaryheap_add_unordered(heap, PointerGetDatum(lfirst(lc)));
	binaryheap_build(heap);
	run_ready(plan, heap);
	while (plan->left > 0)
	{
		List *ready;

		if (!cfd_break_circle(plan, &ready))
			return false;
		foreach (lc, ready)
			binaryheap_add(heap, PointerGetDatum(lfirst(lc)));
		run_ready(plan, heap);
	}
	return !plan->again;
}
