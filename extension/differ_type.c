/*-------------------------------------------------------------------------
 *
 * differ_type.c
 *	  Types: enums, composite types and their attributes, ranges, base types,
 *	  shells.
 *
 * Labels of an enum are added where they are; that they are in another order, or that one
 * goes, needs the type to be made anew, and columns to be moved to it: differ_move.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "differ.h"

static bool
is_type(const CfdFact *fact, const char *type)
{
	return cfd_is(fact, "type") && strcmp(cfd_text(fact, "type"), type) == 0;
}

bool
cfd_has_text(List *list, const char *text)
{
	ListCell *lc;

	foreach (lc, list)
		if (strcmp((char *) lfirst(lc), text) == 0)
			return true;
	return false;
}

/*
 * What a label of an enum is called in the target: another name is declared among the
 * renames, "label public.mood.sad": "label public.mood.unhappy".
 */
const char *
cfd_label_now(CfdPlan *plan, const CfdFact *type, const char *label)
{
	const char *old = psprintf("label %s.%s", cfd_table(type), cfd_quote(label));
	char *new = plan->renames ? cfd_text_in(plan->renames, old) : NULL;
	ListCell *lc;

	if (new && type->twin)
		foreach (lc, cfd_list(type->twin, "labels"))
			if (strcmp(new, psprintf("label %s.%s", cfd_table(type->twin),
									 cfd_quote((char *) lfirst(lc)))) == 0)
				return (char *) lfirst(lc);
	return label;
}

/* The labels of an enum of the source, by their names in the target. */
static List *
labels_now(CfdPlan *plan, const CfdFact *old)
{
	List *labels = NIL;
	ListCell *lc;

	foreach (lc, cfd_list(old, "labels"))
		labels = lappend(labels, unconstify(char *, cfd_label_now(plan, old, (char *) lfirst(lc))));
	return labels;
}

/* Whether a list comes out of another one by leaving some out. */
static bool
is_part_in_order(List *part, List *whole)
{
	int found = 0;
	ListCell *lc;

	foreach (lc, whole)
		if (found < list_length(part) &&
			strcmp((char *) lfirst(lc), (char *) list_nth(part, found)) == 0)
			found++;
	return found == list_length(part);
}

/* Whether the attributes of a composite type get their order by dropping, and adding at the end. */
static bool
is_order_reached(const CfdFact *old, const CfdFact *new)
{
	List *is = cfd_list(new, "attributes");
	List *stay = NIL;
	ListCell *lc;

	foreach (lc, cfd_list(old, "attributes"))
		if (cfd_has_text(is, (char *) lfirst(lc)))
			stay = lappend(stay, lfirst(lc));
	return is_part_in_order(stay, is) &&
		   (stay == NIL ||
			strcmp((char *) llast(stay), (char *) list_nth(is, list_length(stay) - 1)) == 0);
}

static const char *const settable[] = {"receive", "send",	   "typmod_in", "typmod_out",
									   "analyze", "subscript", "storage",	NULL};

static CfdChange
compare_types(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (!cfd_equal(old, new, "type"))
		/* A shell is filled at last. */
		return is_type(old, "shell") && (is_type(new, "base") || is_type(new, "range"))
				   ? CFD_SAME
				   : CFD_REPLACE;
	if (is_type(new, "enum"))
		return is_part_in_order(labels_now(plan, old), cfd_list(new, "labels")) ? CFD_ALTER
																				: CFD_REPLACE;
	/* Its attributes say the rest. */
	if (is_type(new, "composite"))
		return is_order_reached(old, new) ? CFD_SAME : CFD_REPLACE;
	if (is_type(new, "base"))
		return cfd_equal_but(old, new, settable) ? CFD_ALTER : CFD_REPLACE;
	return CFD_REPLACE;
}

/* A range type that a function of its own needs first. */
static bool
begins_as_shell(const CfdFact *fact)
{
	ListCell *lc;

	if (is_type(fact, "base"))
		return true;
	foreach (lc, fact->depends)
		if (cfd_is_support(((CfdDepend *) lfirst(lc))->fact, fact))
			return true;
	return false;
}

/* Appends word = value to a list, when there is one. */
static void
add_item(StringInfo out, const CfdFact *fact, const char *key, const char *word)
{
	char *value = cfd_text(fact, key);

	if (value)
		appendStringInfo(out, "%s%s = %s", out->len ? ", " : "", word, value);
}

/* The same for what is no name. */
static void
add_literal(StringInfo out, const CfdFact *fact, const char *key, const char *word)
{
	char *value = cfd_text(fact, key);

	if (value)
		appendStringInfo(out, "%s%s = %s", out->len ? ", " : "", word, cfd_literal(value));
}

static void
write_range(CfdPlan *plan, CfdFact *fact)
{
	StringInfoData items;

	initStringInfo(&items);
	add_item(&items, fact, "subtype", "SUBTYPE");
	add_item(&items, fact, "operator_class", "SUBTYPE_OPCLASS");
	add_item(&items, fact, "collation", "COLLATION");
	add_item(&items, fact, "canonical", "CANONICAL");
	add_item(&items, fact, "subtype_diff", "SUBTYPE_DIFF");
	add_item(&items, fact, "multirange", "MULTIRANGE_TYPE_NAME");
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE TYPE %s AS RANGE (%s)", cfd_name(fact),
			 items.data);
}

/* The words that SQL has for letters of the catalog. */
static const char *
word_for(char letter)
{
	switch (letter)
	{
		case 'c':
			return "char";
		case 's':
			return "int2";
		case 'i':
			return "int4";
		default:
			return "double";
	}
}

static const char *
storage_word(const CfdFact *fact)
{
	switch (cfd_text(fact, "storage")[0])
	{
		case 'p':
			return "plain";
		case 'e':
			return "external";
		case 'm':
			return "main";
		default:
			return "extended";
	}
}

static void
write_base(CfdPlan *plan, CfdFact *fact)
{
	static const char *const functions[][2] = {
		{"input", "INPUT"},		{"output", "OUTPUT"},		{"receive", "RECEIVE"},
		{"send", "SEND"},		{"typmod_in", "TYPMOD_IN"}, {"typmod_out", "TYPMOD_OUT"},
		{"analyze", "ANALYZE"}, {"subscript", "SUBSCRIPT"}, {"element", "ELEMENT"}};
	StringInfoData items;
	char *length = cfd_text(fact, "internal_length");

	initStringInfo(&items);
	for (int i = 0; i < lengthof(functions); i++)
		add_item(&items, fact, functions[i][0], functions[i][1]);
	appendStringInfo(&items, ", INTERNALLENGTH = %s", length[0] == '-' ? "VARIABLE" : length);
	if (cfd_bool(fact, "passed_by_value"))
		appendStringInfoString(&items, ", PASSEDBYVALUE");
	appendStringInfo(&items, ", ALIGNMENT = %s, STORAGE = %s",
					 word_for(cfd_text(fact, "alignment")[0]), storage_word(fact));
	add_literal(&items, fact, "category", "CATEGORY");
	if (cfd_bool(fact, "preferred"))
		appendStringInfoString(&items, ", PREFERRED = true");
	add_literal(&items, fact, "default", "DEFAULT");
	add_literal(&items, fact, "delimiter", "DELIMITER");
	if (cfd_bool(fact, "collatable"))
		appendStringInfoString(&items, ", COLLATABLE = true");
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE TYPE %s (%s)", cfd_name(fact), items.data);
}

static void
write_enum(CfdPlan *plan, CfdFact *fact)
{
	StringInfoData labels;
	ListCell *lc;

	initStringInfo(&labels);
	foreach (lc, cfd_list(fact, "labels"))
		appendStringInfo(&labels, "%s%s", labels.len ? ", " : "", cfd_literal((char *) lfirst(lc)));
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE TYPE %s AS ENUM (%s)", cfd_name(fact),
			 labels.data);
}

/* name type [COLLATE collation] */
static char *
attribute_clause(const CfdFact *attribute, const char *before_type)
{
	char *collation = cfd_text(attribute, "collation");

	return psprintf("%s %s%s%s%s", cfd_part(attribute), before_type, cfd_text(attribute, "type"),
					collation ? " COLLATE " : "", collation ? collation : "");
}

/* The attribute of a composite type that has a name. */
static CfdFact *
find_attribute(const CfdFact *type, const char *name)
{
	ListCell *lc;

	foreach (lc, type->children)
		if (cfd_is((CfdFact *) lfirst(lc), "attribute") &&
			strcmp(((CfdFact *) lfirst(lc))->part, name) == 0)
			return (CfdFact *) lfirst(lc);
	return NULL;
}

static void
write_composite(CfdPlan *plan, CfdFact *fact)
{
	StringInfoData attributes;
	ListCell *lc;

	initStringInfo(&attributes);
	foreach (lc, cfd_list(fact, "attributes"))
	{
		CfdFact *attribute = find_attribute(fact, (char *) lfirst(lc));

		if (attribute)
			appendStringInfo(&attributes, "%s\n    %s", attributes.len ? "," : "",
							 attribute_clause(attribute, ""));
	}
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE TYPE %s AS (%s%s)", cfd_name(fact),
			 attributes.data, attributes.len ? "\n" : "");
}

/* RENAME VALUE, where a label has another name by declaration. */
static void
rename_labels(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	ListCell *lc;

	foreach (lc, cfd_list(old, "labels"))
	{
		const char *label = (char *) lfirst(lc);
		const char *now = cfd_label_now(plan, old, label);

		if (strcmp(label, now) != 0)
			cfd_emit(plan, new, "rename", 0, NULL, "ALTER TYPE %s RENAME VALUE %s TO %s",
					 cfd_name(old), cfd_literal(label), cfd_literal(now));
	}
}

static void
create_type(CfdPlan *plan, CfdFact *fact)
{
	if (fact->moved)
	{
		if (is_type(fact->twin, "enum"))
			rename_labels(plan, fact->twin, fact);
		cfd_put_aside(plan, fact);
	}
	if (is_type(fact, "enum"))
		write_enum(plan, fact);
	else if (is_type(fact, "composite"))
		write_composite(plan, fact);
	else if (is_type(fact, "range") && !begins_as_shell(fact))
		write_range(plan, fact);
	else
		cfd_emit(plan, fact, "create", 0, NULL, "CREATE TYPE %s", cfd_name(fact));
}

/* A shell is filled when the functions are there. */
static bool
type_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (old == NULL)
		return begins_as_shell(new);
	return is_type(old, "shell") && !is_type(new, "shell");
}

static void
finish_type(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (is_type(new, "range"))
		write_range(plan, new);
	else
		write_base(plan, new);
}

/* Adds the labels that are new, each behind the one before it, in a transaction of their own. */
static void
alter_enum(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	List *labels = labels_now(plan, old);
	const char *before = NULL;
	bool added = false;
	ListCell *lc;

	rename_labels(plan, old, new);
	foreach (lc, cfd_list(new, "labels"))
	{
		const char *label = (char *) lfirst(lc);

		if (!cfd_has_text(labels, label))
		{
			const char *place = "";

			if (before && strcmp(before, labels == NIL ? before : (char *) llast(labels)) != 0)
				place = psprintf(" AFTER %s", cfd_literal(before));
			else if (before == NULL && labels != NIL)
				place = psprintf(" BEFORE %s", cfd_literal((char *) linitial(labels)));
			cfd_emit(plan, new, "alter", 0, NULL, "ALTER TYPE %s ADD VALUE %s%s", cfd_name(new),
					 cfd_literal(label), place);
			added = true;
		}
		before = label;
	}
	/* A new label can't be used in the transaction that has added it. */
	if (added)
		plan->alone = true;
}

static void
alter_base(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	static const char *const words[] = {"RECEIVE", "SEND",		"TYPMOD_IN", "TYPMOD_OUT",
										"ANALYZE", "SUBSCRIPT", "STORAGE"};
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; settable[i]; i++)
		if (!cfd_equal(old, new, settable[i]))
		{
			const char *value = cfd_text(new, settable[i]);

			if (strcmp(settable[i], "storage") == 0)
				value = storage_word(new);
			appendStringInfo(&out, "%s%s = %s", out.len ? ", " : "", words[i],
							 value ? value : "NONE");
		}
	cfd_emit(plan, new, "alter", 0, NULL, "ALTER TYPE %s SET (%s)", cfd_name(new), out.data);
}

static void
alter_type(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (is_type(new, "enum"))
		alter_enum(plan, old, new);
	else
		alter_base(plan, old, new);
}

/* Of what is moved, the old one goes under its other name. */
static void
drop_type(CfdPlan *plan, CfdFact *fact)
{
	if (fact->moved)
		cfd_emit(plan, fact, "drop", 0, NULL, "DROP TYPE %s.%s", cfd_quote(fact->schema),
				 cfd_quote(fact->aside));
	else
		cfd_emit(plan, fact, "drop", 0, NULL, "DROP TYPE %s%s", cfd_name(fact),
				 begins_as_shell(fact) ? " CASCADE" : "");
}

/* Attributes: those of a new type are contained in it. */
static CfdFact *
attribute_carrier(CfdPlan *plan, CfdFact *fact)
{
	return fact->parent;
}

static const char *
cascade(const CfdFact *type)
{
	return cfd_typed_locks(type) ? " CASCADE" : "";
}

static void
create_attribute(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "create", 0, cfd_typed_locks(fact->parent->twin),
			 "ALTER TYPE %s ADD ATTRIBUTE %s%s", cfd_table(fact), attribute_clause(fact, ""),
			 cascade(fact->parent->twin));
}

/* PostgreSQL changes the type of an attribute only while no column is made of the type. */
static CfdChange
compare_attributes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdFact *user = cfd_user_of(old->parent);

	if (cfd_is(user, "column"))
	{
		cfd_drop(plan, old->parent, NULL);
		return CFD_REPLACE;
	}
	cfd_disturb(plan, old);
	return CFD_ALTER;
}

static void
alter_attribute(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	const char *cascades = cascade(old->parent);

	if (*cascades)
	{
		cfd_hazard(plan, "rewrite: the tables of %s are written anew", new->parent->identity);
		if (!cfd_is_widening(cfd_text(old, "type"), cfd_text(new, "type")))
			cfd_hazard(plan, "may fail: every value of %s must be one of %s", new->identity,
					   cfd_text(new, "type"));
	}
	cfd_emit(plan, new, "alter", 0, cfd_typed_locks(old->parent),
			 "ALTER TYPE %s ALTER ATTRIBUTE %s%s", cfd_table(new), attribute_clause(new, "TYPE "),
			 cascades);
}

static void
drop_attribute(CfdPlan *plan, CfdFact *fact)
{
	CfdFact *user = fact->parent->twin ? cfd_user_of(fact->parent) : NULL;

	if (user)
		cfd_hazard(plan, "data loss: all values of %s in %s and others", fact->identity,
				   user->identity);
	cfd_emit(plan, fact, "drop", 0, cfd_typed_locks(fact->parent),
			 "ALTER TYPE %s DROP ATTRIBUTE %s%s", cfd_table(fact), cfd_part(fact),
			 cascade(fact->parent));
}

const CfdKind cfd_type_kinds[] = {{.name = "type",
								   .rank = 10,
								   .flags = CFD_TYPE,
								   .compare = compare_types,
								   .create = create_type,
								   .alter = alter_type,
								   .drop = drop_type,
								   .finishes = type_finishes,
								   .finish = finish_type},
								  {.name = "attribute",
								   .rank = 11,
								   .compare = compare_attributes,
								   .create = create_attribute,
								   .alter = alter_attribute,
								   .drop = drop_attribute,
								   .carrier = attribute_carrier},
								  {0}};
