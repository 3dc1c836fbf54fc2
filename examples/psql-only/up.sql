-- Shows what the pending migrations would do, and applies them in one transaction.

SELECT version, line, command, rows_affected, error FROM confiture.migrate_dry_run();

SELECT version, name, statements, rows_affected FROM confiture.migrate_up();

SELECT version, name, state FROM confiture.migrate_status();
