/*-------------------------------------------------------------------------
 *
 * follow.c
 *	  Settings that a script makes for its later statements, found in the
 *	  parse tree: SET, RESET and SELECT set_config(...), as pg_dump writes it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/guc.h"

#include "follow.h"

/* Returns the string that an argument of a function call is, or NULL. */
static const char *
string_argument(List *args, int n)
{
	A_Const *constant;

	if (list_length(args) <= n || !IsA(list_nth(args, n), A_Const))
		return NULL;
	constant = (A_Const *) list_nth(args, n);
	return !constant->isnull && IsA(&constant->val, String) ? strVal(&constant->val) : NULL;
}

/* Tells of the calls of set_config() in a target list. */
static void
follow_select(SelectStmt *stmt, CfFollow follow)
{
	ListCell *lc;

	foreach (lc, stmt->targetList)
	{
		FuncCall *call = (FuncCall *) lfirst_node(ResTarget, lc)->val;
		const char *name;
		const char *value;

		if (call == NULL || !IsA(call, FuncCall) ||
			strcmp(strVal(llast(call->funcname)), "set_config") != 0)
			continue;
		name = string_argument(call->args, 0);
		value = string_argument(call->args, 1);
		if (name && value)
			follow(name, value);
	}
}

/* Calls follow for each setting that a statement makes. */
void
cf_follow_settings(Node *stmt, CfFollow follow)
{
	if (IsA(stmt, SelectStmt))
		follow_select((SelectStmt *) stmt, follow);
	else if (IsA(stmt, VariableSetStmt))
	{
		VariableSetStmt *set = (VariableSetStmt *) stmt;

		if (set->kind == VAR_SET_VALUE)
			follow(set->name, ExtractSetVariableArgs(set));
		else if (set->kind == VAR_SET_DEFAULT || set->kind == VAR_RESET)
			follow(set->name, NULL);
	}
}
