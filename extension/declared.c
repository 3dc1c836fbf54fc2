/*-------------------------------------------------------------------------
 *
 * declared.c
 *	  Renames that DDL declares: -- confiture: renamed from old_name, behind the
 *	  beginning of a table or of a column, or in the line before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/varlena.h"

#include "confiture.h"
#include "json.h"

PG_FUNCTION_INFO_V1(confiture_declared_renames);

/* A comment that declares a rename. */
typedef struct Directive
{
	int at;
	int line;
	bool alone; /* nothing stands before it in its line */
	char *name; /* as it was written */
	bool used;
} Directive;

/* A table or a column, and where it begins. */
typedef struct Element
{
	int at;
	int line;
	int name_line; /* of a table, where its name stands */
	const char *kind;
	const char *schema;
	const char *table;
	const char *column; /* or NULL */
	const char *was;	/* the old name of the table or column, or NULL */
	const char *schema_was;
} Element;

typedef struct Reader
{
	const char *text;
	const char *label;
	const char *schema; /* of unqualified names */
	List *directives;
	List *elements;
} Reader;

static int
line_of(const Reader *reader, int at)
{
	int line = 1;

	for (int i = 0; i < at; i++)
		line += reader->text[i] == '\n';
	return line;
}

static bool
is_name_char(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '$' || IS_HIGHBIT_SET(c);
}

/* The end of a string or quoted name that begins at a place. */
static int
end_of_quoted(const char *text, int at, bool escapes)
{
	char quote = text[at++];

	for (; text[at]; at++)
	{
		if (escapes && text[at] == '\\' && text[at + 1])
			at++;
		else if (text[at] == quote)
		{
			if (text[at + 1] != quote)
				return at + 1;
			at++;
		}
	}
	return at;
}

/* The end of a string in dollars, or the place behind the dollar when it begins none. */
static int
end_of_dollars(const char *text, int at)
{
	int len = 1;
	const char *end;
	char *tag;

	if (at > 0 && is_name_char(text[at - 1]))
		return at + 1;
	while (text[at + len] != '$' && is_name_char(text[at + len]) &&
		   !(len == 1 && isdigit((unsigned char) text[at + len])))
		len++;
	if (text[at + len] != '$')
		return at + 1;
	tag = pnstrdup(text + at, len + 1);
	end = strstr(text + at + len + 1, tag);
	return end ? (int) (end - text) + len + 1 : (int) strlen(text);
}

static int
end_of_block_comment(const char *text, int at)
{
	int depth = 0;

	do
	{
		if (text[at] == '/' && text[at + 1] == '*')
		{
			depth++;
			at += 2;
		}
		else if (text[at] == '*' && text[at + 1] == '/')
		{
			depth--;
			at += 2;
		}
		else
			at++;
	} while (depth > 0 && text[at]);
	return at;
}

/* Passes over a word, if there is one, and the blanks behind it. */
static bool
skip_word(const char **p, const char *word)
{
	size_t len = strlen(word);

	while (**p == ' ' || **p == '\t')
		(*p)++;
	if (pg_strncasecmp(*p, word, len) != 0)
		return false;
	*p += len;
	return true;
}

/* Notes a comment of one line if it declares a rename. */
static void
take_comment(Reader *reader, int at, int end)
{
	char *comment = pnstrdup(reader->text + at + 2, end - at - 2);
	const char *p = comment;
	Directive *directive;
	int len;
	int before = at;

	if (!skip_word(&p, "confiture:") || !skip_word(&p, "renamed") || !skip_word(&p, "from") ||
		(*p != ' ' && *p != '\t'))
		return;
	while (*p == ' ' || *p == '\t')
		p++;
	len = strlen(p);
	while (len > 0 && isspace((unsigned char) p[len - 1]))
		len--;
	while (before > 0 && (reader->text[before - 1] == ' ' || reader->text[before - 1] == '\t'))
		before--;
	directive = palloc0(sizeof(Directive));
	directive->at = at;
	directive->line = line_of(reader, at);
	directive->alone = before == 0 || reader->text[before - 1] == '\n';
	directive->name = pnstrdup(p, len);
	reader->directives = lappend(reader->directives, directive);
}

/* Finds the comments, outside of strings and names. */
static void
read_comments(Reader *reader)
{
	const char *text = reader->text;
	int at = 0;

	while (text[at])
	{
		if (text[at] == '-' && text[at + 1] == '-')
		{
			int end = at + strcspn(text + at, "\r\n");

			take_comment(reader, at, end);
			at = end;
		}
		else if (text[at] == '/' && text[at + 1] == '*')
			at = end_of_block_comment(text, at);
		else if (text[at] == '\'')
			at = end_of_quoted(text, at,
							   at > 0 && (text[at - 1] == 'e' || text[at - 1] == 'E') &&
								   !(at > 1 && is_name_char(text[at - 2])));
		else if (text[at] == '"')
			at = end_of_quoted(text, at, false);
		else if (text[at] == '$')
			at = end_of_dollars(text, at);
		else
			at++;
	}
}

/* The place where a statement really begins, behind blanks and comments. */
static int
begin_of(const char *text, int at)
{
	for (;;)
	{
		while (isspace((unsigned char) text[at]))
			at++;
		if (text[at] == '-' && text[at + 1] == '-')
			at += strcspn(text + at, "\r\n");
		else if (text[at] == '/' && text[at + 1] == '*')
			at = end_of_block_comment(text, at);
		else
			return at;
	}
}

static Element *
add_element(Reader *reader, int at, const RangeVar *relation, const char *kind, const char *column)
{
	Element *element = palloc0(sizeof(Element));

	element->at = at;
	element->line = line_of(reader, at);
	element->name_line = element->line;
	element->kind = kind;
	element->schema = relation->schemaname ? relation->schemaname : reader->schema;
	element->table = relation->relname;
	element->column = column;
	reader->elements = lappend(reader->elements, element);
	return element;
}

static void
add_relation(Reader *reader, int at, const RangeVar *relation, const char *kind)
{
	add_element(reader, at, relation, kind, NULL)->name_line =
		line_of(reader, relation->location >= 0 ? relation->location : at);
}

/* Notes a table and its columns. */
static void
read_table(Reader *reader, int at, CreateStmt *stmt, const char *kind)
{
	ListCell *lc;

	add_relation(reader, at, stmt->relation, kind);
	foreach (lc, stmt->tableElts)
		if (IsA(lfirst(lc), ColumnDef))
			(void) add_element(reader, lfirst_node(ColumnDef, lc)->location, stmt->relation, kind,
							   lfirst_node(ColumnDef, lc)->colname);
}

/* The schema that SET search_path puts first. */
static void
read_set(Reader *reader, const VariableSetStmt *stmt)
{
	if (stmt->name == NULL || strcmp(stmt->name, "search_path") != 0)
		return;
	reader->schema = "public";
	if (stmt->kind == VAR_SET_VALUE && stmt->args != NIL && IsA(linitial(stmt->args), A_Const))
	{
		const A_Const *value = linitial_node(A_Const, stmt->args);

		if (IsA(&value->val, String) && strcmp(value->val.sval.sval, "$user") != 0)
			reader->schema = value->val.sval.sval;
	}
}

static void
read_statement(Reader *reader, Node *stmt, int at)
{
	ListCell *lc;

	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			read_table(reader, at, (CreateStmt *) stmt, "table");
			break;
		case T_CreateForeignTableStmt:
			read_table(reader, at, &((CreateForeignTableStmt *) stmt)->base, "foreign table");
			break;
		case T_ViewStmt:
			add_relation(reader, at, ((ViewStmt *) stmt)->view, "view");
			break;
		case T_CreateSeqStmt:
			add_relation(reader, at, ((CreateSeqStmt *) stmt)->sequence, "sequence");
			break;
		case T_AlterTableStmt:
			foreach (lc, ((AlterTableStmt *) stmt)->cmds)
			{
				AlterTableCmd *command = lfirst_node(AlterTableCmd, lc);

				if (command->subtype == AT_AddColumn)
					(void) add_element(reader, castNode(ColumnDef, command->def)->location,
									   ((AlterTableStmt *) stmt)->relation, "table",
									   castNode(ColumnDef, command->def)->colname);
			}
			break;
		case T_VariableSetStmt:
			read_set(reader, (VariableSetStmt *) stmt);
			break;
		case T_CreateSchemaStmt:
			foreach (lc, ((CreateSchemaStmt *) stmt)->schemaElts)
				if (IsA(lfirst(lc), CreateStmt))
				{
					CreateStmt *table = lfirst_node(CreateStmt, lc);

					if (table->relation->schemaname == NULL)
						table->relation->schemaname = ((CreateSchemaStmt *) stmt)->schemaname;
					read_table(reader, table->relation->location, table, "table");
				}
			break;
		default:
			break;
	}
}

/* Where something stands, for a message. */
static const char *
place(const Reader *reader, int line)
{
	return reader->label ? psprintf("line %d of %s", line, reader->label)
						 : psprintf("line %d", line);
}

/* What a directive belongs to: the last that begins before it in its line, or the next line. */
static Element *
find_element(const Reader *reader, const Directive *directive)
{
	Element *found = NULL;
	int line = directive->line;
	ListCell *lc;

	if (directive->alone)
	{
		/* more comments may stand between */
		line = line_of(reader, begin_of(reader->text, directive->at));
		foreach (lc, reader->elements)
		{
			Element *element = (Element *) lfirst(lc);

			if (element->line == line && (found == NULL || element->at < found->at))
				found = element;
		}
		return found;
	}
	foreach (lc, reader->elements)
	{
		Element *element = (Element *) lfirst(lc);

		if ((element->line == line || element->name_line == line) && element->at < directive->at &&
			(found == NULL || element->at > found->at))
			found = element;
	}
	return found;
}

/* Gives an element the old name that a directive says. */
static void
apply(const Reader *reader, const Directive *directive)
{
	Element *element = find_element(reader, directive);
	List *names;

	if (element == NULL)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("the directive at %s belongs to no table and no column",
					   place(reader, directive->line)),
				errhint("Write \"-- confiture: renamed from %s\" in the line in which the table or "
						"column begins, or in the one before.",
						directive->name));
	if (!SplitIdentifierString(pstrdup(directive->name), '.', &names) || names == NIL ||
		list_length(names) > (element->column ? 1 : 2))
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("\"%s\" in the directive at %s is no name of a %s", directive->name,
					   place(reader, directive->line), element->column ? "column" : element->kind),
				errhint("Write \"-- confiture: renamed from old_name\", quoted where it must be."));
	if (element->was)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("the directive at %s is the second for %s %s",
					   place(reader, directive->line), element->column ? "column" : element->kind,
					   quote_identifier(element->column ? element->column : element->table)));
	element->was = (char *) llast(names);
	element->schema_was = list_length(names) == 2 ? (char *) linitial(names) : element->schema;
}

/* The element of a table, or NULL. */
static const Element *
table_of(const Reader *reader, const Element *column)
{
	ListCell *lc;

	foreach (lc, reader->elements)
	{
		const Element *element = (const Element *) lfirst(lc);

		if (element->column == NULL && strcmp(element->table, column->table) == 0 &&
			strcmp(element->schema, column->schema) == 0)
			return element;
	}
	return NULL;
}

static char *
relation_identity(const char *kind, const char *schema, const char *name)
{
	return psprintf("%s %s", kind, quote_qualified_identifier(schema, name));
}

static char *
column_identity(const char *schema, const char *table, const char *column)
{
	return psprintf("column %s.%s", quote_qualified_identifier(schema, table),
					quote_identifier(column));
}

/* Writes the renames: a column of a table that is renamed too may be of either name. */
static void
write_renames(const Reader *reader, StringInfo json)
{
	ListCell *lc;

	foreach (lc, reader->elements)
	{
		const Element *element = (const Element *) lfirst(lc);
		const Element *table;
		char *is;

		if (element->was == NULL)
			continue;
		if (element->column == NULL)
		{
			cf_json_text(json, relation_identity(element->kind, element->schema_was, element->was),
						 relation_identity(element->kind, element->schema, element->table));
			continue;
		}
		is = column_identity(element->schema, element->table, element->column);
		table = table_of(reader, element);
		cf_json_text(json, column_identity(element->schema, element->table, element->was), is);
		if (table && table->was)
			cf_json_text(json, column_identity(table->schema_was, table->was, element->was), is);
	}
}

/* confiture._declared_renames(ddl, label) */
Datum
confiture_declared_renames(PG_FUNCTION_ARGS)
{
	Reader reader = {.schema = "public"};
	StringInfoData json;
	ListCell *lc;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	reader.text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (!PG_ARGISNULL(1))
		reader.label = text_to_cstring(PG_GETARG_TEXT_PP(1));
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	read_comments(&reader);
	if (reader.directives != NIL)
	{
		foreach (lc, raw_parser(reader.text, RAW_PARSE_DEFAULT))
		{
			RawStmt *raw = lfirst_node(RawStmt, lc);

			CHECK_FOR_INTERRUPTS();
			read_statement(&reader, raw->stmt, begin_of(reader.text, raw->stmt_location));
		}
		foreach (lc, reader.directives)
			apply(&reader, (Directive *) lfirst(lc));
		write_renames(&reader, &json);
	}
	appendStringInfoChar(&json, '}');
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}
