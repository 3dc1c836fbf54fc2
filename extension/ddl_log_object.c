/*-------------------------------------------------------------------------
 *
 * ddl_log_object.c
 *	  What a statement has changed, for the DDL log: the identities that a
 *	  snapshot has for it, as far as that is known when it ends.
 *
 * A table stands for its parts; what ALTER TABLE does with a column or a
 * constraint is told of these too. What was renamed or moved is told under
 * both names. Owners, grants, comments and defaults are facts of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_foreign_data_wrapper.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/deparse_utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "ddl_log.h"

/* Adds an object to a list. */
static List *
add_object(List *objects, const ObjectAddress *address)
{
	CfIdentity pieces;

	return cf_identity_of(address, &pieces) ? cf_identity_add(objects, cf_identity_text(&pieces))
											: objects;
}

/* Adds what is said about an object: owner of ..., comment on ... */
static List *
add_about(List *objects, const char *what, const ObjectAddress *address)
{
	CfIdentity pieces;

	return cf_identity_of(address, &pieces)
			   ? cf_identity_add(objects, psprintf("%s %s", what, cf_identity_text(&pieces)))
			   : objects;
}

/* The name that something had before it was renamed, or NULL. */
static const char *
old_name(const RenameStmt *stmt)
{
	Node *object = stmt->object;

	if (stmt->subname)
		return stmt->subname;
	if (stmt->relation)
		return stmt->relation->relname;
	if (object == NULL)
		return NULL;
	if (IsA(object, ObjectWithArgs))
		object = (Node *) ((ObjectWithArgs *) object)->objname;
	if (IsA(object, List))
		object = llast((List *) object);
	return IsA(object, String) ? strVal(object) : NULL;
}

/* Adds the identity that something had before it was renamed or moved. */
static List *
add_former(List *objects, const CollectedCommand *command)
{
	Node *stmt = command->parsetree;
	CfIdentity pieces;

	if (!cf_identity_of(&command->d.simple.address, &pieces) || pieces.whole)
		return objects;
	if (IsA(stmt, RenameStmt))
	{
		const char *name = old_name((RenameStmt *) stmt);

		if (name == NULL)
			return objects;
		if (pieces.part)
			pieces.part = name;
		else if (pieces.name)
			pieces.name = name;
		else
			pieces.schema = name;
	}
	else
	{
		const char *schema = get_namespace_name(command->d.simple.secondaryObject.objectId);

		if (command->d.simple.secondaryObject.classId != NamespaceRelationId || schema == NULL)
			return objects;
		pieces.schema = schema;
	}
	return cf_identity_add(objects, cf_identity_text(&pieces));
}

/* Adds what a command has changed that is about one object. */
static List *
add_simple(List *objects, const CollectedCommand *command)
{
	const ObjectAddress *address = &command->d.simple.address;
	Node *stmt = command->parsetree;

	if (IsA(stmt, CommentStmt))
		objects = add_about(objects, "comment on", address);
	objects = add_object(objects, address);
	if (IsA(stmt, AlterOwnerStmt))
		objects = add_about(objects, "owner of", address);
	if (IsA(stmt, RenameStmt) || IsA(stmt, AlterObjectSchemaStmt))
		objects = add_former(objects, command);
	return objects;
}

/* Adds what ALTER TABLE has changed. */
static List *
add_altered(List *objects, const CollectedCommand *command)
{
	ObjectAddress table;
	ListCell *lc;

	ObjectAddressSet(table, command->d.alterTable.classId, command->d.alterTable.objectId);
	objects = add_object(objects, &table);
	foreach (lc, command->d.alterTable.subcmds)
	{
		CollectedATSubcmd *part = (CollectedATSubcmd *) lfirst(lc);
		AlterTableType type = castNode(AlterTableCmd, part->parsetree)->subtype;

		if (type == AT_ChangeOwner)
			objects = add_about(objects, "owner of", &table);
		if (!OidIsValid(part->address.objectId))
			continue;
		objects = add_object(objects, &part->address);
		if (type == AT_ColumnDefault || type == AT_CookedColumnDefault)
		{
			CfIdentity pieces;

			if (cf_identity_of(&part->address, &pieces) && pieces.part)
			{
				pieces.kind = "default";
				objects = cf_identity_add(objects, cf_identity_text(&pieces));
			}
		}
	}
	return objects;
}

/* The catalog of what GRANT is about, or InvalidOid. */
static Oid
granted_catalog(ObjectType type)
{
	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_SEQUENCE:
			return RelationRelationId;
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
			return ProcedureRelationId;
		case OBJECT_SCHEMA:
			return NamespaceRelationId;
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			return TypeRelationId;
		case OBJECT_LANGUAGE:
			return LanguageRelationId;
		case OBJECT_FDW:
			return ForeignDataWrapperRelationId;
		case OBJECT_FOREIGN_SERVER:
			return ForeignServerRelationId;
		default:
			return InvalidOid;
	}
}

/* Adds what a GRANT or REVOKE has changed, for each role. */
static List *
add_granted(List *objects, const InternalGrant *grant)
{
	ListCell *lc, *lr;

	foreach (lc, grant->objects)
	{
		ObjectAddress address;

		ObjectAddressSet(address, granted_catalog(grant->objtype), lfirst_oid(lc));
		if (!OidIsValid(address.classId))
			continue;
		objects = add_object(objects, &address);
		foreach (lr, grant->grantees)
		{
			Oid role = lfirst_oid(lr);
			const char *name = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;
			CfIdentity pieces;

			if (cf_identity_of(&address, &pieces))
				objects = cf_identity_add(
					objects,
					psprintf("grant on %s to %s", cf_identity_text(&pieces),
							 OidIsValid(role) ? quote_identifier(name ? name : "?") : "public"));
		}
	}
	return objects;
}

/* Adds what a command has changed. */
static List *
add_command(List *objects, const CollectedCommand *command)
{
	switch (command->type)
	{
		case SCT_Simple:
			return add_simple(objects, command);
		case SCT_AlterTable:
			return add_altered(objects, command);
		case SCT_Grant:
			return add_granted(objects, command->d.grant.istmt);
		case SCT_AlterOpFamily:
			return add_object(objects, &command->d.opfam.address);
		case SCT_CreateOpClass:
			return add_object(objects, &command->d.createopc.address);
		case SCT_AlterTSConfig:
			return add_object(objects, &command->d.atscfg.address);
		case SCT_AlterDefaultPrivileges:
			return cf_identity_add(objects, pstrdup("default privileges"));
	}
	return objects;
}

/* Returns what the statement that ends has changed, as identities. Connected to SPI. */
List *
cf_ddl_changed_objects(void)
{
	static SPIPlanPtr plan = NULL;
	List *objects = NIL;

	if (plan == NULL)
	{
		plan = SPI_prepare("SELECT c.command FROM pg_catalog.pg_event_trigger_ddl_commands() AS c"
						   " WHERE NOT c.in_extension AND (c.schema_name IS NULL OR"
						   " c.schema_name OPERATOR(pg_catalog.<>) 'pg_temp')",
						   0, NULL);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	}
	if (SPI_execute_plan(plan, NULL, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "pg_event_trigger_ddl_commands() failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Datum command = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		objects = add_command(objects, (CollectedCommand *) DatumGetPointer(command));
	}
	return objects;
}
