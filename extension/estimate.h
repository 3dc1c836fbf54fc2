/*-------------------------------------------------------------------------
 *
 * estimate.h
 *	  How long a statement would take on a table of another size.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_ESTIMATE_H
#define CF_ESTIMATE_H

#include "report.h"
#include "utils/jsonb.h"

/* What is known before a statement runs. */
typedef struct CfBaseline
{
	Oid relid;		 /* what the statement works on, or 0 */
	char *relation;	 /* its name, or NULL */
	double rows;	 /* in it, before */
	bool measured;	 /* the fixed cost below is a measurement */
	double fixed_ms; /* on an empty copy of its table */
} CfBaseline;

/* estimate.c */
extern void cf_check_targets(Jsonb *targets);
extern void cf_estimate_prepare(const CfScript *script, const CfStatement *stmt, Jsonb *targets,
								CfBaseline *baseline);
extern void cf_estimate_statement(const CfStatement *stmt, Jsonb *targets,
								  const CfBaseline *baseline, CfReportRow *row);

/* predict.c */
extern void cf_store_prediction(const char *version, const char *direction, const CfReportRow *row);
extern bool cf_has_predictions(const char *version, const char *direction);
extern void cf_store_actuals(const char *version, const char *direction, const CfScript *script,
							 const double *elapsed_ms);

#endif /* CF_ESTIMATE_H */
