/*-------------------------------------------------------------------------
 *
 * differ.c
 *	  confiture.diff(): the statements that make one schema of another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "differ.h"

PG_FUNCTION_INFO_V1(confiture_diff);

/* The columns of the result. */
enum
{
	DIFF_ORDINAL,
	DIFF_STATEMENT,
	DIFF_KIND,
	DIFF_OBJECT,
	DIFF_CHANGE,
	DIFF_HAZARDS,
	DIFF_LOCK,
	DIFF_TOP_LEVEL,
	DIFF_GROUP,
	DIFF_COLUMNS
};

/* An object or array among the options, or NULL. */
static JsonbContainer *
container_of(Jsonb *options, const char *key)
{
	JsonbValue value;

	if (getKeyJsonValueFromContainer(&options->root, key, strlen(key), &value) == NULL ||
		value.type != jbvBinary)
		return NULL;
	return value.val.binary.data;
}

/* Reads the options; sql/67_diff.sql has checked them. */
static void
read_options(CfdPlan *plan, Jsonb *options)
{
	char *online = cfd_text_in(&options->root, "online");

	plan->online = online == NULL || strcmp(online, "true") == 0;
	plan->owner = cfd_text_in(&options->root, "owner");
	plan->renames = container_of(options, "renames");
	plan->equal = container_of(options, "equal");
	plan->ignore = container_of(options, "ignore");
	plan->using = container_of(options, "using");
}

static Datum
hazards_array(List *hazards)
{
	Datum *values = palloc(Max(list_length(hazards), 1) * sizeof(Datum));
	ListCell *lc;

	foreach (lc, hazards)
		values[foreach_current_index(lc)] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(
		construct_array(values, list_length(hazards), TEXTOID, -1, false, TYPALIGN_INT));
}

/* Gives the statements back as rows. */
static void
return_rows(ReturnSetInfo *result, List *statements)
{
	ListCell *lc;

	foreach (lc, statements)
	{
		const CfdStatement *statement = (const CfdStatement *) lfirst(lc);
		Datum values[DIFF_COLUMNS];
		bool nulls[DIFF_COLUMNS] = {false};

		values[DIFF_ORDINAL] = Int32GetDatum(foreach_current_index(lc) + 1);
		values[DIFF_STATEMENT] = CStringGetTextDatum(statement->text);
		values[DIFF_KIND] = CStringGetTextDatum(statement->kind);
		values[DIFF_OBJECT] = CStringGetTextDatum(statement->object);
		values[DIFF_CHANGE] = CStringGetTextDatum(statement->change);
		values[DIFF_HAZARDS] = hazards_array(statement->hazards);
		nulls[DIFF_LOCK] = statement->lock == NULL;
		values[DIFF_LOCK] = statement->lock ? CStringGetTextDatum(statement->lock) : (Datum) 0;
		values[DIFF_TOP_LEVEL] = BoolGetDatum(statement->top_level);
		values[DIFF_GROUP] = Int32GetDatum(statement->group);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* confiture._diff(source facts, target facts, options). */
Datum
confiture_diff(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context;
	MemoryContext old;
	CfdPlan plan = {0};
	Jsonb *source;
	Jsonb *target;

	InitMaterializedSRF(fcinfo, 0);
	context = AllocSetContextCreate(CurrentMemoryContext, "confiture diff", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	source = PG_GETARG_JSONB_P(0);
	target = PG_GETARG_JSONB_P(1);
	read_options(&plan, PG_GETARG_JSONB_P(2));
	do
	{
		plan.actions = plan.statements = plan.hazards = NIL;
		plan.group = 0;
		plan.alone = plan.unchecked = plan.again = false;
		plan.source = cfd_load(&plan, source, false, &plan.old);
		plan.target = cfd_load(&plan, target, true, &plan.new);
		cfd_rename(&plan);
		cfd_match(&plan);
		cfd_close(&plan);
		cfd_grants(&plan);
	} while (!cfd_order(&plan));
	if (plan.unchecked && plan.statements != NIL)
		cfd_leave_unchecked(&plan);
	return_rows(result, plan.statements);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
