/*-------------------------------------------------------------------------
 *
 * objects_named.c
 *	  Statements that take objects of any kind: DROP, COMMENT, RENAME.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"

#include "objects.h"

/* Returns PostgreSQL's word for a kind of object. */
const char *
cf_obj_kind(ObjectType type)
{
	switch (type)
	{
		case OBJECT_ACCESS_METHOD:
			return "access method";
		case OBJECT_AGGREGATE:
			return "aggregate";
		case OBJECT_ATTRIBUTE:
			return "attribute";
		case OBJECT_CAST:
			return "cast";
		case OBJECT_COLUMN:
			return "column";
		case OBJECT_COLLATION:
			return "collation";
		case OBJECT_CONVERSION:
			return "conversion";
		case OBJECT_DATABASE:
			return "database";
		case OBJECT_DOMAIN:
			return "domain";
		case OBJECT_DOMCONSTRAINT:
		case OBJECT_TABCONSTRAINT:
			return "constraint";
		case OBJECT_EVENT_TRIGGER:
			return "event trigger";
		case OBJECT_EXTENSION:
			return "extension";
		case OBJECT_FDW:
			return "foreign data wrapper";
		case OBJECT_FOREIGN_SERVER:
			return "server";
		case OBJECT_FOREIGN_TABLE:
			return "foreign table";
		case OBJECT_FUNCTION:
			return "function";
		case OBJECT_INDEX:
			return "index";
		case OBJECT_LANGUAGE:
			return "language";
		case OBJECT_LARGEOBJECT:
			return "large object";
		case OBJECT_MATVIEW:
			return "materialized view";
		case OBJECT_OPCLASS:
			return "operator class";
		case OBJECT_OPERATOR:
			return "operator";
		case OBJECT_OPFAMILY:
			return "operator family";
		case OBJECT_PARAMETER_ACL:
			return "parameter";
		case OBJECT_POLICY:
			return "policy";
		case OBJECT_PROCEDURE:
			return "procedure";
		case OBJECT_PUBLICATION:
			return "publication";
		case OBJECT_ROLE:
			return "role";
		case OBJECT_ROUTINE:
			return "routine";
		case OBJECT_RULE:
			return "rule";
		case OBJECT_SCHEMA:
			return "schema";
		case OBJECT_SEQUENCE:
			return "sequence";
		case OBJECT_SUBSCRIPTION:
			return "subscription";
		case OBJECT_STATISTIC_EXT:
			return "statistics";
		case OBJECT_TABLE:
			return "table";
		case OBJECT_TABLESPACE:
			return "tablespace";
		case OBJECT_TRANSFORM:
			return "transform";
		case OBJECT_TRIGGER:
			return "trigger";
		case OBJECT_TSCONFIGURATION:
			return "text search configuration";
		case OBJECT_TSDICTIONARY:
			return "text search dictionary";
		case OBJECT_TSPARSER:
			return "text search parser";
		case OBJECT_TSTEMPLATE:
			return "text search template";
		case OBJECT_TYPE:
			return "type";
		case OBJECT_USER_MAPPING:
			return "user mapping";
		case OBJECT_VIEW:
			return "view";
		default:
			return "object";
	}
}

/* Returns what a part of this kind hangs on. */
static const char *
owner_kind(ObjectType type)
{
	switch (type)
	{
		case OBJECT_ATTRIBUTE:
			return "type";
		case OBJECT_COLUMN:
		case OBJECT_RULE:
			/* a view can have them, and a composite type columns */
			return "relation";
		default:
			return "table";
	}
}

/* Tells whether objects of a kind are named with what they hang on. */
static bool
is_part(ObjectType type)
{
	return type == OBJECT_COLUMN || type == OBJECT_ATTRIBUTE || type == OBJECT_TABCONSTRAINT ||
		   type == OBJECT_POLICY || type == OBJECT_RULE || type == OBJECT_TRIGGER;
}

/*
 * Returns the names of an object as a list of String, whatever node the
 * grammar has made of it.
 */
static List *
names_of(ObjectType type, Node *object)
{
	switch (nodeTag(object))
	{
		case T_String:
			return list_make1(object);
		case T_Integer:
			return list_make1(makeString(psprintf("%d", intVal(object))));
		case T_Float:
			return list_make1(makeString(castNode(Float, object)->fval));
		case T_TypeName:
			return ((TypeName *) object)->names;
		case T_ObjectWithArgs:
			return ((ObjectWithArgs *) object)->objname;
		default:
			/* the access method stands before these */
			if (type == OBJECT_OPCLASS || type == OBJECT_OPFAMILY)
				return list_copy_tail(castNode(List, object), 1);
			return castNode(List, object);
	}
}

/* Adds what else the name of an object names: arguments, access method. */
static void
named_with(CfCollector *c, ObjectType type, Node *object)
{
	if (IsA(object, ObjectWithArgs))
	{
		ObjectWithArgs *func = (ObjectWithArgs *) object;

		cf_obj_types(c, func->objfuncargs ? func->objfuncargs : func->objargs);
	}
	else if (type == OBJECT_OPCLASS || type == OBJECT_OPFAMILY)
		cf_obj_reference_name(c, "access method", strVal(linitial(castNode(List, object))));
}

/* Adds an object in the form in which DROP and COMMENT have it. */
void
cf_obj_named(CfCollector *c, ObjectType type, Node *object, CfAction action)
{
	if (is_part(type) && list_length(castNode(List, object)) > 1)
	{
		const char *part;
		RangeVar *rel = cf_obj_owner(castNode(List, object), &part);

		cf_obj_relation(c, owner_kind(type), rel, CF_ALTER);
		cf_obj_part(c, cf_obj_kind(type), rel, part, action);
	}
	else if (type == OBJECT_DOMCONSTRAINT)
	{
		List *pair = castNode(List, object);

		cf_obj_domain_constraint(c, names_of(type, linitial(pair)), strVal(lsecond(pair)), action);
	}
	else if (type == OBJECT_CAST)
	{
		List *pair = castNode(List, object);

		cf_obj_cast(c, linitial(pair), lsecond(pair), action);
	}
	else if (type == OBJECT_TRANSFORM)
	{
		List *pair = castNode(List, object);

		cf_obj_transform(c, linitial(pair), strVal(lsecond(pair)), action);
	}
	else
	{
		cf_obj_names(c, cf_obj_kind(type), names_of(type, object), action);
		named_with(c, type, object);
	}
}

/* Adds what DROP names. */
static void
drop(CfCollector *c, DropStmt *stmt)
{
	ListCell *lc;

	foreach (lc, stmt->objects)
		cf_obj_named(c, stmt->removeType, (Node *) lfirst(lc), CF_DROP);
}

/* Adds the old name and the new one. */
static void
rename_object(CfCollector *c, RenameStmt *stmt)
{
	ObjectType type = stmt->renameType;
	const char *kind = cf_obj_kind(type);
	const char *schema;
	const char *name;

	if (is_part(type))
	{
		const char *owner = owner_kind(type);

		if (type == OBJECT_COLUMN)
			owner = cf_obj_kind(stmt->relationType);
		cf_obj_relation(c, owner, stmt->relation, CF_ALTER);
		cf_obj_part(c, kind, stmt->relation, stmt->subname, CF_ALTER);
		cf_obj_part(c, kind, stmt->relation, stmt->newname, CF_CREATE);
	}
	else if (type == OBJECT_DOMCONSTRAINT)
	{
		List *domain = castNode(List, stmt->object);

		cf_obj_domain_constraint(c, domain, stmt->subname, CF_ALTER);
		cf_obj_domain_constraint(c, domain, stmt->newname, CF_CREATE);
	}
	else if (stmt->relation != NULL)
	{
		cf_obj_relation(c, kind, stmt->relation, CF_ALTER);
		cf_obj_add(c, kind, stmt->relation->schemaname, stmt->newname, CF_CREATE);
	}
	else if (stmt->object != NULL)
	{
		cf_obj_split(names_of(type, stmt->object), &schema, &name);
		cf_obj_add(c, kind, schema, name, CF_ALTER);
		cf_obj_add(c, kind, schema, stmt->newname, CF_CREATE);
		named_with(c, type, stmt->object);
	}
	else
	{
		/* roles, databases, schemas, tablespaces */
		cf_obj_add(c, kind, NULL, stmt->subname, CF_ALTER);
		cf_obj_add(c, kind, NULL, stmt->newname, CF_CREATE);
	}
}

/* Adds the old place and the new one of ALTER ... SET SCHEMA. */
static void
set_schema(CfCollector *c, AlterObjectSchemaStmt *stmt)
{
	ObjectType type = stmt->objectType;
	const char *schema;
	const char *name;

	if (stmt->relation != NULL)
	{
		cf_obj_relation(c, cf_obj_kind(type), stmt->relation, CF_ALTER);
		name = stmt->relation->relname;
	}
	else
	{
		cf_obj_named(c, type, stmt->object, CF_ALTER);
		cf_obj_split(names_of(type, stmt->object), &schema, &name);
	}
	/* an extension has no schema, its objects have */
	if (type != OBJECT_EXTENSION)
		cf_obj_add(c, cf_obj_kind(type), stmt->newschema, name, CF_CREATE);
	else
		cf_obj_opaque(c, "extension objects", CF_ALTER);
	cf_obj_add(c, "schema", NULL, stmt->newschema, CF_REFERENCE);
}

/* Adds what ALTER ... DEPENDS ON EXTENSION names. */
static void
depends(CfCollector *c, AlterObjectDependsStmt *stmt)
{
	if (stmt->objectType == OBJECT_TRIGGER)
	{
		cf_obj_relation(c, "table", stmt->relation, CF_ALTER);
		cf_obj_part(c, "trigger", stmt->relation, strVal(linitial(castNode(List, stmt->object))),
					CF_ALTER);
	}
	else if (stmt->relation != NULL)
		cf_obj_relation(c, cf_obj_kind(stmt->objectType), stmt->relation, CF_ALTER);
	else
		cf_obj_named(c, stmt->objectType, stmt->object, CF_ALTER);
	cf_obj_add(c, "extension", NULL, strVal(stmt->extname), CF_REFERENCE);
}

/* Adds the objects of GRANT and REVOKE, and the roles. */
static void
grant(CfCollector *c, GrantStmt *stmt)
{
	ListCell *lc;

	foreach (lc, stmt->objects)
	{
		Node *object = (Node *) lfirst(lc);
		ListCell *lp;

		if (stmt->targtype == ACL_TARGET_ALL_IN_SCHEMA)
			cf_obj_add(c, "schema", NULL, strVal(object), CF_ALTER);
		else if (!IsA(object, RangeVar))
			cf_obj_named(c, stmt->objtype, object, CF_ALTER);
		else
		{
			cf_obj_relation(c, cf_obj_kind(stmt->objtype), (RangeVar *) object, CF_ALTER);
			foreach (lp, stmt->privileges)
				cf_obj_columns(c, (RangeVar *) object, lfirst_node(AccessPriv, lp)->cols, CF_ALTER);
		}
	}
	cf_obj_roles(c, stmt->grantees, CF_REFERENCE);
	cf_obj_role(c, stmt->grantor, CF_REFERENCE);
}

/* Adds what GRANT or REVOKE of a role names: its members change. */
static void
grant_role(CfCollector *c, GrantRoleStmt *stmt)
{
	ListCell *lc;

	foreach (lc, stmt->granted_roles)
		cf_obj_add(c, "role", NULL, lfirst_node(AccessPriv, lc)->priv_name, CF_ALTER);
	cf_obj_roles(c, stmt->grantee_roles, CF_REFERENCE);
	cf_obj_role(c, stmt->grantor, CF_REFERENCE);
}

/* Adds what ALTER DEFAULT PRIVILEGES names. */
static void
default_privileges(CfCollector *c, AlterDefaultPrivilegesStmt *stmt)
{
	const char *what = psprintf("%ss", cf_obj_kind(stmt->action->objtype));
	List *schemas = NIL;
	ListCell *lc;

	foreach (lc, stmt->options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "schemas") == 0)
			schemas = (List *) option->arg;
		else if (strcmp(option->defname, "roles") == 0)
			cf_obj_roles(c, (List *) option->arg, CF_ALTER);
	}
	if (schemas == NIL)
		cf_obj_add(c, "default privileges", NULL, what, CF_ALTER);
	foreach (lc, schemas)
	{
		cf_obj_add(c, "schema", NULL, strVal(lfirst(lc)), CF_ALTER);
		cf_obj_add(c, "default privileges", strVal(lfirst(lc)), what, CF_ALTER);
	}
	grant(c, stmt->action);
}

/* Adds what ALTER ... OWNER TO names. */
static void
set_owner(CfCollector *c, AlterOwnerStmt *stmt)
{
	cf_obj_named(c, stmt->objectType, stmt->object, CF_ALTER);
	cf_obj_role(c, stmt->newowner, CF_REFERENCE);
}

/* Adds what ALTER EXTENSION ... ADD or DROP names. */
static void
extension_contents(CfCollector *c, AlterExtensionContentsStmt *stmt)
{
	cf_obj_add(c, "extension", NULL, stmt->extname, CF_ALTER);
	cf_obj_named(c, stmt->objtype, stmt->object, CF_ALTER);
}

/* Adds what a statement for any kind names; false if it is another. */
bool
cf_obj_named_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DropStmt:
			drop(c, (DropStmt *) stmt);
			return true;
		case T_RenameStmt:
			rename_object(c, (RenameStmt *) stmt);
			return true;
		case T_AlterObjectSchemaStmt:
			set_schema(c, (AlterObjectSchemaStmt *) stmt);
			return true;
		case T_AlterOwnerStmt:
			set_owner(c, (AlterOwnerStmt *) stmt);
			return true;
		case T_AlterObjectDependsStmt:
			depends(c, (AlterObjectDependsStmt *) stmt);
			return true;
		case T_AlterExtensionContentsStmt:
			extension_contents(c, (AlterExtensionContentsStmt *) stmt);
			return true;
		case T_CommentStmt:
			cf_obj_named(c, ((CommentStmt *) stmt)->objtype, ((CommentStmt *) stmt)->object,
						 CF_ALTER);
			return true;
		case T_SecLabelStmt:
			cf_obj_named(c, ((SecLabelStmt *) stmt)->objtype, ((SecLabelStmt *) stmt)->object,
						 CF_ALTER);
			return true;
		case T_GrantStmt:
			grant(c, (GrantStmt *) stmt);
			return true;
		case T_GrantRoleStmt:
			grant_role(c, (GrantRoleStmt *) stmt);
			return true;
		case T_AlterDefaultPrivilegesStmt:
			default_privileges(c, (AlterDefaultPrivilegesStmt *) stmt);
			return true;
		default:
			return false;
	}
}
