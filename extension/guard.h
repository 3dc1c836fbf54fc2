/*-------------------------------------------------------------------------
 *
 * guard.h
 *	  Enforcement: DDL is checked against the intents of other agents.
 *
 * guard.c			when to look: event triggers, scripts; asking the database
 * guard_report.c	what the conflicts that were found lead to
 * guard_drop.c		claims of what a statement has dropped
 * guard_query.c	claims of a query that is no parse tree any more
 * guard_owner.c	SQL with the privileges of the extension's owner
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_GUARD_H
#define CF_GUARD_H

#include "confiture.h"

#include "utils/hsearch.h"
#include "utils/jsonb.h"

/*
 * Something of ours that runs statements: a migration, a hook, a dry run.
 * What was reported of its script is not reported again while it runs.
 */
typedef struct CfGuardScope
{
	struct CfGuardScope *outer;
	MemoryContext context;
	const char *intent;	 /* that it carries out, or NULL */
	const char *label;	 /* migration 003 "add_orders" (up) */
	const char *version; /* of the migration, or NULL */
	HTAB *reported;		 /* or NULL */
} CfGuardScope;

/* What was found, and of what. */
typedef struct CfGuardFinding
{
	const CfScript *script; /* that is about to run; NULL: one statement is */
	List *claims;			/* of CfClaim * */
	const char *claims_json;
	Jsonb *conflicts;	 /* as confiture._guard() has them; NULL: none */
	const char *command; /* for the log of overrides */
	bool dropped;		 /* the claims are of what has been dropped already */
	bool log_later;		 /* the statement must be the first to write */
} CfGuardFinding;

/* guard.c */
extern void
cf_guard_enter(CfGuardScope *scope, const char *intent, const char *label, const char *version);
extern const CfGuardScope *cf_guard_scope(void);
extern bool cf_guard_is_exempt(Node *stmt);
extern void cf_guard_leave(const CfGuardScope *scope);
extern void cf_guard_script(const CfScript *script, int done);
extern bool cf_guard_is_news(const CfGuardFinding *finding, const char *what);
extern void cf_guard_note(const CfGuardFinding *finding, const char *what);
extern void cf_guard_postpone(const CfGuardFinding *finding);

/* guard_report.c */
extern void cf_guard_report(const CfGuardFinding *finding);
extern void cf_guard_log_override(const CfGuardFinding *finding);

/* guard_drop.c */
extern List *cf_guard_dropped(void);

/* guard_query.c */
extern List *cf_guard_query(Node *stmt);

/* guard_owner.c */
typedef struct CfOwner
{
	Oid role;
	int context;
	int nest_level;
} CfOwner;
extern bool cf_owner_begin(CfOwner *owner);
extern void cf_owner_end(const CfOwner *owner);

#endif /* CF_GUARD_H */
