/*-------------------------------------------------------------------------
 *
 * differ_index.c
 *	  Indexes. On tables that are in use they are built and dropped
 *	  CONCURRENTLY; another definition is built beside the old one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"

#include "differ.h"

static bool
is_partitioned(const CfdFact *table)
{
	return cfd_has(table, "partition_by");
}

/* What made way for a type comes back at once, while the table is locked anyway. */
static bool
concurrently(CfdPlan *plan, const CfdFact *fact)
{
	return plan->online && !cfd_is_new(fact->parent) && !is_partitioned(fact->parent) &&
		   !(fact->parent->twin && fact->parent->twin->created) &&
		   !(fact->twin && cfd_makes_way(fact->twin));
}

/*
 * The definition with another name, and CONCURRENTLY where it is wanted. PostgreSQL writes it
 * as CREATE [UNIQUE] INDEX name ON ...
 */
static char *
definition(const CfdFact *fact, const char *name, bool concurrent)
{
	const char *text = cfd_text(fact, "definition");
	const char *begin = cfd_bool(fact, "unique") ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";

	Assert(strncmp(text, begin, strlen(begin)) == 0);
	text += strlen(begin) + strlen(cfd_quote(fact->name));
	return psprintf("%s%s%s%s", begin, concurrent ? "CONCURRENTLY " : "", name, text);
}

/* What an index has that its definition does not say. */
static void
set_attributes(CfdPlan *plan, const CfdFact *old, CfdFact *new)
{
	const char *change = old ? "alter" : "create";
	char *tablespace = cfd_text(new, "tablespace");
	ListCell *lc;

	foreach (lc, cfd_pairs(new, "statistics"))
	{
		CfdPair *pair = (CfdPair *) lfirst(lc);
		char *was = old ? cfd_text_in(cfd_object(old, "statistics"), pair->key) : NULL;

		if (was == NULL || strcmp(was, pair->value) != 0)
			cfd_emit(plan, new, change, 0, cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(new)),
					 "ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s", cfd_table(new), pair->key,
					 pair->value);
	}
	if (old)
		foreach (lc, cfd_pairs(old, "statistics"))
		{
			CfdPair *pair = (CfdPair *) lfirst(lc);

			if (cfd_text_in(cfd_object(new, "statistics"), pair->key) == NULL)
				cfd_emit(plan, new, change, 0, cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(new)),
						 "ALTER INDEX %s ALTER COLUMN %s SET STATISTICS -1", cfd_table(new),
						 pair->key);
		}
	if (old ? !cfd_equal(old, new, "tablespace") : tablespace != NULL)
	{
		if (old)
			cfd_hazard(plan, "rewrite: the index is copied to another tablespace");
		cfd_emit(plan, new, change, 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(new)),
				 "ALTER INDEX %s SET TABLESPACE %s", cfd_table(new),
				 tablespace ? cfd_quote(tablespace) : "pg_default");
	}
}

static void
build(CfdPlan *plan, CfdFact *fact, const char *change, const char *name)
{
	bool concurrent = concurrently(plan, fact);
	const char *table = cfd_table(fact->parent);

	if (cfd_bool(fact, "unique") && !cfd_is_new(fact->parent))
		cfd_hazard(plan, "may fail: there may be duplicates");
	if (!concurrent && !cfd_is_new(fact->parent) && !is_partitioned(fact->parent))
		cfd_hazard(plan, "long lock: nobody can write to %s while the index is built",
				   fact->parent->identity);
	cfd_emit(plan, fact, change, concurrent ? CFD_TOP_LEVEL : 0,
			 cfd_is_new(fact->parent)
				 ? NULL
				 : cfd_lock(concurrent ? "SHARE UPDATE EXCLUSIVE" : "SHARE", table),
			 "%s", definition(fact, name, concurrent));
}

/* Whether an index that has to be dropped and made anew is built beside before. */
static bool
index_prepares(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return concurrently(plan, new) && !old->parent->dropped && !cfd_has(old, "partition_of") &&
		   !cfd_lists(plan->unprepared, new->identity) && !cfd_needs_replaced(new);
}

static void
prepare_index(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	build(plan, new, "create", cfd_quote(cfd_temporary_name(plan, new->parent, new->name, "_new")));
}

static void
create_index(CfdPlan *plan, CfdFact *fact)
{
	if (fact->prepare)
	{
		cfd_emit(plan, fact, "create", 0, cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(fact)),
				 "ALTER INDEX %s RENAME TO %s",
				 quote_qualified_identifier(
					 fact->schema, cfd_temporary_name(plan, fact->parent, fact->name, "_new")),
				 cfd_quote(fact->name));
		set_attributes(plan, NULL, fact);
		return;
	}
	build(plan, fact, "create", cfd_quote(fact->name));
	set_attributes(plan, NULL, fact);
}

static IndexStmt *
parse(const CfdFact *fact)
{
	return castNode(IndexStmt, linitial_node(RawStmt, raw_parser(cfd_text(fact, "definition"),
																 RAW_PARSE_DEFAULT))
								   ->stmt);
}

/*
 * Whether an index that is attached to that of a partitioned table has other parameters only. It can't
 * be dropped by itself, so that these are set.
 */
static bool
gets_parameters(const CfdFact *old, const CfdFact *new)
{
	IndexStmt *was;
	IndexStmt *is;

	if (!cfd_has(old, "partition_of") || !cfd_equal(old, new, "partition_of") ||
		cfd_equal(old, new, "definition") || is_partitioned(new->parent))
		return false;
	was = parse(old);
	is = parse(new);
	was->options = is->options = NIL;
	return equal(was, is);
}

static char *
parameter(List *options, const char *name)
{
	ListCell *lc;

	foreach (lc, options)
		if (strcmp(lfirst_node(DefElem, lc)->defname, name) == 0)
			return defGetString(lfirst_node(DefElem, lc));
	return NULL;
}

/* Sets what an index has not, and resets what it is not to have. */
static void
set_parameters(CfdPlan *plan, const CfdFact *old, const CfdFact *new)
{
	List *was = parse(old)->options;
	List *is = parse(new)->options;
	StringInfoData set;
	StringInfoData reset;
	ListCell *lc;

	initStringInfo(&set);
	initStringInfo(&reset);
	foreach (lc, is)
	{
		const char *name = lfirst_node(DefElem, lc)->defname;
		const char *value = parameter(is, name);
		const char *before = parameter(was, name);

		if (before == NULL || strcmp(before, value) != 0)
			appendStringInfo(&set, "%s%s = %s", set.len ? ", " : "", cfd_quote(name),
							 cfd_literal(value));
	}
	foreach (lc, was)
		if (parameter(is, lfirst_node(DefElem, lc)->defname) == NULL)
			appendStringInfo(&reset, "%s%s", reset.len ? ", " : "",
							 cfd_quote(lfirst_node(DefElem, lc)->defname));
	if (set.len)
		cfd_emit(plan, new, "alter", 0, cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(new)),
				 "ALTER INDEX %s SET (%s)", cfd_table(new), set.data);
	if (reset.len)
		cfd_emit(plan, new, "alter", 0, cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(new)),
				 "ALTER INDEX %s RESET (%s)", cfd_table(new), reset.data);
}

static CfdChange
compare_indexes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	static const char *const validity[] = {"valid", NULL};

	/* That of a partitioned table becomes valid when those of all partitions are attached. */
	if (is_partitioned(new->parent) && cfd_equal_but(old, new, validity))
		return cfd_bool(new, "valid") ? CFD_SAME : CFD_REPLACE;
	if (!cfd_bool(old, "valid") && cfd_bool(new, "valid"))
		return CFD_REPLACE;
	if (cfd_equal(old, new, "definition"))
		return cfd_has(old, "partition_of") && !cfd_equal(old, new, "partition_of") ? CFD_REPLACE
																					: CFD_ALTER;
	if (gets_parameters(old, new))
		return CFD_ALTER;
	if (!concurrently(plan, new) || old->dependents != NIL || cfd_has(old, "partition_of"))
		return CFD_REPLACE;
	cfd_remake_about(old);
	return CFD_ALTER;
}

static void
alter_index(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (gets_parameters(old, new))
	{
		set_parameters(plan, old, new);
		set_attributes(plan, old, new);
	}
	else if (!cfd_equal(old, new, "definition"))
	{
		const char *name = cfd_quote(cfd_temporary_name(plan, new->parent, new->name, "_new"));

		build(plan, new, "replace", name);
		cfd_emit(plan, new, "replace", CFD_TOP_LEVEL,
				 cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(new->parent)),
				 "DROP INDEX CONCURRENTLY %s", cfd_table(new));
		cfd_emit(plan, new, "replace", 0, cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(new)),
				 "ALTER INDEX %s.%s RENAME TO %s", cfd_quote(new->schema), name,
				 cfd_quote(new->name));
		set_attributes(plan, NULL, new);
	}
	else
		set_attributes(plan, old, new);
}

static void
drop_index(CfdPlan *plan, CfdFact *fact)
{
	/*
	 * One that comes back goes in the moment in which the other takes its name, or in the
	 * transaction of that because of which it goes: to drop it takes no time.
	 */
	bool concurrent = plan->online && !is_partitioned(fact->parent) &&
					  !cfd_has(fact, "partition_of") && fact->twin == NULL;

	cfd_emit(plan, fact, "drop", concurrent ? CFD_TOP_LEVEL : 0,
			 cfd_lock(concurrent ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE",
					  cfd_table(fact->parent)),
			 "DROP INDEX %s%s", concurrent ? "CONCURRENTLY " : "", cfd_table(fact));
}

static bool
index_is_late(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (new == NULL && old->twin &&index_prepares(plan, old, old->twin))
		return true;
	if (new == NULL)
		return plan->online && !is_partitioned(old->parent) && !cfd_has(old, "partition_of") &&
			   old->twin == NULL;
	return concurrently(plan, new) &&
		   (old == NULL || !(cfd_equal(old, new, "definition") || gets_parameters(old, new)));
}

static bool
index_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdFact *whole;

	if (!cfd_has(new, "partition_of"))
		return false;
	whole = cfd_find(plan->target, psprintf("index %s", cfd_text(new, "partition_of")));
	return (old == NULL || !cfd_equal(old, new, "partition_of") || (whole && whole->created)) &&
		   !(whole && cfd_attaches_all(new->parent, whole));
}

static void
finish_index(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	cfd_emit(plan, new, "alter", 0, NULL, "ALTER INDEX %s ATTACH PARTITION %s",
			 cfd_text(new, "partition_of"), cfd_table(new));
}

/* Whether an index is that of a partitioned table, and is made here without those of all partitions. */
static bool
is_incomplete(const CfdFact *fact)
{
	return cfd_is(fact, "index") && fact->created && is_partitioned(fact->parent) &&
		   !cfd_bool(fact, "valid");
}

/* Whether an index of a partition is attached to such a one, which is made after its table. */
bool
cfd_belongs_to_incomplete(CfdPlan *plan, const CfdFact *fact)
{
	CfdFact *whole;

	if (!cfd_is(fact, "index") || !cfd_has(fact, "partition_of"))
		return false;
	whole = cfd_find(plan->target, psprintf("index %s", cfd_text(fact, "partition_of")));
	return whole && is_incomplete(whole);
}

/*
 * An index of a partitioned table that lacks those of partitions is made when these are
 * attached: it would get them then.
 */
void
cfd_order_incomplete(const CfdFact *fact)
{
	ListCell *lc;

	if (!is_incomplete(fact))
		return;
	foreach (lc, fact->parent->dependents)
	{
		CfdFact *partition = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(partition, "table"))
			cfd_wait(fact->create, partition->finish);
	}
}

const CfdKind cfd_index_kinds[] = {{.name = "index",
									.rank = 55,
									.flags = CFD_RELATION,
									.compare = compare_indexes,
									.create = create_index,
									.alter = alter_index,
									.drop = drop_index,
									.late = index_is_late,
									.prepares = index_prepares,
									.prepare = prepare_index,
									.finishes = index_finishes,
									.finish = finish_index},
								   {0}};
