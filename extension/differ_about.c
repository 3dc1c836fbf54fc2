/*-------------------------------------------------------------------------
 *
 * differ_about.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_about_kinds[] = {
	{.name = "owner", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "comment", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "security label", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
