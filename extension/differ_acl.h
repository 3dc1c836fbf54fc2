/*-------------------------------------------------------------------------
 *
 * differ_acl.h
 *	  Who may do what with an object, as the differ reckons with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_DIFFER_ACL_H
#define CF_DIFFER_ACL_H

#include "differ.h"

/* A set of privileges, each a bit. */
typedef uint32 CfdRights;

/* What a grantee has from a grantor. */
typedef struct CfdAclEntry
{
	const char *grantee; /* "public" is everybody */
	const char *grantor;
	CfdRights rights;
	CfdRights grantable;
	/* What may be there besides: nobody knows who will run the plan. */
	CfdRights maybe;
	CfdRights maybe_grantable;
} CfdAclEntry;

/*
 * The classes of objects, as acldefault() has them: r relation, s sequence, c column,
 * f routine, T type, n schema, l language, F foreign data wrapper, S foreign server, L large
 * object; 0 for what has no privileges.
 */
typedef struct CfdAcl
{
	const char *owner; /* "" when it is not known */
	List *entries;	   /* CfdAclEntry * */
} CfdAcl;

/* An object, and the grants on it and on its columns. */
typedef struct CfdPrivileged
{
	const char *identity; /* hash key */
	CfdFact *old;		  /* both NULL: it is of the system, or of an extension */
	CfdFact *new;
	List *was; /* CfdFact *, of the source */
	List *is;
	const char *source_owner;
	const char *target_owner;
	const char *owner; /* when the plan has been run */
	List *said;		   /* CfdSaid * */
} CfdPrivileged;

/* A GRANT or REVOKE. */
typedef struct CfdSaid
{
	bool grant;
	bool option; /* WITH GRANT OPTION, GRANT OPTION FOR */
	CfdRights rights;
	const char *grantee;
	const char *grantor;
	List *columns; /* char *, their names; NIL for the object itself */
	int depth;
	int place;
	int number;
} CfdSaid;

/* differ_acl.c */
extern CfdRights cfd_rights(List *names, CfdRights *grantable);
extern char *cfd_rights_text(CfdRights rights, const char *columns);
extern char cfd_acl_class(const char *identity);
extern const char *cfd_acl_name(const char *identity);
extern CfdAcl *cfd_acl_default(char class, const char *owner);
extern CfdAclEntry *
cfd_acl_entry(CfdAcl *acl, const char *grantee, const char *grantor, bool missing_too);
extern void cfd_acl_take(CfdAcl *acl, const CfdFact *grant);
extern void cfd_acl_new_owner(CfdAcl *acl, const char *owner);
extern CfdAcl *cfd_acl_created(CfdPlan *plan, char class, const char *schema, const char *owner);
extern int cfd_acl_depth(CfdAcl *acl, const char *grantor);

/* differ_default.c: what one default privileges fact says for objects of its kind */
extern char cfd_default_class(const CfdFact *defaults);
extern CfdAcl *cfd_default_acl(const CfdFact *defaults);

/* differ_privilege.c */
extern const CfdKind cfd_privileges_kind;
extern const char *cfd_privilege_identity(const CfdPrivileged *object, const char *column,
										  const char *grantee, const char *grantor);
extern void cfd_privileges_sort(CfdPrivileged *object);

#endif /* CF_DIFFER_ACL_H */
