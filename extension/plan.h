/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  The scripts of a planned run of migrations.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_PLAN_H
#define CF_PLAN_H

#include "confiture.h"
#include "fmgr.h"

/* A migration of a planned run. */
typedef struct CfPlanned
{
	const char *version;
	const char *name;
	const char *direction;
	const char *intent; /* that it carries out, or NULL */
	char *script;
	CfScript *parsed; /* NULL for Python */
} CfPlanned;

/* plan.c */
extern List *cf_load_plan(FunctionCallInfo fcinfo);
extern void cf_run_planned_python(const CfPlanned *planned, CfCost *cost);

#endif /* CF_PLAN_H */
