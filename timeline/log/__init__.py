"""TRUTH: what was recorded, in order, for ever.

admit    the rules before an append: fault-finding, references, dates, the payload
writer   the one batching writer of a process; verdicts before the lock, one call of one SQL function
read     tailing and looking up
verify   the whole log checked against its own hashes
log.sql  every statement, whole
"""
