/*-------------------------------------------------------------------------
 *
 * differ_order.c
 *	  The actions of a plan, what has to wait for what, and their order: a
 *	  topological sort that prefers creating to dropping, and leaves what needs
 *	  transactions of its own to the end. Circles are in differ_circle.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/binaryheap.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "differ.h"

CfdAction *
cfd_new_action(CfdPlan *plan, CfdVerb verb, CfdFact *fact)
{
	CfdAction *action = palloc0(sizeof(CfdAction));

	action->verb = verb;
	action->fact = fact;
	action->members = list_make1(fact);
	plan->actions = lappend(plan->actions, action);
	return action;
}

/* Lets one action wait for another. */
void
cfd_wait(CfdAction *later, CfdAction *sooner)
{
	if (sooner == NULL || later == NULL || sooner == later)
		return;
	sooner->followers = lappend(sooner->followers, later);
	later->waits++;
}

/*
 * Lets one action come after another where that closes no circle; of those that do, the one
 * with the least weight is given up first.
 */
void
cfd_hope(CfdAction *later, CfdAction *sooner, int weight)
{
	CfdHope *hope;

	if (sooner == NULL || later == NULL || sooner == later || sooner->late)
		return;
	hope = palloc(sizeof(CfdHope));
	hope->action = later;
	hope->weight = weight;
	sooner->hopers = lappend(sooner->hopers, hope);
	later->waits++;
}

/* Returns the action that creates a fact: its own, or that of what it is contained in. */
static CfdAction *
create_action(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *carrier;

	if (fact->create)
		return fact->create;
	carrier = fact->kind->carrier ? fact->kind->carrier(plan, fact) : NULL;
	if (carrier && carrier->created)
	{
		fact->create = create_action(plan, carrier);
		fact->create->members = lappend(fact->create->members, fact);
	}
	else
	{
		fact->create = cfd_new_action(plan, CFD_CREATE, fact);
		fact->create->late = fact->kind->late && fact->kind->late(plan, NULL, fact);
	}
	return fact->create;
}

/* Tells whether a fact has to go before its parent can: a table before its schema. */
static bool
stands_in_the_way(const CfdFact *fact, const CfdFact *parent)
{
	ListCell *lc;

	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (depend->fact == parent && depend->how == CFD_NORMAL)
			return true;
	}
	return false;
}

/*
 * Tells whether a constraint of a domain has to go before it: a function that it needs takes
 * values of the domain, or the domain goes last, when columns have been moved.
 */
static bool
goes_before(const CfdFact *constraint, const CfdFact *domain)
{
	ListCell *lc;

	if (domain->moved)
		return true;
	foreach (lc, constraint->depends)
		if (cfd_needs(((CfdDepend *) lfirst(lc))->fact, domain->identity))
			return true;
	return false;
}

/* Returns what takes a fact along when it is dropped, or NULL. */
static CfdFact *
taken_by(const CfdPlan *plan, const CfdFact *fact)
{
	ListCell *lc;

	if (cfd_closes_circle(fact) || cfd_lists(plan->apart, fact->identity) ||
		(cfd_is(fact, "domain constraint") && goes_before(fact, fact->parent)))
		return NULL;
	if (fact->parent && fact->parent->dropped && !stands_in_the_way(fact, fact->parent))
		return fact->parent;
	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (!depend->fact->dropped || cfd_is_loose(fact, depend->fact))
			continue;
		if (depend->how != CFD_NORMAL || cfd_is_support(fact, depend->fact))
			return depend->fact;
	}
	return NULL;
}

static CfdAction *
drop_action(CfdPlan *plan, CfdFact *fact, int depth)
{
	CfdFact *taker;

	if (fact->drop)
		return fact->drop;
	taker = depth < 100 ? taken_by(plan, fact) : NULL;
	if (taker)
	{
		CfdAction *action = drop_action(plan, taker, depth + 1);

		if (fact->drop == NULL)
		{
			fact->drop = action;
			action->members = lappend(action->members, fact);
		}
	}
	else
	{
		fact->drop = cfd_new_action(plan, CFD_DROP, fact);
		fact->drop->late = fact->kind->late && fact->kind->late(plan, fact, NULL);
	}
	return fact->drop;
}

/*
 * A sequence that belongs to a column is there before it, since the default of the column
 * needs it; that it belongs to the column is said at last.
 */
static bool
comes_first(const CfdFact *fact, const CfdDepend *depend)
{
	return depend->how == CFD_AUTO && cfd_is(fact, "sequence");
}

/* Tells whether what has to be created for a fact leads to another one, or to a part of it. */
static bool
leads_to(const CfdFact *fact, const CfdFact *to, int depth)
{
	ListCell *lc;

	if (fact == to || fact->parent == to)
		return true;
	if (depth > 50)
		return true;
	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (depend->fact->created && !comes_first(fact, depend) &&
			leads_to(depend->fact, to, depth + 1))
			return true;
	}
	return false;
}

/*
 * Tells whether a part of a table has to be created after it, since something else that it
 * needs does.
 */
bool
cfd_leads_to(const CfdFact *part, const CfdFact *table)
{
	ListCell *lc;

	foreach (lc, part->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (depend->fact == table || depend->fact->parent == table || !depend->fact->created)
			continue;
		if (leads_to(depend->fact, table, 0))
			return true;
	}
	return false;
}

/* The other primary key that a table has and loses when it gets one under a new name; or NULL. */
static CfdFact *
ousted_key(const CfdFact *fact)
{
	CfdFact *table = fact->parent ? fact->parent->twin : NULL;
	ListCell *lc;

	if (!cfd_is(fact, "constraint") || strcmp(cfd_text(fact, "type"), "primary key") != 0 ||
		table == NULL)
		return NULL;
	foreach (lc, table->children)
	{
		CfdFact *old = (CfdFact *) lfirst(lc);

		if (cfd_is(old, "constraint") && old->dropped && old->twin == NULL &&
			strcmp(cfd_text(old, "type"), "primary key") == 0)
			return old;
	}
	return NULL;
}

/* Makes the action that prepares another one, where there is something to prepare. */
static void
make_preparation(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *old;

	if (fact->twin == NULL)
		fact->ousts = ousted_key(fact);
	old = fact->twin ? fact->twin : fact->ousts;
	if (old == NULL || fact->create->fact != fact || fact->kind->prepares == NULL ||
		cfd_lists(plan->unprepared, fact->identity) || !fact->kind->prepares(plan, old, fact))
		return;
	fact->prepare = cfd_new_action(plan, CFD_PREPARE, fact);
	fact->prepare->late = fact->create->late;
}

/* Makes the actions. */
static void
make_actions(CfdPlan *plan)
{
	ListCell *lc;

	foreach (lc, plan->new)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		CfdFact *old = fact->created ? NULL : fact->twin;

		CHECK_FOR_INTERRUPTS();
		if (fact->created)
		{
			(void) create_action(plan, fact);
			make_preparation(plan, fact);
		}
		else if (fact->change == CFD_ALTER)
		{
			fact->alter = old->alter = cfd_new_action(plan, CFD_ALTER_IT, fact);
			fact->alter->late = fact->kind->late && fact->kind->late(plan, old, fact);
		}
		if (old && !fact->created && fact->kind->leaves && fact->kind->leaves(plan, old, fact))
			fact->leave = cfd_new_action(plan, CFD_LEAVE, fact);
		if (fact->kind->finishes && fact->kind->finishes(plan, old, fact))
			fact->finish = cfd_new_action(plan, CFD_FINISH, fact);
	}
	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (fact->dropped)
			(void) drop_action(plan, fact, 0);
	}
}

/* The action after which a fact of the target is what it will be. */
CfdAction *
cfd_provider(const CfdFact *fact)
{
	return fact->created ? fact->create : fact->alter;
}

/*
 * The same for one that needs it. Of a type that needs a function that needs the type, the
 * function needs only that it is there, as a shell; all others need it whole.
 */
static CfdAction *
provider_for(const CfdFact *fact, const CfdFact *needed)
{
	if (cfd_is(needed, "type") || cfd_is(needed, "domain"))
	{
		if (cfd_needs(needed, fact->identity))
			return needed->created ? needed->create : NULL;
		if (needed->finish && cfd_is(needed, "type"))
			return needed->finish;
	}
	return cfd_provider(needed);
}

/* A foreign key needs the whole index of a partitioned table, with those of the partitions. */
static void
wait_for_parts(CfdAction *action, const CfdFact *needed)
{
	ListCell *lc;

	foreach (lc, needed->dependents)
	{
		CfdFact *part = ((CfdDepend *) lfirst(lc))->fact;

		if (part->kind == needed->kind)
			cfd_wait(action, part->finish);
	}
}

/* Whether a fact needs another one only for its last steps, see provider_for(). */
static bool
is_needed_later(const CfdFact *fact, const CfdFact *needed)
{
	return fact->created && (cfd_is_loose(fact, needed) || cfd_is_support(needed, fact));
}

/* What is made or changed comes after all that it needs. */
static void
wait_for_needs(CfdPlan *plan, CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;
	char *type = cfd_is(fact, "constraint") ? cfd_text(fact, "type") : NULL;

	CfdFact *attribute = cfd_attribute_of(plan, fact);

	cfd_wait(action, fact->parent ? provider_for(fact, fact->parent) : NULL);
	cfd_wait(action, attribute ? cfd_provider(attribute) : NULL);
	foreach (lc, fact->depends)
	{
		CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		if (comes_first(fact, (CfdDepend *) lfirst(lc)))
		{
			/* One that takes the name of that of an identity column comes after it. */
			if (fact->twin && cfd_bool(fact->twin, "identity"))
				cfd_wait(action, needed->alter);
			continue;
		}
		if (is_needed_later(fact, needed))
			continue;
		cfd_wait(action, provider_for(fact, needed));
		if (type && strcmp(type, "foreign key") == 0 &&
			(cfd_is(needed, "constraint") || cfd_is(needed, "index")))
			wait_for_parts(action, needed);
	}
}

/* What speaks of a type that is moved is gone before that has its other name. */
static void
before_move(CfdAction *action, const CfdFact *type)
{
	if (type->moved && type->dropped && !action->fact->moved)
		cfd_wait(type->twin->create, action);
}

/* What goes is gone before that what it needed goes or changes. */
static void
free_needs(CfdPlan *plan, CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;

	if (fact->parent)
	{
		cfd_wait(fact->parent->drop, action);
		/* A partition that leaves its table has its own columns only then. */
		if (cfd_is(fact->parent, "table"))
			cfd_wait(action, action->fact == fact ? fact->parent->alter : NULL);
		else
			cfd_wait(fact->parent->alter, action);
		before_move(action, fact->parent);
	}
	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);
		CfdFact *attribute;

		if (cfd_is_loose(fact, depend->fact) && !cfd_is_of_system(fact))
			continue;
		/* What goes with either of two may go with the other before. */
		if (depend->how == CFD_NORMAL || action->fact == fact)
			cfd_wait(depend->fact->drop, action);
		if (!cfd_is_support(fact, depend->fact) &&
			(depend->fact != fact->parent || !cfd_is(fact->parent, "table")))
			cfd_wait(depend->fact->alter, action);
		before_move(action, depend->fact);
		attribute = cfd_attribute_of(plan, depend->fact);
		if (attribute)
			cfd_wait(attribute->alter, action);
	}
	if (cfd_attribute_of(plan, fact))
		cfd_wait(cfd_attribute_of(plan, fact)->drop, action);
}

/* What changes is changed before that what it needed goes. */
static void
leave_needs(CfdAction *action, const CfdFact *old)
{
	ListCell *lc;

	foreach (lc, old->depends)
		cfd_wait(((CfdDepend *) lfirst(lc))->fact->drop, action);
}

/* The partitions that go are gone before an index of one that stays is attached. */
static void
wait_for_partitions(CfdAction *action, const CfdFact *index)
{
	ListCell *lc;

	foreach (lc, index->depends)
	{
		CfdFact *whole = ((CfdDepend *) lfirst(lc))->fact;
		CfdFact *table = whole->parent ? whole->parent->twin : NULL;
		ListCell *ld;

		if (whole->kind != index->kind || table == NULL)
			continue;
		foreach (ld, table->dependents)
		{
			CfdFact *partition = ((CfdDepend *) lfirst(ld))->fact;

			if (cfd_is(partition, "table") && partition->drop != table->drop)
				cfd_wait(action, partition->drop);
		}
	}
}

/* What is prepared is so before anything goes because of it. */
static void
prepare_first(CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;
	CfdFact *old = fact->twin ? fact->twin : fact->ousts;

	cfd_wait(fact->create, action);
	cfd_wait(old->drop, action);
	foreach (lc, old->dependents)
		cfd_wait(((CfdDepend *) lfirst(lc))->fact->drop, action);
}

/* A sequence takes the owner of its table when that is what it will be. */
static void
wait_for_owner(CfdAction *action, const CfdFact *needed)
{
	ListCell *lc;

	if (!cfd_is(action->fact, "sequence") || !cfd_is(needed, "column") || needed->parent == NULL)
		return;
	cfd_wait(action, needed->parent->alter);
	foreach (lc, needed->parent->children)
		if (cfd_is((CfdFact *) lfirst(lc), "owner"))
			cfd_wait(action, ((CfdFact *) lfirst(lc))->alter);
}

/* The last steps of a fact come after its parts, and those of its parent. */
static void
wait_for_parts_of(CfdPlan *plan, CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;

	cfd_wait(action, cfd_provider(fact));
	/* The parts of a type, such as what is said of it, come after it. */
	foreach (lc, cfd_is(fact, "type") ? NIL : fact->children)
		if (!cfd_comes_attached((CfdFact *) lfirst(lc)) &&
			!cfd_belongs_to_incomplete(plan, (CfdFact *) lfirst(lc)))
			cfd_wait(action, cfd_provider((CfdFact *) lfirst(lc)));
	foreach (lc, fact->depends)
	{
		CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		cfd_wait(action, cfd_provider(needed));
		wait_for_owner(action, needed);
	}
	if (fact->parent)
		cfd_wait(action, fact->parent->finish);
	/* An index becomes valid with the last partition, not when one goes that has none. */
	if (fact->parent && fact->parent->parent != NULL && !cfd_is(fact, "table"))
		wait_for_partitions(action, fact);
}

/*
 * A partition leaves its table when both are, column by column, what they will be: as long
 * as it belongs to it, it changes with it. All have left before others are attached.
 */
static void
wait_to_leave(CfdAction *action, const CfdFact *fact)
{
	CfdFact *old = fact->twin;
	ListCell *lc;

	cfd_wait(action, cfd_provider(fact));
	foreach (lc, fact->children)
		cfd_wait(action, cfd_provider((CfdFact *) lfirst(lc)));
	foreach (lc, old->depends)
	{
		CfdFact *parent = ((CfdDepend *) lfirst(lc))->fact;
		ListCell *ld;

		cfd_wait(parent->drop, action);
		if (parent->twin == NULL || !cfd_has(parent, "partition_by"))
			continue;
		foreach (ld, parent->twin->children)
			if (cfd_is((CfdFact *) lfirst(ld), "column"))
				cfd_wait(action, cfd_provider((CfdFact *) lfirst(ld)));
		foreach (ld, parent->twin->dependents)
			cfd_wait(((CfdDepend *) lfirst(ld))->fact->finish, action);
	}
	cfd_wait(fact->finish, action);
}

/* What comes back does so when it has gone; what is moved goes at last. */
static void
wait_for_twin(CfdAction *action, CfdFact *old)
{
	if (old->drop == NULL || !old->drop->fact->moved)
		cfd_wait(action, old->drop);
	else if (old->moved)
		cfd_wait(old->drop, action);
}

/*
 * What is written with a cast needs the function of the cast, and not, by the catalogs, the cast: it
 * would be made with another one, or not at all.
 */
static void
wait_for_cast(const CfdFact *cast)
{
	ListCell *lc;
	ListCell *ld;

	foreach (lc, cast->depends)
	{
		CfdFact *function = ((CfdDepend *) lfirst(lc))->fact;

		if ((function->kind->flags & CFD_ROUTINE) == 0)
			continue;
		foreach (ld, function->dependents)
			cfd_hope(cfd_provider(((CfdDepend *) lfirst(ld))->fact), cast->create, CFD_RUNS);
	}
}

/* Lets every action wait for what it needs. */
static void
link_actions(CfdPlan *plan)
{
	ListCell *lc;
	ListCell *lm;

	foreach (lc, plan->actions)
	{
		CfdAction *action = (CfdAction *) lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		foreach (lm, action->members)
		{
			CfdFact *fact = (CfdFact *) lfirst(lm);

			switch (action->verb)
			{
				case CFD_CREATE:
					wait_for_needs(plan, action, fact);
					if (cfd_is(fact, "cast"))
						wait_for_cast(fact);
					if (fact->twin)
						wait_for_twin(action, fact->twin);
					if (fact->ousts)
						cfd_wait(action, fact->ousts->drop);
					break;
				case CFD_PREPARE:
					wait_for_needs(plan, action, fact);
					prepare_first(action, fact);
					break;
				case CFD_ALTER_IT:
					wait_for_needs(plan, action, fact);
					leave_needs(action, fact->twin);
					break;
				case CFD_LEAVE:
					if (cfd_is(fact, "table"))
						wait_to_leave(action, fact);
					else
					{
						leave_needs(action, fact->twin);
						cfd_wait(fact->finish, action);
						cfd_wait(fact->alter, action);
					}
					break;
				case CFD_FINISH:
					wait_for_parts_of(plan, action, fact);
					break;
				case CFD_DROP:
					free_needs(plan, action, fact);
					break;
			}
		}
	}
	cfd_wait_for_names(plan);
	foreach (lc, plan->new)
	{
		cfd_order_by_logging((CfdFact *) lfirst(lc));
		cfd_order_incomplete((CfdFact *) lfirst(lc));
	}
	cfd_hope_for_mentions(plan);
}

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

	make_actions(plan);
	link_actions(plan);
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
