/*-------------------------------------------------------------------------
 *
 * differ_rekey.c
 *	  The facts of the source under the names that they have when the renames are
 *	  done: their own, and those of what they are parts of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "differ_rename.h"

/* What is known of a fact while it gets its name. */
typedef struct Rekeyed
{
	const CfdFact *fact; /* hash key */
	bool done;
	const char *identity; /* that it had */
	CfdRename *rename;
	CfdFact *from; /* of a parent table, whose name it shares; or NULL */
} Rekeyed;

static Rekeyed *
find_state(HTAB *states, const CfdFact *fact)
{
	return (Rekeyed *) hash_search(states, &fact, HASH_FIND, NULL);
}

/* kind schema.name.part(arguments), as a snapshot has it. */
const char *
cfd_make_identity(const CfdFact *fact)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, fact->kind->name);
	if (fact->schema)
		appendStringInfo(&text, " %s", cfd_quote(fact->schema));
	if (fact->name)
		appendStringInfo(&text, "%c%s", fact->schema ? '.' : ' ', cfd_quote(fact->name));
	if (fact->part)
		appendStringInfo(&text, ".%s", cfd_quote(fact->part));
	if (fact->arguments)
		appendStringInfo(&text, "(%s)", fact->arguments);
	return text.data;
}

/* Whether a fact has the name of what it is a part of, and its own behind. */
static bool
is_named_by_parent(const CfdFact *fact)
{
	static const char *const kinds[] = {"column",
										"default",
										"constraint",
										"trigger",
										"rule",
										"policy",
										"attribute",
										"domain constraint",
										"user mapping",
										"publication table",
										"publication schema"};

	for (int i = 0; i < lengthof(kinds); i++)
		if (cfd_is(fact, kinds[i]))
			return fact->parent != NULL;
	return false;
}

static bool
is_about(const CfdFact *fact)
{
	return cfd_is(fact, "owner") || cfd_is(fact, "comment") || cfd_is(fact, "grant") ||
		   cfd_is(fact, "security label");
}

/* The identity of what is said about an object, when that has another one. */
static const char *
about_identity(HTAB *states, const CfdFact *fact)
{
	const char *was = find_state(states, fact->parent)->identity;
	const char *index = cfd_is(fact->parent, "constraint")
							? psprintf("on index %s.", cfd_quote(fact->parent->schema))
							: NULL;
	const char *at = strstr(fact->identity, was);

	if (at)
		return psprintf("%.*s%s%s", (int) (at - fact->identity), fact->identity,
						fact->parent->identity, at + strlen(was));
	/* the index of a constraint has its name */
	if (index && strncmp(fact->identity, "comment on index ", 17) == 0)
		return psprintf("comment %s%s", index, cfd_part(fact->parent));
	return fact->identity;
}

/* The table whose column a sequence belongs to, or NULL: it moves with that. */
static CfdFact *
table_of(const CfdFact *sequence)
{
	ListCell *lc;

	if (!cfd_is(sequence, "sequence"))
		return NULL;
	foreach (lc, sequence->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (depend->how != CFD_NORMAL && cfd_is(depend->fact, "column"))
			return depend->fact->parent;
	}
	return NULL;
}

/* What decides in which schema a fact is, or NULL when nothing of the source does. */
static CfdFact *
mover_of(const CfdFact *fact)
{
	CfdFact *table = table_of(fact);

	if (table)
		return table;
	/* extended statistics stay when their table moves */
	return cfd_is(fact, "statistics") ? NULL : fact->parent;
}

static void
rekey(HTAB *states, CfdFact *fact, List *names, List *schemas)
{
	Rekeyed *state = find_state(states, fact);
	CfdFact *mover;
	ListCell *lc;

	if (state == NULL || state->done)
		return;
	state->done = true;
	if (fact->parent)
		rekey(states, fact->parent, names, schemas);
	if (state->rename)
	{
		const CfdFact *to = state->rename->to;

		fact->identity = to->identity;
		fact->schema = to->schema;
		fact->name = to->name;
		fact->part = to->part;
		fact->arguments = to->arguments;
	}
	else if (is_about(fact))
	{
		if (fact->parent)
		{
			fact->identity = about_identity(states, fact);
			fact->schema = fact->parent->schema;
		}
	}
	else
	{
		foreach (lc, schemas)
			if (fact->schema && strcmp(fact->schema, ((CfdWord *) lfirst(lc))->old) == 0)
			{
				fact->schema = ((CfdWord *) lfirst(lc))->new;
				break;
			}
		mover = mover_of(fact);
		if (mover)
		{
			rekey(states, mover, names, schemas);
			if (fact->schema && mover->schema)
				fact->schema = mover->schema;
		}
		if (is_named_by_parent(fact))
		{
			fact->name = fact->parent->name;
			if (cfd_is(fact, "default"))
				fact->part = fact->parent->part;
		}
		if (state->from)
		{
			rekey(states, state->from, names, schemas);
			fact->part = state->from->part;
		}
		if (fact->arguments)
			fact->arguments = cfd_replace_names(fact->arguments, names);
		if (cfd_is(fact, "publication schema"))
			foreach (lc, schemas)
				if (strcmp(cfd_quote(((CfdWord *) lfirst(lc))->old), fact->arguments) == 0)
					fact->arguments = cfd_quote(((CfdWord *) lfirst(lc))->new);
		fact->identity = cfd_make_identity(fact);
	}
	if (fact->parent)
		fact->above = fact->parent->identity;
}

/* What is inherited has the name that it has in the parent table. */
static CfdFact *
inherits_name(CfdPlan *plan, const CfdFact *fact)
{
	if (cfd_is(fact, "column") ||
		(cfd_is(fact, "constraint") && (strcmp(cfd_text(fact, "type"), "check") == 0 ||
										strcmp(cfd_text(fact, "type"), "not null") == 0)))
		return cfd_inherited_from(plan, fact);
	return NULL;
}

/* Takes what one fact says of another out of a list. */
static List *
without(List *list, const CfdFact *fact)
{
	List *kept = NIL;
	ListCell *lc;

	foreach (lc, list)
		if (((CfdDepend *) lfirst(lc))->fact != fact)
			kept = lappend(kept, lfirst(lc));
	return kept;
}

/* Lets a fact that has moved be a part of the schema in which it is. */
static void
take_to_schema(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *old = fact->parent;
	CfdFact *new = cfd_find(plan->source, psprintf("schema %s", cfd_quote(fact->schema)));
	ListCell *lc;

	if (new == NULL || new == old)
		return;
	old->children = list_delete_ptr(old->children, fact);
	old->dependents = without(old->dependents, fact);
	new->children = lappend(new->children, fact);
	fact->parent = new;
	fact->above = new->identity;
	foreach (lc, fact->depends)
	{
		CfdDepend *depend = (CfdDepend *) lfirst(lc);

		if (depend->fact == old)
		{
			CfdDepend *back = palloc(sizeof(CfdDepend));

			depend->fact = new;
			back->fact = fact;
			back->how = depend->how;
			new->dependents = lappend(new->dependents, back);
		}
	}
}

/* Gives the facts of the source their new names, and finds them by those. */
void
cfd_rekey(CfdPlan *plan, List *renames)
{
	HASHCTL control = {
		.keysize = sizeof(CfdFact *), .entrysize = sizeof(Rekeyed), .hcxt = CurrentMemoryContext};
	HTAB *states =
		hash_create("names of facts", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	List *names = NIL;
	List *schemas = NIL;
	ListCell *lc;

	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		Rekeyed *state = (Rekeyed *) hash_search(states, &fact, HASH_ENTER, NULL);

		state->done = false;
		state->identity = fact->identity;
		state->rename = NULL;
		state->from = inherits_name(plan, fact);
	}
	foreach (lc, renames)
	{
		CfdRename *rename = (CfdRename *) lfirst(lc);
		CfdWord *word = palloc(sizeof(CfdWord));
		Rekeyed *state = find_state(states, rename->fact);

		state->rename = rename;
		if (cfd_is(rename->fact, "schema"))
		{
			word->old = rename->fact->schema;
			word->new = rename->to->schema;
			schemas = lappend(schemas, word);
		}
		else if (rename->fact->part == NULL && rename->fact->schema && rename->fact->name)
		{
			word->old = cfd_table(rename->fact);
			word->new = cfd_table(rename->to);
			names = lappend(names, word);
		}
	}
	/* a schema renames all that is qualified with it */
	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		ListCell *ls;

		if ((fact->kind->flags & (CFD_TYPE | CFD_RELATION)) == 0 || fact->schema == NULL)
			continue;
		foreach (ls, schemas)
			if (strcmp(fact->schema, ((CfdWord *) lfirst(ls))->old) == 0)
			{
				CfdWord *word = palloc(sizeof(CfdWord));

				word->old = cfd_table(fact);
				word->new = quote_qualified_identifier(((CfdWord *) lfirst(ls))->new, fact->name);
				names = lappend(names, word);
			}
	}
	foreach (lc, plan->old)
	{
		CHECK_FOR_INTERRUPTS();
		rekey(states, (CfdFact *) lfirst(lc), names, schemas);
	}
	plan->source = cfd_index(plan->old);
	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (cfd_is(fact->parent, "schema") && fact->schema && !is_about(fact) &&
			strcmp(fact->schema, fact->parent->schema) != 0)
			take_to_schema(plan, fact);
	}
	hash_destroy(states);
}
