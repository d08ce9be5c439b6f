-- The tables of the read model, made in a schema of their own for each version and rebuild; never a migration.
-- Rows that readers see hold at positions from_position <= p < to_position; live rows have the largest bigint.

-- name: create_tables
-- Everything but the indexes that a rebuild makes last. The search path names the new schema.
CREATE TABLE event (
  id uuid PRIMARY KEY,
  position bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  recorded_by text NOT NULL,
  revision integer NOT NULL,
  level smallint NOT NULL,
  status text NOT NULL,
  survivor uuid,
  fates bytea NOT NULL,
  taken_back boolean NOT NULL,
  tenses bytea NOT NULL,
  distinct_from bytea NOT NULL,
  body bytea NOT NULL
);
CREATE TABLE answer (target uuid NOT NULL, reply uuid NOT NULL, PRIMARY KEY (target, reply));
CREATE INDEX answer_reply ON answer (reply);
CREATE TABLE rest (thing uuid NOT NULL, event uuid NOT NULL, PRIMARY KEY (thing, event));
CREATE INDEX rest_event ON rest (event);
CREATE TABLE basis (thing uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (thing, id));
CREATE INDEX basis_id ON basis (id);
CREATE TABLE registered (
  id uuid NOT NULL,
  kind text NOT NULL,
  revision integer NOT NULL,
  level smallint NOT NULL,
  position bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  slug text,
  name text,
  found_by text NOT NULL,
  body bytea NOT NULL,
  from_position bigint NOT NULL,
  to_position bigint NOT NULL,
  PRIMARY KEY (id, from_position)
);
CREATE INDEX registered_order ON registered (kind, (coalesce(slug, '')), id);
CREATE TABLE voice (
  event uuid NOT NULL,
  id uuid NOT NULL,
  position bigint NOT NULL,
  level smallint NOT NULL,
  source uuid NOT NULL,
  said date,  -- the day that `said_to` goes by: when it began to be said, or else the last day that it may have been
  body bytea NOT NULL,
  from_position bigint NOT NULL,
  to_position bigint NOT NULL,
  PRIMARY KEY (event, id, from_position)
);
-- Of voices on others alone: every event has one on itself, which is found by the event.
CREATE INDEX voice_hearers ON voice (id) WHERE event <> id AND to_position = 9223372036854775807;
CREATE TABLE event_state (
  event uuid NOT NULL,
  low smallint NOT NULL,
  high smallint NOT NULL,
  kind text NOT NULL,
  standing text,
  phase text NOT NULL,
  week text NOT NULL,
  told bigint NOT NULL,
  source uuid NOT NULL,
  text text NOT NULL,
  named bytea NOT NULL,
  answers uuid[],
  body bytea NOT NULL,
  from_position bigint NOT NULL,
  to_position bigint NOT NULL,
  PRIMARY KEY (event, to_position, low, high)  -- the first that ends after a position is the one that holds there
);
CREATE INDEX event_state_begun ON event_state (from_position, event);
CREATE INDEX event_state_ended ON event_state (to_position, event) WHERE to_position < 9223372036854775807;
CREATE TABLE timeline_entry (
  timeline uuid NOT NULL,
  event uuid NOT NULL,
  low smallint NOT NULL,
  high smallint NOT NULL,
  placed text NOT NULL,
  at date NOT NULL,
  earliest date NOT NULL,
  latest date NOT NULL,
  position bigint NOT NULL,
  bounded_from date,
  bounded_to date,
  width smallint NOT NULL,
  state text NOT NULL,
  said_at date NOT NULL,
  feed boolean NOT NULL,
  from_position bigint NOT NULL,
  to_position bigint NOT NULL
);
CREATE INDEX timeline_entry_event ON timeline_entry (event, timeline);
CREATE INDEX timeline_entry_order ON timeline_entry (timeline, at, earliest, latest, position);
CREATE INDEX timeline_entry_expected ON timeline_entry (timeline, to_position, said_at) WHERE state = 'expected';
CREATE INDEX timeline_entry_ongoing ON timeline_entry (timeline, to_position, at) WHERE state = 'ongoing';
CREATE INDEX timeline_entry_wide ON timeline_entry (timeline, width, bounded_from) WHERE width > 0;
CREATE TABLE judged (actor uuid NOT NULL, judgement uuid NOT NULL, PRIMARY KEY (actor, judgement));
CREATE INDEX judged_judgement ON judged (judgement);
CREATE TABLE identity (
  actor uuid NOT NULL,
  low smallint NOT NULL,
  high smallint NOT NULL,
  canonical uuid NOT NULL,
  from_position bigint NOT NULL,
  to_position bigint NOT NULL,
  PRIMARY KEY (actor, to_position, low)
);
CREATE TABLE timeline_head (
  timeline uuid NOT NULL,
  level smallint NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (timeline, level)
) WITH (fillfactor = 50)

-- name: let_reader_read
-- The API reads as timeline_reader, where the host let us create that role.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'timeline_reader') THEN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO timeline_reader', current_schema());
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO timeline_reader', current_schema());
  END IF;
END
$$

-- name: analyse
-- Tell the planner what the tables of a rebuild hold.
ANALYZE event, answer, rest, basis, judged, identity, registered, voice, event_state, timeline_entry, timeline_head

-- name: digest
-- A digest of every row that readers see and of every row that folding needs, in no order but their own.
-- timeline_head is left out: where it stands depends on how records were batched, and only that it moved matters.
SELECT string_agg(name || ':' || rows || ':' || coalesce(sum, 0), ' ' ORDER BY name) FROM (
  SELECT 'event' AS name, count(*) AS rows, sum(hashtextextended(t::text, 0)::numeric) AS sum FROM event AS t
  UNION ALL SELECT 'answer', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM answer AS t
  UNION ALL SELECT 'basis', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM basis AS t
  UNION ALL SELECT 'rest', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM rest AS t
  UNION ALL SELECT 'judged', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM judged AS t
  UNION ALL SELECT 'identity', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM identity AS t
  UNION ALL SELECT 'registered', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM registered AS t
  UNION ALL SELECT 'voice', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM voice AS t
  UNION ALL SELECT 'event_state', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM event_state AS t
  UNION ALL SELECT 'timeline_entry', count(*), sum(hashtextextended(t::text, 0)::numeric) FROM timeline_entry AS t
) AS tables
