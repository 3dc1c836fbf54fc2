/*-------------------------------------------------------------------------
 *
 * ddl_log.h
 *	  The DDL log: who has changed what, when, and by which statement.
 *
 * ddl_log.c			when to look, and the row that is written
 * ddl_log_object.c		what a statement has changed, as identities of facts
 * ddl_log_dropped.c	what it has dropped
 * ddl_log_identity.c	the identity of an object
 * ddl_log_text.c		its text, without secrets
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_DDL_LOG_H
#define CF_DDL_LOG_H

#include "confiture.h"

#include "catalog/objectaddress.h"
#include "commands/event_trigger.h"

/* An identity in pieces; what does not fit into them is whole. */
typedef struct CfIdentity
{
	const char *kind;
	const char *schema;
	const char *name;
	const char *part;
	const char *arguments;
	const char *whole;
} CfIdentity;

/* ddl_log.c */
extern void cf_ddl_log_dropped(const EventTriggerData *data);

/* ddl_log_object.c */
extern List *cf_ddl_changed_objects(void);

/* ddl_log_dropped.c */
extern List *cf_ddl_dropped_objects(void);

/* ddl_log_identity.c */
extern bool cf_identity_of(const ObjectAddress *address, CfIdentity *pieces);
extern char *cf_identity_text(const CfIdentity *pieces);
extern List *cf_identity_add(List *identities, char *identity);

/* ddl_log_text.c */
extern char *cf_ddl_statement(void);

#endif /* CF_DDL_LOG_H */
