-- Intents: what takes names or SQL, and is therefore resolved under the caller's search_path.

CREATE OR REPLACE FUNCTION confiture.intent_register(
    agent text, feature text, objects text[] DEFAULT NULL, tables text[] DEFAULT NULL,
    schema_changes text DEFAULT NULL, branch text DEFAULT NULL, expires interval DEFAULT NULL,
    on_conflict text DEFAULT 'warn', metadata jsonb DEFAULT '{}', description text DEFAULT NULL,
    estimated_duration interval DEFAULT NULL, starts_at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_intent_register';
COMMENT ON FUNCTION confiture.intent_register(text, text, text[], text[], text, text, interval, text, jsonb, text, interval, timestamptz) IS
'Registers what somebody is about to change, and tells which intents of others that collides with. Nothing of schema_changes runs.
Arguments: agent (who; NULL: the setting confiture.agent, else the role of the session); feature (what for); objects ([ACTION ][KIND:]NAME as in SQL: users, public.users.email, drop view:totals, function:app.total(int), constraint:users.users_email_key; ACTION is read, reference, write, touch, alter (default), create or drop; a name without schema is looked up in the search_path); tables (the same, a table unless a kind is given); schema_changes (SQL: what it names is found by the server''s own grammar); branch; expires (from now; default: the setting confiture.intent_expiry); on_conflict (warn: register and tell; refuse: register nothing when there is a conflict of severity warning or error; queue: register, and wait for the turn); metadata (a JSON object); description; estimated_duration and starts_at (the window in which it is to run).
Result: the intent as of confiture.intent_get(), with its conflicts and, in unseen, what of schema_changes could not be looked into (DO blocks, bodies of functions in strings).
Errors: CF003 refused, the conflicts in DETAIL; 22023 nothing to claim, an unknown kind or action, an empty feature; 22004 a null in objects or tables; 42602 a name that is none; 42601 schema_changes does not parse, with the position; CF010 a psql meta-command in it; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction; 25006 in a read-only one; 55P03 waited longer than confiture.lock_timeout for others who register.
Example: SELECT confiture.intent_register(''ana'', ''verified emails'', schema_changes => ''ALTER TABLE users ADD COLUMN verified boolean'');';

CREATE OR REPLACE FUNCTION confiture.intent_check(
    agent text DEFAULT NULL, feature text DEFAULT NULL, objects text[] DEFAULT NULL, tables text[] DEFAULT NULL,
    schema_changes text DEFAULT NULL, branch text DEFAULT NULL, expires interval DEFAULT NULL,
    on_conflict text DEFAULT 'warn', metadata jsonb DEFAULT '{}', description text DEFAULT NULL,
    estimated_duration interval DEFAULT NULL, starts_at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'confiture_intent_check';
COMMENT ON FUNCTION confiture.intent_check(text, text, text[], text[], text, text, interval, text, jsonb, text, interval, timestamptz) IS
'Tells what confiture.intent_register() would collide with. Nothing is written, so a moment later it may be different.
Arguments: those of confiture.intent_register(); feature, branch, expires, on_conflict, metadata and description are not looked at, and an agent''s own intents are no conflict.
Result: {"free": no conflict of severity warning or error, and something could be looked into, "severity": the worst or null, "agent", "objects", "unseen", "conflicts"}.
Errors: 22023 nothing to claim, an unknown kind or action; 22004 a null in objects or tables; 42602 a name that is none; 42601 schema_changes does not parse, with the position; CF010 a psql meta-command in it.
Example: SELECT confiture.intent_check(objects => ''{users.email}'') ->> ''free'';';

CREATE OR REPLACE FUNCTION confiture.intent_wait(
    objects text[], timeout interval DEFAULT '60 s', agent text DEFAULT NULL) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_intent_wait';
COMMENT ON FUNCTION confiture.intent_wait(text[], interval, text) IS
'Waits until nobody else''s intent stands against changing objects. Nothing is claimed by that: register, to be the next. It holds the caller''s snapshot, which keeps VACUUM from cleaning up: for more than a few minutes, LISTEN confiture_intents or use the command line (confiture coordinate wait).
Arguments: objects (as in confiture.intent_register()); timeout (0 looks once); agent (as in confiture.intent_register(): whose intents do not count).
Result: true when the objects are free, false when the time is up.
Errors: 22023 no objects, an unknown kind or action, timeout is negative or null; 22004 a null in objects; 42602 a name that is none; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction, which would never see the others go.
Example: SELECT confiture.intent_wait(''{public.users}'', ''5 min'');';

CREATE OR REPLACE FUNCTION confiture.intent_wait_turn(id text, timeout interval DEFAULT '60 s') RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'confiture_intent_wait_turn';
COMMENT ON FUNCTION confiture.intent_wait_turn(text, interval) IS
'Waits until an intent has its turn: no conflict of severity warning or error is left in which it is the newcomer. It holds the caller''s snapshot, which keeps VACUUM from cleaning up: for more than a few minutes, LISTEN confiture_intents or use the command line (confiture coordinate wait).
Arguments: id (of the intent); timeout (0 looks once).
Result: true when it has its turn, false when the time is up.
Errors: CF015 no such intent; CF014 it has ended; 22004 id is null; 22023 timeout is negative or null; 0A000 in a REPEATABLE READ or SERIALIZABLE transaction.
Example: SELECT confiture.intent_wait_turn(''int_k3v9x2'', ''10 min'');';

-- The claims of names and of a script, for tests and for a look.
CREATE OR REPLACE FUNCTION confiture._intent_collect(objects text[], tables text[], schema_changes text) RETURNS jsonb
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'confiture_intent_collect';
