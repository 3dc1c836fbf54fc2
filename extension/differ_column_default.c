/*-------------------------------------------------------------------------
 *
 * differ_column_default.c
 *	  Defaults of columns, of tables and of views.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

/* The default of a column, or NULL. */
CfdFact *
cfd_default_of(const CfdFact *column)
{
	ListCell *lc;

	foreach (lc, column->children)
		if (cfd_is((CfdFact *) lfirst(lc), "default"))
			return (CfdFact *) lfirst(lc);
	return NULL;
}

/* A default is said with its column, unless it needs something that needs the table. */
static CfdFact *
default_carrier(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *column = fact->parent;
	CfdFact *table = column ? column->parent : NULL;

	if (table == NULL || !cfd_of_table(column) || cfd_leads_to(fact, table))
		return NULL;
	if (cfd_bool(column, "inherited") && !cfd_bool(column, "local"))
	{
		/* that of a partition is said when it is made as a table of its own */
		if (!table->created || cfd_has(table, "inherits"))
			return NULL;
	}
	return column;
}

/* Whether a default has come with the column of a parent. */
static bool
default_comes_along(CfdPlan *plan, const CfdFact *fact)
{
	CfdFact *from = fact->parent->created ? cfd_comes_with(plan, fact->parent) : NULL;
	CfdFact *other = from && from->created ? cfd_default_of(from) : NULL;

	return other && other->create == from->create && cfd_equal(other, fact, "expression");
}

static void
create_default(CfdPlan *plan, CfdFact *fact)
{
	if (default_comes_along(plan, fact))
		return;
	cfd_alter_table(plan, fact, fact->twin ? "alter" : "create",
					cfd_of_table(fact->parent) ? CFD_ONLY : 0, fact->parent->parent,
					"ALTER COLUMN %s SET DEFAULT %s", cfd_part(fact), cfd_text(fact, "expression"));
}

static CfdChange
compare_defaults(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return CFD_ALTER;
}

static void
alter_default(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	create_default(plan, new);
}

static void
drop_default(CfdPlan *plan, CfdFact *fact)
{
	cfd_alter_table(plan, fact, "drop", cfd_of_table(fact->parent) ? CFD_ONLY : 0,
					fact->parent->parent, "ALTER COLUMN %s DROP DEFAULT", cfd_part(fact));
}

const CfdKind cfd_column_default_kinds[] = {{.name = "default",
											 .rank = 40,
											 .compare = compare_defaults,
											 .create = create_default,
											 .alter = alter_default,
											 .drop = drop_default,
											 .carrier = default_carrier},
											{0}};
