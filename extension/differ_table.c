/*-------------------------------------------------------------------------
 *
 * differ_table.c
 *	  Tables, partitioned or not, and foreign tables.
 *
 * A partition is made as a table of its own, and attached when its indexes and
 * constraints are there: those of its parent are then found, not made anew
 * under other names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

/* Appends an item to a list in parentheses, each in a line of its own. */
static void
add_item(StringInfo out, bool *first, const char *item)
{
	appendStringInfo(out, "%s\n    %s", *first ? "" : ",", item);
	*first = false;
}

/* Appends the columns and constraints that are made with their table. */
static void
add_items(StringInfo out, CfdPlan *plan, CfdFact *fact)
{
	bool first = true;
	ListCell *lc;

	foreach (lc, fact->children)
	{
		CfdFact *child = (CfdFact *) lfirst(lc);
		StringInfoData clause;

		/* What is only inherited comes with INHERITS. */
		if (!cfd_is(child, "column") || child->create != fact->create ||
			(cfd_bool(child, "inherited") && !cfd_bool(child, "local") &&
			 cfd_has(fact, "inherits")))
			continue;
		initStringInfo(&clause);
		cfd_column_clause(&clause, plan, child);
		add_item(out, &first, clause.data);
	}
	foreach (lc, fact->children)
	{
		CfdFact *child = (CfdFact *) lfirst(lc);

		if (cfd_is(child, "constraint") && child->create == fact->create)
			add_item(out, &first,
					 psprintf("CONSTRAINT %s %s", cfd_part(child), cfd_constraint_definition(child)));
	}
	if (!first)
		appendStringInfoChar(out, '\n');
}

/* Storage parameters, those of the TOAST table too, or "". */
const char *
cfd_with_clause(const CfdFact *fact)
{
	char *options = cfd_options(fact, "options", "");
	char *toast = cfd_options(fact, "toast_options", "toast.");

	if (options == NULL && toast == NULL)
		return "";
	return psprintf(" WITH (%s%s%s)", options ? options : "", options && toast ? ", " : "",
					toast ? toast : "");
}

/* Joins the elements of an array with commas. */
static char *
join_list(List *list)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, list)
		appendStringInfo(&out, "%s%s", out.len ? ", " : "", (char *) lfirst(lc));
	return out.data;
}

/* Whether an access method is what a table has when nothing is said. */
bool
cfd_is_default_method(const char *method)
{
	return method == NULL || strcmp(method, "heap") == 0;
}

static void
create_table(CfdPlan *plan, CfdFact *fact)
{
	bool foreign = cfd_is(fact, "foreign table");
	List *inherits = cfd_list(fact, "inherits");
	char *method = cfd_text(fact, "access_method");
	char *tablespace = cfd_text(fact, "tablespace");
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	appendStringInfo(&out, "CREATE %sTABLE %s (",
					 foreign						? "FOREIGN "
					 : cfd_has(fact, "persistence") ? "UNLOGGED "
													: "",
					 cfd_table(fact));
	add_items(&out, plan, fact);
	appendStringInfoChar(&out, ')');
	if (inherits)
		appendStringInfo(&out, " INHERITS (%s)", join_list(inherits));
	if (cfd_has(fact, "partition_by"))
		appendStringInfo(&out, " PARTITION BY %s", cfd_text(fact, "partition_by"));
	if (foreign)
	{
		char *options = cfd_foreign_options(NULL, fact, "foreign_options");

		appendStringInfo(&out, " SERVER %s%s", cfd_quote(cfd_text(fact, "server")),
						 options ? options : "");
	}
	else
	{
		if (!cfd_is_default_method(method) || (method && cfd_has(fact, "partition_by")))
			appendStringInfo(&out, " USING %s", cfd_quote(method));
		appendStringInfoString(&out, cfd_with_clause(fact));
		if (tablespace)
			appendStringInfo(&out, " TABLESPACE %s", cfd_quote(tablespace));
	}
	cfd_emit(plan, fact, "create", 0, NULL, "%s", out.data);
	foreach (lc, fact->children)
	{
		CfdFact *column = (CfdFact *) lfirst(lc);

		if (!cfd_is(column, "column") || column->create != fact->create)
			continue;
		if (inherits && !cfd_bool(column, "local"))
			cfd_change_inherited(plan, column);
		cfd_column_attributes(plan, NULL, column);
	}
	foreach (lc, fact->children)
	{
		CfdFact *child = (CfdFact *) lfirst(lc);

		if (cfd_is(child, "constraint") && child->create == fact->create && cfd_makes_index(child))
			cfd_constraint_index(plan, NULL, child, "create");
	}
	if (cfd_has(fact, "of_type"))
		cfd_alter_table(plan, fact, "create", 0, fact, "OF %s", cfd_text(fact, "of_type"));
	if (cfd_bool(fact, "row_security"))
		cfd_alter_table(plan, fact, "create", 0, fact, "ENABLE ROW LEVEL SECURITY");
	if (cfd_bool(fact, "force_row_security"))
		cfd_alter_table(plan, fact, "create", 0, fact, "FORCE ROW LEVEL SECURITY");
}

static CfdChange
compare_tables(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (!cfd_equal(old, new, "partition_by") || !cfd_equal(old, new, "server"))
		return CFD_REPLACE;
	return CFD_ALTER;
}

/* SET and RESET of storage parameters. */
void
cfd_alter_options(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	char *set = cfd_options_alter(old, new, "options", true);
	char *reset = cfd_options_alter(old, new, "options", false);

	if (set)
		cfd_alter_table(plan, new, "alter", 0, new, "SET (%s)", set);
	if (reset)
		cfd_alter_table(plan, new, "alter", 0, new, "RESET (%s)", reset);
}

/* The same for the TOAST table. */
static void
alter_toast_options(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	char *list = cfd_options(new, "toast_options", "toast.");
	ListCell *lc;

	if (cfd_equal(old, new, "toast_options"))
		return;
	foreach (lc, cfd_pairs(old, "toast_options"))
	{
		CfdPair *pair = (CfdPair *) lfirst(lc);

		if (cfd_text_in(cfd_object(new, "toast_options"), pair->key) == NULL)
			cfd_alter_table(plan, new, "alter", 0, new, "RESET (toast.%s)", cfd_quote(pair->key));
	}
	if (list)
		cfd_alter_table(plan, new, "alter", 0, new, "SET (%s)", list);
}

/* How and where the rows of a table or materialized view are stored. */
void
cfd_alter_storage(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	const char *value = cfd_text(new, "access_method");

	if (!cfd_equal(old, new, "access_method") && CF_PARTITIONED_HAVE_METHOD &&
		cfd_has(new, "partition_by"))
		cfd_alter_table(plan, new, "alter", CFD_NEW_STATEMENT, new, "SET ACCESS METHOD %s",
						value ? cfd_quote(value) : "DEFAULT");
	else if (!cfd_equal(old, new, "access_method") && value)
	{
		cfd_hazard(plan, "rewrite: %s is written anew", new->identity);
		cfd_alter_table(plan, new, "alter", CFD_NEW_STATEMENT, new, "SET ACCESS METHOD %s",
						cfd_quote(value));
	}
	if (!cfd_equal(old, new, "tablespace"))
	{
		value = cfd_text(new, "tablespace");
		if (!cfd_has(new, "partition_by"))
			cfd_hazard(plan, "rewrite: %s is copied to another tablespace", new->identity);
		cfd_alter_table(plan, new, "alter", CFD_NEW_STATEMENT, new, "SET TABLESPACE %s",
						value ? cfd_quote(value) : "pg_default");
	}
	cfd_alter_options(plan, old, new);
	alter_toast_options(plan, old, new);
}

/* How many of the parents stay where they are: INHERIT appends. */
static int
parents_kept(const CfdFact *old, const CfdFact *new)
{
	List *was = cfd_list(old, "inherits");
	List *is = cfd_list(new, "inherits");
	int kept = 0;

	while (kept < list_length(was) && kept < list_length(is) &&
		   strcmp((char *) list_nth(was, kept), (char *) list_nth(is, kept)) == 0)
		kept++;
	return kept;
}

/* Takes away the parents that do not stay. */
static void
leave_parents(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	List *was = cfd_list(old, "inherits");

	for (int i = parents_kept(old, new); i < list_length(was); i++)
		cfd_alter_table(plan, new, "alter", 0, new, "NO INHERIT %s", (char *) list_nth(was, i));
}

/* Whether a table is a child of another one, by name, before and after the plan. */
bool
cfd_stays_child(const CfdFact *table, const char *parent)
{
	const CfdFact *other = table->twin;
	char *before;
	char *after;
	int kept;

	if (other == NULL || table->created || other->created || table->loose)
		return false;
	before = cfd_text(table, "partition_of");
	after = cfd_text(other, "partition_of");
	if (before && after)
		return strcmp(before, after) == 0 && strcmp(before, parent) == 0;
	kept = parents_kept(table, other);
	for (int i = 0; i < kept; i++)
		if (strcmp((char *) list_nth(cfd_list(table, "inherits"), i), parent) == 0)
			return true;
	return false;
}

static void
alter_table(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	/* With other bounds only, it leaves later. */
	if (cfd_has(old, "partition_of") && !cfd_equal(old, new, "partition_of"))
	{
		CfdFact *parent =
			cfd_find(plan->source, psprintf("table %s", cfd_text(old, "partition_of")));

		if (parent == NULL || !parent->dropped || old->loose)
			cfd_leave_table(plan, old, new);
	}
	if (!cfd_equal(old, new, "of_type") || new->moved)
	{
		/* Its columns are changed before it belongs to what the type has become. */
		if (new->moved)
			cfd_alter_table(plan, new, "alter", 0, new, "NOT OF");
		else if (cfd_has(new, "of_type"))
			cfd_alter_table(plan, new, "alter", 0, new, "OF %s", cfd_text(new, "of_type"));
		else
			cfd_alter_table(plan, new, "alter", 0, new, "NOT OF");
	}
	if (!cfd_equal(old, new, "inherits"))
		leave_parents(plan, old, new);
	if (!cfd_equal(old, new, "persistence"))
	{
		cfd_hazard(plan, "rewrite: %s is written anew", new->identity);
		cfd_alter_table(plan, new, "alter", 0, new, "SET %s",
						cfd_has(new, "persistence") ? "UNLOGGED" : "LOGGED");
	}
	cfd_alter_storage(plan, old, new);
	if (!cfd_equal(old, new, "row_security"))
	{
		cfd_hazard(plan, "changes results: who sees which rows of %s", new->identity);
		cfd_alter_table(plan, new, "alter", 0, new, "%s ROW LEVEL SECURITY",
						cfd_bool(new, "row_security") ? "ENABLE" : "DISABLE");
	}
	if (!cfd_equal(old, new, "force_row_security"))
	{
		cfd_hazard(plan, "changes results: which rows of %s its owner sees", new->identity);
		cfd_alter_table(plan, new, "alter", 0, new, "%sFORCE ROW LEVEL SECURITY",
						cfd_bool(new, "force_row_security") ? "" : "NO ");
	}
	if (!cfd_equal(old, new, "replica_identity") && !cfd_has(new, "replica_identity_index"))
		cfd_alter_table(
			plan, new, "alter", 0, new, "REPLICA IDENTITY %s",
			cfd_has(new, "replica_identity")
				? (strcmp(cfd_text(new, "replica_identity"), "full") == 0 ? "FULL" : "NOTHING")
				: "DEFAULT");
	if (cfd_has(old, "cluster_on") && !cfd_has(new, "cluster_on"))
		cfd_alter_table(plan, new, "alter", 0, new, "SET WITHOUT CLUSTER");
	if (!cfd_equal(old, new, "foreign_options"))
		cfd_alter_table(plan, new, "alter", 0, new, "%s",
						cfd_foreign_options(old, new, "foreign_options"));
}

/* The part of a table, in the target, that has the index of a name; NULL when it does not change. */
static bool
index_changes(const CfdFact *table, const char *index)
{
	ListCell *lc;

	foreach (lc, table->children)
	{
		CfdFact *child = (CfdFact *) lfirst(lc);
		const char *name = cfd_is(child, "index")		 ? child->name
						   : cfd_is(child, "constraint") ? child->part
														 : NULL;

		if (name && strcmp(name, index) == 0)
			return child->created || child->change == CFD_ALTER;
	}
	return false;
}

/* Whether an index that a table names has to be named anew. */
bool
cfd_names_index(CfdFact *old, CfdFact *new, const char *key)
{
	return cfd_has(new, key) &&
		   (old == NULL || !cfd_equal(old, new, key) || index_changes(new, cfd_text(new, key)));
}

static bool
gets_parents(CfdFact *old, CfdFact *new)
{
	return old && parents_kept(old, new) < list_length(cfd_list(new, "inherits"));
}

/* What can be said of a table only when its indexes are there. */
static bool
table_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_is_attached(old, new) || gets_parents(old, new) || (old && new->moved) ||
		   cfd_names_index(old, new, "replica_identity_index") ||
		   cfd_names_index(old, new, "cluster_on") ||
		   (old == NULL && cfd_has(new, "replica_identity") && !cfd_is(new, "foreign table"));
}

/* Whether a column of a table is to be that of its parents only. */
static bool
has_only_inherited(const CfdFact *table)
{
	ListCell *lc;

	foreach (lc, table->children)
	{
		const CfdFact *child = (const CfdFact *) lfirst(lc);

		if (cfd_is(child, "column") && cfd_bool(child, "inherited") && !cfd_bool(child, "local"))
			return true;
	}
	return false;
}

static void
finish_table(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (cfd_is_attached(old, new))
	{
		const char *parent = cfd_text(new, "partition_of");

		cfd_emit(plan, new, old ? "alter" : "create", 0,
				 psprintf("SHARE UPDATE EXCLUSIVE on %s, ACCESS EXCLUSIVE on %s", parent,
						  cfd_table(new)),
				 "ALTER TABLE ONLY %s ATTACH PARTITION %s %s", parent, cfd_table(new),
				 cfd_text(new, "partition_bound"));
	}
	if (old && new->moved && cfd_has(new, "of_type"))
		cfd_alter_table(plan, new, "alter", CFD_NEW_STATEMENT, new, "OF %s",
						cfd_text(new, "of_type"));
	if (gets_parents(old, new))
		for (int i = parents_kept(old, new); i < list_length(cfd_list(new, "inherits")); i++)
		{
			if (has_only_inherited(new))
				cfd_hazard(plan,
						   "not complete: the columns that %s has stay its own, too: they do not go "
						   "when those of its parents do",
						   new->identity);
			cfd_alter_table(plan, new, "alter", CFD_NEW_STATEMENT, new, "INHERIT %s",
							(char *) list_nth(cfd_list(new, "inherits"), i));
		}
	if (cfd_names_index(old, new, "replica_identity_index"))
		cfd_alter_table(plan, new, "alter", 0, new, "REPLICA IDENTITY USING INDEX %s",
						cfd_quote(cfd_text(new, "replica_identity_index")));
	else if (old == NULL && cfd_has(new, "replica_identity") && !cfd_is(new, "foreign table"))
		cfd_alter_table(plan, new, "alter", 0, new, "REPLICA IDENTITY %s",
						strcmp(cfd_text(new, "replica_identity"), "full") == 0 ? "FULL"
																			   : "NOTHING");
	if (cfd_names_index(old, new, "cluster_on"))
		cfd_alter_table(plan, new, "alter", 0, new, "CLUSTER ON %s",
						cfd_quote(cfd_text(new, "cluster_on")));
}

static void
drop_table(CfdPlan *plan, CfdFact *fact)
{
	bool foreign = cfd_is(fact, "foreign table");
	char *whole = cfd_text(fact, "partition_of");
	CfdFact *table = whole ? cfd_find(plan->source, psprintf("table %s", whole)) : NULL;

	/* A partition of a table that foreign keys refer to can't just be dropped. */
	if (table && !table->dropped && cfd_is_referred_to(plan, table))
		cfd_emit(plan, fact, "drop", 0, cfd_lock("ACCESS EXCLUSIVE", whole),
				 "ALTER TABLE %s DETACH PARTITION %s", whole, cfd_table(fact));

	if (cfd_loses_rows(fact))
		cfd_hazard(plan, "data loss: all rows of %s", fact->identity);
	cfd_hint_rename(plan, fact);
	if (fact->twin)
		cfd_hazard(plan, "not reversible: %s is dropped and made anew", fact->identity);
	cfd_emit(plan, fact, "drop", 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact)),
			 "DROP %sTABLE %s", foreign ? "FOREIGN " : "", cfd_table(fact));
}

const CfdKind cfd_table_kinds[] = {{.name = "table",
									.rank = 30,
									.flags = CFD_RELATION | CFD_TYPE,
									.compare = compare_tables,
									.create = create_table,
									.alter = alter_table,
									.drop = drop_table,
									.leaves = cfd_partition_leaves,
									.leave = cfd_leave_table,
									.finishes = table_finishes,
									.finish = finish_table},
								   {.name = "foreign table",
									.rank = 31,
									.flags = CFD_RELATION | CFD_TYPE,
									.compare = compare_tables,
									.create = create_table,
									.alter = alter_table,
									.drop = drop_table,
									.leaves = cfd_partition_leaves,
									.leave = cfd_leave_table,
									.finishes = table_finishes,
									.finish = finish_table},
								   {0}};
