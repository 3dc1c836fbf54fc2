/*-------------------------------------------------------------------------
 *
 * differ_server.c
 *	  What this server knows of types and expressions. A snapshot may speak of
 *	  types that are not here: then the answer is the careful one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "differ.h"

/*
 * Finds a type of the system by its name, with its modifier; false for any other. A type
 * of a user may be another one here.
 */
bool
cfd_parse_type(const char *type, Oid *oid, int32 *modifier)
{
	TypeName *name;
	Type tuple;
	List *parsed = raw_parser(type, RAW_PARSE_TYPE_NAME);

	name = linitial_node(TypeName, parsed);
	/* What is qualified with another schema is none of the system. */
	if (list_length(name->names) > 1 && strcmp(strVal(linitial(name->names)), "pg_catalog") != 0)
		return false;
	tuple = LookupTypeName(NULL, name, modifier, true);
	if (tuple == NULL)
		return false;
	*oid = typeTypeId(tuple);
	ReleaseSysCache(tuple);
	return *oid < FirstNormalObjectId;
}

/* The qualified name of a type of the system that may be written otherwise, such as integer. */
const char *
cfd_system_type(const char *type)
{
	Oid oid;
	int32 modifier;
	HeapTuple tuple;
	const char *name;

	if (!cfd_parse_type(type, &oid, &modifier))
		return type;
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		return type;
	name = quote_qualified_identifier("pg_catalog",
									  NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname));
	ReleaseSysCache(tuple);
	return name;
}

/* The storage that the columns of a type have when nothing is said. */
const char *
cfd_default_storage(const char *type)
{
	Oid oid;
	int32 modifier;
	char storage = TYPSTORAGE_EXTENDED;

	if (cfd_parse_type(type, &oid, &modifier))
		storage = get_typstorage(oid);
	switch (storage)
	{
		case TYPSTORAGE_PLAIN:
			return "PLAIN";
		case TYPSTORAGE_EXTERNAL:
			return "EXTERNAL";
		case TYPSTORAGE_MAIN:
			return "MAIN";
		default:
			return "EXTENDED";
	}
}

/* Tells whether an expression is a constant, maybe with casts. */
bool
cfd_is_constant(const char *expression)
{
	List *parsed = raw_parser(expression, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select;
	Node *node;

	if (list_length(parsed) != 1)
		return false;
	select = (SelectStmt *) linitial_node(RawStmt, parsed)->stmt;
	if (!IsA(select, SelectStmt) || list_length(select->targetList) != 1 || select->fromClause)
		return false;
	node = linitial_node(ResTarget, select->targetList)->val;
	while (IsA(node, TypeCast))
		node = castNode(TypeCast, node)->arg;
	return IsA(node, A_Const);
}

/*
 * Tells whether this server has the files of a version of an extension: those that make
 * it, or, with a version to come from, those that lead from one to the other.
 */
bool
cfd_extension_has(const char *name, const char *from, const char *version)
{
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum values[3];
	char nulls[] = "   ";
	bool found;

	values[0] = CStringGetTextDatum(name);
	values[1] = CStringGetTextDatum(version);
	values[2] = from ? CStringGetTextDatum(from) : (Datum) 0;
	SPI_connect();
	if (SPI_execute_with_args(from ? "SELECT FROM pg_catalog.pg_extension_update_paths($1) AS p"
									 " WHERE p.source OPERATOR(pg_catalog.=) $3"
									 " AND p.target OPERATOR(pg_catalog.=) $2"
									 " AND p.path IS NOT NULL AND EXISTS (SELECT FROM"
									 " pg_catalog.pg_available_extensions AS a"
									 " WHERE a.name OPERATOR(pg_catalog.=) $1)"
								   : "SELECT FROM pg_catalog.pg_available_extension_versions AS v"
									 " WHERE v.name OPERATOR(pg_catalog.=) $1"
									 " AND v.version OPERATOR(pg_catalog.=) $2",
							  from ? 3 : 2, types, values, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the versions of an extension");
	found = SPI_processed > 0;
	SPI_finish();
	return found;
}

/* The comment that an extension brings, as this server has it, or NULL. */
char *
cfd_extension_comment(const char *name)
{
	Oid types[] = {TEXTOID};
	Datum values[1];
	MemoryContext context = CurrentMemoryContext;
	char *comment = NULL;

	values[0] = CStringGetTextDatum(name);
	SPI_connect();
	if (SPI_execute_with_args("SELECT a.comment FROM pg_catalog.pg_available_extensions AS a"
							  " WHERE a.name OPERATOR(pg_catalog.=) $1",
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the comment of an extension");
	if (SPI_processed > 0)
		comment = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (comment)
		comment = MemoryContextStrdup(context, comment);
	SPI_finish();
	return comment;
}
