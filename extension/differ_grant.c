/*-------------------------------------------------------------------------
 *
 * differ_grant.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_grant_kinds[] = {
	{.name = "grant", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "default privileges", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
