/*-------------------------------------------------------------------------
 *
 * differ_routine.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_routine_kinds[] = {
	{.name = "function", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "procedure", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "aggregate", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
