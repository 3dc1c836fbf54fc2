/*-------------------------------------------------------------------------
 *
 * differ_not_null.c
 *	  NOT NULL, which is an attribute of a column, and a constraint with a name of its
 *	  own since 18.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

/* The NOT NULL constraint of a column, which has a name of its own since 18; NULL before. */
CfdFact *
cfd_not_null_of(const CfdFact *column)
{
	char *definition = psprintf("NOT NULL %s", cfd_part(column));
	ListCell *lc;

	foreach (lc, column->parent->children)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (cfd_is(fact, "constraint") && strcmp(cfd_text(fact, "type"), "not null") == 0 &&
			strncmp(cfd_text(fact, "definition"), definition, strlen(definition)) == 0)
			return fact;
	}
	return NULL;
}

/* The column that a NOT NULL, which is a constraint since 18, is of; or NULL. */
CfdFact *
cfd_not_null_column(const CfdFact *fact)
{
	ListCell *lc;

	if (!cfd_is(fact, "constraint") || strcmp(cfd_text(fact, "type"), "not null") != 0)
		return NULL;
	foreach (lc, fact->depends)
	{
		CfdFact *column = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(column, "column") && column->parent == fact->parent)
			return column;
	}
	return NULL;
}

/* Whether a valid check says already that a column has no NULL. */
bool
cfd_is_checked(const CfdFact *column)
{
	char *wanted = psprintf("CHECK ((%s IS NOT NULL))", cfd_part(column));
	ListCell *lc;

	foreach (lc, column->parent->children)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (cfd_is(fact, "constraint") && !fact->created && cfd_bool(fact, "valid") &&
			strcmp(cfd_text(fact, "definition"), wanted) == 0)
			return true;
	}
	return false;
}

/* Whether a valid check says already what a constraint says. */
bool
cfd_is_known_not_null(const CfdFact *fact)
{
	const CfdFact *column = cfd_not_null_column(fact);

	return column && cfd_is_checked(column);
}

/* Whether a column of the source is no identity column any more. */
bool
cfd_loses_identity(const CfdFact *column)
{
	return cfd_has_identity(column) && column->twin && !cfd_has_identity(column->twin) &&
		   column->alter;
}

/* Whether a NOT NULL with a name has to be there in the middle: what gets an identity must not be NULL. */
bool
cfd_makes_not_null(const CfdFact *old, const CfdFact *new)
{
	const CfdFact *constraint = cfd_not_null_of(new);

	return cfd_has_identity(new) && !cfd_has_identity(old) && constraint && constraint->created;
}

/*
 * The NOT NULL of the source that one of the target is under another name: a column has one at
 * most. NULL when there is none, or when that has another meaning.
 */
CfdFact *
cfd_old_not_null(CfdPlan *plan, const CfdFact *new)
{
	const CfdFact *column = cfd_not_null_column(new);
	const CfdFact *was = column ? cfd_find(plan->source, column->identity) : NULL;
	CfdFact *old = was && was->parent ? cfd_not_null_of(was) : NULL;

	return old && cfd_find(plan->target, old->identity) == NULL ? old : NULL;
}

/* Whether a constraint of the target has another name than its twin. */
bool
cfd_has_another_name(const CfdFact *old, const CfdFact *new)
{
	return cfd_not_null_column(new) && strcmp(old->part, new->part) != 0;
}

/* Whether a constraint is a primary key with a column. */
static bool
is_key_with(const CfdFact *fact, const CfdFact *column)
{
	return cfd_is(fact, "constraint") && strcmp(cfd_text(fact, "type"), "primary key") == 0 &&
		   cfd_needs(fact, column->identity);
}

/* Whether a constraint of the source becomes one of another column. */
static bool
leaves_column(const CfdFact *fact)
{
	return fact->twin && !cfd_equal(fact, fact->twin, "definition");
}

/*
 * NOT NULL is there before a primary key, and gone only after it, and after an identity. PostgreSQL
 * notes no such dependency.
 */
void
cfd_order_not_null(const CfdFact *fact)
{
	const CfdFact *column = cfd_not_null_column(fact);
	ListCell *lc;

	if (column == NULL)
		return;
	foreach (lc, fact->parent->children)
	{
		const CfdFact *key = (const CfdFact *) lfirst(lc);

		if (!is_key_with(key, column))
			continue;
		if (fact->in_target)
			cfd_wait(cfd_provider(key), cfd_provider(fact));
		else
			cfd_wait(fact->drop			   ? fact->drop
					 : leaves_column(fact) ? fact->alter
										   : NULL,
					 key->drop ? key->drop : key->alter);
	}
	if (!fact->in_target && cfd_loses_identity(column))
		cfd_wait(fact->drop, column->alter);
}
