"""What changed between two moments: what is new, re-dated, stands differently, was corrected, taken back or struck."""

from uuid import UUID

from timeline.access import Identity
from timeline.api.answer import headers_of, negotiated, not_modified, respond, unchanged, written_as
from timeline.api.contract import Contract, read
from timeline.api.cursors import Steps, fingerprint
from timeline.api.moments import position_of
from timeline.api.query import DiffParams, read_query
from timeline.api.service import Asked, Service, identify, service
from timeline.api.written import Written
from timeline.errors import BadDate, BadParameter, Fault
from timeline.model.changes import Difference
from timeline.model.entry import Subject
from timeline.model.faults import shown
from timeline.model.weeks import week_bounds
from timeline.projections.diff import DiffQuery, Place, changes, ids_in
from timeline.projections.pages import EVERYTHING, Connection, etag, names_of, subject_of


@read(
    "/v1/diff",
    Contract(
        operation_id="getDifference",
        tag="difference",
        scope="read",
        query=DiffParams,
        answers=Difference,
        conditional=True,
        refuses=(404, 406, 503),
    ),
)
async def get_difference(request: Asked) -> Written:
    """What changed between two moments, each event once, with the records that made it so.

    What was known at `from` and, with these changes applied, is known at `to`. A walk over several pages compares the
    same two positions throughout. After a bulk load a page may be short or empty while `next` leads on.
    """
    who, to = identify(request), service(request)
    params = read_query(request, DiffParams)
    fmt = negotiated(request, Difference)
    _check_week(params.week)
    await to.seen(params.min_position)
    asked = fingerprint("diff", params.from_, params.to, *_named(params), params.week, params.feeds, who.level)
    walk = to.cursors.walk_of(params.cursor, asked, Steps) if params.cursor else None
    before = walk.before if walk else await position_of(to, params.from_, "from")
    after = walk.after if walk else await _later(to, params, before)
    async with to.reader.at(after) as (connection, position):
        subjects = await _subjects(connection, params, who, position)
        timelines = tuple(UUID(each.id) for each in subjects if each.id) or (EVERYTHING[0],)
        as_of = None if params.to is None else position
        told = (asked, before, params.limit, params.cursor, written_as(request, fmt))
        tag = await etag(connection, told, timelines, who.level, position, as_of)
        if unchanged(request, tag):
            return not_modified(tag, position, public=who.is_public)
        query = DiffQuery(
            level=who.level,
            before=before,
            after=position,
            timelines=timelines,
            week=params.week,
            feeds=params.feeds == "include",
            limit=params.limit,
        )
        found, following = await changes(connection, query, Place(*walk.place) if walk else query.beginning)
        names = await names_of(connection, [], who.level, position, ids_in(found))
    answer = Difference(
        from_=before,
        to=position,
        subjects=subjects,
        week=params.week,
        changes=found,
        names=names,
        next=to.cursors.walk_text(Steps(asked, before, position, following)) if following else None,
    )
    return respond(request, fmt, answer, headers_of(tag, position, public=who.is_public))


async def _later(to: Service, params: DiffParams, before: int) -> int | None:
    """The later position; None for now.

    Raises:
        BadParameter: it lies before the earlier one.
    """
    if params.to is None:
        return None
    after = await position_of(to, params.to, "to")
    if before > after:
        fault = Fault(pointer="?from", expected=f"a moment not after to ({params.to})", found=shown(params.from_))
        told = f"from ({params.from_}, position {before}) lies after to ({params.to}, position {after})."
        raise BadParameter(told, errors=[fault])
    return after


def _check_week(week: str | None) -> None:
    if week is None:
        return
    try:
        week_bounds(week)
    except BadDate as error:
        fault = Fault(pointer="?week", expected=error.expected, found=shown(week))
        raise BadParameter(f"?week: {error.detail}.", errors=[fault]) from None


def _named(params: DiffParams) -> list[tuple[str, str | None]]:
    return [("actor", params.actor), ("topic", params.topic), ("place", params.place)]


async def _subjects(connection: Connection, params: DiffParams, who: Identity, position: int) -> list[Subject]:
    """What the events must be of, as it is called at the later position."""
    return [
        (await subject_of(connection, kind, named, who.level, position))[1]
        for kind, named in _named(params)
        if named is not None
    ]
