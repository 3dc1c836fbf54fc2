/*-------------------------------------------------------------------------
 *
 * differ_rename.h
 *	  Declared renames, between the files that deal with them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_DIFFER_RENAME_H
#define CF_DIFFER_RENAME_H

#include "differ.h"

/* A fact of the source that has another name in the target. */
typedef struct CfdRename
{
	CfdFact *fact;
	CfdFact *to;	 /* of the target */
	const char *now; /* what it is called at the moment, not quoted */
	bool silent;	 /* it comes along with another one */
	bool done;
} CfdRename;

/* A word of the texts, and what becomes of it. */
typedef struct CfdWord
{
	const char *old;
	const char *new;
} CfdWord;

/* differ_rename.c */
extern const char *cfd_own_name(const CfdFact *fact);
extern CfdRename *cfd_new_rename(CfdFact *fact, CfdFact *to);

/* differ_namesake.c */
extern void cfd_add_words(List **words, const CfdRename *rename);
extern List *cfd_find_namesakes(CfdPlan *plan, List *renames, List *words);
extern List *cfd_find_attached(CfdPlan *plan, List *words);
extern void cfd_take_all_names(CfdPlan *plan, List *renames, List *words);

/* differ_same.c: texts that are equal but for names */
extern char *cfd_replace_names(const char *text, List *words);
extern bool cfd_same_payload(const CfdFact *old, const CfdFact *new, List *words);
extern void cfd_take_names(CfdFact *old, const CfdFact *new, List *words);

/* differ_rekey.c: facts under their new names */
extern const char *cfd_make_identity(const CfdFact *fact);
extern void cfd_rekey(CfdPlan *plan, List *renames);

#endif /* CF_DIFFER_RENAME_H */
