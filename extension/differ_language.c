/*-------------------------------------------------------------------------
 *
 * differ_language.c
 *	  TODO
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "differ.h"

const CfdKind cfd_language_kinds[] = {
	{.name = "language", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "transform", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "access method", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{.name = "extension", .rank = 60, .create = cfd_refuse, .drop = cfd_refuse},
	{0}};
