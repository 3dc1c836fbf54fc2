/*-------------------------------------------------------------------------
 *
 * differ_row_type.h
 *	  Routines that stand in the way of writing the rows of a table anew.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_DIFFER_ROW_TYPE_H
#define CF_DIFFER_ROW_TYPE_H

#include "differ.h"

extern void cfd_disturb_rows(CfdPlan *plan, CfdFact *relation);
extern void cfd_disturb_row_types(CfdPlan *plan, CfdFact *new);
extern void cfd_order_row_types(const CfdFact *new);
extern bool cfd_is_of_checked_domain(const CfdFact *column);

#endif /* CF_DIFFER_ROW_TYPE_H */
