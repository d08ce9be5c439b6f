-- What may be one happening. The search path names the live tables; read as of one position and for one level.

-- name: neighbours
-- The events that were recorded after another and stand near it in one of its timelines, by the index of timelines. Of
-- each event and timeline those next to it in the order are looked at, so many on either side: where a machine fed
-- hundreds on one day, more would not be read.
-- $1 events, $2 timelines, $3 positions, $4 days that they are placed on, $5 and $6 their first and last days, all
-- parallel; $7 how many days around, $8 level, $9 how many on either side, $10 position, $11 with feeds
SELECT DISTINCT wanted.event, e.event AS other
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::date[], $5::date[], $6::date[])
     AS wanted (event, timeline, recorded, at, earliest, latest)
CROSS JOIN LATERAL (
  (SELECT * FROM timeline_entry AS later
   WHERE later.timeline = wanted.timeline AND later.at <= wanted.at + $7::integer
     AND (later.at, later.earliest, later.latest, later.position)
         > (wanted.at, wanted.earliest, wanted.latest, wanted.recorded)
   ORDER BY later.at, later.earliest, later.latest, later.position LIMIT $9)
  UNION ALL
  (SELECT * FROM timeline_entry AS earlier
   WHERE earlier.timeline = wanted.timeline AND earlier.at >= wanted.at - $7::integer
     AND (earlier.at, earlier.earliest, earlier.latest, earlier.position)
         < (wanted.at, wanted.earliest, wanted.latest, wanted.recorded)
   ORDER BY earlier.at DESC, earlier.earliest DESC, earlier.latest DESC, earlier.position DESC LIMIT $9)
) AS e
WHERE e.position > wanted.recorded AND e.placed = 'participant' AND (NOT e.feed OR $11)
  AND e.low <= $8 AND e.high >= $8 AND e.from_position <= $10 AND e.to_position > $10

-- name: posted_events
-- Events as they were posted, after every correction.
-- $1 events
SELECT id, body FROM event WHERE id = ANY ($1::uuid[])
