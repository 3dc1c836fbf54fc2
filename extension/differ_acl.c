/*-------------------------------------------------------------------------
 *
 * differ_acl.c
 *	  Reckons with privileges: what an object has when nothing is said, what
 *	  becomes of that when it gets another owner, and what default privileges
 *	  give to a new one. The same as PostgreSQL's acl.c, but with names of roles:
 *	  a snapshot may speak of roles that are not here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ_acl.h"

/* The bits of CfdRights, in the order of their names, as snapshots have them. */
static const char *const names[] = {"CREATE",	"DELETE",	  "EXECUTE", "INSERT",
									"MAINTAIN", "REFERENCES", "SELECT",	 "TRIGGER",
									"TRUNCATE", "UPDATE",	  "USAGE"};

static CfdRights
right_of(const char *name, int len)
{
	for (int i = 0; i < lengthof(names); i++)
		if ((int) strlen(names[i]) == len && strncmp(names[i], name, len) == 0)
			return (CfdRights) 1 << i;
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("\"%.*s\" is no privilege", len, name),
			errhint("Give what confiture.snapshot() has returned."));
}

/* Reads a list of names, some maybe "with grant option". */
CfdRights
cfd_rights(List *list, CfdRights *grantable)
{
	static const char suffix[] = " with grant option";
	CfdRights rights = 0;
	ListCell *lc;

	foreach (lc, list)
	{
		const char *name = (const char *) lfirst(lc);
		const char *end = strstr(name, suffix);
		CfdRights right = right_of(name, end ? end - name : (int) strlen(name));

		rights |= right;
		if (end && grantable)
			*grantable |= right;
	}
	return rights;
}

/* Privileges as GRANT names them, on a list of columns if that is not NULL. */
char *
cfd_rights_text(CfdRights rights, const char *columns)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < lengthof(names); i++)
		if ((rights & ((CfdRights) 1 << i)) != 0)
		{
			appendStringInfo(&out, "%s%s", out.len ? ", " : "", names[i]);
			if (columns)
				appendStringInfo(&out, " (%s)", columns);
		}
	return out.data;
}

/* The kinds of objects that have privileges, longer names before those they begin with. */
static const struct
{
	const char *kind;
	char class;
} classes[] = {
	{"table ", 'r'},
	{"view column ", 'c'},
	{"view ", 'r'},
	{"materialized view column ", 'c'},
	{"materialized view ", 'r'},
	{"foreign table column ", 'c'},
	{"foreign table ", 'r'},
	{"sequence ", 's'},
	{"column ", 'c'},
	{"function ", 'f'},
	{"procedure ", 'f'},
	{"aggregate ", 'f'},
	{"type ", 'T'},
	{"domain constraint ", 0},
	{"domain ", 'T'},
	{"schema ", 'n'},
	{"language ", 'l'},
	{"foreign data wrapper ", 'F'},
	{"foreign-data wrapper ", 'F'},
	{"server ", 'S'},
};

/* The class of privileges that the object of an identity has, or 0. */
char
cfd_acl_class(const char *identity)
{
	for (int i = 0; i < lengthof(classes); i++)
		if (strncmp(identity, classes[i].kind, strlen(classes[i].kind)) == 0)
			return classes[i].class;
	return 0;
}

/* What stands behind the kind. */
const char *
cfd_acl_name(const char *identity)
{
	for (int i = 0; i < lengthof(classes); i++)
		if (strncmp(identity, classes[i].kind, strlen(classes[i].kind)) == 0)
			return identity + strlen(classes[i].kind);
	return identity;
}

/* All privileges of a class, and those that everybody has when nothing is said. */
static void
rights_of_class(char class, CfdRights *all, CfdRights *everybody)
{
	const char *list = "";
	const char *open = "";

	switch (class)
	{
		case 'r':
			list = CF_RELATION_RIGHTS;
			break;
		case 's':
			list = "SELECT UPDATE USAGE";
			break;
		case 'f':
			list = open = "EXECUTE";
			break;
		case 'T':
		case 'l':
			list = open = "USAGE";
			break;
		case 'n':
			list = "CREATE USAGE";
			break;
		case 'F':
		case 'S':
			list = "USAGE";
			break;
		case 'L':
			list = "SELECT UPDATE";
			break;
		default:
			break;
	}
	*all = 0;
	*everybody = *open ? right_of(open, strlen(open)) : 0;
	while (*list)
	{
		int len = strcspn(list, " ");

		*all |= right_of(list, len);
		list += len + (list[len] == ' ');
	}
}

/*
 * Finds what a grantee has from a grantor. One that is not there is NULL, or added without
 * any privilege.
 */
CfdAclEntry *
cfd_acl_entry(CfdAcl *acl, const char *grantee, const char *grantor, bool missing_too)
{
	CfdAclEntry *entry;
	ListCell *lc;

	foreach (lc, acl->entries)
	{
		entry = (CfdAclEntry *) lfirst(lc);
		if (strcmp(entry->grantee, grantee) == 0 && strcmp(entry->grantor, grantor) == 0)
			return entry;
	}
	if (!missing_too)
		return NULL;
	entry = palloc0(sizeof(CfdAclEntry));
	entry->grantee = grantee;
	entry->grantor = grantor;
	acl->entries = lappend(acl->entries, entry);
	return entry;
}

/* What an object has when nothing is said. */
CfdAcl *
cfd_acl_default(char class, const char *owner)
{
	CfdAcl *acl = palloc0(sizeof(CfdAcl));
	CfdRights all;
	CfdRights everybody;

	acl->owner = owner;
	if (*owner == '\0')
		return acl; /* of the system or an extension */
	rights_of_class(class, &all, &everybody);
	if (everybody)
		cfd_acl_entry(acl, "public", owner, true)->rights = everybody;
	if (all)
		cfd_acl_entry(acl, owner, owner, true)->rights = all;
	return acl;
}

/* Takes what a grant says. */
void
cfd_acl_take(CfdAcl *acl, const CfdFact *grant)
{
	char *grantor = cfd_text(grant, "grantor");
	CfdAclEntry *entry = cfd_acl_entry(acl, grant->role, grantor ? grantor : acl->owner, true);

	entry->rights = cfd_rights(cfd_list(grant, "privileges"), NULL);
	entry->grantable = cfd_rights(cfd_list(grant, "grantable"), NULL);
}

/* What the owner had and gave is the new owner's; what becomes double is one. */
void
cfd_acl_new_owner(CfdAcl *acl, const char *owner)
{
	List *entries = acl->entries;
	const char *old = acl->owner;
	ListCell *lc;

	acl->owner = owner;
	if (strcmp(old, owner) == 0)
		return;
	acl->entries = NIL;
	foreach (lc, entries)
	{
		CfdAclEntry *from = (CfdAclEntry *) lfirst(lc);
		CfdAclEntry *to =
			cfd_acl_entry(acl, strcmp(from->grantee, old) == 0 ? owner : from->grantee,
						  strcmp(from->grantor, old) == 0 ? owner : from->grantor, true);

		to->rights |= from->rights;
		to->grantable |= from->grantable;
		to->maybe |= from->maybe;
		to->maybe_grantable |= from->maybe_grantable;
	}
}

/* Adds what default privileges of a schema give to those of the whole database. */
static void
add_defaults(CfdAcl *acl, const CfdAcl *more)
{
	ListCell *lc;

	foreach (lc, more->entries)
	{
		const CfdAclEntry *from = (const CfdAclEntry *) lfirst(lc);
		CfdAclEntry *to = cfd_acl_entry(acl, from->grantee, from->grantor, true);

		to->rights |= from->rights;
		to->grantable |= from->grantable;
	}
}

/* What an object has that a role makes, by the default privileges of the source. */
static CfdAcl *
created_by(CfdPlan *plan, char class, const char *schema, const char *role)
{
	CfdAcl *acl = cfd_acl_default(class, role);
	ListCell *lc;

	foreach (lc, plan->defaults)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (fact->schema == NULL && cfd_default_class(fact) == class &&
			strcmp(cfd_text(fact, "role"), role) == 0)
			acl = cfd_default_acl(fact);
	}
	if (schema == NULL)
		return acl;
	foreach (lc, plan->defaults)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (fact->schema && strcmp(fact->schema, schema) == 0 && cfd_default_class(fact) == class &&
			strcmp(cfd_text(fact, "role"), role) == 0)
			add_defaults(acl, cfd_default_acl(fact));
	}
	return acl;
}

/* Makes of two possibilities what is sure, and what may be. */
static void
unite(CfdAcl *acl, CfdAcl *other)
{
	ListCell *lc;

	foreach (lc, other->entries)
	{
		CfdAclEntry *entry = (CfdAclEntry *) lfirst(lc);

		(void) cfd_acl_entry(acl, entry->grantee, entry->grantor, true);
	}
	foreach (lc, acl->entries)
	{
		CfdAclEntry *entry = (CfdAclEntry *) lfirst(lc);
		CfdAclEntry *that = cfd_acl_entry(other, entry->grantee, entry->grantor, false);
		CfdRights rights = that ? that->rights : 0;
		CfdRights grantable = that ? that->grantable : 0;

		entry->maybe |= entry->rights | rights;
		entry->maybe_grantable |= entry->grantable | grantable;
		entry->rights &= rights;
		entry->grantable &= grantable;
	}
}

/*
 * What a new object has when its owner is the given one. The plan is run by the role
 * whose ownership is not declared, or by whom nobody knows: then it may be anyone who
 * has default privileges, or anyone else.
 */
CfdAcl *
cfd_acl_created(CfdPlan *plan, char class, const char *schema, const char *owner)
{
	CfdAcl *acl;
	List *seen = NIL;
	ListCell *lc;

	if (plan->owner)
	{
		acl = created_by(plan, class, schema, plan->owner);
		cfd_acl_new_owner(acl, owner);
		return acl;
	}
	acl = cfd_acl_default(class, owner);
	if (*owner == '\0')
		return acl;
	foreach (lc, plan->defaults)
	{
		char *role = cfd_text((CfdFact *) lfirst(lc), "role");
		CfdAcl *other;

		if (list_member(seen, makeString(role)))
			continue;
		seen = lappend(seen, makeString(role));
		other = created_by(plan, class, schema, role);
		cfd_acl_new_owner(other, owner);
		unite(acl, other);
	}
	return acl;
}

/* How many hands a privilege has gone through before a grantor: the owner is the first. */
int
cfd_acl_depth(CfdAcl *acl, const char *grantor)
{
	const char *hand = grantor;

	for (int depth = 0; depth < 100; depth++)
	{
		ListCell *lc;
		const char *next = NULL;

		if (strcmp(hand, acl->owner) == 0)
			return depth;
		foreach (lc, acl->entries)
		{
			CfdAclEntry *entry = (CfdAclEntry *) lfirst(lc);

			if (strcmp(entry->grantee, hand) == 0 && entry->grantable != 0)
				next = entry->grantor;
		}
		if (next == NULL)
			return depth + 1;
		hand = next;
	}
	return 100;
}
