/*-------------------------------------------------------------------------
 *
 * differ_collation.c
 *	  Collations. One in use is made anew beside the old one, and columns are
 *	  moved to it: differ_move.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

static void
create_collation(CfdPlan *plan, CfdFact *fact)
{
	static const char *const parts[] = {"lc_collate", "lc_ctype", "locale", "rules"};
	char *value;
	StringInfoData items;

	if (fact->moved)
		cfd_put_aside(plan, fact);
	initStringInfo(&items);
	appendStringInfo(&items, "provider = %s", cfd_text(fact, "provider"));
	for (int i = 0; i < lengthof(parts); i++)
		if ((value = cfd_text(fact, parts[i])) != NULL)
			appendStringInfo(&items, ", %s = %s", parts[i], cfd_literal(value));
	if (!cfd_bool(fact, "deterministic"))
		appendStringInfoString(&items, ", deterministic = false");
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE COLLATION %s (%s)", cfd_name(fact), items.data);
}

static void
drop_collation(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP COLLATION %s.%s", cfd_quote(fact->schema),
			 cfd_quote(fact->moved ? fact->aside : fact->name));
}

const CfdKind cfd_collation_kinds[] = {
	{.name = "collation", .rank = 8, .create = create_collation, .drop = drop_collation}, {0}};
