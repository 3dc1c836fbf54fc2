-- Registers two migrations. Run it as often as you like: what is registered already is unchanged.

CREATE EXTENSION IF NOT EXISTS confiture;

SELECT confiture.register_migration('001', 'create_users', $up$
    CREATE TABLE users (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        email text NOT NULL UNIQUE
    );
    INSERT INTO users (email) SELECT format('user%s@example.com', n) FROM generate_series(1, 1000) AS n;
$up$, $down$
    DROP TABLE users;
$down$);

SELECT confiture.register_migration('002', 'add_users_age', $up$
    ALTER TABLE users ADD COLUMN age integer CHECK (age BETWEEN 0 AND 150);
$up$, $down$
    ALTER TABLE users DROP COLUMN age;
$down$, depends_on => '{001}');
