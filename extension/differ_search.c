/*-------------------------------------------------------------------------
 *
 * differ_search.c
 *	  Text search: parsers, templates, dictionaries, configurations.
 *
 * What has been made of texts before - stored values, indexes - is not made
 * anew by any of these statements: that is said as a hazard.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "parser/parser.h"

#include "differ.h"

/* Appends KEY = value, when there is one. */
static void
add_part(StringInfo out, const CfdFact *fact, const char *key, const char *word)
{
	char *value = cfd_text(fact, key);

	if (value)
		appendStringInfo(out, "%s%s = %s", out->len ? ", " : "", word, value);
}

static void
note_results(CfdPlan *plan, const CfdFact *fact)
{
	cfd_hazard(plan,
			   "changes results: what was indexed or stored by way of %s was made as it was before",
			   fact->identity);
}

static void
create_parser(CfdPlan *plan, CfdFact *fact)
{
	StringInfoData parts;

	initStringInfo(&parts);
	add_part(&parts, fact, "start", "START");
	add_part(&parts, fact, "gettoken", "GETTOKEN");
	add_part(&parts, fact, "end", "END");
	add_part(&parts, fact, "headline", "HEADLINE");
	add_part(&parts, fact, "lextypes", "LEXTYPES");
	if (fact->twin)
		note_results(plan, fact);
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE TEXT SEARCH PARSER %s (%s)", cfd_name(fact),
			 parts.data);
}

static void
create_template(CfdPlan *plan, CfdFact *fact)
{
	StringInfoData parts;

	initStringInfo(&parts);
	add_part(&parts, fact, "init", "INIT");
	add_part(&parts, fact, "lexize", "LEXIZE");
	if (fact->twin)
		note_results(plan, fact);
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE TEXT SEARCH TEMPLATE %s (%s)", cfd_name(fact),
			 parts.data);
}

static void
create_dictionary(CfdPlan *plan, CfdFact *fact)
{
	char *options = cfd_text(fact, "options");

	if (fact->twin)
		note_results(plan, fact);
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE TEXT SEARCH DICTIONARY %s (TEMPLATE = %s%s%s)",
			 cfd_name(fact), cfd_text(fact, "template"), options ? ", " : "",
			 options ? options : "");
}

/* Only the options can change where it is. */
static CfdChange
compare_dictionaries(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_equal(old, new, "template") ? CFD_ALTER : CFD_REPLACE;
}

/* The options of a dictionary, as DefElem *. PostgreSQL keeps them as they are written. */
static List *
dictionary_options(const CfdFact *fact)
{
	char *options = cfd_text(fact, "options");
	List *parsed;

	if (options == NULL)
		return NIL;
	parsed =
		raw_parser(psprintf("ALTER TEXT SEARCH DICTIONARY d (%s)", options), RAW_PARSE_DEFAULT);
	return castNode(AlterTSDictionaryStmt, linitial_node(RawStmt, parsed)->stmt)->options;
}

static bool
has_option(List *options, const char *name)
{
	ListCell *lc;

	foreach (lc, options)
		if (strcmp(lfirst_node(DefElem, lc)->defname, name) == 0)
			return true;
	return false;
}

static void
alter_dictionary(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	List *wanted = dictionary_options(new);
	StringInfoData options;
	ListCell *lc;

	initStringInfo(&options);
	if (wanted != NIL)
		appendStringInfoString(&options, cfd_text(new, "options"));
	foreach (lc, dictionary_options(old))
	{
		const char *name = lfirst_node(DefElem, lc)->defname;

		if (!has_option(wanted, name))
			appendStringInfo(&options, "%s%s", options.len ? ", " : "", cfd_quote(name));
	}
	note_results(plan, new);
	cfd_emit(plan, new, "alter", 0, NULL, "ALTER TEXT SEARCH DICTIONARY %s (%s)", cfd_name(new),
			 options.data);
}

/* The dictionaries of a token type, or NULL. */
static char *
mapping(const CfdFact *fact, const char *token)
{
	StringInfoData out;
	ListCell *lc;

	initStringInfo(&out);
	foreach (lc, cfd_list_in(cfd_object(fact, "mappings"), token))
		appendStringInfo(&out, "%s%s", out.len ? ", " : "", (char *) lfirst(lc));
	return out.len ? out.data : NULL;
}

static void
add_mapping(CfdPlan *plan, CfdFact *fact, const char *change, const char *verb, const char *token)
{
	cfd_emit(plan, fact, change, 0, NULL,
			 "ALTER TEXT SEARCH CONFIGURATION %s %s MAPPING FOR %s WITH %s", cfd_name(fact), verb,
			 cfd_quote(token), mapping(fact, token));
}

static void
create_configuration(CfdPlan *plan, CfdFact *fact)
{
	ListCell *lc;

	if (fact->twin)
		note_results(plan, fact);
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE TEXT SEARCH CONFIGURATION %s (PARSER = %s)",
			 cfd_name(fact), cfd_text(fact, "parser"));
	foreach (lc, cfd_pairs(fact, "mappings"))
		add_mapping(plan, fact, "create", "ADD", ((CfdPair *) lfirst(lc))->key);
}

static CfdChange
compare_configurations(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_equal(old, new, "parser") ? CFD_ALTER : CFD_REPLACE;
}

static void
alter_configuration(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	ListCell *lc;

	foreach (lc, cfd_pairs(old, "mappings"))
	{
		const char *token = ((CfdPair *) lfirst(lc))->key;

		if (mapping(new, token) == NULL)
		{
			note_results(plan, new);
			cfd_emit(plan, new, "alter", 0, NULL,
					 "ALTER TEXT SEARCH CONFIGURATION %s DROP MAPPING FOR %s", cfd_name(new),
					 cfd_quote(token));
		}
	}
	foreach (lc, cfd_pairs(new, "mappings"))
	{
		const char *token = ((CfdPair *) lfirst(lc))->key;
		char *was = mapping(old, token);

		if (was && strcmp(was, mapping(new, token)) == 0)
			continue;
		note_results(plan, new);
		add_mapping(plan, new, "alter", was ? "ALTER" : "ADD", token);
	}
}

/* DROP TEXT SEARCH PARSER ...: the kinds are called as SQL calls them. */
static void
drop_search(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP %s", cfd_object_clause(fact));
}

const CfdKind cfd_search_kinds[] = {
	{.name = "text search parser", .rank = 26, .create = create_parser, .drop = drop_search},
	{.name = "text search template", .rank = 26, .create = create_template, .drop = drop_search},
	{.name = "text search dictionary",
	 .rank = 27,
	 .compare = compare_dictionaries,
	 .create = create_dictionary,
	 .alter = alter_dictionary,
	 .drop = drop_search},
	{.name = "text search configuration",
	 .rank = 28,
	 .compare = compare_configurations,
	 .create = create_configuration,
	 .alter = alter_configuration,
	 .drop = drop_search},
	{0}};
