/*-------------------------------------------------------------------------
 *
 * measure.h
 *	  What a statement has done to relations: locks, rewrites, scans.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_MEASURE_H
#define CF_MEASURE_H

#include "report.h"
#include "utils/hsearch.h"
#include "utils/snapshot.h"

/* Watches the relations that this session has locked. */
typedef struct CfWatch
{
	MemoryContext context;
	HTAB *relations;
	HTAB *earlier;	 /* scans counted before the watch began */
	Snapshot start;	 /* what is not in it was created since */
	Snapshot before; /* as of right before the statement */
	int unit;		 /* counts what would be transactions of its own */
} CfWatch;

extern CfWatch *cf_watch_begin(void);
extern void cf_watch_end(CfWatch *watch);
extern void cf_watch_next_unit(CfWatch *watch);
extern bool cf_watch_held_before(const CfWatch *watch, Oid relid, LOCKMODE mode);
extern void cf_watch_statement_starts(CfWatch *watch);
extern void
cf_watch_statement_ended(CfWatch *watch, const CfStatement *stmt, List *named, CfReportRow *row);

#endif /* CF_MEASURE_H */
