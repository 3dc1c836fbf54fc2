/*-------------------------------------------------------------------------
 *
 * values.h
 *	  Strings as arguments of queries, and as their results.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_VALUES_H
#define CF_VALUES_H

#include "nodes/pg_list.h"

extern List *cf_read_names(Datum array);
extern Datum cf_names_array(List *names);
extern Datum cf_optional_text(const char *string, char *null);

#endif /* CF_VALUES_H */
