-- The runner's own statements. What it applies lies in /migrations.

-- name: try_lock
-- Become the one runner of this database; $1 the lock's number. The lock belongs to the connection.
SELECT pg_try_advisory_lock($1)

-- name: unlock
-- Let the next runner in; $1 the lock's number.
SELECT pg_advisory_unlock($1)

-- name: prepare
-- The schema and the list of what was applied, if they are missing.
CREATE SCHEMA IF NOT EXISTS timeline;
CREATE TABLE IF NOT EXISTS timeline.migration (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL UNIQUE,
    sha256     bytea       NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: is_prepared
SELECT to_regclass('timeline.migration') IS NOT NULL

-- name: applied
SELECT version, name, sha256 FROM timeline.migration ORDER BY version

-- name: note
-- Write down that a file was applied; $1 its version, $2 its name, $3 the SHA-256 of its text.
INSERT INTO timeline.migration (version, name, sha256) VALUES ($1, $2, $3)

-- name: use_our_schema
-- What a file does not qualify lands in `timeline` for every role, not only for one that happens to have that name.
SET search_path = timeline, public

-- name: use_default_schema
RESET search_path

-- name: let_projector_build
-- A right on the database itself, which a dump of it does not carry: whoever folds makes schemas for the read models.
DO $$
BEGIN
  IF NOT has_database_privilege('timeline_projector', current_database(), 'CREATE') THEN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO timeline_projector', current_database());
  END IF;
EXCEPTION
  WHEN undefined_object THEN NULL;  -- a host that lets us create no roles
END
$$
