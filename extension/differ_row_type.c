/*-------------------------------------------------------------------------
 *
 * differ_row_type.c
 *	  Routines whose parsed bodies have the row type of a table in them.
 *
 * PostgreSQL refuses to write the rows of a table anew, and to look at those of a domain's
 * columns, while an expression that is stored elsewhere has the row type: a routine with a
 * parameter of it whose body is SQL (RETURN, BEGIN ATOMIC). Such a routine is dropped before,
 * and created after.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ_row_type.h"

/* Whether a routine has a parameter of the row type of a relation, and a body that PostgreSQL has parsed. */
static bool
has_row_type(const CfdFact *routine, const CfdFact *relation)
{
	const char *name = cfd_table(relation);
	const char *type = routine->arguments;

	if ((routine->kind->flags & CFD_ROUTINE) == 0 || cfd_is(routine, "aggregate") || type == NULL)
		return false;
	while ((type = strstr(type, name)) != NULL)
	{
		const char *end = type + strlen(name);

		if ((type == routine->arguments || type[-1] == ' ') && strchr(",[", *end) != NULL)
			return cfd_parse_routine(routine)->sql_body != NULL;
		type = end;
	}
	return false;
}

/* Lets those go that have the row type of a relation. */
void
cfd_disturb_rows(CfdPlan *plan, CfdFact *relation)
{
	ListCell *lc;

	foreach (lc, relation->dependents)
	{
		CfdFact *dependent = ((CfdDepend *) lfirst(lc))->fact;

		if (has_row_type(dependent, relation))
			cfd_drop(plan, dependent, relation->identity);
	}
}

/* Whether a domain, or what it is made of, has constraints. */
static bool
is_checked(const CfdFact *domain)
{
	ListCell *lc;

	if (!cfd_is(domain, "domain"))
		return false;
	if (cfd_bool(domain, "not_null"))
		return true;
	foreach (lc, domain->children)
		if (cfd_is((CfdFact *) lfirst(lc), "domain constraint"))
			return true;
	foreach (lc, domain->depends)
		if (is_checked(((CfdDepend *) lfirst(lc))->fact))
			return true;
	return false;
}

/* Whether a column is of a domain with constraints: PostgreSQL writes the rows of its table when it comes. */
bool
cfd_is_of_checked_domain(const CfdFact *column)
{
	ListCell *lc;

	foreach (lc, cfd_is(column->parent, "table") ? column->depends : NIL)
		if (is_checked(((CfdDepend *) lfirst(lc))->fact))
			return true;
	return false;
}

/* Whether a column that comes, or changes, has PostgreSQL look at every row, or ask whether it has to. */
static bool
touches_rows(const CfdFact *column)
{
	if (column->twin && !column->created)
		return column->moved || cfd_type_changes(column->twin, column);
	return cfd_has(column, "generated") || cfd_has_identity(column) ||
		   cfd_default_of(column) != NULL || cfd_is_of_checked_domain(column);
}

/* Whether PostgreSQL looks at the values of a domain for the sake of what comes, or changes. */
static bool
checks_domain(const CfdFact *new)
{
	if (cfd_is(new, "domain constraint"))
		return new->twin == NULL || !cfd_equal(new->twin, new, "valid");
	return cfd_is(new, "domain") && new->twin &&cfd_bool(new, "not_null") &&
		   !cfd_bool(new->twin, "not_null");
}

/* The tables of the source whose rows are touched by what comes, or changes. */
static List *
tables_of(const CfdFact *new)
{
	const CfdFact *domain = cfd_is(new, "domain") ? new : new->parent;
	List *tables = NIL;
	ListCell *lc;

	if (cfd_is(new, "column") && cfd_of_table(new) && new->parent->twin && touches_rows(new))
		return list_make1(new->parent->twin);
	if (!checks_domain(new) || domain->twin == NULL)
		return NIL;
	foreach (lc, domain->twin->dependents)
	{
		CfdFact *column = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(column, "column") && column->parent)
			tables = list_append_unique_ptr(tables, column->parent);
	}
	return tables;
}

/* Lets those go that stand in the way of what comes, or changes. */
void
cfd_disturb_row_types(CfdPlan *plan, CfdFact *new)
{
	ListCell *lc;

	foreach (lc, tables_of(new))
		cfd_disturb_rows(plan, (CfdFact *) lfirst(lc));
}

/* They are gone before that, and come back after. */
void
cfd_order_row_types(const CfdFact *new)
{
	CfdAction *action = cfd_provider(new);
	ListCell *lc;
	ListCell *ld;

	foreach (lc, action ? tables_of(new) : NIL)
	{
		CfdFact *table = (CfdFact *) lfirst(lc);

		foreach (ld, table->dependents)
		{
			CfdFact *routine = ((CfdDepend *) lfirst(ld))->fact;

			if (routine->drop == NULL || !has_row_type(routine, table))
				continue;
			cfd_wait(action, routine->drop);
			if (routine->twin)
				cfd_wait(routine->twin->create, action);
		}
	}
}
