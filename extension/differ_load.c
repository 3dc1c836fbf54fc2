/*-------------------------------------------------------------------------
 *
 * differ_load.c
 *	  A snapshot as facts that know each other: parents and children, what they
 *	  need and who needs them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "differ.h"

typedef struct FactEntry
{
	const char *identity; /* hash key */
	CfdFact *fact;
} FactEntry;

static uint32
hash_identity(const void *key, Size size)
{
	const char *identity = *(const char *const *) key;

	return hash_bytes((const unsigned char *) identity, strlen(identity));
}

static int
match_identity(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Makes a table whose entries begin with their key, a const char *. */
HTAB *
cfd_identity_table(const char *name, Size entry)
{
	HASHCTL control = {.keysize = sizeof(char *),
					   .entrysize = entry,
					   .hash = hash_identity,
					   .match = match_identity,
					   .hcxt = CurrentMemoryContext};

	return hash_create(name, 1024, &control,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/* Returns the fact of an identity, or NULL. */
CfdFact *
cfd_find(HTAB *facts, const char *identity)
{
	FactEntry *entry;

	if (identity == NULL)
		return NULL;
	entry = (FactEntry *) hash_search(facts, &identity, HASH_FIND, NULL);
	return entry ? entry->fact : NULL;
}

/* Makes a table of facts by their identities. */
HTAB *
cfd_index(List *facts)
{
	HTAB *table = cfd_identity_table("facts of a side", sizeof(FactEntry));
	ListCell *lc;

	foreach (lc, facts)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		FactEntry *entry = (FactEntry *) hash_search(table, &fact->identity, HASH_ENTER, NULL);

		entry->identity = fact->identity;
		entry->fact = fact;
	}
	return table;
}

static char *
string_of(const JsonbValue *value)
{
	return value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

/* Reads one fact, but for what it refers to. */
static CfdFact *
read_fact(const char *identity, JsonbContainer *container, bool target, JsonbContainer **depends)
{
	CfdFact *fact = palloc0(sizeof(CfdFact));
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbValue key;
	JsonbValue value;
	char *kind = NULL;

	fact->identity = identity;
	fact->in_target = target;
	*depends = NULL;
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		int len = key.val.string.len;
		const char *name = key.val.string.val;

		(void) JsonbIteratorNext(&iterator, &value, true);
#define KEY(text) (len == (int) strlen(text) && memcmp(name, text, len) == 0)
		if (KEY("kind"))
			kind = string_of(&value);
		else if (KEY("schema"))
			fact->schema = string_of(&value);
		else if (KEY("name"))
			fact->name = string_of(&value);
		else if (KEY("part"))
			fact->part = string_of(&value);
		else if (KEY("arguments"))
			fact->arguments = string_of(&value);
		else if (KEY("role"))
			fact->role = string_of(&value);
		else if (KEY("parent"))
			fact->above = string_of(&value);
		else if (KEY("hash"))
			fact->hash = string_of(&value);
		else if (KEY("position") && value.type == jbvNumeric)
			fact->position = DatumGetInt32(
				DirectFunctionCall1(numeric_int4, NumericGetDatum(value.val.numeric)));
		else if (KEY("filled") && value.type == jbvBool)
			fact->unfilled = !value.val.boolean;
		else if (KEY("payload") && value.type == jbvBinary)
			fact->payload = value.val.binary.data;
		else if (KEY("depends") && value.type == jbvBinary)
			*depends = value.val.binary.data;
#undef KEY
	}
	if (kind == NULL || fact->hash == NULL || fact->payload == NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s is no fact of a snapshot", identity),
				errhint("Give what confiture.snapshot() has returned."));
	fact->kind = cfd_kind(kind);
	if (fact->kind == NULL)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("the kind \"%s\" of %s is unknown", kind, identity),
				errhint("The snapshot was taken by another version of Confiture: take it again."));
	return fact;
}

static CfdHow
how_of(const JsonbValue *value)
{
	if (value->type == jbvString && value->val.string.len == 4)
		return CFD_AUTO;
	if (value->type == jbvString && value->val.string.len == 8)
		return CFD_INTERNAL;
	return CFD_NORMAL;
}

static CfdDepend *
depend_on(CfdFact *fact, CfdHow how)
{
	CfdDepend *depend = palloc(sizeof(CfdDepend));

	depend->fact = fact;
	depend->how = how;
	return depend;
}

/*
 * Tells whether a foreign key needs something only because a partition of the table that it
 * refers to has it.
 */
static bool
is_by_partition(const CfdFact *fact, const CfdFact *needed)
{
	const CfdFact *table = needed->parent ? needed->parent : needed;
	const char *definition;

	if (!cfd_is(fact, "constraint") || table == fact->parent || !cfd_has(table, "partition_of"))
		return false;
	/* That of the table which its own is a partition of is another matter. */
	if (cfd_is(needed, "constraint") && strcmp(cfd_text(needed, "type"), "foreign key") == 0)
		return false;
	definition = cfd_text(fact, "definition");
	return strncmp(definition, "FOREIGN KEY ", 12) == 0 &&
		   strstr(definition, psprintf(" REFERENCES %s(", cfd_table(table))) == NULL;
}

/* Reads what a fact needs. */
static void
link_depends(CfdFact *fact, JsonbContainer *depends, HTAB *facts)
{
	JsonbIterator *iterator = JsonbIteratorInit(depends);
	JsonbValue key;
	JsonbValue value;

	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		CfdFact *other = cfd_find(facts, string_of(&key));
		CfdHow how;

		(void) JsonbIteratorNext(&iterator, &value, true);
		if (other == NULL || other == fact || is_by_partition(fact, other))
			continue;
		how = how_of(&value);
		fact->depends = lappend(fact->depends, depend_on(other, how));
		other->dependents = lappend(other->dependents, depend_on(fact, how));
	}
}

static int
by_position(const ListCell *a, const ListCell *b)
{
	const CfdFact *x = (const CfdFact *) lfirst(a);
	const CfdFact *y = (const CfdFact *) lfirst(b);

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return strcmp(x->identity, y->identity);
}

/* Reads the facts of a snapshot; *list gets them in the order of their identities. */
HTAB *
cfd_load(CfdPlan *plan, Jsonb *facts, bool target, List **list)
{
	HTAB *table = cfd_identity_table("facts of a side", sizeof(FactEntry));
	JsonbIterator *iterator = JsonbIteratorInit(&facts->root);
	JsonbValue key;
	JsonbValue value;
	List *depends = NIL;
	ListCell *lc;
	ListCell *ld;

	*list = NIL;
	(void) JsonbIteratorNext(&iterator, &key, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		char *identity = string_of(&key);
		JsonbContainer *needs = NULL;
		FactEntry *entry;
		CfdFact *fact;

		CHECK_FOR_INTERRUPTS();
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s is no fact of a snapshot", identity),
					errhint("Give what confiture.snapshot() has returned."));
		fact = read_fact(identity, value.val.binary.data, target, &needs);
		entry = (FactEntry *) hash_search(table, &fact->identity, HASH_ENTER, NULL);
		entry->identity = fact->identity;
		entry->fact = fact;
		*list = lappend(*list, fact);
		depends = lappend(depends, needs);
	}
	foreach (lc, *list)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		fact->parent = cfd_find(table, fact->above);
		if (fact->parent)
			fact->parent->children = lappend(fact->parent->children, fact);
	}
	forboth(lc, *list, ld, depends)
	{
		if (lfirst(ld))
			link_depends((CfdFact *) lfirst(lc), (JsonbContainer *) lfirst(ld), table);
	}
	foreach (lc, *list)
		list_sort(((CfdFact *) lfirst(lc))->children, by_position);
	return table;
}
