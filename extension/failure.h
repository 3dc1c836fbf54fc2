/*-------------------------------------------------------------------------
 *
 * failure.h
 *	  Putting a failed migration on record.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_FAILURE_H
#define CF_FAILURE_H

#include "confiture.h"
#include "datatype/timestamp.h"
#include "utils/elog.h"

/* failure.c */
extern char *cf_failure_json(const ErrorData *edata, TimestampTz started);
extern void cf_fail(ErrorData *edata, TimestampTz started, const char *search_path);
extern void cf_warn_not_recorded(const char *reason);
extern void cf_record_failure_in_worker(const ErrorData *edata, TimestampTz started);

/* retry.c */
extern bool cf_is_lock_failure(const ErrorData *edata);
extern double cf_retry_pause(int attempt);
extern void cf_sleep(double milliseconds);

#endif /* CF_FAILURE_H */
