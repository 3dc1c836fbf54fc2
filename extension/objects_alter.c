/*-------------------------------------------------------------------------
 *
 * objects_alter.c
 *	  The objects that ALTER TABLE and its relatives name.
 *
 * ALTER INDEX, ALTER VIEW, ALTER SEQUENCE, ALTER FOREIGN TABLE and ALTER TYPE
 * of a composite type have the same subcommands.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "objects.h"

/* Adds an index of the table's schema. */
static void
index_reference(CfCollector *c, const RangeVar *rel, const char *name)
{
	if (name != NULL)
		cf_obj_add(c, "index", cf_obj_schema(c, rel, CF_REFERENCE), name, CF_REFERENCE);
}

/* Adds what one subcommand names. */
static void
subcommand(CfCollector *c, AlterTableStmt *stmt, AlterTableCmd *cmd)
{
	RangeVar *rel = stmt->relation;
	const char *column = stmt->objtype == OBJECT_TYPE ? "attribute" : "column";

	switch (cmd->subtype)
	{
		case AT_AddColumn:
			cf_obj_column_def(c, column, rel, castNode(ColumnDef, cmd->def), CF_CREATE);
			break;
		case AT_AlterColumnType:
			cf_obj_part(c, column, rel, cmd->name, CF_ALTER);
			cf_obj_column_def(c, column, rel, castNode(ColumnDef, cmd->def), CF_ALTER);
			break;
		case AT_DropColumn:
			cf_obj_part(c, column, rel, cmd->name, CF_DROP);
			break;
		case AT_ColumnDefault:
			cf_obj_part(c, column, rel, cmd->name, CF_ALTER);
			cf_obj_walk_of(c, rel, cmd->def);
			break;
		case AT_DropNotNull:
		case AT_SetNotNull:
		case AT_DropExpression:
		case AT_SetStatistics:
		case AT_SetOptions:
		case AT_ResetOptions:
		case AT_SetStorage:
		case AT_SetCompression:
		case AT_AlterColumnGenericOptions:
		case AT_DropIdentity:
			cf_obj_part(c, column, rel, cmd->name, CF_ALTER);
			break;
		case AT_AddIdentity:
			cf_obj_part(c, column, rel, cmd->name, CF_ALTER);
			cf_obj_constraint(c, rel, castNode(Constraint, cmd->def));
			break;
		case AT_SetIdentity:
			cf_obj_part(c, column, rel, cmd->name, CF_ALTER);
			cf_obj_sequence_options(c, (List *) cmd->def);
			break;

		case AT_AddConstraint:
			cf_obj_constraint(c, rel, castNode(Constraint, cmd->def));
			break;
		case AT_AlterConstraint:
			cf_obj_part(c, "constraint", rel, cf_altered_constraint(cmd->def), CF_ALTER);
			break;
		case AT_ValidateConstraint:
			cf_obj_part(c, "constraint", rel, cmd->name, CF_ALTER);
			break;
		case AT_DropConstraint:
			cf_obj_part(c, "constraint", rel, cmd->name, CF_DROP);
			break;

		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_DisableTrig:
			cf_obj_part(c, "trigger", rel, cmd->name, CF_ALTER);
			break;
		case AT_EnableRule:
		case AT_EnableAlwaysRule:
		case AT_EnableReplicaRule:
		case AT_DisableRule:
			cf_obj_part(c, "rule", rel, cmd->name, CF_ALTER);
			break;

		case AT_AddInherit:
		case AT_DropInherit:
			cf_obj_relation(c, "table", castNode(RangeVar, cmd->def), CF_REFERENCE);
			break;
		case AT_AttachPartition:
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
		{
			PartitionCmd *partition = castNode(PartitionCmd, cmd->def);

			cf_obj_relation(c, cf_obj_kind(stmt->objtype), partition->name, CF_ALTER);
			cf_obj_bound(c, partition->bound);
		}
		break;

		case AT_AddOf:
			cf_obj_type(c, castNode(TypeName, cmd->def));
			break;
		case AT_ChangeOwner:
			cf_obj_role(c, cmd->newowner, CF_REFERENCE);
			break;
		case AT_ClusterOn:
			index_reference(c, rel, cmd->name);
			break;
		case AT_ReplicaIdentity:
			index_reference(c, rel, castNode(ReplicaIdentityStmt, cmd->def)->name);
			break;
		case AT_SetTableSpace:
			cf_obj_reference_name(c, "tablespace", cmd->name);
			break;
		case AT_SetAccessMethod:
			cf_obj_reference_name(c, "access method", cmd->name);
			break;

		default:
			if (cf_sets_expression(cmd->subtype))
			{
				cf_obj_part(c, column, rel, cmd->name, CF_ALTER);
				cf_obj_walk_of(c, rel, cmd->def);
			}
			/* the rest is about the table as a whole */
			break;
	}
}

/* Adds what ALTER TABLE names; false if the statement is another. */
bool
cf_obj_alter_table(CfCollector *c, Node *stmt)
{
	AlterTableStmt *alter = (AlterTableStmt *) stmt;
	ListCell *lc;

	if (!IsA(stmt, AlterTableStmt))
		return false;
	cf_obj_relation(c, cf_obj_kind(alter->objtype), alter->relation, CF_ALTER);
	foreach (lc, alter->cmds)
		subcommand(c, alter, lfirst_node(AlterTableCmd, lc));
	return true;
}
