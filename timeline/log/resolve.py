"""What a post refers to: by id, slug, exact name or alias, `#ref` or URL, in the log or in its own batch.

Never guessed: one match is taken, none is a fault or (asked for) a proposal, several are a fault with the candidates.
"""

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from asyncpg.pgproto import pgproto

from timeline.errors import AmbiguousReference, Fault, InvalidRecord, UnknownReference
from timeline.log.read import LogReader
from timeline.log.record import Named, Subject
from timeline.model.edits import EDITS, Correction, Distinct, Duplicate
from timeline.model.faults import shown
from timeline.model.kinds import EVENTS, Confirmation, Event
from timeline.model.record import LEVEL_MAX, Marking, Record, level_of
from timeline.model.references import Found, Slot
from timeline.model.registry import (
    REGISTRATIONS,
    Actor,
    Document,
    Key,
    Place,
    Registration,
    Source,
    Topic,
    folded,
    keys,
    slug_of,
)
from timeline.model.registry import Named as NamedThing
from timeline.model.tokens import ACCESS

UNPLACED = 2**62
"""The position of what stands earlier in the same batch and has none yet: after everything in the log."""
PROPOSABLE: dict[str, type[NamedThing]] = {"actor": Actor, "source": Source, "topic": Topic, "place": Place}


class Known(msgspec.Struct, kw_only=True):
    """What is known while a batch is admitted: from the log, and from the batch's earlier lines."""

    named: dict[tuple[str, str], list[Named]]
    subjects: dict[UUID, Subject]
    taken: frozenset[tuple[str, str]] = frozenset()
    """Slugs and addresses, each with its kind, of what the caller may not see: nothing else may have them."""
    documents: dict[UUID, Document]
    """The documents named, as registered last: their dates are what words like "last week" are read from."""
    speakers: dict[UUID, Source] = {}
    """The sources of replies without a title, which are named by who speaks, and of confirmations."""
    events: dict[UUID, Event] = {}
    """The events that a confirmation is of: who took part decides what ground it can have."""
    merged: set[UUID] = set()
    """Events that are duplicates of another, of those that a post says are themselves."""
    levels: dict[UUID, int] = {}
    """Who may read the events that a post tells apart: the level that their marking in force asks for."""
    fresh: dict[UUID, int] = {}
    """What earlier lines of the batch made, with their line."""
    refs: dict[str, UUID] = {}
    keys: dict[tuple[str, Key], UUID] = {}
    sole: dict[tuple[str, str], tuple[UUID, str]] = {}
    """The one thing that a text names, and its id as text: the lines of a batch name the same few. What has one name
    for certain has it until something else is registered."""

    def add(self, subject: UUID, post: Record, keys: Sequence[Key], line: int, ref: str | None) -> None:
        """Let later lines name what this one makes or changes."""
        before = self.subjects.get(subject)
        position = before.position if before else UNPLACED + line
        kind = before.kind if before else post.kind_of()
        self.subjects[subject] = Subject(kind, position, before.revision + 1 if before else 1)
        self.fresh[subject] = line
        if keys:
            self.keys |= {(post.kind_of(), key): subject for key in keys}
            self.sole.clear()
        if ref:
            self.refs[ref] = subject
        match post:
            case Event():
                self.events[subject] = post
                self.levels[subject] = level_of(post.marking)
            case Document():
                self.documents[subject] = post
            case Source():
                self.speakers[subject] = post
            case Duplicate():
                (self.merged.add if post.survivor != post.subject else self.merged.discard)(subject)
            case _:
                pass


async def look_up(
    reader: LogReader,
    named_by: Sequence[tuple[Record, Sequence[Slot]]],
    *,
    proposing: bool = False,
    level: int = LEVEL_MAX,
) -> Known:
    """Everything that posts name, asked of the log at once; when proposing, also whether its slugs are taken.

    What is marked above the caller's level is left out here, so that nothing after this can tell of it.
    """
    posts = [post for post, _ in named_by]
    found = [slot.found for _, slots in named_by for slot in slots if slot.found.to != "date"]
    texts: set[tuple[str, str]] = {
        (f.to, f.text) for f in found if f.to not in ("event", "record") and not f.text.startswith("#")
    }
    texts |= {(p.kind_of(), p.slug) for p in posts if isinstance(p, NamedThing | Document) and p.slug}
    if proposing:
        texts |= {(kind, slug_of(text)) for kind, text in texts if kind in PROPOSABLE}
    named = await reader.named(texts)
    ids = {found_id for f in found if (found_id := as_uuid(f.text))}
    ids |= {own for post in posts if (own := as_uuid(getattr(post, "id", None)))}
    ids |= {uuid5(NAMESPACE_URL, f.text) for f in found if _is_address(f)}  # whose document may have been erased
    if level < LEVEL_MAX or any(isinstance(post, Registration) for post in posts):
        # Who may see what is named; and who holds a slug, at which revision.
        ids |= {each.subject for several in named.values() for each in several}
    taken: frozenset[tuple[str, str]] = frozenset()
    if level == LEVEL_MAX:
        subjects = await reader.subjects(ids)
    else:
        subjects = {i: each for i, each in (await reader.marked(ids)).items() if each.level <= level}
        named, taken = _seen(named, subjects)
    kinds = {"document", "source"} if any(_needs_speaker(post) for post in posts) else {"document"}
    wanted = {each.subject for (kind, _), several in named.items() for each in several if kind in kinds}
    last = await reader.last_bodies(wanted | {i for i, s in subjects.items() if s.kind in kinds})
    bodies = {i: (record.kind, record.body or {}) for i, record in last.items()}
    events = {i for i, subject in subjects.items() if subject.kind in EVENTS}
    undone = {as_uuid(p.subject) for p in posts if isinstance(p, Duplicate) and p.subject == p.survivor}
    confirmed = {as_uuid(each) for p in posts if isinstance(p, Confirmation) for each in p.of}
    parted = {as_uuid(each) for p in posts if isinstance(p, Distinct) for each in (p.subject, p.other)}
    return Known(
        named=named,
        subjects=subjects,
        taken=taken,
        merged=await reader.merged(events & undone),
        events=await reader.posted(events & confirmed),
        levels={i: each.level for i, each in (await reader.marked(events & parted)).items()} if parted else {},
        documents={
            i: msgspec.convert(body, Document) for i, (kind, body) in bodies.items() if kind == "document" and body
        },
        speakers={i: msgspec.convert(body, Source) for i, (kind, body) in bodies.items() if kind == "source" and body},
    )


def _seen(
    named: Mapping[tuple[str, str], list[Named]], subjects: Container[UUID]
) -> tuple[dict[tuple[str, str], list[Named]], frozenset[tuple[str, str]]]:
    """What texts name of those subjects; and what slugs and addresses of others they are."""
    seen = {key: [each for each in several if each.subject in subjects] for key, several in named.items()}
    hidden = (key for key, several in named.items() for e in several if e.form != "name" and e.subject not in subjects)
    return seen, frozenset(hidden)


def _needs_speaker(post: Record) -> bool:
    """Whether who speaks matters: a reply without a title is named by it, and a confirmation weighs by it."""
    event = post.event if isinstance(post, Correction) else post
    return isinstance(event, Event) and (event.title is None or isinstance(event, Confirmation))


class Resolution:
    """The references of one line: visit each, then see what was wrong, proposed, or needed."""

    def __init__(
        self, known: Known, new_id: Callable[[], UUID], marking: Marking | None, *, proposing: bool = False
    ) -> None:
        self._known = known
        self._new_id = new_id
        self._proposing = proposing
        self._marking = marking
        self._unknown: list[Fault] = []
        self._ambiguous: list[Fault] = []
        self.needs: set[UUID] = set()
        self.dates: list[Found] = []
        self.proposed: dict[UUID, Registration] = {}

    def visit(self, found: Found) -> str:
        """The id of what the reference names, or the text itself after noting the fault."""
        if found.to == "date":
            self.dates.append(found)
            return found.text
        sole = self._known.sole.get((found.to, found.text))
        if sole is None:
            return self._looked_up(found)
        return self._needing(*sole)

    def _needing(self, subject: UUID, text: str) -> str:
        if subject in self._known.fresh:
            self.needs.add(subject)
        return text

    def _looked_up(self, found: Found) -> str:
        several = self._named_by(found)
        ids = list(dict.fromkeys(each.subject for each in several))
        if len(ids) == 1:
            sole = ids[0], str(ids[0])
            if not found.text.startswith("#"):
                self._known.sole[found.to, found.text] = sole
            return self._needing(*sole)
        if ids:
            self._ambiguous.append(_ambiguous(found, several))
            return found.text
        proposal = self._proposal(found)
        if proposal is None:
            self._unknown.append(_unknown(found, self._known))
            return found.text
        return str(proposal)

    def check(self) -> None:
        """Raise UnknownReference or AmbiguousReference with every fault, if there is one."""
        faults = [*self._unknown, *self._ambiguous]
        if not faults:
            return
        kind = UnknownReference if self._unknown else AmbiguousReference
        raise kind(f"{counted(faults)} Register what is missing first, or post with on_missing=propose.", errors=faults)

    def _named_by(self, found: Found) -> list[Named]:
        if found.text.startswith("#"):
            subject = self._known.refs.get(found.text[1:])
            return self._fitting(found, [subject] if subject else [])
        if found_id := as_uuid(found.text):
            return self._fitting(found, [found_id])
        if found.to in ("event", "record"):
            return []
        return self._by_text(found)

    def _fitting(self, found: Found, ids: Iterable[UUID]) -> list[Named]:
        """Those ids that are of the kind the reference wants."""
        subjects = self._known.subjects
        return [Named("id", i, str(i)) for i in ids if i in subjects and _fits(found.to, subjects[i])]

    def _by_text(self, found: Found) -> list[Named]:
        """By slug or URL, or else by name; what the batch itself registers counts as the log's."""
        in_log = self._known.named.get((found.to, found.text), [])
        own = [
            Named(form, subject, found.text)
            for form, text in (("slug", found.text), ("url", found.text), ("name", folded(found.text)))
            if (subject := self._known.keys.get((found.to, Key(form, text))))  # type: ignore[arg-type]  # three of three
        ]
        every = in_log + own
        return [each for each in every if each.form != "name"] or every

    def _proposal(self, found: Found) -> UUID | None:
        """A registration for what is not known: always for a URL, else if the caller asked for proposals."""
        if found.text.startswith("#") or as_uuid(found.text) or found.to in ("event", "record"):
            return None
        if (before := self._proposed_before(found)) is not None:
            return before
        thing: Registration
        if _is_address(found) and (found.to, found.text) in self._known.taken:
            # Another document that readers of this one may not see has the address: to them it is known by its text.
            subject, thing = self._new_id(), Document(title=found.text, marking=self._marking)
        elif _is_address(found):
            subject, thing = uuid5(NAMESPACE_URL, found.text), Document(url=found.text, marking=self._marking)
            if subject in self._known.subjects:  # it was erased, or is registered under another address by now
                subject = self._new_id()
        elif self._proposing:
            subject = self._new_id()
            thing = self._thing(found, subject)
        else:
            return None
        thing = msgspec.structs.replace(thing, id=str(subject))
        if not _is_valid(thing):
            return None
        self.proposed[subject] = thing
        return subject

    def _proposed_before(self, found: Found) -> UUID | None:
        """What this record has proposed under the same name: it may stand in it twice."""
        wanted = {Key("name", folded(found.text)), Key("url", found.text)}
        same = (i for i, thing in self.proposed.items() if thing.kind_of() == found.to and wanted & {*keys(thing)})
        return next(same, None)

    def _thing(self, found: Found, subject: UUID) -> Registration:
        if found.to == "document":
            return Document(title=found.text, marking=self._marking)
        slug = slug_of(found.text)
        if self._taken(found.to, slug):
            slug = f"{slug[:70].rstrip('-')}-{subject.hex[-8:]}"
        return PROPOSABLE[found.to](slug=slug, name=found.text, marking=self._marking, proposed=True)

    def _taken(self, kind: str, slug: str) -> bool:
        key, known = Key("slug", slug), self._known
        if known.named.get((kind, slug)) or (kind, key) in known.keys or (kind, slug) in known.taken:
            return True
        return any(thing.kind_of() == kind and key in keys(thing) for thing in self.proposed.values())


def _is_address(found: Found) -> bool:
    return found.to == "document" and found.text.startswith(("http://", "https://"))


def _is_valid(thing: Registration) -> bool:
    """Whether it could have been posted: a reference may be longer than a title, or an address with a blank in it."""
    try:
        msgspec.convert(plain(thing), type(thing))
    except msgspec.ValidationError:
        return False
    return True


def _fits(to: str, subject: Subject) -> bool:
    if to == "event":
        return subject.kind in EVENTS and not subject.erased
    return to == subject.kind or (to == "record" and subject.kind not in ACCESS)


def _unknown(found: Found, known: Known) -> Fault:
    what = "an earlier event: its id, or #ref of an earlier line" if found.to == "event" else f"a registered {found.to}"
    if found.text.startswith("#"):
        what = f"the ref of an earlier line of the same batch, for one {found.to}"
    if _is_address(found):
        what = "an http or https address in ASCII, or a registered document"
    subject = known.subjects.get(as_uuid(found.text) or UUID(int=0))
    other = (
        "" if subject is None else ", which was erased" if subject.erased else f", which is {_article(subject.kind)}"
    )
    return Fault(pointer=found.pointer, expected=what, found=shown(found.text) + other)


def _article(kind: str) -> str:
    if kind in ACCESS:
        return f"a {kind}: see /v1/tokens"
    what = "registration" if kind in REGISTRATIONS else "edit" if kind in EDITS else "event"
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what} of kind {kind}"


def _ambiguous(found: Found, several: Sequence[Named]) -> Fault:
    labels = sorted({f"{each.label} ({each.subject})" for each in several})
    return Fault(
        pointer=found.pointer,
        expected=f"one {found.to}; name it by slug or id",
        found=f"{shown(found.text)}, which fits " + ", ".join(labels[:10]),
    )


def counted(faults: Sequence[Fault]) -> str:
    """The first fault in a sentence, and how many more there are."""
    first = faults[0]
    more = f" And {len(faults) - 1} more, listed in errors." if len(faults) > 1 else ""
    return f"{first.pointer}: expected {first.expected}, found {first.found}.{more}"


def invalid(faults: Sequence[Fault]) -> InvalidRecord:
    """The refusal that lists these faults."""
    return InvalidRecord(counted(faults), errors=list(faults))


def plain(post: Record) -> dict[str, object]:
    """The post as plain objects, defaults left out."""
    value: dict[str, object] = msgspec.to_builtins(post)
    return value


R = TypeVar("R", bound=Record)


def with_fields(post: R, body: Mapping[str, Any], changed: Collection[str]) -> R:
    """The post with some of its fields as its plain form has them now. Only these are checked again: all of it once
    more, when one name had become an id, was a tenth of what a post cost."""
    if not changed:
        return post
    names, fields = _fields_of(type(post))
    read = msgspec.convert({name: body[name] for name in changed}, fields)
    return msgspec.structs.replace(post, **{names[name]: getattr(read, names[name]) for name in changed})


@cache
def _fields_of(cls: type[Record]) -> tuple[dict[str, str], type[msgspec.Struct]]:
    """The fields of a kind, by what they are called outside, each checked by itself."""
    fields = msgspec.structs.fields(cls)
    names = {each.encode_name: each.name for each in fields}
    each_alone = [(each.name, each.type, None) for each in fields]
    return names, msgspec.defstruct(f"{cls.__name__}Fields", each_alone, rename={n: name for name, n in names.items()})


def as_uuid(text: object) -> UUID | None:
    """The UUID that a text is, in the one form we write; else None."""
    if not isinstance(text, str) or len(text) != 36:
        return None
    try:
        # The driver's own subclass, made and written in a fifth of the time: an import asked this eight times a row.
        found: UUID = pgproto.UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


Missing = Literal["reject", "propose"]
