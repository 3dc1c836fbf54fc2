/*-------------------------------------------------------------------------
 *
 * transition.h
 *	  Moving tables to a new schema while everyone writes: what the files
 *	  share.
 *
 * A pair is a row of confiture.transition_table: a source table and the
 * target table that takes its place. A route is one direction of a pair, made
 * ready to move rows: which columns are taken over, which are computed.
 * Tables are known by OID only: they are renamed while rows are on their way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_TRANSITION_H
#define CF_TRANSITION_H

#include "confiture.h"

#include "access/skey.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "storage/lockdefs.h"
#include "tcop/dest.h"
#include "utils/relcache.h"

/* Where the rows of a route come from, and where they go. */
typedef enum CfRouteKind
{
	CF_ROUTE_LOG,	  /* keys of the source to the change log */
	CF_ROUTE_FORWARD, /* rows of the source to the target */
	CF_ROUTE_BACK	  /* rows of the target to the source */
} CfRouteKind;

/*
 * How much of a row a route writes. Where one table is split into two, or two
 * are merged into one, there is a wide table, whose rows hold the columns of
 * both others: the main one, whose rows decide which rows there are, and the
 * other one, in which rows can be absent.
 */
typedef enum CfRouteExtent
{
	CF_WRITES_ROW,	/* all of it */
	CF_WRITES_MAIN, /* of the wide table, what the main table holds; and whether there is a row */
	CF_WRITES_REST	/* of the wide table, what the other one holds */
} CfRouteExtent;

/* How a column of the table that is written gets its value. */
typedef struct CfRouteColumn
{
	AttrNumber attno;
	AttrNumber taken; /* the column that is taken over as it is, or 0 */
	ExprState *state; /* else: how it is computed */
	bool constant;	  /* says nothing about the row: only for new rows */
	const char *name;
} CfRouteColumn;

struct CfSink;

typedef struct CfRoute
{
	CfRouteKind kind;
	MemoryContext context;
	bool stale;				   /* something it rests on has changed: make it anew */
	struct CfSink *sink;	   /* kept ready from one row to the next, or NULL */
	bool unkept;			   /* it can't be kept */
	LocalTransactionId locked; /* the transaction that has all locks */
	const char *name;		   /* of the transition */
	Oid from;
	Oid to;			/* a table, or the log */
	Oid from_index; /* of the key */
	Oid to_index;
	int nkeys;
	AttrNumber *from_key; /* columns of the table that is read */
	AttrNumber *to_key;	  /* their partners */
	ScanKey from_scan;	  /* how a row is found by its key; without values */
	ScanKey to_scan;
	int ncolumns;
	CfRouteColumn *columns;
	ExprContext *econtext;
	CfRouteExtent extent;
	ExprState *condition; /* whether a row of the wide table has one in the other table; or NULL */
	int nabsent;
	CfRouteColumn *absent; /* columns of the wide table where the other table has no row */
	Oid partner;		   /* the second of the two tables, or the first for the second; or none */
	Oid partner_log;
	Oid partner_index;
	ScanKey partner_scan;
	AttrNumber *partner_key;
	int npartner;
	CfRouteColumn *partner_columns; /* columns of the wide table, out of a row of the partner */
	bool
		foreign_code; /* expressions, or what the written table checks, call code that is not the server's */
	bool domains; /* expressions check constraints of domains */
} CfRoute;

/* A table that is being written by a route, without its triggers. */
typedef struct CfSink
{
	CfRoute *route;
	Relation rel;
	EState *estate;
	ResultRelInfo *info; /* the index of the key is the last of its indexes */
	int nindexes;
	TupleTableSlot *found; /* the row that stands there now */
	TupleTableSlot *row;   /* the row that is to stand there */
	MemoryContext context; /* of one that is kept, else NULL */
	Oid *indexes;		   /* of one that is kept: what to open again */
	bool busy;
	bool waits;	 /* for other writers: in a mirror */
	bool later;	 /* what the partner has comes by its change log, not together with a new row */
	bool pinned; /* whoever uses it has set the search_path */
} CfSink;

/* Whose rights something is run with: what is put back afterwards. */
typedef struct CfRights
{
	Oid role;
	int context;
	int nest;
} CfRights;

/* What the row of a pair says, as text. */
typedef struct CfPair
{
	Oid source;
	Oid target;
	Oid log;
	List *source_key; /* names of columns */
	List *target_key;
	List *columns; /* name, expression, name, expression, ... */
	List *absent;
	char *condition;
	bool wide_source; /* it is split, */
	bool wide_target; /* or merged; */
	bool main;
	int32 sibling; /* the other pair with the same wide table, or 0 */
	char *name;	   /* of the transition */
} CfPair;

/* Of which transition an error is. */
typedef struct CfTelling
{
	ErrorContextCallback callback;
	const char *name; /* NULL: not known yet */
	Oid from;
	Oid to;
	bool mirror; /* somebody writes; else rows are brought over */
} CfTelling;

typedef struct CfDigest CfDigest;

/* transition_pair.c */
extern void cf_pair_read(int32 pair, bool back, CfPair *row, MemoryContext context);
extern Relation cf_pair_open(int32 pair, Oid relid, LOCKMODE lockmode);
extern void cf_tell_pair(CfTelling *about);
extern void cf_tell_end(CfTelling *about);

/* transition_route.c */
extern CfRoute *cf_route_get(int32 pair, CfRouteKind kind);
extern void cf_route_enter(void);
extern void cf_route_leave(void);

/* transition_rights.c */
extern void cf_rights_enter(CfRights *rights, Oid owner);
extern void cf_rights_enter_sink(CfRights *rights, CfSink *sink);
extern void cf_rights_leave(const CfRights *rights);
extern Oid cf_rights_owner(Oid relid);

/* transition_fill.c */
extern uint64 cf_run_query(const char *query, bool read_only, DestReceiver *dest);

/* transition_foreign.c */
extern bool cf_calls_foreign_code(Node *node);
extern bool cf_checks_foreign_code(Relation rel);

/* digest.c */
extern CfDigest *cf_digest_start(TupleDesc desc, MemoryContext context);
extern uint64 cf_digest_values(CfDigest *digest, const Datum *values, const bool *nulls);

/* capture.c */
extern void cf_check_log(Relation rel, Relation log, const AttrNumber *key, int nkeys);

/* transition_expr.c */
extern Expr *cf_route_expression(Relation rel, const char *alias, const char *text, Oid type,
								 int32 typmod, bool *domains);

/* transition_sink.c */
extern ScanKey cf_scan_keys(Relation index);
extern CfSink *cf_sink_open(CfRoute *route, LOCKMODE lockmode);
extern void cf_sink_close(CfSink *sink);
extern bool cf_route_lock(CfRoute *route);
extern Relation cf_relation_again(Oid relid);
extern CfSink *cf_sink_take(CfRoute *route);
extern void cf_sink_give(CfSink *sink);
extern void cf_sink_drop(CfSink *sink);

/* transition_apply.c */
extern bool
cf_find_by_key(Relation rel, Relation index, ScanKey keys, const Datum *row, TupleTableSlot *found);
extern void cf_compute(CfSink *sink, const CfRouteColumn *column, TupleTableSlot *from);
extern void cf_compute_row(CfSink *sink, TupleTableSlot *from, bool only_key);
extern void cf_keep_constants(CfSink *sink);
extern bool cf_find_row(CfSink *sink);
extern void cf_insert_row(CfSink *sink);
extern bool cf_update_row(CfSink *sink);
extern void cf_written(CfSink *sink, bool put);
extern void cf_sink_insert(CfSink *sink, TupleTableSlot *from);
extern void cf_sink_put(CfSink *sink, TupleTableSlot *from);
extern void cf_sink_put_new(CfSink *sink, TupleTableSlot *from);
extern void cf_sink_refresh(CfSink *sink, TupleTableSlot *from);
extern void cf_sink_remove(CfSink *sink, TupleTableSlot *from);
extern void cf_sink_remove_unless_kept(CfSink *sink, Relation rel, TupleTableSlot *from);

/* transition_parent.c */
extern void cf_lock_parents(CfSink *sink);

/* transition_wide.c */
extern bool cf_route_applies(CfRoute *route, TupleTableSlot *from);
extern void cf_wide_insert(CfSink *sink, TupleTableSlot *from);
extern void cf_wide_put(CfSink *sink, TupleTableSlot *from);
extern void cf_wide_remove(CfSink *sink, TupleTableSlot *from);

/* transition_remote.c */
extern bool cf_commit_remote(void);

#endif /* CF_TRANSITION_H */
