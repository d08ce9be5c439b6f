-- What changed between two positions, as readers at one level are told it. The search path names the live tables.

-- name: changes
-- Events that are told otherwise at a position than at an earlier one, in the order in which they first were, after a
-- place in that order. Looks at $6 versions at most, whoever asks and whatever is filtered; WITH TIES, for a place is
-- passed whole. What was looked at is told with each row, and with one row without an event when none is found.
-- $1 level, $2 the earlier position, $3 the later, $4 position and $5 event to start after, $6 how many to look at,
-- $7 timelines that it stands in at either, $8 with feeds, $9 the week that it is placed in at either or null,
-- $10 how many to return
WITH begun AS MATERIALIZED (
  SELECT from_position AS position, event, told, low, high FROM event_state
  WHERE (from_position, event) > ($4::bigint, $5::uuid) AND from_position <= $3
  ORDER BY from_position, event FETCH FIRST $6 ROWS WITH TIES
), ended AS MATERIALIZED (
  SELECT to_position AS position, event, NULL::bigint AS told, low, high FROM event_state
  WHERE (to_position, event) > ($4::bigint, $5::uuid) AND to_position <= $3 AND to_position < 9223372036854775807
  ORDER BY to_position, event FETCH FIRST $6 ROWS WITH TIES
), looked AS MATERIALIZED (
  SELECT * FROM (SELECT * FROM begun UNION ALL SELECT * FROM ended) AS every
  ORDER BY position, event FETCH FIRST $6 ROWS WITH TIES
), seen AS MATERIALIZED (  -- null where a version ended and none began
  SELECT position, event, max(told) AS told FROM looked WHERE low <= $1 AND high >= $1 GROUP BY position, event
), moved AS MATERIALIZED (
  SELECT s.event, before.told AS told_before, before.week AS week_before, before.body AS body_before,
         after.week AS week_after, after.body AS body_after
  FROM (SELECT DISTINCT event FROM seen) AS s
  LEFT JOIN LATERAL (
    SELECT * FROM event_state WHERE event = s.event AND to_position > $2 AND low <= $1 AND high >= $1
    ORDER BY to_position LIMIT 1
  ) AS before ON before.from_position <= $2
  LEFT JOIN LATERAL (
    SELECT * FROM event_state WHERE event = s.event AND to_position > $3 AND low <= $1 AND high >= $1
    ORDER BY to_position LIMIT 1
  ) AS after ON after.from_position <= $3
  WHERE before.told IS DISTINCT FROM after.told
), first AS (
  SELECT m.event, min(s.position) AS position
  FROM moved AS m JOIN seen AS s ON s.event = m.event AND s.told IS DISTINCT FROM m.told_before
  GROUP BY m.event
)
SELECT walk.total AS looked_at, walk.last_position, walk.last_event, found.*
FROM (
  SELECT count(*) AS total, max(position) AS last_position,
         (SELECT event FROM looked ORDER BY position DESC, event DESC LIMIT 1) AS last_event
  FROM looked
) AS walk
LEFT JOIN (
  SELECT f.position, m.event, m.body_before, m.body_after
  FROM first AS f JOIN moved AS m ON m.event = f.event
  WHERE ($9::text IS NULL OR m.week_before = $9 OR m.week_after = $9)
    AND (
      SELECT count(DISTINCT e.timeline) FROM timeline_entry AS e
      WHERE e.event = m.event AND e.timeline = ANY ($7::uuid[]) AND e.low <= $1 AND e.high >= $1 AND (NOT e.feed OR $8)
        AND (e.from_position <= $2 AND e.to_position > $2 OR e.from_position <= $3 AND e.to_position > $3)
    ) = cardinality($7)
    AND NOT ($4 > $2 AND EXISTS (  -- it was on an earlier page, if it was told otherwise before this one began
      SELECT FROM (
        SELECT from_position, to_position, told, lead(from_position) OVER (ORDER BY to_position) AS following
        FROM event_state AS v WHERE v.event = m.event AND v.to_position > $2 AND v.low <= $1 AND v.high >= $1
      ) AS version
      WHERE version.from_position > $2 AND (version.from_position, m.event) <= ($4::bigint, $5::uuid)
          AND version.told IS DISTINCT FROM m.told_before
        OR m.told_before IS NOT NULL AND (version.to_position, m.event) <= ($4::bigint, $5::uuid)
          AND version.following IS DISTINCT FROM version.to_position))
  ORDER BY f.position, m.event
  LIMIT $10
) AS found ON true
ORDER BY found.position, found.event

-- name: turns
-- Where events came to be told otherwise between two positions: as they were told before and after, the last of each
-- event first, and how many there are.
-- $1 level, $2 the earlier position, $3 the later, $4 events, $5 how many of each
SELECT wanted.event, turn.*
FROM unnest($4::uuid[]) AS wanted (event)
CROSS JOIN LATERAL (
  SELECT step.position, step.body_before, step.body_after, count(*) OVER () AS total
  FROM (
    SELECT v.*, lag(told) OVER versions AS told_before, lag(body) OVER versions AS body_before,
           lag(to_position) OVER versions AS ended_before, lead(from_position) OVER versions AS following
    FROM (
      SELECT from_position, to_position, told, body FROM event_state
      WHERE event = wanted.event AND low <= $1 AND high >= $1 AND to_position > $2 AND to_position <= $3
      UNION ALL
      SELECT from_position, to_position, told, body FROM (
        SELECT * FROM event_state WHERE event = wanted.event AND low <= $1 AND high >= $1 AND to_position > $3
        ORDER BY to_position LIMIT 1
      ) AS standing WHERE from_position <= $3
    ) AS v
    WINDOW versions AS (ORDER BY to_position)
  ) AS version
  CROSS JOIN LATERAL (
    VALUES (from_position, CASE WHEN ended_before = from_position THEN version.body_before END, body,
            from_position > $2 AND (told_before IS DISTINCT FROM told OR ended_before IS DISTINCT FROM from_position)),
           (to_position, body, NULL, to_position <= $3 AND following IS DISTINCT FROM to_position)
  ) AS step (position, body_before, body_after, holds)
  WHERE step.holds
  ORDER BY step.position DESC LIMIT $5
) AS turn
ORDER BY wanted.event, turn.position DESC

-- name: records_at
-- Records, as far as a level may see them; what an edit is about tells whether it may be seen.
-- $1 positions, $2 level
SELECT log.position, log.id, log.kind, log.subject, log.revision, log.recorded_at, payload.bytes
FROM unnest($1::bigint[]) AS wanted (position)
JOIN timeline.log ON log.position = wanted.position
LEFT JOIN timeline.payload ON payload.position = wanted.position
WHERE coalesce(
    (SELECT level FROM event WHERE id = log.subject),
    (SELECT level FROM registered WHERE id = log.subject AND to_position = 9223372036854775807),
    3) <= $2
ORDER BY log.position

-- name: last_told
-- Events as a level was told them last, each by a position: also those that are gone.
-- $1 events, $2 level, $3 positions, parallel to the events
SELECT wanted.event, wanted.position, last.body
FROM unnest($1::uuid[], $3::bigint[]) AS wanted (event, position)
CROSS JOIN LATERAL (
  SELECT body FROM (
    (SELECT * FROM event_state WHERE event = wanted.event AND low <= $2 AND high >= $2 AND to_position > wanted.position
     ORDER BY to_position LIMIT 1)
    UNION ALL
    (SELECT * FROM event_state WHERE event = wanted.event AND low <= $2 AND high >= $2 AND to_position <= wanted.position
     ORDER BY to_position DESC LIMIT 1)
  ) AS version
  WHERE from_position <= wanted.position
  ORDER BY to_position DESC LIMIT 1
) AS last

-- name: history
-- Where an event became another to a level, oldest first: its state before and after, null where it was not there.
-- Looks at $5 versions at most; how many, and the last of them, is told with each row, and with one row without a
-- position when none is found.
-- $1 event, $2 level, $3 the position to start after, $4 the position to read at, $5 how many to look at,
-- $6 how many to return
WITH version AS MATERIALIZED (
  SELECT v.*, lag(body) OVER versions AS body_before, lag(to_position) OVER versions AS ended_before,
         lead(from_position) OVER versions AS following, count(*) OVER () AS total
  FROM (
    SELECT from_position, to_position, body FROM event_state
    WHERE event = $1 AND low <= $2 AND high >= $2 AND to_position > $3 AND from_position <= $4
    ORDER BY to_position LIMIT $5
  ) AS v
  WINDOW versions AS (ORDER BY to_position)
)
SELECT walk.looked_at, walk.last_position, step.position, step.body_before, step.body_after
FROM (SELECT count(*) AS looked_at, max(from_position) AS last_position FROM version) AS walk
LEFT JOIN (
  SELECT each.position, each.body_before, each.body_after
  FROM version
  CROSS JOIN LATERAL (
    VALUES (from_position, CASE WHEN ended_before = from_position THEN version.body_before END, body,
            from_position > $3 AND (version.body_before IS DISTINCT FROM body
                                    OR ended_before IS DISTINCT FROM from_position)),
           (to_position, body, NULL, to_position <= $4 AND following IS DISTINCT FROM to_position
                                     AND (following IS NOT NULL OR total < $5))
  ) AS each (position, body_before, body_after, holds)
  WHERE each.holds
  ORDER BY each.position LIMIT $6
) AS step ON true
ORDER BY step.position
