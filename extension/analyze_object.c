/*-------------------------------------------------------------------------
 *
 * analyze_object.c
 *	  Statements that take objects of any kind: DROP, RENAME, SET SCHEMA,
 *	  OWNER TO, COMMENT, SECURITY LABEL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/policy.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "rewrite/rewriteSupport.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "analyze.h"

/* Tells whether a kind of object is a relation. */
static bool
is_relation_kind(ObjectType type)
{
	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_INDEX:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
			return true;
		default:
			return false;
	}
}

/* Says a kind of relation as DROP names it. */
static const char *
kind_name(ObjectType type)
{
	switch (type)
	{
		case OBJECT_VIEW:
			return "view";
		case OBJECT_MATVIEW:
			return "materialized view";
		case OBJECT_INDEX:
			return "index";
		case OBJECT_SEQUENCE:
			return "sequence";
		case OBJECT_FOREIGN_TABLE:
			return "foreign table";
		default:
			return "table";
	}
}

/* Tells whether a relation is of the kind that a DROP names. */
static bool
is_kind(char relkind, ObjectType type)
{
	switch (type)
	{
		case OBJECT_TABLE:
			return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE;
		case OBJECT_INDEX:
			return relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX;
		case OBJECT_VIEW:
			return relkind == RELKIND_VIEW;
		case OBJECT_MATVIEW:
			return relkind == RELKIND_MATVIEW;
		case OBJECT_SEQUENCE:
			return relkind == RELKIND_SEQUENCE;
		case OBJECT_FOREIGN_TABLE:
			return relkind == RELKIND_FOREIGN_TABLE;
		default:
			return false;
	}
}

/* Finds a relation to drop; returns its address, or NULL. */
static ObjectAddress *
dropped_relation(CfAnalysis *a, DropStmt *stmt, List *names)
{
	CfRel rel;

	if (!cf_an_find_names(a, names, &rel))
	{
		if (!stmt->missing_ok)
			ereport(ERROR, (errcode(stmt->removeType == OBJECT_INDEX ? ERRCODE_UNDEFINED_OBJECT
																	 : ERRCODE_UNDEFINED_TABLE),
							errmsg("%s \"%s\" does not exist", kind_name(stmt->removeType),
								   strVal(llast(names)))));
		return NULL;
	}
	if (!rel.created && !is_kind(rel.relkind, stmt->removeType))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a %s", strVal(llast(names)), kind_name(stmt->removeType))));
	cf_an_own_or_schema(a, &rel);
	if (stmt->behavior != DROP_CASCADE)
		cf_world_check_sources(a, &rel, stmt->objects);
	cf_an_lock_rel(a, &rel, stmt->concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock);
	if (stmt->removeType == OBJECT_TABLE)
		cf_an_lock_references(a, &rel, NULL, AccessExclusiveLock);
	return rel.created ? NULL : cf_an_address(RelationRelationId, rel.relid, 0);
}

/* Finds a trigger, policy or rule to drop; returns its address, or NULL. */
static ObjectAddress *
dropped_part(CfAnalysis *a, DropStmt *stmt, List *names)
{
	const char *part = strVal(llast(names));
	CfRel rel;
	Oid class, oid;

	names = list_copy_head(names, list_length(names) - 1);
	if (!cf_an_find_names(a, names, &rel))
	{
		if (stmt->missing_ok)
			return NULL;
		cf_an_need(a, makeRangeVarFromNameList(names), &rel);
	}
	if (rel.created)
	{
		cf_an_lock_rel(a, &rel, AccessExclusiveLock);
		return NULL;
	}
	class = stmt->removeType == OBJECT_TRIGGER	? TriggerRelationId
			: stmt->removeType == OBJECT_POLICY ? PolicyRelationId
												: RewriteRelationId;
	oid = stmt->removeType == OBJECT_TRIGGER  ? get_trigger_oid(rel.relid, part, true)
		  : stmt->removeType == OBJECT_POLICY ? get_relation_policy_oid(rel.relid, part, true)
											  : get_rewrite_oid(rel.relid, part, true);
	if (OidIsValid(oid))
	{
		cf_an_own(a, &rel);
		cf_an_lock_rel(a, &rel, AccessExclusiveLock);
		return cf_an_address(class, oid, 0);
	}
	if (!stmt->missing_ok && !cf_an_unsure(a, rel.relid, psprintf("\"%s\" is not there yet", part)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("%s \"%s\" for %s \"%s\" does not exist",
							   class == TriggerRelationId  ? "trigger"
							   : class == PolicyRelationId ? "policy"
														   : "rule",
							   part, class == RewriteRelationId ? "relation" : "table",
							   get_rel_name(rel.relid))));
	return NULL;
}

/* Returns the last name of an object, as the grammar gives it. */
static const char *
last_name(Node *object)
{
	if (IsA(object, ObjectWithArgs))
		return strVal(llast(((ObjectWithArgs *) object)->objname));
	if (IsA(object, TypeName))
		return strVal(llast(((TypeName *) object)->names));
	if (IsA(object, List) && IsA(llast((List *) object), String))
		return strVal(llast((List *) object));
	return IsA(object, String) ? strVal(object) : "";
}

/* Finds another object; NULL when it is missing and may be, or is created before. */
static ObjectAddress *
other_object(CfAnalysis *a, ObjectType type, Node *object, bool missing_ok)
{
	Relation rel = NULL;
	ObjectAddress address = get_object_address(type, object, &rel, AccessShareLock, true);

	if (OidIsValid(address.objectId))
		return cf_an_address(address.classId, address.objectId, address.objectSubId);
	if (!missing_ok && !cf_an_is_known(a, NULL, last_name(object)))
		(void) get_object_address(type, object, &rel, AccessShareLock, false);
	return NULL;
}

/* DROP */
static void
drop(CfAnalysis *a, DropStmt *stmt)
{
	List *objects = NIL;
	ListCell *lc;

	foreach (lc, stmt->objects)
	{
		Node *object = (Node *) lfirst(lc);
		ObjectAddress *address;

		if (is_relation_kind(stmt->removeType))
			address = dropped_relation(a, stmt, (List *) object);
		else if (stmt->removeType == OBJECT_TRIGGER || stmt->removeType == OBJECT_POLICY ||
				 stmt->removeType == OBJECT_RULE)
			address = dropped_part(a, stmt, (List *) object);
		else
			address = other_object(a, stmt->removeType, object, stmt->missing_ok);
		if (address)
			objects = lappend(objects, address);
	}
	if (objects)
		cf_an_drop(a, objects, stmt->behavior, stmt->concurrent);
}

/* Warns that a name goes that clients may use. */
static void
warn_of_rename(CfAnalysis *a, const char *what)
{
	cf_an_warn(a, "clients that use the old name of %s fail as soon as this is committed", what);
}

/* Notes the lock on the relation behind a composite type. */
static void
composite_type(CfAnalysis *a, List *names, LOCKMODE mode)
{
	Oid type = LookupTypeNameOid(NULL, makeTypeNameFromNameList(names), true);
	Oid relid = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;

	if (OidIsValid(relid))
		cf_an_lock(a, relid, mode, true);
}

/* ALTER ... RENAME */
static void
rename_object(CfAnalysis *a, RenameStmt *stmt)
{
	CfRel rel;
	bool index, found;

	switch (stmt->renameType)
	{
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			composite_type(a, (List *) stmt->object, AccessExclusiveLock);
			(void) other_object(a, stmt->renameType,
								(Node *) makeTypeNameFromNameList((List *) stmt->object), false);
			warn_of_rename(a, "the type");
			return;
		case OBJECT_SCHEMA:
			if (!cf_an_is_known(a, "schema", stmt->subname))
				(void) get_namespace_oid(stmt->subname, stmt->missing_ok);
			warn_of_rename(a, psprintf("schema %s", stmt->subname));
			return;
		default:
			break;
	}
	if (stmt->relation == NULL)
		return;
	if (stmt->missing_ok && !cf_an_find(a, stmt->relation, &rel))
		return;
	cf_an_need(a, stmt->relation, &rel);
	cf_an_own(a, &rel);
	index = rel.relkind == RELKIND_INDEX || rel.relkind == RELKIND_PARTITIONED_INDEX;
	cf_an_lock_rel(a, &rel,
				   index && stmt->renameType == OBJECT_INDEX ? ShareUpdateExclusiveLock
															 : AccessExclusiveLock);
	if (rel.relkind == RELKIND_COMPOSITE_TYPE && !rel.created)
		(void) cf_an_typed_tables(a, &rel, stmt->behavior);
	switch (stmt->renameType)
	{
		case OBJECT_COLUMN:
		case OBJECT_ATTRIBUTE:
			(void) cf_an_find_column(a, &rel, stmt->subname, &found);
			if (!found)
				ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
								errmsg("column \"%s\" does not exist", stmt->subname)));
			if (!rel.created)
				cf_an_lock_list(a, cf_an_descendants(rel.relid), AccessExclusiveLock);
			if (!rel.created && !index)
				warn_of_rename(a, psprintf("column %s of %s", stmt->subname, rel.name));
			break;
		case OBJECT_TABCONSTRAINT:
			if (rel.created)
				break;
			if (!OidIsValid(get_relation_constraint_oid(rel.relid, stmt->subname, true)) &&
				!cf_an_unsure(a, rel.relid,
							  psprintf("constraint \"%s\" is not there yet", stmt->subname)))
				(void) get_relation_constraint_oid(rel.relid, stmt->subname, false);
			else
				cf_an_rename_constraint(a, &rel, stmt->subname);
			break;
		case OBJECT_TRIGGER:
			if (!rel.created && rel.relkind == RELKIND_PARTITIONED_TABLE)
				cf_an_lock_list(a, cf_an_descendants(rel.relid), AccessExclusiveLock);
			break;
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
			if (!rel.created && !index)
				warn_of_rename(a, rel.name);
			break;
		default:
			break;
	}
}

/* ALTER ... SET SCHEMA */
static void
set_schema(CfAnalysis *a, AlterObjectSchemaStmt *stmt)
{
	CfRel rel;
	ListCell *lc;

	if (stmt->relation && stmt->missing_ok && !cf_an_find(a, stmt->relation, &rel))
		return;
	if (!cf_an_is_known(a, "schema", stmt->newschema))
		(void) get_namespace_oid(stmt->newschema, false);
	if (stmt->relation == NULL)
		return;
	cf_an_need(a, stmt->relation, &rel);
	cf_an_own(a, &rel);
	cf_an_lock_rel(a, &rel, AccessExclusiveLock);
	if (rel.created)
		return;
	foreach (lc, getOwnedSequences(rel.relid))
		cf_an_lock(a, lfirst_oid(lc), AccessExclusiveLock, false);
	warn_of_rename(a, rel.name);
}

/* COMMENT, SECURITY LABEL */
static void
comment(CfAnalysis *a, ObjectType type, Node *object)
{
	List *names = (List *) object;
	CfRel rel;

	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_INDEX:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
			cf_an_need(a, makeRangeVarFromNameList(names), &rel);
			cf_an_own(a, &rel);
			cf_an_lock_rel(a, &rel, ShareUpdateExclusiveLock);
			return;
		case OBJECT_COLUMN:
			cf_an_need(a, makeRangeVarFromNameList(list_copy_head(names, list_length(names) - 1)),
					   &rel);
			cf_an_lock_rel(a, &rel, ShareUpdateExclusiveLock);
			(void) cf_an_column(a, &rel, strVal(llast(names)));
			return;
		case OBJECT_TABCONSTRAINT:
		case OBJECT_TRIGGER:
		case OBJECT_POLICY:
		case OBJECT_RULE:
			cf_an_need(a, makeRangeVarFromNameList(list_copy_head(names, list_length(names) - 1)),
					   &rel);
			cf_an_lock_rel(a, &rel, AccessShareLock);
			return;
		default:
			return;
	}
}

/* ALTER ... OWNER TO of what is not a table; ALTER ... DEPENDS ON EXTENSION */
static void
lock_object(CfAnalysis *a, ObjectType type, Node *object, RangeVar *relation)
{
	CfRel rel;

	if (type == OBJECT_TYPE)
		composite_type(a, (List *) object, AccessExclusiveLock);
	else if (relation)
	{
		cf_an_need(a, relation, &rel);
		cf_an_lock_rel(a, &rel, AccessExclusiveLock);
	}
}

/* Works out the statements of this file; false for others. */
bool
cf_an_object_statement(CfAnalysis *a, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DropStmt:
			drop(a, (DropStmt *) stmt);
			return true;
		case T_RenameStmt:
			rename_object(a, (RenameStmt *) stmt);
			return true;
		case T_AlterObjectSchemaStmt:
			set_schema(a, (AlterObjectSchemaStmt *) stmt);
			return true;
		case T_CommentStmt:
			comment(a, ((CommentStmt *) stmt)->objtype, ((CommentStmt *) stmt)->object);
			return true;
		case T_SecLabelStmt:
			comment(a, ((SecLabelStmt *) stmt)->objtype, ((SecLabelStmt *) stmt)->object);
			return true;
		case T_AlterOwnerStmt:
			lock_object(a, ((AlterOwnerStmt *) stmt)->objectType, ((AlterOwnerStmt *) stmt)->object,
						((AlterOwnerStmt *) stmt)->relation);
			return true;
		case T_AlterObjectDependsStmt:
			lock_object(a, ((AlterObjectDependsStmt *) stmt)->objectType,
						((AlterObjectDependsStmt *) stmt)->object,
						((AlterObjectDependsStmt *) stmt)->relation);
			return true;
		default:
			return false;
	}
}
