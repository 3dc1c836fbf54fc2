/*-------------------------------------------------------------------------
 *
 * differ_constraint.c
 *	  Constraints of tables. On tables that are in use they are added so that
 *	  nobody waits while rows are read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

static bool
is_type(const CfdFact *fact, const char *type)
{
	return strcmp(cfd_text(fact, "type"), type) == 0;
}

/* Whether an index of the same name stands behind it. */
bool
cfd_makes_index(const CfdFact *constraint)
{
	return is_type(constraint, "primary key") || is_type(constraint, "unique") ||
		   is_type(constraint, "exclusion");
}

/* Whether it is only there because a parent table has it. */
static bool
is_only_inherited(const CfdFact *fact)
{
	return cfd_bool(fact, "inherited") && !cfd_bool(fact, "local");
}

static bool
is_partitioned(const CfdFact *table)
{
	return cfd_has(table, "partition_by");
}

/* What a key is of: its definition without its type. */
static const char *
key_of(const CfdFact *fact)
{
	const char *definition = cfd_text(fact, "definition");

	if (is_type(fact, "primary key"))
		return definition + strlen("PRIMARY KEY ");
	return is_type(fact, "unique") ? definition + strlen("UNIQUE ") : definition;
}

/* Whether CREATE TABLE would take a key for a repetition of another one, and leave it out. */
static bool
repeats_another(const CfdFact *fact)
{
	ListCell *lc;

	if (!cfd_makes_index(fact) || is_type(fact, "primary key"))
		return false;
	foreach (lc, fact->parent->children)
	{
		const CfdFact *other = (const CfdFact *) lfirst(lc);

		if (other->kind == fact->kind && other != fact && cfd_makes_index(other) &&
			strcmp(key_of(other), key_of(fact)) == 0 &&
			(is_type(other, "primary key") || strcmp(other->identity, fact->identity) < 0))
			return true;
	}
	return false;
}

/* In CREATE TABLE stands what needs nothing that needs the table. */
static CfdFact *
constraint_carrier(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *column = cfd_not_null_column(fact);

	if (fact->parent == NULL || is_type(fact, "foreign key") || !cfd_bool(fact, "valid"))
		return NULL;
	if (repeats_another(fact))
		return NULL;
	/* What INHERITS brings is not said. */
	if (is_only_inherited(fact) && !cfd_has(fact->parent, "partition_of"))
		return NULL;
	if (column && column->created && !fact->parent->created && !is_only_inherited(fact))
		return column;
	return cfd_leads_to(fact, fact->parent) ? NULL : fact->parent;
}

/* The parts of the definition of a key: columns, and whether NULLs are distinct. */
static char *
key_columns(const CfdFact *fact, bool *nulls_not_distinct)
{
	const char *definition = key_of(fact);
	char *columns;
	static const char *const suffixes[] = {" INITIALLY DEFERRED", " DEFERRABLE"};

	*nulls_not_distinct = strncmp(definition, "NULLS NOT DISTINCT ", 19) == 0;
	if (*nulls_not_distinct)
		definition += 19;
	columns = pstrdup(definition);
	if (cfd_bool(fact, "deferrable"))
		for (int i = 0; i < lengthof(suffixes); i++)
		{
			int at = (int) strlen(columns) - (int) strlen(suffixes[i]);

			if (at > 0 && strcmp(columns + at, suffixes[i]) == 0)
				columns[at] = '\0';
		}
	return columns;
}

static const char *
deferrability(const CfdFact *fact)
{
	if (!cfd_bool(fact, "deferrable"))
		return "";
	return cfd_bool(fact, "deferred") ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE";
}

/* The definition, with what can't be said later: the parameters of the index of a partitioned table. */
char *
cfd_constraint_definition(const CfdFact *fact)
{
	char *definition = cfd_text(fact, "definition");
	char *options = cfd_makes_index(fact) ? cfd_options(fact, "options", "") : NULL;
	int len = (int) strlen(definition) - (int) strlen(deferrability(fact));

	if (options == NULL || !is_partitioned(fact->parent))
		return definition;
	return psprintf("%.*s WITH (%s)%s", len, definition, options, deferrability(fact));
}

/* Whether a key can be added to a table in use by way of an index built beside. */
static bool
builds_beside(CfdPlan *plan, const CfdFact *fact)
{
	return plan->online && !(fact->twin && cfd_makes_way(fact->twin)) &&
		   (is_type(fact, "primary key") || is_type(fact, "unique")) && !cfd_bool(fact, "period") &&
		   !is_partitioned(fact->parent) && !cfd_is(fact->parent, "foreign table");
}

/* Whether it can be added first and validated later. */
static bool
validates_later(CfdPlan *plan, const CfdFact *fact)
{
	/* What made way for a type comes back at once, while the table is locked anyway. */
	if (!plan->online || !cfd_bool(fact, "valid") || (fact->twin && cfd_makes_way(fact->twin)) ||
		(cfd_has(fact, "enforced") && !cfd_bool(fact, "enforced")))
		return false;
	if (is_type(fact, "check") || is_type(fact, "not null"))
		return !cfd_is(fact->parent, "foreign table") && !cfd_is_known_not_null(fact);
	return is_type(fact, "foreign key") && !is_partitioned(fact->parent);
}

/* What stands with the index of a constraint. */
void
cfd_constraint_index(CfdPlan *plan, const CfdFact *old, CfdFact *fact, const char *change)
{
	const char *name = quote_qualified_identifier(fact->schema, fact->part);
	bool partitioned = is_partitioned(fact->parent); /* the parameters are in the definition */
	char *set = partitioned ? NULL : cfd_options_alter(old, fact, "options", true);
	char *reset = old && !partitioned ? cfd_options_alter(old, fact, "options", false) : NULL;
	char *tablespace = cfd_text(fact, "tablespace");

	if (set)
		cfd_emit(plan, fact, change, 0, cfd_lock("SHARE UPDATE EXCLUSIVE", name),
				 "ALTER INDEX %s SET (%s)", name, set);
	if (reset)
		cfd_emit(plan, fact, change, 0, cfd_lock("SHARE UPDATE EXCLUSIVE", name),
				 "ALTER INDEX %s RESET (%s)", name, reset);
	if (old ? !cfd_equal(old, fact, "tablespace") : tablespace != NULL)
	{
		cfd_hazard(plan, "rewrite: the index is copied to another tablespace");
		cfd_emit(plan, fact, change, 0, cfd_lock("ACCESS EXCLUSIVE", name),
				 "ALTER INDEX %s SET TABLESPACE %s", name,
				 tablespace ? cfd_quote(tablespace) : "pg_default");
	}
}

/* Builds the index of a key while the table is in use. */
static void
build_beside(CfdPlan *plan, CfdFact *fact, const char *change, const char *index)
{
	bool nulls_not_distinct;
	char *columns = key_columns(fact, &nulls_not_distinct);
	char *options = cfd_options(fact, "options", "");
	char *tablespace = cfd_text(fact, "tablespace");

	cfd_hazard(plan, "may fail: there may be duplicates");
	cfd_emit(plan, fact, change, CFD_TOP_LEVEL,
			 cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(fact->parent)),
			 "CREATE UNIQUE INDEX CONCURRENTLY %s ON %s %s%s%s%s%s%s%s", index,
			 cfd_table(fact->parent), columns, nulls_not_distinct ? " NULLS NOT DISTINCT" : "",
			 options ? " WITH (" : "", options ? options : "", options ? ")" : "",
			 tablespace ? " TABLESPACE " : "", tablespace ? cfd_quote(tablespace) : "");
}

/* Whether the index of a key that is dropped and made anew is built before. */
static bool
constraint_prepares(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return builds_beside(plan, new) && !cfd_is_new(new->parent) && !cfd_needs_replaced(new);
}

static void
prepare_constraint(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	build_beside(plan, new, "create",
				 cfd_quote(cfd_temporary_name(plan, new->parent, new->part, "_new")));
}

/*
 * Adds a constraint to a table that is there; the beginning takes away the one that it
 * replaces, in the same statement, or is "".
 */
static void
add_constraint(CfdPlan *plan, CfdFact *fact, const char *change, const char *beginning)
{
	CfdFact *table = fact->parent;
	const char *name = cfd_part(fact);
	const char *definition = cfd_constraint_definition(fact);
	bool foreign_key = is_type(fact, "foreign key");
	const char *lock = foreign_key ? "SHARE ROW EXCLUSIVE" : "ACCESS EXCLUSIVE";
	/* what a key of partitions is attached to is made without them */
	const char *only = cfd_makes_index(fact) && is_partitioned(table) ? "ONLY " : "";
	const char *word = cfd_is(table, "foreign table") ? "FOREIGN TABLE" : "TABLE";

	if (*beginning)
		lock = "ACCESS EXCLUSIVE";
	if (!cfd_is_new(table) && builds_beside(plan, fact))
	{
		bool replaces = *beginning != '\0' || fact->prepare;
		const char *index =
			replaces ? cfd_quote(cfd_temporary_name(plan, table, fact->part, "_new")) : name;

		if (fact->prepare == NULL)
			build_beside(plan, fact, change, index);
		cfd_emit(plan, fact, change, 0, cfd_lock(lock, cfd_table(table)),
				 "ALTER TABLE %s %sADD CONSTRAINT %s %s USING INDEX %s%s", cfd_table(table),
				 beginning, name, is_type(fact, "primary key") ? "PRIMARY KEY" : "UNIQUE", index,
				 deferrability(fact));
		return;
	}
	if (!cfd_is_new(table) && validates_later(plan, fact))
	{
		cfd_emit(plan, fact, change, 0, cfd_lock(lock, cfd_table(table)),
				 "ALTER %s %s %sADD CONSTRAINT %s %s NOT VALID", word, cfd_table(table), beginning,
				 name, definition);
		cfd_hazard(plan, "may fail: rows that are there may violate it");
		cfd_emit(plan, fact, "validate", CFD_NEW_GROUP,
				 cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(table)),
				 "ALTER TABLE %s VALIDATE CONSTRAINT %s", cfd_table(table), name);
		plan->alone = true;
		return;
	}
	if (!cfd_is_new(table) && cfd_bool(fact, "valid") && !cfd_is(table, "foreign table") &&
		!cfd_is_joined(plan, fact) && !cfd_is_known_not_null(fact))
	{
		cfd_hazard(plan, "may fail: rows that are there may violate it");
		cfd_hazard(plan, "long lock: all of %s is read", table->identity);
	}
	cfd_emit(plan, fact, change, 0, cfd_lock(lock, cfd_table(table)),
			 "ALTER %s %s%s %sADD CONSTRAINT %s %s%s", word, only, cfd_table(table), beginning,
			 name, definition, cfd_bool(fact, "valid") ? "" : " NOT VALID");
	if (cfd_makes_index(fact))
		cfd_constraint_index(plan, NULL, fact, change);
}

/* Adds a constraint to the table of a column that needs it, before its own turn. */
void
cfd_write_constraint(CfdPlan *plan, CfdFact *fact)
{
	add_constraint(plan, fact, "create", "");
	fact->said = true;
}

static void
create_constraint(CfdPlan *plan, CfdFact *fact)
{
	if (fact->said)
		return;
	if (is_type(fact, "foreign key") ? cfd_comes_attached(plan, fact)
									 : is_only_inherited(fact) && !cfd_makes_index(fact))
	{
		/* It comes with that of the parent, unless the table becomes a child only now. */
		CfdFact *table = fact->parent;

		if (is_type(fact, "foreign key") || cfd_comes_with(plan, fact) ||
			(table->created && !cfd_has(table, "partition_of")))
			return;
	}
	add_constraint(plan, fact, "create", "");
}

/* Whether two definitions differ only in when they are checked. */
static bool
differ_in_deferrability(const CfdFact *old, const CfdFact *new)
{
	const char *was = cfd_text(old, "definition");
	const char *is = cfd_text(new, "definition");
	int was_len = (int) strlen(was) - (int) strlen(deferrability(old));
	int is_len = (int) strlen(is) - (int) strlen(deferrability(new));

	return was_len == is_len && was_len > 0 && strncmp(was, is, was_len) == 0;
}

static CfdChange
compare_constraints(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	static const char *const bookkeeping[] = {"inherited", "local", NULL};

	if (cfd_equal_but(old, new, bookkeeping))
		return cfd_has_another_name(old, new) ? CFD_ALTER : CFD_SAME;
	if (!cfd_equal(old, new, "type") || !cfd_equal(old, new, "no_inherit") ||
		!cfd_equal(old, new, "period") || !cfd_equal(old, new, "enforced") ||
		(cfd_bool(old, "valid") && !cfd_bool(new, "valid")))
		return CFD_REPLACE;
	/* Nobody can give the index of a partitioned table other parameters. */
	if (is_partitioned(new->parent) && !cfd_equal(old, new, "options"))
		return CFD_REPLACE;
	if (cfd_equal(old, new, "definition"))
		return CFD_ALTER;
	/* A key that others refer to goes with them. */
	if (old->dependents != NIL && cfd_makes_index(old))
		return CFD_REPLACE;
	if (is_type(new, "exclusion") || (cfd_makes_index(new) && is_partitioned(new->parent)))
		return CFD_REPLACE;
	if (!is_type(new, "foreign key") || !differ_in_deferrability(old, new))
		cfd_remake_about(old);
	return CFD_ALTER;
}

static void
alter_constraint(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	const char *table = cfd_table(new->parent);

	if (is_only_inherited(new) && is_only_inherited(old))
	{
		if (cfd_makes_index(new))
			cfd_constraint_index(plan, old, new, "alter");
		return;
	}
	if (cfd_has_another_name(old, new))
		cfd_emit(plan, new, "rename", 0, cfd_lock("ACCESS EXCLUSIVE", table),
				 "ALTER TABLE %s RENAME CONSTRAINT %s TO %s", table, cfd_part(old), cfd_part(new));
	if (!cfd_equal(old, new, "definition"))
	{
		if (is_type(new, "foreign key") && differ_in_deferrability(old, new))
			cfd_emit(plan, new, "alter", 0, cfd_lock("SHARE ROW EXCLUSIVE", table),
					 "ALTER TABLE %s ALTER CONSTRAINT %s%s", table, cfd_part(new),
					 cfd_bool(new, "deferrable")
						 ? (cfd_bool(new, "deferred") ? " DEFERRABLE INITIALLY DEFERRED"
													  : " DEFERRABLE INITIALLY IMMEDIATE")
						 : " NOT DEFERRABLE");
		else
		{
			add_constraint(plan, new, "replace", psprintf("DROP CONSTRAINT %s, ", cfd_part(old)));
			return;
		}
	}
	if (!cfd_bool(old, "valid") && cfd_bool(new, "valid"))
	{
		cfd_hazard(plan, "may fail: rows that are there may violate it");
		cfd_emit(plan, new, "validate", plan->online ? CFD_NEW_GROUP : 0,
				 cfd_lock("SHARE UPDATE EXCLUSIVE", table), "ALTER TABLE %s VALIDATE CONSTRAINT %s",
				 table, cfd_part(new));
	}
	if (cfd_makes_index(new))
		cfd_constraint_index(plan, old, new, "alter");
}

/* Whether a table of the source remains a child of what it is one of. */
static bool
stays_child(const CfdFact *table)
{
	char *whole = cfd_text(table, "partition_of");
	ListCell *lc;

	if (whole)
		return cfd_stays_child(table, whole);
	foreach (lc, cfd_list(table, "inherits"))
		if (cfd_stays_child(table, (char *) lfirst(lc)))
			return true;
	return false;
}

static void
drop_constraint(CfdPlan *plan, CfdFact *fact)
{
	/* It goes with that of the parent, unless the table ceases to be a child. */
	if (is_only_inherited(fact) && stays_child(fact->parent))
		return;
	cfd_emit(plan, fact, "drop", 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact->parent)),
			 "ALTER %s %s DROP CONSTRAINT %s",
			 cfd_is(fact->parent, "foreign table") ? "FOREIGN TABLE" : "TABLE",
			 cfd_table(fact->parent), cfd_part(fact));
}

/* Whether a table of the target has a primary key. */
static bool
has_key(const CfdFact *table)
{
	ListCell *lc;

	foreach (lc, table->children)
		if (cfd_is((CfdFact *) lfirst(lc), "constraint") &&
			is_type((CfdFact *) lfirst(lc), "primary key"))
			return true;
	return false;
}

static bool
constraint_is_late(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	/* One that comes back goes when that can follow at once. */
	if (new == NULL && old->twin && !old->parent->dropped && !cfd_makes_way(old))
		return constraint_is_late(plan, NULL, old->twin);
	if (new == NULL && !old->parent->dropped && is_type(old, "primary key") &&
		has_key(old->parent->twin))
		return plan->online;
	if (new == NULL || cfd_is_new(new->parent) ||
		(is_type(new, "foreign key") ? cfd_comes_attached(plan, new)
									 : is_only_inherited(new) && !cfd_makes_index(new)))
		return false;
	if (old && cfd_equal(old, new, "definition"))
		return plan->online && !cfd_bool(old, "valid") && cfd_bool(new, "valid");
	return builds_beside(plan, new) || validates_later(plan, new);
}

/* The key of a partitioned table that one of a partition belongs to, or NULL. */
static CfdFact *
partitioned_key(const CfdFact *fact)
{
	ListCell *lc;

	if (!cfd_makes_index(fact) || !cfd_bool(fact, "inherited"))
		return NULL;
	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (depend->how == CFD_INTERNAL && cfd_is(depend->fact, "constraint"))
			return depend->fact;
	}
	return NULL;
}

/* An index of a partition is attached to that of its table. */
static bool
constraint_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdFact *whole = partitioned_key(new);

	return whole && (old == NULL || whole->created) && !cfd_attaches_all(new->parent, whole);
}

static void
finish_constraint(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdFact *whole = partitioned_key(new);

	cfd_emit(plan, new, "alter", 0, NULL, "ALTER INDEX %s ATTACH PARTITION %s",
			 quote_qualified_identifier(whole->schema, whole->part),
			 quote_qualified_identifier(new->schema, new->part));
}

const CfdKind cfd_constraint_kinds[] = {{.name = "constraint",
										 .rank = 50,
										 .compare = compare_constraints,
										 .create = create_constraint,
										 .alter = alter_constraint,
										 .drop = drop_constraint,
										 .carrier = constraint_carrier,
										 .late = constraint_is_late,
										 .prepares = constraint_prepares,
										 .prepare = prepare_constraint,
										 .finishes = constraint_finishes,
										 .finish = finish_constraint},
										{0}};
