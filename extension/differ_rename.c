/*-------------------------------------------------------------------------
 *
 * differ_rename.c
 *	  Declared renames: their statements come first, then the facts of the source
 *	  have their new names, and what only mentions them is equal.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "differ_rename.h"

/* The order in which the kinds are renamed: what others are named by comes first. */
static int
class_of(const CfdFact *fact)
{
	if (cfd_is(fact, "schema"))
		return 0;
	if (fact->part)
		return 3;
	return fact->arguments ? 2 : 1;
}

/* What the name of a fact is called, in ALTER. */
const char *
cfd_own_name(const CfdFact *fact)
{
	if (fact->part)
		return fact->part;
	return fact->name ? fact->name : fact->schema;
}

/* The fact that a rename is of, with the name that it has now where it will be. */
static CfdFact *
as_it_is(const CfdRename *rename, const char *schema)
{
	CfdFact *copy = palloc(sizeof(CfdFact));

	*copy = *rename->to;
	if (copy->part)
		copy->part = rename->now;
	else if (copy->name)
		copy->name = rename->now;
	else
		copy->schema = rename->now;
	if (copy->name && copy->schema && schema)
		copy->schema = schema;
	return copy;
}

/* The word for a part in RENAME, or NULL when it is named as an object is. */
static const char *
part_word(const CfdFact *fact)
{
	if (cfd_is(fact, "column"))
		return "COLUMN";
	if (cfd_is(fact, "attribute"))
		return "ATTRIBUTE";
	if (cfd_is(fact, "constraint") || cfd_is(fact, "domain constraint"))
		return "CONSTRAINT";
	return NULL;
}

/* The lock on the relation that a fact is, with the name that it has now, or is a part of. */
static const char *
lock_of(const CfdFact *fact, const CfdFact *now)
{
	if (cfd_is(fact, "index"))
		return cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(now));
	if ((fact->kind->flags & CFD_RELATION) != 0)
		return cfd_lock("ACCESS EXCLUSIVE", cfd_table(now));
	if (fact->parent && (fact->parent->kind->flags & CFD_RELATION) != 0)
		return cfd_lock(cfd_is(fact, "statistics") ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE",
						cfd_table(fact->parent));
	return NULL;
}

/* Writes the statement that gives a name. */
static void
rename_to(CfdPlan *plan, CfdRename *rename, const char *name)
{
	const CfdFact *to = rename->to;
	CfdFact *now = as_it_is(rename, NULL);
	const char *word = part_word(to);

	if (word)
		cfd_emit(plan, to, "rename", 0, lock_of(to, now), "ALTER %s RENAME %s %s TO %s",
				 cfd_object_clause(to->parent), word, cfd_part(now), cfd_quote(name));
	else
		cfd_emit(plan, to, "rename", 0, lock_of(to, now), "ALTER %s RENAME TO %s",
				 cfd_object_clause(now), cfd_quote(name));
	rename->now = name;
}

/* Makes the schema that something moves to, when the source has none. */
static void
need_schema(CfdPlan *plan, const CfdFact *to)
{
	CfdFact *schema = cfd_find(plan->target, psprintf("schema %s", cfd_quote(to->schema)));
	CfdFact *made;

	if (schema == NULL || cfd_find(plan->source, schema->identity))
		return;
	cfd_emit(plan, schema, "create", 0, NULL, "CREATE SCHEMA %s", cfd_quote(schema->schema));
	made = palloc(sizeof(CfdFact));
	*made = *schema;
	made->in_target = false;
	made->parent = NULL;
	made->children = made->depends = made->dependents = NIL;
	plan->old = lappend(plan->old, made);
	plan->source = cfd_index(plan->old);
}

/* Moves an object to the schema that it is in. */
static void
move(CfdPlan *plan, CfdRename *rename, List *renames)
{
	const char *schema = rename->fact->schema;
	CfdFact *now;
	ListCell *lc;

	if (rename->to->part || schema == NULL || rename->to->name == NULL)
		return;
	foreach (lc, renames)
	{
		CfdRename *other = (CfdRename *) lfirst(lc);

		if (cfd_is(other->fact, "schema") && strcmp(other->fact->schema, schema) == 0)
		{
			schema = other->to->schema;
			break;
		}
	}
	if (strcmp(schema, rename->to->schema) == 0 || cfd_is(rename->to, "index"))
		return;
	need_schema(plan, rename->to);
	now = as_it_is(rename, schema);
	cfd_emit(plan, rename->to, "rename", 0, lock_of(rename->to, now), "ALTER %s SET SCHEMA %s",
			 cfd_object_clause(now), cfd_quote(rename->to->schema));
}

/* Tells whether a name is still that of something else that is to get another one. */
static bool
is_taken(const CfdRename *rename, List *renames)
{
	ListCell *lc;

	foreach (lc, renames)
	{
		CfdRename *other = (CfdRename *) lfirst(lc);
		CfdFact *now;

		if (other == rename || other->done || other->silent ||
			class_of(other->to) != class_of(rename->to))
			continue;
		now = as_it_is(other, NULL);
		if (strcmp(cfd_own_name(now), cfd_own_name(rename->to)) == 0 &&
			strcmp(now->kind->name, rename->to->kind->name) == 0 &&
			(now->schema == rename->to->schema ||
			 (now->schema && rename->to->schema && strcmp(now->schema, rename->to->schema) == 0)) &&
			(now->part == NULL || strcmp(now->name, rename->to->name) == 0))
			return true;
	}
	return false;
}

static void
run_rename(CfdPlan *plan, CfdRename *rename)
{
	if (!rename->silent && strcmp(rename->now, cfd_own_name(rename->to)) != 0)
		rename_to(plan, rename, cfd_own_name(rename->to));
	rename->done = true;
}

/* Writes the statements of one class. Names that are exchanged go by way of others. */
static void
emit_class(CfdPlan *plan, List *renames, int class)
{
	ListCell *lc;
	int left = 0;

	foreach (lc, renames)
	{
		CfdRename *rename = (CfdRename *) lfirst(lc);

		if (class_of(rename->to) != class)
			continue;
		left++;
		if (!rename->silent)
			move(plan, rename, renames);
	}
	while (left > 0)
	{
		CfdRename *waiting = NULL;
		bool any = false;

		CHECK_FOR_INTERRUPTS();
		foreach (lc, renames)
		{
			CfdRename *rename = (CfdRename *) lfirst(lc);

			if (class_of(rename->to) != class || rename->done)
				continue;
			if (is_taken(rename, renames))
			{
				waiting = rename;
				continue;
			}
			run_rename(plan, rename);
			left--;
			any = true;
		}
		if (!any && waiting)
			rename_to(plan, waiting,
					  psprintf("%.*s_renamed", NAMEDATALEN - 10, cfd_own_name(waiting->to)));
	}
}

static void
emit_renames(CfdPlan *plan, List *renames)
{
	for (int class = 0; class <= 3; class ++)
		emit_class(plan, renames, class);
}

CfdRename *
cfd_new_rename(CfdFact *fact, CfdFact *to)
{
	CfdRename *rename = palloc0(sizeof(CfdRename));

	rename->fact = fact;
	rename->to = to;
	rename->now = cfd_own_name(fact);
	return rename;
}

static bool
is_among(const char *identity, List *pairs)
{
	ListCell *lc;

	foreach (lc, pairs)
		if (strcmp(((CfdPair *) lfirst(lc))->key, identity) == 0)
			return true;
	return false;
}

/* Whether a fact has the name of the same fact in a parent table, which is renamed along. */
static bool
comes_along(CfdPlan *plan, const CfdFact *fact, List *pairs)
{
	CfdFact *from = fact->part ? cfd_inherited_from(plan, fact) : NULL;

	return from && is_among(from->identity, pairs);
}

/* Refuses a pair that makes no sense. */
static void
check_pair(CfdPlan *plan, const CfdPair *pair, List *pairs)
{
	CfdFact *fact = cfd_find(plan->source, pair->key);
	CfdFact *to = cfd_find(plan->target, pair->value ? pair->value : "");
	static const char *const nameless[] = {"owner",
										   "comment",
										   "grant",
										   "security label",
										   "default",
										   "extension",
										   "transform",
										   "cast",
										   "operator",
										   "user mapping",
										   "publication table",
										   "publication schema",
										   "default privileges"};

	if (fact == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("%s is to be renamed, but the source has none", pair->key),
				errhint("The names are identities of facts, such as column public.a.x."));
	if (to == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("%s is to be renamed to %s, but the target has none", pair->key,
					   pair->value ? pair->value : "null"),
				errhint("The names are identities of facts, such as column public.a.y."));
	if (cfd_find(plan->source, pair->value) && !is_among(pair->value, pairs))
		ereport(
			ERROR, errcode(ERRCODE_DUPLICATE_OBJECT),
			errmsg("%s is to be renamed to %s, but the source has both", pair->key, pair->value));
	if (strcmp(fact->kind->name, to->kind->name) != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s can't be renamed to %s", pair->key, pair->value),
				errdetail("They are of different kinds."));
	for (int i = 0; i < lengthof(nameless); i++)
		if (cfd_is(fact, nameless[i]))
			ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("%s can't be renamed", pair->key),
					errdetail("PostgreSQL has no ALTER ... RENAME for it."));
}

/* Reads the option; the labels of enumerated types are those of differ_type.c. */
static List *
read_renames(CfdPlan *plan)
{
	CfdFact holder = {.payload = plan->renames};
	List *pairs = cfd_pairs(&holder, NULL);
	List *renames = NIL;
	ListCell *lc;

	foreach (lc, pairs)
	{
		CfdPair *pair = (CfdPair *) lfirst(lc);
		CfdRename *rename;

		if (strncmp(pair->key, "label ", 6) == 0)
			continue;
		check_pair(plan, pair, pairs);
		rename =
			cfd_new_rename(cfd_find(plan->source, pair->key), cfd_find(plan->target, pair->value));
		rename->silent = comes_along(plan, rename->fact, pairs);
		renames = lappend(renames, rename);
	}
	return renames;
}

/* Writes renames, and gives the facts of the source the names that they have then. */
static void
run(CfdPlan *plan, List *renames, List **words)
{
	ListCell *lc;

	foreach (lc, renames)
		cfd_add_words(words, (CfdRename *) lfirst(lc));
	emit_renames(plan, renames);
	cfd_rekey(plan, renames);
}

/* Whether a fact of the source has the name that another one is to get, and is not to stay. */
static bool
is_in_the_way(CfdPlan *plan, const CfdFact *fact, const CfdFact *to)
{
	int shared = fact->kind->flags & to->kind->flags & (CFD_RELATION | CFD_TYPE);
	bool index = cfd_is(fact, "constraint") && cfd_makes_index(fact) &&
				 (to->kind->flags & CFD_RELATION) != 0;

	if ((!shared && !index) || to->part || to->schema == NULL || fact->schema == NULL)
		return false;
	return strcmp(fact->schema, to->schema) == 0 && strcmp(cfd_own_name(fact), to->name) == 0 &&
		   cfd_find(plan->target, fact->identity) == NULL;
}

/* Finds what goes only later and has the name of what is renamed: it gets another one until then. */
static List *
find_in_the_way(CfdPlan *plan, List *renames)
{
	List *aside = NIL;
	ListCell *lc;
	ListCell *lf;

	foreach (lc, renames)
		foreach (lf, plan->old)
		{
			CfdFact *fact = (CfdFact *) lfirst(lf);
			CfdFact *to;
			bool renamed = false;
			ListCell *lr;

			if (!is_in_the_way(plan, fact, ((CfdRename *) lfirst(lc))->to))
				continue;
			foreach (lr, renames)
				renamed = renamed || ((CfdRename *) lfirst(lr))->fact == fact;
			if (renamed)
				continue;
			to = palloc(sizeof(CfdFact));
			*to = *fact;
			if (fact->part)
				to->part = cfd_name_aside(plan, fact->schema, fact->part);
			else
				to->name = cfd_name_aside(plan, fact->schema, fact->name);
			to->identity = cfd_make_identity(to);
			aside = lappend(aside, cfd_new_rename(fact, to));
		}
	return aside;
}

/* Renames what is declared, what is named after it, and what is attached to what stays. */
void
cfd_rename(CfdPlan *plan)
{
	List *renames = plan->renames ? read_renames(plan) : NIL;
	List *more = NIL;
	List *words = NIL;
	List *others = NIL;

	if (renames != NIL)
	{
		run(plan, find_in_the_way(plan, renames), &others);
		run(plan, renames, &words);
		more = cfd_find_namesakes(plan, renames, words);
		run(plan, more, &words);
		renames = list_concat(renames, more);
	}
	/* Those of partitions of partitions are attached to what has its name only then. */
	while ((more = cfd_find_attached(plan, words)) != NIL)
	{
		run(plan, more, &words);
		cfd_take_all_names(plan, more, words);
		renames = list_concat(renames, more);
	}
	if (renames != NIL)
		cfd_take_all_names(plan, renames, words);
}
