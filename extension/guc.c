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

#include "mb/pg_wchar.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"

#include "confiture.h"

char *cf_agent;
int cf_enforce_intents = CF_ENFORCE_OFF;
int cf_intent_expiry = 86400;
int cf_lock_retries = 10;
int cf_lock_timeout = 2000;
int cf_out_of_order = CF_OUT_OF_ORDER_WARN;
char *cf_override_reason;
int cf_progress = CF_PROGRESS_OFF;
bool cf_record_schema = true;
static int template_limit = 8;
static int template_max_age = 14 * 24 * 60;
static char *hook_context;
static char *ignore;
static bool log_ddl = false;

static const struct config_enum_entry enforce_values[] = {{"off", CF_ENFORCE_OFF, false},
														  {"warn", CF_ENFORCE_WARN, false},
														  {"error", CF_ENFORCE_ERROR, false},
														  {NULL, 0, false}};

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

/* Finds a setting by its name: cf_find_setting() where the server has no such function. */
static inline struct config_generic *
search_settings(const char *name, struct config_generic **settings, int count)
{
	for (int i = 0; i < count; i++)
		if (pg_strcasecmp(settings[i]->name, name) == 0)
			return settings[i];
	return NULL;
}

/*
 * Tells whether the value of a setting is one that the client has given when
 * it connected.
 */
static bool
asked_at_startup(const char *name)
{
	struct config_generic *setting = cf_find_setting(name);

	return setting != NULL && setting->reset_source == PGC_S_CLIENT;
}

/*
 * Before the library is loaded anybody can give any value to a setting that
 * only a superuser may set. When it is loaded the server refuses it; but one
 * that came with the connection has by then displaced what is set for the
 * role, the database or the server, and nobody knows that any more.
 */
static bool enforcement_refused = false;
static bool log_ddl_refused = false;

/* Tells whether DDL is to be looked at. */
bool
cf_enforces_intents(void)
{
	return cf_enforce_intents != CF_ENFORCE_OFF || enforcement_refused;
}

/* Tells whether DDL is to be logged. */
bool
cf_logs_ddl(void)
{
	return log_ddl || log_ddl_refused;
}

/* Refuses to go on without knowing what a setting is; somebody who may may have set it since. */
static void
check_refused(const char *name, bool *refused, bool set)
{
	if (set)
		*refused = false;
	if (*refused)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to set parameter \"%s\"", name),
						errdetail("It was given when the session connected."),
						errhint("Connect again without it (see PGOPTIONS, or options in the "
								"connection string).")));
}

/* Refuses to go on without knowing what is to be enforced. */
void
cf_check_enforcement(void)
{
	check_refused("confiture.enforce_intents", &enforcement_refused,
				  cf_enforce_intents != CF_ENFORCE_OFF);
}

/* Refuses to go on without knowing whether to log. */
void
cf_check_log_ddl(void)
{
	check_refused("confiture.log_ddl", &log_ddl_refused, log_ddl);
}

/* Tells whether confiture.agent can be the name of an agent: one line, at most 200 characters, or empty. */
static bool
check_agent(char **newval, void **extra, GucSource source)
{
	const char *value = *newval;

	if (pg_mbstrlen(value) > 200)
		GUC_check_errdetail("It is longer than 200 characters.");
	else if (strpbrk(value, "\n\r\t\v\f\b\a\033") != NULL)
		GUC_check_errdetail("It has control characters.");
	else if (value[0] != '\0' && strspn(value, " ") == strlen(value))
		GUC_check_errdetail("It is blank.");
	else
		return true;
	return false;
}

/* Tells whether LIKE can read each of the patterns: one that ends with the escape character it can't. */
static bool
check_ignore(char **newval, void **extra, GucSource source)
{
	const char *value = *newval;
	int escapes = 0;

	for (const char *p = value;; p++)
	{
		const char *end = p;

		if (*p == '\\')
		{
			escapes++;
			continue;
		}
		while (*end == ' ')
			end++;
		if (escapes % 2 == 1 && (*end == ',' || *end == '\0'))
		{
			GUC_check_errdetail("A pattern ends with a backslash.");
			return false;
		}
		escapes = 0;
		if (*p == '\0')
			return true;
	}
}

/* Defines the settings. */
void
cf_guc_init(void)
{
	bool enforcement_wanted = asked_at_startup("confiture.enforce_intents");
	bool log_ddl_wanted = asked_at_startup("confiture.log_ddl");

	DefineCustomStringVariable("confiture.agent", "Names the agent that this session works for.",
							   "Whose intents are its own. Empty: the role that has logged in.",
							   &cf_agent, "", PGC_USERSET, 0, check_agent, NULL, NULL);
	DefineCustomEnumVariable(
		"confiture.enforce_intents",
		"Sets what happens to DDL on objects that the intents of other agents claim.",
		"Valid values are off, warn and error.", &cf_enforce_intents, CF_ENFORCE_OFF,
		enforce_values, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("confiture.hook_context",
							   "Tells a hook what it runs for, as a JSON object.",
							   "Set while a hook runs; empty otherwise.", &hook_context, "",
							   PGC_USERSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"confiture.ignore", "Names what plans and drift leave alone.",
		"Patterns, as of LIKE, over the identities of a snapshot, separated by "
		"commas. A comma in a name is written as _.",
		&ignore, "", PGC_USERSET, 0, check_ignore, NULL, NULL);
	DefineCustomIntVariable("confiture.intent_expiry",
							"Sets after which time an intent expires that does not say so itself.",
							"At most 10 years.", &cf_intent_expiry, 86400, 1, 315360000,
							PGC_USERSET, GUC_UNIT_S, NULL, NULL, NULL);
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
	DefineCustomBoolVariable(
		"confiture.log_ddl", "Logs DDL: who has changed what, when, by which statement.",
		"In confiture.ddl_log.", &log_ddl, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable(
		"confiture.out_of_order",
		"Sets what happens to a pending migration that is older than the newest applied one.",
		"Valid values are allow, warn (apply it with a warning) and refuse.", &cf_out_of_order,
		CF_OUT_OF_ORDER_WARN, out_of_order_values, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"confiture.override_reason",
		"Says why DDL goes on although another agent's intent claims its objects.",
		"Only who owns the objects or the database may; it is logged. Empty: it does not go on.",
		&cf_override_reason, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable(
		"confiture.progress",
		"Sets which steps of a migration are reported as notices while it runs.",
		"Valid values are off, migrations and statements.", &cf_progress, CF_PROGRESS_OFF,
		progress_values, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("confiture.record_schema",
							 "Records the schema that a run of migrations has left.",
							 "confiture.drift() compares with it.", &cf_record_schema, true,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("confiture.template_limit",
							"Sets how many templates of builds a role keeps.",
							"The oldest are dropped when a new one is made. 0 keeps only that one.",
							&template_limit, 8, 0, 1000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("confiture.template_max_age",
							"Sets how old a template of a build may become.",
							"Older ones are dropped when a new one is made.", &template_max_age,
							14 * 24 * 60, 1, INT_MAX, PGC_USERSET, GUC_UNIT_MIN, NULL, NULL, NULL);
	MarkGUCPrefixReserved("confiture");
	enforcement_refused = enforcement_wanted && !asked_at_startup("confiture.enforce_intents");
	log_ddl_refused = log_ddl_wanted && !asked_at_startup("confiture.log_ddl");
}
