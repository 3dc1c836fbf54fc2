/*-------------------------------------------------------------------------
 *
 * differ.h
 *	  The difference between two snapshots, as statements.
 *
 * differ.c			confiture.diff(): arguments, result
 * differ_load.c	a snapshot as facts that know each other
 * differ_text.c	what a payload says
 * differ_match.c	which facts are the same object, and what becomes of each
 * differ_close.c	what has to go, and come back, along with others
 * differ_move.c	types that are made anew, and the columns that are moved to them
 * differ_convert.c	how values of one type become values of another
 * differ_row_type.c	routines that stand in the way of writing rows anew
 * differ_action.c	what is done by a statement of its own
 * differ_wait.c	what waits for what
 * differ_order.c	the order of the actions
 * differ_refer.c	tables that refer to each other
 * differ_names.c	names that one object leaves to another
 * differ_overload.c	routines that share a name
 * differ_body.c	what the bodies of routines name
 * differ_circle.c	what waits for itself
 * differ_split.c	what is made, or goes, in two steps because of that
 * differ_emit.c	statements: groups, hazards, locks
 * differ_kind.c	the table of kinds
 * differ_*.c		one for each family of kinds
 *
 * A fact of the source that has no twin in the target is dropped, one of the
 * target that has none in the source is created; what both have and differs is
 * altered, or dropped and created. Each of these is an action; the kind of the
 * fact says how it is written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_DIFFER_H
#define CF_DIFFER_H

#include "compat.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

typedef struct CfdFact CfdFact;
typedef struct CfdAction CfdAction;
typedef struct CfdPlan CfdPlan;

/* How one fact depends on another, as the snapshot has it. */
typedef enum CfdHow
{
	CFD_AUTO,	  /* goes with it */
	CFD_INTERNAL, /* is a part of it */
	CFD_NORMAL	  /* stands in its way */
} CfdHow;

typedef struct CfdDepend
{
	CfdFact *fact;
	CfdHow how;
} CfdDepend;

/* What becomes of a fact that both sides have and that differs. */
typedef enum CfdChange
{
	CFD_SAME,	/* nothing: what differs comes by itself, or does not count */
	CFD_ALTER,	/* statements change it where it is */
	CFD_REPLACE /* it is dropped and created */
} CfdChange;

/* Bits of what a kind is. */
#define CFD_RELATION 1 /* its name is one of the relations of its schema */
#define CFD_TYPE 2	   /* its name is one of the types of its schema */
#define CFD_ROUTINE 4  /* functions, procedures and aggregates share their names */
#define CFD_LAST 8	   /* what is done about it is done when all else is */

typedef struct CfdKind
{
	const char *name;
	int rank;  /* where dependencies leave a choice: lower is created sooner, dropped later */
	int flags; /* of the bits above */

	/* Both sides have it, and it differs. NULL: it is replaced. */
	CfdChange (*compare)(CfdPlan *plan, CfdFact *old, CfdFact *new);
	/* Write the statements. NULL for drop: it goes with its parent. */
	void (*create)(CfdPlan *plan, CfdFact *fact);
	void (*alter)(CfdPlan *plan, CfdFact *old, CfdFact *new);
	void (*drop)(CfdPlan *plan, CfdFact *fact);
	/*
	 * The fact in whose CREATE this one is contained, or NULL when it has one of its
	 * own; asked for facts that are created. NULL for the function: it has its own.
	 */
	CfdFact *(*carrier)(CfdPlan *plan, CfdFact *fact);
	/* Whether its statements want transactions of their own; old or new may be NULL. */
	bool (*late)(CfdPlan *plan, CfdFact *old, CfdFact *new);
	/*
	 * What is done when the parts of the fact, and those of its parents, are what they will
	 * be: leave, DETACH PARTITION, then finish, such as ATTACH PARTITION; and whether
	 * there is anything. old may be NULL for the latter.
	 */
	/* What is done for a fact that is dropped and created, before anything is dropped. */
	bool (*prepares)(CfdPlan *plan, CfdFact *old, CfdFact *new);
	void (*prepare)(CfdPlan *plan, CfdFact *old, CfdFact *new);
	bool (*leaves)(CfdPlan *plan, CfdFact *old, CfdFact *new);
	void (*leave)(CfdPlan *plan, CfdFact *old, CfdFact *new);
	bool (*finishes)(CfdPlan *plan, CfdFact *old, CfdFact *new);
	void (*finish)(CfdPlan *plan, CfdFact *old, CfdFact *new);
} CfdKind;

struct CfdFact
{
	const CfdKind *kind;
	const char *identity;
	const char *schema; /* the names are as they are, not quoted; NULL where there is none */
	const char *name;
	const char *part;
	const char *arguments;
	const char *role;
	const char *above; /* the identity of its parent, which may be no fact */
	const char *hash;
	int position;  /* of a column, from 1 */
	bool unfilled; /* a materialized view without rows, not even none */
	JsonbContainer *payload;
	CfdFact *parent;  /* or NULL */
	List *children;	  /* CfdFact *, in the order of the snapshot: columns by position */
	List *depends;	  /* CfdDepend *: what it needs */
	List *dependents; /* CfdDepend *: who needs it */
	CfdFact *twin;	  /* the same object on the other side, or NULL */
	bool in_target;	  /* on which side it is */
	CfdChange change; /* of a fact with a twin */
	bool dropped;	  /* of the source: it goes, maybe to come back */
	bool created;	  /* of the target: it is made */
	CfdFact *ousts;	  /* of the target: what, under another name, goes in its place */
	bool loose;		  /* a partition that leaves its table before that is dropped, and stays */
	bool said;		  /* of a constraint: it was made with its column */
	bool moved; /* it is made anew beside the old one, or altered to go along: differ_move.c */
	const char *aside;	 /* of the source: its name until it is dropped, when another has its own */
	const char *because; /* of a dropped one that comes back: for whom it goes; or NULL */
	CfdAction *drop;	 /* of the source */
	CfdAction *create;	 /* of the target */
	CfdAction *alter;	 /* of either */
	CfdAction *prepare;	 /* of the target */
	CfdAction *leave;	 /* of the target */
	CfdAction *finish;	 /* of the target */
	void *extra;		 /* what its kind knows of it */
};

typedef enum CfdVerb
{
	CFD_CREATE,
	CFD_PREPARE, /* what can be done before the old one goes */
	CFD_ALTER_IT,
	CFD_LEAVE, /* what is done before it goes, or before others can: a partition leaves its table */
	CFD_FINISH,
	CFD_DROP
} CfdVerb;

struct CfdAction
{
	CfdVerb verb;
	CfdFact *fact;	 /* of the source for a drop, else of the target */
	List *members;	 /* CfdFact *: what it does along, itself first */
	List *followers; /* CfdAction *: who waits for it */
	List *hopers;	 /* CfdHope *: who would better come after it */
	int waits;		 /* for so many that are not done, of either */
	List *before;	 /* CfdHope *: what it waits for, while a circle is looked for */
	bool late;		 /* needs transactions of its own: when nothing else is left */
	bool done;
	bool visited;	 /* while a circle is looked for */
	int group_first; /* of its statements, when it has any */
	int group_last;
};

/* That one action comes after another, by wish. */
typedef struct CfdHope
{
	CfdAction *action;
	int weight; /* of the CFD_ ones below */
} CfdHope;

/* What a circle breaks at first. */
#define CFD_AMBIGUOUS 0 /* two routines of a name, of which a call could mean either */
#define CFD_RUNS 1		/* a body names what it needs when it runs */
#define CFD_CHECKS 2	/* a body names what it needs when it is made */
#define CFD_MUST 3

/* A statement of the plan. */
typedef struct CfdStatement
{
	char *text;
	const char *object; /* an identity */
	const char *kind;
	const char *change;
	const char *lock; /* "ACCESS EXCLUSIVE on public.a", or NULL */
	List *hazards;	  /* char * */
	bool top_level;
	int group;
	const char *join; /* the beginning of an ALTER TABLE that others may be joined to, or NULL */
} CfdStatement;

struct CfdPlan
{
	HTAB *source; /* identity to CfdFact * */
	HTAB *target;
	List *old; /* all CfdFact * of the source, in order */
	List *new;
	bool online;
	bool from_nothing; /* the source is empty */
	const char *owner; /* the role whose ownership is not declared, or NULL */
	JsonbContainer *renames;
	JsonbContainer *equal;
	JsonbContainer *ignore;
	JsonbContainer *using; /* column identity to the expression of its ALTER TYPE */
	List *replaced;		   /* char *: identities that must be replaced, or a circle comes back */
	List *unprepared;	   /* char *: those that must not be prepared */
	List *apart;		   /* char *: those that must not go along with others */
	List *actions;
	int left;		  /* of these, that are not done */
	bool again;		  /* all has to be thought over */
	bool unchecked;	  /* bodies of routines can't be checked when they are made */
	List *statements; /* CfdStatement * */
	List *hazards;	  /* for the next statement */
	CfdAction *current;
	int group;
	bool alone;		/* the next statement begins a new group */
	List *helpers;	/* char *: functions that are there for one statement only */
	List *defaults; /* the default privileges of the source */
	List *queue;	/* facts that were dropped, and whose dependents are to be looked at */
};

/* Flags of cfd_emit(). */
#define CFD_TOP_LEVEL 1 /* can't run in a transaction block */
#define CFD_NEW_GROUP 2 /* not in one transaction with what stands before */
#define CFD_ONLY 4		/* cfd_alter_table(): ALTER TABLE ONLY */
#define CFD_NEW_STATEMENT \
	8 /* cfd_alter_table(): not joined to the one before, nor the next to it */

/* differ_load.c */
extern HTAB *cfd_load(CfdPlan *plan, Jsonb *snapshot, bool target, List **facts);
extern CfdFact *cfd_find(HTAB *facts, const char *identity);
extern HTAB *cfd_index(List *facts);
extern HTAB *cfd_identity_table(const char *name, Size entry);

/* differ_text.c: the payload, names */
extern char *cfd_text(const CfdFact *fact, const char *key);
extern char *cfd_text_in(JsonbContainer *object, const char *key);
extern bool cfd_bool(const CfdFact *fact, const char *key);
extern bool cfd_has(const CfdFact *fact, const char *key);
extern List *cfd_list(const CfdFact *fact, const char *key);
extern List *cfd_list_in(JsonbContainer *container, const char *key);
extern List *cfd_pairs(const CfdFact *fact, const char *key);
extern JsonbContainer *cfd_object(const CfdFact *fact, const char *key);
extern bool cfd_equal(const CfdFact *old, const CfdFact *new, const char *key);
extern bool cfd_equal_but(const CfdFact *old, const CfdFact *new, const char *const *keys);
extern bool cfd_contains(JsonbContainer *array, const char *text);
extern const char *cfd_name(const CfdFact *fact);
extern const char *cfd_arguments(const CfdFact *fact);
extern const char *cfd_table(const CfdFact *fact);
extern const char *cfd_part(const CfdFact *fact);
extern const char *cfd_quote(const char *name);
extern const char *cfd_literal(const char *text);
extern char *cfd_options(const CfdFact *fact, const char *key, const char *prefix);
extern char *cfd_options_alter(const CfdFact *old, const CfdFact *new, const char *key, bool set);
extern char *
cfd_temporary_name(CfdPlan *plan, const CfdFact *table, const char *name, const char *suffix);
extern char *cfd_foreign_options(const CfdFact *old, const CfdFact *new, const char *key);

/* One pair of an object; value is NULL for a JSON null. */
typedef struct CfdPair
{
	char *key;
	char *value;
	JsonbContainer *object; /* when the value is an object or an array */
} CfdPair;

/* differ_server.c: what this server knows of types and expressions */
extern bool cfd_parse_type(const char *type, Oid *oid, int32 *modifier);
extern const char *cfd_system_type(const char *type);
extern const char *cfd_default_storage(const char *type);
extern bool cfd_is_constant(const char *expression);
extern char *cfd_extension_comment(const char *name);
extern bool cfd_extension_has(const char *name, const char *from, const char *version);

/* differ_rename.c */
extern void cfd_rename(CfdPlan *plan);

/* differ_hint.c */
extern void cfd_hint_rename(CfdPlan *plan, const CfdFact *fact);

/* differ_match.c */
extern void cfd_match(CfdPlan *plan);
extern bool cfd_lists(List *list, const char *identity);
extern bool cfd_is(const CfdFact *fact, const char *kind);
extern bool cfd_is_ignored(const CfdPlan *plan, const char *identity);

/* differ_close.c */
extern void cfd_drop(CfdPlan *plan, CfdFact *fact, const char *because);
extern void cfd_remake_about(CfdFact *old);
extern bool cfd_needs_replaced(const CfdFact *fact);
extern void cfd_close(CfdPlan *plan);

/* differ_move.c */
extern bool cfd_needs(const CfdFact *fact, const char *identity);
extern CfdFact *cfd_user_of(const CfdFact *type);
extern const char *cfd_locks(const char *mode, const CfdFact *type);
extern const char *cfd_typed_locks(const CfdFact *type);
extern char *cfd_name_aside(CfdPlan *plan, const char *schema, const char *name);
extern void cfd_decide_to_move(CfdPlan *plan, CfdFact *fact);
extern bool cfd_follow_move(CfdPlan *plan, CfdFact *dependent, CfdFact *gone);
extern void cfd_put_aside(CfdPlan *plan, CfdFact *new);
extern bool cfd_makes_way(const CfdFact *fact);
extern bool cfd_is_loose(const CfdFact *family, const CfdFact *gone);
extern bool cfd_is_support(const CfdFact *function, const CfdFact *type);
extern CfdFact *cfd_attribute_of(CfdPlan *plan, const CfdFact *column);

/* differ_operator.c */
extern bool cfd_is_of_system(const CfdFact *fact);

/* differ_convert.c */
extern char *
cfd_conversion(CfdPlan *plan, const char *old_type, const char *new_type, const char *expression);
extern void cfd_drop_helpers(CfdPlan *plan, const CfdFact *column);
extern void cfd_conversion_hazards(CfdPlan *plan, const CfdFact *column, const char *type);

/* differ_grant.c */
extern void cfd_grants(CfdPlan *plan);

/* differ_order.c */
extern bool cfd_order(CfdPlan *plan);

/* differ_action.c */
extern CfdAction *cfd_new_action(CfdPlan *plan, CfdVerb verb, CfdFact *fact);
extern void cfd_make_actions(CfdPlan *plan);
extern bool cfd_comes_first(const CfdFact *fact, const CfdDepend *depend);
extern bool cfd_leads_to(const CfdFact *part, const CfdFact *table);

/* differ_wait.c */
extern void cfd_link_actions(CfdPlan *plan);
extern void cfd_wait(CfdAction *later, CfdAction *sooner);
extern void cfd_hope(CfdAction *later, CfdAction *sooner, int weight);
extern CfdAction *cfd_provider(const CfdFact *fact);

/* differ_refer.c */
extern bool cfd_closes_circle(const CfdFact *fact);
extern CfdFact *cfd_whole_key(const CfdFact *fact);
extern bool cfd_comes_attached(const CfdPlan *plan, const CfdFact *fact);
extern bool cfd_is_joined(const CfdPlan *plan, const CfdFact *whole);
extern void cfd_order_by_logging(const CfdFact *fact);

/* differ_view.c */
extern void cfd_order_filling(const CfdFact *fact);

/* differ_index.c */
extern void cfd_order_incomplete(const CfdFact *fact);
extern bool cfd_belongs_to_incomplete(CfdPlan *plan, const CfdFact *fact);

/* differ_names.c */
extern HTAB *cfd_names(List *facts, bool routines_only);
extern List *cfd_named(HTAB *names, const char *name);
extern void cfd_wait_for_names(CfdPlan *plan);

/* differ_overload.c */
extern void cfd_hope_for_overloads(CfdPlan *plan);
extern bool cfd_are_confused(const CfdFact *old, const CfdFact *new);
extern List *cfd_give_way(CfdPlan *plan, CfdAction *drop, CfdAction *create);

/* differ_body.c */
extern void cfd_hope_for_mentions(CfdPlan *plan);

/* differ_circle.c */
extern bool cfd_break_circle(CfdPlan *plan, List **ready);

/* differ_split.c */
extern bool cfd_put_apart(CfdPlan *plan, List *circle, List **ready);
extern bool cfd_can_be_split(const CfdAction *action);
extern List *cfd_split(CfdPlan *plan, CfdAction *action);

/* differ_emit.c */
extern void cfd_run(CfdPlan *plan, CfdAction *action);
extern CfdStatement *cfd_emit(CfdPlan *plan, const CfdFact *fact, const char *change, int flags,
							  const char *lock, const char *format, ...) pg_attribute_printf(6, 7);
extern CfdStatement *
cfd_alter_table(CfdPlan *plan, const CfdFact *fact, const char *change, int flags,
				const CfdFact *table, const char *format, ...) pg_attribute_printf(6, 7);
extern void cfd_hazard(CfdPlan *plan, const char *format, ...) pg_attribute_printf(2, 3);
extern const char *cfd_lock(const char *mode, const char *relation);
extern void cfd_leave_unchecked(CfdPlan *plan);

/* differ_kind.c */
extern const CfdKind *cfd_kind(const char *name);
extern void cfd_refuse(CfdPlan *plan, CfdFact *fact);

/* differ_*.c: the kinds, each array ends with one without a name */
extern const CfdKind cfd_schema_kinds[];		 /* schema, sequence */
extern const CfdKind cfd_table_kinds[];			 /* table, foreign table */
extern const CfdKind cfd_column_kinds[];		 /* column */
extern const CfdKind cfd_column_default_kinds[]; /* default */
extern const CfdKind cfd_constraint_kinds[];	 /* constraint */
extern const CfdKind cfd_index_kinds[];			 /* index */
extern const CfdKind cfd_view_kinds[];			 /* view, materialized view, rule */
extern const CfdKind cfd_trigger_kinds[];		 /* trigger, policy, statistics, event trigger */
extern const CfdKind cfd_routine_kinds[];		 /* function, procedure, aggregate */
extern const CfdKind cfd_type_kinds[];			 /* type, attribute */
extern const CfdKind cfd_collation_kinds[];
extern const CfdKind cfd_domain_kinds[];   /* domain, domain constraint */
extern const CfdKind cfd_operator_kinds[]; /* operator, its class, its family, cast, conversion */
extern const CfdKind cfd_language_kinds[]; /* language, transform, access method, extension */
extern const CfdKind cfd_search_kinds[];   /* text search */
extern const CfdKind cfd_about_kinds[];	   /* owner, comment, security label */
extern const CfdKind cfd_grant_kinds[];	   /* grant */
extern const CfdKind cfd_default_kinds[];  /* default privileges */
extern const CfdKind cfd_foreign_kinds[];  /* foreign data wrapper, server, user mapping */
extern const CfdKind cfd_publication_kinds[];  /* publication and its parts */
extern const CfdKind cfd_subscription_kinds[]; /* subscription */

/* differ_table.c */
extern bool cfd_stays_child(const CfdFact *table, const char *parent);

/* differ_partition.c */
extern bool cfd_is_attached(const CfdFact *old, const CfdFact *new);
extern bool cfd_attaches(const CfdFact *table);
extern bool cfd_attaches_all(const CfdFact *table, const CfdFact *whole);
extern bool cfd_partition_leaves(CfdPlan *plan, CfdFact *old, CfdFact *new);
extern void cfd_leave_table(CfdPlan *plan, CfdFact *old, CfdFact *new);
extern bool cfd_is_referred_to(CfdPlan *plan, const CfdFact *table);
extern void cfd_make_room(CfdAction *action, const CfdFact *partition);
extern bool cfd_loses_rows(const CfdFact *table);

/* differ_column.c, also used by tables */
extern bool cfd_has_identity(const CfdFact *column);
extern void cfd_column_clause(StringInfo out, CfdPlan *plan, const CfdFact *column);
extern void cfd_column_attributes(CfdPlan *plan, const CfdFact *old, CfdFact *new);
extern void cfd_change_inherited(CfdPlan *plan, CfdFact *column);
extern CfdFact *cfd_inherited_from(CfdPlan *plan, const CfdFact *part);
extern CfdFact *cfd_comes_with(CfdPlan *plan, const CfdFact *part);
extern bool cfd_of_table(const CfdFact *fact);

/* differ_not_null.c */
extern CfdFact *cfd_not_null_of(const CfdFact *column);
extern CfdFact *cfd_not_null_column(const CfdFact *fact);
extern bool cfd_is_checked(const CfdFact *column);
extern bool cfd_is_known_not_null(const CfdFact *fact);
extern bool cfd_loses_identity(const CfdFact *column);
extern bool cfd_makes_not_null(const CfdFact *old, const CfdFact *new);
extern CfdFact *cfd_old_not_null(CfdPlan *plan, const CfdFact *new);
extern bool cfd_has_another_name(const CfdFact *old, const CfdFact *new);
extern void cfd_order_not_null(const CfdFact *fact);

/* differ_column_type.c */
extern bool cfd_type_changes(const CfdFact *old, const CfdFact *new);
extern bool cfd_is_widening(const char *old_type, const char *new_type);
extern void cfd_disturb(CfdPlan *plan, CfdFact *old);
extern bool cfd_is_partition_key(const CfdFact *column);
extern void cfd_remake_partitioned(CfdPlan *plan, CfdFact *old);
extern void cfd_alter_column_type(CfdPlan *plan, CfdFact *old, CfdFact *new);

/* differ_trigger.c */
extern void cfd_wait_for_triggers(CfdAction *action, const CfdFact *fact);

/* differ_column_default.c */
extern CfdFact *cfd_default_of(const CfdFact *column);

/* differ_table.c, also used by materialized views */
extern const char *cfd_with_clause(const CfdFact *fact);
extern bool cfd_is_default_method(const char *method);
extern void cfd_alter_options(CfdPlan *plan, CfdFact *old, CfdFact *new);
extern void cfd_alter_storage(CfdPlan *plan, CfdFact *old, CfdFact *new);
extern bool cfd_names_index(CfdFact *old, CfdFact *new, const char *key);

/* differ_routine.c */
extern struct CreateFunctionStmt *cfd_parse_routine(const CfdFact *fact);

/* differ_view.c: whether a rule or trigger fires */
extern const char *cfd_enable_word(const CfdFact *fact);
extern bool cfd_is_origin(const CfdFact *fact);

/* differ_type.c */
extern bool cfd_has_text(List *list, const char *text);
extern const char *cfd_label_now(CfdPlan *plan, const CfdFact *type, const char *label);

/* differ_schema.c */
extern void cfd_sequence_options(StringInfo out, const CfdFact *fact, bool with_type);

/* differ_constraint.c */
extern void cfd_write_constraint(CfdPlan *plan, CfdFact *fact);
extern bool cfd_makes_index(const CfdFact *constraint);
extern char *cfd_constraint_definition(const CfdFact *fact);
extern void
cfd_constraint_index(CfdPlan *plan, const CfdFact *old, CfdFact *fact, const char *change);

/* differ_about.c: an object as ALTER and COMMENT ON name it */
extern char *cfd_object_clause(const CfdFact *fact);

/* Whether a relation exists only since this plan: nobody waits for a lock on it. */
extern bool cfd_is_new(const CfdFact *fact);

#endif /* CF_DIFFER_H */
