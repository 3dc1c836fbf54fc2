/*-------------------------------------------------------------------------
 *
 * statements.c
 *	  What a script consists of, as a result set: confiture.statements(),
 *	  and the smaller questions that the ledger asks of a script.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "confiture.h"
#include "core/cf_core.h"
#include "json.h"

PG_FUNCTION_INFO_V1(confiture_statements);
PG_FUNCTION_INFO_V1(confiture_inspect);
PG_FUNCTION_INFO_V1(confiture_normalise);
PG_FUNCTION_INFO_V1(confiture_directives);

/* Returns the objects that a statement names, as a jsonb array. */
static Datum
objects_json(const CfStatement *stmt)
{
	StringInfoData json;
	ListCell *lc;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach (lc, cf_objects_of(stmt->raw->stmt))
	{
		CfObject *object = (CfObject *) lfirst(lc);

		appendStringInfoString(&json, json.len > 1 ? ", {" : "{");
		cf_json_text(&json, "kind", object->kind);
		cf_json_text(&json, "schema", object->schema);
		cf_json_text(&json, "name", object->name);
		cf_json_text(&json, "column", object->column);
		cf_json_text(&json, "action", object->action);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	return cf_json_datum(&json);
}

/* SELECT * FROM confiture.statements(script) */
Datum
confiture_statements(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	text *text_in = PG_GETARG_TEXT_PP(0);
	CfScript *script;

	InitMaterializedSRF(fcinfo, 0);
	script = cf_script_parse(VARDATA_ANY(text_in), VARSIZE_ANY_EXHDR(text_in), "script");
	for (int i = 0; i < script->count; i++)
	{
		const CfStatement *stmt = &script->statements[i];
		Datum values[6];
		bool nulls[6] = {false};

		values[0] = Int32GetDatum(stmt->ordinal);
		values[1] = Int32GetDatum(stmt->line);
		values[2] = CStringGetTextDatum(cf_statement_text(script, stmt));
		values[3] = CStringGetTextDatum(GetCommandTagName(stmt->tag));
		values[4] = objects_json(stmt);
		values[5] = BoolGetDatum(stmt->needs_top_level);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	cf_script_free(script);
	return (Datum) 0;
}

/*
 * Parses a script and checks that it can run at all. Returns how many
 * statements it has, and line and command of the first that needs the top
 * level (NULL when none does).
 */
Datum
confiture_inspect(PG_FUNCTION_ARGS)
{
	text *text_in = PG_GETARG_TEXT_PP(0);
	char *label = text_to_cstring(PG_GETARG_TEXT_PP(1));
	CfScript *script = cf_script_parse(VARDATA_ANY(text_in), VARSIZE_ANY_EXHDR(text_in), label);
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false, true, true};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	cf_script_check_runnable(script);
	values[0] = Int32GetDatum(script->count);
	for (int i = 0; i < script->count; i++)
	{
		const CfStatement *stmt = &script->statements[i];

		if (!stmt->needs_top_level)
			continue;
		values[1] = Int32GetDatum(stmt->line);
		values[2] = CStringGetTextDatum(cf_command_name(stmt));
		nulls[1] = nulls[2] = false;
		break;
	}
	cf_script_free(script);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* Returns the text that a checksum covers: no byte order mark, LF line ends. */
Datum
confiture_normalise(PG_FUNCTION_ARGS)
{
	text *in = PG_GETARG_TEXT_PP(0);
	Size len = VARSIZE_ANY_EXHDR(in);
	text *out = palloc(VARHDRSZ + len);

	len = cf_normalise(VARDATA_ANY(in), len, VARDATA(out));
	SET_VARSIZE(out, VARHDRSZ + len);
	PG_RETURN_TEXT_P(out);
}

/* Tells whether a text has the form of an intent's id: int_, letters and digits. */
static bool
is_intent(const char *text)
{
	return strncmp(text, "int_", 4) == 0 && text[4] != '\0' && strlen(text) <= 64 &&
		   strspn(text + 4, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
			   strlen(text + 4);
}

/* Tells whether a text has the form of a basis: confiture._basis_text() writes it. */
static bool
is_basis(const char *text)
{
	return text[0] != '\0' &&
		   strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
						"_.()+%:,/-") == strlen(text);
}

/* Callback of cf_directives(): one more key of the JSON object. */
static int
add_directive(const cf_directive *directive, void *arg)
{
	StringInfo json = (StringInfo) arg;
	char *key;
	char *value = pnstrdup(directive->value, directive->value_len);

	if (directive->kind == CF_DIRECTIVE_MALFORMED)
		ereport(
			ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("malformed directive \"%s\" at line %d", value, directive->line),
			 errhint("Write \"-- confiture: key=value\", more pairs separated by semicolons.")));
	key = pnstrdup(directive->key, directive->key_len);
	if (strcmp(key, "depends_on") != 0 && strcmp(key, "transaction") != 0 &&
		strcmp(key, "intent") != 0 && strcmp(key, "basis") != 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("unknown directive \"%s\" at line %d", key, directive->line),
			 errhint(
				 "The directives are depends_on=VERSION[,VERSION...], intent=INTENT, basis=OBJECT:HASH[,...] and transaction=on|off.")));
	if (strcmp(key, "transaction") == 0 && strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
						errmsg("directive transaction=%s at line %d is neither on nor off", value,
							   directive->line),
						errhint("Write \"-- confiture: transaction=off\".")));
	if (strcmp(key, "intent") == 0 && !is_intent(value))
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
						errmsg("directive intent=%s at line %d does not name an intent", value,
							   directive->line),
						errhint("Write \"-- confiture: intent=int_...\", the id that "
								"confiture.intent_register() has returned.")));
	if (strcmp(key, "basis") == 0 && !is_basis(value))
		ereport(
			ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("directive basis at line %d is not what a plan was made from", directive->line),
			 errhint("Leave the line as it was generated, or remove it: then the schema is "
					 "not compared.")));
	cf_json_text(json, key, value);
	return 0;
}

/* Returns the directives in the header of a script as a jsonb object. */
Datum
confiture_directives(PG_FUNCTION_ARGS)
{
	text *in = PG_GETARG_TEXT_PP(0);
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	(void) cf_directives(VARDATA_ANY(in), VARSIZE_ANY_EXHDR(in), add_directive, &json);
	appendStringInfoChar(&json, '}');
	return cf_json_datum(&json);
}
