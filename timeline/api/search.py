"""Search: the events of a timeline, or of all, that hold what is asked for."""

from timeline.api.contract import Contract, read
from timeline.api.export import Exported
from timeline.api.moments import first_of, position_of
from timeline.api.query import SearchParams, read_query
from timeline.api.service import Asked, identify, service
from timeline.api.timelines import paged, query_of
from timeline.api.written import Written
from timeline.errors import BadParameter, Fault
from timeline.model.entry import Page
from timeline.model.registry import folded
from timeline.projections.pages import Connection, Opened, Query, Search, registered_row, subject_of


@read(
    "/v1/events",
    Contract(
        operation_id="searchEvents",
        tag="events",
        scope="read",
        query=SearchParams,
        answers=Page,
        conditional=True,
        refuses=(404, 406, 422, 503),
    ),
)
async def search_events(request: Asked) -> Written | Exported:
    """Events by what is asked for, in the order of timelines: all of it has to hold.

    A page looks at 2,000 entries of the first of `actor`, `topic` and `place` that is given, or of all, and may be
    short, or empty, while `next` leads on.
    """
    who, to = identify(request), service(request)
    params = read_query(request, SearchParams)
    first = await first_of(to, params.recorded_from, "recorded_from") if params.recorded_from else 0
    last = await position_of(to, params.recorded_to, "recorded_to") if params.recorded_to else 2**53
    if params.recorded_from and params.recorded_to and first > last:
        fault = Fault(pointer="?recorded_from", expected="a moment not after recorded_to", found=params.recorded_from)
        raise BadParameter("recorded_from lies after recorded_to.", errors=[fault])
    given = [(kind, named) for kind in ("actor", "topic", "place") if (named := getattr(params, kind)) is not None]
    kind, named = given[0] if given else ("all", "")

    async def asking(connection: Connection, opened: Opened) -> Query:
        source = None
        if params.source is not None:
            source = (await registered_row(connection, "source", params.source, who.level, opened.position))["id"]
        also = [(await subject_of(connection, each, name, who.level, opened.position))[0] for each, name in given[1:]]
        search = Search(
            first=first,
            last=last,
            source=source,
            text=folded(params.q) if params.q else None,
            also=tuple(also),
        )
        return query_of(params, opened.timeline, who, search)

    return await paged(request, params, kind, named, who, asking, follow=True)
