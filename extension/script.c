/*-------------------------------------------------------------------------
 *
 * script.c
 *	  A script as a list of statements.
 *
 * The server's own grammar splits the script. What is not SQL in it, data of
 * COPY ... FROM stdin and psql's meta-commands, is found by core/splitter.c
 * and blanked before, so that every position stays what it is in the file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#include "confiture.h"
#include "core/cf_core.h"

/* Meta-commands of psql that change nothing in the database. */
static const char *const harmless_commands[] = {"echo",		"qecho",	  "warn",		"timing",
												"pset",		"x",		  "a",			"t",
												"restrict", "unrestrict", "errverbose", NULL};

/* Variables of psql that only steer how psql itself behaves. */
static const char *const harmless_variables[] = {"ON_ERROR_STOP",
												 "ECHO",
												 "QUIET",
												 "VERBOSITY",
												 "SHOW_CONTEXT",
												 "FETCH_COUNT",
												 "HIDE_TABLEAM",
												 "HIDE_TOAST_COMPRESSION",
												 NULL};

typedef struct ScanState
{
	CfScript *script;
	CfErrorFrame *frame;
	int maxspans;
	cf_piece *data; /* COPY data, in order */
	int ndata;
	int maxdata;
} ScanState;

/* Copies the next word of a meta-command into buf; returns where it ends. */
static const char *
next_word(const char *p, const char *end, char *buf, Size size)
{
	Size n = 0;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (p < end && *p != ' ' && *p != '\t' && *p != '\r' && n + 1 < size)
		buf[n++] = *p++;
	buf[n] = '\0';
	return p;
}

/* Tells whether a word stands in a NULL-terminated list. */
static bool
in_list(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

/* Refuses a meta-command of psql, unless it does not matter here. */
static void
check_meta_command(const cf_piece *piece, const char *text)
{
	char command[64];
	char variable[64];
	const char *end = text + piece->end;
	const char *p = next_word(text + piece->start + 1, end, command, sizeof(command));

	if (in_list(command, harmless_commands))
		return;
	(void) next_word(p, end, variable, sizeof(variable));
	if ((strcmp(command, "set") == 0 || strcmp(command, "unset") == 0) &&
		in_list(variable, harmless_variables))
		return;

	ereport(
		ERROR,
		(errcode(ERRCODE_CF_META_COMMAND),
		 errmsg("psql meta-command \"\\%s\" at line %d is not supported in a script", command,
				piece->line),
		 errdetail(
			 "The script runs inside the server, where psql's meta-commands have no meaning."),
		 strcmp(command, "i") == 0 || strcmp(command, "ir") == 0 || strcmp(command, "copy") == 0
			 ? errhint(
				   "The confiture command line expands \\i, \\ir and \\copy in migration files.")
			 : errhint("Remove the meta-command, or say it in SQL.")));
}

/* Overwrites a piece with blanks; line ends stay. */
static void
blank(char *text, size_t start, size_t end)
{
	for (size_t i = start; i < end; i++)
		if (text[i] != '\n' && text[i] != '\r')
			text[i] = ' ';
}

/* Notes where a statement stands. */
static void
add_span(ScanState *state, const cf_piece *piece)
{
	CfScript *script = state->script;

	if (script->nspans == state->maxspans)
	{
		state->maxspans = Max(16, state->maxspans * 2);
		script->spans = script->spans ? repalloc(script->spans, state->maxspans * sizeof(CfSpan))
									  : palloc(state->maxspans * sizeof(CfSpan));
	}
	script->spans[script->nspans].start = (int) piece->start;
	script->spans[script->nspans++].end = (int) piece->end;
}

/* Callback of cf_scan(): keeps COPY data, checks meta-commands, blanks both. */
static int
scan_piece(const cf_piece *piece, void *arg)
{
	ScanState *state = (ScanState *) arg;
	CfScript *script = state->script;

	switch (piece->kind)
	{
		case CF_PIECE_STATEMENT:
			add_span(state, piece);
			break;
		case CF_PIECE_META:
			state->frame->offset = (int) piece->start;
			check_meta_command(piece, script->text);
			state->frame->offset = -1;
			blank(script->sql, piece->start, piece->end);
			break;
		case CF_PIECE_COPY_DATA:
			if (state->ndata == state->maxdata)
			{
				state->maxdata = Max(4, state->maxdata * 2);
				state->data = state->data ? repalloc(state->data, state->maxdata * sizeof(cf_piece))
										  : palloc(state->maxdata * sizeof(cf_piece));
			}
			state->data[state->ndata++] = *piece;
			blank(script->sql, piece->start, piece->next);
			break;
	}
	return 0;
}

/* Refuses text that can't be a script: bad encoding, NUL, unterminated. */
static void
check_text(const CfScript *script)
{
	size_t bad;
	int line, column;

	/* What is a string and what is not must not depend on the session. */
	if (!standard_conforming_strings)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("scripts are read with standard_conforming_strings on"),
			 errhint(
				 "SET standard_conforming_strings = on; in the script, write E'...' for strings with backslashes.")));
	if (GetDatabaseEncoding() == PG_UTF8 && cf_utf8_check(script->text, script->len, &bad) != 0)
	{
		cf_line_column(script->text, bad, bad, &line, &column);
		ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
						errmsg("the script is not valid UTF-8 at line %d", line),
						errhint("Save the script as UTF-8, without NUL bytes.")));
	}
}

/* Finds what is not SQL and blanks it. */
static void
scan(CfScript *script, ScanState *state)
{
	cf_scan_error error = {0};

	if (cf_scan(script->text, script->len, scan_piece, state, &error) == 0)
		return;
	/* What the grammar can report itself, it reports better. */
	if (error.code != CF_SCAN_UNTERMINATED_COPY && error.code != CF_SCAN_COPY_LINE)
		return;
	state->frame->offset = (int) error.offset;
	ereport(
		ERROR,
		(errcode(ERRCODE_SYNTAX_ERROR), errmsg("%s (line %d)", error.message, error.line),
		 errhint(
			 "The data of COPY ... FROM stdin starts on the line after the statement and ends with a line that holds only \\.")));
}

/* Skips blanks and comments before a statement. */
static int
skip_blanks(const char *sql, int pos, int end)
{
	while (pos < end)
	{
		if (isspace((unsigned char) sql[pos]))
			pos++;
		else if (sql[pos] == '-' && pos + 1 < end && sql[pos + 1] == '-')
		{
			while (pos < end && sql[pos] != '\n' && sql[pos] != '\r')
				pos++;
		}
		else if (sql[pos] == '/' && pos + 1 < end && sql[pos + 1] == '*')
		{
			int depth = 1;

			pos += 2;
			while (pos < end && depth > 0)
			{
				if (sql[pos] == '*' && pos + 1 < end && sql[pos + 1] == '/')
					depth--, pos += 2;
				else if (sql[pos] == '/' && pos + 1 < end && sql[pos + 1] == '*')
					depth++, pos += 2;
				else
					pos++;
			}
		}
		else
			break;
	}
	return pos;
}

/* Counts lines on from a known place, so that a long script stays linear. */
static void
advance_line(const char *text, int from, int to, int *line, int *line_start)
{
	for (int i = from; i < to; i++)
	{
		if (text[i] == '\n')
		{
			(*line)++;
			*line_start = i + 1;
		}
	}
}

/* Tells whether a statement is COPY ... FROM stdin. */
static bool
is_copy_from_stdin(const RawStmt *raw)
{
	const CopyStmt *copy = (const CopyStmt *) raw->stmt;

	return IsA(copy, CopyStmt) && copy->is_from && copy->filename == NULL;
}

/* Fills the list of statements from the parse trees. */
static void
list_statements(CfScript *script, List *raws, const ScanState *state)
{
	int line = 1, line_start = 0, seen = 0, next_data = 0;
	ListCell *lc;

	script->statements = palloc0(Max(1, list_length(raws)) * sizeof(CfStatement));
	foreach (lc, raws)
	{
		RawStmt *raw = lfirst_node(RawStmt, lc);
		CfStatement *stmt = &script->statements[script->count++];
		int end = raw->stmt_len ? raw->stmt_location + raw->stmt_len : script->len;

		stmt->ordinal = stmt->block_end = script->count;
		stmt->raw = raw;
		stmt->start = skip_blanks(script->sql, raw->stmt_location, end);
		while (end > stmt->start && isspace((unsigned char) script->sql[end - 1]))
			end--;
		stmt->len = end - stmt->start;
		advance_line(script->sql, seen, stmt->start, &line, &line_start);
		seen = stmt->start;
		stmt->line = line;
		stmt->column = pg_mbstrlen_with_len(script->sql + line_start, stmt->start - line_start) + 1;
		stmt->tag = CreateCommandTag(raw->stmt);
		stmt->needs_top_level = cf_needs_top_level(raw->stmt);

		if (is_copy_from_stdin(raw) && next_data < state->ndata)
		{
			const cf_piece *piece = &state->data[next_data++];

			stmt->copy_data = script->text + piece->start;
			stmt->copy_len = piece->end - piece->start;
		}
	}
}

/*
 * Parses a script. The result lives in a memory context of its own under the
 * current one. label says in errors what the script is. Raises a syntax error
 * that points into the script.
 */
CfScript *
cf_script_parse(const char *text, int len, const char *label)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "confiture script", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CfScript *script = palloc0(sizeof(CfScript));
	CfErrorFrame frame = {.script = script, .offset = -1};
	ScanState state = {.script = script, .frame = &frame};
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};
	List *raws;

	/* A byte order mark is no part of the script. */
	if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
	{
		text += 3;
		len -= 3;
	}
	script->context = context;
	script->label = pstrdup(label);
	script->text = pnstrdup(text, len);
	script->sql = pnstrdup(text, len);
	script->len = len;

	error_context_stack = &callback;
	check_text(script);
	scan(script, &state);
	raws = raw_parser(script->sql, RAW_PARSE_DEFAULT);
	list_statements(script, raws, &state);
	error_context_stack = callback.previous;

	MemoryContextSwitchTo(old);
	return script;
}

/* Callback of cf_directives(): finds transaction=off. */
static int
find_off(const cf_directive *directive, void *arg)
{
	return directive->kind == CF_DIRECTIVE_PAIR && directive->key_len == 11 &&
		   memcmp(directive->key, "transaction", 11) == 0 && directive->value_len == 3 &&
		   memcmp(directive->value, "off", 3) == 0;
}

/* Tells whether each statement of a script runs in a transaction of its own. */
bool
cf_script_is_stepwise(const CfScript *script)
{
	for (int i = 0; i < script->count; i++)
		if (script->statements[i].needs_top_level)
			return true;
	return cf_directives(script->text, script->len, find_off, NULL) != 0;
}

/* Callback of cf_directives(): keeps the value of intent=. */
static int
find_intent(const cf_directive *directive, void *arg)
{
	if (directive->kind != CF_DIRECTIVE_PAIR || directive->key_len != 6 ||
		memcmp(directive->key, "intent", 6) != 0)
		return 0;
	*(char **) arg = pnstrdup(directive->value, directive->value_len);
	return 1;
}

/* Returns the intent that the header of a script names, or NULL. */
char *
cf_script_intent(const CfScript *script)
{
	char *intent = NULL;

	(void) cf_directives(script->text, script->len, find_intent, &intent);
	return intent;
}

/* Returns the text of one statement, without its semicolon. */
char *
cf_statement_text(const CfScript *script, const CfStatement *stmt)
{
	return pnstrdup(script->sql + stmt->start, stmt->len);
}

/* Frees a script. */
void
cf_script_free(CfScript *script)
{
	MemoryContextDelete(script->context);
}

/* Refuses a COPY that has no data, or that sends some. */
static void
check_copy(const CfStatement *stmt)
{
	CopyStmt *copy = (CopyStmt *) stmt->raw->stmt;

	if (!IsA(copy, CopyStmt) || copy->filename != NULL)
		return;
	if (!copy->is_from)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("COPY ... TO stdout is not supported in a script (line %d)", stmt->line),
				 errhint("Nobody would read the data: remove the statement.")));
	if (stmt->copy_data == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("COPY ... FROM stdin at line %d is not followed by data", stmt->line),
			 errhint(
				 "Put the data on the lines after the statement, and end them with a line that holds only \\.")));
}

/* Refuses one statement that no script of ours may hold. */
static void
check_statement(const CfStatement *stmt)
{
	Node *node = stmt->raw->stmt;

	if (IsA(node, TransactionStmt))
		ereport(
			ERROR,
			(errcode(ERRCODE_CF_TRANSACTION_COMMAND),
			 errmsg("%s is not allowed in a script (line %d)", GetCommandTagName(stmt->tag),
					stmt->line),
			 errdetail(
				 "Confiture runs each migration in a transaction of its own and commits it together with its record."),
			 errhint(
				 "Remove the transaction command. For statements that must not share a transaction, or groups of them between BEGIN and COMMIT, start the script with \"-- confiture: transaction=off\".")));

	check_copy(stmt);
}

/* Checks every statement of a script, errors point at it. */
static void
check_all(const CfScript *script, void (*check)(const CfStatement *stmt))
{
	for (int i = 0; i < script->count; i++)
	{
		CfErrorFrame frame = {.script = script, .stmt = &script->statements[i]};
		ErrorContextCallback callback = {
			.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};

		error_context_stack = &callback;
		check(frame.stmt);
		error_context_stack = callback.previous;
	}
}

/*
 * Refuses a script that holds a transaction command or a COPY that has no
 * data, before anything of it runs. BEGIN and COMMIT may group the statements of
 * one that runs statement by statement.
 */
void
cf_script_check_runnable(CfScript *script)
{
	cf_script_fold_blocks(script);
	check_all(script, check_statement);
}

/* Refuses only a COPY that has no data. */
void
cf_script_check_copies(const CfScript *script)
{
	check_all(script, check_copy);
}

/* Refuses a script with a statement that can't run in a transaction block. */
void
cf_script_check_transactional(const CfScript *script)
{
	for (int i = 0; i < script->count; i++)
	{
		const CfStatement *stmt = &script->statements[i];
		CfErrorFrame frame = {.script = script, .stmt = stmt};
		ErrorContextCallback callback = {
			.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};

		if (!stmt->needs_top_level)
			continue;
		error_context_stack = &callback;
		ereport(
			ERROR,
			(errcode(ERRCODE_CF_NEEDS_TOP_LEVEL),
			 errmsg("%s at line %d cannot run inside a transaction block", cf_command_name(stmt),
					stmt->line),
			 errhint(
				 "Run it with CALL confiture.migrate(), which gives such statements a background worker.")));
	}
}
