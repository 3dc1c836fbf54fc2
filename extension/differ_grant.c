/*-------------------------------------------------------------------------
 *
 * differ_grant.c
 *	  Privileges: what each object has when everything else is done, what it
 *	  should have, and the GRANT and REVOKE between the two.
 *
 * Grants are facts, but no actions: what a new owner, a new object or a REVOKE on
 * a table makes of other grants can only be told for an object as a whole, with its
 * columns. Whatever has to be said of one is an action that waits for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "differ_acl.h"

/* An object, and the grants on it and on its columns. */
typedef struct Object
{
	const char *identity; /* hash key */
	CfdFact *old;		  /* both NULL: it is of the system, or of an extension */
	CfdFact *new;
	List *was; /* CfdFact *, of the source */
	List *is;
	const char *source_owner;
	const char *target_owner;
	const char *owner; /* when the plan has been run */
	List *said;		   /* Said * */
} Object;

/* A GRANT or REVOKE. */
typedef struct Said
{
	bool grant;
	bool option; /* WITH GRANT OPTION, GRANT OPTION FOR */
	CfdRights rights;
	const char *grantee;
	const char *grantor;
	List *columns; /* char *, their names; NIL for the object itself */
	int depth;
	int place;
	int number;
} Said;

/* What says a grant of a column is its table. */
static const char *
object_of(const CfdFact *grant)
{
	if (cfd_is(grant->parent, "column") && grant->parent->parent)
		return grant->parent->parent->identity;
	return grant->above;
}

/* The name of the column that a grant is on, or NULL. */
static const char *
column_of(const CfdFact *grant)
{
	return cfd_is(grant->parent, "column") ? grant->parent->part : NULL;
}

/* Finds a column of a relation, or NULL. */
static CfdFact *
find_column(const CfdFact *relation, const char *column)
{
	ListCell *lc;

	foreach (lc, relation->children)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (cfd_is(fact, "column") && strcmp(fact->part, column) == 0)
			return fact;
	}
	return NULL;
}

static Object *
get_object(CfdPlan *plan, HTAB *objects, List **list, const char *identity)
{
	bool found;
	Object *object = (Object *) hash_search(objects, &identity, HASH_ENTER, &found);

	if (!found)
	{
		memset(object, 0, sizeof(Object));
		object->identity = identity;
		object->old = cfd_find(plan->source, identity);
		object->new = cfd_find(plan->target, identity);
		*list = lappend(*list, object);
	}
	return object;
}

/* The fact that says whose an object is; a sequence of a column belongs with its table. */
static CfdFact *
owner_fact(HTAB *side, const CfdFact *object)
{
	CfdFact *owner;
	ListCell *lc;

	if (object == NULL)
		return NULL;
	owner = cfd_find(side, psprintf("owner of %s", object->identity));
	if (owner || !cfd_is(object, "sequence"))
		return owner;
	foreach (lc, object->depends)
	{
		CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(needed, "column") && needed->parent)
			return owner_fact(side, needed->parent);
	}
	return NULL;
}

static const char *
owner_name(HTAB *side, const CfdFact *object)
{
	CfdFact *owner = owner_fact(side, object);

	return owner ? owner->role : "";
}

/* Whose an object is before, in the target, and when the plan has been run. */
static void
find_owners(CfdPlan *plan, Object *object)
{
	object->source_owner = owner_name(plan->source, object->old);
	object->target_owner = owner_name(plan->target, object->new);
	if (object->new && !object->new->created &&
		plan->owner &&strcmp(object->target_owner, plan->owner) == 0)
		object->owner = object->source_owner;
	else
		object->owner = object->target_owner;
}

/* Adds what a grant on an object of the system or of an extension has changed. */
static void
take_initial(CfdAcl *acl, const CfdFact *grant)
{
	char *grantor = cfd_text(grant, "grantor");
	CfdAclEntry *entry = cfd_acl_entry(acl, grant->role, grantor ? grantor : acl->owner, true);

	if (cfd_has(grant, "initial"))
		entry->rights = cfd_rights(cfd_list(grant, "initial"), NULL);
	else if (strcmp(grant->role, "public") == 0)
	{
		CfdAclEntry *open =
			cfd_acl_entry(cfd_acl_default(cfd_acl_class(grant->above), "?"), "public", "?", false);

		entry->rights = open ? open->rights : 0;
	}
}

static bool
is_of(const CfdFact *grant, const char *column)
{
	const char *name = column_of(grant);

	return column && name ? strcmp(column, name) == 0 : column == name;
}

/* Takes the grants of a side on an object, or on a column of it. */
static void
take_grants(CfdAcl *acl, List *grants, const char *column)
{
	ListCell *lc;

	foreach (lc, grants)
		if (is_of((CfdFact *) lfirst(lc), column))
			cfd_acl_take(acl, (CfdFact *) lfirst(lc));
}

/* Tells whether an extension goes, or comes, with which an object does. */
static bool
goes_with_extension(List *grants)
{
	ListCell *lc;
	ListCell *ld;

	foreach (lc, grants)
		foreach (ld, ((CfdFact *) lfirst(lc))->depends)
		{
			CfdFact *fact = ((CfdDepend *) lfirst(ld))->fact;

			if (fact->dropped || fact->created)
				return true;
		}
	return false;
}

/* What an object, or a column of it, will have, and is to have. */
static void
get_acls(CfdPlan *plan, Object *object, const char *column, CfdAcl **is, CfdAcl **wanted)
{
	char class = column ? 'c' : cfd_acl_class(object->identity);
	bool alien = object->old == NULL && object->new == NULL;
	CfdFact *part = column ? find_column(object->new, column) : object->new;
	ListCell *lc;

	*wanted = cfd_acl_default(class, object->target_owner);
	if (part && part->created && column)
		*is = cfd_acl_default(class, object->owner);
	else if (part && part->created)
		*is =
			cfd_acl_created(plan, class, class == 'n' ? NULL : part->schema, object->target_owner);
	else
	{
		*is = cfd_acl_default(class, object->source_owner);
		if (alien)
		{
			foreach (lc, list_concat_copy(object->was, object->is))
			{
				take_initial(*is, (CfdFact *) lfirst(lc));
				take_initial(*wanted, (CfdFact *) lfirst(lc));
			}
		}
		if (!alien || !goes_with_extension(object->was))
			take_grants(*is, object->was, column);
	}
	take_grants(*wanted, object->is, column);
	cfd_acl_new_owner(*is, object->owner);
	cfd_acl_new_owner(*wanted, object->owner);
}

/* The identity that a grant has, or would have. */
static const char *
identity_of(const Object *object, const char *column, const char *grantee, const char *grantor)
{
	const char *name = object->identity;

	if (column)
		name = psprintf("column %s.%s", cfd_table(object->new), cfd_quote(column));
	name = psprintf("grant on %s to %s", name, cfd_quote(grantee));
	return strcmp(grantor, object->owner) == 0 ? name
											   : psprintf("%s by %s", name, cfd_quote(grantor));
}

/* Notes a statement; one that says the same of another column is the same. */
static void
note(Object *object, CfdAcl *acl, bool grant, bool option, CfdRights rights, CfdAclEntry *entry,
	 const char *column)
{
	Said *said;
	ListCell *lc;

	if (rights == 0)
		return;
	foreach (lc, object->said)
	{
		said = (Said *) lfirst(lc);
		if (column && said->columns && said->grant == grant && said->option == option &&
			said->rights == rights && strcmp(said->grantee, entry->grantee) == 0 &&
			strcmp(said->grantor, entry->grantor) == 0)
		{
			said->columns = lappend(said->columns, unconstify(char *, column));
			return;
		}
	}
	said = palloc0(sizeof(Said));
	said->grant = grant;
	said->option = option;
	said->rights = rights;
	said->grantee = entry->grantee;
	said->grantor = entry->grantor;
	said->columns = column ? list_make1(unconstify(char *, column)) : NIL;
	said->depth = cfd_acl_depth(acl, entry->grantor);
	object->said = lappend(object->said, said);
}

/* A REVOKE on a table is one on its columns. */
static void
revoke_from_columns(Object *object, CfdAcl *is, const char *column)
{
	ListCell *lc;

	foreach (lc, object->said)
	{
		Said *said = (Said *) lfirst(lc);
		CfdAclEntry *entry = cfd_acl_entry(is, said->grantee, said->grantor, false);

		if (said->grant || said->columns || entry == NULL)
			continue;
		entry->grantable &= ~said->rights;
		if (!said->option)
			entry->rights &= ~said->rights;
	}
}

/* Notes what makes of what an object, or a column of it, has what it is to have. */
static void
compare_acls(CfdPlan *plan, Object *object, const char *column)
{
	CfdAcl *is;
	CfdAcl *wanted;
	ListCell *lc;

	get_acls(plan, object, column, &is, &wanted);
	if (column)
		revoke_from_columns(object, is, column);
	foreach (lc, is->entries)
	{
		CfdAclEntry *entry = (CfdAclEntry *) lfirst(lc);

		(void) cfd_acl_entry(wanted, entry->grantee, entry->grantor, true);
	}
	foreach (lc, wanted->entries)
	{
		CfdAclEntry *to = (CfdAclEntry *) lfirst(lc);
		CfdAclEntry *from = cfd_acl_entry(is, to->grantee, to->grantor, true);
		CfdRights had = from->rights | from->maybe;
		CfdRights could_grant = from->grantable | from->maybe_grantable;
		CfdRights option = to->grantable & ~from->grantable;

		if (cfd_is_ignored(plan, identity_of(object, column, to->grantee, to->grantor)))
			continue;
		note(object, is, false, false, had & ~to->rights, to, column);
		note(object, is, false, true, could_grant & ~to->grantable & to->rights, to, column);
		note(object, wanted, true, false, to->rights & ~from->rights & ~option, to, column);
		note(object, wanted, true, true, option, to, column);
	}
}

/* The columns of an object that are there at last and that grants of either side are on. */
static List *
columns_of(const Object *object)
{
	List *columns = NIL;
	ListCell *lc;

	foreach (lc, list_concat_copy(object->is, object->was))
	{
		const char *name = column_of((CfdFact *) lfirst(lc));
		String *value;

		if (name == NULL || object->new == NULL || find_column(object->new, name) == NULL)
			continue;
		value = makeString(unconstify(char *, name));
		if (!list_member(columns, value))
			columns = lappend(columns, value);
	}
	return columns;
}

/* Whether what one role gives depends on what it was given. */
static bool
has_chain(const Object *object)
{
	ListCell *lc;

	foreach (lc, object->said)
		if (((Said *) lfirst(lc))->depth > 0)
			return true;
	return false;
}

/*
 * The place of a statement. What is too much goes first; but where roles have given what
 * they were given, what is missing comes first, from the owner on, and goes last.
 */
static int
place_of(const Said *said, bool chain)
{
	int place = said->columns ? 1 : 0;

	if (!chain)
		return place + (said->grant ? 2 : 0);
	place = place * 400 + (said->grant ? 0 : 200);
	return place + (said->grant ? said->depth : 100 - said->depth);
}

static int
by_place(const ListCell *a, const ListCell *b)
{
	const Said *x = (const Said *) lfirst(a);
	const Said *y = (const Said *) lfirst(b);

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/* The place of the last dot outside of quotes, or NULL. */
static const char *
last_dot(const char *name)
{
	const char *dot = NULL;
	bool quoted = false;

	for (; *name; name++)
	{
		if (*name == '"')
			quoted = !quoted;
		else if (*name == '.' && !quoted)
			dot = name;
	}
	return dot;
}

/* An object as GRANT names it; *columns gets the columns, or NULL. */
static const char *
subject_of(const Object *object, const Said *said, const char **columns)
{
	static const struct
	{
		char class;
		const char *word;
	} words[] = {{'r', "TABLE"},	{'c', "TABLE"},			 {'s', "SEQUENCE"},
				 {'f', "FUNCTION"}, {'T', "TYPE"},			 {'n', "SCHEMA"},
				 {'l', "LANGUAGE"}, {'S', "FOREIGN SERVER"}, {'F', "FOREIGN DATA WRAPPER"}};
	char class = cfd_acl_class(object->identity);
	const char *name = cfd_acl_name(object->identity);
	const char *word = "";
	StringInfoData list;
	ListCell *lc;

	*columns = NULL;
	if (class == 'c')
	{
		const char *dot = last_dot(name);

		*columns = dot + 1;
		name = pnstrdup(name, dot - name);
	}
	else if (said->columns)
	{
		initStringInfo(&list);
		foreach (lc, said->columns)
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", cfd_quote((char *) lfirst(lc)));
		*columns = list.data;
	}
	for (int i = 0; i < lengthof(words); i++)
		if (words[i].class == class)
			word = words[i].word;
	if (strncmp(object->identity, "procedure ", 10) == 0)
		word = "PROCEDURE";
	else if (strncmp(object->identity, "aggregate ", 10) == 0)
		word = "ROUTINE";
	return psprintf("%s %s", word, name);
}

static void
emit_said(CfdPlan *plan, const Object *object, const Said *said)
{
	CfdFact grant = {.kind = cfd_kind("grant")};
	const char *column = said->columns ? (const char *) linitial(said->columns) : NULL;
	const char *columns;
	const char *subject = subject_of(object, said, &columns);
	const char *role = strcmp(said->grantee, "public") == 0 ? "PUBLIC" : cfd_quote(said->grantee);
	const char *change = said->grant ? "grant" : "revoke";
	char *rights = cfd_rights_text(said->rights, columns);
	bool other = strcmp(said->grantor, object->owner) != 0;

	grant.identity = identity_of(object, column, said->grantee, said->grantor);
	if (other)
		cfd_emit(plan, &grant, change, 0, NULL, "SET ROLE %s", cfd_quote(said->grantor));
	if (object->new == NULL || !object->new->created)
		cfd_hazard(plan, "access: %s %s %s on %s", role,
				   said->grant	  ? (said->option ? "gets, and may give," : "gets")
				   : said->option ? "may no longer give"
								  : "loses",
				   rights, object->identity);
	if (said->grant)
		cfd_emit(plan, &grant, change, 0, NULL, "GRANT %s ON %s TO %s%s", rights, subject, role,
				 said->option ? " WITH GRANT OPTION" : "");
	else
		cfd_emit(plan, &grant, change, 0, NULL, "REVOKE %s%s ON %s FROM %s",
				 said->option ? "GRANT OPTION FOR " : "", rights, subject, role);
	if (other)
		cfd_emit(plan, &grant, change, 0, NULL, "RESET ROLE");
}

/* Writes what is to be said of an object. */
static void
create_privileges(CfdPlan *plan, CfdFact *fact)
{
	Object *object = (Object *) fact->extra;
	ListCell *lc;

	foreach (lc, object->said)
		emit_said(plan, object, (Said *) lfirst(lc));
}

/* Not a fact of any snapshot: all that is to be said of the privileges on an object. */
static const CfdKind privileges_kind = {.name = "grant", .rank = 84, .create = create_privileges};

static void
need(CfdFact *fact, CfdFact *needed)
{
	CfdDepend *depend = palloc(sizeof(CfdDepend));

	if (needed == NULL)
		return;
	depend->fact = needed;
	depend->how = CFD_NORMAL;
	fact->depends = lappend(fact->depends, depend);
}

/* Adds what is to be said of an object to the plan. */
static void
add_privileges(CfdPlan *plan, Object *object)
{
	CfdFact *fact = palloc0(sizeof(CfdFact));
	bool chain = has_chain(object);
	ListCell *lc;

	foreach (lc, object->said)
	{
		Said *said = (Said *) lfirst(lc);

		said->number = foreach_current_index(lc);
		said->place = place_of(said, chain);
	}
	list_sort(object->said, by_place);
	fact->kind = &privileges_kind;
	fact->identity = psprintf("privileges on %s", object->identity);
	fact->in_target = true;
	fact->created = true;
	fact->parent = object->new;
	fact->extra = object;
	need(fact, owner_fact(plan->target, object->new));
	foreach (lc, columns_of(object))
		need(fact, find_column(object->new, strVal(lfirst(lc))));
	if (object->new == NULL)
		foreach (lc, object->is)
			fact->depends = list_concat(fact->depends, ((CfdFact *) lfirst(lc))->depends);
	plan->new = lappend(plan->new, fact);
}

/* Reckons with an object that the plan makes or that has grants. */
static void
compare_object(CfdPlan *plan, Object *object)
{
	ListCell *lc;

	if (object->new == NULL &&
		(object->old || (object->is == NIL && goes_with_extension(object->was))))
		return;
	find_owners(plan, object);
	compare_acls(plan, object, NULL);
	foreach (lc, columns_of(object))
		compare_acls(plan, object, strVal(lfirst(lc)));
	if (object->said)
		add_privileges(plan, object);
}

/* Finds what is to be said of privileges; called when all else is known. */
void
cfd_grants(CfdPlan *plan)
{
	HTAB *objects = cfd_identity_table("objects with privileges", sizeof(Object));
	List *list = NIL;
	Object *object;
	ListCell *lc;

	plan->defaults = NIL;
	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (cfd_is(fact, "default privileges"))
			plan->defaults = lappend(plan->defaults, fact);
		if (!cfd_is(fact, "grant"))
			continue;
		object = get_object(plan, objects, &list, object_of(fact));
		object->was = lappend(object->was, fact);
	}
	foreach (lc, plan->new)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		char class;

		if (cfd_is(fact, "grant"))
		{
			object = get_object(plan, objects, &list, object_of(fact));
			object->is = lappend(object->is, fact);
		}
		else if (fact->created && (class = cfd_acl_class(fact->identity)) != 0 && class != 'c')
			(void) get_object(plan, objects, &list, fact->identity);
	}
	foreach (lc, list)
	{
		CHECK_FOR_INTERRUPTS();
		compare_object(plan, (Object *) lfirst(lc));
	}
}

/* The statements come with the objects. */
static CfdChange
compare_grants(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return CFD_SAME;
}

static CfdFact *
grant_carrier(CfdPlan *plan, CfdFact *fact)
{
	return fact->parent;
}

const CfdKind cfd_grant_kinds[] = {
	{.name = "grant", .rank = 85, .compare = compare_grants, .carrier = grant_carrier}, {0}};
