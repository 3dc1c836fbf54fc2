/*-------------------------------------------------------------------------
 *
 * analyze.h
 *	  What the files of confiture.analyze() share.
 *
 * analyze.c				the functions, one statement after the other
 * analyze_world.c			names, after the statements before
 * analyze_learn.c			what a statement changes for those after it
 * analyze_record.c			the record of it
 * analyze_fact.c			what later statements may rely on
 * analyze_note.c			notes of locks, scans, rewrites, warnings
 * analyze_advice.c			the warnings that follow from the notes
 * analyze_statement.c		which statement is worked out where
 * analyze_object.c			statements that take any kind of object: COMMENT, RENAME
 * analyze_maintain.c		TRUNCATE, VACUUM, CLUSTER, REINDEX, REFRESH
 * analyze_create.c			CREATE TABLE, TRIGGER, VIEW
 * analyze_index.c			CREATE INDEX, the indexes of constraints
 * analyze_alter.c			ALTER TABLE
 * analyze_column.c			ADD COLUMN, SET NOT NULL
 * analyze_type.c			ALTER COLUMN TYPE
 * analyze_domain.c			ALTER DOMAIN
 * analyze_constraint.c		constraints of tables
 * analyze_foreign.c		foreign keys
 * analyze_partition.c		partitions and inheritance
 * analyze_depend.c			what DROP takes along
 * analyze_query.c			SELECT, INSERT, UPDATE, DELETE, MERGE, COPY
 * analyze_check.c			errors that a query would raise
 * analyze_privilege.c		privileges that a statement needs
 * analyze_write.c			what writing rows locks beyond the table
 * analyze_opaque.c			code that can't be looked into
 *
 * Every answer is the server's own where it exports one. Where a decision
 * depends on something that can't be known, the worse answer is given, and a
 * warning says so.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_ANALYZE_H
#define CF_ANALYZE_H

#include "report.h"

#include "access/attnum.h"
#include "catalog/objectaddress.h"
#include "nodes/primnodes.h"
#include "parser/parse_node.h"
#include "utils/relcache.h"

/* Something that a statement before has created, renamed or dropped. */
typedef struct CfKnown
{
	const char *kind;	/* relation, column, constraint, type, ... */
	const char *schema; /* NULL for what has no schema */
	const char *name;	/* for a part: of the relation */
	const char *part;	/* column or constraint, or NULL */
	bool exists;		/* false: dropped, or renamed away */
	Oid oid;			/* what exists under another name now */
	AttrNumber attnum;	/* likewise, of a column */
	char relkind;		/* of a relation */
	int when;			/* counts events */
	List *owners;		/* char *: relations that it goes with */
	List *sources;		/* char *: relations that it goes with on CASCADE */
} CfKnown;

/* A CHECK constraint that a statement before has added or validated. */
typedef struct CfKnownCheck
{
	Oid relid;
	const char *name; /* or NULL */
	const char *expr; /* nodeToString() */
	bool valid;
} CfKnownCheck;

/* A lock that blocks others until the migration ends. */
typedef struct CfHeld
{
	Oid relid;
	const char *relation;
	LOCKMODE mode;
	int line;
} CfHeld;

/* A foreign key that a statement before has added. */
typedef struct CfKnownReference
{
	Oid relid;				/* the referencing table, or InvalidOid */
	const char *relation;	/* its name */
	const char *constraint; /* or NULL */
	Oid referenced;
	int when;
} CfKnownReference;

/* A foreign key, as the catalog has it. */
typedef struct CfForeignKey
{
	Oid oid;
	Oid conrelid;  /* the referencing table */
	Oid confrelid; /* the referenced table */
	Oid parent;
	bool valid;
	char on_update;
	char on_delete;
	int nkeys;
	AttrNumber conkey[INDEX_MAX_KEYS];
	AttrNumber confkey[INDEX_MAX_KEYS];
} CfForeignKey;

#define CF_WORLD_BUCKETS 256

/* What the statements before would have done, had they run. */
typedef struct CfWorld
{
	MemoryContext context;
	List *known[CF_WORLD_BUCKETS]; /* CfKnown *, by name, newest first */
	int nknown;
	List *altered;		   /* Oid: relations that have changed */
	List *gone;			   /* ObjectAddress *: dropped */
	List *checks;		   /* CfKnownCheck * */
	List *references;	   /* CfKnownReference * */
	List *held;			   /* CfHeld * */
	const char *opaque;	   /* the first code that can't be looked into */
	bool role_changed;	   /* SET ROLE and its kind: privileges are unknown */
	bool code_changed;	   /* types, functions, operators, ... */
	bool generated_names;  /* of indexes of partitions */
	bool transactional;	   /* locks are held to the end */
	const char *in_schema; /* of CREATE SCHEMA, for its elements, or NULL */
} CfWorld;

/* Rows that a statement reads or writes as a whole. */
typedef struct CfWork
{
	Oid relid;
	bool rewrite;
	const char *doing;	/* "is written anew" */
	const char *advice; /* how to do without, or NULL */
} CfWork;

/* One statement, while it is being worked out. */
typedef struct CfAnalysis
{
	CfWorld *world;
	const CfScript *script;
	const CfStatement *stmt;
	CfReportRow *row;
	List *work;		 /* CfWork * */
	bool opaque;	 /* runs code that can't be looked into */
	bool writes;	 /* writes rows: may take long */
	bool parse_only; /* its queries are not run */
	bool uncertain;	 /* meets what statements before have changed */
} CfAnalysis;

/* A relation that a statement names. */
typedef struct CfRel
{
	Oid relid;			 /* InvalidOid when the script creates it */
	char *name;			 /* qualified and quoted */
	const char *relname; /* as the script names it */
	const char *schema;
	int since; /* the event that has created it */
	char relkind;
	bool created;
} CfRel;

/* analyze_world.c */
extern CfWorld *cf_world_create(MemoryContext context);
extern CfKnown *cf_world_relation(CfAnalysis *a, const char *schema, const char *name);
extern List **cf_world_bucket(CfWorld *world, const char *name);
extern bool cf_an_find(CfAnalysis *a, const RangeVar *rv, CfRel *rel);
extern void cf_an_need(CfAnalysis *a, const RangeVar *rv, CfRel *rel);
extern bool cf_an_find_names(CfAnalysis *a, List *names, CfRel *rel);
extern char *cf_an_new_name(CfAnalysis *a, const RangeVar *rv);
extern char *cf_an_creation_schema(CfAnalysis *a, const RangeVar *rv);
extern char *cf_an_creation_name(CfAnalysis *a, const RangeVar *rv);
extern bool cf_an_is_known(CfAnalysis *a, const char *kind, const char *name);
extern bool cf_an_sure(CfAnalysis *a, Oid relid);
extern bool cf_an_unsure(CfAnalysis *a, Oid relid, const char *what);
extern CfKnown *
cf_an_known_part(CfAnalysis *a, const CfRel *rel, const char *kind, const char *part);
extern AttrNumber cf_an_column(CfAnalysis *a, const CfRel *rel, const char *column);
extern AttrNumber
cf_an_find_column(CfAnalysis *a, const CfRel *rel, const char *column, bool *found);

/* analyze_learn.c */
extern void cf_world_learn(CfAnalysis *a, Node *stmt);
extern const char *cf_an_new_schema(CreateSchemaStmt *stmt);
extern void cf_world_learn_schema(CfAnalysis *a, const char *name);

/* analyze_record.c */
extern CfKnown *cf_world_remember(CfAnalysis *a, const char *kind, const char *schema,
								  const char *name, const char *part, bool exists);
extern CfKnown *cf_world_created(CfAnalysis *a, const char *schema, const char *name, char relkind,
								 const char *owner);
extern void cf_world_add_source(CfAnalysis *a, List **list, const char *name);
extern void cf_world_check_sources(CfAnalysis *a, const CfRel *rel, List *dropped);
extern void cf_world_drop_owned(CfAnalysis *a, const char *owner, bool cascade);
extern void cf_world_rename_owner(CfAnalysis *a, const char *old, const char *new);
extern void cf_world_altered(CfAnalysis *a, Oid relid);
extern char *cf_world_joined(List *columns);
extern bool cf_an_has_name(List *names, const char *name);
extern void cf_world_learn_table(CfAnalysis *a, CreateStmt *stmt, char relkind);
extern void cf_world_learn_alter_table(CfAnalysis *a, AlterTableStmt *stmt);
extern void cf_world_learn_dropped(CfAnalysis *a, Oid relid);
extern CfKnown *
cf_world_part(CfAnalysis *a, const CfRel *rel, const char *kind, const char *part, bool exists);

/* analyze_fact.c */
extern void
cf_world_learn_check(CfAnalysis *a, Oid relid, const char *name, const char *expr, bool valid);
extern void
cf_world_learn_reference(CfAnalysis *a, const CfRel *rel, const char *constraint, Oid referenced);
extern void
cf_an_lock_references(CfAnalysis *a, const CfRel *rel, const char *constraint, LOCKMODE mode);
extern void cf_world_learn_gone(CfAnalysis *a, const ObjectAddress *object);
extern bool cf_world_is_gone(CfAnalysis *a, Oid class, Oid object, int32 sub);
extern void cf_world_learn_not_null(CfAnalysis *a, const CfRel *rel, const char *column);
extern bool cf_world_is_not_null(CfAnalysis *a, const CfRel *rel, const char *column);
extern void cf_world_hold(CfAnalysis *a);

/* analyze_note.c */
extern void cf_an_lock(CfAnalysis *a, Oid relid, LOCKMODE mode, bool named);
extern bool cf_an_is_locked(CfAnalysis *a, Oid relid, LOCKMODE mode);
extern void cf_an_lock_rel(CfAnalysis *a, const CfRel *rel, LOCKMODE mode);
extern void cf_an_lock_new(CfAnalysis *a, const char *name);
extern void cf_an_lock_list(CfAnalysis *a, List *relids, LOCKMODE mode);
extern void cf_an_lock_indexes(CfAnalysis *a, Oid relid, LOCKMODE mode);
extern void cf_an_scan(CfAnalysis *a, Oid relid, const char *doing, const char *advice);
extern void cf_an_rewrite(CfAnalysis *a, Oid relid, const char *doing, const char *advice);
extern void cf_an_copy(CfAnalysis *a, Oid relid, const char *doing);
extern bool cf_an_rewrites(CfAnalysis *a, Oid relid);
extern void cf_an_warn(CfAnalysis *a, const char *fmt, ...) pg_attribute_printf(2, 3);
extern Relation cf_an_open(CfAnalysis *a, Oid relid);
extern void cf_an_size(Oid relid, double *rows, uint64 *bytes);
extern char *cf_an_size_text(double rows, uint64 bytes);
extern List *cf_an_descendants(Oid relid);
extern List *cf_an_with_descendants(Oid relid, bool recurse);
extern List *cf_an_indexes(Oid relid);
extern List *cf_an_column_sequences(Oid relid, AttrNumber attnum);
extern char *cf_an_short_list(List *names, int limit);
extern bool
cf_an_attempt(CfAnalysis *a, void (*work)(CfAnalysis *a, void *arg), void *arg, ErrorData **error);

/* analyze_advice.c */
extern void cf_an_advise(CfAnalysis *a);

/* analyze_statement.c */
extern void cf_an_statement(CfAnalysis *a, Node *stmt);

/* analyze_object.c */
extern bool cf_an_object_statement(CfAnalysis *a, Node *stmt);

/* analyze_maintain.c */
extern bool cf_an_maintain_statement(CfAnalysis *a, Node *stmt);

/* analyze_create.c */
extern bool cf_an_create_statement(CfAnalysis *a, Node *stmt);

/* analyze_index.c */
extern void cf_an_create_index(CfAnalysis *a, IndexStmt *stmt);
extern void cf_an_constraint_index(CfAnalysis *a, const CfRel *rel, Constraint *con);

/* analyze_alter.c */
extern bool cf_an_alter_statement(CfAnalysis *a, Node *stmt);

/* analyze_column.c */
extern void cf_an_add_column(CfAnalysis *a, const CfRel *rel, AlterTableCmd *cmd, bool recurse);
extern void cf_an_set_not_null(CfAnalysis *a, const CfRel *rel, const char *column, bool recurse,
							   LOCKMODE lockmode);
extern void cf_an_set_expression(CfAnalysis *a, const CfRel *rel, const char *column, bool recurse,
								 LOCKMODE lockmode);
extern bool cf_an_is_serial(const TypeName *type);
extern ParseState *cf_an_parse_state(CfAnalysis *a, Relation rel);

/* analyze_type.c */
extern void cf_an_change_type(CfAnalysis *a, const CfRel *rel, AlterTableCmd *cmd, bool recurse);

/* analyze_domain.c */
extern bool cf_an_domain_statement(CfAnalysis *a, Node *stmt);

/* analyze_constraint.c */
extern void
cf_an_check_columns(CfAnalysis *a, const CfRel *rel, List *columns, const char *problem);
extern void cf_an_add_constraint(CfAnalysis *a, const CfRel *rel, Constraint *con, bool recurse,
								 LOCKMODE lockmode);
extern void cf_an_check_rows(CfAnalysis *a, const CfRel *rel, const char *name, bool recurse,
							 LOCKMODE lockmode);
extern void cf_an_drop_constraint(CfAnalysis *a, const CfRel *rel, AlterTableCmd *cmd, bool recurse,
								  LOCKMODE lockmode);
extern void cf_an_validate_constraint(CfAnalysis *a, const CfRel *rel, const char *name,
									  bool recurse, LOCKMODE lockmode);
extern void cf_an_rename_constraint(CfAnalysis *a, const CfRel *rel, const char *name);
extern void
cf_an_alter_constraint(CfAnalysis *a, const CfRel *rel, const char *name, LOCKMODE lockmode);

/* analyze_foreign.c */
extern void cf_an_foreign_key(CfAnalysis *a, const CfRel *rel, Constraint *con, bool validate);
extern void cf_an_enforce_key(CfAnalysis *a, const CfRel *rel, const char *name, bool enforced);
extern bool
cf_an_has_foreign_key(CfAnalysis *a, Oid relid, List *columns, const CfForeignKey *like);
extern List *cf_an_foreign_keys(CfAnalysis *a, Oid relid, bool referencing);

/* analyze_partition.c */
extern List *cf_an_typed_tables(CfAnalysis *a, const CfRel *type, DropBehavior behavior);
extern void cf_an_attach(CfAnalysis *a, const CfRel *parent, PartitionCmd *cmd);
extern void cf_an_detach(CfAnalysis *a, const CfRel *parent, PartitionCmd *cmd);
extern void cf_an_attach_index(CfAnalysis *a, const CfRel *parent, PartitionCmd *cmd);
extern void cf_an_create_partition(CfAnalysis *a, const CfRel *parent, const char *name,
								   PartitionBoundSpec *bound);

/* analyze_depend.c */
extern void cf_an_drop(CfAnalysis *a, List *objects, DropBehavior behavior, bool concurrently);
extern ObjectAddress *cf_an_address(Oid class, Oid object, int32 sub);

/* analyze_query.c */
extern void cf_an_query(CfAnalysis *a, Node *query);
extern void cf_an_expression(CfAnalysis *a, Node *expr);
extern void cf_an_read(CfAnalysis *a, const CfRel *rel, LOCKMODE mode, bool recurse);

/* analyze_check.c */
extern void cf_an_check_query(CfAnalysis *a, Node *query);

/* analyze_privilege.c */
extern void cf_an_own(CfAnalysis *a, const CfRel *rel);
extern void cf_an_own_or_schema(CfAnalysis *a, const CfRel *rel);
extern void cf_an_may(CfAnalysis *a, const CfRel *rel, AclMode mode);
extern void cf_an_may_create(CfAnalysis *a, Oid schema);

/* analyze_write.c */
extern void
cf_an_write(CfAnalysis *a, const CfRel *rel, CmdType event, List *columns, bool recurse);
extern void cf_an_lock_view(CfAnalysis *a, Oid view, LOCKMODE mode);
extern void cf_an_view_sources(CfAnalysis *a, Oid view, LOCKMODE mode);

/* analyze_opaque.c */
extern void cf_an_functions(CfAnalysis *a, Node *node);
extern void cf_an_sequences(CfAnalysis *a, Node *expr);
extern void cf_an_opaque(CfAnalysis *a, const char *what);

#endif /* CF_ANALYZE_H */
