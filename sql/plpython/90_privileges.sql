-- Privileges: Python in the server is as powerful as the server's own account.

CREATE OR REPLACE FUNCTION confiture_py.grant_usage(role name) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA confiture_py TO %I', role);
    EXECUTE format('GRANT EXECUTE ON FUNCTION confiture_py._values(), confiture_py.check(text, text),'
        ' confiture_py._run(text, text, text, text, text, text, jsonb) TO %I', role);
END
$$;
COMMENT ON FUNCTION confiture_py.grant_usage(name) IS
'Lets a role run migrations and hooks in Python. Python in the server is not confined: such a role can read and change every file of the account that the server runs under, and so every database of the server. Grant it to nobody you would not make a superuser.
Arguments: role, which also needs confiture.grant_usage(role, ''migrator'').
Errors: 42704 unknown role; 42501 the caller may not grant.
Example: SELECT confiture_py.grant_usage(''deployer'');';

REVOKE ALL ON SCHEMA confiture_py FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA confiture_py FROM PUBLIC;
