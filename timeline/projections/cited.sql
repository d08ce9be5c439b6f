-- What the lines of a week rest on. The search path names the live tables.

-- name: voices
-- Voices by the event that hears them and their own id.
-- $1 events, $2 voices, both parallel, $3 level, $4 position
SELECT wanted.event, voice.body
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS wanted (event, id, number)
JOIN voice ON voice.event = wanted.event AND voice.id = wanted.id AND voice.level <= $3
  AND voice.from_position <= $4 AND voice.to_position > $4
ORDER BY wanted.number

-- name: things
-- Sources and documents as they stood.
-- $1 ids, $2 level, $3 position
SELECT id, body FROM registered
WHERE id = ANY ($1::uuid[]) AND kind IN ('source', 'document') AND level <= $2
  AND from_position <= $3 AND to_position > $3

-- name: posted
-- What was posted of each event, as of a position: its record, or the last correction of it.
-- $1 events, $2 position
SELECT wanted.event, last.bytes
FROM unnest($1::uuid[]) AS wanted (event)
CROSS JOIN LATERAL (
  SELECT payload.bytes FROM timeline.log JOIN timeline.payload USING (position)
  WHERE log.subject = wanted.event AND log.position <= $2 AND (log.revision = 1 OR log.kind = 'correction')
  ORDER BY log.revision DESC LIMIT 1
) AS last
