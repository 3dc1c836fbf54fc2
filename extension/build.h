/*-------------------------------------------------------------------------
 *
 * build.h
 *	  Building a database of files of DDL.
 *
 * build.c			the session that asks: SQL functions, locks
 * build_file.c		one file: what it may hold, what it makes
 * build_main.c		the worker: gets the files, reports
 * build_run.c		runs the files, commits in pieces
 * build_wait.c		files that wait for an object of a later one, circles
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_BUILD_H
#define CF_BUILD_H

#include "confiture.h"
#include "execute.h"
#include "lib/stringinfo.h"
#include "utils/elog.h"
#include "utils/hsearch.h"

/* A file on its way into the database. */
typedef struct CfBuildFile
{
	char *path;
	char *text;
	int len;
	CfScript *script; /* parsed when it is first run; NULL when it is done */
	int next;		  /* index of the statement to run next */
	int block;		  /* index of the BEGIN of an open block, or -1 */
	ErrorData *waits; /* why it can't go on, or NULL */
	int line;		  /* of the statement that can't run yet */
	List *awaits;	  /* char *: names that may be what it waits for */
	bool failed;	  /* it waits for nothing: the error is real */
	bool ready;		  /* one of them has been made */
	bool visited;	  /* while a circle is looked for */
} CfBuildFile;

/* A build on its way. */
typedef struct CfBuild
{
	MemoryContext context;
	Oid caller; /* the role that asked */
	bool caller_is_superuser;
	CfBuildFile *files;
	int nfiles;
	int maxfiles;

	/* The transaction that is open. */
	bool open;
	int count;	/* statements in it */
	int weight; /* of its locks */
	bool data;	/* deferred constraints may have to speak */

	/* Files that wait. */
	int waiting;
	int failed;	   /* of them, those with a real error */
	HTAB *awaited; /* name to files */
	List *ready;   /* files to be tried again now */

	/* What has been done. */
	int64 statements;
	int64 rows;
	const char *last; /* path of the file that ended last */
	StringInfoData order;
	StringInfoData moved;
} CfBuild;

/* build_file.c */
extern CfScript *cf_build_parse(const char *path, const char *text, int len);
extern bool cf_build_is_data(const Node *stmt);
extern bool cf_build_is_setting(const Node *stmt);
extern bool cf_build_may_wait(int sqlerrcode, const Node *stmt);
extern List *cf_build_names(const CfStatement *stmt, bool created);
extern List *cf_build_names_in_message(const char *message);

/* build_main.c */
extern void cf_build_begin(CfBuild *build);
extern void cf_build_add(CfBuild *build, const char *path, const char *text);
extern char *cf_build_report(CfBuild *build);

/* build_run.c */
extern void cf_build_run_files(CfBuild *build);

/* build_wait.c */
extern void cf_build_wait(CfBuild *build, CfBuildFile *file, ErrorData *edata);
extern void cf_build_made(CfBuild *build, const CfStatement *stmt);
extern void cf_build_goes_on(CfBuild *build, CfBuildFile *file);
extern void cf_build_stuck(CfBuild *build);

#endif /* CF_BUILD_H */
