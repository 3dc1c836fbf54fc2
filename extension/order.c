/*-------------------------------------------------------------------------
 *
 * order.c
 *	  The order of migrations: dependencies first, then versions.
 *
 * Two versions compare as numbers when both are all digits, else as text in
 * the C collation. That is no total order once both kinds are mixed ("10" <
 * "1a" < "9" < "10"), so each kind is sorted for itself and the two lists are
 * merged: wherever the rule can be kept, it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/binaryheap.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "confiture.h"

PG_FUNCTION_INFO_V1(confiture_sort_versions);
PG_FUNCTION_INFO_V1(confiture_migration_order);

/* A migration among those to be put in order. */
typedef struct VersionNode
{
	const char *version;
	int rank;		  /* by version alone */
	List *needs;	  /* versions (char *) it depends on */
	List *dependents; /* indexes of nodes that depend on it */
	int waits_for;	  /* dependencies not yet emitted */
	bool emitted;
	const char *problem;
} VersionNode;

/* Tells whether a version is a number: all digits. */
static bool
is_number(const char *version)
{
	return version[0] != '\0' && strspn(version, "0123456789") == strlen(version);
}

/* Compares two numbers of any length. Equal values compare as text. */
static int
compare_numbers(const char *a, const char *b)
{
	const char *x = a + strspn(a, "0");
	const char *y = b + strspn(b, "0");
	size_t lx = strlen(x), ly = strlen(y);
	int result;

	if (lx != ly)
		return lx < ly ? -1 : 1;
	result = strcmp(x, y);
	return result ? result : strcmp(a, b);
}

/* Compares two versions by the rule at the top of the file. */
static int
compare_versions(const char *a, const char *b)
{
	if (is_number(a) && is_number(b))
		return compare_numbers(a, b);
	return strcmp(a, b);
}

/* qsort() comparator of versions of the same kind. */
static int
compare_version_pointers(const void *a, const void *b)
{
	return compare_versions(*(const char *const *) a, *(const char *const *) b);
}

/* Sorts versions in place. */
static void
sort_versions(const char **versions, int count)
{
	const char **numbers = palloc(Max(1, count) * sizeof(char *));
	const char **texts = palloc(Max(1, count) * sizeof(char *));
	int nnumbers = 0, ntexts = 0, i = 0, j = 0;

	for (int k = 0; k < count; k++)
	{
		if (is_number(versions[k]))
			numbers[nnumbers++] = versions[k];
		else
			texts[ntexts++] = versions[k];
	}
	qsort(numbers, nnumbers, sizeof(char *), compare_version_pointers);
	qsort(texts, ntexts, sizeof(char *), compare_version_pointers);

	for (int k = 0; k < count; k++)
	{
		if (j == ntexts || (i < nnumbers && strcmp(numbers[i], texts[j]) <= 0))
			versions[k] = numbers[i++];
		else
			versions[k] = texts[j++];
	}
	pfree(numbers);
	pfree(texts);
}

/* Reads a text[] without NULLs into C strings. */
static const char **
read_texts(ArrayType *array, int *count)
{
	Datum *datums;
	const char **texts;

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("versions must not be null")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &datums, NULL, count);
	texts = palloc(Max(1, *count) * sizeof(char *));
	for (int i = 0; i < *count; i++)
		texts[i] = TextDatumGetCString(datums[i]);
	return texts;
}

/* Returns an array of versions in the order of the rule. */
Datum
confiture_sort_versions(PG_FUNCTION_ARGS)
{
	int count;
	const char **versions = read_texts(PG_GETARG_ARRAYTYPE_P(0), &count);
	Datum *datums = palloc(Max(1, count) * sizeof(Datum));

	sort_versions(versions, count);
	for (int i = 0; i < count; i++)
		datums[i] = CStringGetTextDatum(versions[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(datums, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* bsearch() comparator: nodes in byte order of their version. */
static int
compare_nodes(const void *a, const void *b)
{
	return strcmp((*(VersionNode *const *) a)->version, (*(VersionNode *const *) b)->version);
}

/* Finds the node of a version, or NULL. */
static VersionNode *
find_node(VersionNode **index, int count, const char *version)
{
	VersionNode key = {.version = version};
	VersionNode *keyp = &key;
	VersionNode **found = bsearch(&keyp, index, count, sizeof(VersionNode *), compare_nodes);

	return found ? *found : NULL;
}

/* Heap comparator: the lowest rank comes out first. */
static int
compare_ranks(Datum a, Datum b, void *arg)
{
	VersionNode *nodes = (VersionNode *) arg;

	return nodes[DatumGetInt32(b)].rank - nodes[DatumGetInt32(a)].rank;
}

/* Says why a node can't be reached: what it depends on. */
static void
explain_blocked(VersionNode *nodes, VersionNode **index, int count, VersionNode *node)
{
	ListCell *lc;

	foreach (lc, node->needs)
	{
		const char *version = (const char *) lfirst(lc);
		VersionNode *other = find_node(index, count, version);

		if (other == NULL)
		{
			node->problem = psprintf("depends on %s, which is not registered", version);
			return;
		}
	}
	foreach (lc, node->needs)
	{
		VersionNode *other = find_node(index, count, (const char *) lfirst(lc));

		if (!other->emitted)
		{
			node->problem = psprintf("depends on %s, which is blocked or depends on it in turn",
									 other->version);
			return;
		}
	}
}

/* Puts one row into the result. */
static void
put_row(ReturnSetInfo *rsinfo, const VersionNode *node, int ordinal)
{
	Datum values[3];
	bool nulls[3] = {false};

	values[0] = CStringGetTextDatum(node->version);
	values[1] = Int32GetDatum(ordinal);
	nulls[2] = node->problem == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(node->problem);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * Puts migrations in order (Kahn's algorithm with a heap by version). The
 * arguments: all versions, and the pairs (dependent, dependency). Migrations
 * that can't be reached come last, each with its problem.
 */
Datum
confiture_migration_order(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int count, nfrom, nto, ordinal = 0;
	const char **versions = read_texts(PG_GETARG_ARRAYTYPE_P(0), &count);
	const char **from = read_texts(PG_GETARG_ARRAYTYPE_P(1), &nfrom);
	const char **to = read_texts(PG_GETARG_ARRAYTYPE_P(2), &nto);
	VersionNode *nodes = palloc0(Max(1, count) * sizeof(VersionNode));
	VersionNode **index = palloc(Max(1, count) * sizeof(VersionNode *));
	binaryheap *ready = binaryheap_allocate(Max(1, count), compare_ranks, nodes);

	InitMaterializedSRF(fcinfo, 0);
	Assert(nfrom == nto);
	sort_versions(versions, count);
	for (int i = 0; i < count; i++)
	{
		nodes[i].version = versions[i];
		nodes[i].rank = i;
		index[i] = &nodes[i];
	}
	qsort(index, count, sizeof(VersionNode *), compare_nodes);

	for (int i = 0; i < nfrom; i++)
	{
		VersionNode *dependent = find_node(index, count, from[i]);
		VersionNode *dependency = find_node(index, count, to[i]);

		if (dependent == NULL)
			continue;
		dependent->needs = lappend(dependent->needs, unconstify(char *, to[i]));
		dependent->waits_for++;
		if (dependency)
			dependency->dependents = lappend_int(dependency->dependents, dependent->rank);
	}

	for (int i = 0; i < count; i++)
		if (nodes[i].waits_for == 0)
			binaryheap_add(ready, Int32GetDatum(i));
	while (!binaryheap_empty(ready))
	{
		VersionNode *node = &nodes[DatumGetInt32(binaryheap_remove_first(ready))];
		ListCell *lc;

		CHECK_FOR_INTERRUPTS();
		node->emitted = true;
		put_row(rsinfo, node, ++ordinal);
		foreach (lc, node->dependents)
			if (--nodes[lfirst_int(lc)].waits_for == 0)
				binaryheap_add(ready, Int32GetDatum(lfirst_int(lc)));
	}
	for (int i = 0; i < count; i++)
	{
		if (nodes[i].emitted)
			continue;
		explain_blocked(nodes, index, count, &nodes[i]);
		put_row(rsinfo, &nodes[i], ++ordinal);
	}
	return (Datum) 0;
}
