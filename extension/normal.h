/*-------------------------------------------------------------------------
 *
 * normal.h
 *	  Normal forms of SQL texts: equal where the server reads them as equal.
 *
 * normal.c			facts that differ only in such texts
 * normal_form.c	what is in a text: a frame, and the expressions in it
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_NORMAL_H
#define CF_NORMAL_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Where a text comes from. */
typedef struct CfTextPlace
{
	const char *kind; /* of the fact */
	const char *key;  /* of its payload */
	const char *schema;
	const char *name;
	const char *part;	   /* of the relation, or NULL */
	const char *arguments; /* of a routine, or NULL */
	const char *relation;  /* of a publication's table: quoted, or NULL */
} CfTextPlace;

/*
 * A text taken apart. frame is the statement with its expressions taken out;
 * query, a SELECT of them, is parsed and written again until it stays the same.
 */
typedef struct CfTextForm
{
	Node *frame;
	char *query; /* NULL when there are no expressions */
	bool made;	 /* it has to be made to be read: only in a scratch database */
} CfTextForm;

/* normal_form.c */
extern bool cf_normal_has_form(const char *kind, const char *key);
extern CfTextForm *cf_normal_form(const CfTextPlace *place, const char *text);
extern char *cf_normal_again(const char *query);

#endif /* CF_NORMAL_H */
