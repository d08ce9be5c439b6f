"""A client of the service, async and sync, with the service's own types.

    calls         what may be asked: a request, and how its answer is read. Pure
    problems      an answer that refuses, as the exception that it tells of. Pure
    retries       when an ask is made again, and after how long. Pure
    following     the feed: what a stream says, and where to go on after it broke. Pure
    asynchronous  `AsyncClient` drives these with httpx, and so does, line by line the same, `synchronous`, `Client`

Exceptions are those of `timeline.errors`, a class for each type of problem, with every fault in `errors`; `NoAnswer`
where none came. A post carries an Idempotency-Key unless it has an id, so that asking again records nothing twice.
"""

from timeline.client.asynchronous import AsyncClient
from timeline.client.retries import Retries
from timeline.client.synchronous import Client

__all__ = ["AsyncClient", "Client", "Retries"]
