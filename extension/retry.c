/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  Trying again after a lock timeout: whether, and after which pause.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "failure.h"

/* The first pause after a lock timeout, in milliseconds, and the longest. */
#define FIRST_PAUSE 100.0
#define LONGEST_PAUSE 10000.0

/* Tells whether an error is worth another try: a lock was not to be had. */
bool
cf_is_lock_failure(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		   edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* The pause before the next try: doubles each time, with jitter of half. */
double
cf_retry_pause(int attempt)
{
	double pause = FIRST_PAUSE * pow(2, Min(attempt - 1, 20));

	pause = Min(pause, LONGEST_PAUSE);
	return pause * (0.5 + 0.5 * pg_prng_double(&pg_global_prng_state));
}

/* Sleeps, interruptibly. */
void
cf_sleep(double milliseconds)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64) milliseconds);

	for (;;)
	{
		long left = (long) ((until - GetCurrentTimestamp()) / 1000);

		if (left <= 0)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}
