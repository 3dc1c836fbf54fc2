/*-------------------------------------------------------------------------
 *
 * transition_route.c
 *	  Routes: found by pair and kind, made once a session, and made anew after
 *	  one of their tables has changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "transition.h"

typedef struct RouteKey
{
	int32 pair;
	int32 kind;
} RouteKey;

typedef struct RouteEntry
{
	RouteKey key;
	CfRoute *route; /* or NULL */
	bool valid;
	bool disturbed; /* something changed while it was being made */
} RouteEntry;

static HTAB *routes = NULL;
/* Routes are not freed while one of them is being used. */
static int in_use = 0;

/* A route is to be made anew. */
static void
forget(RouteEntry *entry)
{
	entry->valid = false;
	entry->disturbed = true;
	if (entry->route)
		entry->route->stale = true;
}

/* Tells whether a relation is one of the indexes that a sink has kept. */
static bool
is_index(CfSink *sink, Oid relid)
{
	for (int i = 0; sink && i < sink->nindexes; i++)
		if (sink->indexes[i] == relid)
			return true;
	return false;
}

/* A table was altered: the routes that touch it are to be made anew. */
static void
forget_routes(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	RouteEntry *entry;

	hash_seq_init(&status, routes);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (entry->route == NULL || !OidIsValid(relid) || entry->route->from == relid ||
			entry->route->to == relid || entry->route->partner == relid ||
			is_index(entry->route->sink, relid))
			forget(entry);
}

/* A function, or a constraint of a domain, was changed: expressions may have been made with it. */
static void
forget_expressions(Datum domains, int cache, uint32 hash)
{
	HASH_SEQ_STATUS status;
	RouteEntry *entry;

	hash_seq_init(&status, routes);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (entry->route == NULL || !DatumGetBool(domains) || entry->route->domains)
			forget(entry);
}

/* Announces that routes are in use: must be paired with cf_route_leave(). */
void
cf_route_enter(void)
{
	in_use++;
}

/* Announces that they are not any more, also after an error. */
void
cf_route_leave(void)
{
	in_use--;
}

/* Turns names of columns into their numbers. */
static AttrNumber *
column_numbers(Oid relid, List *names)
{
	AttrNumber *numbers = palloc(Max(1, list_length(names)) * sizeof(AttrNumber));
	ListCell *lc;

	foreach (lc, names)
	{
		AttrNumber attno = get_attnum(relid, (char *) lfirst(lc));

		if (attno == InvalidAttrNumber)
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
							errmsg("column \"%s\" of table %s, which a transition needs, is gone",
								   (char *) lfirst(lc), get_rel_name(relid)),
							errhint("Put it back, or SELECT confiture.transition_abort(name).")));
		numbers[foreach_current_index(lc)] = attno;
	}
	return numbers;
}

/* Tells whether an index is over just these columns, in any order, and can find a row. */
static bool
index_fits(Relation index, const AttrNumber *key, int nkeys)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indisvalid || !form->indimmediate ||
		form->indnkeyatts != nkeys || RelationGetIndexPredicate(index) != NIL)
		return false;
	for (int i = 0; i < nkeys; i++)
	{
		bool found = false;

		for (int j = 0; j < nkeys; j++)
			found = found || form->indkey.values[i] == key[j];
		if (!found)
			return false;
	}
	return true;
}

/* Finds the unique index over the columns of the key, and how it finds a row. */
static Oid
key_index(Relation rel, const AttrNumber *key, int nkeys, ScanKey *scan)
{
	ListCell *lc;

	foreach (lc, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);
		bool fits = index_fits(index, key, nkeys);

		if (fits)
			*scan = cf_scan_keys(index);
		index_close(index, AccessShareLock);
		if (fits)
			return lfirst_oid(lc);
	}
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
					errmsg("table %s has lost the unique index that a transition needs",
						   RelationGetRelationName(rel)),
					errhint("Make it again, or SELECT confiture.transition_abort(name).")));
}

/* The expression for a column, or NULL. */
static const char *
expression_of(List *columns, const char *name)
{
	for (int i = 0; i + 1 < list_length(columns); i += 2)
		if (strcmp((char *) list_nth(columns, i), name) == 0)
			return (const char *) list_nth(columns, i + 1);
	return NULL;
}

/* What an expression over a table is called by. */
static const char *
alias_of(CfRoute *route, bool written)
{
	return (route->kind == CF_ROUTE_BACK) == written ? "source" : "target";
}

/*
 * Makes ready how columns of the written table get their values: all of them,
 * or only those with an expression.
 */
static CfRouteColumn *
build_columns(CfRoute *route, Relation from, Relation to, List *expressions, bool all, int *count)
{
	TupleDesc desc = RelationGetDescr(to);
	CfRouteColumn *columns = palloc0(desc->natts * sizeof(CfRouteColumn));

	*count = 0;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		CfRouteColumn *column = &columns[*count];
		const char *text;
		Expr *expr;

		if (att->attisdropped || att->attgenerated)
			continue;
		text = expression_of(expressions, NameStr(att->attname));
		if (text == NULL && !all)
			continue;
		column->attno = att->attnum;
		column->name = pstrdup(NameStr(att->attname));
		/* A column that came later, with a default or without a value. */
		expr = cf_route_expression(from, alias_of(route, false), text ? text : "NULL",
								   att->atttypid, att->atttypmod, &route->domains);
		if (IsA(expr, Var) && ((Var *) expr)->varattno > 0)
			column->taken = ((Var *) expr)->varattno;
		else
			column->state = ExecInitExpr(expr, NULL);
		column->constant = !contain_var_clause((Node *) expr);
		if (cf_calls_foreign_code((Node *) expr))
			route->foreign_code = true;
		(*count)++;
	}
	return columns;
}

/* Adds what a route needs to know about the second of two tables that share the columns of a wide one. */
static void
build_partner(CfRoute *route, CfPair *row, Relation to)
{
	bool back = route->kind == CF_ROUTE_BACK;
	bool wide = back ? row->wide_source : row->wide_target;
	CfPair other = {0};
	Relation partner;

	if (wide)
		route->extent = row->main ? CF_WRITES_MAIN : CF_WRITES_REST;
	cf_pair_read(row->sibling, back, &other, route->context);
	route->partner = back == wide ? other.target : other.source;
	if (!wide)
	{
		/* The second one is emptied together with the first. */
		route->partner = !row->main ? InvalidOid : back ? other.source : other.target;
		return;
	}
	partner = cf_pair_open(row->sibling, route->partner, AccessShareLock);
	route->absent = build_columns(route, partner, to, row->main ? other.absent : row->absent, false,
								  &route->nabsent);
	if (row->main)
	{
		route->partner_log = other.log;
		route->partner_key =
			column_numbers(route->partner, back ? other.target_key : other.source_key);
		route->partner_index =
			key_index(partner, route->partner_key, route->nkeys, &route->partner_scan);
		route->partner_columns =
			build_columns(route, partner, to, other.columns, false, &route->npartner);
	}
	table_close(partner, NoLock);
}

/* Raises an error unless the caller may write the table that a route leads to. */
static void
check_writer(Relation to)
{
	if (!has_privs_of_role(GetUserId(), to->rd_rel->relowner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("role \"%s\" may not write table \"%s\"",
							   GetUserNameFromId(GetUserId(), false), RelationGetRelationName(to)),
						errhint("In a transition both tables belong to the same role.")));
}

/* Makes a route in a memory context of its own. */
static CfRoute *
build(int32 pair, CfRouteKind kind)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "confiture route", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	bool back = kind == CF_ROUTE_BACK;
	CfRoute *route = palloc0(sizeof(CfRoute));
	CfPair row = {0};
	CfTelling about = {0};
	Relation from, to;
	CfRights rights;

	cf_pair_read(pair, back, &row, context);
	route->kind = kind;
	route->context = context;
	route->from = back ? row.target : row.source;
	route->to = kind == CF_ROUTE_LOG ? row.log : back ? row.source : row.target;
	route->name = row.name;
	about = (CfTelling) {.name = row.name, .from = route->from, .to = route->to};
	from = cf_pair_open(pair, route->from, AccessShareLock);
	to = cf_pair_open(pair, route->to, RowExclusiveLock);
	cf_tell_pair(&about);
	route->nkeys = list_length(row.source_key);
	route->from_key = column_numbers(route->from, back ? row.target_key : row.source_key);
	if (kind == CF_ROUTE_LOG)
		cf_check_log(from, to, route->from_key, route->nkeys);
	else
	{
		/* To make an expression ready is to run parts of it. */
		check_writer(to);
		cf_rights_enter(&rights, to->rd_rel->relowner);
		route->to_key = column_numbers(route->to, back ? row.source_key : row.target_key);
		route->from_index = key_index(from, route->from_key, route->nkeys, &route->from_scan);
		route->to_index = key_index(to, route->to_key, route->nkeys, &route->to_scan);
		if (row.sibling)
			build_partner(route, &row, to);
		route->columns = build_columns(route, from, to, row.columns, route->extent == CF_WRITES_ROW,
									   &route->ncolumns);
		if (row.condition && route->extent == CF_WRITES_ROW)
		{
			Expr *expr = cf_route_expression(from, alias_of(route, false), row.condition, BOOLOID,
											 -1, &route->domains);

			route->foreign_code = route->foreign_code || cf_calls_foreign_code((Node *) expr);
			route->condition = ExecInitExpr(expr, NULL);
		}
		route->foreign_code = route->foreign_code || cf_checks_foreign_code(to);
		route->econtext = CreateStandaloneExprContext();
		cf_rights_leave(&rights);
	}
	cf_tell_end(&about);
	table_close(to, NoLock);
	table_close(from, NoLock);
	MemoryContextSwitchTo(caller);
	return route;
}

/* Returns the route of a pair, made now or earlier in this session. */
CfRoute *
cf_route_get(int32 pair, CfRouteKind kind)
{
	RouteKey key = {.pair = pair, .kind = kind};
	RouteEntry *entry;
	CfRoute *route;
	bool found;

	if (routes == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(RouteKey), .entrysize = sizeof(RouteEntry)};

		routes = hash_create("confiture routes", 16, &ctl, HASH_ELEM | HASH_BLOBS);
		CacheRegisterRelcacheCallback(forget_routes, (Datum) 0);
		CacheRegisterSyscacheCallback(PROCOID, forget_expressions, BoolGetDatum(false));
		CacheRegisterSyscacheCallback(CONSTROID, forget_expressions, BoolGetDatum(true));
	}
	entry = hash_search(routes, &key, HASH_FIND, &found);
	if (found && entry->valid)
		return entry->route;
	if (!found)
	{
		entry = hash_search(routes, &key, HASH_ENTER, NULL);
		entry->route = NULL;
		entry->valid = false;
	}
	/* Whatever changes while the route is being made makes it old at once. */
	entry->disturbed = false;
	route = build(pair, kind);
	entry = hash_search(routes, &key, HASH_FIND, NULL);
	if (entry->route && in_use <= 1)
		MemoryContextDelete(entry->route->context);
	entry->route = route;
	entry->valid = !entry->disturbed;
	MemoryContextSetParent(route->context, CacheMemoryContext);
	return route;
}
