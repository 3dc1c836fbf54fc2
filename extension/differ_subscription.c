/*-------------------------------------------------------------------------
 *
 * differ_subscription.c
 *	  Subscriptions. Their connections are in no snapshot, and no plan talks to
 *	  a publisher: one that is made is disabled and without a connection of its
 *	  own, one that goes leaves its slot behind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

/* The parameters of a subscription: their names in a payload, and in SQL. */
static const struct
{
	const char *key;
	const char *name;
	const char *usual; /* what a new one has */
} parameters[] = {
	{"binary", "binary", "false"},
	{"streaming", "streaming", CF_SUBSCRIPTION_STREAMING},
	{"synchronous_commit", "synchronous_commit", "off"},
	{"disable_on_error", "disable_on_error", "false"},
	{"password_required", "password_required", "true"},
	{"run_as_owner", "run_as_owner", "false"},
	{"origin", "origin", "any"},
	{"failover", "failover", "false"},
};

static char *
publication_list(const CfdFact *fact)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, cfd_list(fact, "publications"))
		appendStringInfo(&out, "%s%s", out.len ? ", " : "", cfd_quote((char *) lfirst(lc)));
	return out.data;
}

static const char *
slot_of(const CfdFact *fact)
{
	char *slot = cfd_text(fact, "slot_name");

	return slot ? cfd_literal(slot) : "NONE";
}

/* Appends the parameters that differ, each after a comma. */
static void
append_parameters(StringInfo out, const CfdFact *old, const CfdFact *new)
{
	for (int i = 0; i < lengthof(parameters); i++)
	{
		char *value = cfd_text(new, parameters[i].key);

		if (value == NULL || (old ? cfd_equal(old, new, parameters[i].key)
								  : strcmp(value, parameters[i].usual) == 0))
			continue;
		appendStringInfo(out, ", %s = %s", parameters[i].name, cfd_literal(value));
	}
}

static void
create_subscription(CfdPlan *plan, CfdFact *fact)
{
	StringInfoData with;

	initStringInfo(&with);
	appendStringInfo(&with, "connect = false, slot_name = %s", slot_of(fact));
	if (cfd_bool(fact, "two_phase"))
		appendStringInfoString(&with, ", two_phase = true");
	append_parameters(&with, NULL, fact);
	cfd_hazard(plan,
			   "not complete: the connection of %s is in no snapshot: it is made without one,"
			   " and disabled",
			   fact->identity);
	cfd_emit(plan, fact, "create", 0, NULL,
			 "CREATE SUBSCRIPTION %s CONNECTION '' PUBLICATION %s WITH (%s)", cfd_quote(fact->name),
			 publication_list(fact), with.data);
}

static CfdChange
compare_subscriptions(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (!cfd_equal(old, new, "two_phase"))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("two_phase of %s can't be changed by a plan", new->identity),
				errdetail("The publisher has to be asked."),
				errhint("Leave it out with the option ignore, and change it by hand."));
	return CFD_ALTER;
}

static void
alter_subscription(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	const char *name = cfd_quote(new->name);
	bool enabled = cfd_bool(old, "enabled");
	StringInfoData set;

	initStringInfo(&set);
	if (!cfd_equal(old, new, "slot_name"))
		appendStringInfo(&set, ", slot_name = %s", slot_of(new));
	append_parameters(&set, old, new);
	if (enabled && (!cfd_bool(new, "enabled") || !cfd_equal(old, new, "slot_name") ||
					!cfd_equal(old, new, "failover")))
	{
		cfd_hazard(plan, "changes results: %s gets nothing as long as it is disabled",
				   new->identity);
		cfd_emit(plan, new, "alter", 0, NULL, "ALTER SUBSCRIPTION %s DISABLE", name);
		enabled = false;
	}
	if (!cfd_equal(old, new, "publications"))
	{
		cfd_hazard(plan,
				   "changes results: tables come and go with the next ALTER SUBSCRIPTION %s REFRESH"
				   " PUBLICATION",
				   name);
		cfd_emit(plan, new, "alter", 0, NULL,
				 "ALTER SUBSCRIPTION %s SET PUBLICATION %s WITH (refresh = false)", name,
				 publication_list(new));
	}
	if (set.len)
		cfd_emit(plan, new, "alter", 0, NULL, "ALTER SUBSCRIPTION %s SET (%s)", name, set.data + 2);
	if (!enabled && cfd_bool(new, "enabled"))
		cfd_emit(plan, new, "alter", 0, NULL, "ALTER SUBSCRIPTION %s ENABLE", name);
}

/* With its slot it could be dropped only outside of transactions, and if the publisher answers. */
static void
drop_subscription(CfdPlan *plan, CfdFact *fact)
{
	const char *name = cfd_quote(fact->name);
	char *slot = cfd_text(fact, "slot_name");

	if (cfd_bool(fact, "enabled"))
		cfd_emit(plan, fact, "drop", 0, NULL, "ALTER SUBSCRIPTION %s DISABLE", name);
	if (slot)
	{
		cfd_hazard(plan,
				   "not reversible: the replication slot %s stays at the publisher, and holds back"
				   " its WAL until somebody drops it there",
				   cfd_quote(slot));
		cfd_emit(plan, fact, "drop", 0, NULL, "ALTER SUBSCRIPTION %s SET (slot_name = NONE)", name);
	}
	cfd_hazard(plan, "data loss: the connection of %s, and where it was", fact->identity);
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP SUBSCRIPTION %s", name);
}

const CfdKind cfd_subscription_kinds[] = {{.name = "subscription",
										   .rank = 75,
										   .compare = compare_subscriptions,
										   .create = create_subscription,
										   .alter = alter_subscription,
										   .drop = drop_subscription},
										  {0}};
