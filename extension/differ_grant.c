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

/*
 * What a grant is on, when that is a part of a fact and has privileges of its own: the row type of a
 * relation, the constructors of a range type. Else NULL.
 */
static const char *
part_of(const CfdFact *grant)
{
	const char *object = grant->identity + strlen("grant on ");
	const char *word = psprintf(" to %s", cfd_quote(grant->role));
	const char *end = NULL;

	if (grant->above == NULL || strncmp(object, grant->above, strlen(grant->above)) == 0)
		return NULL;
	for (const char *at = strstr(object, word); at; at = strstr(at + 1, word))
		end = at;
	return end ? pnstrdup(object, end - object) : NULL;
}

/* What says a grant of a column is its table. */
static const char *
object_of(const CfdFact *grant)
{
	const char *part;

	if (cfd_is(grant->parent, "column") && grant->parent->parent)
		return grant->parent->parent->identity;
	part = part_of(grant);
	return part ? part : grant->above;
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

/* Gets what has privileges; about is the identity of the fact that it is, or is a part of. */
static CfdPrivileged *
get_object(CfdPlan *plan, HTAB *objects, List **list, const char *identity, const char *about)
{
	bool found;
	CfdPrivileged *object = (CfdPrivileged *) hash_search(objects, &identity, HASH_ENTER, &found);

	if (!found)
	{
		memset(object, 0, sizeof(CfdPrivileged));
		object->identity = identity;
		*list = lappend(*list, object);
	}
	if (object->old == NULL)
		object->old = cfd_find(plan->source, about);
	if (object->new == NULL)
		object->new = cfd_find(plan->target, about);
	return object;
}

static CfdPrivileged *
get_grant_object(CfdPlan *plan, HTAB *objects, List **list, const CfdFact *grant)
{
	const char *identity = object_of(grant);

	return get_object(plan, objects, list, identity, part_of(grant) ? grant->above : identity);
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
find_owners(CfdPlan *plan, CfdPrivileged *object)
{
	object->source_owner = owner_name(plan->source, object->old);
	object->target_owner = owner_name(plan->target, object->new);
	/* without a word about it, it is who runs the plan */
	if (object->new && object->new->created && *object->target_owner == '\0' && plan->owner)
		object->target_owner = plan->owner;
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

/* Whether the plan makes an object, or makes it anew in what it does to change it. */
static bool
is_made(CfdPlan *plan, const CfdFact *object)
{
	CfdFact *owner = owner_fact(plan->target, object);

	return object->created || (owner && owner->created && owner->twin);
}

/* What an object, or a column of it, will have, and is to have. */
static void
get_acls(CfdPlan *plan, CfdPrivileged *object, const char *column, CfdAcl **is, CfdAcl **wanted)
{
	char class = column ? 'c' : cfd_acl_class(object->identity);
	bool alien = object->old == NULL && object->new == NULL;
	CfdFact *part = column ? find_column(object->new, column) : object->new;
	ListCell *lc;

	*wanted = cfd_acl_default(class, object->target_owner);
	if (part && part->created && column)
		*is = cfd_acl_default(class, object->owner);
	else if (part && is_made(plan, part))
		/* default privileges on types are none of row types */
		*is = class == 'T' && (part->kind->flags & CFD_TYPE) == 0
				  ? cfd_acl_default(class, object->target_owner)
				  : cfd_acl_created(plan, class, class == 'n' ? NULL : part->schema,
									object->target_owner);
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

/* Notes a statement; one that says the same of another column is the same. */
static void
note(CfdPrivileged *object, CfdAcl *acl, bool grant, bool option, CfdRights rights,
	 CfdAclEntry *entry, const char *column)
{
	CfdSaid *said;
	ListCell *lc;

	if (rights == 0)
		return;
	foreach (lc, object->said)
	{
		said = (CfdSaid *) lfirst(lc);
		if (column && said->columns && said->grant == grant && said->option == option &&
			said->rights == rights && strcmp(said->grantee, entry->grantee) == 0 &&
			strcmp(said->grantor, entry->grantor) == 0)
		{
			said->columns = lappend(said->columns, unconstify(char *, column));
			return;
		}
	}
	said = palloc0(sizeof(CfdSaid));
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
revoke_from_columns(CfdPrivileged *object, CfdAcl *is, const char *column)
{
	ListCell *lc;

	foreach (lc, object->said)
	{
		CfdSaid *said = (CfdSaid *) lfirst(lc);
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
compare_acls(CfdPlan *plan, CfdPrivileged *object, const char *column)
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

		if (cfd_is_ignored(plan, cfd_privilege_identity(object, column, to->grantee, to->grantor)))
			continue;
		note(object, is, false, false, had & ~to->rights, to, column);
		note(object, is, false, true, could_grant & ~to->grantable & to->rights, to, column);
		note(object, wanted, true, false, to->rights & ~from->rights & ~option, to, column);
		note(object, wanted, true, true, option, to, column);
	}
}

/* The columns of an object that are there at last and that grants of either side are on. */
static List *
columns_of(const CfdPrivileged *object)
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
add_privileges(CfdPlan *plan, CfdPrivileged *object)
{
	CfdFact *fact = palloc0(sizeof(CfdFact));
	ListCell *lc;

	cfd_privileges_sort(object);
	fact->kind = &cfd_privileges_kind;
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
compare_object(CfdPlan *plan, CfdPrivileged *object)
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
	HTAB *objects = cfd_identity_table("objects with privileges", sizeof(CfdPrivileged));
	List *list = NIL;
	CfdPrivileged *object;
	ListCell *lc;

	plan->defaults = NIL;
	foreach (lc, plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (cfd_is(fact, "default privileges"))
			plan->defaults = lappend(plan->defaults, fact);
		if (!cfd_is(fact, "grant"))
			continue;
		object = get_grant_object(plan, objects, &list, fact);
		object->was = lappend(object->was, fact);
	}
	foreach (lc, plan->new)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		char class;

		if (cfd_is(fact, "grant"))
		{
			object = get_grant_object(plan, objects, &list, fact);
			object->is = lappend(object->is, fact);
		}
		else if (fact->created && (class = cfd_acl_class(fact->identity)) != 0 && class != 'c')
			(void) get_object(plan, objects, &list, fact->identity, fact->identity);
	}
	foreach (lc, list)
	{
		CHECK_FOR_INTERRUPTS();
		compare_object(plan, (CfdPrivileged *) lfirst(lc));
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
