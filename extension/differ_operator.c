/*-------------------------------------------------------------------------
 *
 * differ_operator.c
 *	  Operators, their classes and families, casts, conversions.
 *
 * Two operators that name each other as commutator or negator don't depend on
 * each other: the first to be made makes a shell of the other, and the second fills it.
 *
 * What an operator class consists of is made with it. The members of a family that belong
 * to no class are added when the operators and functions that they name are
 * there, and taken out before these go.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

/* The operator that another one names as commutator or negator, on the same side. */
static CfdFact *
linked(CfdPlan *plan, const CfdFact *fact, const char *key)
{
	char *name = cfd_text(fact, key);
	const char *left = cfd_text(fact, "left_type");
	const char *right = cfd_text(fact, "right_type");
	List *facts = fact->in_target ? plan->new : plan->old;
	bool exchanged = strcmp(key, "commutator") == 0;
	ListCell *lc;

	if (name == NULL)
		return NULL;
	foreach (lc, facts)
	{
		CfdFact *other = (CfdFact *) lfirst(lc);

		if (other->kind == fact->kind &&
			strcmp(name, psprintf("%s.%s", cfd_quote(other->schema), other->name)) == 0 &&
			strcmp(cfd_text(other, "left_type"), exchanged ? right : left) == 0 &&
			strcmp(cfd_text(other, "right_type"), exchanged ? left : right) == 0)
			return other;
	}
	return NULL;
}

/* Whether an operator of the same side names a shell. */
static bool
is_named(CfdPlan *plan, const CfdFact *shell)
{
	List *facts = shell->in_target ? plan->new : plan->old;
	ListCell *lc;

	foreach (lc, facts)
	{
		CfdFact *other = (CfdFact *) lfirst(lc);

		if (other->kind == shell->kind &&
			(linked(plan, other, "commutator") == shell || linked(plan, other, "negator") == shell))
			return true;
	}
	return false;
}

/*
 * Makes a shell that no operator names any more. Nothing but the naming makes one: an operator that
 * does is made, and goes again.
 */
static void
create_lonely_shell(CfdPlan *plan, CfdFact *fact)
{
	const char *left = cfd_text(fact, "left_type");
	const char *right = cfd_text(fact, "right_type");
	bool prefix = strcmp(left, "NONE") == 0;
	const char *schema = cfd_quote(fact->schema);
	const char *function = cfd_quote(cfd_name_aside(plan, fact->schema, "shell"));

	cfd_emit(plan, fact, "create", 0, NULL,
			 "CREATE FUNCTION %s.%s(%s%s%s) RETURNS boolean LANGUAGE sql AS 'SELECT true'", schema,
			 function, prefix ? "" : left, prefix ? "" : ", ", right);
	cfd_emit(
		plan, fact, "create", 0, NULL,
		"CREATE OPERATOR %s.%s~ (FUNCTION = %s.%s%s%s, RIGHTARG = %s, NEGATOR = OPERATOR(%s.%s))",
		schema, fact->name, schema, function, prefix ? "" : ", LEFTARG = ", prefix ? "" : left,
		right, schema, fact->name);
	cfd_emit(plan, fact, "create", 0, NULL, "DROP OPERATOR %s.%s~ (%s, %s)", schema, fact->name,
			 left, right);
	cfd_emit(plan, fact, "create", 0, NULL, "DROP FUNCTION %s.%s(%s%s%s)", schema, function,
			 prefix ? "" : left, prefix ? "" : ", ", right);
}

static void
create_operator(CfdPlan *plan, CfdFact *fact)
{
	static const char *const links[][2] = {{"commutator", "COMMUTATOR"}, {"negator", "NEGATOR"}};
	static const char *const functions[][2] = {{"restrict", "RESTRICT"}, {"join", "JOIN"}};
	StringInfoData out;
	char *text;

	/* A shell comes with the operator that names it. */
	if (!cfd_has(fact, "function"))
	{
		if (!is_named(plan, fact))
			create_lonely_shell(plan, fact);
		return;
	}
	initStringInfo(&out);
	appendStringInfo(&out, "CREATE OPERATOR %s.%s (FUNCTION = %s", cfd_quote(fact->schema),
					 fact->name, cfd_text(fact, "function"));
	text = cfd_text(fact, "left_type");
	if (strcmp(text, "NONE") != 0)
		appendStringInfo(&out, ", LEFTARG = %s", text);
	text = cfd_text(fact, "right_type");
	if (strcmp(text, "NONE") != 0)
		appendStringInfo(&out, ", RIGHTARG = %s", text);
	for (int i = 0; i < lengthof(links); i++)
		if ((text = cfd_text(fact, links[i][0])) != NULL)
			appendStringInfo(&out, ", %s = OPERATOR(%s)", links[i][1], text);
	for (int i = 0; i < lengthof(functions); i++)
		if ((text = cfd_text(fact, functions[i][0])) != NULL)
			appendStringInfo(&out, ", %s = %s", functions[i][1], text);
	if (cfd_bool(fact, "hashes"))
		appendStringInfoString(&out, ", HASHES");
	if (cfd_bool(fact, "merges"))
		appendStringInfoString(&out, ", MERGES");
	cfd_emit(plan, fact, "create", 0, NULL, "%s)", out.data);
}

/*
 * Tells whether a commutator or negator comes, or goes, by itself: with the other operator,
 * that is made, or dropped, in this plan.
 */
static bool
links_itself(CfdPlan *plan, const CfdFact *old, const CfdFact *new, const char *key)
{
	CfdFact *was;
	CfdFact *is;

	if (cfd_equal(old, new, key))
		return true;
	was = linked(plan, old, key);
	is = linked(plan, new, key);
	return (is == NULL || is->twin == NULL) && (was == NULL || was->twin == NULL);
}

static CfdChange
compare_operators(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	static const char *const settable[] = {"restrict",	 "join",	"hashes", "merges",
										   "commutator", "negator", NULL};
	static const char *const links[] = {"commutator", "negator", NULL};
	bool by_itself =
		links_itself(plan, old, new, "commutator") && links_itself(plan, old, new, "negator");

	if (!cfd_equal_but(old, new, settable))
		return CFD_REPLACE;
	/* What has been said once of hashes, merges and links can't be taken back. */
	if ((cfd_bool(old, "hashes") && !cfd_bool(new, "hashes")) ||
		(cfd_bool(old, "merges") && !cfd_bool(new, "merges")))
		return CFD_REPLACE;
	if (!by_itself && (!CF_CAN_SET_OPERATOR ||
					   (cfd_has(old, "commutator") && !cfd_equal(old, new, "commutator")) ||
					   (cfd_has(old, "negator") && !cfd_equal(old, new, "negator"))))
		return CFD_REPLACE;
	if (!CF_CAN_SET_OPERATOR && (!cfd_equal(old, new, "hashes") || !cfd_equal(old, new, "merges")))
		return CFD_REPLACE;
	return cfd_equal_but(old, new, links) && by_itself ? CFD_SAME : CFD_ALTER;
}

static void
alter_operator(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	static const char *const functions[][2] = {{"restrict", "RESTRICT"}, {"join", "JOIN"}};
	static const char *const links[][2] = {{"commutator", "COMMUTATOR"}, {"negator", "NEGATOR"}};
	static const char *const flags[][2] = {{"hashes", "HASHES"}, {"merges", "MERGES"}};
	StringInfoData out;
	char *text;

	initStringInfo(&out);
	for (int i = 0; i < lengthof(functions); i++)
		if (!cfd_equal(old, new, functions[i][0]))
		{
			text = cfd_text(new, functions[i][0]);
			appendStringInfo(&out, ", %s = %s", functions[i][1], text ? text : "NONE");
		}
	for (int i = 0; i < lengthof(links); i++)
		if (!links_itself(plan, old, new, links[i][0]))
			appendStringInfo(&out, ", %s = OPERATOR(%s)", links[i][1], cfd_text(new, links[i][0]));
	for (int i = 0; i < lengthof(flags); i++)
		if (!cfd_equal(old, new, flags[i][0]))
			appendStringInfo(&out, ", %s", flags[i][1]);
	if (out.len)
		cfd_emit(plan, new, "alter", 0, NULL, "ALTER %s SET (%s)", cfd_object_clause(new),
				 out.data + 2);
}

/* DROP and what the object is called. */
static void
drop_object(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP %s", cfd_object_clause(fact));
}

/* One member of a class or family, as CREATE OPERATOR CLASS and ADD have it. */
static char *
member_clause(JsonbContainer *item)
{
	char *number = cfd_text_in(item, "number");
	char *name = cfd_text_in(item, "name");
	char *left = cfd_text_in(item, "left_type");
	char *right = cfd_text_in(item, "right_type");

	if (strcmp(cfd_text_in(item, "kind"), "operator") == 0)
	{
		char *family = cfd_text_in(item, "sort_family");

		return psprintf("OPERATOR %s %s%s%s", number, name, family ? " FOR ORDER BY " : "",
						family ? family : "");
	}
	return psprintf("FUNCTION %s (%s, %s) %s", number, left, right, name);
}

/* The same as DROP has it. */
static char *
member_name(JsonbContainer *item)
{
	return psprintf("%s %s (%s, %s)",
					strcmp(cfd_text_in(item, "kind"), "operator") == 0 ? "OPERATOR" : "FUNCTION",
					cfd_text_in(item, "number"), cfd_text_in(item, "left_type"),
					cfd_text_in(item, "right_type"));
}

/* The members, as JsonbContainer *. */
static List *
members_of(const CfdFact *fact)
{
	JsonbContainer *items = cfd_object(fact, "items");
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	List *list = NIL;

	if (items == NULL || !JsonContainerIsArray(items))
		return NIL;
	iterator = JsonbIteratorInit(items);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM && value.type == jbvBinary)
			list = lappend(list, value.val.binary.data);
	return list;
}

static void
create_class(CfdPlan *plan, CfdFact *fact)
{
	char *storage = cfd_text(fact, "storage");
	StringInfoData out;
	ListCell *lc;
	const char *separator = "";

	initStringInfo(&out);
	appendStringInfo(&out, "CREATE OPERATOR CLASS %s%s FOR TYPE %s USING %s FAMILY %s AS",
					 cfd_table(fact), cfd_bool(fact, "default") ? " DEFAULT" : "",
					 cfd_text(fact, "type"), cfd_quote(cfd_text(fact, "access_method")),
					 cfd_text(fact, "family"));
	foreach (lc, members_of(fact))
	{
		appendStringInfo(&out, "%s\n    %s", separator,
						 member_clause((JsonbContainer *) lfirst(lc)));
		separator = ",";
	}
	/* One of the two must stand there. */
	if (storage || *separator == '\0')
		appendStringInfo(&out, "%s\n    STORAGE %s", separator,
						 storage ? storage : cfd_text(fact, "type"));
	cfd_emit(plan, fact, "create", 0, NULL, "%s", out.data);
}

/* Whether a fact is of the system: only what was added to it comes and goes. */
bool
cfd_is_of_system(const CfdFact *fact)
{
	return fact->schema && strcmp(fact->schema, "pg_catalog") == 0;
}

static void
create_family(CfdPlan *plan, CfdFact *fact)
{
	if (!cfd_is_of_system(fact))
		cfd_emit(plan, fact, "create", 0, NULL, "CREATE %s", cfd_object_clause(fact));
}

/* Takes members out of a family. */
static void
drop_members(CfdPlan *plan, CfdFact *fact, List *members, const char *change)
{
	ListCell *lc;

	foreach (lc, members)
		cfd_emit(plan, fact, change, 0, NULL, "ALTER %s DROP %s", cfd_object_clause(fact),
				 member_name((JsonbContainer *) lfirst(lc)));
}

static void
drop_family(CfdPlan *plan, CfdFact *fact)
{
	if (cfd_is_of_system(fact))
		drop_members(plan, fact, members_of(fact), "drop");
	else
		drop_object(plan, fact);
}

static CfdChange
compare_families(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return CFD_SAME; /* see leave and finish */
}

/* The member of a family that another one is, by its kind, number and types; or NULL. */
static JsonbContainer *
find_member(const CfdFact *fact, JsonbContainer *item)
{
	char *name = member_name(item);
	ListCell *lc;

	foreach (lc, members_of(fact))
		if (strcmp(member_name((JsonbContainer *) lfirst(lc)), name) == 0)
			return (JsonbContainer *) lfirst(lc);
	return NULL;
}

/* Whether the operator or function of a member is made anew, and with it the member. */
static bool
is_made_anew(CfdPlan *plan, const CfdFact *fact, JsonbContainer *item)
{
	char *name = cfd_text_in(item, "name");
	ListCell *lc;

	foreach (lc, fact->depends)
	{
		CfdFact *needed = ((CfdDepend *) lfirst(lc))->fact;
		const char *called = NULL;

		if (!(fact->in_target ? needed->created : needed->dropped))
			continue;
		if (cfd_is(needed, "operator"))
			called = psprintf("%s.%s(%s,%s)", cfd_quote(needed->schema), needed->name,
							  cfd_text(needed, "left_type"), cfd_text(needed, "right_type"));
		else if (needed->kind->flags & CFD_ROUTINE)
		{
			/* regprocedure has no blanks between arguments */
			called = psprintf("%s(", cfd_table(needed));
			if (strncmp(name, called, strlen(called)) == 0)
				return true;
			continue;
		}
		if (called && strcmp(called, name) == 0)
			return true;
	}
	return false;
}

/* The members that are to be in one fact and not, as they are, in the other. */
static List *
members_but(CfdPlan *plan, const CfdFact *fact, const CfdFact *other)
{
	List *list = NIL;
	ListCell *lc;

	foreach (lc, members_of(fact))
	{
		JsonbContainer *item = (JsonbContainer *) lfirst(lc);
		JsonbContainer *same = other ? find_member(other, item) : NULL;

		if (same == NULL || compareJsonbContainers(item, same) != 0 ||
			is_made_anew(plan, fact, item) || is_made_anew(plan, other, same))
			list = lappend(list, item);
	}
	return list;
}

static bool
family_leaves(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return members_but(plan, old, new) != NIL;
}

static void
leave_family(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	drop_members(plan, old, members_but(plan, old, new), "alter");
}

static bool
family_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return members_but(plan, new, old) != NIL;
}

static void
finish_family(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	ListCell *lc;

	foreach (lc, members_but(plan, new, old))
		cfd_emit(plan, new, old ? "alter" : "create", 0, NULL, "ALTER %s ADD %s",
				 cfd_object_clause(new), member_clause((JsonbContainer *) lfirst(lc)));
}

static void
create_cast(CfdPlan *plan, CfdFact *fact)
{
	const char *method = cfd_text(fact, "method");
	const char *context = cfd_text(fact, "context");

	if (fact->twin)
		cfd_hazard(plan, "changes results: of what converts %s to %s", cfd_text(fact, "source"),
				   cfd_text(fact, "target"));
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE %s %s%s%s", cfd_object_clause(fact),
			 strcmp(method, "function") == 0 ? "WITH FUNCTION "
			 : strcmp(method, "inout") == 0	 ? "WITH INOUT"
											 : "WITHOUT FUNCTION",
			 strcmp(method, "function") == 0 ? cfd_text(fact, "function") : "",
			 strcmp(context, "implicit") == 0	  ? " AS IMPLICIT"
			 : strcmp(context, "assignment") == 0 ? " AS ASSIGNMENT"
												  : "");
}

static void
create_conversion(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE %sCONVERSION %s FOR %s TO %s FROM %s",
			 cfd_bool(fact, "default") ? "DEFAULT " : "", cfd_table(fact),
			 cfd_literal(cfd_text(fact, "source")), cfd_literal(cfd_text(fact, "target")),
			 cfd_text(fact, "function"));
}

const CfdKind cfd_operator_kinds[] = {
	{.name = "operator",
	 .rank = 26,
	 .compare = compare_operators,
	 .create = create_operator,
	 .alter = alter_operator,
	 .drop = drop_object},
	{.name = "operator family",
	 .rank = 27,
	 .compare = compare_families,
	 .create = create_family,
	 .drop = drop_family,
	 .leaves = family_leaves,
	 .leave = leave_family,
	 .finishes = family_finishes,
	 .finish = finish_family},
	{.name = "operator class", .rank = 28, .create = create_class, .drop = drop_object},
	{.name = "cast", .rank = 26, .create = create_cast, .drop = drop_object},
	{.name = "conversion", .rank = 26, .create = create_conversion, .drop = drop_object},
	{0}};
