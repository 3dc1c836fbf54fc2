/*-------------------------------------------------------------------------
 *
 * differ_view.c
 *	  Views, materialized views, and rules.
 *
 * The columns of a view come with it. A view is replaced where it stands as long
 * as its columns begin with those that it had; else it is dropped and made
 * again, with all that depends on it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "differ.h"

/* The column of a view that follows after position, or NULL. */
static CfdFact *
next_column(const CfdFact *view, int position)
{
	ListCell *lc;

	foreach (lc, view->children)
	{
		CfdFact *child = (CfdFact *) lfirst(lc);

		if (cfd_is(child, "column") && child->position > position)
			return child;
	}
	return NULL;
}

/* Whether the columns of a view begin with those of another, in name, type and order. */
static bool
begins_with(const CfdFact *view, const CfdFact *other)
{
	CfdFact *old = NULL;
	CfdFact *new = NULL;

	while ((old = next_column(other, old ? old->position : 0)) != NULL)
	{
		new = next_column(view, new ? new->position : 0);
		if (new == NULL || strcmp(new->part, old->part) != 0 || !cfd_equal(old, new, "type") ||
			!cfd_equal(old, new, "collation"))
			return false;
	}
	return true;
}

static void
write_view(CfdPlan *plan, CfdFact *fact, const char *change, const char *beginning,
		   const char *lock)
{
	char *options = cfd_options(fact, "options", "");

	cfd_emit(plan, fact, change, 0, lock, "%s VIEW %s%s%s%s AS\n%s", beginning, cfd_table(fact),
			 options ? " WITH (" : "", options ? options : "", options ? ")" : "",
			 cfd_text(fact, "definition"));
}

/*
 * A view that is made in two steps has its columns at first; differ_circle.c says when.
 */
static void
write_columns(CfdPlan *plan, CfdFact *fact, const char *change, const char *beginning,
			  const char *lock)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, fact->children)
	{
		CfdFact *column = (CfdFact *) lfirst(lc);
		char *collation;

		if (!cfd_is(column, "column"))
			continue;
		collation = cfd_text(column, "collation");
		appendStringInfo(&out, "%s NULL::%s%s%s AS %s", out.len ? "," : "",
						 cfd_text(column, "type"), collation ? " COLLATE " : "",
						 collation ? collation : "", cfd_part(column));
	}
	cfd_emit(plan, fact, change, 0, lock, "%s VIEW %s AS\n SELECT%s", beginning, cfd_table(fact),
			 out.data);
}

static void
leave_view(CfdPlan *plan, CfdFact *twin, CfdFact *fact)
{
	write_columns(plan, fact, "drop", "CREATE OR REPLACE",
				  cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact)));
}

static void
finish_view(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdAction *columns = new->created ? new->create : new->alter;

	if (columns->group_last < plan->group || plan->alone)
		cfd_hazard(plan, "changes results: %s gives NULLs until this transaction", new->identity);
	write_view(plan, new, "replace", "CREATE OR REPLACE",
			   old ? cfd_lock("ACCESS EXCLUSIVE", cfd_table(new)) : NULL);
}

static void
create_view(CfdPlan *plan, CfdFact *fact)
{
	if (fact->finish)
	{
		write_columns(plan, fact, "create", "CREATE", NULL);
		return;
	}
	if (fact->twin && !cfd_equal(fact->twin, fact, "definition"))
		cfd_hazard(plan, "changes results: %s gives other rows or columns", fact->identity);
	write_view(plan, fact, "create", "CREATE", NULL);
}

static CfdChange
compare_views(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (!cfd_equal(old, new, "definition") && !begins_with(new, old))
		return CFD_REPLACE;
	return CFD_ALTER;
}

/* Says what other options do to those who read or write through a view. */
static void
note_options(CfdPlan *plan, const CfdFact *old, const CfdFact *new)
{
	static const char *const keys[] = {"security_invoker", "security_barrier", "check_option"};
	static const char *const effects[] = {"whose privileges and policies %s reads with",
										  "in which order %s checks its conditions",
										  "which rows can be written through %s"};

	for (int i = 0; i < lengthof(keys); i++)
	{
		char *was = cfd_text_in(cfd_object(old, "options"), keys[i]);
		char *is = cfd_text_in(cfd_object(new, "options"), keys[i]);

		if (was == is || (was && is && strcmp(was, is) == 0))
			continue;
		cfd_hazard(plan, "changes results: %s", psprintf(effects[i], new->identity));
	}
}

static void
alter_view(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (new->finish)
	{
		cfd_hazard(plan, "changes results: %s gives other rows or columns", new->identity);
		note_options(plan, old, new);
		write_columns(plan, new, "replace", "CREATE OR REPLACE",
					  cfd_lock("ACCESS EXCLUSIVE", cfd_table(new)));
		return;
	}
	if (!cfd_equal(old, new, "definition"))
	{
		cfd_hazard(plan, "changes results: %s gives other rows or columns", new->identity);
		note_options(plan, old, new);
		write_view(plan, new, "replace", "CREATE OR REPLACE",
				   cfd_lock("ACCESS EXCLUSIVE", cfd_table(new)));
		return;
	}
	note_options(plan, old, new);
	cfd_alter_options(plan, old, new);
}

static void
drop_view(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact)), "DROP VIEW %s",
			 cfd_table(fact));
}

/* Its columns have no clause of their own in which the compression could stand. */
static void
set_matview_column(CfdPlan *plan, CfdFact *column)
{
	if (cfd_has(column, "compression"))
		cfd_alter_table(plan, column, "create", 0, column->parent,
						"ALTER COLUMN %s SET COMPRESSION %s", cfd_part(column),
						cfd_text(column, "compression"));
	cfd_column_attributes(plan, NULL, column);
}

/* Whether a materialized view that is made is to have rows: one that had some before has them in any case. */
static bool
wants_rows(const CfdFact *fact)
{
	return !fact->unfilled || (fact->twin && !fact->twin->unfilled);
}

/* Adds the materialized views that are made and read one of the target, maybe by way of views. */
static void
add_readers(const CfdFact *fact, List **readers)
{
	ListCell *lc;

	check_stack_depth();
	foreach (lc, fact->children)
		if (cfd_is((CfdFact *) lfirst(lc), "column"))
			add_readers((CfdFact *) lfirst(lc), readers);
	foreach (lc, fact->dependents)
	{
		CfdFact *reader = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(reader, "materialized view") && reader->created)
			*readers = list_append_unique_ptr(*readers, reader);
		else if (cfd_is(reader, "view"))
			add_readers(reader, readers);
	}
}

/* Whether a materialized view that is to have no rows has to have some while others are filled from it. */
static bool
lends_rows(const CfdFact *fact)
{
	List *readers = NIL;
	ListCell *lc;

	if (wants_rows(fact))
		return false;
	add_readers(fact, &readers);
	foreach (lc, readers)
		if (wants_rows((CfdFact *) lfirst(lc)))
			return true;
	return false;
}

static bool is_filled(const CfdFact *fact);

/* Whether what a view reads can't be read when it is made. */
static bool
reads_unfilled(const CfdFact *fact)
{
	ListCell *lc;

	check_stack_depth();
	foreach (lc, fact->depends)
	{
		CfdFact *read = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(read, "column"))
			read = read->parent;
		if (cfd_is(read, "view") ? reads_unfilled(read)
								 : cfd_is(read, "materialized view") && !is_filled(read))
			return true;
	}
	return false;
}

/* Whether a materialized view of the target can be read after it was made, or if it stays. */
static bool
is_filled(const CfdFact *fact)
{
	if (!fact->created)
		return fact->twin && !fact->twin->unfilled;
	return (wants_rows(fact) || lends_rows(fact)) && !reads_unfilled(fact);
}

/* What has rows only for others loses them when these have theirs. */
void
cfd_order_filling(const CfdFact *fact)
{
	List *readers = NIL;
	ListCell *lc;

	if (!cfd_is(fact, "materialized view") || !fact->created || fact->finish == NULL ||
		!lends_rows(fact))
		return;
	add_readers(fact, &readers);
	foreach (lc, readers)
		cfd_wait(fact->finish, ((CfdFact *) lfirst(lc))->create);
}

static void
create_matview(CfdPlan *plan, CfdFact *fact)
{
	char *method = cfd_text(fact, "access_method");
	char *tablespace = cfd_text(fact, "tablespace");
	bool fills = is_filled(fact);
	ListCell *lc;

	if (fact->twin && fills)
		cfd_hazard(plan, "rewrite: %s is made anew, and filled by its query", fact->identity);
	else if (!fills && !plan->from_nothing)
		cfd_hazard(plan, "not complete: %s can't be read before a REFRESH", fact->identity);
	else if (!plan->from_nothing)
		cfd_hazard(plan, "long lock: the query of %s runs while the transaction holds its locks",
				   fact->identity);
	if (fact->twin && !cfd_equal(fact->twin, fact, "definition"))
		cfd_hazard(plan, "changes results: %s gives other rows or columns", fact->identity);
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE MATERIALIZED VIEW %s%s%s%s%s%s AS\n%s%s",
			 cfd_table(fact), cfd_is_default_method(method) ? "" : " USING ",
			 cfd_is_default_method(method) ? "" : cfd_quote(method), cfd_with_clause(fact),
			 tablespace ? " TABLESPACE " : "", tablespace ? cfd_quote(tablespace) : "",
			 cfd_text(fact, "definition"), fills ? "" : "\nWITH NO DATA");
	foreach (lc, fact->children)
		if (cfd_is((CfdFact *) lfirst(lc), "column"))
			set_matview_column(plan, (CfdFact *) lfirst(lc));
}

static CfdChange
compare_matviews(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_equal(old, new, "definition") ? CFD_ALTER : CFD_REPLACE;
}

static void
alter_matview(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	cfd_alter_storage(plan, old, new);
	if (cfd_has(old, "cluster_on") && !cfd_has(new, "cluster_on"))
		cfd_alter_table(plan, new, "alter", 0, new, "SET WITHOUT CLUSTER");
}

static bool
matview_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_names_index(old, new, "cluster_on") || (old == NULL && lends_rows(new));
}

static void
finish_matview(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (old == NULL && lends_rows(new) && is_filled(new))
		cfd_emit(plan, new, "create", 0, NULL, "REFRESH MATERIALIZED VIEW %s WITH NO DATA",
				 cfd_table(new));
	if (cfd_names_index(old, new, "cluster_on"))
		cfd_alter_table(plan, new, "alter", 0, new, "CLUSTER ON %s",
						cfd_quote(cfd_text(new, "cluster_on")));
}

static void
drop_matview(CfdPlan *plan, CfdFact *fact)
{
	if (fact->twin == NULL)
		cfd_hazard(plan, "data loss: the rows of %s, which its query can give again",
				   fact->identity);
	cfd_emit(plan, fact, "drop", 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact)),
			 "DROP MATERIALIZED VIEW %s", cfd_table(fact));
}

/* ENABLE or DISABLE, as rules and triggers have it. */
const char *
cfd_enable_word(const CfdFact *fact)
{
	const char *enabled = cfd_text(fact, "enabled");

	if (strcmp(enabled, "disabled") == 0)
		return "DISABLE";
	if (strcmp(enabled, "replica") == 0)
		return "ENABLE REPLICA";
	if (strcmp(enabled, "always") == 0)
		return "ENABLE ALWAYS";
	return "ENABLE";
}

/* Whether it fires in sessions as they are usually. */
bool
cfd_is_origin(const CfdFact *fact)
{
	return strcmp(cfd_text(fact, "enabled"), "origin") == 0;
}

static void
write_rule(CfdPlan *plan, CfdFact *fact, const char *change, const char *beginning)
{
	const char *definition = cfd_text(fact, "definition");
	const char *begin = "CREATE RULE ";

	Assert(strncmp(definition, begin, strlen(begin)) == 0);
	if (!cfd_is_new(fact->parent))
		cfd_hazard(plan, "changes results: what statements on %s do", fact->parent->identity);
	cfd_emit(plan, fact, change, 0,
			 cfd_is_new(fact->parent) ? NULL
									  : cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact->parent)),
			 "%s%s", beginning, definition + strlen(begin));
}

static void
enable_rule(CfdPlan *plan, CfdFact *fact, const char *change)
{
	cfd_alter_table(plan, fact, change, 0, fact->parent, "%s RULE %s", cfd_enable_word(fact),
					cfd_part(fact));
}

static void
create_rule(CfdPlan *plan, CfdFact *fact)
{
	write_rule(plan, fact, "create", "CREATE RULE ");
	if (!cfd_is_origin(fact))
		enable_rule(plan, fact, "create");
}

static CfdChange
compare_rules(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return CFD_ALTER;
}

static void
alter_rule(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (!cfd_equal(old, new, "definition"))
		write_rule(plan, new, "replace", "CREATE OR REPLACE RULE ");
	if (!cfd_equal(old, new, "enabled"))
	{
		cfd_hazard(plan, "changes results: what statements on %s do", new->parent->identity);
		enable_rule(plan, new, "alter");
	}
}

static void
drop_rule(CfdPlan *plan, CfdFact *fact)
{
	if (fact->twin == NULL && !fact->parent->dropped)
		cfd_hazard(plan, "changes results: what statements on %s do", fact->parent->identity);
	cfd_emit(plan, fact, "drop", 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact->parent)),
			 "DROP RULE %s ON %s", cfd_part(fact), cfd_table(fact->parent));
}

const CfdKind cfd_view_kinds[] = {{.name = "view",
								   .rank = 60,
								   .flags = CFD_RELATION | CFD_TYPE,
								   .compare = compare_views,
								   .create = create_view,
								   .alter = alter_view,
								   .drop = drop_view,
								   .leave = leave_view,
								   .finish = finish_view},
								  {.name = "materialized view",
								   .rank = 61,
								   .flags = CFD_RELATION | CFD_TYPE,
								   .compare = compare_matviews,
								   .create = create_matview,
								   .alter = alter_matview,
								   .drop = drop_matview,
								   .finishes = matview_finishes,
								   .finish = finish_matview},
								  {.name = "rule",
								   .rank = 62,
								   .compare = compare_rules,
								   .create = create_rule,
								   .alter = alter_rule,
								   .drop = drop_rule},
								  {0}};
