/*-------------------------------------------------------------------------
 *
 * meter.c
 *	  What running something has cost: time, WAL, buffers read.
 *
 * The counters are the backend's own and include those of its parallel
 * workers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "execute.h"

/* Notes where the counters stand. */
void
cf_meter_start(CfMeter *meter)
{
	meter->wal = pgWalUsage;
	meter->buffers = pgBufferUsage;
	INSTR_TIME_SET_CURRENT(meter->start);
}

/* Adds what has passed since cf_meter_start() to cost. */
void
cf_meter_stop(const CfMeter *meter, CfCost *cost)
{
	instr_time elapsed;
	WalUsage wal = {0};
	BufferUsage buffers = {0};

	INSTR_TIME_SET_CURRENT(elapsed);
	INSTR_TIME_SUBTRACT(elapsed, meter->start);
	WalUsageAccumDiff(&wal, &pgWalUsage, &meter->wal);
	BufferUsageAccumDiff(&buffers, &pgBufferUsage, &meter->buffers);
	cost->elapsed_ms += INSTR_TIME_GET_MILLISEC(elapsed);
	cost->wal_bytes += (int64) wal.wal_bytes;
	cost->buffers_read += buffers.shared_blks_read + buffers.local_blks_read;
}
