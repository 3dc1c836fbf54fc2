/*-------------------------------------------------------------------------
 *
 * differ_foreign.c
 *	  Foreign data wrappers, servers and user mappings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

/* HANDLER f, or NO HANDLER where there was one; "" when there is nothing to say. */
static const char *
function_clause(const CfdFact *old, const CfdFact *new, const char *key, const char *word)
{
	char *function = cfd_text(new, key);

	if (old ? cfd_equal(old, new, key) : function == NULL)
		return "";
	return function ? psprintf(" %s %s", word, function) : psprintf(" NO %s", word);
}

static void
create_wrapper(CfdPlan *plan, CfdFact *fact)
{
	char *options = cfd_foreign_options(NULL, fact, "options");

	cfd_emit(plan, fact, "create", 0, NULL, "CREATE FOREIGN DATA WRAPPER %s%s%s%s",
			 cfd_quote(fact->name), function_clause(NULL, fact, "handler", "HANDLER"),
			 function_clause(NULL, fact, "validator", "VALIDATOR"), options ? options : "");
}

static CfdChange
compare_in_place(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return CFD_ALTER;
}

static void
alter_wrapper(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	char *options = cfd_foreign_options(old, new, "options");

	cfd_emit(plan, new, "alter", 0, NULL, "ALTER FOREIGN DATA WRAPPER %s%s%s%s%s",
			 cfd_quote(new->name), function_clause(old, new, "handler", "HANDLER"),
			 function_clause(old, new, "validator", "VALIDATOR"), options ? " " : "",
			 options ? options : "");
}

static void
drop_wrapper(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP FOREIGN DATA WRAPPER %s", cfd_quote(fact->name));
}

static void
create_server(CfdPlan *plan, CfdFact *fact)
{
	char *options = cfd_foreign_options(NULL, fact, "options");
	char *type = cfd_text(fact, "type");
	char *version = cfd_text(fact, "version");

	cfd_emit(plan, fact, "create", 0, NULL, "CREATE SERVER %s%s%s%s%s FOREIGN DATA WRAPPER %s%s",
			 cfd_quote(fact->name), type ? " TYPE " : "", type ? cfd_literal(type) : "",
			 version ? " VERSION " : "", version ? cfd_literal(version) : "",
			 cfd_quote(cfd_text(fact, "wrapper")), options ? options : "");
}

static CfdChange
compare_servers(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	return cfd_equal(old, new, "type") && cfd_equal(old, new, "wrapper") ? CFD_ALTER : CFD_REPLACE;
}

static void
alter_server(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	char *options = cfd_foreign_options(old, new, "options");
	char *version = cfd_text(new, "version");
	const char *clause = "";

	if (!cfd_equal(old, new, "version"))
		clause = psprintf(" VERSION %s", version ? cfd_literal(version) : "NULL");
	cfd_emit(plan, new, "alter", 0, NULL, "ALTER SERVER %s%s%s%s", cfd_quote(new->name), clause,
			 options ? " " : "", options ? options : "");
}

static void
drop_server(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP SERVER %s", cfd_quote(fact->name));
}

/* The role of a user mapping. */
static const char *
mapped_role(const CfdFact *fact)
{
	return strcmp(fact->part, "public") == 0 ? "PUBLIC" : cfd_part(fact);
}

static void
create_mapping(CfdPlan *plan, CfdFact *fact)
{
	cfd_hazard(plan, "not complete: the options of %s, such as its password, are in no snapshot",
			   fact->identity);
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE USER MAPPING FOR %s SERVER %s",
			 mapped_role(fact), cfd_quote(fact->name));
}

static void
drop_mapping(CfdPlan *plan, CfdFact *fact)
{
	cfd_hazard(plan, "data loss: the options of %s, such as its password", fact->identity);
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP USER MAPPING FOR %s SERVER %s", mapped_role(fact),
			 cfd_quote(fact->name));
}

const CfdKind cfd_foreign_kinds[] = {
	{.name = "foreign data wrapper",
	 .rank = 26,
	 .compare = compare_in_place,
	 .create = create_wrapper,
	 .alter = alter_wrapper,
	 .drop = drop_wrapper},
	{.name = "server",
	 .rank = 27,
	 .compare = compare_servers,
	 .create = create_server,
	 .alter = alter_server,
	 .drop = drop_server},
	{.name = "user mapping", .rank = 28, .create = create_mapping, .drop = drop_mapping},
	{0}};
