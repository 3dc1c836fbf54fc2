/*-------------------------------------------------------------------------
 *
 * differ_names.c
 *	  Names: one that an object gives up, and another takes; facts by their name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "differ.h"

/* A name that two objects can't have at once, and the drop that frees it. */
typedef struct FreedName
{
	char name[NAMEDATALEN * 2 + 16]; /* hash key: class, schema, name */
	CfdAction *drop;
} FreedName;

/* The facts of a name, whatever their schema. */
typedef struct NameEntry
{
	char name[NAMEDATALEN]; /* hash key */
	List *facts;			/* CfdFact * */
} NameEntry;

/* Returns a table of what can be found by name: relations but indexes, types, routines. */
HTAB *
cfd_names(List *facts, bool routines_only)
{
	HASHCTL control = {
		.keysize = NAMEDATALEN, .entrysize = sizeof(NameEntry), .hcxt = CurrentMemoryContext};
	HTAB *names =
		hash_create("facts by name", 256, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	ListCell *lc;

	foreach (lc, facts)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		int flags = routines_only ? CFD_ROUTINE : CFD_RELATION | CFD_TYPE | CFD_ROUTINE;
		NameEntry *entry;
		bool found;

		if ((fact->kind->flags & flags) == 0 || fact->name == NULL || fact->schema == NULL ||
			fact->part != NULL || cfd_is(fact, "index"))
			continue;
		entry = (NameEntry *) hash_search(names, fact->name, HASH_ENTER, &found);
		entry->facts = lappend(found ? entry->facts : NIL, fact);
	}
	return names;
}

/* Returns the facts of a name. */
List *
cfd_named(HTAB *names, const char *name)
{
	char key[NAMEDATALEN];
	NameEntry *entry;

	strlcpy(key, name, sizeof(key));
	entry = (NameEntry *) hash_search(names, key, HASH_FIND, NULL);
	return entry ? entry->facts : NIL;
}

/* Writes the key of the name that a fact takes; false when it takes none. */
static bool
taken_name(const CfdFact *fact, char class, FreedName *key)
{
	const char *name = fact->name;
	int flags = fact->kind->flags;

	memset(key, 0, sizeof(FreedName));
	if (class == 'r' && cfd_is(fact, "constraint"))
	{
		const char *type = cfd_text(fact, "type");

		if (strcmp(type, "primary key") != 0 && strcmp(type, "unique") != 0 &&
			strcmp(type, "exclusion") != 0)
			return false;
		name = fact->part;
	}
	else if (!(class == 'r' && (flags & CFD_RELATION)) && !(class == 't' && (flags & CFD_TYPE)) &&
			 !(class == 'f' && (flags & CFD_ROUTINE)))
		return false;
	if (fact->schema == NULL || name == NULL)
		return false;
	/* Routines share a name as long as their arguments differ. */
	if (class == 'f')
		snprintf(key->name, sizeof(key->name), "f%s%c%s%c%08x", fact->schema, 1, name, 1,
				 hash_bytes((const unsigned char *) fact->arguments, strlen(fact->arguments)));
	else
		snprintf(key->name, sizeof(key->name), "%c%s%c%s", class, fact->schema, 1, name);
	return true;
}

/* A name is freed before it is taken by something else. */
static void
wait_for_freed(CfdPlan *plan)
{
	HASHCTL control = {.keysize = sizeof(((FreedName *) 0)->name),
					   .entrysize = sizeof(FreedName),
					   .hcxt = CurrentMemoryContext};
	HTAB *freed = hash_create("freed names", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	const char *classes = "rtf";
	FreedName key;
	ListCell *lc;

	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (!fact->dropped || fact->moved)
			continue;
		for (int i = 0; classes[i]; i++)
			if (taken_name(fact, classes[i], &key))
				((FreedName *) hash_search(freed, key.name, HASH_ENTER, NULL))->drop = fact->drop;
	}
	if (hash_get_num_entries(freed) == 0)
		return;
	foreach (lc, plan->new)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (!fact->created)
			continue;
		for (int i = 0; classes[i]; i++)
			if (taken_name(fact, classes[i], &key))
			{
				FreedName *entry = (FreedName *) hash_search(freed, key.name, HASH_FIND, NULL);

				if (entry)
					cfd_wait(fact->create, entry->drop);
			}
	}
}

/*
 * The trigger of a partition is gone before that of its table comes, and brings one of the
 * same name with it.
 */
static void
wait_for_triggers(CfdPlan *plan)
{
	ListCell *lc;
	ListCell *ld;

	foreach (lc, plan->new)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		CfdFact *from = fact;

		if (!cfd_is(fact, "trigger") || !fact->created || fact->twin == NULL ||
			cfd_bool(fact->twin, "inherited"))
			continue;
		while (from && cfd_bool(from, "inherited"))
		{
			CfdFact *above = NULL;

			foreach (ld, from->depends)
				if (cfd_is(((CfdDepend *) lfirst(ld))->fact, "trigger"))
					above = ((CfdDepend *) lfirst(ld))->fact;
			from = above;
			if (from)
				cfd_wait(from->create, fact->twin->drop);
		}
	}
}

/*
 * What converts by a cast depends on the function of the cast only. When it is read again, the
 * cast must be there.
 */
static void
hope_for_casts(CfdPlan *plan)
{
	ListCell *lc;
	ListCell *ld;
	ListCell *lu;

	foreach (lc, plan->new)
	{
		CfdFact *cast = (CfdFact *) lfirst(lc);

		if (!cfd_is(cast, "cast") || !cast->created)
			continue;
		foreach (ld, cast->depends)
		{
			CfdFact *function = ((CfdDepend *) lfirst(ld))->fact;

			if ((function->kind->flags & CFD_ROUTINE) == 0)
				continue;
			foreach (lu, function->dependents)
				cfd_hope(cfd_provider(((CfdDepend *) lfirst(lu))->fact), cast->create, CFD_CHECKS);
		}
	}
}

/* Lets an action come after the changes of the attributes of a type, or before them. */
static void
hope_for_attributes(CfdAction *action, const CfdFact *type, const CfdFact *old, bool after)
{
	ListCell *lc;

	foreach (lc, list_concat_copy(type->children, old->children))
	{
		CfdFact *part = (CfdFact *) lfirst(lc);
		CfdAction *change = part->in_target ? cfd_provider(part) : part->drop;

		if (cfd_is(part, "attribute"))
			cfd_hope(after ? action : change, after ? change : action, CFD_CHECKS);
	}
}

/*
 * What is made of a type, such as a row as a default, comes after its attributes have changed;
 * what goes is gone before.
 */
static void
hope_for_types(CfdPlan *plan)
{
	ListCell *lc;
	ListCell *ld;

	foreach (lc, list_concat_copy(plan->new, plan->old))
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		foreach (ld, fact->created || fact->dropped ? fact->depends : NIL)
		{
			CfdFact *type = ((CfdDepend *) lfirst(ld))->fact;

			if (!cfd_is(type, "type") || type->created || type->dropped || type->twin == NULL ||
				fact->parent == type)
				continue;
			if (fact->created)
				hope_for_attributes(fact->create, type, type->twin, true);
			else
				hope_for_attributes(fact->drop, type->twin, type, false);
		}
	}
}

/* Lets what takes a name come after what gives it up. */
void
cfd_wait_for_names(CfdPlan *plan)
{
	wait_for_freed(plan);
	wait_for_triggers(plan);
	cfd_hope_for_overloads(plan);
	hope_for_casts(plan);
	hope_for_types(plan);
}
