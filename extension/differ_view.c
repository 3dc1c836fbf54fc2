/*-------------------------------------------------------------------------
 *
 * differ_view.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_view_kinds[] = {
	{.name = "view", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "materialized view", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "rule", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
