-- Privileges: PUBLIC may do nothing; roles get a level.

CREATE OR REPLACE FUNCTION confiture.grant_usage(role name, level text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    routine record;
    readers constant text[] := ARRAY[
        'version', 'statements', 'checksum', 'sort_versions', 'migrate_status', 'migrate_plan', 'history',
        'estimate_calibration', 'analyze', 'migrate_analyze', 'snapshot', 'snapshot_hash', 'snapshot_facts', 'check_basis', '_check_basis', '_basis_hashes', '_basis_objects', '_basis_read', '_own_needs',
        '_snapshot_facts', '_facts_hash', '_facts_relations', '_facts_columns', '_facts_parts', '_facts_types', '_facts_routines',
        '_facts_others', '_facts_about', '_extension_version',
        'drift', 'drift_report', 'drift_check', 'drift_rules', 'recorded_schema', 'ddl_history', '_drift', '_drift_options', '_check_options',
        '_drift_side', '_drift_changes', '_drift_parent', '_drift_ancestors', '_drift_who', '_drift_details', '_drift_rows', '_drift_undeclared',
        '_drift_rank', '_drift_grant', '_drift_keys', '_drift_severity', '_ignored', '_record_newest', '_record_log_id',
        '_record_snapshot', '_empty_facts', '_changed_facts', '_normal_forms',
        '_inspect', '_normalise', '_directives', '_migration_order', '_order', '_state', '_is_transactional',
        '_plan', '_plan_scripts', '_label', '_lock_holders',
        'intent_get', 'intent_list', 'intent_conflicts', 'intent_history', 'intent_board', 'intent_check',
        'intent_wait', 'intent_wait_turn', '_intent_collect', '_intent_check', '_intent_free', '_intent_has_turn',
        '_intent_agent', '_intent_stored_claims', '_intent_objects_json',
        '_intent_conflicts_json', '_intent_row_json', '_intent_json', '_intent_list', '_intent_conflicts',
        '_intent_unknown', '_intent_check_name', '_intent_is_open', '_intent_status',
        '_intent_affected', '_intent_found', '_intent_severity', '_intent_check_window',
        'transition_status', 'transition_list', '_transition_get', '_transition_next', '_transition_blockers',
        '_transition_log_length', '_transition_limits', '_transition_replica_lag', '_as_owner', '_transition_workers', '_relation_name', '_remote_status',
        'build_hash', 'builds', '_build_hash', '_build_files', '_build_stamp', '_build_is_work_name'];
    developers constant text[] := readers || ARRAY[
        'intent_register', 'intent_start', 'intent_complete', 'intent_merge', 'intent_abandon', 'intent_extend',
        'intent_acknowledge', 'intent_resolve', 'reserve_version', '_intent_register',
        'diff', 'plan', 'plan_between', 'prove', 'scratch_prepare', 'snapshot_of', '_build_check', '_build_key',
        '_build_lock', '_build_prune', '_build_templates', '_build_trim', '_build_unlock', '_build_work_name',
        '_changed_facts', '_check_writable', '_diff', '_diff_kinds', '_diff_options', '_diff_side', '_empty_facts', '_files_json',
        '_normal_forms', '_declared_renames', '_renames_left', '_with_renames', '_plan_renames', '_plan_back_options', '_plan_basis', '_plan_live', '_plan_objects', '_plan_changes', '_plan_ignored', '_own_needs', '_changed_object', '_basis_text', '_plan_diff_options', '_plan_has_candidates', '_plan_hazards',
        '_plan_keep', '_plan_keeps', '_plan_make', '_plan_options', '_plan_prove', '_plan_refuse', '_plan_rows',
        '_plan_statements', '_plan_why_not', '_prove_in', '_rows_fill', '_rows_hazards', '_rows_load', '_rows_make', '_rows_prove', '_rows_sample', '_rows_sums',
        '_rows_tables', '_rows_value', '_rebuild_file', '_scratch', '_scratch_admit',
        '_scratch_base', '_scratch_compare', '_scratch_copy', '_scratch_create', '_scratch_drop', '_scratch_fill', '_scratch_find', '_scratch_from', '_scratch_is_bare',
        '_scratch_key', '_scratch_make_base', '_scratch_mark', '_scratch_of', '_scratch_raise', '_scratch_run',
        '_scratch_unmarked', '_scratch_unsubscribe', '_snapshot_cached', '_snapshot_hash_of', '_snapshot_keep', '_snapshot_kept',
        '_snapshot_live', '_snapshot_live_key', '_snapshot_load', '_snapshot_load_twin', '_catalog_stamp', '_catalog_stamp_seen', '_template_limit', '_top_level', '_twin_comment', '_twin_copy',
        '_twin_keep', '_twin_name', '_twin_stamp', '_twin_threshold'];
BEGIN
    IF level IS NULL OR level NOT IN ('reader', 'developer', 'migrator', 'admin') THEN
        RAISE EXCEPTION 'unknown level %', coalesce(quote_literal(level), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The levels are reader, developer, migrator and admin.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role) THEN
        RAISE EXCEPTION 'role % does not exist', coalesce(quote_literal(role), 'NULL')
            USING ERRCODE = 'undefined_object', HINT = 'Name a role; PUBLIC is none.';
    END IF;
    IF NOT (SELECT pg_has_role(current_user, n.nspowner, 'USAGE') FROM pg_namespace AS n WHERE n.nspname = 'confiture') THEN
        RAISE EXCEPTION 'permission denied to grant the use of Confiture'
            USING ERRCODE = 'insufficient_privilege',
            HINT = 'The owner of the extension or a superuser can.';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA confiture TO %I', role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA confiture TO %I', role);
    IF level <> 'reader' THEN
        EXECUTE format('GRANT INSERT, DELETE ON confiture.snapshot_cache TO %I', role);
    END IF;
    IF level IN ('migrator', 'admin') THEN
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON confiture.migration, confiture.tb_confiture,'
            ' confiture.migration_progress, confiture.hook, confiture.prediction, confiture.schema_record,'
            ' confiture.transition, confiture.transition_table, confiture.transition_chunk, confiture.transition_pace,'
            ' confiture.transition_remote, confiture.transition_remote_table TO %I', role);
        EXECUTE format('GRANT INSERT ON confiture.remote_command TO %I', role);
        EXECUTE format('GRANT INSERT ON confiture.migration_log TO %I', role);
        EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA confiture TO %I', role);
    END IF;
    FOR routine IN
        SELECT p.oid::regprocedure AS signature,
            p.proname AS routine_name
        FROM pg_proc AS p WHERE p.pronamespace = 'confiture'::regnamespace
    LOOP
        CONTINUE WHEN level = 'reader' AND routine.routine_name <> ALL (readers);
        CONTINUE WHEN level = 'developer' AND routine.routine_name <> ALL (developers);
        CONTINUE WHEN level = 'migrator' AND routine.routine_name IN ('grant_usage', 'forget', 'set_checksum',
            'intent_archive', '_intent_archive', 'record_schema', 'ddl_log_prune', '_ddl_log_prune');
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine.signature, role);
    END LOOP;
END
$$;
COMMENT ON FUNCTION confiture.grant_usage(name, text) IS
'Grants a role the use of Confiture. Migrations run with the privileges of the role that calls, never with more.
Arguments: role; level: reader (status, plan, history, analysis, snapshots, drift, the DDL log; look at intents, check and wait), developer (also register intents and move them on, reserve versions), migrator (also register and run migrations, hooks, dry runs, transitions of tables that it owns), admin (also repairs: forget, set_checksum, record_schema; intent_archive, ddl_log_prune).
Errors: 22023 unknown level; 42704 unknown role; 42501 the caller may not grant.
Example: SELECT confiture.grant_usage(''deployer'', ''migrator'');';

REVOKE ALL ON SCHEMA confiture FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA confiture FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA confiture FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA confiture FROM PUBLIC;
