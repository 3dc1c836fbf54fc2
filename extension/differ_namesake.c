/*-------------------------------------------------------------------------
 *
 * differ_namesake.c
 *	  What follows from renames: the names that were made from them, and the texts
 *	  that mention them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "differ_rename.h"

static void
add_word(List **words, const char *old, const char *new)
{
	CfdWord *word;
	ListCell *lc;

	if (old == NULL || new == NULL || strcmp(old, new) == 0)
		return;
	foreach (lc, *words)
	{
		word = (CfdWord *) lfirst(lc);
		if (strcmp(word->old, old) == 0 && strcmp(word->new, new) == 0)
			return;
	}
	word = palloc(sizeof(CfdWord));
	word->old = old;
	word->new = new;
	*words = lappend(*words, word);
}

/* Notes the words that a rename makes others of. */
void
cfd_add_words(List **words, const CfdRename *rename)
{
	add_word(words, rename->fact->schema, rename->to->schema);
	add_word(words, rename->fact->name, rename->to->name);
	add_word(words, rename->fact->part, rename->to->part);
	/* as one text, where the payload has a qualified name */
	if (rename->fact->part == NULL && rename->fact->schema)
		add_word(words, cfd_table(rename->fact), cfd_table(rename->to));
}

/* What is written of a sequence: it follows the name of its table and column. */
static bool
belongs_to(const CfdFact *fact, const CfdFact *table)
{
	ListCell *lc;

	if (fact->parent == table)
		return cfd_is(fact, "constraint") || cfd_is(fact, "index");
	if (!cfd_is(fact, "sequence"))
		return false;
	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (depend->how != CFD_NORMAL && depend->fact->parent == table)
			return true;
	}
	return false;
}

/* Whether it has the name of one of a parent table, and gets another with it. */
static bool
is_inherited(CfdPlan *plan, const CfdFact *fact)
{
	return cfd_is(fact, "constraint") && cfd_bool(fact, "inherited") &&
		   (strcmp(cfd_text(fact, "type"), "check") == 0 ||
			strcmp(cfd_text(fact, "type"), "not null") == 0);
}

/* Finds what a constraint, an index or a sequence of a table has become, if it has another name. */
static void
find_namesake(CfdPlan *plan, CfdFact *fact, const CfdFact *table, List *words, List **renames)
{
	List *more = list_copy(words);
	ListCell *lc;
	ListCell *lr;

	if (cfd_find(plan->target, fact->identity))
		return;
	foreach (lc, plan->new)
	{
		CfdFact *other = (CfdFact *) lfirst(lc);
		bool used = false;

		if (other->kind != fact->kind || !belongs_to(other, table) ||
			cfd_find(plan->source, other->identity))
			continue;
		foreach (lr, *renames)
			used = used || ((CfdRename *) lfirst(lr))->to == other;
		if (used)
			continue;
		more = list_copy(words);
		add_word(&more, cfd_own_name(fact), cfd_own_name(other));
		if (cfd_same_payload(fact, other, more))
		{
			CfdRename *rename = cfd_new_rename(fact, other);

			rename->silent = is_inherited(plan, fact);
			*renames = lappend(*renames, rename);
			return;
		}
	}
}

/* Whether a table, or a column of it, has another name than before. */
static bool
is_touched(const CfdFact *table, List *renames)
{
	ListCell *lc;

	foreach (lc, renames)
	{
		const CfdFact *fact = ((CfdRename *) lfirst(lc))->fact;

		if (fact == table || fact->parent == table)
			return true;
	}
	return false;
}

/* Finds what was named after what has another name, and has one now itself. */
List *
cfd_find_namesakes(CfdPlan *plan, List *renames, List *words)
{
	List *more = NIL;
	ListCell *lc;
	ListCell *lf;

	foreach (lc, plan->old)
	{
		CfdFact *table = (CfdFact *) lfirst(lc);
		CfdFact *now = cfd_find(plan->target, table->identity);

		if ((table->kind->flags & CFD_RELATION) == 0 || now == NULL || !is_touched(table, renames))
			continue;
		foreach (lf, plan->old)
		{
			CHECK_FOR_INTERRUPTS();
			if (belongs_to((CfdFact *) lfirst(lf), table))
				find_namesake(plan, (CfdFact *) lfirst(lf), now, words, &more);
		}
	}
	return more;
}

/* The index or key of a partitioned table to which that of a partition is attached, or NULL. */
static const CfdFact *
attached_to(const CfdFact *fact)
{
	ListCell *lc;

	if (!(cfd_is(fact, "index") && cfd_has(fact, "partition_of")) &&
		!(cfd_is(fact, "constraint") && cfd_makes_index(fact) && cfd_bool(fact, "inherited")))
		return NULL;
	foreach (lc, fact->depends)
	{
		const CfdDepend *depend = (const CfdDepend *) lfirst(lc);

		if (depend->fact->kind == fact->kind && depend->how != CFD_NORMAL)
			return depend->fact;
	}
	return NULL;
}

/* What has become of what is attached: with the same, under another name, in the same partition. */
static CfdFact *
find_attached(CfdPlan *plan, CfdFact *fact, const CfdFact *whole, List *words)
{
	const CfdFact *table = cfd_find(plan->target, fact->parent->identity);
	ListCell *lc;

	if (table == NULL || !cfd_equal(fact->parent, table, "partition_of") ||
		!cfd_equal(fact->parent, table, "partition_bound"))
		return NULL;
	foreach (lc, table->children)
	{
		CfdFact *other = (CfdFact *) lfirst(lc);
		const CfdFact *now = attached_to(other);
		List *more = list_copy(words);

		if (now == NULL || other->kind != fact->kind || strcmp(now->identity, whole->identity) != 0)
			continue;
		add_word(&more, cfd_own_name(fact), cfd_own_name(other));
		return cfd_find(plan->source, other->identity) == NULL &&
					   cfd_same_payload(fact, other, more)
				   ? other
				   : NULL;
	}
	return NULL;
}

/*
 * Finds what is attached to an index of a partitioned table and has another name: it is the one of
 * its partition, so that nothing is guessed, and it can't be dropped while the other stays.
 */
List *
cfd_find_attached(CfdPlan *plan, List *words)
{
	List *renames = NIL;
	ListCell *lc;

	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		const CfdFact *whole = fact->parent ? attached_to(fact) : NULL;
		CfdFact *to;

		CHECK_FOR_INTERRUPTS();
		if (whole == NULL || cfd_find(plan->target, fact->identity))
			continue;
		to = find_attached(plan, fact, whole, words);
		if (to)
			renames = lappend(renames, cfd_new_rename(fact, to));
	}
	return renames;
}

/* Whether a fact has to do with one that has another name. */
static bool
is_concerned(const CfdFact *fact, List *renamed)
{
	ListCell *lc;

	for (const CfdFact *part = fact; part; part = part->parent)
		if (list_member_ptr(renamed, part))
			return true;
	foreach (lc, fact->children)
		if (list_member_ptr(renamed, lfirst(lc)))
			return true;
	foreach (lc, fact->depends)
	{
		const CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		for (const CfdFact *part = needed; part; part = part->parent)
			if (list_member_ptr(renamed, part))
				return true;
	}
	return false;
}

/* A view whose columns have other names shows something else, whatever its text looks like. */
static bool
has_other_columns(CfdPlan *plan, const CfdFact *view)
{
	ListCell *lc;

	if (!cfd_is(view, "view") && !cfd_is(view, "materialized view"))
		return false;
	foreach (lc, view->children)
	{
		const CfdFact *column = (const CfdFact *) lfirst(lc);

		if (cfd_is(column, "column") && cfd_find(plan->target, column->identity) == NULL)
			return true;
	}
	return false;
}

/* Lets what mentions the old names mention the new ones. */
void
cfd_take_all_names(CfdPlan *plan, List *renames, List *words)
{
	List *renamed = NIL;
	ListCell *lc;

	foreach (lc, renames)
		renamed = lappend(renamed, ((CfdRename *) lfirst(lc))->fact);
	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		CfdFact *to = cfd_find(plan->target, fact->identity);

		CHECK_FOR_INTERRUPTS();
		if (to == NULL || to->kind != fact->kind || strcmp(fact->hash, to->hash) == 0 ||
			cfd_is(fact, "comment") || cfd_is(fact, "security label") || cfd_is(fact, "owner") ||
			cfd_is(fact, "grant") || !is_concerned(fact, renamed) || has_other_columns(plan, fact))
			continue;
		cfd_take_names(fact, to, words);
	}
}
