/*-------------------------------------------------------------------------
 *
 * differ_kind.c
 *	  The table of kinds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

static const CfdKind *const families[] = {
	cfd_schema_kinds,		  cfd_table_kinds,		 cfd_column_kinds,	cfd_constraint_kinds,
	cfd_index_kinds,		  cfd_view_kinds,		 cfd_trigger_kinds, cfd_routine_kinds,
	cfd_type_kinds,			  cfd_collation_kinds,	 cfd_domain_kinds,	cfd_operator_kinds,
	cfd_language_kinds,		  cfd_search_kinds,		 cfd_about_kinds,	cfd_grant_kinds,
	cfd_foreign_kinds,		  cfd_publication_kinds, cfd_default_kinds, cfd_subscription_kinds,
	cfd_column_default_kinds,
};

/* Returns a kind of fact, or NULL. Each family ends with one without a name. */
const CfdKind *
cfd_kind(const char *name)
{
	for (int i = 0; i < lengthof(families); i++)
		for (const CfdKind *kind = families[i]; kind->name; kind++)
			if (strcmp(kind->name, name) == 0)
				return kind;
	return NULL;
}

/* For kinds of objects that can't be made or dropped by statements. */
void
cfd_refuse(CfdPlan *plan, CfdFact *fact)
{
	ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("a change of %s can't be written as a statement", fact->identity),
			errhint("Leave it out with the option ignore, and change it by hand."));
}
