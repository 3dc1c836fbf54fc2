/*-------------------------------------------------------------------------
 *
 * block.c
 *	  BEGIN and COMMIT in a script that does not run in one transaction: what
 *	  stands between them is one.
 *
 * The two commands are taken out of the list of statements, and every statement
 * knows the last one of its transaction. So nobody runs them, and in a run
 * that is one transaction as a whole, a dry run for example, they count for nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "confiture.h"

/* The transaction command that a statement is, or -1. */
static int
transaction_kind(const CfStatement *stmt)
{
	return IsA(stmt->raw->stmt, TransactionStmt) ? (int) ((TransactionStmt *) stmt->raw->stmt)->kind
												 : -1;
}

static bool
is_begin(const CfStatement *stmt)
{
	int kind = transaction_kind(stmt);

	return kind == TRANS_STMT_BEGIN || kind == TRANS_STMT_START;
}

/* Raises an error that points at a statement. */
static void
refuse(const CfScript *script, const CfStatement *stmt, const char *message, const char *hint)
{
	CfErrorFrame frame = {.script = script, .stmt = stmt};
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};

	error_context_stack = &callback;
	ereport(ERROR, (errcode(ERRCODE_CF_TRANSACTION_COMMAND), errmsg(message, stmt->line),
					errhint("%s", hint)));
}

/* Refuses what can't be the beginning, the end or a part of a transaction. */
static void
check_place(const CfScript *script, const CfStatement *stmt, const CfStatement *open)
{
	TransactionStmt *command = (TransactionStmt *) stmt->raw->stmt;

	if (is_begin(stmt) && open)
		refuse(script, stmt, "BEGIN at line %d stands in a transaction that has begun already",
			   "Write COMMIT before it.");
	else if (is_begin(stmt) && command->options != NIL)
		refuse(script, stmt, "BEGIN at line %d says how its transaction is to be",
			   "Write BEGIN alone; use SET LOCAL transaction_isolation and the like after it.");
	else if (transaction_kind(stmt) == TRANS_STMT_COMMIT && command->chain)
		refuse(script, stmt, "COMMIT AND CHAIN at line %d is not supported",
			   "Write COMMIT, then BEGIN.");
	else if (transaction_kind(stmt) == TRANS_STMT_COMMIT && !open)
		refuse(script, stmt, "COMMIT at line %d ends no transaction", "Write BEGIN before it.");
	else if (stmt->needs_top_level && open)
		refuse(script, stmt, "the statement at line %d cannot run in a transaction",
			   "Write COMMIT before it.");
}

/*
 * Makes transactions of the statements between BEGIN and COMMIT, in a script
 * that runs statement by statement. In another one they stay what they are, and
 * cf_script_check_runnable() refuses them.
 */
void
cf_script_fold_blocks(CfScript *script)
{
	CfStatement open;
	bool is_open = false, found = false;
	int kept = 0, first = 0;

	for (int i = 0; i < script->count; i++)
		found |= transaction_kind(&script->statements[i]) >= 0;
	if (!found || !cf_script_is_stepwise(script))
		return;
	for (int i = 0; i < script->count; i++)
	{
		CfStatement stmt = script->statements[i];

		check_place(script, &stmt, is_open ? &open : NULL);
		if (is_begin(&stmt))
		{
			open = stmt;
			is_open = true;
			first = kept;
		}
		else if (transaction_kind(&stmt) == TRANS_STMT_COMMIT)
		{
			for (int k = first; k < kept; k++)
				script->statements[k].block_end = kept;
			is_open = false;
		}
		else
		{
			stmt.ordinal = stmt.block_end = kept + 1;
			script->statements[kept++] = stmt;
		}
	}
	script->count = kept;
	if (is_open)
		refuse(script, &open, "BEGIN at line %d is never followed by COMMIT",
			   "Write COMMIT after the last statement of the transaction.");
}
