/*-------------------------------------------------------------------------
 *
 * objects_define.c
 *	  The objects that definitions of types, functions, operators and the
 *	  like name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"

#include "objects.h"

/* What the value of an option in a definition names. */
typedef struct CfOptionKind
{
	const char *option;
	const char *kind;
} CfOptionKind;

static const CfOptionKind aggregate_options[] = {
	{"sfunc", "function"},		 {"sfunc1", "function"},	 {"finalfunc", "function"},
	{"combinefunc", "function"}, {"serialfunc", "function"}, {"deserialfunc", "function"},
	{"msfunc", "function"},		 {"minvfunc", "function"},	 {"mfinalfunc", "function"},
	{"stype", "type"},			 {"stype1", "type"},		 {"mstype", "type"},
	{"basetype", "type"},		 {"sortop", "operator"},	 {NULL, NULL}};

static const CfOptionKind operator_options[] = {{"procedure", "function"},
												{"function", "function"},
												{"leftarg", "type"},
												{"rightarg", "type"},
												{"commutator", "operator"},
												{"negator", "operator"},
												{"restrict", "function"},
												{"join", "function"},
												{"sort1", "operator"},
												{"sort2", "operator"},
												{"ltcmp", "operator"},
												{"gtcmp", "operator"},
												{NULL, NULL}};

static const CfOptionKind type_options[] = {
	{"input", "function"},	 {"output", "function"},	{"receive", "function"},
	{"send", "function"},	 {"typmod_in", "function"}, {"typmod_out", "function"},
	{"analyze", "function"}, {"analyse", "function"},	{"subscript", "function"},
	{"like", "type"},		 {"element", "type"},		{NULL, NULL}};

static const CfOptionKind range_options[] = {
	{"subtype", "type"},	   {"subtype_opclass", "operator class"}, {"collation", "collation"},
	{"canonical", "function"}, {"subtype_diff", "function"},		  {NULL, NULL}};

static const CfOptionKind search_options[] = {{"start", "function"},
											  {"gettoken", "function"},
											  {"end", "function"},
											  {"headline", "function"},
											  {"lextypes", "function"},
											  {"init", "function"},
											  {"lexize", "function"},
											  {"template", "text search template"},
											  {"parser", "text search parser"},
											  {"copy", "text search configuration"},
											  {NULL, NULL}};

static const CfOptionKind collation_options[] = {{"from", "collation"}, {NULL, NULL}};

/* Returns the names in the value of an option; NIL if it holds no name. */
static List *
option_names(DefElem *option)
{
	if (option->arg == NULL)
		return NIL;
	switch (nodeTag(option->arg))
	{
		case T_TypeName:
			return ((TypeName *) option->arg)->names;
		case T_List:
			return (List *) option->arg;
		case T_String:
			/* no function or operator, and any argument */
			if (pg_strcasecmp(strVal(option->arg), "none") == 0 ||
				pg_strcasecmp(strVal(option->arg), "any") == 0)
				return NIL;
			return list_make1(option->arg);
		default:
			return NIL;
	}
}

/* Adds what the options of a definition name. */
static void
options(CfCollector *c, List *options, const CfOptionKind *kinds)
{
	ListCell *lc;

	foreach (lc, options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		for (const CfOptionKind *kind = kinds; kind->option != NULL; kind++)
		{
			if (pg_strcasecmp(option->defname, kind->option) != 0)
				continue;
			if (strcmp(kind->kind, "type") == 0 && option->arg != NULL &&
				IsA(option->arg, TypeName))
				cf_obj_type(c, (TypeName *) option->arg);
			else
				cf_obj_reference(c, kind->kind, option_names(option));
		}
	}
}

/* Adds what CREATE AGGREGATE, OPERATOR, TYPE, COLLATION, TEXT SEARCH name. */
static void
define(CfCollector *c, DefineStmt *stmt)
{
	const CfOptionKind *kinds;

	cf_obj_names(c, cf_obj_kind(stmt->kind), stmt->defnames, CF_CREATE);
	switch (stmt->kind)
	{
		case OBJECT_AGGREGATE:
			/* arguments, and how many of them are direct */
			if (!stmt->oldstyle)
				cf_obj_types(c, (List *) linitial(stmt->args));
			kinds = aggregate_options;
			break;
		case OBJECT_OPERATOR:
			kinds = operator_options;
			break;
		case OBJECT_TYPE:
			kinds = type_options;
			break;
		case OBJECT_COLLATION:
			kinds = collation_options;
			break;
		default:
			kinds = search_options;
			break;
	}
	options(c, stmt->definition, kinds);
}

/* Adds what ALTER OPERATOR ... SET (...) names. */
static void
alter_operator(CfCollector *c, AlterOperatorStmt *stmt)
{
	cf_obj_named(c, OBJECT_OPERATOR, (Node *) stmt->opername, CF_ALTER);
	options(c, stmt->options, operator_options);
}

/* Adds what ALTER TYPE ... SET (...) names. */
static void
alter_type(CfCollector *c, AlterTypeStmt *stmt)
{
	cf_obj_names(c, "type", stmt->typeName, CF_ALTER);
	options(c, stmt->options, type_options);
}

/* Adds what CREATE TYPE ... AS (...) names. */
static void
composite_type(CfCollector *c, CompositeTypeStmt *stmt)
{
	ListCell *lc;

	cf_obj_relation(c, "type", stmt->typevar, CF_CREATE);
	foreach (lc, stmt->coldeflist)
		cf_obj_column_def(c, "attribute", stmt->typevar, lfirst_node(ColumnDef, lc), CF_CREATE);
}

/* Adds what CREATE TYPE ... AS RANGE names. */
static void
range_type(CfCollector *c, CreateRangeStmt *stmt)
{
	ListCell *lc;

	cf_obj_names(c, "type", stmt->typeName, CF_CREATE);
	foreach (lc, stmt->params)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "multirange_type_name") == 0)
			cf_obj_names(c, "type", option_names(option), CF_CREATE);
	}
	options(c, stmt->params, range_options);
}

/* Adds a constraint of a domain, and the domain. */
void
cf_obj_domain_constraint(CfCollector *c, List *domain, const char *name, CfAction action)
{
	const char *schema;
	const char *type;

	cf_obj_split(domain, &schema, &type);
	cf_obj_add(c, "domain", schema, type, CF_ALTER);
	if (name != NULL)
		cf_obj_add_part(c, "constraint", schema, type, name, action);
}

/* Adds what CREATE DOMAIN names. */
static void
create_domain(CfCollector *c, CreateDomainStmt *stmt)
{
	const char *schema;
	const char *name;
	ListCell *lc;

	cf_obj_split(stmt->domainname, &schema, &name);
	cf_obj_add(c, "domain", schema, name, CF_CREATE);
	cf_obj_type(c, stmt->typeName);
	cf_obj_walk(c, (Node *) stmt->collClause);
	foreach (lc, stmt->constraints)
	{
		Constraint *con = lfirst_node(Constraint, lc);

		if (con->conname != NULL)
			cf_obj_add_part(c, "constraint", schema, name, con->conname, CF_CREATE);
		cf_obj_walk(c, con->raw_expr);
	}
}

/* Adds what ALTER DOMAIN names. */
static void
alter_domain(CfCollector *c, AlterDomainStmt *stmt)
{
	switch (stmt->subtype)
	{
		case 'C':
		{
			Constraint *con = castNode(Constraint, stmt->def);

			cf_obj_domain_constraint(c, stmt->typeName, con->conname, CF_CREATE);
			cf_obj_walk(c, con->raw_expr);
		}
		break;
		case 'X':
			cf_obj_domain_constraint(c, stmt->typeName, stmt->name, CF_DROP);
			break;
		case 'V':
			cf_obj_domain_constraint(c, stmt->typeName, stmt->name, CF_ALTER);
			break;
		default:
			cf_obj_names(c, "domain", stmt->typeName, CF_ALTER);
			cf_obj_walk(c, stmt->def);
			break;
	}
}

/* Returns the name of a type as a cast or a transform shows it. */
static char *
type_text(TypeName *type)
{
	const char *schema;
	const char *name;

	cf_obj_split(type->names, &schema, &name);
	if (schema == NULL || strcmp(schema, "pg_catalog") == 0)
		return psprintf("%s%s", name, type->arrayBounds ? "[]" : "");
	return psprintf("%s.%s%s", schema, name, type->arrayBounds ? "[]" : "");
}

/* Adds a cast, by the name that pg_identify_object() has for it. */
void
cf_obj_cast(CfCollector *c, TypeName *source, TypeName *target, CfAction action)
{
	cf_obj_add(c, "cast", NULL, psprintf("(%s AS %s)", type_text(source), type_text(target)),
			   action);
	cf_obj_type(c, source);
	cf_obj_type(c, target);
}

/* Adds a transform, by the name that pg_identify_object() has for it. */
void
cf_obj_transform(CfCollector *c, TypeName *type, const char *language, CfAction action)
{
	cf_obj_add(c, "transform", NULL, psprintf("for %s language %s", type_text(type), language),
			   action);
	cf_obj_type(c, type);
	cf_obj_reference_name(c, "language", language);
}

/* Adds the function of a cast or a transform, with its arguments. */
static void
function_reference(CfCollector *c, ObjectWithArgs *func)
{
	if (func == NULL)
		return;
	cf_obj_reference(c, "function", func->objname);
	cf_obj_types(c, func->objargs);
}

/* Adds what CREATE CAST names. */
static void
create_cast(CfCollector *c, CreateCastStmt *stmt)
{
	cf_obj_cast(c, stmt->sourcetype, stmt->targettype, CF_CREATE);
	function_reference(c, stmt->func);
}

/* Adds what CREATE TRANSFORM names. */
static void
create_transform(CfCollector *c, CreateTransformStmt *stmt)
{
	cf_obj_transform(c, stmt->type_name, stmt->lang, CF_CREATE);
	function_reference(c, stmt->fromsql);
	function_reference(c, stmt->tosql);
}

/* Adds what the items of an operator class or family name. */
static void
opclass_items(CfCollector *c, List *items)
{
	ListCell *lc;

	foreach (lc, items)
	{
		CreateOpClassItem *item = lfirst_node(CreateOpClassItem, lc);

		if (item->name != NULL)
		{
			cf_obj_reference(c, item->itemtype == OPCLASS_ITEM_FUNCTION ? "function" : "operator",
							 item->name->objname);
			cf_obj_types(c, item->name->objargs);
		}
		cf_obj_reference(c, "operator family", item->order_family);
		cf_obj_types(c, item->class_args);
		cf_obj_type(c, item->storedtype);
	}
}

/* Adds what CREATE OPERATOR CLASS names. */
static void
create_opclass(CfCollector *c, CreateOpClassStmt *stmt)
{
	cf_obj_names(c, "operator class", stmt->opclassname, CF_CREATE);
	if (stmt->opfamilyname != NIL)
		cf_obj_names(c, "operator family", stmt->opfamilyname, CF_ALTER);
	cf_obj_type(c, stmt->datatype);
	cf_obj_reference_name(c, "access method", stmt->amname);
	opclass_items(c, stmt->items);
}

/* Adds what CREATE OPERATOR FAMILY names. */
static void
create_opfamily(CfCollector *c, CreateOpFamilyStmt *stmt)
{
	cf_obj_names(c, "operator family", stmt->opfamilyname, CF_CREATE);
	cf_obj_reference_name(c, "access method", stmt->amname);
}

/* Adds what ALTER OPERATOR FAMILY names. */
static void
alter_opfamily(CfCollector *c, AlterOpFamilyStmt *stmt)
{
	cf_obj_names(c, "operator family", stmt->opfamilyname, CF_ALTER);
	cf_obj_reference_name(c, "access method", stmt->amname);
	opclass_items(c, stmt->items);
}

/* Adds what CREATE CONVERSION names. */
static void
create_conversion(CfCollector *c, CreateConversionStmt *stmt)
{
	cf_obj_names(c, "conversion", stmt->conversion_name, CF_CREATE);
	cf_obj_reference(c, "function", stmt->func_name);
}

/* Adds what ALTER TEXT SEARCH CONFIGURATION names. */
static void
alter_ts_configuration(CfCollector *c, AlterTSConfigurationStmt *stmt)
{
	ListCell *lc;

	cf_obj_names(c, "text search configuration", stmt->cfgname, CF_ALTER);
	foreach (lc, stmt->dicts)
		cf_obj_reference(c, "text search dictionary", lfirst_node(List, lc));
}

/* Adds what a statement about these names; false if it is about others. */
bool
cf_obj_define_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DefineStmt:
			define(c, (DefineStmt *) stmt);
			return true;
		case T_AlterOperatorStmt:
			alter_operator(c, (AlterOperatorStmt *) stmt);
			return true;
		case T_CompositeTypeStmt:
			composite_type(c, (CompositeTypeStmt *) stmt);
			return true;
		case T_CreateEnumStmt:
			cf_obj_names(c, "type", ((CreateEnumStmt *) stmt)->typeName, CF_CREATE);
			return true;
		case T_CreateRangeStmt:
			range_type(c, (CreateRangeStmt *) stmt);
			return true;
		case T_AlterEnumStmt:
			cf_obj_names(c, "type", ((AlterEnumStmt *) stmt)->typeName, CF_ALTER);
			return true;
		case T_AlterTypeStmt:
			alter_type(c, (AlterTypeStmt *) stmt);
			return true;
		case T_CreateDomainStmt:
			create_domain(c, (CreateDomainStmt *) stmt);
			return true;
		case T_AlterDomainStmt:
			alter_domain(c, (AlterDomainStmt *) stmt);
			return true;
		case T_AlterCollationStmt:
			cf_obj_names(c, "collation", ((AlterCollationStmt *) stmt)->collname, CF_ALTER);
			return true;
		case T_CreateCastStmt:
			create_cast(c, (CreateCastStmt *) stmt);
			return true;
		case T_CreateTransformStmt:
			create_transform(c, (CreateTransformStmt *) stmt);
			return true;
		case T_CreateOpClassStmt:
			create_opclass(c, (CreateOpClassStmt *) stmt);
			return true;
		case T_CreateOpFamilyStmt:
			create_opfamily(c, (CreateOpFamilyStmt *) stmt);
			return true;
		case T_AlterOpFamilyStmt:
			alter_opfamily(c, (AlterOpFamilyStmt *) stmt);
			return true;
		case T_CreateConversionStmt:
			create_conversion(c, (CreateConversionStmt *) stmt);
			return true;
		case T_AlterTSDictionaryStmt:
			cf_obj_names(c, "text search dictionary", ((AlterTSDictionaryStmt *) stmt)->dictname,
						 CF_ALTER);
			return true;
		case T_AlterTSConfigurationStmt:
			alter_ts_configuration(c, (AlterTSConfigurationStmt *) stmt);
			return true;
		default:
			return false;
	}
}
