/*-------------------------------------------------------------------------
 *
 * record.h
 *	  The schema that a run of migrations has left is recorded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_RECORD_H
#define CF_RECORD_H

#include "utils/palloc.h"

extern struct varlena *cf_record_begin(MemoryContext context);
extern void cf_record_end(const char *direction, const struct varlena *by_hand);

/* migrate.c */
extern void cf_record_partial_run(void);

#endif /* CF_RECORD_H */
