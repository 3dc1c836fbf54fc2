/*-------------------------------------------------------------------------
 *
 * guard_query.c
 *	  Claims of the query in CREATE TABLE AS and SELECT INTO.
 *
 * Of all statements that event triggers are called for, these alone have been
 * through parse analysis: their query is no parse tree any more, but says
 * exactly which columns of which relations it reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "utils/lsyscache.h"

#include "guard.h"
#include "intent.h"

/* Claims one relation and its columns. */
static void
claim_relation(CfClaimSet *set, Oid relid, const Bitmapset *columns)
{
	CfClaimed *relation = cf_claimed_of_relation(set, relid);
	int bit = -1;

	if (relation == NULL)
		return;
	cf_claim_act(set, relation, CF_CLAIM_READ);
	while ((bit = bms_next_member(columns, bit)) >= 0)
	{
		AttrNumber number = bit + FirstLowInvalidHeapAttributeNumber;
		char *name = number > 0 ? get_attname(relid, number, true) : NULL;

		if (name)
			cf_claim_act(set, cf_claimed_part(set, relation, "column", name), CF_CLAIM_READ);
	}
}

/* Claims what a query and the queries in it read. */
static bool
claim_query(Node *node, CfClaimSet *set)
{
	Query *query = (Query *) node;
	ListCell *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, claim_query, set);
	foreach (lc, query->rtable)
	{
		RangeTblEntry *rte = (RangeTblEntry *) lfirst(lc);

		if (rte->rtekind == RTE_RELATION)
			claim_relation(set, rte->relid, cf_selected_columns(query, rte));
	}
	return query_tree_walker(query, claim_query, set, 0);
}

/* Returns the claims of the query in a statement; none when it has no such query. */
List *
cf_guard_query(Node *stmt)
{
	CfClaimSet set;

	if (!IsA(stmt, CreateTableAsStmt) || !IsA(((CreateTableAsStmt *) stmt)->query, Query))
		return NIL;
	cf_claims_begin(&set);
	(void) claim_query(((CreateTableAsStmt *) stmt)->query, &set);
	return cf_claims_end(&set);
}
