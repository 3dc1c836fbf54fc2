/*-------------------------------------------------------------------------
 *
 * differ_wait.c
 *	  What has to wait for what among the actions of a plan, by the dependencies of
 *	  both sides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "differ_row_type.h"

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

/* Whether a partition has left a table, and comes back to it only at last: it changes without that. */
static bool
is_apart(const CfdFact *fact, const CfdFact *table)
{
	char *whole = fact->loose ? cfd_text(fact, "partition_of") : NULL;

	return whole && (fact->leave || (fact->twin && fact->twin->leave)) && cfd_is(table, "table") &&
		   strcmp(whole, cfd_table(table)) == 0;
}

/* What is made or changed comes after all that it needs. */
static void
wait_for_needs(CfdPlan *plan, CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;
	char *type = cfd_is(fact, "constraint") ? cfd_text(fact, "type") : NULL;

	CfdFact *attribute = cfd_attribute_of(plan, fact);
	CfdFact *whole = cfd_whole_key(fact);

	cfd_wait(action, fact->parent ? provider_for(fact, fact->parent) : NULL);
	cfd_wait(action, attribute ? cfd_provider(attribute) : NULL);
	/* It is joined to that of its table. */
	if (whole && whole->created && !cfd_attaches(fact->parent) && !cfd_comes_attached(plan, fact))
		cfd_wait(whole->create, action);
	else
		whole = NULL;
	foreach (lc, fact->depends)
	{
		CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_comes_first(fact, (CfdDepend *) lfirst(lc)))
		{
			/* One that takes the name of that of an identity column comes after it. */
			if (fact->twin && cfd_bool(fact->twin, "identity"))
				cfd_wait(action, needed->alter);
			continue;
		}
		if (is_needed_later(fact, needed) || needed == whole || is_apart(fact, needed))
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

/* A column of a child changes with that of its parent: what must be gone before is so before either. */
static void
before_change(CfdPlan *plan, CfdAction *action, const CfdFact *needed)
{
	CfdFact *column = cfd_is(needed, "column") ? needed->twin : NULL;

	for (; column; column = cfd_inherited_from(plan, column))
		if (column->twin && !column->created)
			cfd_wait(column->alter, action);
}

/* The attributes of a type come in their order. */
static void
wait_for_attributes(CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;
	ListCell *ln;

	foreach (ln, cfd_list(fact->parent, "attributes"))
	{
		const char *name = (const char *) lfirst(ln);

		if (strcmp(name, fact->part) == 0)
			break;
		foreach (lc, fact->parent->children)
		{
			const CfdFact *other = (const CfdFact *) lfirst(lc);

			if (cfd_is(other, "attribute") && strcmp(other->part, name) == 0)
				cfd_wait(action, other->create);
		}
	}
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
		{
			cfd_wait(fact->parent->alter, action);
			before_change(plan, action, fact->parent);
		}
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
			!(cfd_not_null_column(fact) == depend->fact && cfd_loses_identity(depend->fact)) &&
			(depend->fact != fact->parent || !cfd_is(fact->parent, "table")) &&
			!(cfd_is(fact, "table") && cfd_is(depend->fact, "table")))
		{
			cfd_wait(depend->fact->alter, action);
			before_change(plan, action, depend->fact);
		}
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
		if (!is_apart(old, ((CfdDepend *) lfirst(lc))->fact))
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
		if (!cfd_comes_attached(plan, (CfdFact *) lfirst(lc)) &&
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

/* Whoever refers to a table refers to its partitions: he is gone before one can leave. */
static void
wait_for_referrers(CfdAction *action, const CfdFact *table)
{
	ListCell *lc;
	ListCell *ld;

	foreach (lc, cfd_has(table, "partition_by") ? table->children : NIL)
		foreach (ld, ((CfdFact *) lfirst(lc))->dependents)
		{
			CfdFact *fact = ((CfdDepend *) lfirst(ld))->fact;

			if (cfd_is(fact, "constraint") && fact->parent != table &&
				strcmp(cfd_text(fact, "type"), "foreign key") == 0 &&
				cfd_whole_key(fact) != (CfdFact *) lfirst(lc))
				cfd_wait(action, fact->drop);
		}
}

/* A partition whose table is made anew leaves before that goes, and before anything of it changes. */
static void
leave_first(CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;

	foreach (lc, fact->children)
		cfd_wait(cfd_provider((CfdFact *) lfirst(lc)), action);
	foreach (lc, fact->twin->children)
		cfd_wait(((CfdFact *) lfirst(lc))->drop, action);
	foreach (lc, fact->twin->depends)
	{
		const CfdFact *table = ((CfdDepend *) lfirst(lc))->fact;

		cfd_wait(table->drop, action);
		wait_for_referrers(action, table);
	}
	cfd_wait(fact->alter, action);
	cfd_wait(fact->finish, action);
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

	if (fact->loose)
	{
		leave_first(action, fact);
		return;
	}
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
void
cfd_link_actions(CfdPlan *plan)
{
	ListCell *lc;
	ListCell *lm;
	ListCell *lp;

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
					if (cfd_is(fact, "attribute"))
						wait_for_attributes(action, fact);
					if (cfd_is(fact, "trigger"))
						cfd_wait_for_triggers(action, fact);
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
					if (fact->loose)
						foreach (lp, fact->twin->depends)
							wait_for_referrers(action, ((CfdDepend *) lfirst(lp))->fact);
					break;
				case CFD_LEAVE:
					if (cfd_is(fact, "table") || fact->loose)
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
					cfd_make_room(action, fact);
					break;
			}
		}
	}
	cfd_wait_for_names(plan);
	foreach (lc, plan->old)
		cfd_order_not_null((CfdFact *) lfirst(lc));
	foreach (lc, plan->new)
	{
		cfd_order_not_null((CfdFact *) lfirst(lc));
		cfd_order_by_logging((CfdFact *) lfirst(lc));
		cfd_order_incomplete((CfdFact *) lfirst(lc));
		cfd_order_filling((CfdFact *) lfirst(lc));
		cfd_order_row_types((CfdFact *) lfirst(lc));
	}
	cfd_hope_for_mentions(plan);
}
