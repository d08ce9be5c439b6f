-- What readers ask. The search path names the live tables; every row is read as of one position and for one level.

-- name: face_live_tables
-- Point this connection at the live tables, and tell how far they are. It stays pointed there; every use begins with this
-- or with the next, so the server's own log can say whose statement failed or took long without a round trip for it.
-- $1 who asks
SELECT position, version, set_config('search_path', tables || ', timeline', false),
       set_config('application_name', $1, false)
FROM timeline.progress WHERE name = 'timelines' AND live

-- name: open_timeline
-- What a page begins with, in one go: how far the live tables are, whether this connection is pointed at them, whose
-- timeline it is, and where that and the names on it last changed, as seen at a level. No row when nothing was ever folded.
-- $1 kind of thing, $2 its id or null, $3 its slug or null, $4 level, $5 the id where the timeline is of no thing, or
-- null, $6 the position that is asked about, at which its names count, or null for now, $7 who asks
SELECT p.position, p.version, p.tables, p.tables = current_schema() AS faced, set_config('application_name', $7, false),
       coalesce(s.id, $5) AS timeline, s.slug, s.name,
       (SELECT i.canonical FROM identity AS i
        WHERE i.actor = s.id AND i.low <= $4 AND i.high >= $4
          AND i.from_position <= coalesce($6, p.position) AND i.to_position > coalesce($6, p.position)) AS canonical,
       coalesce((SELECT h.position FROM timeline_head AS h WHERE h.timeline = coalesce(s.id, $5) AND h.level = $4), 0)
         AS head,
       coalesce((SELECT h.position FROM timeline_head AS h
                 WHERE h.timeline = '00000000-0000-0000-0000-000000000001' AND h.level = $4), 0) AS named,
       coalesce((SELECT h.position FROM timeline_head AS h
                 WHERE h.timeline = '00000000-0000-0000-0000-000000000002' AND h.level = $4), 0) AS purged
FROM timeline.progress AS p
LEFT JOIN LATERAL (
  SELECT id, slug, name FROM registered
  WHERE id = $2 AND kind = $1 AND level <= $4
    AND from_position <= coalesce($6, p.position) AND to_position > coalesce($6, p.position)
  UNION ALL
  SELECT id, slug, name FROM registered
  WHERE kind = $1 AND coalesce(slug, '') = $3 AND level <= $4
    AND from_position <= coalesce($6, p.position) AND to_position > coalesce($6, p.position)
  LIMIT 1
) AS s ON true
WHERE p.name = 'timelines' AND p.live

-- name: heads
-- Where timelines and events last changed, as seen at a level. An event of which nothing changed yet has no row of its own.
-- $1 timelines and events, $2 level
SELECT greatest(
  (SELECT max(position) FROM timeline_head WHERE timeline = ANY ($1::uuid[]) AND level = $2),
  (SELECT max(position) FROM event WHERE id = ANY ($1::uuid[])),
  0)

-- name: entries
-- A page of a timeline in its order. Looks at $10 rows at most, whoever asks and whatever is filtered, so that a rare
-- filter, a low level and a position long ago cost no more than any other. WITH TIES: an event may have several rows at
-- one place (versions, runs of levels), and the next page starts after all of them. Of an event's versions for a level
-- the first that ends after $3 is the only one that can hold there: however many there are, one is looked at.
-- $1 timeline, $2 level, $3 position, $4 $5 $6 $7 the key to start after, $8 from, $9 to, $10 how many to look at,
-- $11 kinds or null, $12 standings or null, $13 with feeds, $14 how many to return, $15 the day that overdue is judged by
SELECT e.placed, e.at, e.earliest, e.latest, e.position,
       coalesce(s.phase = 'expected' AND e.bounded_to < $15, false) AS overdue, s.named, s.answers, s.body
FROM (
  SELECT * FROM timeline_entry
  WHERE timeline = $1 AND (at, earliest, latest, position) > ($4::date, $5::date, $6::date, $7::bigint)
    AND at >= $8 AND at <= $9
  ORDER BY at, earliest, latest, position
  FETCH FIRST $10 ROWS WITH TIES
) AS e
JOIN LATERAL (
  SELECT * FROM event_state WHERE event = e.event AND to_position > $3 AND low <= $2 AND high >= $2
  ORDER BY to_position LIMIT 1
) AS s ON s.from_position <= $3
WHERE e.from_position <= $3 AND e.to_position > $3 AND e.low <= $2 AND e.high >= $2 AND (NOT e.feed OR $13)
  AND ($11::text[] IS NULL OR s.kind = ANY ($11)) AND ($12::text[] IS NULL OR s.standing = ANY ($12))
ORDER BY e.at, e.earliest, e.latest, e.position
LIMIT $14

-- name: entries_backwards
-- As `entries`, from the end to the beginning.
SELECT e.placed, e.at, e.earliest, e.latest, e.position,
       coalesce(s.phase = 'expected' AND e.bounded_to < $15, false) AS overdue, s.named, s.answers, s.body
FROM (
  SELECT * FROM timeline_entry
  WHERE timeline = $1 AND (at, earliest, latest, position) < ($4::date, $5::date, $6::date, $7::bigint)
    AND at >= $8 AND at <= $9
  ORDER BY at DESC, earliest DESC, latest DESC, position DESC
  FETCH FIRST $10 ROWS WITH TIES
) AS e
JOIN LATERAL (
  SELECT * FROM event_state WHERE event = e.event AND to_position > $3 AND low <= $2 AND high >= $2
  ORDER BY to_position LIMIT 1
) AS s ON s.from_position <= $3
WHERE e.from_position <= $3 AND e.to_position > $3 AND e.low <= $2 AND e.high >= $2 AND (NOT e.feed OR $13)
  AND ($11::text[] IS NULL OR s.kind = ANY ($11)) AND ($12::text[] IS NULL OR s.standing = ANY ($12))
ORDER BY e.at DESC, e.earliest DESC, e.latest DESC, e.position DESC
LIMIT $14

-- name: found
-- As a page of `entries`, of what a search asks for besides.
-- $1 timeline, $2 level, $3 position, $4 $5 $6 $7 the key to start after, $8 from, $9 to, $10 how many to look at,
-- $11 kinds or null, $12 standings or null, $13 with feeds, $14 how many to return, $15 the day that overdue is judged by,
-- $16 first and $17 last position recorded at, $18 source or null, $19 folded text or null, $20 the other timelines
SELECT e.placed, e.at, e.earliest, e.latest, e.position,
       coalesce(s.phase = 'expected' AND e.bounded_to < $15, false) AS overdue, s.named, s.answers, s.body
FROM (
  SELECT * FROM timeline_entry
  WHERE timeline = $1 AND (at, earliest, latest, position) > ($4::date, $5::date, $6::date, $7::bigint)
    AND at >= $8 AND at <= $9
  ORDER BY at, earliest, latest, position
  FETCH FIRST $10 ROWS WITH TIES
) AS e
JOIN LATERAL (
  SELECT * FROM event_state WHERE event = e.event AND to_position > $3 AND low <= $2 AND high >= $2
  ORDER BY to_position LIMIT 1
) AS s ON s.from_position <= $3
WHERE e.from_position <= $3 AND e.to_position > $3 AND e.low <= $2 AND e.high >= $2 AND (NOT e.feed OR $13)
  AND ($11::text[] IS NULL OR s.kind = ANY ($11)) AND ($12::text[] IS NULL OR s.standing = ANY ($12))
  AND e.position >= $16 AND e.position <= $17 AND ($18::uuid IS NULL OR s.source = $18)
  AND ($19::text IS NULL OR strpos(s.text, $19) > 0)
  AND NOT EXISTS (
    SELECT FROM unnest($20::uuid[]) AS wanted (timeline)
    WHERE NOT EXISTS (
      SELECT FROM timeline_entry AS other
      WHERE other.event = e.event AND other.timeline = wanted.timeline AND other.low <= $2 AND other.high >= $2
        AND other.from_position <= $3 AND other.to_position > $3))
ORDER BY e.at, e.earliest, e.latest, e.position
LIMIT $14

-- name: found_backwards
-- As `found`, from the end to the beginning.
SELECT e.placed, e.at, e.earliest, e.latest, e.position,
       coalesce(s.phase = 'expected' AND e.bounded_to < $15, false) AS overdue, s.named, s.answers, s.body
FROM (
  SELECT * FROM timeline_entry
  WHERE timeline = $1 AND (at, earliest, latest, position) < ($4::date, $5::date, $6::date, $7::bigint)
    AND at >= $8 AND at <= $9
  ORDER BY at DESC, earliest DESC, latest DESC, position DESC
  FETCH FIRST $10 ROWS WITH TIES
) AS e
JOIN LATERAL (
  SELECT * FROM event_state WHERE event = e.event AND to_position > $3 AND low <= $2 AND high >= $2
  ORDER BY to_position LIMIT 1
) AS s ON s.from_position <= $3
WHERE e.from_position <= $3 AND e.to_position > $3 AND e.low <= $2 AND e.high >= $2 AND (NOT e.feed OR $13)
  AND ($11::text[] IS NULL OR s.kind = ANY ($11)) AND ($12::text[] IS NULL OR s.standing = ANY ($12))
  AND e.position >= $16 AND e.position <= $17 AND ($18::uuid IS NULL OR s.source = $18)
  AND ($19::text IS NULL OR strpos(s.text, $19) > 0)
  AND NOT EXISTS (
    SELECT FROM unnest($20::uuid[]) AS wanted (timeline)
    WHERE NOT EXISTS (
      SELECT FROM timeline_entry AS other
      WHERE other.event = e.event AND other.timeline = wanted.timeline AND other.low <= $2 AND other.high >= $2
        AND other.from_position <= $3 AND other.to_position > $3))
ORDER BY e.at DESC, e.earliest DESC, e.latest DESC, e.position DESC
LIMIT $14

-- name: last_looked_at
-- The key of the last entry that a page looked at: where the next one starts after a page that found less than it may.
-- $1 timeline, $2 $3 $4 $5 the key that the page started after, $6 from, $7 to, $8 how many it looked at
SELECT at, earliest, latest, position FROM timeline_entry
WHERE timeline = $1 AND (at, earliest, latest, position) > ($2::date, $3::date, $4::date, $5::bigint)
  AND at >= $6 AND at <= $7
ORDER BY at, earliest, latest, position OFFSET $8 - 1 LIMIT 1

-- name: last_looked_at_backwards
-- As `last_looked_at`, from the end to the beginning.
SELECT at, earliest, latest, position FROM timeline_entry
WHERE timeline = $1 AND (at, earliest, latest, position) < ($2::date, $3::date, $4::date, $5::bigint)
  AND at >= $6 AND at <= $7
ORDER BY at DESC, earliest DESC, latest DESC, position DESC OFFSET $8 - 1 LIMIT 1

-- name: week_entries
-- Everything that a weekly slice may hold: placed in the week, overlapping it, or open at its end.
-- $1 timeline, $2 level, $3 position, $4 Monday, $5 Sunday, $6 also in this timeline or null, $7 with feeds, $8 most,
-- $9 also what merely overlaps
SELECT e.event, e.placed, e.at, e.earliest, e.latest, e.position, e.bounded_from, e.bounded_to, e.state, e.said_at, s.body
FROM (
  SELECT * FROM timeline_entry AS anchored
  WHERE timeline = $1 AND at >= $4 AND at <= $5
  UNION
  SELECT * FROM timeline_entry AS still_open
  WHERE timeline = $1 AND state = 'expected' AND to_position > $3 AND said_at <= $5
  UNION
  SELECT * FROM timeline_entry AS started
  WHERE timeline = $1 AND state = 'ongoing' AND to_position > $3 AND at <= $5
  UNION
  SELECT * FROM timeline_entry AS narrow  -- placed on one of its own days, so not a month away from the week
  WHERE $9 AND timeline = $1 AND at >= $4 - 31 AND at <= $5 + 31 AND bounded_to >= $4 AND bounded_from <= $5
  UNION
  SELECT wide.* FROM (VALUES (1, 255), (2, 2047)) AS class (width, days)
  CROSS JOIN LATERAL (
    SELECT * FROM timeline_entry
    WHERE $9 AND timeline = $1 AND width > 0 AND width = class.width
      AND bounded_from >= $4 - class.days AND bounded_from <= $5 AND bounded_to >= $4
  ) AS wide
  UNION
  SELECT * FROM timeline_entry AS widest
  WHERE $9 AND timeline = $1 AND width > 0 AND width = 3 AND bounded_from <= $5 AND bounded_to >= $4
) AS e
JOIN LATERAL (
  SELECT * FROM event_state WHERE event = e.event AND to_position > $3 AND low <= $2 AND high >= $2
  ORDER BY to_position LIMIT 1
) AS s ON s.from_position <= $3
WHERE e.low <= $2 AND e.high >= $2 AND e.from_position <= $3 AND e.to_position > $3 AND (NOT e.feed OR $7)
  AND ($6::uuid IS NULL OR EXISTS (
    SELECT FROM timeline_entry AS other
    WHERE other.event = e.event AND other.timeline = $6 AND other.low <= $2 AND other.high >= $2
      AND other.from_position <= $3 AND other.to_position > $3))
ORDER BY e.at, e.earliest, e.latest, e.position
LIMIT $8

-- name: states
-- Events as they stand. Of all versions of an event for one level, the first that ends after a position is the only one
-- that can hold there: the others, however many, are not looked at.
-- $1 events, $2 level, $3 position
SELECT s.event, s.body FROM unnest($1::uuid[]) AS wanted (event)
JOIN LATERAL (
  SELECT * FROM event_state WHERE event = wanted.event AND to_position > $3 AND low <= $2 AND high >= $2
  ORDER BY to_position LIMIT 1
) AS s ON s.from_position <= $3

-- name: names
-- What registered things are called, and of a place all that is registered, for where it is.
-- $1 ids, $2 level, $3 position
SELECT id, kind, slug, coalesce(name, id::text) AS name, CASE kind WHEN 'place' THEN body END AS place FROM registered
WHERE id = ANY ($1::uuid[]) AND level <= $2 AND from_position <= $3 AND to_position > $3

-- name: event
-- By whom an event was recorded and when, and what became of it since. Hidden is no row.
-- $1 event, $2 level
SELECT id, position, fates, recorded_by FROM event WHERE id = $1 AND level <= $2

-- name: event_posted
-- What was posted of an event, as of a position: its record, or the last correction of it.
-- $1 event, $2 position
SELECT payload.bytes FROM timeline.log JOIN timeline.payload USING (position)
WHERE log.subject = $1 AND log.position <= $2 AND (log.revision = 1 OR log.kind = 'correction')
ORDER BY log.revision DESC LIMIT 1

-- name: event_voices
-- The voices on an event, oldest first.
-- $1 event, $2 level, $3 position, $4 most
SELECT body, count(*) OVER () AS total FROM voice
WHERE event = $1 AND level <= $2 AND from_position <= $3 AND to_position > $3
ORDER BY position LIMIT $4

-- name: event_replies
-- What was said about an event, in the order of timelines: whatever is `of` something and has a voice here.
-- $1 event, $2 level, $3 position, $4 most
SELECT s.body FROM voice AS v
JOIN LATERAL (
  SELECT * FROM event_state WHERE event = v.id AND to_position > $3 AND low <= $2 AND high >= $2
  ORDER BY to_position LIMIT 1
) AS s ON s.from_position <= $3 AND s.answers IS NOT NULL
JOIN timeline_entry AS e ON e.event = v.id AND e.timeline = '00000000-0000-0000-0000-000000000000'
  AND e.low <= $2 AND e.high >= $2 AND e.from_position <= $3 AND e.to_position > $3
WHERE v.event = $1 AND v.id <> $1 AND v.level <= $2 AND v.from_position <= $3 AND v.to_position > $3
ORDER BY e.at, e.earliest, e.latest, e.position LIMIT $4

-- name: sources
-- Sources as they stand, for the grades of voices.
-- $1 ids, $2 level, $3 position
SELECT id, body FROM registered
WHERE id = ANY ($1::uuid[]) AND kind = 'source' AND level <= $2 AND from_position <= $3 AND to_position > $3

-- name: registered_one
-- A registered thing by id, or by slug: two look-ups, for no index serves an OR of both.
-- $1 kind, $2 id or null, $3 slug or null, $4 level, $5 position
SELECT id, kind, revision, level, position, recorded_at, slug, name, body FROM registered
WHERE id = $2 AND kind = $1 AND level <= $4 AND from_position <= $5 AND to_position > $5
UNION ALL
SELECT id, kind, revision, level, position, recorded_at, slug, name, body FROM registered
WHERE kind = $1 AND coalesce(slug, '') = $3 AND level <= $4 AND from_position <= $5 AND to_position > $5
LIMIT 1

-- name: canonical
-- Who answers for an actor; no row where it answers for itself.
-- $1 actor, $2 level, $3 position
SELECT canonical FROM identity
WHERE actor = $1 AND low <= $2 AND high >= $2 AND from_position <= $3 AND to_position > $3

-- name: canonicals
-- Who answers for these actors: a row for each that does not answer for itself.
-- $1 actors, $2 level, $3 position
SELECT actor, canonical FROM identity
WHERE actor = ANY ($1::uuid[]) AND low <= $2 AND high >= $2 AND from_position <= $3 AND to_position > $3

-- name: registered_page
-- Registered things of a kind by slug; with $6, those found by it. Looks at $8 rows at most.
-- $1 kind, $2 level, $3 position, $4 slug and $5 id to start after, $6 folded text or null, $7 most, $8 how many to look at
SELECT id, kind, revision, level, position, recorded_at, slug, name, body FROM (
  SELECT * FROM registered WHERE kind = $1 AND (coalesce(slug, ''), id) > ($4, $5::uuid)
  ORDER BY coalesce(slug, ''), id
  FETCH FIRST $8 ROWS WITH TIES
) AS looked
WHERE level <= $2 AND from_position <= $3 AND to_position > $3 AND ($6::text IS NULL OR strpos(found_by, $6) > 0)
ORDER BY coalesce(slug, ''), id LIMIT $7

-- name: last_registered_looked_at
-- The key of the last row that such a page looked at.
-- $1 kind, $2 slug and $3 id that it started after, $4 how many it looked at
SELECT coalesce(slug, '') AS slug, id FROM registered WHERE kind = $1 AND (coalesce(slug, ''), id) > ($2, $3::uuid)
ORDER BY coalesce(slug, ''), id OFFSET $4 - 1 LIMIT 1
