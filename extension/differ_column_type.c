/*-------------------------------------------------------------------------
 *
 * differ_column_type.c
 *	  Columns that get another type: what stands in its way, what becomes of the values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"

#include "differ_row_type.h"

/* Whether a column has another type, or another collation. */
bool
cfd_type_changes(const CfdFact *old, const CfdFact *new)
{
	return !cfd_equal(old, new, "type") || !cfd_equal(old, new, "collation");
}

/*
 * Lets go what stands in the way of another type: PostgreSQL changes indexes and constraints
 * itself; extended statistics too, but it forgets their target.
 */
void
cfd_disturb(CfdPlan *plan, CfdFact *old)
{
	ListCell *lc;

	foreach (lc, old->dependents)
	{
		CfdFact *dependent = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(dependent, "index") || cfd_is(dependent, "constraint") ||
			cfd_is(dependent, "sequence") ||
			(cfd_is(dependent, "statistics") && !cfd_has(dependent, "statistics")))
			continue;
		cfd_drop(plan, dependent, old->identity);
	}
	foreach (lc, old->children)
		if (cfd_is((CfdFact *) lfirst(lc), "default"))
			cfd_drop(plan, (CfdFact *) lfirst(lc), old->identity);
	cfd_disturb_rows(plan, old->parent);
}

/* Whether a column is in the partition key of its table: PostgreSQL notes it so. */
bool
cfd_is_partition_key(const CfdFact *column)
{
	ListCell *lc;

	foreach (lc, column->depends)
	{
		const CfdDepend *depend = (const CfdDepend *) lfirst(lc);

		if (depend->fact == column->parent && depend->how == CFD_INTERNAL &&
			cfd_has(column->parent, "partition_by"))
			return true;
	}
	return false;
}

/* The sequence that goes with a table, with its position; or NULL. */
static CfdFact *
sequence_of(const CfdFact *table)
{
	ListCell *lc;
	ListCell *ld;

	foreach (lc, table->children)
		foreach (ld, ((CfdFact *) lfirst(lc))->dependents)
		{
			const CfdDepend *depend = (const CfdDepend *) lfirst(ld);

			if (cfd_is(depend->fact, "sequence") && depend->how != CFD_NORMAL)
				return depend->fact;
		}
	return NULL;
}

/*
 * PostgreSQL changes no column by which rows are put into partitions. A partitioned table has no rows
 * itself: it is made anew, and the partitions, which have them, leave it before and come back.
 */
void
cfd_remake_partitioned(CfdPlan *plan, CfdFact *old)
{
	CfdFact *table = old->parent;
	const CfdFact *sequence = sequence_of(table);

	if (sequence)
		ereport(
			ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("the type of %s can't be changed: it is in the partition key", old->identity),
			errdetail(
				"The table would have to be made anew, and %s goes with it, with its position.",
				sequence->identity),
			errhint(
				"Let a sequence that no column owns give the numbers (DROP IDENTITY, or ALTER SEQUENCE "
				"... OWNED BY NONE, and a default with nextval()); or make another partitioned table, "
				"and move the rows to it."));
	cfd_drop(plan, table, old->identity);
}

/* Whether the server can tell that values need not be touched for another type. */
static bool
keeps_values(const char *old_type, const char *new_type)
{
	Oid old_oid;
	Oid new_oid;
	int32 old_mod;
	int32 new_mod;
	Oid function;

	if (!cfd_parse_type(old_type, &old_oid, &old_mod) ||
		!cfd_parse_type(new_type, &new_oid, &new_mod))
		return false;
	if (old_oid != new_oid && find_coercion_pathway(new_oid, old_oid, COERCION_ASSIGNMENT,
													&function) != COERCION_PATH_RELABELTYPE)
		return false;
	if (new_mod < 0)
		return true;
	if (old_mod < 0)
		return false;
	switch (new_oid)
	{
		case VARCHAROID:
		case VARBITOID:
			return (old_oid == VARCHAROID || old_oid == VARBITOID) && new_mod >= old_mod;
		case NUMERICOID:
			/* the scale must stay */
			return ((new_mod - VARHDRSZ) & 0x7ff) == ((old_mod - VARHDRSZ) & 0x7ff) &&
				   new_mod >= old_mod;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case TIMEOID:
		case TIMETZOID:
			return old_oid == new_oid && new_mod >= old_mod;
		default:
			return old_oid == new_oid && old_mod == new_mod;
	}
}

/* Whether an assignment converts one type to another: else USING must say how. */
static bool
is_assignable(const char *old_type, const char *new_type)
{
	Oid old_oid;
	Oid new_oid;
	int32 mod;

	return cfd_parse_type(old_type, &old_oid, &mod) && cfd_parse_type(new_type, &new_oid, &mod) &&
		   can_coerce_type(1, &old_oid, &new_oid, COERCION_ASSIGNMENT);
}

/* Whether every value of one type is one of another: there is an implicit cast, and no limit. */
bool
cfd_is_widening(const char *old_type, const char *new_type)
{
	Oid old_oid;
	Oid new_oid;
	int32 mod;

	return cfd_parse_type(old_type, &old_oid, &mod) && cfd_parse_type(new_type, &new_oid, &mod) &&
		   mod < 0 && can_coerce_type(1, &old_oid, &new_oid, COERCION_IMPLICIT);
}

/* ALTER COLUMN ... TYPE, and what it means for the rows. */
void
cfd_alter_column_type(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	char *old_type = cfd_text(old, "type");
	char *new_type = cfd_text(new, "type");
	char *collation = cfd_text(new, "collation");
	char *using = plan->using ? cfd_text_in(plan->using, new->identity) : NULL;
	StringInfoData clause;

	initStringInfo(&clause);
	appendStringInfo(&clause, "ALTER COLUMN %s TYPE %s", cfd_part(new), new_type);
	if (collation)
		appendStringInfo(&clause, " COLLATE %s", collation);
	if (using)
		appendStringInfo(&clause, " USING %s", using);
	else if (!is_assignable(old_type, new_type) && !cfd_is(new->parent, "foreign table"))
	{
		char *conversion = cfd_conversion(plan, old_type, new_type, cfd_part(new));

		if (strcmp(conversion, cfd_part(new)) != 0)
			appendStringInfo(&clause, " USING %s", conversion);
	}
	if (cfd_is(new->parent, "foreign table"))
		cfd_hazard(plan, "changes results: the values of %s are read as %s", new->identity,
				   new_type);
	else if (using || !keeps_values(old_type, new_type))
	{
		cfd_hazard(plan, "rewrite: %s is written anew", new->parent->identity);
		if (strcmp(old_type, new_type) == 0)
			cfd_conversion_hazards(plan, new, new_type);
		else if (using || !cfd_is_widening(old_type, new_type))
			cfd_hazard(plan, "may fail: every value of %s must be one of %s", new->identity,
					   new_type);
	}
	else if (new->moved || !cfd_equal(old, new, "collation"))
		cfd_hazard(plan, "long lock: indexes on %s are built anew", new->identity);
	cfd_alter_table(plan, new, "alter", 0, new->parent, "%s", clause.data);
	cfd_drop_helpers(plan, new);
}
