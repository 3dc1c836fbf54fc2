/*-------------------------------------------------------------------------
 *
 * snapshot.h
 *	  The facts of a database, between the catalogs and their JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_SNAPSHOT_H
#define CF_SNAPSHOT_H

#include "postgres.h"

#include "catalog/objectaddress.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

/* The format that snapshot() writes. */
#define CF_SNAPSHOT_FORMAT 1

/* What a fact depends on, and how: n, a or i as in pg_depend. */
typedef struct CfReference
{
	int fact;
	char deptype;
} CfReference;

/* One fact. The strings and the payload live as long as the snapshot. */
typedef struct CfFact
{
	ObjectAddress address; /* no class: an owner, grant, comment or label */
	ObjectAddress parent;  /* before it is resolved */
	char *kind;
	char *identity;
	char *schema; /* the rest may be NULL */
	char *name;
	char *part;
	char *arguments;
	char *above; /* the identity of its parent */
	char *role;
	Oid owner;
	Jsonb *payload;
	int position;  /* of a column among those of its table, or 0 */
	bool unfilled; /* a materialized view that was never filled, or emptied */
	CfReference *references;
	int nreferences;
	int maxreferences;
} CfFact;

typedef struct CfSnapshot
{
	CfFact *facts;
	int count;
	int max;
	HTAB *addresses;  /* of the objects that are facts */
	HTAB *parts;	  /* of those that belong to one, or to an extension */
	List *unmodelled; /* of ObjectAddress * */
} CfSnapshot;

/* snapshot_read.c */
extern void cf_snapshot_read(CfSnapshot *snapshot);

/* snapshot_depend.c */
extern int cf_snapshot_find(CfSnapshot *snapshot, const ObjectAddress *address);
extern bool
cf_snapshot_is_part(CfSnapshot *snapshot, const ObjectAddress *address, int *fact, bool *alien);
extern int cf_snapshot_fact_of(CfSnapshot *snapshot, const ObjectAddress *address, bool dependent);
extern void cf_snapshot_refer(CfFact *fact, int referenced, char deptype);
extern void cf_snapshot_index(CfSnapshot *snapshot);
extern void cf_snapshot_depend(CfSnapshot *snapshot);

/* snapshot_json.c */
extern Datum
cf_snapshot_json(CfSnapshot *snapshot, List *schemas, const char *version, MemoryContext context);

#endif /* CF_SNAPSHOT_H */
