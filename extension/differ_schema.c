/*-------------------------------------------------------------------------
 *
 * differ_schema.c
 *	  Schemas and sequences.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

static void alter_sequence(CfdPlan *plan, CfdFact *old, CfdFact *new);

static void
create_schema(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE SCHEMA %s", cfd_quote(fact->schema));
}

static void
drop_schema(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP SCHEMA %s", cfd_quote(fact->schema));
}

/* Which values a sequence has when nothing is said. */
static void
default_bounds(const CfdFact *fact, const char **minimum, const char **maximum)
{
	const char *type = cfd_text(fact, "type");
	bool descends = cfd_text(fact, "increment")[0] == '-';

	if (strcmp(type, "smallint") == 0)
	{
		*minimum = descends ? "-32768" : "1";
		*maximum = descends ? "-1" : "32767";
	}
	else if (strcmp(type, "integer") == 0)
	{
		*minimum = descends ? "-2147483648" : "1";
		*maximum = descends ? "-1" : "2147483647";
	}
	else
	{
		*minimum = descends ? "-9223372036854775808" : "1";
		*maximum = descends ? "-1" : "9223372036854775807";
	}
}

/* Appends what differs from what a sequence has when nothing is said. */
void
cfd_sequence_options(StringInfo out, const CfdFact *fact, bool with_type)
{
	const char *minimum;
	const char *maximum;
	const char *start;

	default_bounds(fact, &minimum, &maximum);
	start = cfd_text(fact, "increment")[0] == '-' ? cfd_text(fact, "maximum")
												  : cfd_text(fact, "minimum");
	if (with_type && strcmp(cfd_text(fact, "type"), "bigint") != 0)
		appendStringInfo(out, " AS %s", cfd_text(fact, "type"));
	if (strcmp(cfd_text(fact, "increment"), "1") != 0)
		appendStringInfo(out, " INCREMENT BY %s", cfd_text(fact, "increment"));
	if (strcmp(cfd_text(fact, "minimum"), minimum) != 0)
		appendStringInfo(out, " MINVALUE %s", cfd_text(fact, "minimum"));
	if (strcmp(cfd_text(fact, "maximum"), maximum) != 0)
		appendStringInfo(out, " MAXVALUE %s", cfd_text(fact, "maximum"));
	if (strcmp(cfd_text(fact, "start"), start) != 0)
		appendStringInfo(out, " START WITH %s", cfd_text(fact, "start"));
	if (strcmp(cfd_text(fact, "cache"), "1") != 0)
		appendStringInfo(out, " CACHE %s", cfd_text(fact, "cache"));
	if (cfd_bool(fact, "cycle"))
		appendStringInfoString(out, " CYCLE");
}

/* The column that a sequence belongs to, or NULL. */
static CfdFact *
column_of(const CfdFact *sequence)
{
	ListCell *lc;

	foreach (lc, sequence->depends)
		if (cfd_is(((CfdDepend *) lfirst(lc))->fact, "column"))
			return ((CfdDepend *) lfirst(lc))->fact;
	return NULL;
}

/* The sequence of an identity column that stays one, under another name. */
static void
rename_identity(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *column = column_of(fact);
	ListCell *lc;

	if (column == NULL || column->created || !cfd_has(column->twin, "identity"))
		return;
	foreach (lc, column->twin->dependents)
	{
		CfdFact *old = ((CfdDepend *) lfirst(lc))->fact;
		const char *lock = cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact));

		if (!cfd_is(old, "sequence") || old->twin)
			continue;
		if (strcmp(old->schema, fact->schema) != 0)
			cfd_emit(plan, fact, "alter", 0, lock, "ALTER SEQUENCE %s SET SCHEMA %s",
					 cfd_table(old), cfd_quote(fact->schema));
		if (strcmp(old->name, fact->name) != 0)
			cfd_emit(plan, fact, "rename", 0, lock, "ALTER SEQUENCE %s RENAME TO %s",
					 quote_qualified_identifier(fact->schema, old->name), cfd_quote(fact->name));
		alter_sequence(plan, old, fact);
	}
}

static void
create_sequence(CfdPlan *plan, CfdFact *fact)
{
	StringInfoData options;

	/* That of an identity column is made with it. */
	if (cfd_bool(fact, "identity"))
	{
		rename_identity(plan, fact);
		return;
	}
	initStringInfo(&options);
	cfd_sequence_options(&options, fact, true);
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE %sSEQUENCE %s%s",
			 cfd_has(fact, "persistence") ? "UNLOGGED " : "", cfd_table(fact), options.data);
}

/* The identity column that a sequence is a part of, or NULL. */
static CfdFact *
sequence_carrier(CfdPlan *plan, CfdFact *fact)
{
	return cfd_bool(fact, "identity") ? column_of(fact) : NULL;
}

static CfdChange
compare_sequences(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	/* Of a column that becomes, or ceases to be, an identity column. */
	return cfd_equal(old, new, "identity") ? CFD_ALTER : CFD_REPLACE;
}

static int64
number(const CfdFact *sequence, const char *key)
{
	return strtoi64(cfd_text(sequence, key), NULL, 10);
}

/*
 * Where a sequence is, a snapshot does not know. One that has not come to its new bounds yet
 * is moved there, never back: numbers would come twice. Tells whether it has to begin anew.
 */
static bool
move_into_bounds(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	bool descends = number(new, "increment") < 0;
	bool lower = number(new, "minimum") > number(old, "minimum");
	bool upper = number(new, "maximum") < number(old, "maximum");
	const char *first = cfd_text(new, descends ? "maximum" : "minimum");

	if (number(new, "minimum") > number(old, "maximum") ||
		number(new, "maximum") < number(old, "minimum"))
	{
		cfd_hazard(plan, "data loss: the position of %s, which begins anew", new->identity);
		return true;
	}
	if (descends ? upper : lower)
		cfd_emit(
			plan, new, "alter", 0, NULL,
			"SELECT pg_catalog.setval(%s, %s(last_value, %s), is_called AND last_value OPERATOR(pg_catalog.%s) %s) FROM %s",
			cfd_literal(cfd_table(new)), descends ? "least" : "greatest", first,
			descends ? "<=" : ">=", first, cfd_table(new));
	if (descends ? lower : upper)
		cfd_hazard(plan, "may fail: %s may have gone beyond its new bounds", new->identity);
	return false;
}

static void
set_persistence(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "alter", 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact)),
			 "ALTER SEQUENCE %s SET %s", cfd_table(fact),
			 cfd_has(fact, "persistence") ? "UNLOGGED" : "LOGGED");
}

static void
alter_sequence(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	static const char *const words[][2] = {{"type", "AS"},			{"increment", "INCREMENT BY"},
										   {"minimum", "MINVALUE"}, {"maximum", "MAXVALUE"},
										   {"start", "START WITH"}, {"cache", "CACHE"}};
	const char *lock = cfd_lock("SHARE ROW EXCLUSIVE", cfd_table(new));
	StringInfoData options;

	initStringInfo(&options);
	for (int i = 0; i < lengthof(words); i++)
		if (!cfd_equal(old, new, words[i][0]) ||
			/* another type brings other bounds */
			(strcmp(words[i][0], "minimum") == 0 || strcmp(words[i][0], "maximum") == 0
				 ? !cfd_equal(old, new, "type")
				 : false))
			appendStringInfo(&options, " %s %s", words[i][1], cfd_text(new, words[i][0]));
	if (!cfd_equal(old, new, "cycle"))
		appendStringInfoString(&options, cfd_bool(new, "cycle") ? " CYCLE" : " NO CYCLE");
	if (move_into_bounds(plan, old, new))
		appendStringInfoString(&options, " RESTART");
	if (options.len)
		cfd_emit(plan, new, "alter", 0, lock, "ALTER SEQUENCE %s%s", cfd_table(new), options.data);
	if (!cfd_equal(old, new, "persistence") && !cfd_bool(new, "identity"))
		set_persistence(plan, new);
	if (!cfd_equal(old, new, "owned_by") && cfd_has(old, "owned_by"))
		cfd_emit(plan, new, "alter", 0, lock, "ALTER SEQUENCE %s OWNED BY NONE", cfd_table(new));
}

/* The table of the column that a sequence belongs to, or NULL. */
static CfdFact *
table_of(const CfdFact *sequence)
{
	ListCell *lc;

	foreach (lc, sequence->depends)
	{
		CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(needed, "column") && needed->parent)
			return needed->parent;
	}
	return NULL;
}

/* Whether the sequence of an identity column is to be logged other than its table has made it. */
static bool
persists_apart(const CfdFact *old, const CfdFact *new)
{
	const CfdFact *table = cfd_bool(new, "identity") ? table_of(new) : NULL;

	if (table == NULL)
		return false;
	if (old && table->twin && cfd_equal(table->twin, table, "persistence"))
		return !cfd_equal(old, new, "persistence");
	return !cfd_equal(table, new, "persistence");
}

/* Whose a sequence is, and what its table says of it otherwise, can be said when that is there. */
static bool
sequence_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return persists_apart(old, new) || (cfd_has(new, "owned_by") && !cfd_bool(new, "identity") &&
										(old == NULL || !cfd_equal(old, new, "owned_by")));
}

/*
 * A sequence has to have the owner of the table before it can belong to it: of one that is there,
 * or that has been made and given away by now.
 */
static void
take_owner_of_table(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdFact *table = table_of(new);
	CfdFact *owner;
	CfdFact *was;
	const char *role;

	if (table == NULL)
		return;
	owner = cfd_find(plan->target, psprintf("owner of %s", table->identity));
	if (owner == NULL ||
		(table->created ? owner->create == NULL || !owner->create->done : owner->twin == NULL))
		return;
	role = owner->twin && plan->owner && strcmp(owner->role, plan->owner) == 0 ? owner->twin->role
																			   : owner->role;
	was = old ? cfd_find(plan->source, psprintf("owner of %s", old->identity)) : NULL;
	if (was ? strcmp(was->role, role) != 0 : plan->owner == NULL || strcmp(role, plan->owner) != 0)
		cfd_emit(plan, new, "alter", 0, NULL, "ALTER SEQUENCE %s OWNER TO %s", cfd_table(new),
				 cfd_quote(role));
}

static void
finish_sequence(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (cfd_bool(new, "identity"))
	{
		set_persistence(plan, new);
		return;
	}
	take_owner_of_table(plan, old, new);
	cfd_emit(plan, new, "alter", 0, cfd_lock("SHARE ROW EXCLUSIVE", cfd_table(new)),
			 "ALTER SEQUENCE %s OWNED BY %s", cfd_table(new), cfd_text(new, "owned_by"));
}

static void
drop_sequence(CfdPlan *plan, CfdFact *fact)
{
	if (cfd_bool(fact, "identity"))
		return;
	cfd_hazard(plan, "data loss: the position of %s is lost", fact->identity);
	cfd_emit(plan, fact, "drop", 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact)),
			 "DROP SEQUENCE %s", cfd_table(fact));
}

const CfdKind cfd_schema_kinds[] = {
	{.name = "schema", .rank = 1, .create = create_schema, .drop = drop_schema},
	{.name = "sequence",
	 .rank = 20,
	 .flags = CFD_RELATION,
	 .compare = compare_sequences,
	 .create = create_sequence,
	 .alter = alter_sequence,
	 .drop = drop_sequence,
	 .carrier = sequence_carrier,
	 .finishes = sequence_finishes,
	 .finish = finish_sequence},
	{0}};
