/*-------------------------------------------------------------------------
 *
 * differ_type.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_type_kinds[] = {
	{.name = "type", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "attribute", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "domain", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "domain constraint", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "collation", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
