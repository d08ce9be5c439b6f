-- The feed of records, and what each record did as readers at one level are told it. The search path names the live tables.

-- name: feed
-- Records after a position as a reader at a level may see them: hidden ones are left out.
-- $1 after, $2 up to and including, $3 level
SELECT log.position, log.id, log.kind, log.subject, log.revision, log.recorded_at, payload.bytes
FROM timeline.log LEFT JOIN timeline.payload
  ON payload.position = log.position AND payload.position > $1 AND payload.position <= $2
LEFT JOIN event ON event.id = log.subject
LEFT JOIN registered ON registered.id = log.subject AND registered.to_position = 9223372036854775807
WHERE log.position > $1 AND log.position <= $2 AND coalesce(event.level, registered.level, 3) <= $3
ORDER BY log.position

-- name: visible
-- As the feed, of the kinds that are asked for; without what was said in them.
-- $1 after, $2 up to and including, $3 level, $4 kinds or null
SELECT log.position, log.kind, log.subject, log.revision FROM timeline.log
LEFT JOIN event ON event.id = log.subject
LEFT JOIN registered ON registered.id = log.subject AND registered.to_position = 9223372036854775807
WHERE log.position > $1 AND log.position <= $2 AND coalesce(event.level, registered.level, 3) <= $3
  AND ($4::text[] IS NULL OR log.kind = ANY ($4))
ORDER BY log.position

-- name: touched
-- The events that these records made others to a level, with the timelines that they stand in before or after, of those
-- that are asked for. A version that begins only because levels above are told something else is none. A source that is
-- registered anew may bring what it said into other timelines, without a word of that being another.
-- $1 positions, $2 level, $3 timelines, $4 also events in none of these, where their standing is another
SELECT moved.position, moved.event, stands.timelines, stands.came_or_went, before.body IS DISTINCT FROM after.body AS other,
       before.standing AS standing_before, after.standing
FROM (
  SELECT wanted.position, version.event FROM unnest($1::bigint[]) AS wanted (position)
  CROSS JOIN LATERAL (
    SELECT event FROM event_state WHERE from_position = wanted.position
    UNION
    SELECT event FROM event_state
    WHERE to_position = wanted.position AND to_position < 9223372036854775807
    UNION
    SELECT rests.event FROM (
      SELECT subject FROM timeline.log WHERE position = wanted.position AND kind = 'source' AND revision > 1 OFFSET 0
    ) AS source
    JOIN rest AS rests ON rests.thing = source.subject
    WHERE EXISTS (
      SELECT FROM timeline_entry AS e WHERE e.event = rests.event AND e.timeline = ANY ($3::uuid[])
        AND (e.from_position = wanted.position OR e.to_position = wanted.position))
  ) AS version
) AS moved
LEFT JOIN LATERAL (
  SELECT * FROM event_state WHERE event = moved.event AND to_position >= moved.position AND low <= $2 AND high >= $2
  ORDER BY to_position LIMIT 1
) AS before ON before.from_position < moved.position
LEFT JOIN LATERAL (
  SELECT * FROM event_state WHERE event = moved.event AND to_position > moved.position AND low <= $2 AND high >= $2
  ORDER BY to_position LIMIT 1
) AS after ON after.from_position <= moved.position
CROSS JOIN LATERAL (
  SELECT array_agg(timeline) AS timelines, array_agg(timeline) FILTER (WHERE stood <> stays) AS came_or_went
  FROM (
    SELECT timeline, bool_or(from_position < moved.position) AS stood, bool_or(to_position > moved.position) AS stays
    FROM timeline_entry AS e
    WHERE e.event = moved.event AND e.timeline = ANY ($3::uuid[]) AND e.low <= $2 AND e.high >= $2
      AND e.from_position <= moved.position AND e.to_position >= moved.position
    GROUP BY timeline
  ) AS each
) AS stands
WHERE (before.body IS DISTINCT FROM after.body OR stands.came_or_went IS NOT NULL)
  AND (stands.timelines IS NOT NULL OR $4 AND before.standing IS DISTINCT FROM after.standing)
ORDER BY moved.position, moved.event

-- name: timelines_of
-- The timelines of things that a level may see: its own, and for an actor those of everyone judged to be the same.
-- $1 things, $2 level, $3 position
SELECT wanted.id, same.timeline
FROM unnest($1::uuid[]) AS wanted (id)
JOIN registered AS r ON r.id = wanted.id AND r.level <= $2 AND r.from_position <= $3 AND r.to_position > $3
CROSS JOIN LATERAL (
  SELECT coalesce((SELECT i.canonical FROM identity AS i
                   WHERE i.actor = wanted.id AND i.low <= $2 AND i.high >= $2
                     AND i.from_position <= $3 AND i.to_position > $3), wanted.id) AS id
) AS canonical
CROSS JOIN LATERAL (
  SELECT canonical.id AS timeline
  UNION
  SELECT i.actor FROM identity AS i
  WHERE i.canonical = canonical.id AND i.low <= $2 AND i.high >= $2 AND i.from_position <= $3 AND i.to_position > $3
) AS same

-- name: speaks_again
-- Whether a record speaks about something recorded before: it may be an erasure, or raise a marking.
-- $1 after, $2 up to and including
SELECT EXISTS (SELECT FROM timeline.log WHERE position > $1 AND position <= $2 AND revision > 1)
