/*-------------------------------------------------------------------------
 *
 * differ_domain.c
 *	  Domains and their constraints.
 *
 * A domain on another type, or with another collation, is made anew, and columns are
 * moved to it: differ_move.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

static bool
is_not_null(const CfdFact *constraint)
{
	return strcmp(cfd_text(constraint, "type"), "not null") == 0;
}

/* Whether a constraint of its own says that a domain has no NULL (since 17). */
static bool
has_not_null(const CfdFact *domain)
{
	ListCell *lc;

	foreach (lc, domain->children)
		if (cfd_is((CfdFact *) lfirst(lc), "domain constraint") &&
			is_not_null((CfdFact *) lfirst(lc)))
			return true;
	return false;
}

/* The default needs something that needs the domain, or that goes and comes back. */
static bool
default_is_apart(const CfdFact *fact)
{
	return cfd_has(fact, "default") && cfd_leads_to(fact, fact);
}

static void
create_domain(CfdPlan *plan, CfdFact *fact)
{
	char *collation = cfd_text(fact, "collation");
	StringInfoData out;
	ListCell *lc;

	if (fact->moved)
		cfd_put_aside(plan, fact);
	initStringInfo(&out);
	appendStringInfo(&out, "CREATE DOMAIN %s AS %s", cfd_name(fact), cfd_text(fact, "type"));
	if (collation)
		appendStringInfo(&out, " COLLATE %s", collation);
	if (cfd_has(fact, "default") && !default_is_apart(fact))
		appendStringInfo(&out, " DEFAULT %s", cfd_text(fact, "default"));
	if (cfd_bool(fact, "not_null") && !has_not_null(fact))
		appendStringInfoString(&out, " NOT NULL");
	foreach (lc, fact->children)
	{
		CfdFact *child = (CfdFact *) lfirst(lc);

		if (cfd_is(child, "domain constraint") && child->create == fact->create)
			appendStringInfo(&out, "\n    CONSTRAINT %s %s", cfd_part(child),
							 cfd_text(child, "definition"));
	}
	cfd_emit(plan, fact, "create", 0, NULL, "%s", out.data);
}

static CfdChange
compare_domains(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_equal(old, new, "type") && cfd_equal(old, new, "collation") ? CFD_ALTER
																		   : CFD_REPLACE;
}

/* Whether rows may hold values of a domain. */
static bool
has_values(const CfdFact *domain)
{
	return domain && cfd_user_of(domain) != NULL;
}

static void
alter_domain(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	const char *name = cfd_name(new);

	if (!cfd_equal(old, new, "default"))
	{
		if (cfd_has(new, "default"))
			cfd_emit(plan, new, "alter", 0, NULL, "ALTER DOMAIN %s SET DEFAULT %s", name,
					 cfd_text(new, "default"));
		else
			cfd_emit(plan, new, "alter", 0, NULL, "ALTER DOMAIN %s DROP DEFAULT", name);
	}
	if (cfd_equal(old, new, "not_null") || has_not_null(old) || has_not_null(new))
		return;
	if (!cfd_bool(new, "not_null"))
	{
		cfd_emit(plan, new, "alter", 0, NULL, "ALTER DOMAIN %s DROP NOT NULL", name);
		return;
	}
	if (has_values(old))
	{
		cfd_hazard(plan, "may fail: columns of %s may have NULLs", new->identity);
		cfd_hazard(plan, "long lock: nobody can write to the tables of %s while they are read",
				   new->identity);
	}
	cfd_emit(plan, new, "alter", 0, cfd_locks("SHARE", old), "ALTER DOMAIN %s SET NOT NULL", name);
}

static void
drop_domain(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP DOMAIN %s.%s", cfd_quote(fact->schema),
			 cfd_quote(fact->moved ? fact->aside : fact->name));
}

/* A constraint stands in CREATE DOMAIN, unless it needs what needs the domain. */
static CfdFact *
constraint_carrier(CfdPlan *plan, CfdFact *fact)
{
	if (!cfd_bool(fact, "valid") || cfd_leads_to(fact, fact->parent))
		return NULL;
	return fact->parent;
}

/* Whether it is added first and validated in the next transaction. */
static bool
validates_later(CfdPlan *plan, const CfdFact *fact)
{
	return plan->online && cfd_bool(fact, "valid") && !is_not_null(fact) &&
		   !fact->parent->created && has_values(fact->parent->twin);
}

static void
validate(CfdPlan *plan, CfdFact *fact)
{
	const char *name = cfd_table(fact);

	if (has_values(fact->parent->twin))
	{
		cfd_hazard(plan, "may fail: values that are there may violate it");
		cfd_hazard(plan, "long lock: nobody can write to the tables of %s while they are read",
				   fact->parent->identity);
	}
	cfd_emit(plan, fact, "validate", plan->online ? CFD_NEW_GROUP : 0,
			 cfd_locks("SHARE", fact->parent->twin), "ALTER DOMAIN %s VALIDATE CONSTRAINT %s", name,
			 cfd_part(fact));
	plan->alone = plan->online;
}

static void
create_constraint(CfdPlan *plan, CfdFact *fact)
{
	const char *name = cfd_table(fact);
	bool later = validates_later(plan, fact);

	if (!later && cfd_bool(fact, "valid") && !fact->parent->created &&
		has_values(fact->parent->twin))
	{
		cfd_hazard(plan, "may fail: values that are there may violate it");
		cfd_hazard(plan, "long lock: nobody can write to the tables of %s while they are read",
				   fact->parent->identity);
	}
	cfd_emit(plan, fact, "create", 0,
			 later || !cfd_bool(fact, "valid") ? NULL : cfd_locks("SHARE", fact->parent->twin),
			 "ALTER DOMAIN %s ADD CONSTRAINT %s %s%s", name, cfd_part(fact),
			 cfd_text(fact, "definition"), later || !cfd_bool(fact, "valid") ? " NOT VALID" : "");
	if (later)
		validate(plan, fact);
}

static CfdChange
compare_constraints(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_equal(old, new, "definition") && cfd_bool(new, "valid") ? CFD_ALTER : CFD_REPLACE;
}

static void
alter_constraint(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	validate(plan, new);
}

static void
drop_constraint(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "ALTER DOMAIN %s DROP CONSTRAINT %s", cfd_table(fact),
			 cfd_part(fact));
}

static bool
constraint_is_late(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return new && (old ? plan->online : validates_later(plan, new));
}

/*
 * A default that needs what goes and comes back is taken away before, and given again; that
 * of a domain that is made may need what needs the domain.
 */
static bool
default_goes(const CfdFact *fact)
{
	ListCell *lc;

	if (!cfd_has(fact, "default"))
		return false;
	foreach (lc, fact->depends)
		if (((CfdDepend *) lfirst(lc))->fact->dropped &&
			(((CfdDepend *) lfirst(lc))->fact->kind->flags & CFD_TYPE) == 0)
			return true;
	return false;
}

static bool
domain_leaves(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return default_goes(old);
}

static void
leave_default(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	cfd_emit(plan, new, "alter", 0, NULL, "ALTER DOMAIN %s DROP DEFAULT", cfd_name(old));
}

static bool
domain_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return old ? default_goes(old) && cfd_has(new, "default") : default_is_apart(new);
}

static void
finish_default(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (old == NULL || cfd_equal(old, new, "default"))
		cfd_emit(plan, new, old ? "alter" : "create", 0, NULL, "ALTER DOMAIN %s SET DEFAULT %s",
				 cfd_name(new), cfd_text(new, "default"));
}

const CfdKind cfd_domain_kinds[] = {{.name = "domain",
									 .rank = 12,
									 .flags = CFD_TYPE,
									 .compare = compare_domains,
									 .create = create_domain,
									 .alter = alter_domain,
									 .drop = drop_domain,
									 .leaves = domain_leaves,
									 .leave = leave_default,
									 .finishes = domain_finishes,
									 .finish = finish_default},
									{.name = "domain constraint",
									 .rank = 50,
									 .compare = compare_constraints,
									 .create = create_constraint,
									 .alter = alter_constraint,
									 .drop = drop_constraint,
									 .carrier = constraint_carrier,
									 .late = constraint_is_late},
									{0}};
