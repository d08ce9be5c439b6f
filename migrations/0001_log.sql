-- The log: every record in commit order, without gaps, never changed.

-- Group roles. The service appends and reads as timeline_writer, and folds as timeline_projector; neither may change
-- the log. They belong to the cluster, so they may exist already; where the host lets us create none, the triggers
-- below still stand and /health/ready says that the roles are missing.
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['timeline_writer', 'timeline_projector'] LOOP
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

-- One line of the log. The leaf of the Merkle tree is {v, position, recorded_at, commitment} in RFC 8785 form;
-- id, kind, subject and revision are columns and never in the leaf, or a proof would publish them for ever.
CREATE TABLE timeline.log (
  position bigint PRIMARY KEY CHECK (position >= 1),
  id uuid NOT NULL UNIQUE,
  kind text NOT NULL,
  subject uuid NOT NULL,
  revision integer NOT NULL CHECK (revision >= 1),
  recorded_at timestamptz NOT NULL,
  commitment bytea NOT NULL CHECK (octet_length(commitment) = 32),
  leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
  UNIQUE (subject, revision)
);

CREATE INDEX log_time ON timeline.log (recorded_at);

-- What was said: deleted by an erasure, while the leaf and every proof stay.
-- request is SHA-256(salt || the post as it came): a repeat is known by it even after a name has moved.
CREATE TABLE timeline.payload (
  position bigint PRIMARY KEY REFERENCES timeline.log,
  salt bytea NOT NULL CHECK (octet_length(salt) = 32),
  request bytea NOT NULL CHECK (octet_length(request) = 32),
  bytes bytea NOT NULL
);

-- By what a registered thing is found when something is posted. Kept by the append itself, so that a post never
-- resolves a name against a read model that lags.
CREATE TABLE timeline.name (
  type text NOT NULL,
  form text NOT NULL CHECK (form IN ('slug', 'name', 'url')),
  key text NOT NULL,
  subject uuid NOT NULL,
  PRIMARY KEY (type, key, form, subject)
);
CREATE UNIQUE INDEX name_alone ON timeline.name (type, form, key) WHERE form IN ('slug', 'url');
CREATE INDEX name_subject ON timeline.name (subject);

-- How far each projection has folded the log, and what stopped it. A version's tables live in a schema of their own.
CREATE TABLE timeline.progress (
  name text NOT NULL,
  version integer NOT NULL,
  tables text NOT NULL UNIQUE,
  live boolean NOT NULL,
  position bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
  moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (name, tables)
);
CREATE UNIQUE INDEX progress_live ON timeline.progress (name) WHERE live;

-- Nothing of the log is ever updated, deleted or truncated; a payload goes only after an erasure of its subject.
CREATE FUNCTION timeline.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'timeline.% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION timeline.refuse_payload_delete() RETURNS trigger
LANGUAGE plpgsql SET search_path = timeline, pg_temp AS $$
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

CREATE TRIGGER log_rows BEFORE UPDATE OR DELETE ON timeline.log
  FOR EACH ROW EXECUTE FUNCTION timeline.refuse_change();
CREATE TRIGGER log_whole BEFORE TRUNCATE ON timeline.log
  FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_change();
CREATE TRIGGER payload_update BEFORE UPDATE ON timeline.payload
  FOR EACH ROW EXECUTE FUNCTION timeline.refuse_change();
CREATE TRIGGER payload_delete BEFORE DELETE ON timeline.payload
  FOR EACH ROW EXECUTE FUNCTION timeline.refuse_payload_delete();
CREATE TRIGGER payload_whole BEFORE TRUNCATE ON timeline.payload
  FOR EACH STATEMENT EXECUTE FUNCTION timeline.refuse_change();

-- The bytes of a leaf, fixed for ever: RFC 8785 of {commitment, position, recorded_at, v}.
CREATE FUNCTION timeline.leaf(at_position bigint, at_time timestamptz, of_commitment bytea) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT convert_to(
    '{"commitment":"' || encode(of_commitment, 'hex')
    || '","position":' || at_position
    || ',"recorded_at":"' || to_char(at_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    || '","v":1}', 'UTF8')
$$;

-- The only write. All arrays but the names' are parallel, one element a record, in the order wanted; the names' are
-- parallel to each other. Returns the first position and its time; the i-th record has position + i and time + i µs.
--
-- The lock is taken in one statement and the last position read in the next: a VOLATILE function gives each statement a
-- snapshot of its own, while one statement would read with the snapshot from before the wait and number twice.
-- The lock falls after the commit is visible, so position order is visibility order and a reader may simply tail.
CREATE FUNCTION timeline.append_records(
  ids uuid[], kinds text[], subjects uuid[], revisions integer[],
  salts bytea[], requests bytea[], payloads bytea[],
  name_subjects uuid[], name_types text[], name_forms text[], name_keys text[],
  OUT first_position bigint, OUT first_recorded_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = timeline, pg_temp SET enable_seqscan = off AS $$
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

REVOKE ALL ON FUNCTION timeline.append_records FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'timeline_writer') THEN
    GRANT USAGE ON SCHEMA timeline TO timeline_writer;
    GRANT SELECT ON timeline.log, timeline.payload, timeline.name, timeline.progress TO timeline_writer;
    GRANT EXECUTE ON FUNCTION timeline.append_records TO timeline_writer;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'timeline_projector') THEN
    GRANT USAGE ON SCHEMA timeline TO timeline_projector;
    GRANT SELECT ON timeline.log, timeline.payload, timeline.name TO timeline_projector;
    GRANT SELECT, INSERT, UPDATE, DELETE ON timeline.progress TO timeline_projector;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO timeline_projector', current_database());
  END IF;
END
$$;
