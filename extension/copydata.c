/*-------------------------------------------------------------------------
 *
 * copydata.c
 *	  COPY ... FROM stdin with the data that stands in the script.
 *
 * What DoCopy() does for a client's data, with the same checks, but reading
 * from memory: as logical replication's table synchronization does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "commands/copy.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "execute.h"

/* The callback of COPY has no argument: where it reads stands here. */
static const char *source;
static const char *source_end;

/* Hands the next bytes to COPY. */
static int
read_source(void *outbuf, int minread, int maxread)
{
	int n = Min(maxread, source_end - source);

	memcpy(outbuf, source, n);
	source += n;
	return n;
}

/* Checks INSERT on the table or on every column that COPY fills. */
static void
check_insert_privilege(Relation rel, List *attlist)
{
	List *attnums;
	ListCell *lc;

	if (pg_class_aclcheck(RelationGetRelid(rel), GetUserId(), ACL_INSERT) == ACLCHECK_OK)
		return;
	attnums = CopyGetAttnums(RelationGetDescr(rel), rel, attlist);
	foreach (lc, attnums)
	{
		if (pg_attribute_aclcheck(RelationGetRelid(rel), lfirst_int(lc), GetUserId(), ACL_INSERT) !=
			ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(rel->rd_rel->relkind),
						   RelationGetRelationName(rel));
	}
}

/* Makes the WHERE clause of COPY ready for the executor. */
static Node *
transform_where(ParseState *pstate, ParseNamespaceItem *nsitem, Node *where)
{
	if (where == NULL)
		return NULL;
	addNSItemToQuery(pstate, nsitem, false, true, true);
	where = transformExpr(pstate, where, EXPR_KIND_COPY_WHERE);
	where = coerce_to_boolean(pstate, where, "WHERE");
	assign_expr_collations(pstate, where);
	where = eval_const_expressions(NULL, where);
	where = (Node *) canonicalize_qual((Expr *) where, false);
	return (Node *) make_ands_implicit((Expr *) where);
}

/*
 * Runs one COPY ... FROM stdin with the script's data; returns how many rows
 * it has copied.
 */
uint64
cf_copy_from_script(const CfScript *script, const CfStatement *stmt)
{
	CopyStmt *copy = copyObject((CopyStmt *) stmt->raw->stmt);
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *nsitem;
	CopyFromState state;
	Relation rel;
	Node *where;
	uint64 rows;

	pstate->p_sourcetext = script->sql;
	PreventCommandIfReadOnly("COPY FROM");
	rel = table_openrv(copy->relation, RowExclusiveLock);
	nsitem = addRangeTableEntryForRelation(pstate, rel, RowExclusiveLock, NULL, false, false);
	check_insert_privilege(rel, copy->attlist);
	if (check_enable_rls(RelationGetRelid(rel), InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("COPY FROM not supported with row-level security"),
						errhint("Use INSERT statements instead.")));
	where = transform_where(pstate, nsitem, copy->whereClause);

	source = stmt->copy_data;
	source_end = stmt->copy_data + stmt->copy_len;
	state =
		BeginCopyFrom(pstate, rel, where, NULL, false, read_source, copy->attlist, copy->options);
	rows = CopyFrom(state);
	EndCopyFrom(state);

	table_close(rel, NoLock);
	free_parsestate(pstate);
	return rows;
}
