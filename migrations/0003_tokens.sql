-- Tokens: who may do what. Each stands here as the last record of the log about it says, and nowhere is its text.

-- hash is HMAC-SHA256 of the text under a key that is in no database; key tells which, by the first 8 bytes of its hash.
CREATE TABLE timeline.token (
  id uuid PRIMARY KEY,
  position bigint NOT NULL REFERENCES timeline.log,
  revision integer NOT NULL CHECK (revision >= 1),
  subject uuid NOT NULL,
  name text NOT NULL,
  scope text NOT NULL CHECK (scope IN ('read', 'append', 'curate', 'admin')),
  audience text NOT NULL CHECK (audience IN ('clear', 'green', 'amber', 'amber+strict')),
  desk text,
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  key bytea NOT NULL CHECK (octet_length(key) = 8),
  issued_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  predecessor uuid REFERENCES timeline.token,
  successor uuid REFERENCES timeline.token,
  -- Who issues tokens sees every record about them, and those are marked amber+strict.
  CHECK (scope <> 'admin' OR audience = 'amber+strict')
);
-- A process that knows the tokens up to a position asks for what came after: records come to be seen in their order.
CREATE INDEX token_position ON timeline.token (position);
CREATE INDEX token_subject ON timeline.token (subject);

-- The only write: the records that state tokens, and the tokens as those say, in one transaction. All arrays are
-- parallel, one element a token. A token that is there may only end: sooner, for good, or by a successor.
CREATE FUNCTION timeline.record_tokens(
  ids uuid[], revisions integer[], salts bytea[], requests bytea[], payloads bytea[], hashes bytea[], hashed_under bytea,
  OUT first_position bigint, OUT first_recorded_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = timeline, pg_temp AS $$
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

REVOKE ALL ON timeline.token FROM PUBLIC;
REVOKE ALL ON FUNCTION timeline.record_tokens FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'timeline_writer') THEN
    GRANT EXECUTE ON FUNCTION timeline.record_tokens TO timeline_writer;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'timeline_reader') THEN
    GRANT SELECT ON timeline.token TO timeline_reader;
  END IF;
END
$$;

-- As the log: owned by nobody's login, where there is such a role.
DO $$
BEGIN
  GRANT USAGE, CREATE ON SCHEMA timeline TO timeline_owner;
  ALTER TABLE timeline.token OWNER TO timeline_owner;
  ALTER FUNCTION timeline.record_tokens OWNER TO timeline_owner;
  REVOKE CREATE ON SCHEMA timeline FROM timeline_owner;
EXCEPTION
  WHEN undefined_object OR insufficient_privilege THEN RAISE NOTICE 'the tokens stay with %', current_user;
END
$$;
