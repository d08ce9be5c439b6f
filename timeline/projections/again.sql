-- What is folded again to know what would stand without something. The search path names the live tables.

-- name: speaking
-- The events that rest on these things, as far as a level sees them as of a position.
-- $1 sources and documents, $2 level, $3 position, $4 most
SELECT DISTINCT rest.event FROM rest JOIN event ON event.id = rest.event
WHERE rest.thing = ANY ($1::uuid[]) AND event.level <= $2 AND event.position <= $3
LIMIT $4

-- name: published_by
-- The documents of a publisher that a level sees.
-- $1 source, $2 level, $3 position, $4 most
SELECT basis.id FROM basis JOIN registered AS r ON r.id = basis.id
WHERE basis.thing = $1 AND r.level <= $2 AND r.from_position <= $3 AND r.to_position > $3
LIMIT $4

-- name: hearing
-- These events, and everything that they hear, directly or through others: what decides where they stand. Only what a
-- level sees is followed, for what is hidden from it changes nothing there.
-- $1 events, $2 level, $3 position, $4 most
WITH RECURSIVE bound (id) AS (
  SELECT unnest($1::uuid[])
  UNION
  SELECT answer.reply FROM bound JOIN answer ON answer.target = bound.id
  JOIN event ON event.id = answer.reply AND event.level <= $2 AND event.position <= $3
)
SELECT id FROM bound LIMIT $4

-- name: said_later
-- Those of these events on which something was said after a day, or on a voice that they hear, directly or through others.
-- $1 events, $2 level, $3 position, $4 the day
WITH RECURSIVE heard (event, id, said) AS (
  SELECT id, id, NULL::date FROM unnest($1::uuid[]) AS asked (id)
  UNION
  SELECT heard.event, spoken.id, spoken.said FROM heard CROSS JOIN LATERAL (
    SELECT id, said FROM voice
    WHERE voice.event = heard.id AND voice.level <= $2 AND voice.from_position <= $3 AND voice.to_position > $3
    OFFSET 0  -- by the index for each: the planner can't know how few are heard, and would read the table
  ) AS spoken
)
SELECT DISTINCT event FROM heard WHERE said > $4

-- name: tenses
-- The tense in which events spoke of others when they were recorded: that stays, whoever is left out.
-- $1 events
SELECT id, tenses FROM event WHERE id = ANY ($1::uuid[])

-- name: records_of
-- The records about these subjects so far, in order.
-- $1 subjects, $2 up to and including, $3 most
SELECT log.position, log.id, log.kind, log.subject, log.revision, log.recorded_at, payload.bytes
FROM timeline.log LEFT JOIN timeline.payload USING (position)
WHERE log.subject = ANY ($1::uuid[]) AND log.position <= $2
ORDER BY log.position LIMIT $3

-- name: judged_on
-- The assessments among these events, those that are of one of them or based on it, and those that are of such an
-- assessment or based on it: as a level sees them.
-- $1 events, $2 level, $3 position, $4 most
WITH RECURSIVE judged (id) AS (
  SELECT unnest($1::uuid[])
  UNION
  SELECT found.id FROM judged CROSS JOIN LATERAL (
    SELECT answer.reply AS id FROM answer WHERE answer.target = judged.id
    UNION ALL
    SELECT basis.id FROM basis WHERE basis.thing = judged.id
  ) AS found
  JOIN event_state AS s ON s.event = found.id AND s.kind = 'assessment' AND s.low <= $2 AND s.high >= $2
    AND s.from_position <= $3 AND s.to_position > $3
)
SELECT judged.id, s.body FROM judged
JOIN event_state AS s ON s.event = judged.id AND s.kind = 'assessment' AND s.low <= $2 AND s.high >= $2
  AND s.from_position <= $3 AND s.to_position > $3
LIMIT $4

-- name: standing_at
-- Where events stand in the timeline of all: the weeks that carry them follow from it.
-- $1 events, $2 level, $3 position
SELECT event, at, state, said_at FROM timeline_entry
WHERE event = ANY ($1::uuid[]) AND timeline = '00000000-0000-0000-0000-000000000000'
  AND low <= $2 AND high >= $2 AND from_position <= $3 AND to_position > $3
