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
