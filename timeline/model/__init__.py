"""The vocabulary: what a record may say, and what follows from it. Pure: no clock, no socket, no database.

record      the base of every record, and the small types they share
provenance  who said it, how, and in what
kinds       events: occurrences, speech, replies        edits   records that change how another counts
registry    actors, sources, documents, topics, places, memberships, judgements of identity
references  where a record names another thing, found from its types
edtf, dates, weeks                                      standing  where an event stands, and why
codec       the canonical bytes of a payload            faults    everything wrong with a body, not the first only
entry       what a reader gets: entries, events, pages   changes   what changed, and because of which records
slice       a week, with what its lines cite             impact    what would stand without a source
"""
