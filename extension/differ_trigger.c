/*-------------------------------------------------------------------------
 *
 * differ_trigger.c
 *	  Triggers, policies, extended statistics, event triggers.
 *
 * What a partition has of a trigger of its table comes with that one, or when the
 * partition is attached; only whether it fires is its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/formatting.h"

#include "differ.h"

static bool
is_inherited(const CfdFact *fact)
{
	return cfd_bool(fact, "inherited");
}

/* The trigger of the partitioned table that one of a partition comes from, or NULL. */
static CfdFact *
inherited_from(const CfdFact *fact)
{
	ListCell *lc;

	foreach (lc, fact->depends)
		if (cfd_is(((CfdDepend *) lfirst(lc))->fact, "trigger"))
			return ((CfdDepend *) lfirst(lc))->fact;
	return NULL;
}

static const char *
table_lock(const CfdFact *fact, const char *mode)
{
	return cfd_is_new(fact->parent) ? NULL : cfd_lock(mode, cfd_table(fact->parent));
}

static void
note_trigger(CfdPlan *plan, const CfdFact *fact)
{
	if (!cfd_is_new(fact->parent))
		cfd_hazard(plan, "changes results: what is done when rows of %s are written",
				   fact->parent->identity);
}

static void
enable_trigger(CfdPlan *plan, CfdFact *fact, const char *change)
{
	cfd_emit(plan, fact, change, 0, table_lock(fact, "SHARE ROW EXCLUSIVE"),
			 "ALTER %s %s %s TRIGGER %s",
			 cfd_is(fact->parent, "foreign table") ? "FOREIGN TABLE" : "TABLE ONLY",
			 cfd_table(fact->parent), cfd_enable_word(fact), cfd_part(fact));
}

/*
 * A constraint trigger that was renamed has left its old name to its constraint, which nothing tells: one
 * of that name can only come when it is gone.
 */
void
cfd_wait_for_triggers(CfdAction *action, const CfdFact *fact)
{
	ListCell *lc;

	if (strncmp(cfd_text(fact, "definition"), "CREATE CONSTRAINT", 17) != 0 ||
		fact->parent->twin == NULL)
		return;
	foreach (lc, fact->parent->twin->children)
		if (cfd_is((CfdFact *) lfirst(lc), "trigger"))
			cfd_wait(action, ((CfdFact *) lfirst(lc))->drop);
}

/* The definition begins with CREATE [CONSTRAINT] TRIGGER. */
static void
create_trigger(CfdPlan *plan, CfdFact *fact)
{
	if (is_inherited(fact))
		return;
	if (fact->twin == NULL || !cfd_equal(fact->twin, fact, "definition"))
		note_trigger(plan, fact);
	cfd_emit(plan, fact, "create", 0, table_lock(fact, "SHARE ROW EXCLUSIVE"), "%s",
			 cfd_text(fact, "definition"));
	if (!cfd_is_origin(fact))
		enable_trigger(plan, fact, "create");
}

static CfdChange
compare_triggers(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (is_inherited(old) != is_inherited(new))
		return CFD_REPLACE;
	if (!cfd_equal(old, new, "definition") && !is_inherited(new) &&
		(cfd_bool(old, "constraint") || cfd_bool(new, "constraint")))
		return CFD_REPLACE;
	return CFD_ALTER;
}

static void
alter_trigger(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	bool replaced = !cfd_equal(old, new, "definition");
	const char *begin = "CREATE TRIGGER ";

	if (replaced && !is_inherited(new))
	{
		note_trigger(plan, new);
		cfd_emit(plan, new, "replace", 0, table_lock(new, "SHARE ROW EXCLUSIVE"),
				 "CREATE OR REPLACE TRIGGER %s", cfd_text(new, "definition") + strlen(begin));
	}
	/* A trigger that was replaced fires as any new one, those of the partitions too. */
	if (replaced ? !cfd_is_origin(new) : !cfd_equal(old, new, "enabled"))
	{
		note_trigger(plan, new);
		enable_trigger(plan, new, "alter");
	}
}

static void
drop_trigger(CfdPlan *plan, CfdFact *fact)
{
	if (is_inherited(fact))
		return;
	if (fact->twin == NULL && !fact->parent->dropped)
		note_trigger(plan, fact);
	cfd_emit(plan, fact, "drop", 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact->parent)),
			 "DROP TRIGGER %s ON %s", cfd_part(fact), cfd_table(fact->parent));
}

static bool
trigger_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return old == NULL && is_inherited(new);
}

/* It has got the state of the one it comes from, or fires as any new one. */
static void
finish_trigger(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdFact *from = inherited_from(new);

	if (!cfd_is_origin(new) || (from && !cfd_is_origin(from)))
		enable_trigger(plan, new, "create");
}

/* The roles of a policy, with commas. */
static char *
policy_roles(const CfdFact *fact)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, cfd_list(fact, "roles"))
	{
		const char *role = (const char *) lfirst(lc);

		appendStringInfo(&out, "%s%s", out.len ? ", " : "",
						 strcmp(role, "public") == 0 ? "PUBLIC" : cfd_quote(role));
	}
	return out.data;
}

static void
note_policy(CfdPlan *plan, const CfdFact *fact)
{
	if (!cfd_is_new(fact->parent))
		cfd_hazard(plan, "changes results: who sees or writes which rows of %s",
				   fact->parent->identity);
}

static void
create_policy(CfdPlan *plan, CfdFact *fact)
{
	const char *command = cfd_text(fact, "command");
	char *using = cfd_text(fact, "using");
	char *check = cfd_text(fact, "check");
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "CREATE POLICY %s ON %s", cfd_part(fact), cfd_table(fact->parent));
	if (!cfd_bool(fact, "permissive"))
		appendStringInfoString(&out, " AS RESTRICTIVE");
	if (strcmp(command, "all") != 0)
		appendStringInfo(&out, " FOR %s", asc_toupper(command, strlen(command)));
	if (strcmp(policy_roles(fact), "PUBLIC") != 0)
		appendStringInfo(&out, " TO %s", policy_roles(fact));
	if (using)
		appendStringInfo(&out, " USING (%s)", using);
	if (check)
		appendStringInfo(&out, " WITH CHECK (%s)", check);
	if (fact->twin == NULL || strcmp(fact->twin->hash, fact->hash) != 0)
		note_policy(plan, fact);
	cfd_emit(plan, fact, "create", 0, table_lock(fact, "ACCESS EXCLUSIVE"), "%s", out.data);
}

static CfdChange
compare_policies(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	/* ALTER POLICY takes nothing away. */
	if (!cfd_equal(old, new, "command") || !cfd_equal(old, new, "permissive") ||
		(cfd_has(old, "using") && !cfd_has(new, "using")) ||
		(cfd_has(old, "check") && !cfd_has(new, "check")))
		return CFD_REPLACE;
	return CFD_ALTER;
}

static void
alter_policy(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	StringInfoData out;

	initStringInfo(&out);
	if (!cfd_equal(old, new, "roles"))
		appendStringInfo(&out, " TO %s", policy_roles(new));
	if (!cfd_equal(old, new, "using"))
		appendStringInfo(&out, " USING (%s)", cfd_text(new, "using"));
	if (!cfd_equal(old, new, "check"))
		appendStringInfo(&out, " WITH CHECK (%s)", cfd_text(new, "check"));
	note_policy(plan, new);
	cfd_emit(plan, new, "alter", 0, table_lock(new, "ACCESS EXCLUSIVE"), "ALTER POLICY %s ON %s%s",
			 cfd_part(new), cfd_table(new->parent), out.data);
}

static void
drop_policy(CfdPlan *plan, CfdFact *fact)
{
	if (fact->twin == NULL && !fact->parent->dropped)
		note_policy(plan, fact);
	cfd_emit(plan, fact, "drop", 0, cfd_lock("ACCESS EXCLUSIVE", cfd_table(fact->parent)),
			 "DROP POLICY %s ON %s", cfd_part(fact), cfd_table(fact->parent));
}

static void
set_statistics(CfdPlan *plan, CfdFact *fact, const char *change)
{
	char *target = cfd_text(fact, "statistics");

	cfd_emit(plan, fact, change, 0, NULL, "ALTER STATISTICS %s SET STATISTICS %s", cfd_table(fact),
			 target ? target : "-1");
}

static void
create_statistics(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "create", 0, table_lock(fact, "SHARE UPDATE EXCLUSIVE"), "%s",
			 cfd_text(fact, "definition"));
	if (cfd_has(fact, "statistics"))
		set_statistics(plan, fact, "create");
}

static CfdChange
compare_statistics(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_equal(old, new, "definition") ? CFD_ALTER : CFD_REPLACE;
}

static void
alter_statistics(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (!cfd_equal(old, new, "statistics"))
		set_statistics(plan, new, "alter");
}

static void
drop_statistics(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, cfd_lock("SHARE UPDATE EXCLUSIVE", cfd_table(fact->parent)),
			 "DROP STATISTICS %s", cfd_table(fact));
}

static void
note_event_trigger(CfdPlan *plan, const CfdFact *fact)
{
	cfd_hazard(plan, "changes results: what is done at every %s", cfd_text(fact, "event"));
}

static void
enable_event_trigger(CfdPlan *plan, CfdFact *fact, const char *change)
{
	cfd_emit(plan, fact, change, 0, NULL, "ALTER EVENT TRIGGER %s %s", cfd_quote(fact->name),
			 cfd_enable_word(fact));
}

static void
create_event_trigger(CfdPlan *plan, CfdFact *fact)
{
	StringInfoData tags;
	ListCell *lc;

	initStringInfo(&tags);
	foreach (lc, cfd_list(fact, "tags"))
		appendStringInfo(&tags, "%s%s", tags.len ? ", " : "", cfd_literal((char *) lfirst(lc)));
	note_event_trigger(plan, fact);
	cfd_emit(plan, fact, "create", 0, NULL,
			 "CREATE EVENT TRIGGER %s ON %s%s%s%s EXECUTE FUNCTION %s()", cfd_quote(fact->name),
			 cfd_text(fact, "event"), tags.len ? " WHEN TAG IN (" : "", tags.data,
			 tags.len ? ")" : "", cfd_text(fact, "function"));
	if (!cfd_is_origin(fact))
		enable_event_trigger(plan, fact, "create");
}

static CfdChange
compare_event_triggers(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	static const char *const state[] = {"enabled", NULL};

	return cfd_equal_but(old, new, state) ? CFD_ALTER : CFD_REPLACE;
}

static void
alter_event_trigger(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	note_event_trigger(plan, new);
	enable_event_trigger(plan, new, "alter");
}

static void
drop_event_trigger(CfdPlan *plan, CfdFact *fact)
{
	if (fact->twin == NULL)
		note_event_trigger(plan, fact);
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP EVENT TRIGGER %s", cfd_quote(fact->name));
}

/* One that is made must not fire for the rest of the plan. */
static bool
event_trigger_is_late(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return new != NULL;
}

const CfdKind cfd_trigger_kinds[] = {{.name = "trigger",
									  .rank = 64,
									  .compare = compare_triggers,
									  .create = create_trigger,
									  .alter = alter_trigger,
									  .drop = drop_trigger,
									  .finishes = trigger_finishes,
									  .finish = finish_trigger},
									 {.name = "policy",
									  .rank = 65,
									  .compare = compare_policies,
									  .create = create_policy,
									  .alter = alter_policy,
									  .drop = drop_policy},
									 {.name = "statistics",
									  .rank = 56,
									  .compare = compare_statistics,
									  .create = create_statistics,
									  .alter = alter_statistics,
									  .drop = drop_statistics},
									 {.name = "event trigger",
									  .rank = 90,
									  .compare = compare_event_triggers,
									  .create = create_event_trigger,
									  .alter = alter_event_trigger,
									  .drop = drop_event_trigger,
									  .late = event_trigger_is_late},
									 {0}};
