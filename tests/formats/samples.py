"""Answers built by hand from the Libya week, for every format to render."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from timeline.model.changes import (
    CauseShown,
    ChangeShown,
    Difference,
    FieldChange,
    History,
    StoodShown,
    VersionShown,
    What,
)
from timeline.model.entry import (
    AssessmentShown,
    DateShown,
    Entry,
    EventShown,
    Feed,
    NameShown,
    OccurredShown,
    Page,
    ParticipantShown,
    PlaceShown,
    PointShown,
    RecordShown,
    RegisteredPage,
    RegisteredShown,
    Stand,
    Subject,
    TargetShown,
    VoiceCounts,
    VoiceShown,
)
from timeline.model.impact import Impact, ImpactEvent, ImpactJudgement, ImpactTotals, ImpactWeek
from timeline.model.slice import Citation, Cited, DocumentCited, Sections, Slice, SourceCited

RECORDED_AT = datetime(2019, 6, 14, 9, 30, tzinfo=UTC)
POSTED_AT = datetime(2019, 6, 10, 8, 15, tzinfo=UTC)
HAFTAR, PUTIN, RUSSIA, MBZ, MOSCOW = "a-haftar", "a-putin", "a-russia", "a-mbz", "p-moscow"
OFFICIALS, MEDIA, WEEKLY, PAPER, UNREGISTERED = "s-officials", "s-media", "s-weekly", "s-paper", "s-unregistered"
LIBYA, REPORT = "t-libya", "d-report"

MOSCOW_POINT = PointShown(latitude="55.7558", longitude="37.6173", precision="town")
NAMES = {
    HAFTAR: NameShown(type="actor", slug="haftar", name="Khalifa Haftar"),
    PUTIN: NameShown(type="actor", slug="putin", name="Vladimir Putin"),
    RUSSIA: NameShown(type="actor", slug="russia", name="Russia"),
    MBZ: NameShown(type="actor", slug="mbz", name="Mohammed bin Zayed"),
    MOSCOW: NameShown(type="place", slug="moscow", name="Moscow", point=MOSCOW_POINT),
    LIBYA: NameShown(type="topic", slug="libya", name="Libya"),
    OFFICIALS: NameShown(type="source", slug="russian-officials", name="Russian officials"),
    MEDIA: NameShown(type="source", slug="pro-haftar-media", name="pro-Haftar media"),
    WEEKLY: NameShown(type="source", slug="weekly", name="Weekly report"),
    PAPER: NameShown(type="source", slug="paper", name="The Paper"),
}
SUBJECT = Subject(type="actor", id=HAFTAR, slug="haftar", name="Khalifa Haftar")
EARLY_JUNE = OccurredShown(
    words="early June 2019",
    edtf="[2019-06-01..2019-06-10]",
    earliest=date(2019, 6, 1),
    latest=date(2019, 6, 10),
    ongoing=False,
    week="2019-W23",
    at=date(2019, 6, 3),
    placed_by="occurred",
)
CONTINUES = OccurredShown(
    words="continues",
    edtf="/..",
    earliest=None,
    latest=None,
    ongoing=True,
    week="2019-W24",
    at=date(2019, 6, 10),
    placed_by="said",
)


def entry(number: int = 2, **changes: Any) -> Entry:
    """E02, the visit to Moscow, with what is given changed."""
    return Entry(**{**_fields(number), **changes})


def _fields(number: int) -> dict[str, Any]:
    return {
        "id": f"01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c{number:02}",
        "kind": "visit",
        "title": "Haftar travels to Moscow",
        "occurred": EARLY_JUNE,
        "participants": [ParticipantShown(actor=HAFTAR, role="actor"), ParticipantShown(actor=RUSSIA, role="host")],
        "against": [],
        "places": [PlaceShown(place=MOSCOW, role="to")],
        "topics": [LIBYA],
        "marking": "clear",
        "position": number,
        "recorded_at": RECORDED_AT,
        "revision": 1,
        "changed_at": RECORDED_AT,
        "source": MEDIA,
        "modality": "reported",
        "voices": VoiceCounts(assert_=1),
        "assessments": [],
        "replies_to": [],
        "as_": "participant",
        "of": [],
        "overdue": False,
        **_stand(),
    }


def _stand(**changes: Any) -> dict[str, Any]:
    return {
        "standing": "reported",
        "rule": "R7",
        "phase": "occurred",
        "because": [],
        "because_total": 0,
        "since": RECORDED_AT,
        "denied_by": [],
        "independent": 0,
        "sides": 0,
        "partisan": False,
        **changes,
    }


def meeting() -> Entry:
    """E03: asserted by pro-Haftar media, denied by Russian officials, judged false by us."""
    return entry(
        3,
        kind="meeting",
        title="Haftar meets the Russian president",
        participants=[ParticipantShown(actor=HAFTAR, role="actor"), ParticipantShown(actor=PUTIN, role="actor")],
        places=[PlaceShown(place=MOSCOW, role="site")],
        modality="stated",
        voices=VoiceCounts(assert_=1, deny=1, judge=1),
        assessments=[AssessmentShown(id="e15", source=WEEKLY, verdict="false", hedge="both rumours")],
        **_stand(standing="denied", rule="R5", denied_by=[OFFICIALS], partisan=True),
    )


def denial() -> Entry:
    """E04: it stands in the timeline through the meeting that it is `of`."""
    return entry(
        4,
        kind="denial",
        title="Russian officials deny: Haftar meets the Russian president",
        participants=[],
        places=[],
        topics=[],
        source=OFFICIALS,
        modality="stated",
        as_="of",
        of=[TargetShown(id=meeting().id, title=meeting().title, standing="denied", kind="meeting")],
        replies_to=[meeting().id],
    )


def rumour() -> Entry:
    """E06: a visit to come, and its day is over."""
    return entry(
        6,
        title="Haftar to visit the United States",
        modality="rumoured",
        overdue=True,
        assessments=[
            AssessmentShown(id="e08", source=WEEKLY, likelihood="very_unlikely", confidence="low"),
        ],
        **_stand(standing="rumoured", rule="R8", phase="expected"),
    )


def judgement() -> Entry:
    """E08: an assessment has no standing."""
    return entry(8, kind="assessment", title="Too risky for him", as_="of", **_stand(standing=None, rule=None))


def accusation() -> Entry:
    """E18: the accused stand apart; nobody registered its source."""
    return entry(18, kind="accusation", title="Accused of sowing discord", against=[MBZ], source=UNREGISTERED)


def citation(number: int, side: str, source: str, modality: str = "stated", document: str | None = REPORT) -> Citation:
    """A voice that a line rests on."""
    return Citation(
        id=f"01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c{number:02}",
        side=side,
        source=source,
        modality=modality,
        grade={MEDIA: "D6", OFFICIALS: "C2"}.get(source, "F6"),
        document=document,
    )


CITED = Cited(
    voices={
        entry().id: [citation(2, "assert", MEDIA, "reported")],
        meeting().id: [citation(3, "assert", MEDIA), citation(4, "deny", OFFICIALS)],
        denial().id: [citation(4, "assert", OFFICIALS, document=None)],
        judgement().id: [citation(8, "assert", WEEKLY)],
        rumour().id: [citation(6, "assert", UNREGISTERED, "rumoured", "d-unseen")],
    },
    judgements={judgement().id: AssessmentShown(id=judgement().id, source=WEEKLY, likelihood="unlikely", hedge="may")},
    sources={
        MEDIA: SourceCited(name="pro-Haftar media", reliability="D", named=False, house=False),
        OFFICIALS: SourceCited(name="Russian officials", reliability="C", named=True, house=False),
        WEEKLY: SourceCited(name="Weekly report", reliability="B", named=True, house=True),
    },
    documents={
        REPORT: DocumentCited(
            title="Weekly *report*",
            publisher=WEEKLY,
            published=DateShown(words="14 June 2019", edtf="2019-06-14", earliest=None, latest=None),
            url="https://example.org/report_1",
        )
    },
)


def page(*entries: Entry, as_of: int | None = None, following: str | None = None, name: str | None = None) -> Page:
    """A timeline of these entries."""
    return Page(
        position=41,
        as_of=as_of,
        subject=Subject(type="actor", id=HAFTAR, slug="haftar", name=name or SUBJECT.name),
        entries=list(entries),
        names=NAMES,
        next=following,
    )


def haftar() -> Page:
    """A page with one entry of every sort."""
    return page(entry(), meeting(), denial(), rumour(), judgement(), accusation(), following="c-2")


def changes() -> list[ChangeShown]:
    """One change of every sort."""
    denied = cause(14, "denial", "denied by Russian officials", ["standing"], source=OFFICIALS)
    corrected = cause(
        15,
        "correction",
        "corrected, our error",
        ["re-dated", "corrected"],
        ground="our_error",
        reason="Typed into the wrong week.",
        authority="the desk",
    )
    judged = [AssessmentShown(id="e08", source=WEEKLY, likelihood="very_unlikely", confidence="low")]
    return [
        change(2, ["new"], None, stood()),
        change(
            3,
            ["re-dated", "standing", "corrected"],
            stood(occurred=CONTINUES),
            stood(standing="denied", rule="R5", denied_by=[OFFICIALS], revision=2),
            causes=[denied, corrected],
            causes_total=2,
        ),
        change(5, ["judged", "taken-back"], stood(assessments=judged), stood()),
        change(6, ["phase", "judged"], stood(phase="expected"), stood(assessments=judged)),
        change(7, ["gone", "recalled"], stood(standing="rumoured", rule="R8"), None),
        change(8, ["gone", "merged"], stood(), None, survivor=denial().of[0]),
        change(9, ["back"], None, stood()),
    ]


def change(
    number: int, what: list[What], before: StoodShown | None, after: StoodShown | None, **fields: Any
) -> ChangeShown:
    """What changed about one event."""
    told = after or before
    assert told is not None
    moved = before.occurred.week if before and before.occurred.week != told.occurred.week else None
    return ChangeShown(
        id=f"01931f66-8e6a-7b3c-a4ce-0f0e1a2b3c{number:02}",
        kind="visit",
        title=f"Event {number}",
        marking="clear",
        posted_at=POSTED_AT,
        what=what,
        week=told.occurred.week,
        week_before=moved,
        standing=after.standing if after else None,
        standing_before=before.standing if before else None,
        position=number,
        recorded_at=RECORDED_AT,
        before=before,
        after=after,
        **fields,
    )


def stood(**changes: Any) -> StoodShown:
    """The visit as a difference compares it, with what is given changed."""
    return StoodShown(**{name: getattr(entry(), name) for name in StoodShown.__struct_fields__} | changes)


def cause(position: int, kind: str, words: str, what: list[What], **fields: Any) -> CauseShown:
    """A record that changed an event."""
    return CauseShown(
        position=position,
        id=f"r-{position}",
        kind=kind,
        recorded_at=RECORDED_AT,
        recorded_by="analyst",
        what=what,
        words=words,
        **fields,
    )


def difference() -> Difference:
    """One change of every sort, between two positions."""
    return Difference(from_=13, to=41, subjects=[SUBJECT], week="2019-W23", changes=changes(), names=NAMES, next="c-2")


def history() -> History:
    """A visit that was reported, corrected and recalled."""
    recalled = cause(16, "recall", "recalled: our record is struck", ["gone", "recalled"], reason="Twice.")
    counts = [FieldChange(field="voices", before={"assert": 1, "deny": 0}, after={"assert": 1, "deny": 1})]
    told = FieldChange(field="denied_by", before=[], after=[OFFICIALS])
    dated = FieldChange(field="occurred", before=msgspec.to_builtins(CONTINUES), after=msgspec.to_builtins(EARLY_JUNE))
    first = cause(3, "visit", "recorded", ["new"])
    versions = [
        VersionShown(position=3, what=["new"], stood=stood(), changes=[], cause=first),
        VersionShown(position=14, what=["standing"], stood=stood(rule="R5"), changes=[*counts, told], cause=None),
        VersionShown(position=15, what=["re-dated"], stood=stood(), changes=[dated], cause=changes()[1].causes[1]),
        VersionShown(position=16, what=["gone", "recalled"], stood=None, changes=[], cause=recalled),
    ]
    return History(id=entry().id, position=41, as_of=20, versions=versions, names=NAMES, next="c-2")


def week(truncated: list[str] | None = None, **sections: Any) -> Slice:
    """A week with these sections; the others are empty."""
    empty: dict[str, list[Any]] = {section: [] for section in Sections.__struct_fields__}
    return Slice(
        week="2019-W23",
        from_=date(2019, 6, 3),
        to=date(2019, 6, 9),
        position=41,
        as_of=20,
        subject=SUBJECT,
        also=None,
        match="anchored",
        matched=[],
        sections=Sections(**{**empty, **sections}),
        changed_from=13,
        changed_to=20,
        cited=CITED,
        truncated=truncated or [],
        names=NAMES,
    )


def full_week() -> Slice:
    """The week with something in most of its sections; one event stands in two of them."""
    fighting = entry(19, kind="military_action", title="Fighting south of Tripoli", occurred=CONTINUES)
    return week(
        happened=[entry(), meeting()],
        said=[denial(), rumour(), judgement()],
        continuing=[fighting],
        ahead=[rumour()],
        changed=changes(),
        truncated=["said"],
    )


def voice(side: str, source: str, **changes: Any) -> VoiceShown:
    """One voice on the meeting."""
    shown: dict[str, Any] = {
        "id": f"v-{side}-{source}",
        "modality": "stated",
        "said": DateShown(words="7 June 2019", edtf="2019-06-07", earliest=date(2019, 6, 7), latest=date(2019, 6, 7)),
        "tense": "past",
        "grade": "D6",
        "marking": "clear",
        "position": 3,
        "live": True,
        **changes,
    }
    return VoiceShown(side=side, source=source, **shown)


def event(**changes: Any) -> EventShown:
    """The meeting with its voices and replies."""
    shown = {name: getattr(meeting(), name) for name in Entry.__struct_fields__}
    listed = {
        "voices": [voice("assert", MEDIA, quote={"text": "he met\nthe president", "lang": "en"})],
        "voices_total": 1,
        "summary": None,
        "external_ids": {},
        "codes": [],
        "evidence": [],
        "figures": None,
        "details": {},
        "attribution": {},
        "replies": [],
        "recorded_by": "analyst",
        "names": NAMES,
    }
    return EventShown(**{**shown, **listed, **changes})


def full_event() -> EventShown:
    """The meeting with something in every part."""
    assumed = DateShown(words="14 June 2019", edtf="2019-06-14", earliest=None, latest=None, assumed=True)
    arabic = {"text": "التقى الرئيس", "lang": "ar", "translation": "he met the president"}
    return event(
        summary="Friendly media said he met the president.\nThe hosts denied it.",
        voices=[
            *event().voices,
            voice("deny", OFFICIALS, grade="C6"),
            voice("deny", RUSSIA, part=f"participant:{RUSSIA}", taken_back=True),
            voice("confirm", PAPER, said=assumed, live=False, quote=arabic),
        ],
        voices_total=12,
        attribution={RUSSIA: Stand(**_stand(standing="disputed", rule="R4", denied_by=[OFFICIALS]))},
        replies=[denial()],
    )


def feed() -> Feed:
    """Two records, the second erased."""
    return Feed(records=[record(1, {"kind": "actor", "slug": "haftar"}), record(2, None)], next=2)


def record(position: int, body: dict[str, Any] | None) -> RecordShown:
    """One record of the feed."""
    return RecordShown(
        position=position,
        id=f"r-{position}",
        kind="actor",
        subject=HAFTAR,
        revision=position,
        recorded_at=RECORDED_AT,
        recorded_by="analyst",
        body=body,
    )


def registered(**fields: Any) -> RegisteredShown:
    """Haftar as registered, with what is given changed."""
    shown: dict[str, Any] = {
        "id": HAFTAR,
        "kind": "actor",
        "revision": 1,
        "position": 1,
        "recorded_at": RECORDED_AT,
        "marking": "clear",
        "slug": "haftar",
        "name": "Khalifa Haftar",
        "body": {"kind": "actor", "slug": "haftar", "name": "Khalifa Haftar"},
        **fields,
    }
    return RegisteredShown(**shown)


def registry(*items: RegisteredShown) -> RegisteredPage:
    """A page of registered things."""
    return RegisteredPage(position=41, items=list(items or [registered()]), next=None)


def impact() -> Impact:
    """What would stand without the officials who denied the meeting."""
    common: dict[str, Any] = {"kind": "meeting", "week": "2019-W23", "voices": 1, "phase": "occurred"}
    return Impact(
        position=41,
        as_of=None,
        source=Subject(type="source", id=OFFICIALS, slug="russian-officials", name="Russian officials"),
        by="source",
        as_="removed",
        totals=ImpactTotals(voices=1, unsupported=1, changed=1, touched=0, judgements=1, weeks=2),
        unsupported=[
            ImpactEvent(
                **common | {"kind": "denial"},
                id="e-denial",
                title="Russian officials deny the meeting",
                position=9,
                standing_before="reported",
                rule_before="R7",
                standing="unsupported",
                rule="R0",
                because=[],
            )
        ],
        changed=[
            ImpactEvent(
                **common,
                id="e-meeting",
                title="Haftar meets Putin",
                position=8,
                standing_before="denied",
                rule_before="R5",
                standing="reported",
                rule="R7",
                because=["e-meeting"],
            )
        ],
        touched=[],
        judgements=[
            ImpactJudgement(
                id="e-judged",
                title="A sign of need",
                source=WEEKLY,
                week="2019-W24",
                position=12,
                own=False,
                rests_on=["e-meeting"],
            )
        ],
        weeks=[
            ImpactWeek(week="2019-W23", entries=2, onwards=0),
            ImpactWeek(week="2019-W24", entries=1, onwards=1),
        ],
        names={WEEKLY: NAMES[WEEKLY]},
        next=None,
    )
