-- The database schema as it stands: as all migrations make it. Written by `python -m tests.contracts`.
-- Roles and event triggers are not in it, for they belong to no schema: see migrations/0002_roles.sql.

CREATE SCHEMA timeline;

CREATE SCHEMA timeline_guard;

CREATE FUNCTION timeline.append_records(ids uuid[], kinds text[], subjects uuid[], revisions integer[], salts bytea[], requests bytea[], payloads bytea[], name_subjects uuid[], name_types text[], name_forms text[], name_keys text[], OUT first_position bigint, OUT first_recorded_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'timeline', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
  last_position bigint;
  last_recorded_at timestamptz;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'append_records needs READ COMMITTED, not %', current_setting('transaction_isolation')
      USING ERRCODE = 'invalid_transaction_state';
  END IF;
  IF coalesce(cardinality(ids), 0) = 0 THEN
    RAISE EXCEPTION 'nothing to append' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('timeline.log', 0));
  SELECT position, recorded_at INTO last_position, last_recorded_at FROM log ORDER BY position DESC LIMIT 1;
  first_position := coalesce(last_position, 0) + 1;
  -- now() is the start of the transaction, before the wait for the lock; a clock set back must not order records.
  first_recorded_at := greatest(clock_timestamp(), last_recorded_at + interval '1 microsecond');

  WITH said AS (
    SELECT first_position + i - 1 AS position, first_recorded_at + (i - 1) * interval '1 microsecond' AS recorded_at,
           id, kind, subject, revision, salt, request, bytes, sha256(salt || bytes) AS commitment
    FROM unnest(ids, kinds, subjects, revisions, salts, requests, payloads)
         WITH ORDINALITY AS new (id, kind, subject, revision, salt, request, bytes, i)
  ), numbered AS (
    INSERT INTO log (position, id, kind, subject, revision, recorded_at, commitment, leaf_hash)
    SELECT position, id, kind, subject, revision, recorded_at, commitment,
           sha256('\x00'::bytea || leaf(position, recorded_at, commitment))
    FROM said
  )
  INSERT INTO payload (position, salt, request, bytes) SELECT position, salt, request, bytes FROM said;

  IF EXISTS (
    SELECT FROM unnest(subjects, revisions) AS new (subject, revision)
    WHERE new.revision > 1
      AND NOT EXISTS (SELECT FROM log WHERE log.subject = new.subject AND log.revision = new.revision - 1)
  ) THEN
    RAISE EXCEPTION 'a revision was skipped' USING ERRCODE = 'check_violation';
  END IF;

  IF cardinality(name_subjects) > 0 THEN
    DELETE FROM name WHERE subject = ANY (name_subjects);
    INSERT INTO name (type, form, key, subject)
    SELECT type, form, key, subject
    FROM unnest(name_types, name_forms, name_keys, name_subjects) AS new (type, form, key, subject);
  END IF;

  IF 'erasure' = ANY (kinds) THEN
    DELETE FROM payload USING log, unnest(subjects, kinds) AS new (subject, kind)
    WHERE new.kind = 'erasure' AND log.subject = new.subject AND log.kind <> 'erasure'
      AND payload.position = log.position;
    DELETE FROM name USING unnest(subjects, kinds) AS new (subject, kind)
    WHERE new.kind = 'erasure' AND name.subject = new.subject;
  END IF;

  PERFORM pg_notify('timeline_log', '');
END
$$;

CREATE FUNCTION timeline.leaf(at_position bigint, at_time timestamp with time zone, of_commitment bytea) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT convert_to(
    '{"commitment":"' || encode(of_commitment, 'hex')
    || '","position":' || at_position
    || ',"recorded_at":"' || to_char(at_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    || '","v":1}', 'UTF8')
$$;

CREATE FUNCTION timeline.record_tokens(ids uuid[], revisions integer[], salts bytea[], requests bytea[], payloads bytea[], hashes bytea[], hashed_under bytea, OUT first_position bigint, OUT first_recorded_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'timeline', 'pg_temp'
    AS $$
DECLARE
  records uuid[];
  bodies jsonb[];
  changed integer;
BEGIN
  SELECT array_agg((said ->> 'id')::uuid ORDER BY i), array_agg(said -> 'body' ORDER BY i) INTO records, bodies
  FROM unnest(payloads) WITH ORDINALITY AS each (bytes, i)
  CROSS JOIN LATERAL (SELECT convert_from(bytes, 'UTF8')::jsonb AS said) AS decoded
  WHERE said ->> 'kind' = 'token' AND (said -> 'body' ->> 'id')::uuid = ids[i];
  IF cardinality(records) IS DISTINCT FROM cardinality(ids) THEN
    RAISE EXCEPTION 'a payload does not state its token' USING ERRCODE = 'check_violation';
  END IF;

  SELECT appended.first_position, appended.first_recorded_at INTO record_tokens.first_position, record_tokens.first_recorded_at
  FROM append_records(
    records, array_fill('token'::text, ARRAY[cardinality(ids)]), ids, revisions, salts, requests, payloads,
    '{}', '{}', '{}', '{}'
  ) AS appended;

  INSERT INTO token (id, position, revision, subject, name, scope, audience, desk, hash, key, issued_at, expires_at,
                     predecessor, successor)
  SELECT id, record_tokens.first_position + i - 1, 1, (body ->> 'subject')::uuid, body ->> 'name', body ->> 'scope',
         body ->> 'audience', body ->> 'desk', hash, hashed_under, record_tokens.first_recorded_at,
         (body ->> 'expires_at')::timestamptz, (body ->> 'predecessor')::uuid, (body ->> 'successor')::uuid
  FROM unnest(ids, revisions, bodies, hashes) WITH ORDINALITY AS new (id, revision, body, hash, i)
  WHERE new.revision = 1;

  UPDATE token SET position = record_tokens.first_position + i - 1, revision = new.revision,
                   expires_at = (body ->> 'expires_at')::timestamptz,
                   revoked_at = CASE WHEN (body ->> 'revoked')::boolean THEN record_tokens.first_recorded_at END,
                   successor = (body ->> 'successor')::uuid
  FROM unnest(ids, revisions, bodies) WITH ORDINALITY AS new (id, revision, body, i)
  WHERE new.revision > 1 AND token.id = new.id AND token.revision = new.revision - 1 AND token.revoked_at IS NULL
    AND (token.subject::text, token.name, token.scope, token.audience, token.desk, token.predecessor::text)
        IS NOT DISTINCT FROM
        (body ->> 'subject', body ->> 'name', body ->> 'scope', body ->> 'audience', body ->> 'desk',
         body ->> 'predecessor')
    AND (token.expires_at IS NULL OR (body ->> 'expires_at')::timestamptz <= token.expires_at);
  GET DIAGNOSTICS changed = ROW_COUNT;
  IF changed <> (SELECT count(*) FROM unnest(revisions) AS each (revision) WHERE revision > 1) THEN
    RAISE EXCEPTION 'a token may only end' USING ERRCODE = 'check_violation';
  END IF;

  PERFORM pg_notify('timeline_token', '');
END
$$;

CREATE FUNCTION timeline.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION 'timeline.% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION timeline.refuse_gap() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'timeline', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION timeline.refuse_payload_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'timeline', 'pg_temp'
    AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM log AS said
    JOIN log AS erasure ON erasure.subject = said.subject AND erasure.kind = 'erasure'
    WHERE said.position = OLD.position AND said.kind <> 'erasure'
  ) THEN
    RAISE EXCEPTION 'payload % has no erasure: DELETE refused', OLD.position USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN OLD;
END
$$;

CREATE FUNCTION timeline_guard.refuse_definition() RETURNS event_trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;

CREATE FUNCTION timeline_guard.refuse_drop() RETURNS event_trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;

CREATE TABLE timeline.log (
    "position" bigint NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    subject uuid NOT NULL,
    revision integer NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    commitment bytea NOT NULL,
    leaf_hash bytea NOT NULL,
    CONSTRAINT log_commitment_check CHECK ((octet_length(commitment) = 32)),
    CONSTRAINT log_leaf_hash_check CHECK ((octet_length(leaf_hash) = 32)),
    CONSTRAINT log_position_check CHECK (("position" >= 1)),
    CONSTRAINT log_revision_check CHECK ((revision >= 1))
);

CREATE TABLE timeline.migration (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE timeline.name (
    type text NOT NULL,
    form text NOT NULL,
    key text NOT NULL,
    subject uuid NOT NULL,
    CONSTRAINT name_form_check CHECK ((form = ANY (ARRAY['slug'::text, 'name'::text, 'url'::text])))
);

CREATE TABLE timeline.payload (
    "position" bigint NOT NULL,
    salt bytea NOT NULL,
    request bytea NOT NULL,
    bytes bytea NOT NULL,
    CONSTRAINT payload_request_check CHECK ((octet_length(request) = 32)),
    CONSTRAINT payload_salt_check CHECK ((octet_length(salt) = 32))
);

CREATE TABLE timeline.progress (
    name text NOT NULL,
    version integer NOT NULL,
    tables text NOT NULL,
    live boolean NOT NULL,
    "position" bigint DEFAULT 0 NOT NULL,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT progress_position_check CHECK (("position" >= 0))
);

CREATE TABLE timeline.token (
    id uuid NOT NULL,
    "position" bigint NOT NULL,
    revision integer NOT NULL,
    subject uuid NOT NULL,
    name text NOT NULL,
    scope text NOT NULL,
    audience text NOT NULL,
    desk text,
    hash bytea NOT NULL,
    key bytea NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    predecessor uuid,
    successor uuid,
    CONSTRAINT token_audience_check CHECK ((audience = ANY (ARRAY['clear'::text, 'green'::text, 'amber'::text, 'amber+strict'::text]))),
    CONSTRAINT token_check CHECK (((scope <> 'admin'::text) OR (audience = 'amber+strict'::text))),
    CONSTRAINT token_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT token_key_check CHECK ((octet_length(key) = 8)),
    CONSTRAINT token_revision_check CHECK ((revision >= 1)),
    CONSTRAINT token_scope_check CHECK ((scope = ANY (ARRAY['read'::text, 'append'::text, 'curate'::text, 'admin'::text])))
);

ALTER TABLE ONLY timeline.log
    ADD CONSTRAINT log_id_key UNIQUE (id);

ALTER TABLE ONLY timeline.log
    ADD CONSTRAINT log_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY timeline.log
    ADD CONSTRAINT log_subject_revision_key UNIQUE (subject, revision);

ALTER TABLE ONLY timeline.migration
    ADD CONSTRAINT migration_name_key UNIQUE (name);

ALTER TABLE ONLY timeline.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);

ALTER TABLE ONLY timeline.name
    ADD CONSTRAINT name_pkey PRIMARY KEY (type, key, form, subject);

ALTER TABLE ONLY timeline.payload
    ADD CONSTRAINT payload_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY timeline.progress
    ADD CONSTRAINT progress_pkey PRIMARY KEY (name, tables);

ALTER TABLE ONLY timeline.progress
    ADD CONSTRAINT progress_tables_key UNIQUE (tables);

ALTER TABLE ONLY timeline.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (id);

CREATE INDEX log_time ON timeline.log USING btree (recorded_at);

CREATE UNIQUE INDEX name_alone ON timeline.name USING btree (type, form, key) WHERE (form = ANY (ARRAY['slug'::text, 'url'::text]));

CREATE INDEX name_subject ON timeline.name USING btree (subject);

CREATE UNIQUE INDEX progress_live ON timeline.progress USING btree (name) WHERE live;

CREATE INDEX token_position ON timeline.token USING btree ("position");

CREATE INDEX token_subject ON timeline.token USING btree (subject);

CREATE TRIGGER log_next AFTER INSERT ON timeline.log REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_gap();

CREATE TRIGGER log_rows BEFORE DELETE OR UPDATE ON timeline.log FOR EACH ROW EXECUTE FUNCTION timeline.refuse_change();

CREATE TRIGGER log_whole BEFORE TRUNCATE ON timeline.log FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_change();

CREATE TRIGGER migration_rows BEFORE DELETE OR UPDATE ON timeline.migration FOR EACH ROW EXECUTE FUNCTION timeline.refuse_change();

CREATE TRIGGER migration_whole BEFORE TRUNCATE ON timeline.migration FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_change();

CREATE TRIGGER name_rows BEFORE UPDATE ON timeline.name FOR EACH ROW EXECUTE FUNCTION timeline.refuse_change();

CREATE TRIGGER name_whole BEFORE TRUNCATE ON timeline.name FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_change();

CREATE TRIGGER payload_delete BEFORE DELETE ON timeline.payload FOR EACH ROW EXECUTE FUNCTION timeline.refuse_payload_delete();

CREATE TRIGGER payload_update BEFORE UPDATE ON timeline.payload FOR EACH ROW EXECUTE FUNCTION timeline.refuse_change();

CREATE TRIGGER payload_whole BEFORE TRUNCATE ON timeline.payload FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_change();

ALTER TABLE ONLY timeline.payload
    ADD CONSTRAINT payload_position_fkey FOREIGN KEY ("position") REFERENCES timeline.log("position");

ALTER TABLE ONLY timeline.token
    ADD CONSTRAINT token_position_fkey FOREIGN KEY ("position") REFERENCES timeline.log("position");

ALTER TABLE ONLY timeline.token
    ADD CONSTRAINT token_predecessor_fkey FOREIGN KEY (predecessor) REFERENCES timeline.token(id);

ALTER TABLE ONLY timeline.token
    ADD CONSTRAINT token_successor_fkey FOREIGN KEY (successor) REFERENCES timeline.token(id);

GRANT USAGE ON SCHEMA timeline TO timeline_writer;
GRANT USAGE ON SCHEMA timeline TO timeline_projector;
GRANT USAGE ON SCHEMA timeline TO timeline_reader;
GRANT USAGE ON SCHEMA timeline TO timeline_owner;

REVOKE ALL ON FUNCTION timeline.append_records(ids uuid[], kinds text[], subjects uuid[], revisions integer[], salts bytea[], requests bytea[], payloads bytea[], name_subjects uuid[], name_types text[], name_forms text[], name_keys text[], OUT first_position bigint, OUT first_recorded_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION timeline.append_records(ids uuid[], kinds text[], subjects uuid[], revisions integer[], salts bytea[], requests bytea[], payloads bytea[], name_subjects uuid[], name_types text[], name_forms text[], name_keys text[], OUT first_position bigint, OUT first_recorded_at timestamp with time zone) TO timeline_writer;

REVOKE ALL ON FUNCTION timeline.leaf(at_position bigint, at_time timestamp with time zone, of_commitment bytea) FROM PUBLIC;

REVOKE ALL ON FUNCTION timeline.record_tokens(ids uuid[], revisions integer[], salts bytea[], requests bytea[], payloads bytea[], hashes bytea[], hashed_under bytea, OUT first_position bigint, OUT first_recorded_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION timeline.record_tokens(ids uuid[], revisions integer[], salts bytea[], requests bytea[], payloads bytea[], hashes bytea[], hashed_under bytea, OUT first_position bigint, OUT first_recorded_at timestamp with time zone) TO timeline_writer;

REVOKE ALL ON FUNCTION timeline.refuse_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION timeline.refuse_gap() FROM PUBLIC;

REVOKE ALL ON FUNCTION timeline.refuse_payload_delete() FROM PUBLIC;

REVOKE ALL ON FUNCTION timeline_guard.refuse_definition() FROM PUBLIC;

REVOKE ALL ON FUNCTION timeline_guard.refuse_drop() FROM PUBLIC;

GRANT SELECT ON TABLE timeline.log TO timeline_writer;
GRANT SELECT ON TABLE timeline.log TO timeline_projector;
GRANT SELECT ON TABLE timeline.log TO timeline_reader;

GRANT SELECT ON TABLE timeline.migration TO timeline_projector;
GRANT SELECT ON TABLE timeline.migration TO timeline_reader;

GRANT SELECT ON TABLE timeline.name TO timeline_writer;
GRANT SELECT ON TABLE timeline.name TO timeline_projector;
GRANT SELECT ON TABLE timeline.name TO timeline_reader;

GRANT SELECT ON TABLE timeline.payload TO timeline_writer;
GRANT SELECT ON TABLE timeline.payload TO timeline_projector;
GRANT SELECT ON TABLE timeline.payload TO timeline_reader;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE timeline.progress TO timeline_projector;
GRANT SELECT ON TABLE timeline.progress TO timeline_reader;

GRANT SELECT ON TABLE timeline.token TO timeline_reader;
