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
