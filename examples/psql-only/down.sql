-- Takes the newest migration back.

SELECT version, name, direction, statements FROM confiture.migrate_down();

SELECT version, name, state FROM confiture.migrate_status();
