/*-------------------------------------------------------------------------
 *
 * objects.h
 *	  What the files that find the objects of a statement share.
 *
 * objects.c			the entry; statements that wrap or maintain others
 * objects_list.c		the list itself
 * objects_catalog.c	references, without what every database has
 * objects_query.c		queries: who sees which name
 * objects_expr.c		expressions
 * objects_table.c		CREATE TABLE, indexes, sequences, statistics
 * objects_alter.c		ALTER TABLE
 * objects_rule.c		views, rules, triggers, policies
 * objects_define.c		types, domains, operators, casts, text search
 * objects_function.c	functions, procedures, languages
 * objects_named.c		statements that take any kind of object: DROP, GRANT
 * objects_shared.c		objects without a schema: roles, servers, publications
 *
 * A part of a table (column, constraint, trigger, policy, rule) has the name
 * of the table as its name and its own name as its column. So have the
 * constraints of a domain and the attributes of a composite type.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_OBJECTS_H
#define CF_OBJECTS_H

#include "confiture.h"

/*
 * What a statement does with an object, from weak to strong.
 *
 * What a statement both creates and alters, as CREATE SCHEMA with a table and
 * its index does, is new.
 */
typedef enum CfAction
{
	CF_READ,
	CF_REFERENCE,
	CF_WRITE,
	CF_ALTER,
	CF_CREATE,
	CF_DROP
} CfAction;

/* Something in FROM that columns can be qualified with. */
typedef struct CfRangeItem
{
	const char *name;		  /* alias or name of the relation, or NULL */
	const RangeVar *relation; /* NULL when it is not a relation */
	List *renamed;			  /* column aliases: list of String */
} CfRangeItem;

/* The names that one level of a query sees. */
typedef struct CfNamespace
{
	struct CfNamespace *outer;
	List *ctes;	  /* char *: names of WITH queries */
	List *items;  /* CfRangeItem * */
	List *labels; /* char *: names that may not be columns */
	bool hidden;  /* inside a sub-select that can't see items */
	bool was_query;
} CfNamespace;

#define CF_BUCKETS 64

/* The list that is being made. */
typedef struct CfCollector
{
	List *objects;			   /* CfObject *, in order of first appearance */
	List *buckets[CF_BUCKETS]; /* the same, by name */
	CfNamespace *names;
	bool in_query;		/* expressions run, or are only defined */
	const char *schema; /* of CREATE SCHEMA, for its elements */
} CfCollector;

/* objects.c */
extern void cf_obj_statement(CfCollector *c, Node *stmt);

/* objects_list.c */
extern void
cf_obj_add(CfCollector *c, const char *kind, const char *schema, const char *name, CfAction action);
extern void cf_obj_add_part(CfCollector *c, const char *kind, const char *schema, const char *name,
							const char *part, CfAction action);
extern void cf_obj_names(CfCollector *c, const char *kind, List *names, CfAction action);
extern void cf_obj_opaque(CfCollector *c, const char *what, CfAction action);
extern const char *cf_obj_schema(CfCollector *c, const RangeVar *rel, CfAction action);
extern void cf_obj_relation(CfCollector *c, const char *kind, const RangeVar *rel, CfAction action);
extern void cf_obj_part(CfCollector *c, const char *kind, const RangeVar *rel, const char *part,
						CfAction action);
extern void cf_obj_columns(CfCollector *c, const RangeVar *rel, List *columns, CfAction action);
extern void cf_obj_split(List *names, const char **schema, const char **name);
extern RangeVar *cf_obj_owner(List *names, const char **part);

/* objects_catalog.c */
extern void cf_obj_reference(CfCollector *c, const char *kind, List *names);
extern void cf_obj_reference_name(CfCollector *c, const char *kind, const char *name);
extern void cf_obj_type(CfCollector *c, TypeName *type);
extern void cf_obj_types(CfCollector *c, List *types);
extern const char *cf_obj_role_name(RoleSpec *role);
extern void cf_obj_role(CfCollector *c, RoleSpec *role, CfAction action);
extern void cf_obj_roles(CfCollector *c, List *roles, CfAction action);

extern Oid cf_obj_argument_type(const char *function, int arg);

/* objects_query.c */
extern void cf_obj_push(CfCollector *c, bool in_query);
extern void cf_obj_pop(CfCollector *c);
extern void cf_obj_see(CfCollector *c, const char *name, const RangeVar *relation, List *renamed);
extern CfRangeItem *cf_obj_seen(CfCollector *c, const char *name);
extern void cf_obj_from_item(CfCollector *c, Node *item);
extern void cf_obj_into(CfCollector *c, IntoClause *into, const char *kind);
extern bool cf_obj_query(CfCollector *c, Node *query);

/* objects_expr.c */
extern void cf_obj_walk(CfCollector *c, Node *node);
extern void cf_obj_walk_of(CfCollector *c, const RangeVar *rel, Node *expr);

/* objects_table.c */
extern bool cf_obj_table_statement(CfCollector *c, Node *stmt);
extern void cf_obj_column_def(CfCollector *c, const char *kind, const RangeVar *rel, ColumnDef *def,
							  CfAction action);
extern void cf_obj_constraint(CfCollector *c, const RangeVar *rel, Constraint *con);
extern void cf_obj_bound(CfCollector *c, PartitionBoundSpec *bound);
extern void cf_obj_sequence_options(CfCollector *c, List *options);

/* objects_alter.c */
extern bool cf_obj_alter_table(CfCollector *c, Node *stmt);

/* objects_rule.c */
extern bool cf_obj_rule_statement(CfCollector *c, Node *stmt);

/* objects_define.c */
extern bool cf_obj_define_statement(CfCollector *c, Node *stmt);
extern void
cf_obj_domain_constraint(CfCollector *c, List *domain, const char *name, CfAction action);
extern void cf_obj_cast(CfCollector *c, TypeName *source, TypeName *target, CfAction action);
extern void cf_obj_transform(CfCollector *c, TypeName *type, const char *language, CfAction action);

/* objects_function.c */
extern bool cf_obj_function_statement(CfCollector *c, Node *stmt);

/* objects_named.c */
extern bool cf_obj_named_statement(CfCollector *c, Node *stmt);
extern const char *cf_obj_kind(ObjectType type);
extern void cf_obj_named(CfCollector *c, ObjectType type, Node *object, CfAction action);

/* objects_shared.c */
extern bool cf_obj_shared_statement(CfCollector *c, Node *stmt);

#endif /* CF_OBJECTS_H */
