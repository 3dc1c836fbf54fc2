/*-------------------------------------------------------------------------
 *
 * confiture.h
 *	  What the files of confiture.so share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CONFITURE_H
#define CONFITURE_H

#include "compat.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "tcop/cmdtag.h"
#include "utils/palloc.h"

/* SQLSTATEs of our own: docs/reference/errors.md is their table. */
#define ERRCODE_CF_RUNNING MAKE_SQLSTATE('C', 'F', '0', '0', '1')
#define ERRCODE_CF_CHECKSUM MAKE_SQLSTATE('C', 'F', '0', '0', '2')
#define ERRCODE_CF_INTENT_CONFLICT MAKE_SQLSTATE('C', 'F', '0', '0', '3')
#define ERRCODE_CF_NEEDS_TOP_LEVEL MAKE_SQLSTATE('C', 'F', '0', '0', '4')
#define ERRCODE_CF_DEPENDENCY MAKE_SQLSTATE('C', 'F', '0', '0', '5')
#define ERRCODE_CF_OUT_OF_ORDER MAKE_SQLSTATE('C', 'F', '0', '0', '6')
#define ERRCODE_CF_NO_WAY_BACK MAKE_SQLSTATE('C', 'F', '0', '0', '7')
#define ERRCODE_CF_UNKNOWN_VERSION MAKE_SQLSTATE('C', 'F', '0', '0', '8')
#define ERRCODE_CF_TRANSACTION_COMMAND MAKE_SQLSTATE('C', 'F', '0', '0', '9')
#define ERRCODE_CF_META_COMMAND MAKE_SQLSTATE('C', 'F', '0', '1', '0')
#define ERRCODE_CF_HOOK MAKE_SQLSTATE('C', 'F', '0', '1', '1')
#define ERRCODE_CF_IN_DOUBT MAKE_SQLSTATE('C', 'F', '0', '1', '2')
#define ERRCODE_CF_NO_WORKER MAKE_SQLSTATE('C', 'F', '0', '1', '3')
#define ERRCODE_CF_INTENT_MOVE MAKE_SQLSTATE('C', 'F', '0', '1', '4')
#define ERRCODE_CF_UNKNOWN_INTENT MAKE_SQLSTATE('C', 'F', '0', '1', '5')
#define ERRCODE_CF_CIRCLE MAKE_SQLSTATE('C', 'F', '0', '1', '6')
#define ERRCODE_CF_DATABASE_EXISTS MAKE_SQLSTATE('C', 'F', '0', '1', '7')
#define ERRCODE_CF_UNMODELLED MAKE_SQLSTATE('C', 'F', '0', '1', '8')
#define ERRCODE_CF_UNPROVEN MAKE_SQLSTATE('C', 'F', '0', '1', '9')
#define ERRCODE_CF_MOVED MAKE_SQLSTATE('C', 'F', '0', '2', '0')
#define ERRCODE_CF_NOT_RECORDED MAKE_SQLSTATE('C', 'F', '0', '2', '1')
#define ERRCODE_CF_OLD_RECORD MAKE_SQLSTATE('C', 'F', '0', '2', '2')
#define ERRCODE_CF_TRANSITION_REFUSED MAKE_SQLSTATE('C', 'F', '0', '3', '0')
#define ERRCODE_CF_TRANSITION_STATE MAKE_SQLSTATE('C', 'F', '0', '3', '1')
#define ERRCODE_CF_TRANSITION_EXISTS MAKE_SQLSTATE('C', 'F', '0', '3', '2')
#define ERRCODE_CF_TRANSITION_WRITE MAKE_SQLSTATE('C', 'F', '0', '3', '3')
#define ERRCODE_CF_UNKNOWN_TRANSITION MAKE_SQLSTATE('C', 'F', '0', '3', '4')
#define ERRCODE_CF_TRANSITION_DIFFERS MAKE_SQLSTATE('C', 'F', '0', '3', '5')
#define ERRCODE_CF_TRANSITION_LOCK MAKE_SQLSTATE('C', 'F', '0', '3', '6')
#define ERRCODE_CF_TRANSITION_BUSY MAKE_SQLSTATE('C', 'F', '0', '3', '7')
#define ERRCODE_CF_PROGRESS_STARTED MAKE_SQLSTATE('C', 'F', 'P', '0', '1')
#define ERRCODE_CF_PROGRESS_FINISHED MAKE_SQLSTATE('C', 'F', 'P', '0', '2')
#define ERRCODE_CF_PROGRESS_WAITING MAKE_SQLSTATE('C', 'F', 'P', '0', '3')

/* One statement of a script. */
typedef struct CfStatement
{
	int ordinal;   /* from 1 */
	int block_end; /* ordinal of the last statement of its transaction */
	RawStmt *raw;  /* as the grammar made it */
	int start;	   /* byte offset of its first word in the script */
	int len;	   /* in bytes, without the semicolon */
	int line;	   /* of its first word, from 1 */
	int column;	   /* in characters, from 1 */
	CommandTag tag;
	bool needs_top_level;  /* refuses to run in a transaction block */
	const char *copy_data; /* data of COPY ... FROM stdin, or NULL */
	int copy_len;
} CfStatement;

/* Where a statement stands in a script, by the splitter: before it is parsed. */
typedef struct CfSpan
{
	int start;
	int end;
} CfSpan;

/* A parsed script. Everything lives in one memory context. */
typedef struct CfScript
{
	MemoryContext context;
	const char *label; /* `migration 003 "add_orders" (up)` */
	const char *text;  /* as given */
	char *sql;		   /* with COPY data and meta-commands blanked */
	int len;
	CfSpan *spans; /* for errors of the grammar */
	int nspans;
	CfStatement *statements;
	int count;
} CfScript;

/* An object that a statement names. */
typedef struct CfObject
{
	const char *kind;	/* table, view, index, column, function, ... */
	const char *schema; /* NULL when the statement does not say */
	const char *name;
	const char *column; /* or NULL */
	const char *action; /* create alter drop read write reference */
} CfObject;

/* What running something has cost. */
typedef struct CfCost
{
	double elapsed_ms;
	int64 rows;
	int64 wal_bytes;
	int64 buffers_read;
} CfCost;

/* script.c */
extern CfScript *cf_script_parse(const char *text, int len, const char *label);
extern char *cf_statement_text(const CfScript *script, const CfStatement *stmt);
extern void cf_script_free(CfScript *script);
extern bool cf_script_is_stepwise(const CfScript *script);
extern char *cf_script_intent(const CfScript *script);
extern void cf_script_check_runnable(CfScript *script);
extern void cf_script_check_copies(const CfScript *script);
extern void cf_script_check_transactional(const CfScript *script);

/* block.c */
extern void cf_script_fold_blocks(CfScript *script);

/* toplevel.c */
extern bool cf_needs_top_level(Node *stmt);
extern const char *cf_command_name(const CfStatement *stmt);

/* errors.c */
typedef struct CfErrorFrame
{
	const CfScript *script;
	const CfStatement *stmt; /* NULL while the script is being parsed */
	int offset;				 /* then: of what is looked at, or 0 */
} CfErrorFrame;
extern void cf_error_callback(void *arg);
extern void cf_trim_error_context(struct ErrorData *edata);
extern const char *cf_error_context_line(const char *context);

/* objects.c */
extern List *cf_objects_of(Node *stmt);

/* guc.c */
extern char *cf_agent; /* "" for the role */
extern int cf_enforce_intents;
extern int cf_intent_expiry; /* seconds */
extern char *cf_override_reason;
extern int cf_lock_timeout; /* milliseconds */
extern int cf_lock_retries;
extern int cf_out_of_order;
extern int cf_progress;
extern bool cf_record_schema;
typedef enum CfEnforce
{
	CF_ENFORCE_OFF,
	CF_ENFORCE_WARN,
	CF_ENFORCE_ERROR
} CfEnforce;
typedef enum CfOutOfOrder
{
	CF_OUT_OF_ORDER_ALLOW,
	CF_OUT_OF_ORDER_WARN,
	CF_OUT_OF_ORDER_REFUSE
} CfOutOfOrder;
typedef enum CfProgress
{
	CF_PROGRESS_OFF,
	CF_PROGRESS_MIGRATIONS,
	CF_PROGRESS_STATEMENTS
} CfProgress;
extern void cf_guc_init(void);
extern bool cf_enforces_intents(void);
extern void cf_check_enforcement(void);
extern bool cf_logs_ddl(void);
extern void cf_check_log_ddl(void);

#endif /* CONFITURE_H */
