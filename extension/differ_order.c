/*-------------------------------------------------------------------------
 *
 * differ_order.c
 *	  The actions of a plan, what has to wait for what, and their order: a
 *	  topological sort that prefers creating to dropping, and leaves what needs
 *	  transactions of its own to the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/binaryheap.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "differ.h"

/* A name that two objects can't have at once, and the drop that frees it. */
typedef struct FreedName
{
	char name[NAMEDATALEN * 2 + 8]; /* hash key: class, schema, name */
	CfdAction *drop;
} FreedName;

static CfdAction *
new_action(CfdPlan *plan, CfdVerb verb, CfdFact *fact)
{
	CfdAction *action = palloc0(sizeof(CfdAction));

	action->verb = verb;
	action->fact = fact;
	action->members = list_make1(fact);
	plan->actions = lappend(plan->actions, action);
	return action;
}

/* Lets one action wait for another. */
static void
wait_for(CfdAction *later, CfdAction *sooner)
{
	if (sooner == NULL || later == NULL || sooner == later)
		return;
	sooner->followers = lappend(sooner->followers, later);
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
		fact->create = new_action(plan, CFD_CREATE, fact);
		fact->create->late = fact->kind->late && fact->kind->late(plan, NULL, fact);
	}
	return fact->create;
}

static bool
is_foreign_key(const CfdFact *fact)
{
	return cfd_is(fact, "constraint") && strcmp(cfd_text(fact, "type"), "foreign key") == 0;
}

/* Tells whether tables that go lead from one to another by foreign keys. */
static bool
leads_to_table(CfdFact *from, const CfdFact *to, List **seen)
{
	ListCell *lc;
	ListCell *ld;

	if (from == to)
		return true;
	if (list_member_ptr(*seen, from))
		return false;
	*seen = lappend(*seen, from);
	foreach (lc, from->children)
	{
		CfdFact *child = (CfdFact *) lfirst(lc);

		if (!is_foreign_key(child))
			continue;
		foreach (ld, child->depends)
		{
			CfdFact *table = ((CfdDepend *) lfirst(ld))->fact->parent;

			if (table && table != from && table->dropped && cfd_is(table, "table") &&
				leads_to_table(table, to, seen))
				return true;
		}
	}
	return false;
}

/* Tells whether a foreign key between two tables that go has to go by itself: they refer to each other. */
static bool
closes_circle(const CfdFact *fact)
{
	ListCell *lc;

	if (!is_foreign_key(fact) || !fact->parent->dropped)
		return false;
	foreach (lc, fact->depends)
	{
		CfdFact *table = ((CfdDepend *) lfirst(lc))->fact->parent;
		List *seen = NIL;

		if (table && table != fact->parent && table->dropped && cfd_is(table, "table") &&
			leads_to_table(table, fact->parent, &seen))
			return true;
	}
	return false;
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

/* Returns what takes a fact along when it is dropped, or NULL. */
static CfdFact *
taken_by(const CfdFact *fact)
{
	ListCell *lc;

	if (closes_circle(fact))
		return NULL;
	if (fact->parent && fact->parent->dropped && !stands_in_the_way(fact, fact->parent))
		return fact->parent;
	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (depend->how != CFD_NORMAL && depend->fact->dropped)
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
	taker = depth < 100 ? taken_by(fact) : NULL;
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
		fact->drop = new_action(plan, CFD_DROP, fact);
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
		cfd_names(plan->unprepared, fact->identity) || !fact->kind->prepares(plan, old, fact))
		return;
	fact->prepare = new_action(plan, CFD_PREPARE, fact);
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
			fact->alter = old->alter = new_action(plan, CFD_ALTER_IT, fact);
			fact->alter->late = fact->kind->late && fact->kind->late(plan, old, fact);
		}
		if (old && !fact->created && fact->kind->leaves && fact->kind->leaves(plan, old, fact))
			fact->leave = new_action(plan, CFD_LEAVE, fact);
		if (fact->kind->finishes && fact->kind->finishes(plan, old, fact))
			fact->finish = new_action(plan, CFD_FINISH, fact);
	}
	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (fact->dropped)
			(void) drop_action(plan, fact, 0);
	}
}

/* The action after which a fact of the target is what it will be. */
static CfdAction *
provider(const CfdFact *fact)
{
	return fact->created ? fact->create : fact->alter;
}

/* A foreign key needs the whole index of a partitioned table, with those of the partitions. */
static void
wait_for_parts(CfdAction *action, const CfdFact *needed)
{
	ListCell *lc;

	foreach (lc, needed->dependents)
		wait_for(action, ((CfdDepend *) lfirst(lc))->fact->finish);
}

/* What is made or changed comes after all that it needs. */
static void
wait_for_needs(CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;
	char *type = cfd_is(fact, "constraint") ? cfd_text(fact, "type") : NULL;

	wait_for(action, fact->parent ? provider(fact->parent) : NULL);
	foreach (lc, fact->depends)
	{
		CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		if (comes_first(fact, (CfdDepend *) lfirst(lc)))
			continue;
		wait_for(action, provider(needed));
		if (type && strcmp(type, "foreign key") == 0)
			wait_for_parts(action, needed);
	}
}

/* What goes is gone before that what it needed goes or changes. */
static void
free_needs(CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;

	if (fact->parent)
	{
		wait_for(fact->parent->drop, action);
		/* A partition that leaves its table has its own columns only then. */
		if (cfd_is(fact->parent, "table"))
			wait_for(action, action->fact == fact ? fact->parent->alter : NULL);
		else
			wait_for(fact->parent->alter, action);
	}
	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		/* What goes with either of two may go with the other before. */
		if (depend->how == CFD_NORMAL || action->fact == fact)
			wait_for(depend->fact->drop, action);
		wait_for(depend->fact->alter, action);
	}
}

/* What changes is changed before that what it needed goes. */
static void
leave_needs(CfdAction *action, const CfdFact *old)
{
	ListCell *lc;

	foreach (lc, old->depends)
		wait_for(((CfdDepend *) lfirst(lc))->fact->drop, action);
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
				wait_for(action, partition->drop);
		}
	}
}

/* What is prepared is so before anything goes because of it. */
static void
prepare_first(CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;
	CfdFact *old = fact->twin ? fact->twin : fact->ousts;

	wait_for(fact->create, action);
	wait_for(old->drop, action);
	foreach (lc, old->dependents)
		wait_for(((CfdDepend *) lfirst(lc))->fact->drop, action);
}

/* A sequence takes the owner of its table when that has the one that it will have. */
static void
wait_for_owner(CfdAction *action, const CfdFact *needed)
{
	ListCell *lc;

	if (cfd_is(action->fact, "sequence") && cfd_is(needed, "column") && needed->parent)
		foreach (lc, needed->parent->children)
			if (cfd_is((CfdFact *) lfirst(lc), "owner"))
				wait_for(action, ((CfdFact *) lfirst(lc))->alter);
}

/* The last steps of a fact come after its parts, and those of its parent. */
static void
wait_for_parts_of(CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;

	wait_for(action, provider(fact));
	foreach (lc, fact->children)
		wait_for(action, provider((CfdFact *) lfirst(lc)));
	foreach (lc, fact->depends)
	{
		CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		wait_for(action, provider(needed));
		wait_for_owner(action, needed);
	}
	if (fact->parent)
		wait_for(action, fact->parent->finish);
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

	wait_for(action, provider(fact));
	foreach (lc, fact->children)
		wait_for(action, provider((CfdFact *) lfirst(lc)));
	foreach (lc, old->depends)
	{
		CfdFact *parent = ((CfdDepend *) lfirst(lc))->fact;
		ListCell *ld;

		wait_for(parent->drop, action);
		if (parent->twin == NULL || !cfd_has(parent, "partition_by"))
			continue;
		foreach (ld, parent->twin->children)
			if (cfd_is((CfdFact *) lfirst(ld), "column"))
				wait_for(action, provider((CfdFact *) lfirst(ld)));
		foreach (ld, parent->twin->dependents)
			wait_for(((CfdDepend *) lfirst(ld))->fact->finish, action);
	}
	wait_for(fact->finish, action);
}

/* Writes the key of the name that a fact takes; false when it takes none. */
static bool
taken_name(const CfdFact *fact, char class, FreedName *key)
{
	const char *name = fact->name;
	int flags = fact->kind->flags;

	memset(key, 0, sizeof(FreedName));
	if (class == 'r' && cfd_is(fact, "constraint"))
	{
		const char *type = cfd_text(fact, "type");

		if (strcmp(type, "primary key") != 0 && strcmp(type, "unique") != 0 &&
			strcmp(type, "exclusion") != 0)
			return false;
		name = fact->part;
	}
	else if (!(class == 'r' && (flags & CFD_RELATION)) && !(class == 't' && (flags & CFD_TYPE)) &&
			 !(class == 'f' && (flags & CFD_ROUTINE)))
		return false;
	if (fact->schema == NULL || name == NULL)
		return false;
	snprintf(key->name, sizeof(key->name), "%c%s%c%s", class, fact->schema, 1, name);
	return true;
}

/* A name is freed before it is taken by something else. */
static void
wait_for_names(CfdPlan *plan)
{
	HASHCTL control = {.keysize = sizeof(((FreedName *) 0)->name),
					   .entrysize = sizeof(FreedName),
					   .hcxt = CurrentMemoryContext};
	HTAB *freed = hash_create("freed names", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	const char *classes = "rtf";
	FreedName key;
	ListCell *lc;

	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (!fact->dropped)
			continue;
		for (int i = 0; classes[i]; i++)
			if (taken_name(fact, classes[i], &key))
				((FreedName *) hash_search(freed, key.name, HASH_ENTER, NULL))->drop = fact->drop;
	}
	if (hash_get_num_entries(freed) == 0)
		return;
	foreach (lc, plan->new)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (!fact->created)
			continue;
		for (int i = 0; classes[i]; i++)
			if (taken_name(fact, classes[i], &key))
			{
				FreedName *entry = (FreedName *) hash_search(freed, key.name, HASH_FIND, NULL);

				if (entry)
					wait_for(fact->create, entry->drop);
			}
	}
}

/* A logged table must never refer to an unlogged one. */
static void
order_by_logging(const CfdFact *fact)
{
	CfdAction *action;
	ListCell *lc;

	if (!is_foreign_key(fact) || fact->parent->alter == NULL)
		return;
	action = fact->parent->alter;
	foreach (lc, fact->depends)
	{
		CfdFact *table = ((CfdDepend *) lfirst(lc))->fact->parent;

		if (!cfd_is(table, "table") || table->alter == NULL || table == fact->parent ||
			cfd_equal(table, table->twin, "persistence"))
			continue;
		if (cfd_has(table, "persistence"))
			wait_for(table->alter, action);
		else
			wait_for(action, table->alter);
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
					wait_for_needs(action, fact);
					if (fact->twin)
						wait_for(action, fact->twin->drop);
					if (fact->ousts)
						wait_for(action, fact->ousts->drop);
					break;
				case CFD_PREPARE:
					wait_for_needs(action, fact);
					prepare_first(action, fact);
					break;
				case CFD_ALTER_IT:
					wait_for_needs(action, fact);
					leave_needs(action, fact->twin);
					break;
				case CFD_LEAVE:
					wait_to_leave(action, fact);
					break;
				case CFD_FINISH:
					wait_for_parts_of(action, fact);
					break;
				case CFD_DROP:
					free_needs(action, fact);
					break;
			}
		}
	}
	wait_for_names(plan);
	foreach (lc, plan->new)
		order_by_logging((CfdFact *) lfirst(lc));
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
	if ((a->verb == CFD_DROP) != (b->verb == CFD_DROP))
		return a->verb == CFD_DROP ? 1 : -1;
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

/*
 * Runs the actions in their order: writes their statements. Returns false when some wait for
 * each other: then all has to be thought over, with something replaced that was to be altered.
 */
bool
cfd_order(CfdPlan *plan)
{
	binaryheap *heap;
	int left;
	ListCell *lc;

	make_actions(plan);
	link_actions(plan);
	left = list_length(plan->actions);
	heap = binaryheap_allocate(Max(left, 1), by_preference, NULL);
	foreach (lc, plan->actions)
	{
		CfdAction *action = (CfdAction *) lfirst(lc);

		if (action->waits == 0)
			binaryheap_add_unordered(heap, PointerGetDatum(action));
	}
	binaryheap_build(heap);
	while (!binaryheap_empty(heap))
	{
		CfdAction *action = (CfdAction *) DatumGetPointer(binaryheap_remove_first(heap));

		CHECK_FOR_INTERRUPTS();
		cfd_run(plan, action);
		action->done = true;
		left--;
		foreach (lc, action->followers)
		{
			CfdAction *follower = (CfdAction *) lfirst(lc);

			if (--follower->waits == 0)
				binaryheap_add(heap, PointerGetDatum(follower));
		}
	}
	if (left > 0)
		cfd_break_circle(plan);
	return left == 0;
}
