/*-------------------------------------------------------------------------
 *
 * intent_change.c
 *	  What a statement says of itself beside the objects that it names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "follow.h"
#include "intent.h"

/* Tells whether ALTER TABLE adds what has no name of its own. */
static bool
adds_without_name(AlterTableStmt *stmt)
{
	AlterTableCmd *cmd = linitial_node(AlterTableCmd, stmt->cmds);

	return cmd->subtype == AT_AddConstraint;
}

/* Tells what the alter of a statement is. */
CfChange
cf_change_of(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CommentStmt:
		case T_SecLabelStmt:
		case T_GrantStmt:
		case T_GrantRoleStmt:
		case T_AlterDefaultPrivilegesStmt:
		case T_VacuumStmt:
		case T_ReindexStmt:
		case T_ClusterStmt:
			return CF_CHANGE_TOUCH;
		case T_IndexStmt:
		case T_CreateStatsStmt:
		case T_CreateTrigStmt:
		case T_CreatePolicyStmt:
		case T_RuleStmt:
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
			return CF_CHANGE_BESIDE;
		case T_AlterTableStmt:
			return adds_without_name((AlterTableStmt *) stmt) ? CF_CHANGE_BESIDE : CF_CHANGE_ALTER;
		case T_AlterDomainStmt:
			return ((AlterDomainStmt *) stmt)->subtype == 'C' ? CF_CHANGE_BESIDE : CF_CHANGE_ALTER;
		case T_RenameStmt:
			return CF_CHANGE_RENAME;
		case T_AlterObjectSchemaStmt:
			return ((AlterObjectSchemaStmt *) stmt)->objectType == OBJECT_EXTENSION
					   ? CF_CHANGE_ALTER
					   : CF_CHANGE_RENAME;
		default:
			return CF_CHANGE_ALTER;
	}
}

/* Returns what the words OR REPLACE mean. */
static CfClash
or_replace(bool given)
{
	return given ? CF_CLASH_REPLACES : CF_CLASH_FAILS;
}

/* Returns what the words IF NOT EXISTS mean. */
static CfClash
if_not_exists(bool given)
{
	return given ? CF_CLASH_SKIPS : CF_CLASH_FAILS;
}

/* Tells what a statement does when what it creates is there. */
CfClash
cf_change_clash(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateFunctionStmt:
			return or_replace(((CreateFunctionStmt *) stmt)->replace);
		case T_ViewStmt:
			return or_replace(((ViewStmt *) stmt)->replace);
		case T_CreateTrigStmt:
			return or_replace(((CreateTrigStmt *) stmt)->replace);
		case T_RuleStmt:
			return or_replace(((RuleStmt *) stmt)->replace);
		case T_CreatePLangStmt:
			return or_replace(((CreatePLangStmt *) stmt)->replace);
		case T_DefineStmt:
			if (((DefineStmt *) stmt)->replace)
				return CF_CLASH_REPLACES;
			return if_not_exists(((DefineStmt *) stmt)->if_not_exists);
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
			return if_not_exists(((CreateStmt *) stmt)->if_not_exists);
		case T_CreateTableAsStmt:
			return if_not_exists(((CreateTableAsStmt *) stmt)->if_not_exists);
		case T_IndexStmt:
			return if_not_exists(((IndexStmt *) stmt)->if_not_exists);
		case T_CreateSeqStmt:
			return if_not_exists(((CreateSeqStmt *) stmt)->if_not_exists);
		case T_CreateStatsStmt:
			return if_not_exists(((CreateStatsStmt *) stmt)->if_not_exists);
		case T_CreateSchemaStmt:
			return if_not_exists(((CreateSchemaStmt *) stmt)->if_not_exists);
		case T_CreateExtensionStmt:
			return if_not_exists(((CreateExtensionStmt *) stmt)->if_not_exists);
		case T_CreateForeignServerStmt:
			return if_not_exists(((CreateForeignServerStmt *) stmt)->if_not_exists);
		case T_AlterTableStmt:
			/* ADD COLUMN IF NOT EXISTS */
			return if_not_exists(
				linitial_node(AlterTableCmd, ((AlterTableStmt *) stmt)->cmds)->missing_ok);
		default:
			return CF_CLASH_FAILS;
	}
}

/* Tells whether a statement drops only what it finds. */
bool
cf_change_if_exists(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DropStmt:
			return ((DropStmt *) stmt)->missing_ok;
		case T_AlterTableStmt:
			return linitial_node(AlterTableCmd, ((AlterTableStmt *) stmt)->cmds)->missing_ok;
		default:
			return false;
	}
}

/*
 * Returns the table whose schema its indexes have, when the statement does
 * not say the schema of either.
 */
RangeVar *
cf_change_index_table(Node *stmt)
{
	RangeVar *rel = NULL;

	if (IsA(stmt, IndexStmt))
		rel = ((IndexStmt *) stmt)->relation;
	else if (IsA(stmt, ClusterStmt))
		rel = ((ClusterStmt *) stmt)->relation;
	else if (IsA(stmt, AlterTableStmt) && ((AlterTableStmt *) stmt)->objtype != OBJECT_INDEX)
		rel = ((AlterTableStmt *) stmt)->relation;
	return rel != NULL && rel->schemaname == NULL ? rel : NULL;
}

/* Returns the objects of a statement that takes objects of any kind. */
List *
cf_change_objects(Node *stmt, ObjectType *type)
{
	switch (nodeTag(stmt))
	{
		case T_DropStmt:
			*type = ((DropStmt *) stmt)->removeType;
			return ((DropStmt *) stmt)->objects;
		case T_GrantStmt:
			*type = ((GrantStmt *) stmt)->objtype;
			return ((GrantStmt *) stmt)->objects;
		case T_CommentStmt:
			*type = ((CommentStmt *) stmt)->objtype;
			return list_make1(((CommentStmt *) stmt)->object);
		case T_SecLabelStmt:
			*type = ((SecLabelStmt *) stmt)->objtype;
			return list_make1(((SecLabelStmt *) stmt)->object);
		case T_AlterOwnerStmt:
			*type = ((AlterOwnerStmt *) stmt)->objectType;
			return list_make1(((AlterOwnerStmt *) stmt)->object);
		case T_AlterObjectDependsStmt:
			*type = ((AlterObjectDependsStmt *) stmt)->objectType;
			return list_make1(((AlterObjectDependsStmt *) stmt)->object);
		case T_AlterExtensionContentsStmt:
			*type = ((AlterExtensionContentsStmt *) stmt)->objtype;
			return list_make1(((AlterExtensionContentsStmt *) stmt)->object);
		case T_AlterFunctionStmt:
			*type = ((AlterFunctionStmt *) stmt)->objtype;
			return list_make1(((AlterFunctionStmt *) stmt)->func);
		case T_RenameStmt:
			*type = ((RenameStmt *) stmt)->renameType;
			return list_make1(((RenameStmt *) stmt)->object);
		case T_AlterObjectSchemaStmt:
			*type = ((AlterObjectSchemaStmt *) stmt)->objectType;
			return list_make1(((AlterObjectSchemaStmt *) stmt)->object);
		default:
			return NIL;
	}
}

/* Sets the search_path for the rest of a script, if it can be that. */
static void
set_search_path(const char *name, const char *value)
{
	if (pg_strcasecmp(name, "search_path") == 0)
		(void) set_config_option("search_path", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, DEBUG5, false);
}

/*
 * Sets the search_path if a statement of a script would, for the names in
 * those after it. The caller has a GUC level that ends with the script.
 */
void
cf_change_search_path(Node *stmt)
{
	cf_follow_settings(stmt, set_search_path);
}
