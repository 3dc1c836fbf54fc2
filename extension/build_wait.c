/*-------------------------------------------------------------------------
 *
 * build_wait.c
 *	  Files of a build that wait for an object which a later file makes.
 *
 * A file that waits is tried again as soon as a statement has made something
 * of a name that it may wait for, and, as names are not always seen, once
 * more when all others have run. When that brings nothing either, the errors
 * are real: a circle of files, or an object that nobody makes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/json.h"
#include "utils/memutils.h"

#include "build.h"
#include "json.h"

/* The files that may wait for a name. */
typedef struct Awaited
{
	char name[NAMEDATALEN]; /* must be first */
	List *files;
} Awaited;

/* Puts a file on the list of those that wait for a name. */
static void
await(CfBuild *build, CfBuildFile *file, const char *name)
{
	char key[NAMEDATALEN];
	Awaited *entry;
	bool found;

	strlcpy(key, name, sizeof(key));
	entry = (Awaited *) hash_search(build->awaited, key, HASH_ENTER, &found);
	if (!found)
		entry->files = NIL;
	entry->files = list_append_unique_ptr(entry->files, file);
}

/* Lets a file wait: its next statement has failed for something missing. */
void
cf_build_wait(CfBuild *build, CfBuildFile *file, ErrorData *edata)
{
	MemoryContext old = MemoryContextSwitchTo(build->context);
	const CfStatement *stmt = &file->script->statements[file->next];
	ListCell *lc;

	if (build->awaited == NULL)
	{
		HASHCTL control = {
			.keysize = NAMEDATALEN, .entrysize = sizeof(Awaited), .hcxt = build->context};

		build->awaited =
			hash_create("confiture build", 256, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
	if (file->waits == NULL)
		build->waiting++;
	else
		FreeErrorData(file->waits);
	file->waits = edata;
	file->line = stmt->line;
	list_free_deep(file->awaits);
	file->awaits =
		list_concat(cf_build_names(stmt, false), cf_build_names_in_message(edata->message));
	foreach (lc, file->awaits)
		await(build, file, (const char *) lfirst(lc));
	MemoryContextSwitchTo(old);
}

/* Marks a file as one to be tried again now. */
static void
make_ready(CfBuild *build, CfBuildFile *file)
{
	MemoryContext old;

	if (file->waits == NULL || file->failed || file->ready)
		return;
	old = MemoryContextSwitchTo(build->context);
	file->ready = true;
	build->ready = lappend(build->ready, file);
	MemoryContextSwitchTo(old);
}

/* Notes what a statement has made: somebody may have waited for it. */
void
cf_build_made(CfBuild *build, const CfStatement *stmt)
{
	ListCell *lc, *lf;

	if (build->waiting == 0)
		return;
	/* What these have made, nobody can tell. */
	if (IsA(stmt->raw->stmt, CreateExtensionStmt) || IsA(stmt->raw->stmt, DoStmt))
	{
		for (int i = 0; i < build->nfiles; i++)
			make_ready(build, &build->files[i]);
		return;
	}
	foreach (lc, cf_build_names(stmt, true))
	{
		char key[NAMEDATALEN];
		Awaited *entry;

		strlcpy(key, (const char *) lfirst(lc), sizeof(key));
		entry = (Awaited *) hash_search(build->awaited, key, HASH_FIND, NULL);
		if (entry == NULL)
			continue;
		foreach (lf, entry->files)
			make_ready(build, (CfBuildFile *) lfirst(lf));
		list_free(entry->files);
		entry->files = NIL;
	}
}

/* A statement that had to wait has run: this goes into the report. */
void
cf_build_goes_on(CfBuild *build, CfBuildFile *file)
{
	StringInfo json = &build->moved;

	if (json->len > 1)
		appendStringInfoString(json, ", ");
	appendStringInfoChar(json, '{');
	cf_json_text(json, "path", file->path);
	cf_json_number(json, "line", file->line);
	cf_json_text(json, "missing", file->waits->message);
	cf_json_text(json, "after", build->last);
	appendStringInfoChar(json, '}');
	FreeErrorData(file->waits);
	file->waits = NULL;
	build->waiting--;
}

/*
 * Finds which file that waits would make a name; *line is where. Only what it
 * has not run yet counts.
 */
static CfBuildFile *
maker_of(CfBuild *build, const char *name, int *line)
{
	for (int i = 0; i < build->nfiles; i++)
	{
		CfBuildFile *file = &build->files[i];

		for (int n = file->next; file->waits && n < file->script->count; n++)
		{
			ListCell *lc;

			foreach (lc, cf_build_names(&file->script->statements[n], true))
			{
				if (strcmp((const char *) lfirst(lc), name) != 0)
					continue;
				*line = file->script->statements[n].line;
				return file;
			}
		}
	}
	return NULL;
}

/* Returns the file that another one waits for, of those that wait, or NULL. */
static CfBuildFile *
waits_for(CfBuild *build, CfBuildFile *file, int *line)
{
	/* The message names what is missing; the statement, all that it needs. */
	List *first = cf_build_names_in_message(file->waits->message);
	ListCell *lc;

	foreach (lc, list_concat(first, file->awaits))
	{
		CfBuildFile *maker = maker_of(build, (const char *) lfirst(lc), line);

		/* A statement needs what it makes itself only by its name. */
		if (maker && (maker != file || *line != file->line))
			return maker;
	}
	return NULL;
}

/* Appends one link of a circle to a DETAIL. */
static void
describe_link(CfBuild *build, CfBuildFile *file, StringInfo detail)
{
	int line = 0;
	CfBuildFile *maker = waits_for(build, file, &line);

	if (detail->len > 0)
		appendStringInfoChar(detail, '\n');
	appendStringInfo(detail, "%s:%d: %s (made at %s:%d)", file->path, file->line,
					 file->waits->message, maker->path, line);
}

/* Makes the statement that a file waits at the query of the error, as the server did. */
static int
point_at(const CfBuildFile *file)
{
	if (file->waits->internalquery)
	{
		internalerrquery(file->waits->internalquery);
		internalerrposition(file->waits->internalpos);
	}
	return 0;
}

/* Raises the error of a circle that a file is a part of. */
static void
raise_circle(CfBuild *build, CfBuildFile *start)
{
	StringInfoData detail, names;
	CfBuildFile *file = start;
	int line = 0, length = 0;

	initStringInfo(&detail);
	initStringInfo(&names);
	do
	{
		if (length++ > 0)
			appendStringInfoString(&names, " -> ");
		appendStringInfoString(&names, file->path);
		describe_link(build, file, &detail);
		file = waits_for(build, file, &line);
	} while (file != start);
	if (length == 1)
		ereport(ERROR,
				(errcode(ERRCODE_CF_CIRCLE),
				 errmsg("file %s needs an object before it makes it", start->path),
				 errdetail_internal("%s", detail.data),
				 errhint("Within one file the order of the statements is kept: put them in order."),
				 point_at(start), errcontext("%s", start->waits->context)));
	ereport(
		ERROR,
		(errcode(ERRCODE_CF_CIRCLE),
		 errmsg("files need each other in a circle: %s -> %s", names.data, start->path),
		 errdetail_internal("%s", detail.data),
		 errhint(
			 "Put the statement that closes the circle, a foreign key for example, into a file of its own with ALTER TABLE; for functions, SET check_function_bodies = off."),
		 point_at(start), errcontext("%s", start->waits->context)));
}

/*
 * Nothing goes on any more. Follows the first file that waits to the one whose
 * error is the cause of all: a circle, or an object that nobody makes.
 */
void
cf_build_stuck(CfBuild *build)
{
	CfBuildFile *file = NULL;

	MemoryContextSwitchTo(build->context);
	for (int i = 0; i < build->nfiles && file == NULL; i++)
		if (build->files[i].waits)
			file = &build->files[i];
	Assert(file != NULL);
	for (;;)
	{
		int line = 0;
		CfBuildFile *next = waits_for(build, file, &line);

		if (next == NULL)
			ReThrowError(file->waits);
		if (next->visited)
			raise_circle(build, next);
		file->visited = next->visited = true;
		file = next;
	}
}
