/*-------------------------------------------------------------------------
 *
 * analyze_create.c
 *	  CREATE of relations and of what belongs to them: tables, indexes, views,
 *	  sequences, triggers, policies, rules, statistics, publications.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_trigger.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "analyze.h"

/*
 * Notes a new relation. Returns false when the statement leaves the one that
 * is there; raises the server's error when there must not be one.
 */
static bool
new_relation(CfAnalysis *a, const RangeVar *rv, bool if_not_exists, CfRel *rel)
{
	RangeVar qualified = *rv;

	memset(rel, 0, sizeof(CfRel));
	rel->name = cf_an_creation_name(a, rv);
	rel->created = true;
	rel->relkind = RELKIND_RELATION;
	qualified.schemaname = cf_an_creation_schema(a, rv);
	if (!cf_an_find(a, &qualified, rel))
	{
		rel->created = true;
		rel->name = cf_an_creation_name(a, rv);
		rel->relname = rv->relname;
		rel->schema = qualified.schemaname;
		rel->since = a->world->nknown;
		cf_an_lock_new(a, rel->name);
		return true;
	}
	if (!if_not_exists)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_TABLE),
						errmsg("relation \"%s\" already exists", rv->relname)));
	cf_an_warn(a,
			   "%s exists already: nothing is created, and whether it is the same is not checked",
			   rel->name);
	return false;
}

/* Checks that the type of a column exists. */
static void
check_type(CfAnalysis *a, TypeName *type)
{
	if (type == NULL || type->names == NIL || type->pct_type || cf_an_is_serial(type) ||
		cf_an_is_known(a, NULL, strVal(llast(type->names))))
		return;
	(void) typenameTypeId(cf_an_parse_state(a, NULL), type);
}

/* Works out the columns and constraints of a new table. */
static void
table_elements(CfAnalysis *a, const CfRel *rel, List *elements)
{
	ListCell *lc, *con;
	CfRel other;

	foreach (lc, elements)
	{
		Node *element = (Node *) lfirst(lc);

		if (IsA(element, TableLikeClause))
		{
			cf_an_need(a, ((TableLikeClause *) element)->relation, &other);
			cf_an_lock_rel(a, &other, AccessShareLock);
		}
		else if (IsA(element, Constraint) && ((Constraint *) element)->contype == CONSTR_FOREIGN)
			cf_an_foreign_key(a, rel, (Constraint *) element, false);
		else if (IsA(element, ColumnDef))
		{
			ColumnDef *def = (ColumnDef *) element;

			check_type(a, def->typeName);
			foreach (con, def->constraints)
			{
				Constraint *key = copyObject(lfirst_node(Constraint, con));

				if (key->contype != CONSTR_FOREIGN)
					continue;
				key->fk_attrs = list_make1(makeString(def->colname));
				cf_an_foreign_key(a, rel, key, false);
			}
		}
	}
}

/* CREATE TABLE */
static void
create_table(CfAnalysis *a, CreateStmt *stmt)
{
	ListCell *lc;
	CfRel rel, parent;

	if (!new_relation(a, stmt->relation, stmt->if_not_exists, &rel))
		return;
	foreach (lc, stmt->inhRelations)
	{
		cf_an_need(a, lfirst_node(RangeVar, lc), &parent);
		if (stmt->partbound)
			cf_an_create_partition(a, &parent, stmt->relation->relname, stmt->partbound);
		else
			cf_an_lock_rel(a, &parent, ShareUpdateExclusiveLock);
	}
	if (stmt->ofTypename)
	{
		Oid type = LookupTypeNameOid(NULL, stmt->ofTypename, true);

		if (OidIsValid(type))
			cf_an_lock(a, get_typ_typrelid(type), AccessShareLock, true);
	}
	table_elements(a, &rel, stmt->tableElts);
	table_elements(a, &rel, stmt->constraints);
}

/* CREATE TABLE AS, CREATE MATERIALIZED VIEW, SELECT INTO */
static void
create_table_as(CfAnalysis *a, Node *query, IntoClause *into, bool if_not_exists)
{
	CfRel rel;

	if (!new_relation(a, into->rel, if_not_exists, &rel))
		return;
	a->parse_only = into->skipData;
	a->writes |= !into->skipData;
	if (IsA(query, ExecuteStmt))
		cf_an_opaque(a, "EXECUTE");
	else
		cf_an_query(a, query);
}

/* CREATE VIEW */
static void
create_view(CfAnalysis *a, ViewStmt *stmt)
{
	CfRel rel;
	RangeVar qualified = *stmt->view;

	qualified.schemaname = cf_an_creation_schema(a, stmt->view);
	if (stmt->replace && cf_an_find(a, &qualified, &rel))
	{
		cf_an_own(a, &rel);
		cf_an_lock_rel(a, &rel, AccessExclusiveLock);
	}
	else
		(void) new_relation(a, stmt->view, false, &rel);
	a->parse_only = true;
	cf_an_query(a, stmt->query);
}

/* CREATE TRIGGER */
static void
create_trigger(CfAnalysis *a, CreateTrigStmt *stmt)
{
	CfRel rel;

	cf_an_need(a, stmt->relation, &rel);
	cf_an_may(a, &rel, ACL_TRIGGER);
	cf_an_lock_rel(a, &rel, ShareRowExclusiveLock);
	if (!rel.created && stmt->row && rel.relkind == RELKIND_PARTITIONED_TABLE)
		cf_an_lock_list(a, cf_an_descendants(rel.relid), ShareRowExclusiveLock);
	if (stmt->constrrel)
	{
		cf_an_need(a, stmt->constrrel, &rel);
		cf_an_lock_rel(a, &rel, AccessShareLock);
	}
}

/* CREATE POLICY, ALTER POLICY */
static void
policy(CfAnalysis *a, const RangeVar *table, Node *qual, Node *check)
{
	CfRel rel;

	cf_an_need(a, table, &rel);
	cf_an_own(a, &rel);
	cf_an_lock_rel(a, &rel, AccessExclusiveLock);
	cf_an_expression(a, qual);
	cf_an_expression(a, check);
}

/* CREATE RULE */
static void
create_rule(CfAnalysis *a, RuleStmt *stmt)
{
	ListCell *lc;
	CfRel rel;

	cf_an_need(a, stmt->relation, &rel);
	cf_an_own(a, &rel);
	cf_an_lock_rel(a, &rel, AccessExclusiveLock);
	cf_an_expression(a, stmt->whereClause);
	foreach (lc, stmt->actions)
		if (!IsA(lfirst(lc), NotifyStmt))
			cf_an_expression(a, (Node *) lfirst(lc));
}

/* Notes a lock on each of a list of relations. */
static void
lock_relations(CfAnalysis *a, List *relations, LOCKMODE mode)
{
	ListCell *lc;
	CfRel rel;

	foreach (lc, relations)
	{
		if (!IsA(lfirst(lc), RangeVar))
			continue;
		cf_an_need(a, lfirst_node(RangeVar, lc), &rel);
		cf_an_lock_rel(a, &rel, mode);
	}
}

/* CREATE SEQUENCE, ALTER SEQUENCE: OWNED BY */
static void
sequence_owner(CfAnalysis *a, List *options)
{
	ListCell *lc;
	CfRel rel;

	foreach (lc, options)
	{
		DefElem *option = lfirst_node(DefElem, lc);
		List *names = strcmp(option->defname, "owned_by") == 0 ? (List *) option->arg : NIL;

		if (list_length(names) < 2)
			continue;
		names = list_copy_head(names, list_length(names) - 1);
		cf_an_need(a, makeRangeVarFromNameList(names), &rel);
		cf_an_lock_rel(a, &rel, AccessShareLock);
	}
}

/* ALTER SEQUENCE */
static void
alter_sequence(CfAnalysis *a, AlterSeqStmt *stmt)
{
	CfRel rel;

	if (stmt->missing_ok && !cf_an_find(a, stmt->sequence, &rel))
		return;
	cf_an_need(a, stmt->sequence, &rel);
	cf_an_lock_rel(a, &rel, ShareRowExclusiveLock);
	sequence_owner(a, stmt->options);
}

/* CREATE PUBLICATION, ALTER PUBLICATION */
static void
publication(CfAnalysis *a, List *objects)
{
	ListCell *lc;
	CfRel rel;

	foreach (lc, objects)
	{
		PublicationObjSpec *object = lfirst_node(PublicationObjSpec, lc);

		if (object->pubobjtype != PUBLICATIONOBJ_TABLE || object->pubtable == NULL)
			continue;
		cf_an_need(a, object->pubtable->relation, &rel);
		cf_an_lock_rel(a, &rel, ShareUpdateExclusiveLock);
		if (!rel.created && object->pubtable->relation->inh &&
			rel.relkind != RELKIND_PARTITIONED_TABLE)
			cf_an_lock_list(a, cf_an_descendants(rel.relid), ShareUpdateExclusiveLock);
	}
}

/* ALTER PUBLICATION: SET also takes the tables that are in it now. */
static void
alter_publication(CfAnalysis *a, AlterPublicationStmt *stmt)
{
	Oid oid = get_publication_oid(stmt->pubname, true);

	publication(a, stmt->pubobjects);
	if (OidIsValid(oid) && stmt->action == AP_SetObjects && stmt->pubobjects != NIL)
		cf_an_lock_list(a, GetPublicationRelations(oid, PUBLICATION_PART_ROOT),
						ShareUpdateExclusiveLock);
}

/* Works out the statements of this file; false for others. */
bool
cf_an_create_statement(CfAnalysis *a, Node *stmt)
{
	CfRel rel;

	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			create_table(a, (CreateStmt *) stmt);
			return true;
		case T_CreateForeignTableStmt:
			create_table(a, &((CreateForeignTableStmt *) stmt)->base);
			return true;
		case T_CreateTableAsStmt:
			create_table_as(a, ((CreateTableAsStmt *) stmt)->query,
							((CreateTableAsStmt *) stmt)->into,
							((CreateTableAsStmt *) stmt)->if_not_exists);
			return true;
		case T_SelectStmt:
			if (((SelectStmt *) stmt)->intoClause == NULL)
				return false;
			create_table_as(a, stmt, ((SelectStmt *) stmt)->intoClause, false);
			return true;
		case T_ViewStmt:
			create_view(a, (ViewStmt *) stmt);
			return true;
		case T_CompositeTypeStmt:
			(void) new_relation(a, ((CompositeTypeStmt *) stmt)->typevar, false, &rel);
			return true;
		case T_IndexStmt:
			cf_an_create_index(a, (IndexStmt *) stmt);
			return true;
		case T_CreateTrigStmt:
			create_trigger(a, (CreateTrigStmt *) stmt);
			return true;
		case T_CreatePolicyStmt:
			policy(a, ((CreatePolicyStmt *) stmt)->table, ((CreatePolicyStmt *) stmt)->qual,
				   ((CreatePolicyStmt *) stmt)->with_check);
			return true;
		case T_AlterPolicyStmt:
			policy(a, ((AlterPolicyStmt *) stmt)->table, ((AlterPolicyStmt *) stmt)->qual,
				   ((AlterPolicyStmt *) stmt)->with_check);
			return true;
		case T_RuleStmt:
			create_rule(a, (RuleStmt *) stmt);
			return true;
		case T_CreateStatsStmt:
			lock_relations(a, ((CreateStatsStmt *) stmt)->relations, ShareUpdateExclusiveLock);
			return true;
		case T_CreateSeqStmt:
			if (new_relation(a, ((CreateSeqStmt *) stmt)->sequence,
							 ((CreateSeqStmt *) stmt)->if_not_exists, &rel))
				sequence_owner(a, ((CreateSeqStmt *) stmt)->options);
			return true;
		case T_AlterSeqStmt:
			alter_sequence(a, (AlterSeqStmt *) stmt);
			return true;
		case T_CreatePublicationStmt:
			publication(a, ((CreatePublicationStmt *) stmt)->pubobjects);
			return true;
		case T_AlterPublicationStmt:
			alter_publication(a, (AlterPublicationStmt *) stmt);
			return true;
		default:
			return false;
	}
}
