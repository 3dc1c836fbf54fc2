/*-------------------------------------------------------------------------
 *
 * intent_collect.c
 *	  The claims of statements, by what their parse trees say.
 *
 * What a statement names is found by cf_objects_of(). Here its actions become
 * those of claims: what only adds to a table or changes a part of it touches
 * the table, and a new name drops the old one and creates another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "intent.h"
#include "objects.h"

/* A statement that is being looked at. */
typedef struct Statement
{
	CfClaimSet *set;
	Node *node;
	List *objects; /* CfObject *, as cf_objects_of() returns them */
	CfChange change;
	CfClash clash;
	bool if_exists;
	const char *home;	/* the schema of indexes that have none, or NULL */
	CfClaimed *renamed; /* what the new name is for */
	CfClaimed *skipped; /* what is there, and is not created */
	CfClaimed *owner;	/* of the part before, and its name */
	const char *owner_schema;
	const char *owner_name;
} Statement;

/* Returns the claim's action for that of an object. */
static CfClaimAction
action_of(const CfObject *object)
{
	for (CfClaimAction action = CF_CLAIM_READ; action <= CF_CLAIM_DROP; action++)
	{
		if (strcmp(object->action, cf_claim_action_name(action)) == 0)
			return action;
	}
	elog(ERROR, "unknown action %s", object->action);
}

/* Compares two names of which each may be NULL. */
static bool
same_name(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Tells whether a statement changes a part of an object that it names. */
static bool
changes_part(const Statement *s, const CfObject *whole)
{
	ListCell *lc;

	foreach (lc, s->objects)
	{
		const CfObject *part = (const CfObject *) lfirst(lc);

		if (part->column != NULL && strcmp(part->name, whole->name) == 0 &&
			same_name(part->schema, whole->schema) && action_of(part) >= CF_CLAIM_ALTER)
			return true;
	}
	return false;
}

/* Returns what a statement does with an object, for a claim. */
static CfClaimAction
claimed_action(const Statement *s, const CfObject *object)
{
	CfClaimAction action = action_of(object);

	if (action != CF_CLAIM_ALTER)
		return action;
	switch (s->change)
	{
		case CF_CHANGE_TOUCH:
			return strcmp(object->kind, "default privileges") == 0 ? CF_CLAIM_ALTER
																   : CF_CLAIM_TOUCH;
		case CF_CHANGE_BESIDE:
			/* an index that becomes a constraint does change */
			return object->column == NULL && strcmp(object->kind, "index") != 0 ? CF_CLAIM_TOUCH
																				: CF_CLAIM_ALTER;
		default:
			if (object->column == NULL && changes_part(s, object))
				return CF_CLAIM_TOUCH;
			return s->change == CF_CHANGE_RENAME ? CF_CLAIM_DROP : CF_CLAIM_ALTER;
	}
}

/* Makes a claim of an action of the statement. */
static void
claim(const Statement *s, CfClaimed *claimed, CfClaimAction action)
{
	if (action == CF_CLAIM_CREATE)
		cf_claim_create(s->set, claimed, s->clash);
	else if (action == CF_CLAIM_DROP)
		cf_claim_drop(s->set, claimed, s->if_exists);
	else
		cf_claim_act(s->set, claimed, action);
}

/* Returns what a part belongs to. */
static CfClaimed *
owner_of(Statement *s, const CfObject *part)
{
	const char *kind = strcmp(part->kind, "attribute") == 0 ? "type" : "relation";
	ListCell *lc;

	if (s->owner != NULL && strcmp(s->owner_name, part->name) == 0 &&
		same_name(s->owner_schema, part->schema))
		return s->owner;
	foreach (lc, strcmp(part->kind, "constraint") == 0 ? s->objects : NIL)
	{
		const CfObject *whole = (const CfObject *) lfirst(lc);

		if (whole->column == NULL && strcmp(whole->kind, "domain") == 0 &&
			strcmp(whole->name, part->name) == 0 && same_name(whole->schema, part->schema))
			kind = "domain";
	}
	s->owner = cf_resolve(s->set, kind, part->schema, part->name, CF_SEARCH_EXISTING);
	s->owner_schema = part->schema;
	s->owner_name = part->name;
	return s->owner;
}

/*
 * Claims a part of an object, unless that is new or gone as a whole, or what
 * the statement says of its parts does not happen.
 */
static void
claim_part(Statement *s, const CfObject *part)
{
	CfClaimed *owner = owner_of(s, part);

	if (!owner->replaced && owner != s->skipped)
		claim(s, cf_claimed_part(s->set, owner, part->kind, part->column), claimed_action(s, part));
}

/* Claims an object as a whole. */
static void
claim_whole(Statement *s, const CfObject *object)
{
	CfClaimAction action = claimed_action(s, object);
	CfSearch search = action == CF_CLAIM_CREATE ? CF_SEARCH_NEW : CF_SEARCH_EXISTING;
	const char *schema = object->schema;
	const char *kind = object->kind;
	CfClaimed *claimed;

	/* claim_routines() knows their arguments */
	if (action >= CF_CLAIM_TOUCH && cf_is_routine_kind(kind))
		return;
	if (action == CF_CLAIM_CREATE && s->renamed != NULL)
	{
		/* what gets another name stays what and where it is */
		kind = s->renamed->claim.kind;
		if (schema == NULL)
			schema = s->renamed->claim.schema;
	}
	else if (schema == NULL && strcmp(kind, "index") == 0)
		schema = s->home;
	claimed = cf_resolve(s->set, kind, schema, object->name, search);
	claim(s, claimed, action);
	if (s->change == CF_CHANGE_RENAME && action == CF_CLAIM_DROP)
		s->renamed = claimed;
	if (action == CF_CLAIM_CREATE && claimed->life == CF_LIFE_AS_BEFORE && !claimed->replaced)
		s->skipped = claimed;
}

/* Notes that a statement holds something that can't be looked into. */
static void
add_unseen(CfClaimSet *set, const char *what)
{
	CfUnseen *unseen = palloc(sizeof(CfUnseen));

	unseen->ordinal = set->ordinal;
	unseen->line = set->line;
	unseen->what = what;
	set->unseen = lappend(set->unseen, unseen);
}

/* Claims the objects of a statement. */
static void
claim_objects(Statement *s)
{
	ListCell *lc;

	foreach (lc, s->objects)
	{
		const CfObject *object = (const CfObject *) lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (strcmp(object->kind, "opaque") == 0)
			add_unseen(s->set, object->name);
		else if (object->column != NULL)
			claim_part(s, object);
		else
			claim_whole(s, object);
	}
}

/* Claims a routine that a statement names with its arguments. */
static CfClaimed *
claim_routine(Statement *s, const char *kind, List *names, const char *arguments,
			  CfClaimAction action)
{
	int n = list_length(names);
	CfClaimed *claimed = cf_resolve_routine(
		s->set, kind, n > 1 ? strVal(list_nth(names, n - 2)) : NULL, strVal(llast(names)),
		arguments, action == CF_CLAIM_CREATE ? CF_SEARCH_NEW : CF_SEARCH_EXISTING);

	claim(s, claimed, action);
	return claimed;
}

/* The same in the form in which DROP and COMMENT have it. */
static CfClaimed *
claim_object_with_args(Statement *s, ObjectType type, Node *object, CfClaimAction action)
{
	ObjectWithArgs *func = (ObjectWithArgs *) object;
	const char *arguments = NULL;

	if (!func->args_unspecified)
		arguments = cf_argument_text(s->set, func->objargs);
	return claim_routine(s, cf_obj_kind(type), func->objname, arguments, action);
}

/* Claims what CREATE FUNCTION or CREATE PROCEDURE creates. */
static void
create_function(Statement *s, CreateFunctionStmt *stmt)
{
	(void) claim_routine(s, stmt->is_procedure ? "procedure" : "function", stmt->funcname,
						 cf_argument_text(s->set, stmt->parameters), CF_CLAIM_CREATE);
}

/* Claims what CREATE AGGREGATE creates. */
static void
create_aggregate(Statement *s, DefineStmt *stmt)
{
	List *types = NIL;
	ListCell *lc;

	if (!stmt->oldstyle)
		types = (List *) linitial(stmt->args);
	foreach (lc, stmt->oldstyle ? stmt->definition : NIL)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		/* any, in quotes or not, is no argument at all */
		if (pg_strcasecmp(option->defname, "basetype") == 0 && IsA(option->arg, TypeName) &&
			pg_strcasecmp(strVal(llast(((TypeName *) option->arg)->names)), "any") != 0)
			types = list_make1(option->arg);
	}
	(void) claim_routine(s, "aggregate", stmt->defnames, cf_argument_text(s->set, types),
						 CF_CLAIM_CREATE);
}

/* Claims both names of a routine that gets another name or schema. */
static void
move_routine(Statement *s, ObjectType type, Node *object, const char *schema, const char *name)
{
	CfClaimed *old = claim_object_with_args(s, type, object, CF_CLAIM_DROP);
	const CfClaim *from = &old->claim;
	CfClaimed *new;

	new = cf_resolve_routine(s->set, from->kind, schema ? schema : from->schema,
							 name ? name : from->name, from->arguments, CF_SEARCH_NEW);
	cf_claim_create(s->set, new, CF_CLASH_FAILS);
}

/* Claims the routines that a statement names with their arguments. */
static void
claim_routines(Statement *s)
{
	ObjectType type = OBJECT_FUNCTION;
	ListCell *lc;

	if (IsA(s->node, CreateFunctionStmt))
		create_function(s, (CreateFunctionStmt *) s->node);
	else if (IsA(s->node, DefineStmt) && ((DefineStmt *) s->node)->kind == OBJECT_AGGREGATE)
		create_aggregate(s, (DefineStmt *) s->node);
	foreach (lc, cf_change_objects(s->node, &type))
	{
		Node *object = (Node *) lfirst(lc);

		if (object == NULL || !IsA(object, ObjectWithArgs) ||
			!cf_is_routine_kind(cf_obj_kind(type)))
			continue;
		if (IsA(s->node, RenameStmt))
			move_routine(s, type, object, NULL, ((RenameStmt *) s->node)->newname);
		else if (IsA(s->node, AlterObjectSchemaStmt))
			move_routine(s, type, object, ((AlterObjectSchemaStmt *) s->node)->newschema, NULL);
		else if (IsA(s->node, DropStmt))
			(void) claim_object_with_args(s, type, object, CF_CLAIM_DROP);
		else
			(void) claim_object_with_args(
				s, type, object, s->change == CF_CHANGE_TOUCH ? CF_CLAIM_TOUCH : CF_CLAIM_ALTER);
	}
}

/* Makes the claims of one statement, or of one command of ALTER TABLE. */
static void
claim_statement(CfClaimSet *set, Node *stmt)
{
	RangeVar *table = cf_change_index_table(stmt);
	Statement s = {.set = set,
				   .node = stmt,
				   .objects = cf_objects_of(stmt),
				   .change = cf_change_of(stmt),
				   .clash = cf_change_clash(stmt),
				   .if_exists = cf_change_if_exists(stmt)};

	if (table != NULL)
		s.home =
			cf_resolve(set, "relation", NULL, table->relname, CF_SEARCH_EXISTING)->claim.schema;
	claim_routines(&s);
	claim_objects(&s);
}

/*
 * Makes the claims of ALTER TABLE, one command after the other. What drops
 * runs first, whatever the order is.
 */
static void
claim_alter_table(CfClaimSet *set, AlterTableStmt *stmt)
{
	for (int pass = 0; pass < 2; pass++)
	{
		ListCell *lc;

		foreach (lc, stmt->cmds)
		{
			AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
			bool drops = cmd->subtype == AT_DropColumn || cmd->subtype == AT_DropConstraint;
			AlterTableStmt one = *stmt;

			if (drops != (pass == 0))
				continue;
			one.cmds = list_make1(cmd);
			claim_statement(set, (Node *) &one);
		}
	}
}

/* Makes the claims of any statement. */
static void
claim_any(CfClaimSet *set, Node *stmt)
{
	if (IsA(stmt, AlterTableStmt))
		claim_alter_table(set, (AlterTableStmt *) stmt);
	else if (!IsA(stmt, ConstraintsSetStmt))
		/* the other one names constraints, of a table that is not known */
		claim_statement(set, stmt);
}

/* Adds the claims of a script to a set. Its search_path ends with it. */
void
cf_claims_add_script(CfClaimSet *set, const CfScript *script)
{
	int level = NewGUCNestLevel();

	for (int i = 0; i < script->count; i++)
	{
		const CfStatement *stmt = &script->statements[i];

		CHECK_FOR_INTERRUPTS();
		set->ordinal = stmt->ordinal;
		set->line = stmt->line;
		claim_any(set, stmt->raw->stmt);
		cf_change_search_path(stmt->raw->stmt);
	}
	AtEOXact_GUC(true, level);
}

/* Returns the claims of a script. */
List *
cf_claims_of_script(const CfScript *script, List **unseen)
{
	CfClaimSet set;
	List *claims;

	cf_claims_begin(&set);
	cf_claims_add_script(&set, script);
	claims = cf_claims_end(&set);
	if (unseen != NULL)
		*unseen = set.unseen;
	return claims;
}

/* Returns the claims of one statement: the node inside RawStmt. */
List *
cf_claims_of_statement(Node *stmt, List **unseen)
{
	CfClaimSet set;
	List *claims;

	cf_claims_begin(&set);
	set.ordinal = set.line = 1;
	claim_any(&set, stmt);
	claims = cf_claims_end(&set);
	if (unseen != NULL)
		*unseen = set.unseen;
	return claims;
}
