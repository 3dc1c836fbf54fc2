/*-------------------------------------------------------------------------
 *
 * differ_default.c
 *	  Default privileges. They change when all else is done: what the plan makes
 *	  gets those of the source, and what is too much is taken away again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/formatting.h"

#include "differ_acl.h"

/* The class of the objects that default privileges are for. */
char
cfd_default_class(const CfdFact *defaults)
{
	static const struct
	{
		const char *objects;
		char class;
	} classes[] = {
		{"tables", 'r'}, {"sequences", 's'}, {"functions", 'f'}, {"types", 'T'}, {"schemas", 'n'}};
	char *objects = cfd_text(defaults, "objects");

	for (int i = 0; i < lengthof(classes); i++)
		if (strcmp(classes[i].objects, objects) == 0)
			return classes[i].class;
	return 'L'; /* large objects */
}

/* What was there before anything was said: those of a schema only add. */
static CfdAcl *
base_of(const CfdFact *defaults)
{
	const char *role = cfd_text(defaults, "role");

	return cfd_acl_default(defaults->schema ? 'c' : cfd_default_class(defaults), role);
}

/* What default privileges come to. */
CfdAcl *
cfd_default_acl(const CfdFact *defaults)
{
	CfdAcl *acl = base_of(defaults);
	ListCell *lc;

	foreach (lc, cfd_pairs(defaults, "grants"))
	{
		CfdPair *pair = (CfdPair *) lfirst(lc);
		CfdAclEntry *entry = cfd_acl_entry(acl, pair->key, acl->owner, true);

		entry->grantable = 0;
		entry->rights = cfd_rights(cfd_list_in(pair->object, NULL), &entry->grantable);
	}
	return acl;
}

static void
say(CfdPlan *plan, CfdFact *fact, bool grant, bool option, CfdRights rights, const char *grantee)
{
	const char *objects = cfd_text(fact, "objects");
	const char *role = strcmp(grantee, "public") == 0 ? "PUBLIC" : cfd_quote(grantee);

	if (rights == 0)
		return;
	cfd_hazard(plan, "access: %s %s %s on new %s of %s%s%s", role, grant ? "gets" : "does not get",
			   cfd_rights_text(rights, NULL), objects, cfd_text(fact, "role"),
			   fact->schema ? " in schema " : "", fact->schema ? cfd_quote(fact->schema) : "");
	cfd_emit(plan, fact, grant ? "grant" : "revoke", 0, NULL,
			 "ALTER DEFAULT PRIVILEGES FOR ROLE %s %s%s%s%s %s%s ON %s %s %s%s",
			 cfd_quote(cfd_text(fact, "role")), fact->schema ? "IN SCHEMA " : "",
			 fact->schema ? cfd_quote(fact->schema) : "", fact->schema ? " " : "",
			 grant ? "GRANT" : "REVOKE", !grant && option ? "GRANT OPTION FOR " : "",
			 cfd_rights_text(rights, NULL), asc_toupper(objects, strlen(objects)),
			 grant ? "TO" : "FROM", role, grant && option ? " WITH GRANT OPTION" : "");
}

/* Makes of what is what will be. */
static void
change(CfdPlan *plan, CfdFact *fact, CfdAcl *was, CfdAcl *is)
{
	ListCell *lc;

	foreach (lc, was->entries)
	{
		CfdAclEntry *entry = (CfdAclEntry *) lfirst(lc);

		(void) cfd_acl_entry(is, entry->grantee, entry->grantor, true);
	}
	foreach (lc, is->entries)
	{
		CfdAclEntry *to = (CfdAclEntry *) lfirst(lc);
		CfdAclEntry *from = cfd_acl_entry(was, to->grantee, to->grantor, true);
		CfdRights option = to->grantable & ~from->grantable;

		say(plan, fact, false, false, from->rights & ~to->rights, to->grantee);
		say(plan, fact, false, true, from->grantable & ~to->grantable & to->rights, to->grantee);
		say(plan, fact, true, false, to->rights & ~from->rights & ~option, to->grantee);
		say(plan, fact, true, true, option, to->grantee);
	}
}

static void
create_defaults(CfdPlan *plan, CfdFact *fact)
{
	change(plan, fact, base_of(fact), cfd_default_acl(fact));
}

static CfdChange
compare_defaults(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return CFD_ALTER;
}

static void
alter_defaults(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	change(plan, new, cfd_default_acl(old), cfd_default_acl(new));
}

static void
drop_defaults(CfdPlan *plan, CfdFact *fact)
{
	change(plan, fact, cfd_default_acl(fact), base_of(fact));
}

const CfdKind cfd_default_kinds[] = {{.name = "default privileges",
									  .rank = 99,
									  .flags = CFD_LAST,
									  .compare = compare_defaults,
									  .create = create_defaults,
									  .alter = alter_defaults,
									  .drop = drop_defaults},
									 {0}};
