-- Statements of the projector. The search path of its connection names the tables of one version.

-- name: live_tables
-- The schema that readers read, and how far it is.
-- $1 projection
SELECT tables, version, position FROM timeline.progress WHERE name = $1 AND live

-- name: every_tables
-- Every schema of a projection: the live one, those being built, and those that were left.
-- $1 projection
SELECT tables, version, position, live FROM timeline.progress WHERE name = $1 ORDER BY tables

-- name: begin_tables
-- Note a new version's schema; live only if there is no other.
-- $1 projection, $2 version, $3 schema
INSERT INTO timeline.progress (name, version, tables, live)
VALUES ($1, $2, $3, NOT EXISTS (SELECT FROM timeline.progress WHERE name = $1 AND live))

-- name: position
-- How far a version is.
-- $1 projection, $2 schema
SELECT position FROM timeline.progress WHERE name = $1 AND tables = $2

-- name: move_progress
-- Compare and set: no row changed means that another projector was here, so this transaction must not commit.
-- $1 projection, $2 schema, $3 position it was at, $4 position it is at now, $5 whether it must be live
UPDATE timeline.progress SET position = $4, moved_at = clock_timestamp()
WHERE name = $1 AND tables = $2 AND position = $3 AND (live OR NOT $5)

-- name: leave
-- No longer live: the first half of a switch. Returns how far the tables are, and holds them there.
-- $1 projection
UPDATE timeline.progress SET live = false WHERE name = $1 AND live RETURNING position

-- name: take_over
-- Live from now on, if it is at least as far as the one before: readers never go back. Second half of a switch.
-- $1 projection, $2 schema, $3 position of the one before
UPDATE timeline.progress SET live = true WHERE name = $1 AND tables = $2 AND position >= $3

-- name: forget_tables
-- $1 projection, $2 schema
DELETE FROM timeline.progress WHERE name = $1 AND tables = $2 AND NOT live

-- name: try_alone
-- Whether this connection is the one that folds these tables; held until the connection ends.
-- $1 schema
SELECT EXISTS (
  SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted
    AND classid = (hashtextextended($1, 0) >> 32 & 4294967295)::oid AND objid = (hashtextextended($1, 0) & 4294967295)::oid
) OR pg_try_advisory_lock(hashtextextended($1, 0))

-- name: try_rebuild
-- Whether this connection is the one that rebuilds; held until it ends. A second would drop the first one's tables.
SELECT pg_try_advisory_lock(hashtextextended('timeline.rebuild', 0))

-- name: hold_progress
-- Hold these tables where they are until the transaction ends: no row means that another projector moved them.
-- $1 projection, $2 schema, $3 position they are at, $4 whether they must be live
SELECT position FROM timeline.progress WHERE name = $1 AND tables = $2 AND position = $3 AND (live OR NOT $4) FOR UPDATE

-- name: judged_together
-- Everyone ever judged together with these actors, or by these judgements, directly or through others; and by what.
-- $1 actors, $2 judgements
WITH RECURSIVE together (actor) AS (
  SELECT unnest($1::uuid[])
  UNION
  SELECT actor FROM judged WHERE judgement = ANY ($2::uuid[])
  UNION
  SELECT other.actor FROM together
  JOIN judged AS own ON own.actor = together.actor
  JOIN judged AS other ON other.judgement = own.judgement
)
SELECT judged.actor, judged.judgement FROM together JOIN judged ON judged.actor = together.actor

-- name: standing_in
-- The events that stand in these timelines.
-- $1 timelines
SELECT DISTINCT event FROM timeline_entry WHERE timeline = ANY ($1::uuid[]) AND to_position = 9223372036854775807

-- name: ever_stood_in
-- The events that stand in these timelines, or ever did.
-- $1 timelines
SELECT DISTINCT event FROM timeline_entry WHERE timeline = ANY ($1::uuid[])

-- name: identities
-- Who answers for these actors.
-- $1 actors
SELECT actor, low, high, canonical, from_position FROM identity
WHERE actor = ANY ($1::uuid[]) AND to_position = 9223372036854775807

-- name: bonds
-- Everything that binds these events to others by answering or being answered, directly or through others.
-- $1 events
WITH RECURSIVE bound (id) AS (
  SELECT unnest($1::uuid[])
  UNION
  SELECT other.id FROM bound CROSS JOIN LATERAL (
    SELECT answer.target AS id FROM answer WHERE answer.reply = bound.id
    UNION ALL
    SELECT answer.reply FROM answer WHERE answer.target = bound.id
  ) AS other
)
SELECT answer.target, answer.reply FROM bound JOIN answer ON answer.target = bound.id

-- name: users
-- The events that rest on these things.
-- $1 things
SELECT thing, event FROM rest WHERE thing = ANY ($1::uuid[])

-- name: followers
-- These events, and everything that answers them, directly or through others.
-- $1 events
WITH RECURSIVE follower (id) AS (
  SELECT unnest($1::uuid[])
  UNION
  SELECT answer.reply FROM follower JOIN answer ON answer.target = follower.id
)
SELECT id FROM follower

-- name: ancestors
-- These events, and everything that they answer, directly or through others.
-- $1 events
WITH RECURSIVE ancestor (id) AS (
  SELECT unnest($1::uuid[])
  UNION
  SELECT answer.target FROM ancestor JOIN answer ON answer.reply = ancestor.id
)
SELECT id FROM ancestor

-- name: answers
-- What answers these events.
-- $1 events
SELECT target, reply FROM answer WHERE target = ANY ($1::uuid[])

-- name: events
-- $1 events
SELECT id, position, recorded_at, recorded_by, revision, level, status, survivor, fates, taken_back, tenses,
       distinct_from, body
FROM event WHERE id = ANY ($1::uuid[])

-- name: things
-- Registered things as they stand.
-- $1 ids
SELECT id, kind, revision, level, position, recorded_at, body, from_position
FROM registered WHERE id = ANY ($1::uuid[]) AND to_position = 9223372036854775807

-- name: voices
-- The live voices on these events. Which are live is asked outside, else a plan made when there are few reads all that
-- are, by the index that holds just those.
-- $1 events
SELECT v.event, v.id, v.body, v.from_position FROM unnest($1::uuid[]) AS wanted (event)
CROSS JOIN LATERAL (SELECT * FROM voice WHERE voice.event = wanted.event OFFSET 0) AS v
WHERE v.to_position = 9223372036854775807

-- name: hearers
-- The other events on which these have a live voice.
-- $1 events
SELECT v.id, v.event FROM unnest($1::uuid[]) AS wanted (id)
CROSS JOIN LATERAL (
  SELECT id, event FROM voice
  WHERE voice.id = wanted.id AND voice.event <> voice.id AND voice.to_position = 9223372036854775807 OFFSET 0
) AS v

-- name: states
-- The live states of these events.
-- $1 events
SELECT event, low, high, kind, standing, phase, week, told, source, text, named, answers, body, from_position FROM event_state
WHERE event = ANY ($1::uuid[]) AND to_position = 9223372036854775807

-- name: entries
-- The live entries of these events.
-- $1 events
SELECT event, timeline, low, high, placed, at, earliest, latest, position, bounded_from, bounded_to, width, state,
       said_at, feed, from_position
FROM timeline_entry WHERE event = ANY ($1::uuid[]) AND to_position = 9223372036854775807

-- name: save_events
-- $1 ids, $2 positions, $3 times, $4 recorders, $5 revisions, $6 levels, $7 statuses, $8 survivors, $9 fates,
-- $10 taken back, $11 tenses, $12 what they are distinct from, $13 bodies
INSERT INTO event (
  id, position, recorded_at, recorded_by, revision, level, status, survivor, fates, taken_back, tenses,
  distinct_from, body)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::integer[], $6::smallint[], $7::text[],
                     $8::uuid[], $9::bytea[], $10::boolean[], $11::bytea[], $12::bytea[], $13::bytea[])
ON CONFLICT (id) DO UPDATE SET
  revision = excluded.revision, level = excluded.level, status = excluded.status, survivor = excluded.survivor,
  fates = excluded.fates, taken_back = excluded.taken_back, tenses = excluded.tenses,
  distinct_from = excluded.distinct_from, body = excluded.body

-- name: save_answers
-- $1 targets, $2 replies
INSERT INTO answer (target, reply) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING

-- name: save_rests
-- $1 things, $2 events
INSERT INTO rest (thing, event) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING

-- name: save_judged
-- $1 actors, $2 judgements
INSERT INTO judged (actor, judgement) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING

-- name: save_bases
-- $1 events and sources, $2 the assessments based on them and the documents that they published
INSERT INTO basis (thing, id) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING

-- name: end_things
-- $1 ids, $2 from positions, $3 to positions
UPDATE registered AS r SET to_position = ended.until
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS ended (id, since, until)
WHERE r.id = ended.id AND r.from_position = ended.since

-- name: end_voices
-- $1 events, $2 voices, $3 from positions, $4 to positions
UPDATE voice SET to_position = found.until
FROM (
  SELECT held.place, ended.until
  FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) AS ended (event, id, since, until)
  CROSS JOIN LATERAL (
    SELECT ctid AS place FROM voice AS v
    WHERE v.event = ended.event AND v.id = ended.id AND v.from_position = ended.since OFFSET 0
  ) AS held
) AS found
WHERE voice.ctid = found.place

-- name: end_states
-- $1 events, $2 low levels, $3 from positions, $4 to positions
UPDATE event_state SET to_position = found.until
FROM (
  SELECT held.place, ended.until
  FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::bigint[]) AS ended (event, low, since, until)
  CROSS JOIN LATERAL (
    SELECT ctid AS place FROM event_state AS s
    WHERE s.event = ended.event AND s.to_position = 9223372036854775807 AND s.low = ended.low
      AND s.from_position = ended.since OFFSET 0
  ) AS held
) AS found
WHERE event_state.ctid = found.place

-- name: end_entries
-- $1 events, $2 timelines, $3 low levels, $4 from positions, $5 to positions
UPDATE timeline_entry SET to_position = found.until
FROM (
  SELECT held.place, ended.until
  FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::bigint[], $5::bigint[])
       AS ended (event, timeline, low, since, until)
  CROSS JOIN LATERAL (
    SELECT ctid AS place FROM timeline_entry AS e
    WHERE e.event = ended.event AND e.timeline = ended.timeline AND e.low = ended.low
      AND e.from_position = ended.since AND e.to_position = 9223372036854775807 OFFSET 0
  ) AS held
) AS found
WHERE timeline_entry.ctid = found.place

-- name: end_identities
-- $1 actors, $2 low levels, $3 from positions, $4 to positions
UPDATE identity AS i SET to_position = ended.until
FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::bigint[]) AS ended (actor, low, since, until)
WHERE i.actor = ended.actor AND i.low = ended.low AND i.from_position = ended.since
  AND i.to_position = 9223372036854775807

-- name: undo_voices
-- $1 events, $2 voices, $3 positions at which they began and would end
DELETE FROM voice AS v USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS undone (event, id, since)
WHERE v.event = undone.event AND v.id = undone.id AND v.from_position = undone.since

-- name: undo_states
-- $1 events, $2 low levels, $3 positions at which they began and would end
DELETE FROM event_state AS s USING unnest($1::uuid[], $2::smallint[], $3::bigint[]) AS undone (event, low, since)
WHERE s.event = undone.event AND s.low = undone.low AND s.from_position = undone.since
  AND s.to_position = 9223372036854775807

-- name: undo_entries
-- $1 events, $2 timelines, $3 low levels, $4 positions at which they began and would end
DELETE FROM timeline_entry AS e
USING unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::bigint[]) AS undone (event, timeline, low, since)
WHERE e.event = undone.event AND e.timeline = undone.timeline AND e.low = undone.low
  AND e.from_position = undone.since AND e.to_position = 9223372036854775807

-- name: undo_identities
-- $1 actors, $2 low levels, $3 positions at which they began and would end
DELETE FROM identity AS i USING unnest($1::uuid[], $2::smallint[], $3::bigint[]) AS undone (actor, low, since)
WHERE i.actor = undone.actor AND i.low = undone.low AND i.from_position = undone.since
  AND i.to_position = 9223372036854775807

-- name: move_heads
-- $1 timelines, $2 levels, $3 positions
INSERT INTO timeline_head (timeline, level, position)
SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::bigint[])
ON CONFLICT (timeline, level) DO UPDATE SET position = greatest(timeline_head.position, excluded.position)

-- name: move_heads_of_answers
-- A reply shows the title and standing of what it answers wherever it stands, so those timelines changed too.
-- $1 events, $2 levels, $3 positions
INSERT INTO timeline_head (timeline, level, position)
SELECT shown.timeline, changed.level, max(changed.position)
FROM unnest($1::uuid[], $2::smallint[], $3::bigint[]) AS changed (event, level, position)
CROSS JOIN LATERAL (SELECT reply FROM answer WHERE answer.target = changed.event OFFSET 0) AS answer
CROSS JOIN LATERAL (
  SELECT timeline FROM timeline_entry AS e
  WHERE e.event = answer.reply AND e.to_position = 9223372036854775807
    AND e.low <= changed.level AND changed.level <= e.high
  UNION ALL SELECT answer.reply
) AS shown
GROUP BY shown.timeline, changed.level
ON CONFLICT (timeline, level) DO UPDATE SET position = greatest(timeline_head.position, excluded.position)


-- name: component
-- Everything that is bound to these events by answering or being answered, and so stands or falls with them; and to the
-- events that rest on these things.
-- $1 events and things
WITH RECURSIVE bound (id) AS (
  SELECT unnest($1::uuid[])
  UNION
  SELECT event FROM rest WHERE thing = ANY ($1::uuid[])
  UNION
  SELECT other.id FROM bound CROSS JOIN LATERAL (
    SELECT answer.target AS id FROM answer WHERE answer.reply = bound.id
    UNION ALL
    SELECT answer.reply FROM answer WHERE answer.target = bound.id
  ) AS other
)
SELECT id FROM bound

-- name: rests_of
-- The sources and documents that these events rest on.
-- $1 events
SELECT DISTINCT thing FROM rest WHERE event = ANY ($1::uuid[])

-- name: records_about
-- Every record about these subjects so far, in order.
-- $1 subjects, $2 up to and including
SELECT log.position, log.id, log.kind, log.subject, log.revision, log.recorded_at, payload.bytes
FROM timeline.log LEFT JOIN timeline.payload USING (position)
WHERE log.subject = ANY ($1::uuid[]) AND log.position <= $2
ORDER BY log.position

-- name: levels
-- Today's markings of events, and of registered things.
-- $1 ids
SELECT id, level FROM event WHERE id = ANY ($1::uuid[])
UNION ALL
SELECT id, level FROM registered WHERE id = ANY ($1::uuid[]) AND to_position = 9223372036854775807

-- name: ever_states
-- Every state that events were ever in: for which levels, from and up to which position, and what is shown.
-- $1 events
SELECT low, high, from_position, to_position, event, body FROM event_state WHERE event = ANY ($1::uuid[])

-- name: ever_entries
-- Everywhere that events ever stood, as `ever_states`.
-- $1 events
SELECT low, high, from_position, to_position, event, timeline, placed, at, earliest, latest, position, bounded_from,
       bounded_to, width, state, said_at, feed
FROM timeline_entry WHERE event = ANY ($1::uuid[])

-- name: ever_voices
-- Every voice that was ever heard on events.
-- $1 events
SELECT level, from_position, to_position, event, body FROM voice WHERE event = ANY ($1::uuid[])

-- name: lowest_level
-- The lowest level that ever saw one of these registered things; null where none is one.
-- $1 ids
SELECT min(level) FROM registered WHERE id = ANY ($1::uuid[])

-- name: forget_events
-- $1 events
DELETE FROM event WHERE id = ANY ($1::uuid[])

-- name: forget_answers
-- $1 events
DELETE FROM answer WHERE target = ANY ($1::uuid[]) OR reply = ANY ($1::uuid[])

-- name: forget_rests
-- $1 events
DELETE FROM rest WHERE event = ANY ($1::uuid[])

-- name: forget_bases
-- $1 events and things
DELETE FROM basis WHERE id = ANY ($1::uuid[])

-- name: forget_voices
-- $1 events
DELETE FROM voice WHERE event = ANY ($1::uuid[])

-- name: forget_states
-- $1 events
DELETE FROM event_state WHERE event = ANY ($1::uuid[])

-- name: forget_entries
-- $1 events
DELETE FROM timeline_entry WHERE event = ANY ($1::uuid[])

-- name: forget_identities
-- $1 actors
DELETE FROM identity WHERE actor = ANY ($1::uuid[])

-- name: forget_judged
-- $1 judgements
DELETE FROM judged WHERE judgement = ANY ($1::uuid[])

-- name: forget_erased_things
-- Versions of registered things of which no payload is left; what was registered again after the erasure stays.
-- $1 ids
DELETE FROM registered WHERE id = ANY ($1::uuid[])
  AND EXISTS (
    SELECT FROM timeline.log
    WHERE log.subject = registered.id AND log.kind = 'erasure' AND log.position > registered.from_position)

-- name: mark_things
-- Past versions of a registered thing are read under today's marking.
-- $1 ids
UPDATE registered AS past SET level = today.level
FROM registered AS today
WHERE past.id = ANY ($1::uuid[]) AND today.id = past.id AND today.to_position = 9223372036854775807
  AND past.level <> today.level
