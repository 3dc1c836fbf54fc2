/*-------------------------------------------------------------------------
 *
 * differ_about.c
 *	  What is said about objects: owners, comments, security labels.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

/* TABLE public.a: how ALTER, COMMENT and GRANT name an object. */
char *
cfd_object_clause(const CfdFact *fact)
{
	StringInfoData out;

	initStringInfo(&out);
	for (const char *c = fact->kind->name; *c; c++)
		appendStringInfoChar(&out, pg_toupper((unsigned char) *c));
	appendStringInfo(&out, " %s", cfd_name(fact));
	return out.data;
}

static void
create_owner(CfdPlan *plan, CfdFact *fact)
{
	if (fact->parent == NULL || (plan->owner && strcmp(plan->owner, fact->role) == 0))
		return;
	cfd_emit(plan, fact, fact->twin ? "alter" : "create", 0, NULL, "ALTER %s OWNER TO %s",
			 cfd_object_clause(fact->parent), cfd_quote(fact->role));
}

static CfdChange
compare_owners(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return plan->owner && strcmp(plan->owner, new->role) == 0 ? CFD_SAME : CFD_ALTER;
}

static void
alter_owner(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	create_owner(plan, new);
}

const CfdKind cfd_about_kinds[] = {
	{.name = "owner",
	 .rank = 60,
	 .compare = compare_owners,
	 .create = create_owner,
	 .alter = alter_owner},
	{.name = "comment", .rank = 95, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "security label", .rank = 96, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
