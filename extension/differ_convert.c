/*-------------------------------------------------------------------------
 *
 * differ_convert.c
 *	  How the values of one type become values of another, where a type of the
 *	  user is involved: enums, ranges and base types by way of text, composite types
 *	  attribute by attribute.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"

#include "differ.h"

/* Takes [] from the end of a type, and says whether it was there. */
static char *
element_of(const char *type, bool *array)
{
	int len = strlen(type);

	*array = len > 2 && strcmp(type + len - 2, "[]") == 0;
	return pnstrdup(type, *array ? len - 2 : len);
}

/* The fact of a type by its name, not of an array; NULL for a type of the system or of an extension. */
static CfdFact *
find_type(CfdPlan *plan, bool target, const char *name)
{
	static const char *const kinds[] = {"type", "domain", "table"};
	HTAB *side = target ? plan->target : plan->source;
	int len = strlen(name);
	ListCell *lc;

	/* a modifier */
	if (len > 0 && name[len - 1] == ')' && strrchr(name, '('))
		name = pnstrdup(name, strrchr(name, '(') - name);
	for (int i = 0; i < lengthof(kinds); i++)
	{
		CfdFact *fact = cfd_find(side, psprintf("%s %s", kinds[i], name));

		if (fact)
			return fact;
	}
	foreach (lc, target ? plan->new : plan->old)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		char *multirange = cfd_is(fact, "type") ? cfd_text(fact, "multirange") : NULL;

		if (multirange && strcmp(multirange, name) == 0)
			return fact;
	}
	return NULL;
}

static bool
is_composite(const CfdFact *fact)
{
	return cfd_is(fact, "type") && strcmp(cfd_text(fact, "type"), "composite") == 0;
}

/* An attribute of a composite type by its name, or NULL. */
static CfdFact *
attribute_of(CfdPlan *plan, const CfdFact *type, const char *name)
{
	return cfd_find(type->in_target ? plan->target : plan->source,
					psprintf("attribute %s.%s", cfd_table(type), cfd_quote(name)));
}

/* Whether the text of a row of one composite type reads as the same row of another. */
static bool
is_same_row(CfdPlan *plan, const CfdFact *from, const CfdFact *to)
{
	List *names = cfd_list(from, "attributes");
	ListCell *lc;

	check_stack_depth();
	if (!cfd_equal(from, to, "attributes"))
		return false;
	foreach (lc, names)
	{
		CfdFact *was = attribute_of(plan, from, (char *) lfirst(lc));
		CfdFact *is = attribute_of(plan, to, (char *) lfirst(lc));
		CfdFact *inner;
		CfdFact *outer;
		bool array;

		if (was == NULL || is == NULL || !cfd_equal(was, is, "type"))
			return false;
		inner = find_type(plan, false, element_of(cfd_text(was, "type"), &array));
		outer = find_type(plan, true, element_of(cfd_text(is, "type"), &array));
		if (is_composite(inner) && is_composite(outer) && !is_same_row(plan, inner, outer))
			return false;
	}
	return true;
}

/* ROW(...) with what both composite types have; NULL stays NULL. */
static char *
convert_row(CfdPlan *plan, const CfdFact *from, const CfdFact *to, const char *type,
			const char *expression)
{
	StringInfoData row;
	ListCell *lc;

	initStringInfo(&row);
	foreach (lc, cfd_list(to, "attributes"))
	{
		char *name = (char *) lfirst(lc);
		CfdFact *was = attribute_of(plan, from, name);
		CfdFact *is = attribute_of(plan, to, name);

		if (row.len)
			appendStringInfoString(&row, ", ");
		if (was && is)
			appendStringInfoString(
				&row, cfd_conversion(plan, cfd_text(was, "type"), cfd_text(is, "type"),
									 psprintf("(%s).%s", expression, cfd_quote(name))));
		else
			appendStringInfoString(&row, "NULL");
	}
	return psprintf("CASE WHEN %s IS NOT DISTINCT FROM NULL THEN NULL ELSE ROW(%s)::%s END",
					expression, row.data, type);
}

/* The name that a type of the source has while columns are moved from it. */
static const char *
name_now(const CfdFact *type)
{
	return type->moved ? quote_qualified_identifier(type->schema, type->aside) : cfd_name(type);
}

/* Quotes a body: in dollars, unless it has these itself. */
static const char *
quote_body(const char *body)
{
	return strstr(body, "$convert$") ? cfd_literal(body) : psprintf("$convert$%s$convert$", body);
}

/*
 * Arrays of a composite type: an expression can't go through their elements, a function can. It
 * is a temporary one, there for one statement. The shape of an array is kept: the texts
 * of its elements are put together again, dimension by dimension.
 */
static char *
convert_array(CfdPlan *plan, const CfdFact *element, const CfdFact *from, const CfdFact *to,
			  const char *new_element, const char *expression)
{
	char *row = convert_row(plan, from, to, new_element, "e");
	char *name = psprintf("pg_temp.convert_%d", list_length(plan->helpers) + 1);
	char *body =
		psprintf("\nDECLARE\n    e %s;\n    parts text[] := '{}';\nBEGIN\n"
				 "    IF array_ndims(v) IS NULL THEN\n        RETURN '{}';\n    END IF;\n"
				 "    FOREACH e IN ARRAY v LOOP\n"
				 "        parts := array_append(parts, left(right((ARRAY[%s])::text, -1), -1));\n"
				 "    END LOOP;\n"
				 "    FOR d IN REVERSE array_ndims(v) .. 1 LOOP\n"
				 "        parts := ARRAY(SELECT '{' || string_agg(p.x, ',' ORDER BY p.n) || '}'\n"
				 "            FROM unnest(parts) WITH ORDINALITY AS p (x, n)\n"
				 "            GROUP BY (p.n - 1) / array_length(v, d) ORDER BY min(p.n));\n"
				 "    END LOOP;\n"
				 "    RETURN (array_dims(v) || '=' || parts[1])::%s[];\nEND\n",
				 name_now(element), row, new_element);

	cfd_emit(
		plan, to, "create", 0, NULL,
		"CREATE FUNCTION %s(v %s[]) RETURNS %s[]\nLANGUAGE plpgsql IMMUTABLE STRICT SET search_path = "
		"pg_catalog, pg_temp AS %s",
		name, name_now(element), new_element, quote_body(body));
	plan->helpers = lcons(psprintf("%s(%s[])", name, name_now(element)), plan->helpers);
	return psprintf("%s(%s)", name, expression);
}

/* Drops the functions that the conversion of a column has needed. */
void
cfd_drop_helpers(CfdPlan *plan, const CfdFact *column)
{
	ListCell *lc;

	foreach (lc, plan->helpers)
		cfd_emit(plan, column, "drop", 0, NULL, "DROP FUNCTION %s", (char *) lfirst(lc));
	plan->helpers = NIL;
}

/* The composite type behind a type, which may be a domain of it; or the type itself. */
static CfdFact *
peel(CfdPlan *plan, CfdFact *type)
{
	bool array;

	while (cfd_is(type, "domain"))
	{
		CfdFact *base =
			find_type(plan, type->in_target, element_of(cfd_text(type, "type"), &array));

		if (array)
			break;
		type = base;
	}
	return type;
}

/* Whether a cast between two types that this server knows is there. */
static bool
has_cast(const char *old_type, const char *new_type)
{
	Oid old_oid;
	Oid new_oid;
	int32 mod;

	return !cfd_parse_type(old_type, &old_oid, &mod) || !cfd_parse_type(new_type, &new_oid, &mod) ||
		   can_coerce_type(1, &old_oid, &new_oid, COERCION_EXPLICIT);
}

/*
 * Returns the expression that makes a value of a type of the target of one of a type of
 * the source; the expression itself, when nothing needs to be said.
 */
char *
cfd_conversion(CfdPlan *plan, const char *old_type, const char *new_type, const char *expression)
{
	bool was_array;
	bool is_array;
	CfdFact *from = find_type(plan, false, element_of(old_type, &was_array));
	CfdFact *to = find_type(plan, true, element_of(new_type, &is_array));
	CfdFact *peeled = to;
	bool array = false;
	bool element_array;

	check_stack_depth();
	if (strcmp(old_type, new_type) == 0 && (from == NULL || !from->moved))
		return pstrdup(expression);
	/* A value of a domain is one of its base type. */
	while (cfd_is(from, "domain") && !was_array)
	{
		old_type = cfd_text(from, "type");
		from = find_type(plan, false, element_of(old_type, &was_array));
	}
	while (cfd_is(peeled, "domain"))
	{
		CfdFact *base = find_type(plan, true, element_of(cfd_text(peeled, "type"), &array));

		if (array)
			break;
		peeled = base;
	}
	if (was_array && (is_array || array))
	{
		const char *list = is_array ? new_type : cfd_text(peeled, "type");
		const char *element = element_of(list, &element_array);
		CfdFact *old_row = peel(plan, from);
		CfdFact *new_row = peel(plan, find_type(plan, true, element));

		if (is_composite(old_row) && is_composite(new_row) && !is_same_row(plan, old_row, new_row))
		{
			char *converted = convert_array(plan, from, old_row, new_row, element, expression);

			return list == new_type ? converted : psprintf("%s::%s", converted, new_type);
		}
	}
	if (is_composite(from) && is_composite(peeled) && !is_same_row(plan, from, peeled))
	{
		if (was_array != is_array)
			ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("%s can't be converted to %s", old_type, new_type),
					errhint("Say with the option using how the column is converted."));
		return convert_row(plan, from, peeled, new_type, expression);
	}
	/* What a cast of the user does, it does directly. */
	if (from == NULL && peeled == NULL)
		return psprintf(has_cast(old_type, new_type) ? "%s::%s" : "%s::text::%s", expression,
						new_type);
	if (cfd_find(plan->target, psprintf("cast(%s AS %s)", old_type, new_type)))
		return psprintf("%s::%s", expression, new_type);
	/* An array becomes another one element by element, and what is none by its whole text. */
	return psprintf("%s::text%s::%s", expression, was_array && (is_array || array) ? "[]" : "",
					new_type);
}

/* Adds what the conversion of the values of a column may do. */
void
cfd_conversion_hazards(CfdPlan *plan, const CfdFact *column, const char *type)
{
	bool array;
	CfdFact *to = find_type(plan, true, element_of(type, &array));
	CfdFact *from = to ? to->twin : NULL;
	ListCell *lc;

	check_stack_depth();
	if (from == NULL || !to->moved)
		return;
	if (cfd_is(to, "domain"))
	{
		cfd_hazard(plan, "may fail: every value of %s must be one of %s", column->identity,
				   to->identity);
		cfd_conversion_hazards(plan, column, cfd_text(to, "type"));
	}
	else if (strcmp(cfd_text(from, "type"), "enum") == 0)
	{
		StringInfoData gone;

		initStringInfo(&gone);
		foreach (lc, cfd_list(from, "labels"))
			if (!cfd_has_text(cfd_list(to, "labels"),
							  cfd_label_now(plan, from, (char *) lfirst(lc))))
				appendStringInfo(&gone, "%s%s", gone.len ? ", " : "",
								 cfd_literal((char *) lfirst(lc)));
		if (gone.len)
			cfd_hazard(plan, "may fail: %s may hold what is no label of %s any more: %s",
					   column->identity, to->identity, gone.data);
	}
	else if (is_composite(from))
	{
		foreach (lc, cfd_list(from, "attributes"))
		{
			CfdFact *was = attribute_of(plan, from, (char *) lfirst(lc));
			CfdFact *is = attribute_of(plan, to, (char *) lfirst(lc));

			if (was == NULL || is == NULL)
				cfd_hazard(plan, "data loss: all values of attribute %s in %s", (char *) lfirst(lc),
						   column->identity);
			else if (strcmp(cfd_text(was, "type"), cfd_text(is, "type")) == 0)
				cfd_conversion_hazards(plan, column, cfd_text(is, "type"));
			else if (!cfd_is_widening(cfd_text(was, "type"), cfd_text(is, "type")))
				cfd_hazard(plan, "may fail: every value of attribute %s in %s must be one of %s",
						   (char *) lfirst(lc), column->identity, cfd_text(is, "type"));
		}
	}
	else
		cfd_hazard(plan, "may fail: every value of %s must be one of %s", column->identity,
				   to->identity);
}
