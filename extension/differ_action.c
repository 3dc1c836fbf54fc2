/*-------------------------------------------------------------------------
 *
 * differ_action.c
 *	  The actions of a plan: what is created, altered or dropped by a statement of its
 *	  own, and what is contained in that of another fact.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

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
		/* What a partition keeps when it leaves its table does not go with that. */
		if (fact->parent && fact->parent->loose && fact->kind == depend->fact->kind &&
			!cfd_is(fact, "trigger"))
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
bool
cfd_comes_first(const CfdFact *fact, const CfdDepend *depend)
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

		if (depend->fact->created && !cfd_comes_first(fact, depend) &&
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
void
cfd_make_actions(CfdPlan *plan)
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
