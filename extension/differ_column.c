/*-------------------------------------------------------------------------
 *
 * differ_column.c
 *	  Columns of tables.
 *
 * The columns of a view come with it, the attributes of a composite type are
 * those of differ_type.c; what another type means is in differ_column_type.c, defaults are in
 * differ_column_default.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ_row_type.h"

/* Whether a fact is a part of a table, not of a view. */
bool
cfd_of_table(const CfdFact *fact)
{
	return cfd_is(fact->parent, "table") || cfd_is(fact->parent, "foreign table");
}

/*
 * The part of a parent table that a part of the target is inherited from; NULL
 * when it is not, or when it has to be said all the same.
 */
CfdFact *
cfd_inherited_from(CfdPlan *plan, const CfdFact *part)
{
	HTAB *side = part->in_target ? plan->target : plan->source;
	List *parents;
	ListCell *lc;

	if (!cfd_bool(part, "inherited") || part->parent == NULL)
		return NULL;
	parents = cfd_list(part->parent, "inherits");
	if (cfd_has(part->parent, "partition_of"))
		parents = list_make1(cfd_text(part->parent, "partition_of"));
	foreach (lc, parents)
	{
		CfdFact *from = cfd_find(side, psprintf("%s %s.%s", part->kind->name, (char *) lfirst(lc),
												quote_identifier(part->part)));

		if (from)
			return from;
	}
	return NULL;
}

/*
 * The part of a parent table with which a part comes and goes; NULL when the table becomes a
 * child, or ceases to be one, in this plan.
 */
CfdFact *
cfd_comes_with(CfdPlan *plan, const CfdFact *part)
{
	CfdFact *from = cfd_inherited_from(plan, part);

	return from && cfd_stays_child(part->parent, cfd_table(from->parent)) ? from : NULL;
}

/* The sequence of an identity column, or NULL. */
static CfdFact *
sequence_of(const CfdFact *column)
{
	ListCell *lc;

	foreach (lc, column->dependents)
	{
		CfdFact *fact = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(fact, "sequence") && cfd_bool(fact, "identity"))
			return fact;
	}
	return NULL;
}

/* Whether a column is an identity column by itself, not as one of a partition. */
bool
cfd_has_identity(const CfdFact *column)
{
	return cfd_has(column, "identity") &&
		   !(CF_PARTITIONS_HAVE_IDENTITY && cfd_has(column->parent, "partition_of"));
}

/* Whether what it says of identity changes. */
static bool
identity_changes(const CfdFact *old, const CfdFact *new)
{
	return cfd_has_identity(old) != cfd_has_identity(new) ||
		   (cfd_has_identity(new) && !cfd_equal(old, new, "identity"));
}

/* GENERATED ... AS IDENTITY with its options. */
static void
identity_clause(StringInfo out, const CfdFact *column)
{
	CfdFact *sequence = sequence_of(column);
	StringInfoData options;

	appendStringInfo(out, "GENERATED %s AS IDENTITY",
					 strcmp(cfd_text(column, "identity"), "always") == 0 ? "ALWAYS" : "BY DEFAULT");
	if (sequence == NULL)
		return;
	initStringInfo(&options);
	if (strcmp(sequence->name, psprintf("%s_%s_seq", column->name, column->part)) != 0 ||
		strcmp(sequence->schema, column->schema) != 0)
		appendStringInfo(&options, " SEQUENCE NAME %s", cfd_table(sequence));
	cfd_sequence_options(&options, sequence, false);
	if (options.len)
		appendStringInfo(out, " (%s)", options.data + 1);
}

/*
 * Whether a child says again what its parent says: how a column is generated it must not
 * (before 16).
 */
static bool
is_merged(CfdPlan *plan, const CfdFact *column)
{
	CfdFact *from = cfd_has(column->parent, "inherits") ? cfd_inherited_from(plan, column) : NULL;

	return from && cfd_equal(from, column, "generated") && cfd_equal(from, column, "expression");
}

/* Appends a column as CREATE TABLE and ADD COLUMN have it. */
void
cfd_column_clause(StringInfo out, CfdPlan *plan, const CfdFact *column)
{
	CfdFact *value = cfd_default_of(column);
	CfdFact *constraint;
	char *text;

	appendStringInfo(out, "%s %s", cfd_part(column), cfd_text(column, "type"));
	if ((text = cfd_foreign_options(NULL, column, "foreign_options")) != NULL)
		appendStringInfoString(out, text);
	if ((text = cfd_text(column, "compression")) != NULL)
		appendStringInfo(out, " COMPRESSION %s", text);
	if ((text = cfd_text(column, "collation")) != NULL)
		appendStringInfo(out, " COLLATE %s", text);
	if (value && value->create == column->create)
		appendStringInfo(out, " DEFAULT %s", cfd_text(value, "expression"));
	if ((text = cfd_text(column, "generated")) != NULL && !is_merged(plan, column))
		appendStringInfo(out, " GENERATED ALWAYS AS (%s) %s", cfd_text(column, "expression"),
						 strcmp(text, "virtual") == 0 ? "VIRTUAL" : "STORED");
	if (cfd_has_identity(column))
	{
		appendStringInfoChar(out, ' ');
		identity_clause(out, column);
	}
	constraint = cfd_not_null_of(column);
	if (constraint && constraint->create == column->create && !column->parent->created)
		appendStringInfo(out, " CONSTRAINT %s NOT NULL%s", cfd_part(constraint),
						 cfd_bool(constraint, "no_inherit") ? " NO INHERIT" : "");
	else if (cfd_bool(column, "not_null") && constraint == NULL)
		appendStringInfoString(out, " NOT NULL");
}

/* What a column has that its clause can't say. */
void
cfd_column_attributes(CfdPlan *plan, const CfdFact *old, CfdFact *new)
{
	const char *name = cfd_part(new);
	const char *change = old ? "alter" : "create";
	CfdFact *table = new->parent;
	char *options;
	const char *text;

	bool resets = old && !cfd_equal(old, new, "type");

	/* Another type comes with its own storage, and no compression. */
	if (old && !resets ? !cfd_equal(old, new, "storage") : cfd_has(new, "storage"))
	{
		text = cfd_text(new, "storage");
		if (text == NULL)
			text = cfd_default_storage(cfd_text(new, "type"));
		cfd_alter_table(plan, new, change, CFD_ONLY, table, "ALTER COLUMN %s SET STORAGE %s", name,
						text);
	}
	if (resets ? cfd_has(new, "compression") : old && !cfd_equal(old, new, "compression"))
	{
		text = cfd_text(new, "compression");
		cfd_alter_table(plan, new, change, CFD_ONLY, table, "ALTER COLUMN %s SET COMPRESSION %s",
						name, text ? text : "default");
	}
	if (old ? !cfd_equal(old, new, "statistics") : cfd_has(new, "statistics"))
	{
		text = cfd_text(new, "statistics");
		cfd_alter_table(plan, new, change, CFD_ONLY, table, "ALTER COLUMN %s SET STATISTICS %s",
						name, text ? text : "-1");
	}
	options = cfd_options_alter(old, new, "options", true);
	if (options)
		cfd_alter_table(plan, new, change, CFD_ONLY, table, "ALTER COLUMN %s SET (%s)", name,
						options);
	options = old ? cfd_options_alter(old, new, "options", false) : NULL;
	if (options)
		cfd_alter_table(plan, new, change, CFD_ONLY, table, "ALTER COLUMN %s RESET (%s)", name,
						options);
	if (old && (text = cfd_foreign_options(old, new, "foreign_options")) != NULL)
		cfd_alter_table(plan, new, change, 0, table, "ALTER COLUMN %s %s", name, text);
}

/* What a new child does not want of a column as its parent has it. */
void
cfd_change_inherited(CfdPlan *plan, CfdFact *column)
{
	CfdFact *from = cfd_inherited_from(plan, column);

	if (from == NULL)
		return;
	if (cfd_default_of(from) && cfd_default_of(column) == NULL)
		cfd_alter_table(plan, column, "create", CFD_ONLY, column->parent,
						"ALTER COLUMN %s DROP DEFAULT", cfd_part(column));
	if (cfd_bool(column, "not_null") && !cfd_bool(from, "not_null") && !cfd_not_null_of(column))
		cfd_alter_table(plan, column, "create", CFD_ONLY, column->parent,
						"ALTER COLUMN %s SET NOT NULL", cfd_part(column));
}

/* A column of a new table is contained in that. */
static CfdFact *
column_carrier(CfdPlan *plan, CfdFact *fact)
{
	return fact->parent;
}

static void
create_column(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *from = cfd_comes_with(plan, fact);
	CfdFact *value = cfd_default_of(fact);
	StringInfoData clause;

	if (!cfd_of_table(fact))
		return; /* of a view */
	if (cfd_attribute_of(plan, fact))
	{
		/* It has come with the attribute of the type of the table. */
		if (value && value->create == fact->create)
			cfd_alter_table(plan, fact, "create", 0, fact->parent, "ALTER COLUMN %s SET DEFAULT %s",
							cfd_part(fact), cfd_text(value, "expression"));
		if (cfd_bool(fact, "not_null") && !cfd_not_null_of(fact))
			cfd_alter_table(plan, fact, "create", 0, fact->parent, "ALTER COLUMN %s SET NOT NULL",
							cfd_part(fact));
		cfd_column_attributes(plan, NULL, fact);
		return;
	}
	if (from && (from->created || from->alter))
	{
		/* It has come with that of the parent, and its default. */
		if (cfd_default_of(from) && value == NULL)
			cfd_alter_table(plan, fact, "create", CFD_ONLY, fact->parent,
							"ALTER COLUMN %s DROP DEFAULT", cfd_part(fact));
		return;
	}
	initStringInfo(&clause);
	cfd_column_clause(&clause, plan, fact);
	if (value && value->create == fact->create && !cfd_is_constant(cfd_text(value, "expression")))
		cfd_hazard(plan, "rewrite: %s is written anew, unless its default is the same for all rows",
				   fact->parent->identity);
	if (cfd_has(fact, "generated") && strcmp(cfd_text(fact, "generated"), "stored") == 0)
		cfd_hazard(plan, "rewrite: %s is written anew with the values of %s",
				   fact->parent->identity, fact->identity);
	if (cfd_has_identity(fact))
		cfd_hazard(plan, "rewrite: %s is written anew with numbers", fact->parent->identity);
	if (cfd_is_of_checked_domain(fact))
		cfd_hazard(plan, "rewrite: %s is written anew with values that the domain of %s allows",
				   fact->parent->identity, fact->identity);
	if (cfd_bool(fact, "not_null") && value == NULL && !cfd_has_identity(fact) &&
		!cfd_has(fact, "generated") && !cfd_is(fact->parent, "foreign table"))
		cfd_hazard(plan, "may fail: %s is NOT NULL without a default, and %s may have rows",
				   fact->identity, fact->parent->identity);
	cfd_alter_table(plan, fact, "create", 0, fact->parent, "ADD COLUMN %s", clause.data);
	cfd_column_attributes(plan, NULL, fact);
}

static void
drop_column(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *from = cfd_comes_with(plan, fact);

	if (!cfd_of_table(fact) || (from && from->dropped) || cfd_attribute_of(plan, fact))
		return;
	if (!cfd_is(fact->parent, "foreign table") &&
		!(cfd_has(fact, "generated") && fact->twin && cfd_has(fact->twin, "generated")))
		cfd_hazard(plan, "data loss: all values of %s", fact->identity);
	cfd_hint_rename(plan, fact);
	if (fact->twin)
		cfd_hazard(plan, "not reversible: %s is dropped and made anew", fact->identity);
	cfd_alter_table(plan, fact, "drop", 0, fact->parent, "DROP COLUMN %s", cfd_part(fact));
}

static CfdChange
compare_columns(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	static const char *const bookkeeping[] = {"inherited", "local", NULL};

	if (cfd_is(new->parent, "materialized view"))
		return CFD_ALTER;
	if (!cfd_of_table(new) || cfd_equal_but(old, new, bookkeeping))
		return CFD_SAME;
	if (cfd_has(new, "generated") &&
		(!cfd_has(old, "generated") || !cfd_equal(old, new, "generated")))
		return CFD_REPLACE;
	if (cfd_has(old, "generated") && !cfd_has(new, "generated") &&
		strcmp(cfd_text(old, "generated"), "virtual") == 0)
		return CFD_REPLACE;
	if (cfd_has(new, "generated") && !cfd_equal(old, new, "expression") && !CF_CAN_SET_EXPRESSION)
		return CFD_REPLACE;
	if (cfd_type_changes(old, new))
	{
		if (cfd_is_partition_key(old))
			cfd_remake_partitioned(plan, old);
		cfd_disturb(plan, old);
	}
	return CFD_ALTER;
}

/* Tells whether the parent's column changes in the same way, and brings a change along. */
static bool
comes_along(CfdPlan *plan, const CfdFact *old, const CfdFact *new, const char *key)
{
	CfdFact *from = cfd_comes_with(plan, new);

	return from && from->twin && !from->created && !cfd_equal(from->twin, from, key) &&
		   cfd_equal(from->twin, old, key) && cfd_equal(from, new, key);
}

/* Tells whether the type, or what the type has become, comes from a parent table or a type. */
static bool
moves_along(CfdPlan *plan, const CfdFact *new)
{
	CfdFact *from = cfd_comes_with(plan, new);

	if (from && from->moved)
		return true;
	return cfd_attribute_of(plan, new) != NULL;
}

static bool
gets_not_null(const CfdFact *old, const CfdFact *new)
{
	return cfd_bool(new, "not_null") && !cfd_bool(old, "not_null");
}

/*
 * SET NOT NULL reads the whole table under its lock, unless a check has been validated before;
 * with another type it is one statement, since what depends on the column is missing meanwhile.
 */
static void
set_not_null(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdFact *table = new->parent;
	const char *name = cfd_table(table);
	const char *check = cfd_quote(cfd_temporary_name(plan, table, new->part, "_not_null"));

	cfd_hazard(plan, "may fail: %s may have NULLs", new->identity);
	if (cfd_is_checked(new))
		plan->hazards = NIL;
	else if (plan->online && !cfd_is(table, "foreign table") && !cfd_is_new(table) &&
			 !cfd_type_changes(old, new))
	{
		cfd_alter_table(plan, new, "alter", CFD_NEW_STATEMENT, table,
						"ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID", check, cfd_part(new));
		cfd_hazard(plan, "may fail: %s may have NULLs", new->identity);
		cfd_emit(plan, new, "validate", CFD_NEW_GROUP, cfd_lock("SHARE UPDATE EXCLUSIVE", name),
				 "ALTER TABLE %s VALIDATE CONSTRAINT %s", name, check);
		plan->alone = true;
		cfd_alter_table(plan, new, "alter", 0, table, "ALTER COLUMN %s SET NOT NULL",
						cfd_part(new));
		cfd_alter_table(plan, new, "alter", 0, table, "DROP CONSTRAINT %s", check);
		return;
	}
	else
		cfd_hazard(plan, "long lock: all of %s is read", table->identity);
	cfd_alter_table(plan, new, "alter", 0, table, "ALTER COLUMN %s SET NOT NULL", cfd_part(new));
}

/* ADD GENERATED, SET GENERATED or DROP IDENTITY. */
static void
alter_identity(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	StringInfoData clause;

	initStringInfo(&clause);
	if (!cfd_has_identity(new))
	{
		cfd_hazard(plan, "data loss: the position of the sequence of %s", old->identity);
		cfd_alter_table(plan, new, "alter", 0, new->parent, "ALTER COLUMN %s DROP IDENTITY",
						cfd_part(new));
	}
	else if (!cfd_has_identity(old))
	{
		identity_clause(&clause, new);
		cfd_hazard(plan, "changes results: the numbers of %s begin at the start of a new sequence",
				   new->identity);
		cfd_alter_table(plan, new, "alter", 0, new->parent, "ALTER COLUMN %s ADD %s", cfd_part(new),
						clause.data);
	}
	else
		cfd_alter_table(plan, new, "alter", 0, new->parent, "ALTER COLUMN %s SET GENERATED %s",
						cfd_part(new),
						strcmp(cfd_text(new, "identity"), "always") == 0 ? "ALWAYS" : "BY DEFAULT");
}

static void
alter_column(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdFact *table = new->parent;

	if (cfd_is(table, "materialized view"))
	{
		cfd_column_attributes(plan, old, new);
		return;
	}
	if (cfd_has(old, "generated") && !cfd_has(new, "generated") &&
		!comes_along(plan, old, new, "generated"))
		cfd_alter_table(plan, new, "alter", 0, table, "ALTER COLUMN %s DROP EXPRESSION",
						cfd_part(new));
	if (cfd_has(new, "generated") && !cfd_equal(old, new, "expression"))
	{
		cfd_hazard(plan, "rewrite: %s is written anew", table->identity);
		/* PostgreSQL drops columns first: what the expression has read may be among them. */
		cfd_alter_table(plan, new, "alter", CFD_NEW_STATEMENT, table,
						"ALTER COLUMN %s SET EXPRESSION AS (%s)", cfd_part(new),
						cfd_text(new, "expression"));
	}
	/* SET NOT NULL comes before ADD GENERATED, DROP NOT NULL after DROP IDENTITY. */
	if (identity_changes(old, new) && !cfd_has_identity(new))
		alter_identity(plan, old, new);
	if ((cfd_type_changes(old, new) || new->moved) && !comes_along(plan, old, new, "type") &&
		!comes_along(plan, old, new, "collation") && !moves_along(plan, new))
		cfd_alter_column_type(plan, old, new);
	cfd_column_attributes(plan, old, new);
	if (gets_not_null(old, new) && !cfd_not_null_of(new) &&
		!comes_along(plan, old, new, "not_null"))
		set_not_null(plan, old, new);
	else if (cfd_makes_not_null(old, new))
		cfd_write_constraint(plan, cfd_not_null_of(new));
	else if (cfd_bool(old, "not_null") && !cfd_bool(new, "not_null") && !cfd_not_null_of(old) &&
			 !comes_along(plan, old, new, "not_null"))
		cfd_alter_table(plan, new, "alter", 0, table, "ALTER COLUMN %s DROP NOT NULL",
						cfd_part(new));
	if (identity_changes(old, new) && cfd_has_identity(new))
		alter_identity(plan, old, new);
}

static bool
column_is_late(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return plan->online && old && new && cfd_of_table(new) && !cfd_is_new(new->parent) &&
		   gets_not_null(old, new) && !cfd_type_changes(old, new) && !cfd_is_checked(new);
}

const CfdKind cfd_column_kinds[] = {{.name = "column",
									 .rank = 32,
									 .compare = compare_columns,
									 .create = create_column,
									 .alter = alter_column,
									 .drop = drop_column,
									 .carrier = column_carrier,
									 .late = column_is_late},
									{0}};
