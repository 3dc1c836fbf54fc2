/*-------------------------------------------------------------------------
 *
 * differ_publication.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_publication_kinds[] = {
	{.name = "publication", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "publication table", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "publication schema", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "subscription", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
