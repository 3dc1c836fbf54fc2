/*-------------------------------------------------------------------------
 *
 * report.h
 *	  The rows of confiture.dry_run() and confiture.analyze(): one shape,
 *	  measured by the one, predicted by the other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_REPORT_H
#define CF_REPORT_H

#include "confiture.h"

#include "fmgr.h"
#include "nodes/execnodes.h"
#include "storage/lockdefs.h"
#include "utils/elog.h"

/* The strongest lock that a statement takes on a relation. */
typedef struct CfRelationLock
{
	Oid relid;		/* 0 when it does not exist yet */
	char *relation; /* qualified and quoted */
	LOCKMODE mode;
	bool named;	  /* the statement names the relation */
	bool created; /* nobody else can see it yet */
	bool again;	  /* held already here, taken anew in a real run */
} CfRelationLock;

/* One row: what is known of one statement. Lists may be NIL. */
typedef struct CfReportRow
{
	const CfStatement *stmt;
	char *text;			 /* of the statement */
	const char *command; /* instead of its command tag, or NULL */
	bool executed;		 /* cost is a measurement */
	CfCost cost;
	List *locks;		/* of CfRelationLock * */
	List *rewrites;		/* of char *: relations written anew */
	List *scans;		/* of char *: tables read as a whole */
	Oid main_relid;		/* the table that it works on, or 0 */
	double main_tuples; /* rows read of it in whole scans */
	int64 main_scans;	/* in how many of them */
	List *warnings;		/* of char * */
	char *estimate;		/* JSON object, or NULL */
	char *error;		/* JSON object, or NULL */
	char *holders;		/* JSON array, or NULL */
} CfReportRow;

/* report.c */
#define CF_REPORT_COLUMNS 16
extern void
cf_report_put(ReturnSetInfo *rsinfo, const char *version, const char *name, const CfReportRow *row);
extern const char *cf_lock_blocks(LOCKMODE mode);
extern char *cf_relation_name(Oid relid);
extern List *
cf_add_lock(List *locks, Oid relid, const char *relation, LOCKMODE mode, bool named, bool created);
extern char *cf_error_json(const ErrorData *edata);
extern List *cf_named_relations(const CfStatement *stmt);

/* holders.c: who holds a conflicting lock now */
extern char *cf_lock_holders(List *locks);

/* analyze.c: fills locks, rewrites, scans, warnings of a row without running */
extern void cf_analyze_statement(const CfScript *script, const CfStatement *stmt, CfReportRow *row);

/* estimate.c */
typedef enum CfWorkClass
{
	CF_WORK_METADATA,
	CF_WORK_SCAN,
	CF_WORK_REWRITE,
	CF_WORK_INDEX_BUILD,
	CF_WORK_FK_VALIDATION,
	CF_WORK_DML,
	CF_WORK_UNKNOWN
} CfWorkClass;

#endif /* CF_REPORT_H */
