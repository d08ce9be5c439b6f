-- What may be one happening. The search path names the live tables; read as of one position and for one level.

-- name: neighbours
-- The events that were recorded after another and stand near it in one of its timelines, by the index of timelines. Of
-- each event and timeline the first $7 are looked at: where a machine fed hundreds on one day, more would not be read.
-- $1 events, $2 timelines, $3 positions, $4 first days, $5 last days, all parallel; $6 level, $7 how many, $8 position,
-- $9 with feeds
SELECT DISTINCT wanted.event, near.event AS other
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::date[], $5::date[])
     AS wanted (event, timeline, recorded, first, last)
CROSS JOIN LATERAL (
  SELECT e.event FROM (
    SELECT * FROM timeline_entry AS e
    WHERE e.timeline = wanted.timeline AND e.at >= wanted.first AND e.at <= wanted.last
    ORDER BY e.at, e.earliest, e.latest, e.position
    LIMIT $7
  ) AS e
  WHERE e.position > wanted.recorded AND e.placed = 'participant' AND (NOT e.feed OR $9)
    AND e.low <= $6 AND e.high >= $6 AND e.from_position <= $8 AND e.to_position > $8
) AS near

-- name: posted_events
-- Events as they were posted, after every correction.
-- $1 events
SELECT id, body FROM event WHERE id = ANY ($1::uuid[])
