"""READ MODELS: timelines and standings, folded from the log and read as of a position.

world       the rows that a batch of records may touch, and the versions it makes of them
fold        one record's step: pure
derive      an event's views, one for each level of reader: pure
identity    which actors are one by the judgements in force, and who answers for them: pure
store       loads what a batch may touch, writes what the fold made of it; folds the past again after an erasure
projector   reads the log, folds, writes and moves progress in one transaction
again       a part of the log folded again in memory, with something left out: what impact and said ask
pages, slices, events, registered           what readers ask, as of a position
impact, said                                what would stand without a source, or by what had been said by a day
cited       what the lines of a week rest on
diff, history, causes                       what changed between two positions and from version to version, and why
"""
