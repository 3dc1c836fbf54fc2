/*-------------------------------------------------------------------------
 *
 * analyze_domain.c
 *	  ALTER DOMAIN: the tables that use the domain are locked and read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "analyze.h"

/* Notes the tables that use a domain, or a domain over it. */
static void
lock_users(CfAnalysis *a, Oid domain)
{
	Relation depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple tuple;

	check_stack_depth();
	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(domain));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend row = (Form_pg_depend) GETSTRUCT(tuple);

		if (row->classid == TypeRelationId && get_typtype(row->objid) == TYPTYPE_DOMAIN)
			lock_users(a, row->objid);
		else if (row->classid == RelationRelationId && row->objsubid > 0 &&
				 RELKIND_HAS_TABLE_AM(get_rel_relkind(row->objid)))
		{
			cf_an_lock(a, row->objid, ShareLock, false);
			cf_an_scan(
				a, row->objid, "checking the domain in",
				"A CHECK constraint of a table can be validated without blocking writes, one of a domain can not");
		}
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

/* Works out the statements of this file; false for others. */
bool
cf_an_domain_statement(CfAnalysis *a, Node *stmt)
{
	AlterDomainStmt *alter = (AlterDomainStmt *) stmt;
	TypeName *name;
	Oid domain;

	if (!IsA(stmt, AlterDomainStmt))
		return false;
	name = makeTypeNameFromNameList(alter->typeName);
	domain = LookupTypeNameOid(NULL, name, true);
	if (!OidIsValid(domain))
	{
		if (cf_an_is_known(a, NULL, strVal(llast(alter->typeName))))
			return true;
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("type \"%s\" does not exist", TypeNameToString(name))));
	}
	switch (alter->subtype)
	{
		case 'O': /* SET NOT NULL */
			lock_users(a, domain);
			break;
		case 'C': /* ADD CONSTRAINT */
			if (!((Constraint *) alter->def)->skip_validation)
				lock_users(a, domain);
			break;
		case 'V': /* VALIDATE CONSTRAINT */
			lock_users(a, domain);
			break;
		default:
			break;
	}
	return true;
}
