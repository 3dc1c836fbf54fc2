-- The rules of conflicts: the one place that says what collides with what, and how badly.

CREATE TABLE confiture.intent_rule (
    -- object: the same object or part on both sides; table: the same, when it is a table as a whole;
    -- type: a type or domain; part: one side has a part, the other the whole and nothing about its
    -- parts; window: both change the same object at the same announced time
    scope text NOT NULL CHECK (scope IN ('object', 'table', 'type', 'part', 'window')),
    wanted text NOT NULL,
    held text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    -- NULL: by the kind of the object
    type text,
    suggestion text NOT NULL,
    PRIMARY KEY (scope, wanted, held)
);
COMMENT ON TABLE confiture.intent_rule IS
'What happens when one intent wants to do something (wanted) with an object on which another one has a claim (held). A pair that is not in it is no conflict. The rules are symmetrical.';

INSERT INTO confiture.intent_rule (scope, wanted, held, severity, type, suggestion)
WITH pair (a, b, severity, type, suggestion) AS (
    VALUES
    ('read', 'alter', 'info', 'dependency', 'Look at the change: what is read may look different.'),
    ('read', 'create', 'info', 'dependency', 'One builds on what the other makes: agree who comes first.'),
    ('read', 'drop', 'error', 'drop_use', 'Agree before anything runs: one removes what the other uses.'),
    ('reference', 'alter', 'warning', 'dependency', 'One builds on what the other changes: agree who comes first.'),
    ('reference', 'create', 'warning', 'dependency', 'One builds on what the other makes: agree who comes first.'),
    ('reference', 'drop', 'error', 'drop_use', 'Agree before anything runs: one removes what the other uses.'),
    ('write', 'write', 'info', NULL, 'Both change rows: agree who comes first if they are the same ones.'),
    ('write', 'alter', 'warning', NULL, 'One fills what the other changes: run them one after the other.'),
    ('write', 'create', 'warning', 'dependency', 'One builds on what the other makes: agree who comes first.'),
    ('write', 'drop', 'error', 'drop_use', 'Agree before anything runs: one removes what the other uses.'),
    ('affected', 'touch', 'info', 'dependency', 'Something that the other changes is connected with it: have a look.'),
    ('affected', 'alter', 'warning', 'dependency', 'It depends on what the other changes: run them one after the other.'),
    ('affected', 'create', 'warning', 'dependency', 'It depends on what the other changes: run them one after the other.'),
    ('affected', 'drop', 'warning', 'drop_use', 'It depends on what the other changes: run them one after the other.'),
    ('touch', 'touch', 'info', NULL, 'Different parts of it: no harm, as long as they do not run at the same moment.'),
    ('touch', 'alter', 'warning', NULL, 'One changes it as a whole: name the columns, or wait until the other is merged.'),
    ('touch', 'create', 'warning', 'dependency', 'One builds on what the other makes: agree who comes first.'),
    ('touch', 'drop', 'error', 'drop_use', 'Agree before anything runs: one removes what the other uses.'),
    ('alter', 'alter', 'error', NULL, 'Both change it: wait until the other is merged, or agree on one change.'),
    ('alter', 'create', 'warning', 'dependency', 'One changes what the other makes: agree who comes first.'),
    ('alter', 'drop', 'error', 'drop_use', 'Agree before anything runs: one removes what the other uses.'),
    ('create', 'create', 'error', NULL, 'Both make it: choose another name, or agree on one definition.'),
    ('create', 'drop', 'error', 'drop_use', 'Agree before anything runs: one removes what the other makes.'),
    ('drop', 'drop', 'error', NULL, 'Both remove it: one of the two is enough.')
), both_ways AS (
    SELECT a AS wanted, b AS held, severity, type, suggestion FROM pair
    UNION
    SELECT b, a, severity, type, suggestion FROM pair
)
SELECT s.scope, w.wanted, w.held,
    CASE WHEN s.scope <> 'object' AND w.wanted = 'alter' AND w.held = 'alter' THEN 'warning' ELSE w.severity END,
    w.type,
    CASE WHEN s.scope = 'table' AND w.wanted = 'alter' AND w.held = 'alter'
        THEN 'Both change it, and do not say which columns: name them, or wait until the other is merged.'
        ELSE w.suggestion END
FROM both_ways AS w
CROSS JOIN (VALUES ('object'), ('table'), ('type')) AS s (scope)
UNION ALL
SELECT 'part', p.wanted, p.held, p.severity, 'dependency',
    'One uses the whole and does not say which columns: look whether this one is among them.'
FROM (VALUES
    ('drop', 'read', 'warning'), ('read', 'drop', 'warning'),
    ('drop', 'write', 'warning'), ('write', 'drop', 'warning'),
    ('drop', 'reference', 'info'), ('reference', 'drop', 'info'),
    ('alter', 'read', 'info'), ('read', 'alter', 'info'),
    ('alter', 'write', 'info'), ('write', 'alter', 'info')) AS p (wanted, held, severity)
UNION ALL
SELECT 'window', w.wanted, h.held, 'warning', 'timing',
    'Both want to change it at the same time and would wait for each other: move one of the two.'
FROM unnest('{touch,alter,create,drop}'::text[]) AS w (wanted)
CROSS JOIN unnest('{touch,alter,create,drop}'::text[]) AS h (held);

CREATE TABLE confiture.intent_move (
    from_status text NOT NULL,
    to_status text NOT NULL,
    -- happens by itself, nobody asks for it
    automatic boolean NOT NULL,
    PRIMARY KEY (from_status, to_status)
);
COMMENT ON TABLE confiture.intent_move IS
'Which status of an intent can follow which. automatic: it comes by itself, with conflicts or time.';
INSERT INTO confiture.intent_move (from_status, to_status, automatic) VALUES
    ('registered', 'in_progress', false),
    ('registered', 'completed', false),
    ('registered', 'abandoned', false),
    ('registered', 'expired', true),
    ('conflicted', 'in_progress', false),
    ('conflicted', 'completed', false),
    ('conflicted', 'abandoned', false),
    ('conflicted', 'registered', true),
    ('conflicted', 'expired', true),
    ('in_progress', 'completed', false),
    ('in_progress', 'abandoned', false),
    ('in_progress', 'expired', true),
    ('completed', 'in_progress', false),
    ('completed', 'merged', false),
    ('completed', 'abandoned', false),
    ('completed', 'expired', true);
