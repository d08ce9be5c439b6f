-- Who may do what with the log, and what refuses the rest.
--
--   timeline_owner      owns the log, and what may append to it runs as it; nobody works as it
--   timeline_writer     appends by timeline.append_records, and reads what deciding about a post needs
--   timeline_reader     reads
--   timeline_projector  folds: it makes the schemas of the read models and moves progress
--
-- They belong to the cluster, so they may exist already. Where the host lets us create none, or an owner that we are not
-- a member of, the triggers still stand; /health/ready and `timeline check` say what is missing, and why.
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['timeline_owner', 'timeline_reader'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
      END IF;
      EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL;  -- another database of this cluster was quicker
      WHEN insufficient_privilege THEN RAISE NOTICE 'role % cannot be created here', role_name;
    END;
  END LOOP;
END
$$;

-- What was applied is never forgotten, nor is the rest ever emptied; names are deleted by an append alone, and `timeline
-- check` holds them against the log. Progress may be lost: then everything is folded anew.
CREATE TRIGGER migration_rows BEFORE UPDATE OR DELETE ON timeline.migration
  FOR EACH ROW EXECUTE FUNCTION timeline.refuse_change();
CREATE TRIGGER migration_whole BEFORE TRUNCATE ON timeline.migration
  FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_change();
CREATE TRIGGER name_rows BEFORE UPDATE ON timeline.name
  FOR EACH ROW EXECUTE FUNCTION timeline.refuse_change();
CREATE TRIGGER name_whole BEFORE TRUNCATE ON timeline.name
  FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_change();

-- Whoever inserts, and however: the next positions, without a gap, each later than the one before.
CREATE FUNCTION timeline.refuse_gap() RETURNS trigger
LANGUAGE plpgsql SET search_path = timeline, pg_temp SET enable_seqscan = off AS $$
DECLARE
  first_position bigint;
  last_position bigint;
  last_recorded_at timestamptz;
BEGIN
  SELECT min(position) INTO first_position FROM added;
  SELECT position, recorded_at INTO last_position, last_recorded_at
  FROM log WHERE position < first_position ORDER BY position DESC LIMIT 1;
  IF EXISTS (
    SELECT FROM (
      SELECT position, recorded_at,
             coalesce(lag(position) OVER in_order, last_position, 0) AS position_before,
             coalesce(lag(recorded_at) OVER in_order, last_recorded_at) AS recorded_before
      FROM added WINDOW in_order AS (ORDER BY position)
    ) AS new
    WHERE position <> position_before + 1 OR recorded_at <= recorded_before
  ) THEN
    RAISE EXCEPTION 'timeline.log is gapless and in time: INSERT refused' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER log_next AFTER INSERT ON timeline.log REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_gap();

-- What watches over the definition of the log stands in a schema of its own: event triggers whose functions went with
-- `DROP SCHEMA timeline CASCADE` would not be asked.
CREATE SCHEMA timeline_guard;

-- Refuse what would change the definition of our objects. Of rules, triggers and policies PostgreSQL reports no schema,
-- so their identity is looked at (`mine on timeline.log`). What a command does to our objects and does not report as ours
-- (moves them away, inherits from them, gives rights on them) shows in how they stand afterwards.
--
-- A migration passes: its connection holds the lock of migrations, and works as a member of who made the event trigger,
-- a superuser. Both, as anybody may take a lock or set a setting, and who owns the log must not be let through by that;
-- while a superuser, who could drop the event trigger as well, is only kept from doing it by mistake.
CREATE FUNCTION timeline_guard.refuse_definition() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  what text;
  fault text;
BEGIN
  SELECT object_type || ' ' || object_identity INTO what FROM pg_event_trigger_ddl_commands()
  WHERE (schema_name = 'timeline' OR object_identity ~ '(^| )timeline(_guard)?(\.|$)') AND command_tag <> 'REINDEX'
  LIMIT 1;
  WITH ours AS (
    SELECT oid, relname, relowner, relacl FROM pg_class
    WHERE relnamespace = to_regnamespace('timeline') AND relkind = 'r'
      AND relname IN ('log', 'payload', 'name', 'migration')
  )
  SELECT CASE
    WHEN (SELECT count(*) FROM ours) < 4 THEN 'a table of the log would be gone'
    WHEN (SELECT count(*) FROM pg_trigger
          WHERE tgrelid IN (SELECT oid FROM ours) AND tgenabled IN ('O', 'A')
            AND tgname IN ('log_rows', 'log_whole', 'log_next', 'payload_update', 'payload_delete', 'payload_whole',
                           'name_rows', 'name_whole', 'migration_rows', 'migration_whole')) < 10
      THEN 'a trigger of the log would not fire'
    WHEN (SELECT count(*) FROM pg_proc
          WHERE (proname = 'append_records' AND pronamespace = to_regnamespace('timeline'))
            OR (proname = 'refuse_drop' AND pronamespace = to_regnamespace('timeline_guard'))) < 2
      THEN 'a function of the log would be gone'
    WHEN EXISTS (SELECT FROM pg_inherits JOIN ours ON oid IN (inhparent, inhrelid))
      THEN 'another table would be part of the log'
    WHEN EXISTS (SELECT FROM ours, aclexplode(relacl) AS given
                 WHERE given.grantee <> relowner AND given.privilege_type <> 'SELECT')
      OR EXISTS (SELECT FROM ours JOIN pg_attribute ON attrelid = oid, aclexplode(attacl) AS given
                 WHERE given.grantee <> relowner AND given.privilege_type <> 'SELECT')
      THEN 'somebody but its owner could change the log'
    WHEN EXISTS (SELECT FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS given
                 WHERE pronamespace = to_regnamespace('timeline') AND proname = 'append_records' AND given.grantee = 0)
      THEN 'anybody could append to the log'
    WHEN EXISTS (SELECT FROM ours JOIN pg_roles ON pg_roles.oid = relowner
                 WHERE rolname IN ('timeline_writer', 'timeline_reader', 'timeline_projector'))
      THEN 'a role of the service would own the log'
  END INTO fault;
  what := coalesce(what, fault);
  IF what IS NULL OR (
    EXISTS (SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted
              AND (classid, objid) = (1954265741::oid, 1017076224::oid))
    AND EXISTS (SELECT FROM pg_event_trigger
                WHERE evtname = 'timeline_definition' AND pg_has_role(current_user, evtowner, 'MEMBER'))
  ) THEN
    RETURN;
  END IF;
  RAISE EXCEPTION 'the definition of the log is changed by migrations alone: % refused (%)', TG_TAG, what
    USING ERRCODE = 'restrict_violation';
END
$$;

-- The same for what is dropped; and for the function above, which would not refuse to be replaced: by then its event
-- trigger calls what replaced it.
CREATE FUNCTION timeline_guard.refuse_drop() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  what text;
BEGIN
  IF TG_EVENT = 'sql_drop' THEN
    SELECT object_type || ' ' || object_identity INTO what FROM pg_event_trigger_dropped_objects()
    WHERE schema_name = 'timeline' OR object_identity ~ '(^| )timeline(_guard)?(\.|$)' LIMIT 1;
  ELSE
    SELECT object_type || ' ' || object_identity INTO what FROM pg_event_trigger_ddl_commands()
    WHERE classid = 'pg_proc'::regclass
      AND (schema_name = 'timeline_guard' OR NOT EXISTS (
        SELECT FROM pg_proc
        WHERE proname = 'refuse_definition' AND pronamespace = to_regnamespace('timeline_guard'))) LIMIT 1;
  END IF;
  IF what IS NULL OR (
    EXISTS (SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted
              AND (classid, objid) = (1954265741::oid, 1017076224::oid))
    AND EXISTS (SELECT FROM pg_event_trigger
                WHERE evtname = 'timeline_definition' AND pg_has_role(current_user, evtowner, 'MEMBER'))
  ) THEN
    RETURN;
  END IF;
  RAISE EXCEPTION 'the definition of the log is changed by migrations alone: % refused (%)', TG_TAG, what
    USING ERRCODE = 'restrict_violation';
END
$$;

REVOKE ALL ON SCHEMA timeline FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA timeline FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA timeline, timeline_guard FROM PUBLIC;
DO $$
BEGIN
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;  -- nobody's since PostgreSQL 15; a database may be older than its server
EXCEPTION
  WHEN insufficient_privilege OR invalid_schema_name THEN NULL;
END
$$;

DO $$
DECLARE
  read_model text;
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'timeline_writer') THEN
    REVOKE ALL ON timeline.progress FROM timeline_writer;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'timeline_projector') THEN
    GRANT SELECT ON timeline.migration TO timeline_projector;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'timeline_reader') THEN
    GRANT USAGE ON SCHEMA timeline TO timeline_reader;
    GRANT SELECT ON timeline.log, timeline.payload, timeline.name, timeline.progress, timeline.migration
      TO timeline_reader;
    FOR read_model IN SELECT tables FROM timeline.progress LOOP
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO timeline_reader', read_model);
      EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO timeline_reader', read_model);
    END LOOP;
  END IF;
END
$$;

-- The log's owner is nobody's login, so the function that appends runs with rights on the log and on nothing else. The
-- schema stays with who migrates: its owner could drop what others own in it.
DO $$
DECLARE
  owned regclass;
BEGIN
  GRANT USAGE, CREATE ON SCHEMA timeline TO timeline_owner;
  FOREACH owned IN ARRAY ARRAY['timeline.log', 'timeline.payload', 'timeline.name']::regclass[] LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO timeline_owner', owned);
  END LOOP;
  ALTER FUNCTION timeline.append_records OWNER TO timeline_owner;
  ALTER FUNCTION timeline.leaf OWNER TO timeline_owner;
  ALTER FUNCTION timeline.refuse_change() OWNER TO timeline_owner;
  ALTER FUNCTION timeline.refuse_gap() OWNER TO timeline_owner;
  ALTER FUNCTION timeline.refuse_payload_delete() OWNER TO timeline_owner;
  REVOKE CREATE ON SCHEMA timeline FROM timeline_owner;
EXCEPTION
  WHEN undefined_object OR insufficient_privilege THEN RAISE NOTICE 'the log stays with %', current_user;
END
$$;

DO $$
BEGIN
  CREATE EVENT TRIGGER timeline_definition ON ddl_command_end EXECUTE FUNCTION timeline_guard.refuse_definition();
  CREATE EVENT TRIGGER timeline_drop ON sql_drop EXECUTE FUNCTION timeline_guard.refuse_drop();
  CREATE EVENT TRIGGER timeline_functions ON ddl_command_end EXECUTE FUNCTION timeline_guard.refuse_drop();
EXCEPTION
  WHEN insufficient_privilege THEN RAISE NOTICE 'event triggers cannot be created here';
END
$$;
