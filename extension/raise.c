/*-------------------------------------------------------------------------
 *
 * raise.c
 *	  Raising an error with all its parts from SQL: RAISE of PL/pgSQL can't
 *	  set the context, and that is where an error points into a script.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "confiture.h"

PG_FUNCTION_INFO_V1(confiture_raise);

/*
 * SELECT confiture._raise(sqlstate, message, detail, hint, context). detail,
 * hint and context may be NULL.
 */
Datum
confiture_raise(PG_FUNCTION_ARGS)
{
	char *state = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *message = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char *parts[3];

	for (int i = 0; i < 3; i++)
		parts[i] = PG_ARGISNULL(i + 2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i + 2));
	Assert(strlen(state) == 5);
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
			 errmsg_internal("%s", message), parts[0] ? errdetail_internal("%s", parts[0]) : 0,
			 parts[1] ? errhint("%s", parts[1]) : 0, parts[2] ? errcontext("%s", parts[2]) : 0));
	PG_RETURN_VOID();
}
