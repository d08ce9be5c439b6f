"""Record the sample week, through the same admission and the same writer as anybody's post."""

import msgspec
import structlog

from timeline.api.batch import AnyRecord
from timeline.api.service import Service
from timeline.errors import Broken, TimelineError
from timeline.importers.libya_week import posts
from timeline.log.admit import Admitted, Caller, Line
from timeline.log.record import Group
from timeline.model.record import LEVEL_MAX

log = structlog.get_logger()
WAIT_SECONDS = 10.0


class SampleRefused(Broken):
    """The sample week was refused."""


async def record_sample(service: Service) -> None:
    """Record the week, or find it recorded: its ids are fixed.

    Raises:
        SampleRefused: the data directory holds other records under its ids or slugs.
    """
    lines = []
    for number, each in enumerate(posts(), 1):
        fields = {name: value for name, value in each.items() if name != "ref"}
        lines.append(Line(post=msgspec.convert(fields, AnyRecord), number=number, ref=each.get("ref")))
    verdicts = await service.admission.admit(lines, Caller(subject="sample", level=LEVEL_MAX), service.now())
    admitted = [each for each in verdicts if isinstance(each, Admitted)]
    if len(admitted) < len(verdicts):
        refused = next(each for each in verdicts if not isinstance(each, Admitted))
        raise SampleRefused(f"Line {refused.number}: {refused.refusal.detail}")
    group = Group(records=tuple(record for each in admitted for record in each.records))
    outcome = (await service.writer.append([group]))[0]
    if isinstance(outcome, TimelineError):
        raise SampleRefused(outcome.detail)
    await service.projector.reached(outcome[-1].position, WAIT_SECONDS)
    log.info("sample week recorded", records=len(outcome), new=sum(not each.repeated for each in outcome))
