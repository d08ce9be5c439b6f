-- Statements of tokens.

-- name: record_tokens
-- Record tokens as they stand from now on; see migrations/0003_tokens.sql.
-- $1 ids, $2 revisions, $3 salts, $4 requests, $5 payloads, $6 hashes (null for a token that is there), all parallel;
-- $7 which key they were hashed under
SELECT first_position, first_recorded_at FROM timeline.record_tokens($1, $2, $3, $4, $5, $6, $7)

-- name: tokens_after
-- The tokens that were issued or changed after a position.
-- $1 position
SELECT id, position, subject, scope, audience, desk, hash, key, expires_at, revoked_at
FROM timeline.token WHERE position > $1 ORDER BY position

-- name: every_token
-- Every token, in the order of issue.
SELECT id, position, revision, subject, name, scope, audience, desk, issued_at, expires_at, revoked_at, predecessor,
       successor
FROM timeline.token ORDER BY issued_at, id

-- name: one_token
-- One token, by its id.
-- $1 id
SELECT id, position, revision, subject, name, scope, audience, desk, issued_at, expires_at, revoked_at, predecessor,
       successor
FROM timeline.token WHERE id = $1

-- name: of_others
-- Those of these subjects that neither a pseudonym nor another token of its desk recorded first. What is erased is
-- nobody's own.
-- $1 subjects, $2 pseudonym, $3 desk, or null for none
SELECT wanted.subject
FROM unnest($1::uuid[]) AS wanted (subject)
CROSS JOIN LATERAL (
  SELECT position FROM timeline.log WHERE log.subject = wanted.subject AND log.revision = 1 OFFSET 0
) AS first
LEFT JOIN LATERAL (
  SELECT convert_from(bytes, 'UTF8')::json ->> 'recorded_by' AS recorded_by FROM timeline.payload
  WHERE payload.position = first.position OFFSET 0
) AS said ON true
WHERE said.recorded_by IS DISTINCT FROM $2::text
  AND NOT EXISTS (
    SELECT FROM timeline.token
    WHERE token.desk = $3::text
      AND token.subject = CASE WHEN said.recorded_by ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                               THEN said.recorded_by::uuid END
  )

-- name: tokens_and_records
-- Each token beside the first and the last record of the log that state it; either may be missing.
SELECT token.id, token.position, token.revision, token.subject, token.name, token.scope, token.audience, token.desk,
       token.issued_at, token.expires_at, token.revoked_at, token.predecessor, token.successor,
       stated.subject AS stated, stated.position AS stated_position, stated.revision AS stated_revision,
       stated.recorded_at AS stated_at, stated.first_at, stated.bytes
FROM timeline.token
FULL JOIN (
  SELECT DISTINCT ON (log.subject) log.subject, log.position, log.revision, log.recorded_at, payload.bytes,
         min(log.recorded_at) OVER (PARTITION BY log.subject) AS first_at
  FROM timeline.log LEFT JOIN timeline.payload USING (position)
  WHERE log.kind = 'token'
  ORDER BY log.subject, log.revision DESC
) AS stated ON stated.subject = token.id
ORDER BY coalesce(token.id, stated.subject)
