/*-------------------------------------------------------------------------
 *
 * differ_operator.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_operator_kinds[] = {
	{.name = "operator", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "operator class", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "operator family", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "cast", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "conversion", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
