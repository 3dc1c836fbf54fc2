/*-------------------------------------------------------------------------
 *
 * differ_match.c
 *	  Which facts of the two sides are the same object, and what becomes of
 *	  those that differ.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "differ_row_type.h"

bool
cfd_is(const CfdFact *fact, const char *kind)
{
	return fact && strcmp(fact->kind->name, kind) == 0;
}

/*
 * Whether nobody waits for a lock on a relation: it exists only since this plan, or it is a partition
 * without its table, which comes back.
 */
bool
cfd_is_new(const CfdFact *fact)
{
	return fact->created || (fact->loose && cfd_has(fact, "partition_of"));
}

/* Tells whether an identity is like one of the patterns. */
static bool
is_like(const char *identity, List *patterns)
{
	Datum text = CStringGetTextDatum(identity);
	ListCell *lc;

	foreach (lc, patterns)
		if (DatumGetBool(DirectFunctionCall2Coll(textlike, C_COLLATION_OID, text,
												 CStringGetTextDatum((char *) lfirst(lc)))))
			return true;
	return false;
}

/* Tells whether what has an identity is to be left alone. */
bool
cfd_is_ignored(const CfdPlan *plan, const char *identity)
{
	return plan->ignore && is_like(identity, cfd_list_in(plan->ignore, NULL));
}

/* Tells whether a fact, or what it belongs to, is to be left alone. */
static bool
is_ignored(const CfdFact *fact, List *patterns)
{
	for (; fact; fact = fact->parent)
		if (is_like(fact->identity, patterns))
			return true;
	return false;
}

/* Takes what is to be left alone out of a side. */
static List *
without_ignored(List *facts, List *patterns)
{
	List *kept = NIL;
	ListCell *lc;

	if (patterns == NIL)
		return facts;
	foreach (lc, facts)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!is_ignored(fact, patterns))
			kept = lappend(kept, fact);
	}
	return kept;
}

/* Tells whether a list of texts holds one. */
bool
cfd_lists(List *list, const char *identity)
{
	ListCell *lc;

	foreach (lc, list)
		if (strcmp((const char *) lfirst(lc), identity) == 0)
			return true;
	return false;
}

/* Says what becomes of a fact that both sides have. */
static CfdChange
compare(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (strcmp(old->hash, new->hash) == 0 || cfd_contains(plan->equal, new->identity))
		return cfd_has_another_name(old, new) ? CFD_ALTER : CFD_SAME;
	if (old->kind != new->kind || cfd_lists(plan->replaced, new->identity))
		return CFD_REPLACE;
	return new->kind->compare ? new->kind->compare(plan, old, new) : CFD_REPLACE;
}

/* The same object in the source. A type may have become a domain of its name, or the reverse. */
static CfdFact *
find_twin(CfdPlan *plan, const CfdFact *new)
{
	CfdFact *old = cfd_find(plan->source, new->identity);

	if (old == NULL && cfd_is(new, "type"))
		old = cfd_find(plan->source, psprintf("domain %s", cfd_table(new)));
	else if (old == NULL && cfd_is(new, "domain"))
		old = cfd_find(plan->source, psprintf("type %s", cfd_table(new)));
	else if (old == NULL)
		old = cfd_old_not_null(plan, new);
	return old;
}

/* Finds the twins, and says what becomes of every fact. */
void
cfd_match(CfdPlan *plan)
{
	List *patterns = cfd_list_in(plan->ignore, NULL);
	ListCell *lc;

	plan->old = without_ignored(plan->old, patterns);
	plan->new = without_ignored(plan->new, patterns);
	foreach (lc, plan->new)
	{
		CfdFact *new = (CfdFact *) lfirst(lc);
		CfdFact *old = find_twin(plan, new);

		if (old)
		{
			old->twin = new;
			new->twin = old;
		}
		else
			new->created = true;
	}
	foreach (lc, plan->new)
	{
		CfdFact *new = (CfdFact *) lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (new->twin == NULL)
		{
			cfd_disturb_row_types(plan, new);
			continue;
		}
		new->change = compare(plan, new->twin, new);
		new->twin->change = new->change;
		if (new->change == CFD_ALTER)
			cfd_disturb_row_types(plan, new);
		if (new->change == CFD_REPLACE)
			cfd_drop(plan, new->twin, NULL);
	}
	foreach (lc, plan->old)
	{
		CfdFact *old = (CfdFact *) lfirst(lc);

		if (old->twin == NULL)
			cfd_drop(plan, old, NULL);
	}
}
