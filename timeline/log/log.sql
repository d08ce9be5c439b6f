-- Statements of the log.

-- name: append_records
-- Append records, numbered in the order given; see migrations/0001_log.sql.
-- $1 ids, $2 kinds, $3 subjects, $4 revisions, $5 salts, $6 requests, $7 payloads;
-- $8 name subjects, $9 name types, $10 name forms, $11 name keys; $12 whose posts they are, for the server's own log,
-- which the last argument waits for
SELECT first_position, first_recorded_at
FROM (SELECT set_config('application_name', $12, true) AS told) AS asked
CROSS JOIN LATERAL timeline.append_records(
  $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN asked.told IS NOT NULL THEN $11::text[] END)

-- name: known_ids
-- The records that already have one of these ids: for repeats, and for what a line needs.
-- $1 ids
SELECT log.id, log.position, log.recorded_at, log.kind, log.subject, log.revision,
       payload.salt, payload.request, payload.bytes
FROM timeline.log
LEFT JOIN LATERAL (SELECT * FROM timeline.payload WHERE payload.position = log.position OFFSET 0) AS payload ON true
WHERE log.id = ANY ($1::uuid[])

-- name: current_revisions
-- The last revision of each subject, the kind of its first record, and whether that was erased.
-- $1 subjects
-- By the index for each, which OFFSET and LIMIT see to: a plan is made when the log is new and kept while it grows, and
-- one that joined the whole of a small log read the whole of a large one with every batch.
SELECT wanted.subject, first.kind, first.position, last.revision,
       NOT EXISTS (SELECT FROM timeline.payload WHERE payload.position = first.position) AS erased
FROM unnest($1::uuid[]) AS wanted (subject)
CROSS JOIN LATERAL (
  SELECT kind, position FROM timeline.log WHERE log.subject = wanted.subject AND log.revision = 1 OFFSET 0
) AS first
CROSS JOIN LATERAL (
  SELECT revision FROM timeline.log WHERE log.subject = wanted.subject ORDER BY revision DESC LIMIT 1
) AS last

-- name: marked_revisions
-- As `current_revisions`, with the marking in force: what a registered thing was last registered under; of an event what
-- a marking or a correction said last, else what it was posted under. Null where that said none, or was erased.
-- $1 subjects
-- Read from the log itself, an edit of the event at a time: a table of markings would cost every append a row, and only
-- writers below the highest level ask.
SELECT wanted.subject, first.kind, first.position, last.revision,
       NOT EXISTS (SELECT FROM timeline.payload WHERE payload.position = first.position) AS erased,
       said.known IS NOT NULL AS known, said.marking
FROM unnest($1::uuid[]) AS wanted (subject)
CROSS JOIN LATERAL (
  SELECT kind, position FROM timeline.log WHERE log.subject = wanted.subject AND log.revision = 1 OFFSET 0
) AS first
CROSS JOIN LATERAL (
  SELECT revision FROM timeline.log WHERE log.subject = wanted.subject ORDER BY revision DESC LIMIT 1
) AS last
LEFT JOIN LATERAL (
  SELECT true AS known, coalesce(body.said #>> '{body,event,marking}', body.said #>> '{body,marking}') AS marking
  FROM timeline.log
  CROSS JOIN LATERAL (
    SELECT convert_from(bytes, 'UTF8')::json AS said FROM timeline.payload
    WHERE payload.position = log.position OFFSET 0
  ) AS body
  WHERE log.subject = wanted.subject
    AND (log.kind = first.kind OR log.kind = 'marking'
         OR log.kind = 'correction' AND body.said #>> '{body,event,marking}' IS NOT NULL)
  ORDER BY log.revision DESC LIMIT 1
) AS said ON true

-- name: last_records
-- The last record about each subject: for a registration, the thing as it stands.
-- $1 subjects
SELECT log.position, log.id, log.kind, log.subject, log.revision, log.recorded_at, payload.bytes
FROM unnest($1::uuid[]) AS wanted (subject)
CROSS JOIN LATERAL (
  SELECT * FROM timeline.log WHERE log.subject = wanted.subject ORDER BY revision DESC LIMIT 1
) AS log
LEFT JOIN LATERAL (SELECT bytes FROM timeline.payload WHERE payload.position = log.position OFFSET 0) AS payload ON true

-- name: resolve_names
-- What the given texts name, by slug, URL, or folded name or alias; with a slug, for naming candidates.
-- $1 types, $2 texts, $3 folded texts, all parallel
SELECT asked.i::integer AS i, name.form, name.subject,
       coalesce((SELECT slug.key FROM timeline.name AS slug WHERE slug.subject = name.subject AND slug.form = 'slug'
                 LIMIT 1), name.key) AS label
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (type, text, folded, i)
CROSS JOIN LATERAL (  -- two look-ups: no index serves an OR of both
  SELECT form, subject, key FROM timeline.name WHERE type = asked.type AND key = asked.text AND form <> 'name'
  UNION ALL
  SELECT form, subject, key FROM timeline.name WHERE type = asked.type AND key = asked.folded AND form = 'name'
) AS name

-- name: head
-- The last position and its time; no row when the log is empty.
SELECT position, recorded_at FROM timeline.log ORDER BY position DESC LIMIT 1

-- name: tail
-- The next records after a position. Both tables are bounded by a range: without it the join walks the payload's index
-- from row 1, so catching up costs the square of the log (measured: 155,000 buffers at position 900,000, against 218).
-- $1 after, $2 up to and including
SELECT log.position, log.id, log.kind, log.subject, log.revision, log.recorded_at, payload.bytes
FROM timeline.log LEFT JOIN timeline.payload
  ON payload.position = log.position AND payload.position > $1 AND payload.position <= $2
WHERE log.position > $1 AND log.position <= $2
ORDER BY log.position

-- name: whole
-- Everything needed to verify records, in order.
-- $1 after, $2 up to and including
SELECT log.position, log.id, log.kind, log.subject, log.revision, log.recorded_at, log.commitment, log.leaf_hash,
       payload.salt, payload.request, payload.bytes
FROM timeline.log LEFT JOIN timeline.payload
  ON payload.position = log.position AND payload.position > $1 AND payload.position <= $2
WHERE log.position > $1 AND log.position <= $2
ORDER BY log.position

-- name: position_at
-- The last position recorded at or before a moment; 0 when there is none.
-- $1 moment
SELECT coalesce((SELECT position FROM timeline.log WHERE recorded_at <= $1 ORDER BY recorded_at DESC LIMIT 1), 0)

-- name: posted
-- What was posted of each event, or its last correction: who took part, for whoever confirms it.
-- $1 events
SELECT wanted.subject, payload.bytes
FROM unnest($1::uuid[]) AS wanted (subject)
CROSS JOIN LATERAL (
  SELECT position FROM timeline.log
  WHERE log.subject = wanted.subject AND (log.revision = 1 OR log.kind = 'correction') ORDER BY revision DESC LIMIT 1
) AS last
CROSS JOIN LATERAL (SELECT bytes FROM timeline.payload WHERE payload.position = last.position OFFSET 0) AS payload

-- name: merges
-- What these events turned out to be, as said last: the edit's payload. No row for one that was never merged.
-- $1 events
SELECT wanted.subject, payload.bytes
FROM unnest($1::uuid[]) AS wanted (subject)
CROSS JOIN LATERAL (
  SELECT position FROM timeline.log
  WHERE log.subject = wanted.subject AND log.kind = 'duplicate' ORDER BY revision DESC LIMIT 1
) AS last
CROSS JOIN LATERAL (SELECT bytes FROM timeline.payload WHERE payload.position = last.position OFFSET 0) AS payload

-- name: erasures
-- Every subject that was erased, and where last.
SELECT subject, max(position) AS position FROM timeline.log WHERE kind = 'erasure' GROUP BY subject

-- name: guards
-- Each guard of the log, and what it lacks; null where it is active. Told alike to every role.
SELECT guard, fault
FROM (
  SELECT 'triggers' AS guard, (
    SELECT 'these do not fire: ' || string_agg(wanted, ', ')
    FROM unnest(ARRAY['log_next', 'log_rows', 'log_whole', 'migration_rows', 'migration_whole', 'name_rows',
                      'name_whole', 'payload_delete', 'payload_update', 'payload_whole']) AS wanted
    WHERE NOT EXISTS (
      SELECT FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid
      WHERE t.tgname = wanted AND t.tgenabled IN ('O', 'A') AND c.relnamespace = to_regnamespace('timeline')
        AND c.relname = split_part(wanted, '_', 1) AND p.pronamespace = c.relnamespace AND p.proname LIKE 'refuse%'
    )
  ) AS fault, 1 AS place
  UNION ALL
  SELECT 'roles', (
    SELECT string_agg(lack, '; ') FROM (
      SELECT format('%s is missing, or not granted to the login of the service', wanted) AS lack
      FROM unnest(ARRAY['timeline_projector', 'timeline_reader', 'timeline_writer']) AS wanted
      WHERE NOT EXISTS (
        SELECT FROM pg_roles WHERE rolname = wanted
          AND (pg_has_role(session_user, oid, 'MEMBER') OR session_user = ANY (
            ARRAY['timeline_projector', 'timeline_reader', 'timeline_writer']))
      )
      UNION ALL
      SELECT format('%s may %s timeline.%s', rolname, lower(change), relname)
      FROM pg_roles, pg_class, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS change
      WHERE rolname IN ('timeline_projector', 'timeline_reader', 'timeline_writer')
        AND relnamespace = to_regnamespace('timeline') AND relname IN ('log', 'payload', 'name', 'migration')
        AND has_table_privilege(pg_roles.oid, pg_class.oid, change)
    ) AS lacks
  ), 2
  UNION ALL
  SELECT 'owner', (
    SELECT format('the log belongs to %s, and so does what appends to it', rolname)
    FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner
    WHERE pg_class.oid = to_regclass('timeline.log') AND rolname <> 'timeline_owner'
  ), 3
  UNION ALL
  SELECT 'event_triggers', (
    SELECT string_agg(wanted, ', ') || ': missing or disabled; only a superuser may create them'
    FROM unnest(ARRAY['timeline_definition', 'timeline_drop', 'timeline_functions']) AS wanted
    WHERE NOT EXISTS (
      SELECT FROM pg_event_trigger JOIN pg_proc AS p ON p.oid = evtfoid
      WHERE evtname = wanted AND evtenabled IN ('O', 'A')
        AND p.proname IN ('refuse_definition', 'refuse_drop') AND p.pronamespace = to_regnamespace('timeline_guard')
    )
  ), 4
) AS guards
ORDER BY place

-- name: takes_writes
-- Whether transactions may write: not on a standby, nor while the disk is nearly full.
SELECT current_setting('transaction_read_only') = 'off'

-- name: every_name
-- Everything that posts are resolved by.
SELECT subject, type, form, key FROM timeline.name
