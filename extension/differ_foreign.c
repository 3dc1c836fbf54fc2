/*-------------------------------------------------------------------------
 *
 * differ_foreign.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_foreign_kinds[] = {
	{.name = "foreign data wrapper", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "server", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "user mapping", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
