/*-------------------------------------------------------------------------
 *
 * execute.h
 *	  Running the statements of a script, and measuring what they cost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_EXECUTE_H
#define CF_EXECUTE_H

#include "confiture.h"

#include "executor/instrument.h"
#include "portability/instr_time.h"
#include "storage/lockdefs.h"
#include "utils/snapshot.h"

/* Who watches a script run: what the progress notices name. */
typedef struct CfRun
{
	const char *version; /* NULL for a script that is no migration */
	const char *name;
	const char *direction; /* up, down, or NULL */
} CfRun;

/* A cheap clock around something: time, WAL, buffers. */
typedef struct CfMeter
{
	instr_time start;
	WalUsage wal;
	BufferUsage buffers;
} CfMeter;

/* execute.c */
extern void cf_execute_statement(const CfScript *script, const CfStatement *stmt, CfCost *cost);
extern const CfStatement *cf_running_statement(const CfScript **script);
extern void cf_execute_top_level(const CfScript *script, const CfStatement *stmt, CfCost *cost);
extern void
cf_execute_script(const CfScript *script, const CfRun *run, CfCost *cost, double *elapsed_ms);
extern void cf_check_deferred(const char *label);
extern int cf_begin_script_settings(const char *search_path);
extern void cf_end_script_settings(int nest_level);

/* copydata.c */
extern uint64 cf_copy_from_script(const CfScript *script, const CfStatement *stmt);

/* meter.c */
extern void cf_meter_start(CfMeter *meter);
extern void cf_meter_stop(const CfMeter *meter, CfCost *cost);

/* progress.c */
extern void
cf_progress_statement_started(const CfRun *run, const CfScript *script, const CfStatement *stmt);
extern void cf_progress_statement_finished(const CfRun *run, const CfScript *script,
										   const CfStatement *stmt, const CfCost *cost);
extern void cf_progress_migration_started(const CfRun *run, int ordinal, int of);
extern void cf_progress_migration_finished(const CfRun *run, int ordinal, int of, int statements,
										   const CfCost *cost);
extern void
cf_progress_lock_retry(const CfRun *run, int attempt, double wait_ms, const char *message);

#endif /* CF_EXECUTE_H */
