/*-------------------------------------------------------------------------
 *
 * capture.c
 *	  The trigger of a transition: what is done when a row is written.
 *
 * Its arguments are the number of the pair and a mode:
 *	  capture  the keys of written rows go to the change log
 *	  mirror   the row goes to the target, in this transaction
 *	  back     the row goes to the source, in this transaction
 *	  guard    nobody may write yet
 * The mode changes by CREATE OR REPLACE TRIGGER: it is in the relation cache
 * of every session that holds a lock, whatever its snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "transition.h"

PG_FUNCTION_INFO_V1(confiture_transition_trigger);

/* A TRUNCATE of ours is going on: its triggers do nothing. */
static bool truncating = false;

/* Raises an error unless the owner of one table may write the other. */
static void
check_owners(Relation from, Relation to)
{
	if (!has_privs_of_role(from->rd_rel->relowner, to->rd_rel->relowner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("the owner of table \"%s\" may not write table \"%s\"",
							   RelationGetRelationName(from), RelationGetRelationName(to)),
						errhint("In a transition both tables belong to the same role.")));
}

/* Tells whether a value of one type of a key can stand in a column of the other, as it is. */
static bool
same_kind(Oid one, Oid other)
{
	one = getBaseType(one);
	other = getBaseType(other);
	return one == other ||
		   ((one == INT2OID || one == INT4OID || one == INT8OID) &&
			(other == INT2OID || other == INT4OID || other == INT8OID)) ||
		   ((one == TEXTOID || one == VARCHAROID) && (other == TEXTOID || other == VARCHAROID));
}

/* Raises an error unless a table can be the change log for keys of another, and may be written. */
void
cf_check_log(Relation rel, Relation log, const AttrNumber *key, int nkeys)
{
	TupleDesc desc = RelationGetDescr(log);
	bool fits = log->rd_rel->relkind == RELKIND_RELATION && desc->natts == nkeys;

	check_owners(rel, log);
	for (int i = 0; fits && i < nkeys; i++)
		fits = !TupleDescAttr(desc, i)->attisdropped &&
			   same_kind(TupleDescAttr(desc, i)->atttypid,
						 TupleDescAttr(RelationGetDescr(rel), key[i] - 1)->atttypid);
	if (!fits)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("table \"%s\" is not a change log for keys of table \"%s\"",
							   RelationGetRelationName(log), RelationGetRelationName(rel)),
						errhint("Its columns must be those of the key, and nothing else.")));
}

/* Writes the key of a row into the change log. */
static void
log_key(CfRoute *route, Relation log, Relation rel, HeapTuple tuple)
{
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];
	HeapTuple entry;

	for (int i = 0; i < route->nkeys; i++)
		values[i] = heap_getattr(tuple, route->from_key[i], RelationGetDescr(rel), &nulls[i]);
	entry = heap_form_tuple(RelationGetDescr(log), values, nulls);
	simple_heap_insert(log, entry);
	heap_freetuple(entry);
}

/* Tells whether two versions of a row have the same key, to the last bit. */
static bool
same_key(const AttrNumber *key, int nkeys, Relation rel, HeapTuple a, HeapTuple b)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, key[i] - 1);
		bool null_a, null_b;
		Datum value_a = heap_getattr(a, key[i], desc, &null_a);
		Datum value_b = heap_getattr(b, key[i], desc, &null_b);

		if (null_a || null_b || !datum_image_eq(value_a, value_b, att->attbyval, att->attlen))
			return false;
	}
	return true;
}

/* The row that was written, and the one that stood there before; or NULL. */
static void
rows_of_event(TriggerData *data, HeapTuple *before, HeapTuple *after)
{
	bool insert = TRIGGER_FIRED_BY_INSERT(data->tg_event);

	*before = insert ? NULL : data->tg_trigtuple;
	*after = insert									   ? data->tg_trigtuple
			 : TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple
													   : NULL;
}

/* Mode capture: keys to the log. TRUNCATE leaves an entry without a key. */
static void
capture(TriggerData *data, CfRoute *route)
{
	Relation rel = data->tg_relation;
	Relation log = cf_relation_again(route->to);
	HeapTuple before, after;

	check_owners(rel, log);
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
	{
		Datum values[INDEX_MAX_KEYS] = {0};
		bool nulls[INDEX_MAX_KEYS];

		memset(nulls, true, sizeof(nulls));
		simple_heap_insert(log, heap_form_tuple(RelationGetDescr(log), values, nulls));
	}
	else
	{
		rows_of_event(data, &before, &after);
		if (before)
			log_key(route, log, rel, before);
		if (after && !(before && same_key(route->from_key, route->nkeys, rel, before, after)))
			log_key(route, log, rel, after);
	}
	RelationClose(log);
}

/*
 * Tells whether a version of a row is still the one that counts. A trigger of
 * the application may have written the row again: that event comes, or came,
 * by itself, and this one must not overwrite it.
 */
static bool
is_current(HeapTuple tuple)
{
	HeapTupleHeader header = tuple->t_data;

	if ((header->t_infomask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask))
		return true;
	return !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header));
}

/* Brings one row to the other table. */
static void
mirror_row(TriggerData *data, CfSink *sink)
{
	CfRoute *route = sink->route;
	Relation rel = data->tg_relation;
	TupleTableSlot *slot = data->tg_trigslot;
	HeapTuple before, after;
	CfRights rights;

	check_owners(rel, sink->rel);
	cf_rights_enter_sink(&rights, sink);
	rows_of_event(data, &before, &after);
	if (before && after)
		slot = data->tg_newslot;
	if (before && !(after && same_key(route->from_key, route->nkeys, rel, before, after)))
		cf_sink_remove_unless_kept(sink, rel, data->tg_trigslot);
	if (after && is_current(after))
	{
		/* There was no row before, as the condition has it: one that is there is another version's. */
		if (before && route->condition && !cf_route_applies(route, slot) &&
			!cf_route_applies(route, data->tg_trigslot))
			cf_sink_refresh(sink, slot);
		else if (before)
			cf_sink_put(sink, slot);
		else
			cf_sink_put_new(sink, slot);
	}
	cf_rights_leave(&rights);
}

/*
 * Raises an error where a trigger would fire although a table is truncated
 * quietly: it would run in a session in which no other trigger does, and no
 * foreign key is checked.
 */
static void
check_quiet(Relation rel, Oid ours)
{
	TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (TRIGGER_FOR_TRUNCATE(trigger->tgtype) && trigger->tgfoid != ours &&
			(trigger->tgenabled == TRIGGER_FIRES_ALWAYS ||
			 trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA))
			ereport(
				ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" on the other side can't be truncated without its triggers",
						RelationGetRelationName(rel)),
				 errdetail("Trigger \"%s\" would fire there.", trigger->tgname),
				 errhint("ALTER TABLE ... ENABLE TRIGGER instead of ENABLE ALWAYS.")));
	}
}

/*
 * Truncates tables, all of one owner. Their own triggers do not fire: those of
 * the written table did.
 */
static void
truncate_quietly(List *rels, List *relids, List *logged)
{
	int role = SessionReplicationRole;
	CfRights rights;

	truncating = true;
	SessionReplicationRole = SESSION_REPLICATION_ROLE_REPLICA;
	PG_TRY();
	{
		cf_rights_enter(&rights, ((Relation) linitial(rels))->rd_rel->relowner);
		cf_truncate(rels, relids, logged);
		cf_rights_leave(&rights);
	}
	PG_FINALLY();
	{
		SessionReplicationRole = role;
		truncating = false;
	}
	PG_END_TRY();
}

/*
 * Empties the other table, and where a wide table was emptied both of the two
 * that share its columns. Fails where foreign keys refer to them.
 */
static void
empty(Relation from, CfRoute *route, Oid ours)
{
	List *rels = NIL, *relids = NIL, *logged = NIL;
	Oid tables[2] = {route->to, route->extent == CF_WRITES_ROW ? route->partner : InvalidOid};

	for (int i = 0; i < lengthof(tables) && OidIsValid(tables[i]); i++)
	{
		Relation to = table_open(tables[i], AccessExclusiveLock);

		check_owners(from, to);
		if (rels != NIL)
			check_owners(linitial(rels), to);
		CheckTableNotInUse(to, "TRUNCATE");
		check_quiet(to, ours);
		rels = lappend(rels, to);
		relids = lappend_oid(relids, tables[i]);
		if (RelationIsLogicallyLogged(to))
			logged = lappend_oid(logged, tables[i]);
	}
	truncate_quietly(list_copy(rels), relids, logged);
	for (int i = 0; i < list_length(rels); i++)
		table_close(list_nth(rels, i), NoLock);
}

/* Mirrors TRUNCATE. */
static void
mirror_truncate(TriggerData *data, CfRoute *route)
{
	Relation main;
	bool emptied;

	if (route->extent != CF_WRITES_REST)
	{
		empty(data->tg_relation, route, data->tg_trigger->tgfoid);
		return;
	}
	/* Rows go with those of the main table; alone, they would go one by one. */
	main = table_open(route->partner, AccessShareLock);
	emptied = RelationGetNumberOfBlocks(main) == 0;
	if (!emptied)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("table \"%s\" can't be truncated alone in a transition",
							   RelationGetRelationName(data->tg_relation)),
						errdetail("It holds columns of the same rows as table \"%s\".",
								  RelationGetRelationName(main)),
						errhint("Use DELETE; or truncate both tables in one statement.")));
	table_close(main, NoLock);
}

/* The route of a trigger, with what it writes locked. */
static CfRoute *
locked_route(TriggerData *data, int32 pair, CfRouteKind kind)
{
	CfRoute *route;

	do
	{
		route = cf_route_get(pair, kind);
		if (route->from != RelationGetRelid(data->tg_relation))
			ereport(
				ERROR,
				(errcode(ERRCODE_CF_UNKNOWN_TRANSITION),
				 errmsg("a trigger of table \"%s\" belongs to a transition of another table",
						RelationGetRelationName(data->tg_relation)),
				 errhint(
					 "Drop the triggers confiture_transition and confiture_transition_truncate.")));
	} while (!cf_route_lock(route));
	return route;
}

/*
 * Does what the mode says, with the rights of the owner of the written table,
 * whoever writes. Rows are computed, and put on the other side, as the owner
 * of the table there, whose rights that one has: as a rule, it is the same.
 */
static void
handle_as_owner(TriggerData *data, int32 pair, CfRouteKind kind)
{
	CfSink *volatile sink = NULL;
	CfTelling about = {.mirror = true};
	Oid user;
	int security;

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(data->tg_relation->rd_rel->relowner,
						   security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION |
							   SECURITY_NOFORCE_RLS);
	cf_route_enter();
	PG_TRY();
	{
		CfRoute *route = locked_route(data, pair, kind);

		about.name = route->name;
		about.from = route->from;
		about.to = route->to;
		cf_tell_pair(&about);
		if (route->kind == CF_ROUTE_LOG)
			capture(data, route);
		else if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
			mirror_truncate(data, route);
		else
		{
			sink = cf_sink_take(route);
			mirror_row(data, sink);
			cf_sink_give(sink);
		}
		cf_tell_end(&about);
	}
	PG_CATCH();
	{
		if (sink)
			cf_sink_drop(sink);
		cf_route_leave();
		PG_RE_THROW();
	}
	PG_END_TRY();
	cf_route_leave();
	SetUserIdAndSecContext(user, security);
}

/* The trigger function of both tables. */
Datum
confiture_transition_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	const char *mode;
	CfRouteKind kind;

	if (!CALLED_AS_TRIGGER(fcinfo) || data->tg_trigger->tgnargs != 2)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function is the trigger of a transition")));
	mode = data->tg_trigger->tgargs[1];
	if (truncating)
		return PointerGetDatum(NULL);
	if (strcmp(mode, "guard") == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_CF_TRANSITION_WRITE),
			 errmsg("table \"%s\" is being filled by a transition",
					RelationGetRelationName(data->tg_relation)),
			 errhint(
				 "Write the source table; both can be written when the transition is mirrored.")));
	if (!TRIGGER_FIRED_AFTER(data->tg_event) ||
		TRIGGER_FIRED_FOR_ROW(data->tg_event) == TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("the trigger of a transition fires after each row, or after TRUNCATE")));
	kind = strcmp(mode, "capture") == 0 ? CF_ROUTE_LOG
		   : strcmp(mode, "back") == 0	? CF_ROUTE_BACK
										: CF_ROUTE_FORWARD;
	handle_as_owner(data, pg_strtoint32(data->tg_trigger->tgargs[0]), kind);
	return PointerGetDatum(NULL);
}
