/*-------------------------------------------------------------------------
 *
 * errors.c
 *	  Errors that point into a script.
 *
 * An error raised while a statement of a script is parsed or runs gets the
 * statement as its internal query, its position in that statement, and one
 * line of context that says where in the script it is:
 *
 *	  migration 003 "add_orders" (up), statement 4 of 7 at line 12, column 8
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/elog.h"
#include "utils/memutils.h"

#include "confiture.h"
#include "core/cf_core.h"

/* Turns a position in characters, from 1, into a byte offset. */
static int
byte_offset(const char *text, int len, int position)
{
	int offset = 0;

	while (position > 1 && offset < len)
	{
		offset += pg_mblen(text + offset);
		position--;
	}
	return Min(offset, len);
}

/* Shows no more of a statement than this behind the error. */
#define LONGEST_TAIL 2000

/* Finds the span that a byte offset falls into: the last that starts at or
 * before it. Returns its number from 1, or 0. */
static int
span_at(const CfScript *script, int offset)
{
	int found = 0;

	while (found < script->nspans && script->spans[found].start <= offset)
		found++;
	return found;
}

/* Makes a part of the script the internal query, and points into it. */
static void
point_into(const CfScript *script, int start, int end, int offset)
{
	char *query;
	int limit = offset + LONGEST_TAIL;

	start = Min(start, offset);
	end = Min(Max(end, offset), script->len);
	if (end > limit)
		end = limit + pg_mbcliplen(script->sql + limit, end - limit, 1) - 1;
	query = pnstrdup(script->sql + start, end - start);
	errposition(0);
	internalerrquery(query);
	internalerrposition(pg_mbstrlen_with_len(script->sql + start, offset - start) + 1);
	pfree(query);
}

/* Adds our line of context. */
static void
add_context(const CfScript *script, int ordinal, int of, int line, int column)
{
	if (ordinal > 0)
		errcontext("%s, statement %d of %d at line %d, column %d", script->label, ordinal, of, line,
				   column);
	else
		errcontext("%s at line %d, column %d", script->label, line, column);
}

/* While a script is parsed: the grammar points, or the splitter does. */
static void
parse_error(const CfErrorFrame *frame, int offset)
{
	const CfScript *script = frame->script;
	int line, column, span;

	if (offset < 0 && frame->offset < 0)
	{
		errcontext("%s", script->label);
		return;
	}
	if (offset < 0)
	{
		cf_line_column(script->sql, script->len, frame->offset, &line, &column);
		add_context(script, 0, 0, line, column);
		return;
	}
	span = span_at(script, offset);
	if (span > 0)
		point_into(script, script->spans[span - 1].start, script->spans[span - 1].end, offset);
	else
		point_into(script, 0, script->len, offset);
	cf_line_column(script->sql, script->len, offset, &line, &column);
	add_context(script, span, script->nspans, line, column);
}

/* Tells whether what is raised is an error, not a notice or a warning. */
static bool
is_error(void)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "confiture level", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool result = CopyErrorData()->elevel >= ERROR;

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return result;
}

/*
 * Error context callback: moves the server's position, which counts in the
 * whole script, into the statement, and adds our line of context.
 */
void
cf_error_callback(void *arg)
{
	const CfErrorFrame *frame = (const CfErrorFrame *) arg;
	const CfScript *script = frame->script;
	const CfStatement *stmt = frame->stmt;
	int position = geterrposition();
	int offset = position > 0 ? byte_offset(script->sql, script->len, position) : -1;
	int line, column;

	if (stmt == NULL)
	{
		parse_error(frame, offset);
		return;
	}
	line = stmt->line;
	column = stmt->column;
	if (offset >= 0)
	{
		point_into(script, stmt->start, stmt->start + stmt->len, offset);
		cf_line_column(script->sql, script->len, offset, &line, &column);
	}
	else if (getinternalerrposition() == 0 && is_error())
	{
		/* Leave what a nested function or DO block says of itself. */
		char *query = cf_statement_text(script, stmt);

		internalerrquery(query);
		pfree(query);
	}
	add_context(script, stmt->ordinal, script->count, line, column);
}

/*
 * Returns the line of a CONTEXT that the callback above has written (the
 * outermost one), or NULL.
 */
const char *
cf_error_context_line(const char *context)
{
	const char *found = NULL;

	for (const char *p = context; p != NULL && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
	{
		if (strncmp(p, "migration ", 10) == 0 || strncmp(p, "script, ", 8) == 0 ||
			strncmp(p, "script at ", 10) == 0 || strncmp(p, "hook ", 5) == 0)
			found = p;
	}
	return found;
}

/* Tells whether a context begins inside of Confiture's own functions. */
static bool
raised_by_us(const char *context)
{
	return context != NULL && (strncmp(context, "PL/pgSQL function confiture._", 29) == 0 ||
							   strncmp(context, "SQL statement \"SELECT confiture._", 33) == 0);
}

/*
 * Cuts from the context of an error what Confiture's own functions have added
 * below the line that points into the script, or all of it when they have
 * raised it themselves: nobody can act on it.
 */
void
cf_trim_error_context(ErrorData *edata)
{
	char *line = unconstify(char *, cf_error_context_line(edata->context));
	char *end = line ? strchr(line, '\n') : NULL;

	if (end)
		*end = '\0';
	else if (line == NULL && raised_by_us(edata->context))
		edata->context = NULL;
}
