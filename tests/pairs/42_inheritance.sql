-- Inheritance.

-- pair: inherits_added
-- from:
CREATE TABLE p (a integer, b text);
CREATE TABLE c (a integer, b text, d integer);
INSERT INTO c VALUES (1, 'x', 2);
-- to:
CREATE TABLE p (a integer, b text);
CREATE TABLE c (a integer, b text, d integer) INHERITS (p);

-- pair: child_added
-- base:
CREATE TABLE p (a integer DEFAULT 1 CHECK (a > 0), b text NOT NULL);
-- from:
-- to:
CREATE TABLE c (d integer) INHERITS (p);
ALTER TABLE c ALTER COLUMN a SET DEFAULT 2;

-- pair: child_columns_only_inherited
-- stays: local
-- dump: skip, a child's own column stays its own
-- from:
CREATE TABLE p (a integer, b text);
CREATE TABLE c (a integer, d integer) INHERITS (p);
-- to:
CREATE TABLE p (a integer, b text);
CREATE TABLE c (d integer) INHERITS (p);
-- columns: reordered

-- pair: parent_column_added
-- columns: reordered
-- from:
CREATE TABLE p (a integer);
CREATE TABLE c (d integer) INHERITS (p);
INSERT INTO c VALUES (1, 2);
-- to:
CREATE TABLE p (a integer, b text DEFAULT 'x' NOT NULL);
CREATE TABLE c (d integer) INHERITS (p);

-- pair: parent_column_type
-- from:
CREATE TABLE p (a integer, b varchar(10));
CREATE TABLE c (d integer) INHERITS (p);
INSERT INTO c VALUES (1, 'x', 2);
-- to:
CREATE TABLE p (a bigint, b text NOT NULL);
CREATE TABLE c (d integer) INHERITS (p);

-- pair: parent_check
-- from:
CREATE TABLE p (a integer);
CREATE TABLE c (d integer) INHERITS (p);
CREATE TABLE gc (e integer) INHERITS (c);
-- to:
CREATE TABLE p (a integer, CONSTRAINT k CHECK (a > 0), CONSTRAINT only_p CHECK (a < 9) NO INHERIT);
CREATE TABLE c (d integer) INHERITS (p);
CREATE TABLE gc (e integer) INHERITS (c);

-- pair: parent_check_changed
-- from:
CREATE TABLE p (a integer, CONSTRAINT k CHECK (a > 0));
CREATE TABLE c (d integer) INHERITS (p);
-- to:
CREATE TABLE p (a integer, CONSTRAINT k CHECK (a > 1));
CREATE TABLE c (d integer) INHERITS (p);

-- pair: child_check_local_too
-- stays: local
-- dump: skip, a child's own column stays its own
-- from:
CREATE TABLE p (a integer, CONSTRAINT k CHECK (a > 0));
CREATE TABLE c (d integer, CONSTRAINT k CHECK (a > 0)) INHERITS (p);
-- to:
CREATE TABLE p (a integer, CONSTRAINT k CHECK (a > 0));
CREATE TABLE c (d integer) INHERITS (p);

-- pair: two_parents
-- from:
CREATE TABLE p (a integer, b text);
CREATE TABLE q (b text, c integer);
CREATE TABLE c (a integer, b text, c integer) INHERITS (p);
-- to:
CREATE TABLE p (a integer, b text);
CREATE TABLE q (b text, c integer);
CREATE TABLE c (a integer, b text, c integer) INHERITS (p, q);

-- pair: other_parent
-- from:
CREATE TABLE p (a integer);
CREATE TABLE q (a integer);
CREATE TABLE c (a integer) INHERITS (p);
INSERT INTO c VALUES (1);
-- to:
CREATE TABLE p (a integer);
CREATE TABLE q (a integer);
CREATE TABLE c (a integer) INHERITS (q);

-- pair: parents_in_another_order
-- from:
CREATE TABLE p (a integer);
CREATE TABLE q (a integer);
CREATE TABLE c (a integer) INHERITS (p, q);
-- to:
CREATE TABLE p (a integer);
CREATE TABLE q (a integer);
CREATE TABLE c (a integer) INHERITS (q, p);

-- pair: parent_goes
-- from:
CREATE TABLE p (a integer);
CREATE TABLE c (a integer) INHERITS (p);
INSERT INTO c VALUES (1);
-- to:
CREATE TABLE c (a integer);

-- pair: parent_goes_and_its_columns_stay
-- stays: local
-- dump: skip, a child's own column stays its own
-- from:
CREATE TABLE p (a integer DEFAULT 3 NOT NULL CHECK (a > 0));
CREATE TABLE c (b integer) INHERITS (p);
INSERT INTO c VALUES (1, 2);
-- to:
CREATE TABLE c (a integer DEFAULT 3 NOT NULL CHECK (a > 0), b integer);
ALTER TABLE c RENAME CONSTRAINT c_a_check TO p_a_check;

-- pair: inherited_column_default_and_statistics
-- base:
CREATE TABLE p (a integer DEFAULT 1, b text);
CREATE TABLE c (d integer) INHERITS (p);
-- from:
ALTER TABLE c ALTER COLUMN a DROP DEFAULT, ALTER COLUMN b SET NOT NULL;
-- to:
ALTER TABLE p ALTER COLUMN a SET DEFAULT 7;
ALTER TABLE c ALTER COLUMN a SET STATISTICS 9, ALTER COLUMN b SET STORAGE external;

-- pair: inherited_generated
-- columns: reordered
-- from:
CREATE TABLE p (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE c (d integer) INHERITS (p);
-- to:
CREATE TABLE p (a integer, b integer GENERATED ALWAYS AS (a * 3) STORED);
CREATE TABLE c (d integer) INHERITS (p);
-- expect: remade column public.*.b [before 17]
-- expect back: remade column public.*.b [before 17]

-- pair: inherited_generated_said_again
-- from:
CREATE TABLE p (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED);
-- to:
CREATE TABLE p (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE c (a integer, b integer, d integer) INHERITS (p);

-- pair: child_of_a_parent_that_is_another_one_now
-- stays: local
-- dump: skip, a child's own column stays its own
-- from:
CREATE TABLE p (a integer, CONSTRAINT k CHECK (a > 0));
CREATE TABLE c (b integer DEFAULT 3) INHERITS (p);
CREATE TABLE gc (a integer) INHERITS (c);
INSERT INTO gc VALUES (1, 2);
-- to:
CREATE TABLE p (a integer, CONSTRAINT k CHECK (a > 0));
ALTER TABLE p ENABLE ROW LEVEL SECURITY;
CREATE TABLE other (b integer DEFAULT 3) INHERITS (p);
CREATE TABLE gc (a integer) INHERITS (other);
-- expect: hazard not complete
-- expect: hazard data loss
