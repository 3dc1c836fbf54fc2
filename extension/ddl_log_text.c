/*-------------------------------------------------------------------------
 *
 * ddl_log_text.c
 *	  The text of the statement that runs, for the DDL log: that of the
 *	  migration or hook, or that which the client has sent. What may be a
 *	  secret is not in it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "parser/scansup.h"
#include "tcop/cmdtag.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/portal.h"

#include "ddl_log.h"
#include "execute.h"
#include "guard.h"

/* No more of a text is stored. */
#define MOST_BYTES 65536

/* A statement in a text. */
typedef struct Found
{
	Node *node; /* NULL for a query */
	CommandTag tag;
	const char *text;
	int start; /* in what it was parsed from */
	int len;
} Found;

/* Finds the statement of a script of ours that runs. */
static bool
find_in_script(Found *found)
{
	const CfScript *script;
	const CfStatement *stmt = cf_running_statement(&script);

	if (stmt == NULL)
		return false;
	found->node = stmt->raw->stmt;
	found->tag = stmt->tag;
	found->text = script->sql;
	found->start = stmt->start;
	found->len = stmt->len;
	return true;
}

/* Finds the statement that the client has sent. */
static bool
find_in_portal(Found *found)
{
	PlannedStmt *plan;

	if (ActivePortal == NULL || ActivePortal->sourceText == NULL || ActivePortal->stmts == NIL)
		return false;
	plan = linitial_node(PlannedStmt, ActivePortal->stmts);
	found->node = plan->utilityStmt;
	found->tag = ActivePortal->commandTag;
	found->text = ActivePortal->sourceText;
	found->start = Max(plan->stmt_location, 0);
	found->len = plan->stmt_len > 0 ? plan->stmt_len : (int) strlen(found->text) - found->start;
	return true;
}

/* Leaves out the white space around it. */
static void
trim(Found *found)
{
	while (found->len > 0 && scanner_isspace(found->text[found->start]))
	{
		found->start++;
		found->len--;
	}
	while (found->len > 0 && (scanner_isspace(found->text[found->start + found->len - 1]) ||
							  found->text[found->start + found->len - 1] == ';'))
		found->len--;
}

/* The options of a statement that may hold a secret, or NIL. */
static List *
secret_options(Node *node)
{
	switch (nodeTag(node))
	{
		case T_CreateUserMappingStmt:
			return ((CreateUserMappingStmt *) node)->options;
		case T_AlterUserMappingStmt:
			return ((AlterUserMappingStmt *) node)->options;
		case T_CreateForeignServerStmt:
			return ((CreateForeignServerStmt *) node)->options;
		case T_AlterForeignServerStmt:
			return ((AlterForeignServerStmt *) node)->options;
		case T_CreateFdwStmt:
			return ((CreateFdwStmt *) node)->options;
		case T_AlterFdwStmt:
			return ((AlterFdwStmt *) node)->options;
		case T_CreateForeignTableStmt:
			return ((CreateForeignTableStmt *) node)->options;
		case T_ImportForeignSchemaStmt:
			return ((ImportForeignSchemaStmt *) node)->options;
		case T_CreateRoleStmt:
			return ((CreateRoleStmt *) node)->options;
		case T_AlterRoleStmt:
			return ((AlterRoleStmt *) node)->options;
		default:
			return NIL;
	}
}

/* Tells whether a text has a word, in capitals or not. */
static bool
has_word(const Found *found, const char *word)
{
	int len = strlen(word);

	for (int i = 0; i + len <= found->len; i++)
		if (pg_strncasecmp(found->text + found->start + i, word, len) == 0)
			return true;
	return false;
}

/*
 * Tells whether a statement is not DDL itself, but calls or contains what is:
 * nobody knows what else it holds.
 */
static bool
is_opaque(Node *node)
{
	if (node == NULL)
		return true;
	switch (nodeTag(node))
	{
		case T_SelectStmt:
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
		case T_DoStmt:
		case T_CallStmt:
		case T_ExecuteStmt:
		case T_ExplainStmt:
		case T_CopyStmt:
			return true;
		default:
			return false;
	}
}

/* What is stored of a statement instead of its text, or NULL. */
static char *
without_secrets(const Found *found)
{
	List *options;

	if (is_opaque(found->node))
	{
		if (has_word(found, "password") || has_word(found, "passwd") || has_word(found, "secret"))
			return psprintf("%s ... (left out: it may hold a password)",
							GetCommandTagName(found->tag));
		return NULL;
	}
	if (IsA(found->node, CreateSubscriptionStmt))
		return psprintf("CREATE SUBSCRIPTION %s CONNECTION ...",
						quote_identifier(((CreateSubscriptionStmt *) found->node)->subname));
	if (IsA(found->node, AlterSubscriptionStmt) &&
		((AlterSubscriptionStmt *) found->node)->conninfo != NULL)
		return psprintf("ALTER SUBSCRIPTION %s CONNECTION ...",
						quote_identifier(((AlterSubscriptionStmt *) found->node)->subname));
	options = secret_options(found->node);
	if (options != NIL)
	{
		int end = linitial_node(DefElem, options)->location - found->start;

		if (end > 0 && end < found->len)
			return psprintf("%.*s...", end, found->text + found->start);
		return psprintf("%s ...", GetCommandTagName(found->tag));
	}
	return NULL;
}

/* Returns the text of the statement that runs, or NULL when nobody knows. */
char *
cf_ddl_statement(void)
{
	Found found;
	char *instead;
	int len;

	if (!find_in_script(&found))
	{
		/* Of Python it is known which migration it is. */
		if (cf_guard_scope() != NULL || !find_in_portal(&found))
			return NULL;
	}
	trim(&found);
	instead = without_secrets(&found);
	if (instead)
		return instead;
	if (found.len <= MOST_BYTES)
		return pnstrdup(found.text + found.start, found.len);
	len = pg_mbcliplen(found.text + found.start, found.len, MOST_BYTES);
	return psprintf("%.*s...", len, found.text + found.start);
}
