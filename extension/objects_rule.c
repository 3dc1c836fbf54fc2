/*-------------------------------------------------------------------------
 *
 * objects_rule.c
 *	  The objects that views, rules, triggers and policies name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"

#include "objects.h"

/* Adds what CREATE VIEW names. */
static void
create_view(CfCollector *c, ViewStmt *stmt)
{
	cf_obj_relation(c, "view", stmt->view, CF_CREATE);
	cf_obj_columns(c, stmt->view, stmt->aliases, CF_CREATE);
	cf_obj_walk(c, stmt->query);
}

/* Starts a level that sees the rows OLD and NEW of a relation. */
static void
push_old_and_new(CfCollector *c, const RangeVar *rel)
{
	cf_obj_push(c, false);
	cf_obj_see(c, "old", rel, NIL);
	cf_obj_see(c, "new", rel, NIL);
}

/* Adds what CREATE TRIGGER names. INSTEAD OF is only for views. */
static void
create_trigger(CfCollector *c, CreateTrigStmt *stmt)
{
	cf_obj_relation(c, stmt->timing == TRIGGER_TYPE_INSTEAD ? "view" : "table", stmt->relation,
					CF_ALTER);
	cf_obj_part(c, "trigger", stmt->relation, stmt->trigname, CF_CREATE);
	cf_obj_columns(c, stmt->relation, stmt->columns, CF_REFERENCE);
	push_old_and_new(c, stmt->relation);
	cf_obj_walk(c, stmt->whenClause);
	cf_obj_pop(c);
	if (stmt->constrrel != NULL)
		cf_obj_relation(c, "table", stmt->constrrel, CF_REFERENCE);
	cf_obj_reference(c, "function", stmt->funcname);
}

/* Adds what CREATE RULE names, its actions included. */
static void
create_rule(CfCollector *c, RuleStmt *stmt)
{
	ListCell *lc;

	cf_obj_relation(c, "relation", stmt->relation, CF_ALTER);
	cf_obj_part(c, "rule", stmt->relation, stmt->rulename, CF_CREATE);
	push_old_and_new(c, stmt->relation);
	cf_obj_walk(c, stmt->whereClause);
	foreach (lc, stmt->actions)
		cf_obj_statement(c, (Node *) lfirst(lc));
	cf_obj_pop(c);
}

/* Adds what CREATE POLICY or ALTER POLICY names. */
static void
policy(CfCollector *c, RangeVar *rel, const char *name, List *roles, Node *qual, Node *with_check,
	   CfAction action)
{
	cf_obj_relation(c, "table", rel, CF_ALTER);
	cf_obj_part(c, "policy", rel, name, action);
	cf_obj_roles(c, roles, CF_REFERENCE);
	cf_obj_walk_of(c, rel, qual);
	cf_obj_walk_of(c, rel, with_check);
}

/* Adds what a statement about these names; false if it is about others. */
bool
cf_obj_rule_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_ViewStmt:
			create_view(c, (ViewStmt *) stmt);
			return true;
		case T_CreateTrigStmt:
			create_trigger(c, (CreateTrigStmt *) stmt);
			return true;
		case T_RuleStmt:
			create_rule(c, (RuleStmt *) stmt);
			return true;
		case T_CreatePolicyStmt:
		{
			CreatePolicyStmt *create = (CreatePolicyStmt *) stmt;

			policy(c, create->table, create->policy_name, create->roles, create->qual,
				   create->with_check, CF_CREATE);
		}
			return true;
		case T_AlterPolicyStmt:
		{
			AlterPolicyStmt *alter = (AlterPolicyStmt *) stmt;

			policy(c, alter->table, alter->policy_name, alter->roles, alter->qual,
				   alter->with_check, CF_ALTER);
		}
			return true;
		default:
			return false;
	}
}
