/*-------------------------------------------------------------------------
 *
 * objects_shared.c
 *	  The objects without a schema that statements name: roles, databases,
 *	  extensions, foreign servers, publications.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "objects.h"

/* Returns the option of this name, or NULL. */
static DefElem *
option_named(List *options, const char *name)
{
	ListCell *lc;

	foreach (lc, options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

/* Returns the text of the option of this name, or NULL. */
static const char *
option_text(List *options, const char *name)
{
	DefElem *option = option_named(options, name);

	if (option == NULL || option->arg == NULL || !IsA(option->arg, String))
		return NULL;
	return strVal(option->arg);
}

/* Adds the function of the option of this name. */
static void
option_function(CfCollector *c, List *options, const char *name)
{
	DefElem *option = option_named(options, name);

	if (option != NULL && option->arg != NULL)
		cf_obj_reference(c, "function", castNode(List, option->arg));
}

/* Adds the roles in the options of CREATE ROLE or ALTER ROLE. */
static void
role_options(CfCollector *c, List *options)
{
	static const char *const names[] = {"rolemembers", "adminmembers", "addroleto"};

	for (int i = 0; i < lengthof(names); i++)
	{
		DefElem *option = option_named(options, names[i]);

		/* who is put into a role changes that role */
		if (option != NULL)
			cf_obj_roles(c, castNode(List, option->arg), i == 2 ? CF_ALTER : CF_REFERENCE);
	}
}

/* Adds what CREATE ROLE names. */
static void
create_role(CfCollector *c, CreateRoleStmt *stmt)
{
	cf_obj_add(c, "role", NULL, stmt->role, CF_CREATE);
	role_options(c, stmt->options);
}

/* Adds what ALTER ROLE names. */
static void
alter_role(CfCollector *c, AlterRoleStmt *stmt)
{
	cf_obj_role(c, stmt->role, CF_ALTER);
	role_options(c, stmt->options);
}

/* Adds what ALTER ROLE ... SET names. */
static void
alter_role_set(CfCollector *c, AlterRoleSetStmt *stmt)
{
	cf_obj_role(c, stmt->role, CF_ALTER);
	if (stmt->database != NULL)
		cf_obj_add(c, "database", NULL, stmt->database, stmt->role ? CF_REFERENCE : CF_ALTER);
	else if (stmt->role == NULL)
		cf_obj_opaque(c, "all roles", CF_ALTER);
}

/* Adds what CREATE DATABASE or ALTER DATABASE names. */
static void
database(CfCollector *c, const char *name, List *options, CfAction action)
{
	const char *template = option_text(options, "template");
	const char *owner = option_text(options, "owner");

	cf_obj_add(c, "database", NULL, name, action);
	if (template != NULL)
		cf_obj_add(c, "database", NULL, template, CF_REFERENCE);
	if (owner != NULL)
		cf_obj_add(c, "role", NULL, owner, CF_REFERENCE);
	cf_obj_reference_name(c, "tablespace", option_text(options, "tablespace"));
}

/* Adds what ALTER TABLE ALL IN TABLESPACE names. */
static void
move_all(CfCollector *c, AlterTableMoveAllStmt *stmt)
{
	cf_obj_opaque(c, psprintf("all in tablespace %s", stmt->orig_tablespacename), CF_ALTER);
	cf_obj_reference_name(c, "tablespace", stmt->orig_tablespacename);
	cf_obj_reference_name(c, "tablespace", stmt->new_tablespacename);
	cf_obj_roles(c, stmt->roles, CF_REFERENCE);
}

/* Adds what DROP OWNED or REASSIGN OWNED names. */
static void
owned(CfCollector *c, List *roles, CfAction action)
{
	ListCell *lc;

	foreach (lc, roles)
	{
		RoleSpec *role = lfirst_node(RoleSpec, lc);

		const char *name = cf_obj_role_name(role);

		if (name != NULL)
			cf_obj_opaque(c, psprintf("owned by %s", name), action);
		cf_obj_role(c, role, CF_REFERENCE);
	}
}

/*
 * Adds what CREATE SCHEMA names, its elements included.
 *
 * Without a name the schema has the name of the role.
 */
static void
create_schema(CfCollector *c, CreateSchemaStmt *stmt)
{
	const char *outer = c->schema;
	const char *name = stmt->schemaname;
	ListCell *lc;

	if (name == NULL)
		name = cf_obj_role_name(stmt->authrole);
	cf_obj_add(c, "schema", NULL, name, CF_CREATE);
	cf_obj_role(c, stmt->authrole, CF_REFERENCE);

	/* tables and sequences first, as the server does; then all is known */
	c->schema = name;
	for (int pass = 0; pass < 2; pass++)
	{
		foreach (lc, stmt->schemaElts)
		{
			Node *elt = (Node *) lfirst(lc);
			bool first = IsA(elt, CreateStmt) || IsA(elt, CreateSeqStmt);

			if (first == (pass == 0))
				cf_obj_statement(c, elt);
		}
	}
	c->schema = outer;
}

/* Adds what CREATE EXTENSION names. Its script can create anything. */
static void
create_extension(CfCollector *c, CreateExtensionStmt *stmt)
{
	const char *schema = option_text(stmt->options, "schema");

	cf_obj_add(c, "extension", NULL, stmt->extname, CF_CREATE);
	if (schema != NULL)
		cf_obj_add(c, "schema", NULL, schema, CF_REFERENCE);
	cf_obj_opaque(c, "extension script", CF_CREATE);
}

/* Adds what CREATE or ALTER FOREIGN DATA WRAPPER names. */
static void
fdw(CfCollector *c, const char *name, List *functions, CfAction action)
{
	cf_obj_add(c, "foreign data wrapper", NULL, name, action);
	option_function(c, functions, "handler");
	option_function(c, functions, "validator");
}

/* Adds a user mapping, by the name that pg_identify_object() has for it. */
static void
user_mapping(CfCollector *c, RoleSpec *role, const char *server, CfAction action)
{
	const char *user = cf_obj_role_name(role);

	cf_obj_add(c, "user mapping", NULL, psprintf("%s on server %s", user ? user : "public", server),
			   action);
	cf_obj_role(c, role, CF_REFERENCE);
	cf_obj_add(c, "server", NULL, server, CF_REFERENCE);
}

/* Adds what IMPORT FOREIGN SCHEMA names. Without LIMIT TO that is not all. */
static void
import(CfCollector *c, ImportForeignSchemaStmt *stmt)
{
	ListCell *lc;

	cf_obj_add(c, "schema", NULL, stmt->local_schema, CF_REFERENCE);
	cf_obj_add(c, "server", NULL, stmt->server_name, CF_REFERENCE);
	if (stmt->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO)
	{
		cf_obj_opaque(c, "foreign schema", CF_CREATE);
		return;
	}
	foreach (lc, stmt->table_list)
		cf_obj_add(c, "foreign table", stmt->local_schema, lfirst_node(RangeVar, lc)->relname,
				   CF_CREATE);
}

/* Adds what CREATE PUBLICATION or ALTER PUBLICATION names. */
static void
publication(CfCollector *c, const char *name, List *objects, bool all_tables, CfAction action)
{
	ListCell *lc;

	cf_obj_add(c, "publication", NULL, name, action);
	if (all_tables)
		cf_obj_opaque(c, "all tables", CF_REFERENCE);
	foreach (lc, objects)
	{
		PublicationObjSpec *object = lfirst_node(PublicationObjSpec, lc);

		if (object->pubtable != NULL)
		{
			RangeVar *rel = object->pubtable->relation;

			cf_obj_relation(c, "table", rel, CF_REFERENCE);
			cf_obj_columns(c, rel, object->pubtable->columns, CF_REFERENCE);
			cf_obj_walk_of(c, rel, object->pubtable->whereClause);
		}
		else if (object->name != NULL)
			cf_obj_add(c, "schema", NULL, object->name, CF_REFERENCE);
		else
			cf_obj_opaque(c, "current schema", CF_REFERENCE);
	}
}

/* Adds what a statement about roles and databases names. */
static bool
role_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateRoleStmt:
			create_role(c, (CreateRoleStmt *) stmt);
			return true;
		case T_AlterRoleStmt:
			alter_role(c, (AlterRoleStmt *) stmt);
			return true;
		case T_AlterRoleSetStmt:
			alter_role_set(c, (AlterRoleSetStmt *) stmt);
			return true;
		case T_DropRoleStmt:
			cf_obj_roles(c, ((DropRoleStmt *) stmt)->roles, CF_DROP);
			return true;
		case T_DropOwnedStmt:
			owned(c, ((DropOwnedStmt *) stmt)->roles, CF_DROP);
			return true;
		case T_ReassignOwnedStmt:
			owned(c, ((ReassignOwnedStmt *) stmt)->roles, CF_ALTER);
			cf_obj_role(c, ((ReassignOwnedStmt *) stmt)->newrole, CF_REFERENCE);
			return true;
		case T_CreatedbStmt:
			database(c, ((CreatedbStmt *) stmt)->dbname, ((CreatedbStmt *) stmt)->options,
					 CF_CREATE);
			return true;
		case T_AlterDatabaseStmt:
			database(c, ((AlterDatabaseStmt *) stmt)->dbname, ((AlterDatabaseStmt *) stmt)->options,
					 CF_ALTER);
			return true;
		case T_AlterDatabaseSetStmt:
			database(c, ((AlterDatabaseSetStmt *) stmt)->dbname, NIL, CF_ALTER);
			return true;
		case T_AlterDatabaseRefreshCollStmt:
			database(c, ((AlterDatabaseRefreshCollStmt *) stmt)->dbname, NIL, CF_ALTER);
			return true;
		case T_DropdbStmt:
			database(c, ((DropdbStmt *) stmt)->dbname, NIL, CF_DROP);
			return true;
		case T_CreateTableSpaceStmt:
			cf_obj_add(c, "tablespace", NULL, ((CreateTableSpaceStmt *) stmt)->tablespacename,
					   CF_CREATE);
			cf_obj_role(c, ((CreateTableSpaceStmt *) stmt)->owner, CF_REFERENCE);
			return true;
		case T_AlterTableSpaceOptionsStmt:
			cf_obj_add(c, "tablespace", NULL, ((AlterTableSpaceOptionsStmt *) stmt)->tablespacename,
					   CF_ALTER);
			return true;
		case T_DropTableSpaceStmt:
			cf_obj_add(c, "tablespace", NULL, ((DropTableSpaceStmt *) stmt)->tablespacename,
					   CF_DROP);
			return true;
		case T_AlterTableMoveAllStmt:
			move_all(c, (AlterTableMoveAllStmt *) stmt);
			return true;
		case T_AlterSystemStmt:
			if (((AlterSystemStmt *) stmt)->setstmt->name != NULL)
				cf_obj_add(c, "parameter", NULL, ((AlterSystemStmt *) stmt)->setstmt->name,
						   CF_ALTER);
			else
				cf_obj_opaque(c, "all parameters", CF_ALTER);
			return true;
		default:
			return false;
	}
}

/* Adds what a statement about foreign data names. */
static bool
foreign_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateFdwStmt:
			fdw(c, ((CreateFdwStmt *) stmt)->fdwname, ((CreateFdwStmt *) stmt)->func_options,
				CF_CREATE);
			return true;
		case T_AlterFdwStmt:
			fdw(c, ((AlterFdwStmt *) stmt)->fdwname, ((AlterFdwStmt *) stmt)->func_options,
				CF_ALTER);
			return true;
		case T_CreateForeignServerStmt:
			cf_obj_add(c, "server", NULL, ((CreateForeignServerStmt *) stmt)->servername,
					   CF_CREATE);
			cf_obj_add(c, "foreign data wrapper", NULL, ((CreateForeignServerStmt *) stmt)->fdwname,
					   CF_REFERENCE);
			return true;
		case T_AlterForeignServerStmt:
			cf_obj_add(c, "server", NULL, ((AlterForeignServerStmt *) stmt)->servername, CF_ALTER);
			return true;
		case T_CreateUserMappingStmt:
			user_mapping(c, ((CreateUserMappingStmt *) stmt)->user,
						 ((CreateUserMappingStmt *) stmt)->servername, CF_CREATE);
			return true;
		case T_AlterUserMappingStmt:
			user_mapping(c, ((AlterUserMappingStmt *) stmt)->user,
						 ((AlterUserMappingStmt *) stmt)->servername, CF_ALTER);
			return true;
		case T_DropUserMappingStmt:
			user_mapping(c, ((DropUserMappingStmt *) stmt)->user,
						 ((DropUserMappingStmt *) stmt)->servername, CF_DROP);
			return true;
		case T_ImportForeignSchemaStmt:
			import(c, (ImportForeignSchemaStmt *) stmt);
			return true;
		default:
			return false;
	}
}

/* Adds what a statement about these names; false if it is about others. */
bool
cf_obj_shared_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateSchemaStmt:
			create_schema(c, (CreateSchemaStmt *) stmt);
			return true;
		case T_CreateExtensionStmt:
			create_extension(c, (CreateExtensionStmt *) stmt);
			return true;
		case T_AlterExtensionStmt:
			cf_obj_add(c, "extension", NULL, ((AlterExtensionStmt *) stmt)->extname, CF_ALTER);
			cf_obj_opaque(c, "extension script", CF_ALTER);
			return true;
		case T_CreateAmStmt:
			cf_obj_add(c, "access method", NULL, ((CreateAmStmt *) stmt)->amname, CF_CREATE);
			cf_obj_reference(c, "function", ((CreateAmStmt *) stmt)->handler_name);
			return true;
		case T_CreateEventTrigStmt:
			cf_obj_add(c, "event trigger", NULL, ((CreateEventTrigStmt *) stmt)->trigname,
					   CF_CREATE);
			cf_obj_reference(c, "function", ((CreateEventTrigStmt *) stmt)->funcname);
			return true;
		case T_AlterEventTrigStmt:
			cf_obj_add(c, "event trigger", NULL, ((AlterEventTrigStmt *) stmt)->trigname, CF_ALTER);
			return true;
		case T_CreatePublicationStmt:
		{
			CreatePublicationStmt *create = (CreatePublicationStmt *) stmt;

			publication(c, create->pubname, create->pubobjects, create->for_all_tables, CF_CREATE);
		}
			return true;
		case T_AlterPublicationStmt:
		{
			AlterPublicationStmt *alter = (AlterPublicationStmt *) stmt;

			publication(c, alter->pubname, alter->pubobjects, alter->for_all_tables, CF_ALTER);
		}
			return true;
		case T_CreateSubscriptionStmt:
			/* its publications are on another server */
			cf_obj_add(c, "subscription", NULL, ((CreateSubscriptionStmt *) stmt)->subname,
					   CF_CREATE);
			return true;
		case T_AlterSubscriptionStmt:
			cf_obj_add(c, "subscription", NULL, ((AlterSubscriptionStmt *) stmt)->subname,
					   CF_ALTER);
			return true;
		case T_DropSubscriptionStmt:
			cf_obj_add(c, "subscription", NULL, ((DropSubscriptionStmt *) stmt)->subname, CF_DROP);
			return true;
		default:
			return role_statement(c, stmt) || foreign_statement(c, stmt);
	}
}
