"""What one field alone can't say about a post: dates that can be read, parts that fit together. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from uuid import UUID

from timeline.errors import BadDate, Fault
from timeline.log.record import Subject
from timeline.model.dates import Occurred
from timeline.model.dates import again as read
from timeline.model.dating import day
from timeline.model.edits import Correction, Distinct, Duplicate
from timeline.model.faults import shown
from timeline.model.kinds import Assessment, Cancellation, Event, Reply, Speech
from timeline.model.provenance import Quote
from timeline.model.record import Record, When
from timeline.model.references import Found
from timeline.model.registry import Membership, Place, SameActor, Topic


def date_faults(dates: Iterable[Found], anchor: Occurred | None) -> list[Fault]:
    """A fault for each date that can't be read; without an anchor, relative words can't."""
    faults = []
    for found in dates:
        try:
            read(found.text, anchor)
        except BadDate as error:
            faults.append(Fault(pointer=found.pointer, expected=error.expected, found=shown(found.text)))
    return faults


def own_faults(
    post: Record,
    own_id: UUID | None,
    subjects: Mapping[UUID, Subject],
    merged: Collection[UUID] = (),
    levels: Mapping[UUID, int] | None = None,
) -> list[Fault]:
    """A fault for each thing that does not fit in a post whose references are ids; `own_id` is its subject's, and
    `merged` the events that are duplicates now, which may be said to be themselves again; `levels` who may read events
    that are told apart."""
    match post:
        case Event():  # first, for most records are events: each class that does not fit costs 0.3 µs
            return [*_when_faults(post), *_quote_faults(post), *_reply_faults(post, own_id, subjects)]
        case Correction():
            inner = own_faults(post.event, UUID(post.subject), subjects)
            pointed = [Fault(pointer=f"#/event{f.pointer[1:]}", expected=f.expected, found=f.found) for f in inner]
            return pointed + _correction_faults(post)
        case Duplicate() if post.subject == post.survivor and UUID(post.subject) not in merged:
            expected = "another event than the subject, which is no duplicate now"
            return [Fault(pointer="#/survivor", expected=expected, found=shown(post.survivor))]
        case Distinct():
            return _distinct_faults(post, levels or {})
        case SameActor() if post.actors[0] == post.actors[1]:
            return [Fault(pointer="#/actors/1", expected="another actor than the first", found=shown(post.actors[1]))]
        case Membership() if post.member == post.of:
            return [Fault(pointer="#/of", expected="another actor than the member", found=shown(post.of))]
        case Topic() | Place() if own_id is not None and post.within == str(own_id):
            return [Fault(pointer="#/within", expected=f"another {post.kind_of()}", found=shown(post.within))]
        case _:
            return []


def _correction_faults(post: Correction) -> list[Fault]:
    if post.event.id in (None, post.subject):
        return []
    return [Fault(pointer="#/event/id", expected=f"{post.subject}, or nothing", found=shown(post.event.id))]


def _distinct_faults(post: Distinct, levels: Mapping[UUID, int]) -> list[Fault]:
    """Whoever may read the subject may read what is said of it, and so has to be allowed to read of the other."""
    if post.subject == post.other:
        return [Fault(pointer="#/other", expected="another event than the subject", found=shown(post.other))]
    if levels.get(UUID(post.subject), 0) < levels.get(UUID(post.other), 0):
        expected = "the one of the two that fewer may read: put the other first"
        return [Fault(pointer="#/subject", expected=expected, found=shown(post.subject))]
    return []


def _when_faults(event: Event) -> list[Fault]:
    when = event.occurred
    if not isinstance(when, When):
        return []
    given = [name for name in ("words", "edtf", "during") if getattr(when, name) is not None]
    if not given or ("during" in given and len(given) > 1):
        expected = "words, or edtf with or without words, or during alone"
        return [Fault(pointer="#/occurred", expected=expected, found=", ".join(given) or "an empty object")]
    if given != ["words"]:
        return []
    try:
        read(str(when.words), day(date(2000, 1, 1)))
    except BadDate as error:
        return [
            Fault(pointer="#/occurred/edtf", expected=f"EDTF beside these words, or {error.expected}", found="nothing")
        ]
    return []


def _quote_faults(event: Event) -> list[Fault]:
    quotes: list[tuple[str, Quote | None]] = [("#/quote", event.quote)]
    quotes += [(f"#/evidence/{i}/quote", each.quote) for i, each in enumerate(event.evidence)]
    return [
        Fault(pointer=f"{pointer}/end", expected=f"an offset from {quote.start}", found=str(quote.end))
        for pointer, quote in quotes
        if quote and quote.start is not None and quote.end is not None and quote.end < quote.start
    ]


def _reply_faults(event: Event, own_id: UUID | None, subjects: Mapping[UUID, Subject]) -> list[Fault]:
    """An event answers what came before it: so that nothing is, through others, about itself."""
    own = subjects.get(own_id) if own_id else None
    named: list[tuple[str, str]] = []
    if isinstance(event, Speech):
        named += [(f"#/of/{i}", each) for i, each in enumerate(event.of)]
    if isinstance(event, Assessment):
        named += [(f"#/based_on/{i}", each) for i, each in enumerate(event.based_on)]
    if isinstance(event, Cancellation):
        named += [(f"#/cancels/{i}", each) for i, each in enumerate(event.cancels)]
    if isinstance(event.occurred, When) and event.occurred.during:
        named.append(("#/occurred/during", event.occurred.during))
    faults = [
        Fault(pointer=pointer, expected="an event recorded before this one", found=shown(each))
        for pointer, each in named
        if own_id is not None and (UUID(each) == own_id or (own and subjects[UUID(each)].position >= own.position))
    ]
    if isinstance(event, Assessment) and event.of and not (event.likelihood or event.verdict or event.hedge):
        expected = "a likelihood, a verdict or a hedge, for it judges events"
        faults.append(Fault(pointer="#/likelihood", expected=expected, found="none of them"))
    if isinstance(event, Speech) and event.part and not (event.of or isinstance(event, Reply)):
        faults.append(Fault(pointer="#/of", expected="the events whose part this bears on", found="none"))
    return faults
