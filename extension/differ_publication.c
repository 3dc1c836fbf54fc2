/*-------------------------------------------------------------------------
 *
 * differ_publication.c
 *	  Publications and what they contain.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

/* insert, update */
static char *
publish_list(const CfdFact *fact)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, cfd_list(fact, "publish"))
		appendStringInfo(&out, "%s%s", out.len ? ", " : "", (char *) lfirst(lc));
	return out.data;
}

/* The parameters that differ from those of old, or from what a new publication has; or NULL. */
static char *
parameters(const CfdFact *old, const CfdFact *new)
{
	StringInfoData out;
	char *generated = cfd_text(new, "generated_columns");

	initStringInfo(&out);
	if (old ? !cfd_equal(old, new, "publish")
			: strcmp(publish_list(new), "insert, update, delete, truncate") != 0)
		appendStringInfo(&out, "publish = %s", cfd_literal(publish_list(new)));
	if (old ? !cfd_equal(old, new, "via_partition_root") : cfd_bool(new, "via_partition_root"))
		appendStringInfo(&out, "%spublish_via_partition_root = %s", out.len ? ", " : "",
						 cfd_bool(new, "via_partition_root") ? "true" : "false");
	if (generated &&
		(old ? !cfd_equal(old, new, "generated_columns") : strcmp(generated, "none") != 0))
		appendStringInfo(&out, "%spublish_generated_columns = %s", out.len ? ", " : "", generated);
	return out.len ? out.data : NULL;
}

static void
create_publication(CfdPlan *plan, CfdFact *fact)
{
	char *with = parameters(NULL, fact);

	cfd_emit(plan, fact, "create", 0, NULL, "CREATE PUBLICATION %s%s%s%s%s", cfd_quote(fact->name),
			 cfd_bool(fact, "all_tables") ? " FOR ALL TABLES" : "", with ? " WITH (" : "",
			 with ? with : "", with ? ")" : "");
}

static CfdChange
compare_publications(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_equal(old, new, "all_tables") ? CFD_ALTER : CFD_REPLACE;
}

static void
alter_publication(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	cfd_hazard(plan, "changes results: what subscribers of %s get", cfd_quote(new->name));
	cfd_emit(plan, new, "alter", 0, NULL, "ALTER PUBLICATION %s SET (%s)", cfd_quote(new->name),
			 parameters(old, new));
}

static void
drop_publication(CfdPlan *plan, CfdFact *fact)
{
	cfd_hazard(plan, "changes results: subscribers of %s get nothing%s", cfd_quote(fact->name),
			   fact->twin ? " between, and must refresh" : "");
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP PUBLICATION %s", cfd_quote(fact->name));
}

/* A table that others inherit from: its children are members by themselves, or not. */
static const char *
only(const CfdFact *fact)
{
	ListCell *lc;
	ListCell *ld;

	foreach (lc, fact->depends)
		foreach (ld, ((CfdDepend *) lfirst(lc))->fact->dependents)
		{
			const CfdFact *child = ((CfdDepend *) lfirst(ld))->fact;

			if (cfd_is(child, "table") && cfd_has(child, "inherits"))
				return "ONLY ";
		}
	return "";
}

/* TABLE public.a (x, y) WHERE (x > 0) */
static char *
table_clause(const CfdFact *fact)
{
	List *columns = cfd_list(fact, "columns");
	char *where = cfd_text(fact, "where");
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	appendStringInfo(&out, "TABLE %s%s", only(fact), cfd_text(fact, "table"));
	foreach (lc, columns)
		appendStringInfo(&out, "%s%s", foreach_current_index(lc) ? ", " : " (",
						 cfd_quote((char *) lfirst(lc)));
	if (columns)
		appendStringInfoChar(&out, ')');
	if (where)
		appendStringInfo(&out, " WHERE (%s)", where);
	return out.data;
}

/* Says that subscribers notice, unless there are none yet. */
static void
subscribers_notice(CfdPlan *plan, const CfdFact *part)
{
	if (part->parent && !part->parent->created)
		cfd_hazard(plan, "changes results: what subscribers of %s get, after they have refreshed",
				   cfd_quote(part->name));
}

static void
add_table(CfdPlan *plan, CfdFact *fact)
{
	subscribers_notice(plan, fact);
	cfd_emit(plan, fact, "create", 0, NULL, "ALTER PUBLICATION %s ADD %s", cfd_quote(fact->name),
			 table_clause(fact));
}

static void
remove_table(CfdPlan *plan, CfdFact *fact)
{
	subscribers_notice(plan, fact);
	cfd_emit(plan, fact, "drop", 0, NULL, "ALTER PUBLICATION %s DROP TABLE %s%s",
			 cfd_quote(fact->name), only(fact), cfd_text(fact, "table"));
}

static void
add_schema(CfdPlan *plan, CfdFact *fact)
{
	subscribers_notice(plan, fact);
	cfd_emit(plan, fact, "create", 0, NULL, "ALTER PUBLICATION %s ADD TABLES IN SCHEMA %s",
			 cfd_quote(fact->name), cfd_quote(cfd_text(fact, "schema")));
}

static void
remove_schema(CfdPlan *plan, CfdFact *fact)
{
	subscribers_notice(plan, fact);
	cfd_emit(plan, fact, "drop", 0, NULL, "ALTER PUBLICATION %s DROP TABLES IN SCHEMA %s",
			 cfd_quote(fact->name), cfd_quote(cfd_text(fact, "schema")));
}

/* What a publication says of a table can't be altered: it is taken out, and added again. */
const CfdKind cfd_publication_kinds[] = {
	{.name = "publication",
	 .rank = 70,
	 .compare = compare_publications,
	 .create = create_publication,
	 .alter = alter_publication,
	 .drop = drop_publication},
	{.name = "publication table", .rank = 71, .create = add_table, .drop = remove_table},
	{.name = "publication schema", .rank = 72, .create = add_schema, .drop = remove_schema},
	{0}};
