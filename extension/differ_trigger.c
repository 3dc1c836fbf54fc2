/*-------------------------------------------------------------------------
 *
 * differ_trigger.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_trigger_kinds[] = {
	{.name = "trigger", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "policy", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "statistics", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "event trigger", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
