/*-------------------------------------------------------------------------
 *
 * module.c
 *	  The library confiture.so: a table of contents.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "confiture.h"

CF_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(confiture_version);

PGDLLEXPORT void _PG_init(void);

/* Runs when the library is loaded. */
void
_PG_init(void)
{
	cf_guc_init();
}

/* Returns the version of the loaded library. */
Datum
confiture_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(CONFITURE_VERSION));
}
