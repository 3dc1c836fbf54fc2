/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  The settings confiture.*, in alphabetical order.
 *
 * docs/reference/settings.md is their table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "confiture.h"

int cf_lock_retries = 10;
int cf_lock_timeout = 2000;
int cf_out_of_order = CF_OUT_OF_ORDER_WARN;
int cf_progress = CF_PROGRESS_OFF;
static int template_limit = 8;
static int template_max_age = 14 * 24 * 60;
static char *hook_context;

static const struct config_enum_entry out_of_order_values[] = {
	{"allow", CF_OUT_OF_ORDER_ALLOW, false},
	{"warn", CF_OUT_OF_ORDER_WARN, false},
	{"refuse", CF_OUT_OF_ORDER_REFUSE, false},
	{NULL, 0, false}};

static const struct config_enum_entry progress_values[] = {
	{"off", CF_PROGRESS_OFF, false},
	{"migrations", CF_PROGRESS_MIGRATIONS, false},
	{"statements", CF_PROGRESS_STATEMENTS, false},
	{NULL, 0, false}};

/* Defines the settings. */
void
cf_guc_init(void)
{
	DefineCustomStringVariable("confiture.hook_context",
							   "Tells a hook what it runs for, as a JSON object.",
							   "Set while a hook runs; empty otherwise.", &hook_context, "",
							   PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"confiture.lock_retries",
		"Sets how often a migration that timed out waiting for a lock is tried again.",
		"Only CALL confiture.migrate() tries again. Valid range is 0..1000.", &cf_lock_retries, 10,
		0, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"confiture.lock_timeout",
		"Sets how long a statement of a migration or a dry run waits for a lock.",
		"A lower lock_timeout of the session stays in force. 0 leaves lock_timeout alone.",
		&cf_lock_timeout, 2000, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomEnumVariable(
		"confiture.out_of_order",
		"Sets what happens to a pending migration that is older than the newest applied one.",
		"Valid values are allow, warn (apply it with a warning) and refuse.", &cf_out_of_order,
		CF_OUT_OF_ORDER_WARN, out_of_order_values, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable(
		"confiture.progress",
		"Sets which steps of a migration are reported as notices while it runs.",
		"Valid values are off, migrations and statements.", &cf_progress, CF_PROGRESS_OFF,
		progress_values, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("confiture.template_limit",
							"Sets how many templates of builds a role keeps.",
							"The oldest are dropped when a new one is made. 0 keeps only that one.",
							&template_limit, 8, 0, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("confiture.template_max_age",
							"Sets how old a template of a build may become.",
							"Older ones are dropped when a new one is made.", &template_max_age,
							14 * 24 * 60, 1, INT_MAX, PGC_USERSET, GUC_UNIT_MIN, NULL, NULL, NULL);
	MarkGUCPrefixReserved("confiture");
}
