/*-------------------------------------------------------------------------
 *
 * differ_privilege.c
 *	  GRANT and REVOKE as statements, and their order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ_acl.h"

/* The identity that a grant has, or would have. */
const char *
cfd_privilege_identity(const CfdPrivileged *object, const char *column, const char *grantee,
					   const char *grantor)
{
	const char *name = object->identity;

	if (column)
		name = psprintf("column %s.%s", cfd_table(object->new), cfd_quote(column));
	name = psprintf("grant on %s to %s", name, cfd_quote(grantee));
	return strcmp(grantor, object->owner) == 0 ? name
											   : psprintf("%s by %s", name, cfd_quote(grantor));
}

/* Whether what one role gives depends on what it was given. */
static bool
has_chain(const CfdPrivileged *object)
{
	ListCell *lc;

	foreach (lc, object->said)
		if (((CfdSaid *) lfirst(lc))->depth > 0)
			return true;
	return false;
}

/*
 * The place of a statement. What is too much goes first; but where roles have given what
 * they were given, what is missing comes first, from the owner on, and goes last.
 */
static int
place_of(const CfdSaid *said, bool chain)
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
	const CfdSaid *x = (const CfdSaid *) lfirst(a);
	const CfdSaid *y = (const CfdSaid *) lfirst(b);

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
subject_of(const CfdPrivileged *object, const CfdSaid *said, const char **columns)
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
	if (class == 'T')
		name = cfd_system_type(name);
	if (strncmp(object->identity, "procedure ", 10) == 0)
	{
		const CfdFact *procedure = object->new ? object->new : object->old;

		word = "PROCEDURE";
		name = procedure ? cfd_name(procedure) : name;
	}
	else if (strncmp(object->identity, "aggregate ", 10) == 0)
		word = "ROUTINE";
	return psprintf("%s %s", word, name);
}

/* Puts the statements in their order. */
void
cfd_privileges_sort(CfdPrivileged *object)
{
	bool chain = has_chain(object);
	ListCell *lc;

	foreach (lc, object->said)
	{
		CfdSaid *said = (CfdSaid *) lfirst(lc);

		said->number = foreach_current_index(lc);
		said->place = place_of(said, chain);
	}
	list_sort(object->said, by_place);
}

static void
emit_said(CfdPlan *plan, const CfdPrivileged *object, const CfdSaid *said)
{
	CfdFact grant = {.kind = cfd_kind("grant")};
	const char *column = said->columns ? (const char *) linitial(said->columns) : NULL;
	const char *columns;
	const char *subject = subject_of(object, said, &columns);
	const char *role = strcmp(said->grantee, "public") == 0 ? "PUBLIC" : cfd_quote(said->grantee);
	const char *change = said->grant ? "grant" : "revoke";
	char *rights = cfd_rights_text(said->rights, columns);
	bool other = strcmp(said->grantor, object->owner) != 0;

	grant.identity = cfd_privilege_identity(object, column, said->grantee, said->grantor);
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
	CfdPrivileged *object = (CfdPrivileged *) fact->extra;
	ListCell *lc;

	foreach (lc, object->said)
		emit_said(plan, object, (CfdSaid *) lfirst(lc));
}

/* Not a fact of any snapshot: all that is to be said of the privileges on an object. */
const CfdKind cfd_privileges_kind = {.name = "grant", .rank = 84, .create = create_privileges};
