/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  The facts of two snapshots side by side.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_FACTS_H
#define CF_FACTS_H

#include "postgres.h"

#include "utils/jsonb.h"

/* An identity, with its facts: objects, NULL where there is none. */
typedef struct CfFactPair
{
	const char *identity; /* not terminated */
	int len;
	JsonbContainer *source;
	JsonbContainer *target;
} CfFactPair;

typedef void (*CfFactVisitor)(const CfFactPair *pair, void *arg);

extern void cf_facts_compare(Jsonb *source, Jsonb *target, CfFactVisitor visit, void *arg);
extern char *cf_fact_text(JsonbContainer *object, const char *key);
extern JsonbContainer *cf_fact_payload(JsonbContainer *fact);

#endif /* CF_FACTS_H */
