/*-------------------------------------------------------------------------
 *
 * build_file.c
 *	  One file of a build: what it may hold, which names it makes and needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "build.h"

/* Refuses a statement that a file of a build may not hold. */
static void
check_statement(const CfStatement *stmt, bool *in_block)
{
	Node *node = stmt->raw->stmt;

	switch (nodeTag(node))
	{
		case T_TransactionStmt:
		{
			TransactionStmtKind kind = ((TransactionStmt *) node)->kind;
			bool opens = kind == TRANS_STMT_BEGIN || kind == TRANS_STMT_START;

			if ((opens && !*in_block) || (kind == TRANS_STMT_COMMIT && *in_block))
			{
				*in_block = opens;
				return;
			}
			ereport(
				ERROR,
				(errcode(ERRCODE_CF_TRANSACTION_COMMAND),
				 errmsg("%s is not allowed here (line %d)", GetCommandTagName(stmt->tag),
						stmt->line),
				 errdetail("A build commits in pieces, and is all or nothing as a whole."),
				 errhint(
					 "BEGIN ... COMMIT in one file keeps what is between them in one transaction; other transaction commands have no place.")));
			break;
		}
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_AlterSystemStmt:
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("%s is not allowed in a build (line %d)",
								   GetCommandTagName(stmt->tag), stmt->line),
							errdetail("A build makes one database and touches no other."),
							errhint("Do it before, outside of the files.")));
		default:
			break;
	}
}

/*
 * Parses a file and checks that it can be run at all. Errors say which file,
 * line and column.
 */
CfScript *
cf_build_parse(const char *path, const char *text, int len)
{
	CfScript *script = cf_script_parse(text, len, psprintf("file \"%s\"", path));
	bool in_block = false;

	cf_script_check_copies(script);
	for (int i = 0; i < script->count; i++)
	{
		CfErrorFrame frame = {.script = script, .stmt = &script->statements[i]};
		ErrorContextCallback callback = {
			.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};

		error_context_stack = &callback;
		check_statement(frame.stmt, &in_block);
		if (in_block && i == script->count - 1)
			ereport(ERROR, (errcode(ERRCODE_CF_TRANSACTION_COMMAND),
							errmsg("the file ends inside of a transaction"),
							errhint("End what BEGIN has begun with COMMIT.")));
		error_context_stack = callback.previous;
	}
	return script;
}

/* Tells whether a statement may touch rows, so that deferred constraints count. */
bool
cf_build_is_data(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
		case T_SelectStmt:
		case T_CopyStmt:
		case T_DoStmt:
		case T_CallStmt:
		case T_ExecuteStmt:
			return true;
		default:
			return false;
	}
}

/* Tells whether a SELECT calls set_config() and nothing else, as dumps do. */
static bool
is_set_config(const SelectStmt *select)
{
	const FuncCall *call;

	if (list_length(select->targetList) != 1 || select->fromClause != NIL)
		return false;
	call = (const FuncCall *) linitial_node(ResTarget, select->targetList)->val;
	return call != NULL && IsA(call, FuncCall) &&
		   strcmp(strVal(llast(call->funcname)), "set_config") == 0;
}

/* Tells whether a statement sets something for the rest of the file. */
bool
cf_build_is_setting(const Node *stmt)
{
	if (IsA(stmt, VariableSetStmt))
		return !((const VariableSetStmt *) stmt)->is_local;
	return IsA(stmt, SelectStmt) && is_set_config((const SelectStmt *) stmt);
}

/*
 * Tells whether an error may be gone when other files have run. A statement
 * that destroys never waits: it would destroy what the other files make.
 */
bool
cf_build_may_wait(int sqlerrcode, const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DropStmt:
		case T_DropOwnedStmt:
		case T_DropRoleStmt:
		case T_TruncateStmt:
		case T_DeleteStmt:
		case T_UpdateStmt:
			return false;
		default:
			break;
	}
	switch (sqlerrcode)
	{
		case ERRCODE_UNDEFINED_TABLE:
		case ERRCODE_UNDEFINED_FUNCTION:
		case ERRCODE_UNDEFINED_OBJECT:
		case ERRCODE_UNDEFINED_COLUMN:
		case ERRCODE_UNDEFINED_SCHEMA:
		case ERRCODE_INVALID_FOREIGN_KEY:
		case ERRCODE_FOREIGN_KEY_VIOLATION:
			return true;
		default:
			return false;
	}
}

/* Adds a name to a list, once. */
static List *
add_name(List *names, const char *name)
{
	ListCell *lc;

	if (name == NULL || *name == '\0')
		return names;
	foreach (lc, names)
		if (strcmp((char *) lfirst(lc), name) == 0)
			return names;
	return lappend(names, pstrdup(name));
}

/*
 * Returns the plain names (of objects, parts and schemas) that a statement
 * makes, or those that it needs.
 */
List *
cf_build_names(const CfStatement *stmt, bool created)
{
	List *names = NIL;
	ListCell *lc;

	foreach (lc, cf_objects_of(stmt->raw->stmt))
	{
		const CfObject *object = (const CfObject *) lfirst(lc);

		if ((strcmp(object->action, "create") == 0) != created)
			continue;
		if (object->column)
			names = add_name(names, object->column);
		if (object->column == NULL || !created)
			names = add_name(names, object->name);
		if (!created)
			names = add_name(names, object->schema);
	}
	/* What is made may be made in a schema that is missing. */
	if (!created)
		foreach (lc, cf_objects_of(stmt->raw->stmt))
			names = add_name(names, ((const CfObject *) lfirst(lc))->schema);
	return names;
}

/* Adds the last part of a qualified name. */
static List *
add_last_part(List *names, const char *name)
{
	const char *dot = strrchr(name, '.');

	return add_name(names, dot ? dot + 1 : name);
}

/*
 * Returns the names that stand in a message: what is quoted, and what looks
 * like a function, as in: function app.total(integer) does not exist. They
 * are only hints when to try again, so that nothing depends on them.
 */
List *
cf_build_names_in_message(const char *message)
{
	char *copy = pstrdup(message);
	List *names = NIL;
	char *word = copy;

	for (char *p = copy; *p; p++)
	{
		if (*p == '"')
		{
			char *end = strchr(p + 1, '"');

			if (end == NULL)
				break;
			*end = '\0';
			names = add_last_part(names, p + 1);
			p = end;
			word = p + 1;
		}
		else if (*p == '(')
		{
			*p = '\0';
			names = add_last_part(names, word);
			word = p + 1;
		}
		else if (*p == ' ')
			word = p + 1;
	}
	return names;
}
