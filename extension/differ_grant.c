/*-------------------------------------------------------------------------
 *
 * differ_grant.c
 *	  Privileges.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

/* What a grant is on, as GRANT names it: ON of columns is their table. */
static const char *
subject_of(const CfdFact *fact)
{
	static const char *const words[][2] = {
		{"table ", "TABLE"},
		{"view ", "TABLE"},
		{"materialized view ", "TABLE"},
		{"foreign table ", "TABLE"},
		{"sequence ", "SEQUENCE"},
		{"function ", "FUNCTION"},
		{"procedure ", "PROCEDURE"},
		{"aggregate ", "ROUTINE"},
		{"type ", "TYPE"},
		{"domain ", "DOMAIN"},
		{"schema ", "SCHEMA"},
		{"language ", "LANGUAGE"},
		{"server ", "FOREIGN SERVER"},
		{"foreign data wrapper ", "FOREIGN DATA WRAPPER"},
		{"foreign-data wrapper ", "FOREIGN DATA WRAPPER"},
	};

	if (cfd_is(fact->parent, "column"))
		return psprintf("TABLE %s", cfd_table(fact->parent));
	for (int i = 0; i < lengthof(words); i++)
		if (strncmp(fact->above, words[i][0], strlen(words[i][0])) == 0)
			return psprintf("%s %s", words[i][1], fact->above + strlen(words[i][0]));
	return NULL;
}

/* The privileges of a list, those of a column with its name; "" for none. */
static char *
join(CfdPlan *plan, CfdFact *fact, List *list, List *without)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, list)
	{
		ListCell *lw;
		bool found = false;

		foreach (lw, without)
			if (strcmp((char *) lfirst(lc), (char *) lfirst(lw)) == 0)
				found = true;
		if (found)
			continue;
		appendStringInfo(&out, "%s%s", out.len ? ", " : "", (char *) lfirst(lc));
		if (cfd_is(fact->parent, "column"))
			appendStringInfo(&out, " (%s)", cfd_part(fact->parent));
	}
	return out.data;
}

static const char *
grantee_of(const CfdFact *fact)
{
	return strcmp(fact->role, "public") == 0 ? "PUBLIC" : cfd_quote(fact->role);
}

/* What everybody has when nothing is said. */
static List *
built_in(const CfdFact *fact)
{
	if (strcmp(fact->role, "public") != 0)
		return NIL;
	if (strncmp(fact->above, "function ", 9) == 0 || strncmp(fact->above, "procedure ", 10) == 0 ||
		strncmp(fact->above, "aggregate ", 10) == 0)
		return list_make1(pstrdup("EXECUTE"));
	if (strncmp(fact->above, "type ", 5) == 0 || strncmp(fact->above, "domain ", 7) == 0 ||
		strncmp(fact->above, "language ", 9) == 0)
		return list_make1(pstrdup("USAGE"));
	return NIL;
}

static void
change(CfdPlan *plan, CfdFact *fact, List *was, List *is, List *was_grantable, List *is_grantable)
{
	char *text;

	if ((text = join(plan, fact, was, is))[0])
		cfd_emit(plan, fact, "revoke", 0, NULL, "REVOKE %s ON %s FROM %s", text, subject_of(fact),
				 grantee_of(fact));
	if ((text = join(plan, fact, was_grantable, is_grantable))[0])
		cfd_emit(plan, fact, "revoke", 0, NULL, "REVOKE GRANT OPTION FOR %s ON %s FROM %s", text,
				 subject_of(fact), grantee_of(fact));
	if ((text = join(plan, fact, is, list_concat_copy(was, is_grantable)))[0])
		cfd_emit(plan, fact, "grant", 0, NULL, "GRANT %s ON %s TO %s", text, subject_of(fact),
				 grantee_of(fact));
	if ((text = join(plan, fact, is_grantable, was_grantable))[0])
		cfd_emit(plan, fact, "grant", 0, NULL, "GRANT %s ON %s TO %s WITH GRANT OPTION", text,
				 subject_of(fact), grantee_of(fact));
}

static void
create_grant(CfdPlan *plan, CfdFact *fact)
{
	change(plan, fact, built_in(fact), cfd_list(fact, "privileges"), NIL,
		   cfd_list(fact, "grantable"));
}

static CfdChange
compare_grants(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return CFD_ALTER;
}

static void
alter_grant(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	change(plan, new, cfd_list(old, "privileges"), cfd_list(new, "privileges"),
		   cfd_list(old, "grantable"), cfd_list(new, "grantable"));
}

static void
drop_grant(CfdPlan *plan, CfdFact *fact)
{
	change(plan, fact, cfd_list(fact, "privileges"), built_in(fact), NIL, NIL);
}

const CfdKind cfd_grant_kinds[] = {
	{.name = "grant",
	 .rank = 85,
	 .compare = compare_grants,
	 .create = create_grant,
	 .alter = alter_grant,
	 .drop = drop_grant},
	{.name = "default privileges", .rank = 86, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
