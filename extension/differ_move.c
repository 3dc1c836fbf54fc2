/*-------------------------------------------------------------------------
 *
 * differ_move.c
 *	  Types that can't be changed where they are, while columns are made of them.
 *
 * Such a type is moved: the old one gets another name, the new one is made, every column
 * is given the new type by an ALTER that converts its values, and at last the old one
 * is dropped. No column is dropped, and no row. In the terms of this differ, a fact that is
 * moved is dropped and created, but its creation comes first: it waits for nothing
 * but that what speaks of the type - functions, views, checks, defaults - is gone, since
 * that would follow the old type to its other name; and its drop waits for the columns.
 * A type that is made of a moved one - a domain over an enum, a composite type with
 * an attribute of it - is moved too. Collations are moved in the same way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "differ.h"

/* Whether a fact needs another one, of its side. */
bool
cfd_needs(const CfdFact *fact, const char *identity)
{
	ListCell *lc;

	foreach (lc, fact->depends)
		if (strcmp(((CfdDepend *) lfirst(lc))->fact->identity, identity) == 0)
			return true;
	return false;
}

/* Whether a kind of fact is one that columns are made of. */
static bool
is_material(const CfdFact *fact)
{
	return cfd_is(fact, "type") || cfd_is(fact, "domain") || cfd_is(fact, "collation");
}

static bool
of_table(const CfdFact *column)
{
	return cfd_is(column, "column") &&
		   (cfd_is(column->parent, "table") || cfd_is(column->parent, "foreign table"));
}

/* Whether a column or a type of the target is made of a type, maybe by way of others. */
static bool
is_made_of(const CfdFact *fact, const CfdFact *type)
{
	ListCell *lc;

	check_stack_depth();
	foreach (lc, fact->depends)
	{
		const CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(needed, "attribute"))
			needed = needed->parent;
		if (needed == type || (is_material(needed) && is_made_of(needed, type)))
			return true;
	}
	foreach (lc, fact->children)
		if (cfd_is((CfdFact *) lfirst(lc), "attribute") && is_made_of((CfdFact *) lfirst(lc), type))
			return true;
	return false;
}

/*
 * Returns a column, or typed table, that is made of a type of the source, maybe by way of
 * another type, before and after; or NULL.
 */
CfdFact *
cfd_user_of(const CfdFact *type)
{
	ListCell *lc;

	check_stack_depth();
	foreach (lc, type->dependents)
	{
		CfdFact *fact = ((CfdDepend *) lfirst(lc))->fact;
		CfdFact *user;

		/* Of what is no composite type any more all attributes go with the type. */
		if (cfd_is(fact, "attribute") && fact->twin == NULL && fact->parent->twin &&
			!cfd_equal(fact->parent, fact->parent->twin, "type"))
			fact = fact->parent;
		if (fact->twin == NULL)
			continue;
		if (of_table(fact) && !cfd_has(fact, "generated"))
		{
			if (type->twin && is_made_of(fact->twin, type->twin))
				return fact;
			continue;
		}
		if (cfd_is(fact, "table") && cfd_has(fact->twin, "of_type"))
			return fact;
		if (cfd_is(fact, "attribute"))
			fact = fact->parent;
		user = is_material(fact) && fact->twin ? cfd_user_of(fact) : NULL;
		if (user)
			return user;
	}
	return NULL;
}

/* Adds the tables that have columns made of a type, or are of it. */
static void
add_tables(const CfdFact *type, List **tables)
{
	ListCell *lc;

	check_stack_depth();
	foreach (lc, type->dependents)
	{
		CfdFact *fact = ((CfdDepend *) lfirst(lc))->fact;

		if (of_table(fact) || cfd_is(fact, "attribute"))
			fact = fact->parent;
		if (cfd_is(fact, "table"))
			*tables = list_append_unique_ptr(*tables, fact);
		else if (is_material(fact))
			add_tables(fact, tables);
	}
}

/* The locks that a change of a type of the source takes on tables, or NULL for none. */
const char *
cfd_locks(const char *mode, const CfdFact *type)
{
	List *tables = NIL;
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	if (type)
		add_tables(type, &tables);
	foreach (lc, tables)
		appendStringInfo(&out, "%s%s on %s", out.len ? ", " : "", mode,
						 cfd_table((CfdFact *) lfirst(lc)));
	return out.len ? out.data : NULL;
}

/* The locks on typed tables, which change along; NULL when there are none. */
const char *
cfd_typed_locks(const CfdFact *type)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, type->dependents)
	{
		CfdFact *table = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(table, "table") && cfd_has(table, "of_type"))
			appendStringInfo(&out, "%sACCESS EXCLUSIVE on %s", out.len ? ", " : "",
							 cfd_table(table));
	}
	return out.len ? out.data : NULL;
}

static bool
is_taken(CfdPlan *plan, const char *schema, const char *name)
{
	List *sides[] = {plan->old, plan->new};
	ListCell *lc;

	for (int i = 0; i < lengthof(sides); i++)
		foreach (lc, sides[i])
		{
			CfdFact *fact = (CfdFact *) lfirst(lc);

			if (fact->schema && fact->name && fact->part == NULL &&
				strcmp(fact->schema, schema) == 0 && strcmp(fact->name, name) == 0)
				return true;
		}
	return false;
}

/* A name, not quoted, that nothing has in a schema. */
char *
cfd_name_aside(CfdPlan *plan, const char *schema, const char *name)
{
	const char *begin = pnstrdup(name, pg_mbcliplen(name, strlen(name), NAMEDATALEN - 9));
	char *aside = psprintf("%s_old", begin);

	for (int i = 2; is_taken(plan, schema, aside); i++)
		aside = psprintf("%s_old%d", begin, i);
	return aside;
}

/*
 * Says, of a fact of the source that is to be dropped and comes back, whether it is moved. What
 * can't be, and has columns that are made of it, is an error.
 */
void
cfd_decide_to_move(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *user;

	if (!is_material(fact) || fact->twin == NULL || (user = cfd_user_of(fact)) == NULL)
		return;
	if (cfd_is(fact, "type") && strcmp(cfd_text(fact, "type"), "base") == 0)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("%s can't be made anew while %s uses it", fact->identity, user->identity),
				errhint("Make another type, and give the column that one."));
	fact->moved = fact->twin->moved = true;
	fact->aside = cfd_name_aside(plan, fact->schema, fact->name);
}

/* Lets a column of the source be altered to what its type has become. */
static void
move_column(CfdPlan *plan, CfdFact *column, CfdFact *gone)
{
	ListCell *lc;

	if (column->moved)
		return;
	column->moved = column->twin->moved = true;
	column->change = column->twin->change = CFD_ALTER;
	cfd_disturb(plan, column);
	/* Both sides of a foreign key have one type, before and after. */
	foreach (lc, column->dependents)
	{
		CfdFact *fact = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(fact, "constraint") && strcmp(cfd_text(fact, "type"), "foreign key") == 0)
			cfd_drop(plan, fact, column->identity);
	}
	if (cfd_is_partition_key(column))
		cfd_remake_partitioned(plan, column);
}

/*
 * Deals with a fact that needs what goes, other than by letting it go too. Returns false
 * when it has to go.
 */
bool
cfd_follow_move(CfdPlan *plan, CfdFact *dependent, CfdFact *gone)
{
	if (of_table(dependent) && !cfd_has(dependent, "generated") && dependent->twin &&
		(is_material(gone) || cfd_is(gone, "extension")))
	{
		if (!gone->moved)
			ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("%s can't be made anew while %s uses it", gone->identity,
						   dependent->identity),
					errhint("Give the column another type first."));
		move_column(plan, dependent, gone);
		return true;
	}
	if (cfd_is(dependent, "table") && dependent->twin && gone->moved)
	{
		dependent->moved = dependent->twin->moved = true;
		dependent->change = dependent->twin->change = CFD_ALTER;
		return true;
	}
	/* Only its default needs what is no type; its constraints are facts of their own. */
	if (cfd_is(dependent, "domain") && dependent->twin && !is_material(gone) &&
		!cfd_is(gone, "extension") && !cfd_is(gone, "schema"))
		return true;
	if (cfd_is(dependent, "table") && dependent->twin && cfd_is(gone, "access method"))
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("%s can't be made anew while %s uses it", gone->identity, dependent->identity),
			errhint("Give the table another access method first."));
	/* What a view or a composite type consists of goes with it. */
	if ((cfd_is(dependent, "column") && !of_table(dependent)) || cfd_is(dependent, "attribute"))
	{
		if (dependent->parent)
			cfd_drop(plan, dependent->parent, gone->identity);
		return true;
	}
	return cfd_is_loose(dependent, gone);
}

/* Whether a fact of the source goes, to come back, while a type that it needs is moved. */
bool
cfd_makes_way(const CfdFact *fact)
{
	ListCell *lc;

	foreach (lc, fact->depends)
		if (((CfdDepend *) lfirst(lc))->fact->moved)
			return true;
	return false;
}

/*
 * Whether an operator family stays when a fact goes: a member that no class has goes
 * with its operator or function.
 */
bool
cfd_is_loose(const CfdFact *family, const CfdFact *gone)
{
	return cfd_is(family, "operator family") &&
		   (cfd_is(gone, "operator") || (gone->kind->flags & (CFD_ROUTINE | CFD_TYPE)) != 0);
}

/*
 * Whether a function is one by which a type reads and writes its values: each of the two
 * needs the other. The type is first made as a shell, and goes along with the functions.
 */
bool
cfd_is_support(const CfdFact *function, const CfdFact *type)
{
	return cfd_is(type, "type") && (function->kind->flags & CFD_ROUTINE) != 0 &&
		   cfd_needs(function, type->identity) && cfd_needs(type, function->identity);
}

/* The attribute that a column of a typed table comes, changes and goes with, or NULL. */
CfdFact *
cfd_attribute_of(CfdPlan *plan, const CfdFact *column)
{
	const CfdFact *table = column->parent;
	const char *type;
	CfdFact *attribute;

	if (!cfd_is(column, "column") || !cfd_is(table, "table") || table->twin == NULL ||
		table->created || table->dropped || table->moved ||
		(type = cfd_text(table, "of_type")) == NULL || !cfd_equal(table, table->twin, "of_type"))
		return NULL;
	attribute = cfd_find(column->in_target ? plan->target : plan->source,
						 psprintf("attribute %s.%s", type, cfd_part(column)));
	return attribute && !(attribute->parent && attribute->parent->moved) ? attribute : NULL;
}

/*
 * Gives a range type of the source another name. Its constructors are functions of its
 * name, which they keep: they get another one too.
 */
static void
rename_range(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	const char *name = cfd_name(old);
	const char *aside = cfd_quote(old->aside);
	const char *subtype = cfd_text(old, "subtype");
	const char *multirange = cfd_text(old, "multirange");
	char *multi_aside = unconstify(
		char *, cfd_quote(cfd_name_aside(plan, old->schema, psprintf("%s_multi", old->name))));

	cfd_emit(plan, new, "replace", 0, NULL, "ALTER FUNCTION %s(%s, %s) RENAME TO %s", name, subtype,
			 subtype, aside);
	cfd_emit(plan, new, "replace", 0, NULL, "ALTER FUNCTION %s(%s, %s, text) RENAME TO %s", name,
			 subtype, subtype, aside);
	cfd_emit(plan, new, "replace", 0, NULL, "ALTER FUNCTION %s() RENAME TO %s", multirange,
			 multi_aside);
	cfd_emit(plan, new, "replace", 0, NULL, "ALTER FUNCTION %s(%s) RENAME TO %s", multirange, name,
			 multi_aside);
	cfd_emit(plan, new, "replace", 0, NULL, "ALTER FUNCTION %s(VARIADIC %s[]) RENAME TO %s",
			 multirange, name, multi_aside);
	cfd_emit(plan, new, "replace", 0, NULL, "ALTER TYPE %s RENAME TO %s", multirange, multi_aside);
}

/* Gives the old one of a moved fact of the target its other name. */
void
cfd_put_aside(CfdPlan *plan, CfdFact *new)
{
	CfdFact *old = new->twin;

	if (cfd_is(old, "type") && strcmp(cfd_text(old, "type"), "range") == 0)
		rename_range(plan, old, new);
	cfd_emit(plan, new, "replace", 0, NULL, "ALTER %s %s RENAME TO %s",
			 cfd_is(old, "type")	 ? "TYPE"
			 : cfd_is(old, "domain") ? "DOMAIN"
									 : "COLLATION",
			 cfd_name(old), cfd_quote(old->aside));
}
