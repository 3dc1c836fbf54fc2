/*-------------------------------------------------------------------------
 *
 * differ_about.c
 *	  What is said about objects: owners, comments, security labels.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/formatting.h"

#include "differ.h"

/* The word that SQL has for a kind. */
static const char *
word_of(const CfdFact *fact)
{
	static const char *const words[][2] = {
		{"attribute", "COLUMN"},
		{"domain constraint", "CONSTRAINT"},
		/* takes the types of an ordered-set aggregate as they are, and none */
		{"aggregate", "ROUTINE"},
	};

	for (int i = 0; i < lengthof(words); i++)
		if (cfd_is(fact, words[i][0]))
			return words[i][1];
	return asc_toupper(fact->kind->name, strlen(fact->kind->name));
}

/* An operator can't be quoted, its schema can. */
static const char *
operator_name(const CfdFact *fact)
{
	return psprintf("%s.%s (%s)", cfd_quote(fact->schema), fact->name, fact->arguments);
}

/*
 * An object as ALTER, COMMENT ON and SECURITY LABEL ON name it: its kind, its name, and
 * what it takes to find it.
 */
char *
cfd_object_clause(const CfdFact *fact)
{
	const char *word = word_of(fact);

	if (cfd_is(fact, "cast"))
		return psprintf("CAST (%s)", fact->arguments);
	if (cfd_is(fact, "transform"))
		return psprintf("TRANSFORM FOR %s", fact->arguments);
	if (cfd_is(fact, "operator"))
		return psprintf("OPERATOR %s", operator_name(fact));
	if (cfd_is(fact, "operator class") || cfd_is(fact, "operator family"))
		return psprintf("%s %s USING %s", word, cfd_table(fact), cfd_quote(fact->arguments));
	if (cfd_is(fact, "column") || cfd_is(fact, "attribute"))
		return psprintf("%s %s.%s", word, cfd_table(fact), cfd_part(fact));
	if (cfd_is(fact, "domain constraint"))
		return psprintf("%s %s ON DOMAIN %s", word, cfd_part(fact), cfd_table(fact));
	if (cfd_is(fact, "constraint") || cfd_is(fact, "trigger") || cfd_is(fact, "rule") ||
		cfd_is(fact, "policy"))
		return psprintf("%s %s ON %s", word, cfd_part(fact), cfd_table(fact));
	return psprintf("%s %s", word, cfd_name(fact));
}

/*
 * What a comment or label is on: its parent, or a part of that, such as the index of a
 * constraint, whose name only the identity has.
 */
static const char *
subject_of(CfdPlan *plan, CfdFact *fact)
{
	static const char *const parts[][2] = {{"index ", "INDEX"}, {"type ", "TYPE"}};
	const char *beginning = psprintf("%s on ", fact->kind->name);
	const char *subject = fact->identity + strlen(beginning);

	Assert(strncmp(fact->identity, beginning, strlen(beginning)) == 0);
	if (fact->parent &&
		strncmp(subject, fact->parent->identity, strlen(fact->parent->identity)) == 0)
		return cfd_object_clause(fact->parent);
	for (int i = 0; i < lengthof(parts); i++)
		if (strncmp(subject, parts[i][0], strlen(parts[i][0])) == 0)
		{
			const char *name = subject + strlen(parts[i][0]);
			int len = strlen(name);
			const char *suffix = fact->role ? psprintf(" by %s", cfd_quote(fact->role)) : "";

			/* a label has its provider behind */
			return psprintf("%s %.*s", parts[i][1], len - (int) strlen(suffix), name);
		}
	cfd_refuse(plan, fact);
	return NULL;
}

/* The relation whose lock a statement about an object takes, or NULL. */
static const char *
lock_on(const CfdFact *object, const char *mode)
{
	const CfdFact *top = object;

	while (top && (top->kind->flags & CFD_RELATION) == 0)
		top = top->parent;
	if (top == NULL || cfd_is_new(top))
		return NULL;
	return cfd_lock(mode, cfd_table(top));
}

/* Whether the owner that a fact of the target names is none that was declared. */
static bool
is_undeclared(const CfdPlan *plan, const CfdFact *owner)
{
	return plan->owner && strcmp(owner->role, plan->owner) == 0;
}

static void
create_owner(CfdPlan *plan, CfdFact *fact)
{
	if (fact->parent == NULL || is_undeclared(plan, fact))
		return;
	cfd_emit(plan, fact, fact->twin ? "alter" : "create", 0,
			 lock_on(fact->parent, "ACCESS EXCLUSIVE"), "ALTER %s OWNER TO %s",
			 cfd_object_clause(fact->parent), cfd_quote(fact->role));
}

static CfdChange
compare_owners(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return is_undeclared(plan, new) ? CFD_SAME : CFD_ALTER;
}

static void
alter_owner(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	cfd_hazard(plan, "access: %s belongs to %s, no longer to %s", new->parent->identity,
			   cfd_quote(new->role), cfd_quote(old->role));
	create_owner(plan, new);
}

static void
say_comment(CfdPlan *plan, CfdFact *fact, const char *text)
{
	cfd_emit(plan, fact, "comment", 0, lock_on(fact->parent, "SHARE UPDATE EXCLUSIVE"),
			 "COMMENT ON %s IS %s", subject_of(plan, fact), text ? cfd_literal(text) : "NULL");
}

static void
create_comment(CfdPlan *plan, CfdFact *fact)
{
	/* An extension brings its own. */
	if (cfd_is(fact->parent, "extension") && fact->parent->created)
	{
		char *comes = cfd_extension_comment(fact->parent->name);

		if (comes && strcmp(comes, cfd_text(fact, "text")) == 0)
			return;
	}
	say_comment(plan, fact, cfd_text(fact, "text"));
}

static CfdChange
compare_texts(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return CFD_ALTER;
}

static void
alter_comment(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	create_comment(plan, new);
}

static void
drop_comment(CfdPlan *plan, CfdFact *fact)
{
	say_comment(plan, fact, NULL);
}

static void
say_label(CfdPlan *plan, CfdFact *fact, const char *text)
{
	cfd_emit(plan, fact, "label", 0, lock_on(fact->parent, "SHARE UPDATE EXCLUSIVE"),
			 "SECURITY LABEL FOR %s ON %s IS %s", cfd_quote(fact->role), subject_of(plan, fact),
			 text ? cfd_literal(text) : "NULL");
}

static void
create_label(CfdPlan *plan, CfdFact *fact)
{
	say_label(plan, fact, cfd_text(fact, "label"));
}

static void
alter_label(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	create_label(plan, new);
}

static void
drop_label(CfdPlan *plan, CfdFact *fact)
{
	say_label(plan, fact, NULL);
}

/* An owner goes with its object only. */
const CfdKind cfd_about_kinds[] = {{.name = "owner",
									.rank = 80,
									.compare = compare_owners,
									.create = create_owner,
									.alter = alter_owner},
								   {.name = "comment",
									.rank = 90,
									.compare = compare_texts,
									.create = create_comment,
									.alter = alter_comment,
									.drop = drop_comment},
								   {.name = "security label",
									.rank = 89,
									.compare = compare_texts,
									.create = create_label,
									.alter = alter_label,
									.drop = drop_label},
								   {0}};
