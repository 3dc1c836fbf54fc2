/*-------------------------------------------------------------------------
 *
 * differ_search.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_search_kinds[] = {
	{.name = "text search parser", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "text search template", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "text search dictionary", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "text search configuration", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
