/*-------------------------------------------------------------------------
 *
 * differ_language.c
 *	  Extensions, languages, transforms, access methods.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

/* CREATE [OR REPLACE] LANGUAGE: all of it can be replaced where it is. */
static void
write_language(CfdPlan *plan, CfdFact *fact, const char *change, const char *verb)
{
	char *inline_handler = cfd_text(fact, "inline");
	char *validator = cfd_text(fact, "validator");

	cfd_emit(plan, fact, change, 0, NULL, "%s %sLANGUAGE %s HANDLER %s%s%s%s%s", verb,
			 cfd_bool(fact, "trusted") ? "TRUSTED " : "", cfd_name(fact), cfd_text(fact, "handler"),
			 inline_handler ? " INLINE " : "", inline_handler ? inline_handler : "",
			 validator ? " VALIDATOR " : "", validator ? validator : "");
}

static void
create_language(CfdPlan *plan, CfdFact *fact)
{
	write_language(plan, fact, "create", "CREATE");
}

static CfdChange
compare_in_place(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return CFD_ALTER;
}

static void
alter_language(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	write_language(plan, new, "replace", "CREATE OR REPLACE");
}

static void
drop_language(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP LANGUAGE %s", cfd_name(fact));
}

/* FOR type LANGUAGE language: what a transform is known by. */
static const char *
transform_name(const CfdFact *fact)
{
	return psprintf("FOR %s LANGUAGE %s", cfd_text(fact, "type"),
					cfd_quote(cfd_text(fact, "language")));
}

static void
write_transform(CfdPlan *plan, CfdFact *fact, const char *change, const char *verb)
{
	char *from = cfd_text(fact, "from_sql");
	char *to = cfd_text(fact, "to_sql");

	cfd_emit(plan, fact, change, 0, NULL, "%s TRANSFORM %s (%s%s%s%s%s)", verb,
			 transform_name(fact), from ? "FROM SQL WITH FUNCTION " : "", from ? from : "",
			 from && to ? ", " : "", to ? "TO SQL WITH FUNCTION " : "", to ? to : "");
}

static void
create_transform(CfdPlan *plan, CfdFact *fact)
{
	write_transform(plan, fact, "create", "CREATE");
}

static void
alter_transform(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	cfd_hazard(plan, "changes results: functions that were made with %s get other values",
			   new->identity);
	write_transform(plan, new, "replace", "CREATE OR REPLACE");
}

static void
drop_transform(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP TRANSFORM %s", transform_name(fact));
}

static void
create_access_method(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE ACCESS METHOD %s TYPE %s HANDLER %s",
			 cfd_name(fact), strcmp(cfd_text(fact, "type"), "index") == 0 ? "INDEX" : "TABLE",
			 cfd_text(fact, "handler"));
}

static void
drop_access_method(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP ACCESS METHOD %s", cfd_name(fact));
}

/*
 * Whether the schema of an extension is there before it. What an extension makes
 * itself is no fact, and must not be named.
 */
static bool
has_schema_before(const CfdFact *fact)
{
	const char *schema = cfd_text(fact, "schema");
	const char *identity = psprintf("schema %s", cfd_quote(schema));
	ListCell *lc;

	if (strcmp(schema, "pg_catalog") == 0)
		return true;
	foreach (lc, fact->depends)
		if (strcmp(((CfdDepend *) lfirst(lc))->fact->identity, identity) == 0)
			return true;
	return false;
}

static void
create_extension(CfdPlan *plan, CfdFact *fact)
{
	const char *version = cfd_text(fact, "version");

	if (!cfd_extension_has(fact->name, NULL, version))
		cfd_hazard(plan, "may fail: this server has no version %s of the extension %s", version,
				   fact->name);
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE EXTENSION %s%s%s VERSION %s", cfd_name(fact),
			 has_schema_before(fact) ? " SCHEMA " : "",
			 has_schema_before(fact) ? cfd_quote(cfd_text(fact, "schema")) : "",
			 cfd_literal(version));
}

/* An extension comes with a comment, which the target may not have. */
static bool
extension_finishes(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	ListCell *lc;

	foreach (lc, new->children)
		if (cfd_is((CfdFact *) lfirst(lc), "comment"))
			return false;
	return old == NULL && cfd_extension_comment(new->name) != NULL;
}

static void
finish_extension(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	cfd_emit(plan, new, "comment", 0, NULL, "COMMENT ON EXTENSION %s IS NULL", cfd_name(new));
}

static void
alter_extension(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	const char *version = cfd_text(new, "version");

	if (!cfd_equal(old, new, "version"))
	{
		if (!cfd_extension_has(new->name, cfd_text(old, "version"), version))
			cfd_hazard(plan,
					   "may fail: this server has no way from version %s of the extension %s to %s",
					   cfd_text(old, "version"), new->name, version);
		cfd_emit(plan, new, "alter", 0, NULL, "ALTER EXTENSION %s UPDATE TO %s", cfd_name(new),
				 cfd_literal(version));
	}
	if (!cfd_equal(old, new, "schema"))
	{
		cfd_hazard(plan, "may fail: not every extension can be moved to another schema");
		cfd_emit(plan, new, "alter", 0, NULL, "ALTER EXTENSION %s SET SCHEMA %s", cfd_name(new),
				 cfd_quote(cfd_text(new, "schema")));
	}
}

static void
drop_extension(CfdPlan *plan, CfdFact *fact)
{
	cfd_hazard(plan, "data loss: rows of the tables of %s, if it has any", fact->identity);
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP EXTENSION %s", cfd_name(fact));
}

const CfdKind cfd_language_kinds[] = {{.name = "extension",
									   .rank = 3,
									   .compare = compare_in_place,
									   .create = create_extension,
									   .alter = alter_extension,
									   .finishes = extension_finishes,
									   .finish = finish_extension,
									   .drop = drop_extension},
									  {.name = "language",
									   .rank = 5,
									   .compare = compare_in_place,
									   .create = create_language,
									   .alter = alter_language,
									   .drop = drop_language},
									  {.name = "access method",
									   .rank = 6,
									   .create = create_access_method,
									   .drop = drop_access_method},
									  {.name = "transform",
									   .rank = 26,
									   .compare = compare_in_place,
									   .create = create_transform,
									   .alter = alter_transform,
									   .drop = drop_transform},
									  {0}};
