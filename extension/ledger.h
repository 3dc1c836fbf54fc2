/*-------------------------------------------------------------------------
 *
 * ledger.h
 *	  Locks and states of a run of migrations.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_LEDGER_H
#define CF_LEDGER_H

#include "confiture.h"
#include "storage/lockdefs.h"

/* Our advisory locks: (class, key) of the two-integer space. The class is "conf". */
#define CF_LOCK_CLASS 0x636F6E66
typedef enum CfLockKey
{
	CF_LOCK_RUN = 1,   /* exclusive: a run of migrations */
	CF_LOCK_WORKER = 2 /* exclusive: a worker; shared: a run */
} CfLockKey;

extern bool cf_try_lock(CfLockKey key, LOCKMODE mode, bool session);
extern void cf_unlock(CfLockKey key, LOCKMODE mode);
extern void cf_lock_migrations(bool session);
extern void cf_check_extension_version(void);
extern void cf_check_writable(const char *what);

/* migrate.c */
extern void cf_note_current(const char *version, const char *name, const char *direction);

#endif /* CF_LEDGER_H */
