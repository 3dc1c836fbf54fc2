/*-------------------------------------------------------------------------
 *
 * intent.h
 *	  Claims: what an intent, or a statement about to run, touches.
 *
 * intent_claim.c		the set of claims: identities, what wins, what is left out
 * intent_kind.c			kinds of objects, and the rarer ones
 * intent_resolve.c		which object a name means, under the search_path
 * intent_routine.c		the same for routines, and their arguments
 * intent_collect.c		claims of parse trees and scripts
 * intent_change.c		what a statement says of itself: rename, OR REPLACE, IF EXISTS
 * intent_name.c		claims that are declared by name
 * intent_json.c		claims as JSON
 * intent_call.c		the SQL functions
 *
 * An object is known by its anchor, `relation:public.users`, and what belongs
 * to it by a part of that, `column:email`. What shares names has one class:
 * relations and types `relation`, functions, procedures and aggregates
 * `routine`; else the class is the kind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_INTENT_H
#define CF_INTENT_H

#include "confiture.h"

#include "lib/stringinfo.h"

/*
 * What is done with an object, from weak to strong. A touch changes
 * something that belongs to the object, or stands beside it. Nothing here
 * makes CF_CLAIM_AFFECTED: what depends on an object is found in SQL.
 */
typedef enum CfClaimAction
{
	CF_CLAIM_READ,
	CF_CLAIM_REFERENCE,
	CF_CLAIM_WRITE,
	CF_CLAIM_AFFECTED,
	CF_CLAIM_TOUCH,
	CF_CLAIM_ALTER,
	CF_CLAIM_CREATE,
	CF_CLAIM_DROP
} CfClaimAction;

/* One claim. Strings that may be NULL say so. */
typedef struct CfClaim
{
	const char *anchor;	   /* relation:public.users */
	const char *part;	   /* column:email, or "" for the whole object */
	const char *kind;	   /* table, column, function, ... */
	const char *schema;	   /* or NULL */
	const char *name;	   /* of a part: of what it belongs to */
	const char *column;	   /* the name of the part, or NULL */
	const char *arguments; /* of a routine, or NULL when not known */
	CfClaimAction action;
	bool declared; /* or parsed */
	Oid catalog;   /* of the object that exists, or of what the part belongs */
	Oid oid;	   /* to: its OID; InvalidOid when there is none */
} CfClaim;

/* Something in a script that can't be looked into. */
typedef struct CfUnseen
{
	int ordinal; /* of the statement, from 1 */
	int line;
	const char *what; /* "DO block" */
} CfUnseen;

/*
 * The claims of one statement (the node inside RawStmt) or of a script, as a
 * list of CfClaim *; unseen, unless it is NULL, gets a list of CfUnseen *.
 * Names are resolved under the active search_path, and no lock is taken on
 * what they name. The lists are in the current memory context.
 */
extern List *cf_claims_of_statement(Node *stmt, List **unseen);
extern List *cf_claims_of_script(const CfScript *script, List **unseen);

/* JSON arrays of them, as text. */
extern char *cf_claims_json(List *claims, bool details);
extern char *cf_unseen_json(List *unseen);
extern char *cf_claim_display(const CfClaim *claim);
extern const char *cf_claim_action_name(CfClaimAction action);

/* The agent: the argument, else confiture.agent, else the session's role. */
extern char *cf_intent_agent(const char *argument);

/* ---------------------------------------------------------------------
 * What the files above share
 * ------------------------------------------------------------------- */

/* What the statements so far have done with an object as a whole. */
typedef enum CfLife
{
	CF_LIFE_DROPPED = -1,
	CF_LIFE_AS_BEFORE = 0,
	CF_LIFE_CREATED = 1
} CfLife;

/* An object or a part that was met; not all that are met are claimed. */
typedef struct CfClaimed
{
	CfClaim claim;			 /* must be first */
	struct CfClaimed *owner; /* of a part: the whole object */
	List *overloads;		 /* of a routine without arguments: those with */
	bool has_parts;			 /* among the claims that are made of the set */
	bool hidden;			 /* in a schema that is no matter of intents */
	bool looked_up;			 /* kind and OID are those of the catalogs */
	bool replaced;			 /* created or dropped: the parts go without saying */
	bool absent;			 /* was not there before the script */
	CfLife life;
	bool is_listed;
	bool is_parsed; /* parsed holds */
	bool is_declared;
	CfClaimAction parsed;
	CfClaimAction declared;
} CfClaimed;

/* A schema of the search_path. */
typedef struct CfPathSchema
{
	const char *name;
	Oid oid; /* InvalidOid: the script may create it */
} CfPathSchema;

/* The set of claims that is being made. */
typedef struct CfClaimSet
{
	struct claimed_hash *hash; /* of intent_claim.c */
	List *all;				   /* CfClaimed *: those that are claimed, in order */
	StringInfoData key;
	int guc_level;
	bool changes;		 /* something was created or dropped */
	bool declaring;		 /* names are declared, not of a statement */
	const char *path_of; /* the setting that path was made of */
	CfPathSchema *path;	 /* what is searched, in order */
	int path_len;		 /* with the implicit ones */
	int path_explicit;	 /* the first that the setting names */
	int ordinal;		 /* of the statement at hand */
	int line;
	List *unseen; /* CfUnseen * */
} CfClaimSet;

/* A name is that of what exists, or that of something new. */
typedef enum CfSearch
{
	CF_SEARCH_EXISTING,
	CF_SEARCH_NEW
} CfSearch;

/* What "alter" means in the objects of a statement. */
typedef enum CfChange
{
	CF_CHANGE_ALTER,  /* touch, when the statement changes a part */
	CF_CHANGE_BESIDE, /* touch of what something is added to */
	CF_CHANGE_TOUCH,  /* touch of whatever is named */
	CF_CHANGE_RENAME  /* drop of the old name */
} CfChange;

/* What a statement does when what it creates is there. */
typedef enum CfClash
{
	CF_CLASH_FAILS,
	CF_CLASH_REPLACES, /* OR REPLACE: alters it */
	CF_CLASH_SKIPS	   /* IF NOT EXISTS: leaves it */
} CfClash;

/* intent_claim.c */
extern void cf_claims_begin(CfClaimSet *set);
extern List *cf_claims_end(CfClaimSet *set);
extern CfClaimed *cf_claimed_find(CfClaimSet *set, const char *kind, const char *schema,
								  const char *name, const char *arguments);
extern CfClaimed *cf_claimed_get(CfClaimSet *set, const char *kind, const char *schema,
								 const char *name, const char *arguments);
extern CfClaimed *
cf_claimed_part(CfClaimSet *set, CfClaimed *owner, const char *kind, const char *part);
extern void cf_claim_declare(CfClaimSet *set, CfClaimed *claimed, CfClaimAction action);
extern void cf_claim_act(CfClaimSet *set, CfClaimed *claimed, CfClaimAction action);
extern void cf_claim_create(CfClaimSet *set, CfClaimed *claimed, CfClash clash);
extern void cf_claim_drop(CfClaimSet *set, CfClaimed *claimed, bool if_exists);

/* intent_kind.c */
extern bool cf_is_relation_kind(const char *kind);
extern bool cf_is_type_kind(const char *kind);
extern bool cf_is_routine_kind(const char *kind);
extern bool cf_is_part_kind(const char *kind);
extern bool cf_kind_has_schema(const char *kind);
extern const char *cf_known_kind(const char *kind);
extern const char *cf_kind_class(const char *kind);
extern CfClaimed *cf_resolve_other(CfClaimSet *set, const char *kind, const char *schema,
								   const char *name, CfSearch search);

/* intent_resolve.c */
extern void cf_intent_path(CfClaimSet *set);
extern int cf_path_start(const CfClaimSet *set);
extern const char *cf_creation_schema(CfClaimSet *set);
extern CfClaimed *cf_resolve(CfClaimSet *set, const char *kind, const char *schema,
							 const char *name, CfSearch search);
extern CfClaimed *
cf_resolve_existing(CfClaimSet *set, const char *kind, const char *schema, const char *name);
extern bool cf_claimed_exists(const CfClaimed *claimed);
extern Oid cf_table_of(const CfClaim *claim);
extern CfClaimed *cf_claimed_of_relation(CfClaimSet *set, Oid relid);

/* intent_routine.c */
extern char *cf_argument_text(CfClaimSet *set, List *types);
extern CfClaimed *cf_resolve_routine(CfClaimSet *set, const char *kind, const char *schema,
									 const char *name, const char *arguments, CfSearch search);
extern CfClaimed *
cf_resolve_existing_routine(CfClaimSet *set, const char *schema, const char *name);
extern bool cf_catalog_has_routine(const char *schema, const char *name);

/* intent_change.c */
extern CfChange cf_change_of(Node *stmt);
extern CfClash cf_change_clash(Node *stmt);
extern bool cf_change_if_exists(Node *stmt);
extern RangeVar *cf_change_index_table(Node *stmt);
extern List *cf_change_objects(Node *stmt, ObjectType *type);
extern void cf_change_search_path(Node *stmt);

/* intent_collect.c */
extern void cf_claims_add_script(CfClaimSet *set, const CfScript *script);

/* intent_name.c */
extern void cf_claims_add_name(CfClaimSet *set, const char *text, bool is_table);

#endif /* CF_INTENT_H */
