/*-------------------------------------------------------------------------
 *
 * intent_routine.c
 *	  Routines in intents: which one a name means, and its arguments.
 *
 * Arguments are the types of the input arguments, as format_type() prints
 * those of pg_catalog; other types are qualified whatever the search_path, so
 * that all sessions write the same. Of a name without arguments they are
 * known when one routine has it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "intent.h"

/* Returns the name of a type that exists. */
static char *
type_text(Oid type)
{
	Oid element = get_element_type(type);
	HeapTuple tuple =
		SearchSysCache1(TYPEOID, ObjectIdGetDatum(OidIsValid(element) ? element : type));
	Form_pg_type form;
	const char *schema;
	char *text;

	/* another session may have dropped it since */
	if (!HeapTupleIsValid(tuple))
		return pstrdup("???");
	form = (Form_pg_type) GETSTRUCT(tuple);
	schema = get_namespace_name(form->typnamespace);
	if (form->typnamespace == PG_CATALOG_NAMESPACE || schema == NULL)
		text = format_type_be(type);
	else
		text = psprintf("%s%s", quote_qualified_identifier(schema, NameStr(form->typname)),
						OidIsValid(element) ? "[]" : "");
	ReleaseSysCache(tuple);
	return text;
}

/* Returns the type of the column that %TYPE refers to, or InvalidOid. */
static Oid
type_of_column(CfClaimSet *set, List *names)
{
	int n = list_length(names);
	CfClaimed *claimed;

	if (n < 2)
		return InvalidOid;
	claimed = cf_resolve_existing(set, "relation", n > 2 ? strVal(list_nth(names, n - 3)) : NULL,
								  strVal(list_nth(names, n - 2)));
	if (claimed == NULL || claimed->claim.catalog != RelationRelationId)
		return InvalidOid;
	return get_atttype(claimed->claim.oid, get_attnum(claimed->claim.oid, strVal(llast(names))));
}

/* Returns the name of a type as a statement has it. */
static char *
type_name_text(CfClaimSet *set, TypeName *type)
{
	int n = list_length(type->names);
	const char *schema = n > 1 ? strVal(list_nth(type->names, n - 2)) : NULL;
	const char *array = type->arrayBounds != NIL ? "[]" : "";
	const char *name;
	Oid oid;

	if (type->pct_type)
	{
		oid = type_of_column(set, type->names);
		return OidIsValid(oid) ? type_text(oid)
							   : psprintf("%s%%TYPE", NameListToQuotedString(type->names));
	}
	name = strVal(llast(type->names));
	if (schema == NULL)
	{
		CfClaimed *claimed = cf_resolve_existing(set, "type", NULL, name);

		schema = claimed ? claimed->claim.schema : cf_creation_schema(set);
	}
	if (strcmp(schema, "pg_catalog") == 0)
	{
		oid = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
							  ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
		if (OidIsValid(oid))
			return psprintf("%s%s", format_type_be(oid), array);
	}
	return psprintf("%s%s", quote_qualified_identifier(schema, name), array);
}

/*
 * Returns the arguments of a routine that a statement names or defines: a
 * list of TypeName or of FunctionParameter.
 */
char *
cf_argument_text(CfClaimSet *set, List *types)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	foreach (lc, types)
	{
		Node *type = (Node *) lfirst(lc);

		if (IsA(type, FunctionParameter))
		{
			FunctionParameter *param = (FunctionParameter *) type;

			if (param->mode == FUNC_PARAM_OUT || param->mode == FUNC_PARAM_TABLE)
				continue;
			type = (Node *) param->argType;
		}
		if (text.len > 0)
			appendStringInfoString(&text, ", ");
		appendStringInfoString(&text, type_name_text(set, castNode(TypeName, type)));
	}
	return text.data;
}

/* A routine of the catalogs. */
typedef struct Routine
{
	Oid nspid;
	Oid oid;
	const char *kind;
	int nargs;
	Oid args[FUNC_MAX_ARGS];
} Routine;

/* Returns the kind of a routine that exists. */
static const char *
kind_of(char prokind)
{
	switch (prokind)
	{
		case PROKIND_PROCEDURE:
			return "procedure";
		case PROKIND_AGGREGATE:
			return "aggregate";
		default:
			return "function";
	}
}

/*
 * Returns the routines of a name in all schemas, as a list of Routine *.
 *
 * The lists of the catalog cache are searched one after the other before 17:
 * thousands of names would take long.
 */
static List *
routines_named(const char *name)
{
	Relation catalog = table_open(ProcedureRelationId, AccessShareLock);
	List *routines = NIL;
	SysScanDesc scan;
	ScanKeyData key;
	NameData key_name;
	HeapTuple tuple;

	namestrcpy(&key_name, name);
	ScanKeyInit(&key, Anum_pg_proc_proname, BTEqualStrategyNumber, F_NAMEEQ,
				NameGetDatum(&key_name));
	scan = systable_beginscan(catalog, ProcedureNameArgsNspIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
		Routine *routine = palloc(sizeof(Routine));

		routine->nspid = proc->pronamespace;
		routine->oid = proc->oid;
		routine->kind = kind_of(proc->prokind);
		routine->nargs = proc->pronargs;
		memcpy(routine->args, proc->proargtypes.values, proc->pronargs * sizeof(Oid));
		routines = lappend(routines, routine);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return routines;
}

/* Returns the arguments of a routine that exists. */
static char *
arguments_of(const Routine *routine)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < routine->nargs; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "", type_text(routine->args[i]));
	return text.data;
}

/* Returns one that the script has created, and counts them. */
static CfClaimed *
created_routine(CfClaimSet *set, const char *schema, const char *name, const char *arguments,
				int *count)
{
	CfClaimed *claimed = cf_claimed_find(set, "routine", schema, name, arguments);
	CfClaimed *found = NULL;
	ListCell *lc;

	*count = 0;
	if (claimed != NULL && claimed->life == CF_LIFE_CREATED)
	{
		*count = 1;
		return claimed;
	}
	foreach (lc, claimed ? claimed->overloads : NIL)
	{
		if (((CfClaimed *) lfirst(lc))->life != CF_LIFE_CREATED)
			continue;
		found = (CfClaimed *) lfirst(lc);
		(*count)++;
	}
	return found;
}

/*
 * Finds a routine in one schema, after the statements before. Without
 * arguments and with more than one of this name, that is what stands for all.
 */
static CfClaimed *
routine_in_schema(CfClaimSet *set, List *routines, const char *schema, Oid nspid, const char *name,
				  const char *arguments)
{
	int count;
	CfClaimed *found = created_routine(set, schema, name, arguments, &count);
	const char *kind = found ? found->claim.kind : NULL;
	ListCell *lc;

	foreach (lc, routines)
	{
		const Routine *routine = (const Routine *) lfirst(lc);
		CfClaimed *claimed;
		char *text;

		if (routine->nspid != nspid)
			continue;
		text = arguments_of(routine);
		if (arguments != NULL && strcmp(arguments, text) != 0)
			continue;
		kind = routine->kind;
		claimed = cf_claimed_get(set, kind, schema, name, text);
		if (claimed->life != CF_LIFE_AS_BEFORE && !set->declaring)
			continue;
		/* created_routine() has counted it */
		if (claimed->life == CF_LIFE_CREATED)
			continue;
		claimed->claim.kind = kind;
		claimed->claim.catalog = ProcedureRelationId;
		claimed->claim.oid = routine->oid;
		found = claimed;
		count++;
	}
	return count > 1 ? cf_claimed_get(set, kind, schema, name, NULL) : found;
}

/* Finds a routine that exists; NULL when there is none. */
static CfClaimed *
find_routine(CfClaimSet *set, const char *schema, const char *name, const char *arguments)
{
	List *routines = routines_named(name);
	CfClaimed *found = NULL;

	if (schema != NULL)
		found = routine_in_schema(set, routines, schema, get_namespace_oid(schema, true), name,
								  arguments);
	else
	{
		cf_intent_path(set);
		for (int i = cf_path_start(set); i < set->path_len && found == NULL; i++)
		{
			/* functions are never looked for among what is temporary */
			if (strcmp(set->path[i].name, "pg_temp") != 0)
				found = routine_in_schema(set, routines, set->path[i].name, set->path[i].oid, name,
										  arguments);
		}
	}
	return found;
}

/* Finds a routine that exists, whatever its arguments; NULL when none does. */
CfClaimed *
cf_resolve_existing_routine(CfClaimSet *set, const char *schema, const char *name)
{
	return find_routine(set, schema, name, NULL);
}

/* Returns the routine that a name means, be it there or not. */
CfClaimed *
cf_resolve_routine(CfClaimSet *set, const char *kind, const char *schema, const char *name,
				   const char *arguments, CfSearch search)
{
	CfClaimed *claimed = NULL;

	if (schema == NULL && search == CF_SEARCH_NEW)
		schema = cf_creation_schema(set);
	/* something new has arguments of its own */
	if (search == CF_SEARCH_EXISTING || arguments != NULL)
		claimed = find_routine(set, schema, name, arguments);
	if (strcmp(kind, "routine") == 0)
		kind = "function";
	if (claimed == NULL)
	{
		if (schema == NULL)
			schema = cf_creation_schema(set);
		claimed = cf_claimed_get(set, kind, schema, name, arguments);
	}
	if (search == CF_SEARCH_NEW)
		claimed->claim.kind = kind;
	return claimed;
}

/* Tells whether the catalogs have a routine of this name. */
bool
cf_catalog_has_routine(const char *schema, const char *name)
{
	Oid nspid = get_namespace_oid(schema, true);
	ListCell *lc;

	foreach (lc, routines_named(name))
	{
		if (((const Routine *) lfirst(lc))->nspid == nspid)
			return true;
	}
	return false;
}
