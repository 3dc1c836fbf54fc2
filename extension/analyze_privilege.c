/*-------------------------------------------------------------------------
 *
 * analyze_privilege.c
 *	  Privileges that a statement needs, as far as they are plain: ownership,
 *	  and the rights on the tables that it names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "analyze.h"

/* Raises the server's error when the user does not own a relation. */
void
cf_an_own(CfAnalysis *a, const CfRel *rel)
{
	if (!rel->created && !a->world->role_changed && !cf_owns_relation(rel->relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(rel->relkind),
					   get_rel_name(rel->relid));
}

/* The same for DROP, which the owner of the schema may do too. */
void
cf_an_own_or_schema(CfAnalysis *a, const CfRel *rel)
{
	if (rel->created || !cf_owns_schema(get_rel_namespace(rel->relid), GetUserId()))
		cf_an_own(a, rel);
}

/* Raises the server's error when the user may not do something with a table. */
void
cf_an_may(CfAnalysis *a, const CfRel *rel, AclMode mode)
{
	if (rel->created || a->world->role_changed ||
		pg_class_aclcheck(rel->relid, GetUserId(), mode) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(rel->relid, GetUserId(), mode, ACLMASK_ANY) == ACLCHECK_OK)
		return;
	aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(rel->relkind), get_rel_name(rel->relid));
}

/* Raises the server's error when the user may not create in a schema. */
void
cf_an_may_create(CfAnalysis *a, Oid schema)
{
	if (OidIsValid(schema) && !a->world->role_changed &&
		cf_schema_aclcheck(schema, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, get_namespace_name(schema));
}
