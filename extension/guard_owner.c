/*-------------------------------------------------------------------------
 *
 * guard_owner.c
 *	  SQL of ours that must work whatever the caller may do, and whatever it
 *	  has set: as the owner of the extension, under a search_path of our own.
 *
 * After an error the end of the transaction or subtransaction puts both back,
 * as it does for the checks of foreign keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "guard.h"

/* Returns the owner of a schema, or InvalidOid when it is not there. */
static Oid
schema_owner(const char *schema)
{
	HeapTuple tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum(schema));
	Oid result = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
		ReleaseSysCache(tuple);
	}
	return result;
}

/* Becomes the owner. Returns false, and changes nothing, when there is none. */
bool
cf_owner_begin(CfOwner *owner)
{
	Oid role = schema_owner("confiture");

	owner->nest_level = 0;
	if (!OidIsValid(role))
		return false;
	GetUserIdAndSecContext(&owner->role, &owner->context);
	SetUserIdAndSecContext(role, owner->context | SECURITY_LOCAL_USERID_CHANGE);
	owner->nest_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return true;
}

/* Becomes who it was before. */
void
cf_owner_end(const CfOwner *owner)
{
	if (owner->nest_level == 0)
		return;
	AtEOXact_GUC(false, owner->nest_level);
	SetUserIdAndSecContext(owner->role, owner->context);
}
