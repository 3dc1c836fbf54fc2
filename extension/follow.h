/*-------------------------------------------------------------------------
 *
 * follow.h
 *	  Settings that a script makes for its later statements.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_FOLLOW_H
#define CF_FOLLOW_H

#include "nodes/nodes.h"

/* value is NULL when the setting goes back to its default */
typedef void (*CfFollow)(const char *name, const char *value);

extern void cf_follow_settings(Node *stmt, CfFollow follow);

#endif /* CF_FOLLOW_H */
