/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Every difference between server versions, in one place.
 *
 * PostgreSQL 15 to 18 are supported.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_COMPAT_H
#define CF_COMPAT_H

#include "postgres.h"

#include "access/tableam.h"
#include "nodes/nodeFuncs.h"

#if PG_VERSION_NUM < 150000
#error "Confiture needs PostgreSQL 15 or later"
#endif

/* The library says its name and version since 18. */
#if PG_VERSION_NUM >= 180000
#define CF_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "confiture", .version = CONFITURE_VERSION)
#else
#define CF_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* ExecutorRun() and PortalRun() have no run_once argument since 18. */
#if PG_VERSION_NUM >= 180000
#define cf_executor_run(qd) ExecutorRun((qd), ForwardScanDirection, 0)
#define cf_portal_run(p, top, dest, qc) PortalRun((p), FETCH_ALL, (top), (dest), (dest), (qc))
#else
#define cf_executor_run(qd) ExecutorRun((qd), ForwardScanDirection, 0, true)
#define cf_portal_run(p, top, dest, qc) PortalRun((p), FETCH_ALL, (top), true, (dest), (dest), (qc))
#endif

#define cf_create_query_desc(stmt, sql, snapshot, dest) \
	CreateQueryDesc((stmt), (sql), (snapshot), InvalidSnapshot, (dest), NULL, NULL, 0)

/* raw_expression_tree_walker() takes a void * context and became a macro. */
#if PG_VERSION_NUM >= 160000
#define cf_raw_walker(node, walker, context) raw_expression_tree_walker((node), (walker), (context))
#else
#define cf_raw_walker(node, walker, context) \
	raw_expression_tree_walker((node), (bool (*)())(walker), (context))
#endif

/* RETURNING became a clause of its own in 18; MERGE has it since 17. */
#if PG_VERSION_NUM >= 180000
#define cf_returning(stmt) \
	((stmt)->returningClause ? (Node *) (stmt)->returningClause->exprs : NULL)
#define cf_merge_returning(stmt) cf_returning(stmt)
#else
#define cf_returning(stmt) ((Node *) (stmt)->returningList)
#if PG_VERSION_NUM >= 170000
#define cf_merge_returning(stmt) cf_returning(stmt)
#else
#define cf_merge_returning(stmt) ((Node *) NULL)
#endif
#endif

/* RETURNING may speak of the rows OLD and NEW since 18, which a SELECT can't read. */
#if PG_VERSION_NUM >= 180000
#define cf_readable_returning(stmt) ((Node *) NULL)
#else
#define cf_readable_returning(stmt) cf_returning(stmt)
#endif

/* ALTER TABLE ... ALTER CONSTRAINT has a node of its own since 18. */
#if PG_VERSION_NUM >= 180000
#define cf_altered_constraint(def) (castNode(ATAlterConstraint, (def))->conname)
#else
#define cf_altered_constraint(def) (castNode(Constraint, (def))->conname)
#endif

/* Constraints may be NOT ENFORCED since 18. */
#if PG_VERSION_NUM >= 180000
#define cf_alters_enforceability(def) (castNode(ATAlterConstraint, (def))->alterEnforceability)
#define cf_enforces(def) (castNode(ATAlterConstraint, (def))->is_enforced)
#define cf_is_enforced(form) ((form)->conenforced)
#else
#define cf_alters_enforceability(def) false
#define cf_enforces(def) true
#define cf_is_enforced(form) true
#endif

/* ALTER TABLE ... ALTER COLUMN ... SET EXPRESSION is new in 17. */
#if PG_VERSION_NUM >= 170000
#define cf_sets_expression(subtype) ((subtype) == AT_SetExpression)
#else
#define cf_sets_expression(subtype) false
#endif

/* So a generated column can get another expression. */
#if PG_VERSION_NUM >= 170000
#define CF_CAN_SET_EXPRESSION true
#else
#define CF_CAN_SET_EXPRESSION false
#endif

/* Partitions have the identity of their table since 17. */
#define CF_PARTITIONS_HAVE_IDENTITY (PG_VERSION_NUM >= 170000)

/* A partitioned table has an access method since 17, for partitions to come. */
#define CF_PARTITIONED_HAVE_METHOD (PG_VERSION_NUM >= 170000)

/* ALTER OPERATOR ... SET knows commutators, negators, HASHES and MERGES since 17. */
#if PG_VERSION_NUM >= 170000
#define CF_CAN_SET_OPERATOR true
#else
#define CF_CAN_SET_OPERATOR false
#endif

/* Generated columns may be virtual since 18. */
#if PG_VERSION_NUM >= 180000
#define cf_is_virtual(con) ((con)->generated_kind == 'v')
#else
#define cf_is_virtual(con) false
#endif

/* Which columns of a relation a query reads stands beside its range table since 16. */
#if PG_VERSION_NUM >= 160000
#define cf_selected_columns(query, rte) \
	((rte)->perminfoindex ? getRTEPermissionInfo((query)->rteperminfos, (rte))->selectedCols : NULL)
#else
#define cf_selected_columns(query, rte) ((rte)->selectedCols)
#endif

/* build_attrmap_by_name() can tolerate missing columns since 16. */
#if PG_VERSION_NUM >= 160000
#define cf_attrmap_by_name(in, out) build_attrmap_by_name((in), (out), false)
#else
#define cf_attrmap_by_name(in, out) build_attrmap_by_name((in), (out))
#endif

/* Checks of ownership and privileges became generic in 16. */
#if PG_VERSION_NUM >= 160000
#define cf_owns_relation(oid, role) object_ownercheck(RelationRelationId, (oid), (role))
#define cf_owns_schema(oid, role) object_ownercheck(NamespaceRelationId, (oid), (role))
#define cf_owns_type(oid, role) object_ownercheck(TypeRelationId, (oid), (role))
#define cf_owns_routine(oid, role) object_ownercheck(ProcedureRelationId, (oid), (role))
#define cf_owns_database(oid, role) object_ownercheck(DatabaseRelationId, (oid), (role))
#define cf_schema_aclcheck(oid, role, mode) \
	object_aclcheck(NamespaceRelationId, (oid), (role), (mode))
#else
#define cf_owns_relation(oid, role) pg_class_ownercheck((oid), (role))
#define cf_owns_schema(oid, role) pg_namespace_ownercheck((oid), (role))
#define cf_owns_type(oid, role) pg_type_ownercheck((oid), (role))
#define cf_owns_routine(oid, role) pg_proc_ownercheck((oid), (role))
#define cf_owns_database(oid, role) pg_database_ownercheck((oid), (role))
#define cf_schema_aclcheck(oid, role, mode) pg_namespace_aclcheck((oid), (role), (mode))
#endif

/* ALTER TABLE ... ADD CONSTRAINT locks all descendants first since 18. */
#define CF_ADD_CONSTRAINT_LOCKS_DESCENDANTS (PG_VERSION_NUM >= 180000)

/* A setting by its name, or NULL: extensions can call find_option() since 16. */
#if PG_VERSION_NUM >= 160000
#define cf_find_setting(name) find_option((name), false, true, 0)
#else
#define cf_find_setting(name) search_settings((name), get_guc_variables(), GetNumConfigOptions())
#endif

/* Where dynamic background workers find our library. */
#if PG_VERSION_NUM >= 180000
#define CF_LIBRARY_NAME "confiture"
#else
#define CF_LIBRARY_NAME "$libdir/confiture"
#endif

/* stringToQualifiedNameList() has got an argument for soft errors. */
#if PG_VERSION_NUM >= 160000
#define stringToQualifiedNameList_compat(s) stringToQualifiedNameList((s), NULL)
#else
#define stringToQualifiedNameList_compat(s) stringToQualifiedNameList(s)
#endif

/* LockHeldByMe() has got an argument for stronger modes. */
#if PG_VERSION_NUM >= 170000
#define cf_lock_held_by_me(tag, mode) LockHeldByMe((tag), (mode), false)
#else
#define cf_lock_held_by_me(tag, mode) LockHeldByMe((tag), (mode))
#endif

/* What may be done with a relation; MAINTAIN since 17. */
#if PG_VERSION_NUM >= 170000
#define CF_RELATION_RIGHTS "DELETE INSERT MAINTAIN REFERENCES SELECT TRIGGER TRUNCATE UPDATE"
#else
#define CF_RELATION_RIGHTS "DELETE INSERT REFERENCES SELECT TRIGGER TRUNCATE UPDATE"
#endif

/* How a subscription streams when nothing is said. */
#if PG_VERSION_NUM >= 180000
#define CF_SUBSCRIPTION_STREAMING "parallel"
#else
#define CF_SUBSCRIPTION_STREAMING "off"
#endif

/* index_beginscan() counts what it does since 18. */
#if PG_VERSION_NUM >= 180000
#define cf_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), NULL, (nkeys), 0)
#else
#define cf_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), (nkeys), 0)
#endif

/* An update can spare all indexes but those that summarise since 16. */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes CfUpdateIndexes;
#define cf_insert_index_tuples(info, slot, estate, update)                                     \
	((update) == TU_None ? (void) 0                                                            \
						 : (void) ExecInsertIndexTuples((info), (slot), (estate), true, false, \
														NULL, NIL, (update) == TU_Summarizing))
#else
typedef bool CfUpdateIndexes;
#define cf_insert_index_tuples(info, slot, estate, update)                                     \
	((update) ? (void) ExecInsertIndexTuples((info), (slot), (estate), true, false, NULL, NIL) \
			  : (void) 0)
#endif

#if PG_VERSION_NUM >= 160000
#define cf_insert_all_index_tuples(info, slot, estate) \
	((void) ExecInsertIndexTuples((info), (slot), (estate), false, false, NULL, NIL, false))
#else
#define cf_insert_all_index_tuples(info, slot, estate) \
	((void) ExecInsertIndexTuples((info), (slot), (estate), false, false, NULL, NIL))
#endif

/* The number of the transaction within this session moved in 17. */
#if PG_VERSION_NUM >= 170000
#define cf_lxid() (MyProc->vxid.lxid)
#else
#define cf_lxid() (MyProc->lxid)
#endif

/* TRUNCATE can run as the owner of the table since 16. */
#if PG_VERSION_NUM >= 160000
#define cf_truncate(rels, relids, logged) \
	ExecuteTruncateGuts((rels), (relids), (logged), DROP_RESTRICT, false, false)
#else
#define cf_truncate(rels, relids, logged) \
	ExecuteTruncateGuts((rels), (relids), (logged), DROP_RESTRICT, false)
#endif

/* Processes have numbers instead of backend ids since 17. */
#if PG_VERSION_NUM >= 170000
#define cf_proc_of_vxid(vxid) ProcNumberGetProc((vxid).procNumber)
#else
#define cf_proc_of_vxid(vxid) BackendIdGetProc((vxid).backendId)
#endif

#endif /* CF_COMPAT_H */
