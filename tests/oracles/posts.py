"""Posts that Hypothesis can draw and shrink: a small cast, and drafts that name earlier events by number."""

from typing import Any
from uuid import UUID, uuid5

import msgspec
from hypothesis import strategies as st

Post = dict[str, Any]
NAMESPACE = UUID("7be2d7f0-95a6-4a3c-8a2b-0d0c5f3c1a55")
DATES = (
    "2019-06-07",
    "early June 2019",
    "[2019-06-03..2019-06-14]",
    "/2019-06-09",
    "2019-04-04/..",
    "ongoing",
    "2019",
    "2019-07-01",
    "last week",
)
SAID = (None, None, "2019-06-05", "2019-06-20", "[2019-06-03..2019-06-09]")
PUBLISHED = ("2019-06-12", "[2019-06-08..2019-06-14]", "/2019-06-01", None)
MARKINGS = ("clear", "green", "amber", "amber+strict")
OCCURRENCES = ("visit", "meeting", "cancellation")
REPLIES = ("report", "denial", "confirmation", "assessment")
SPEECH = ("statement", "publication", "accusation", *REPLIES)
EDITS = ("correction", "retraction", "recall", "duplicate", "distinct", "marking", "erasure")


def id_of(name: str) -> str:
    """A fixed id."""
    return str(uuid5(NAMESPACE, name))


def _thing(kind: str, slug: str, **fields: Any) -> Post:
    return {"kind": kind, "id": id_of(slug), "slug": slug, "name": slug.title(), "marking": "clear", **fields}


ACTORS = ("haftar", "russia", "putin")
CAST: tuple[Post, ...] = (
    *(_thing("actor", slug) for slug in ACTORS),
    _thing("topic", "libya"),
    _thing("source", "paper", reliability="B"),
    _thing("source", "other-paper", reliability="C"),
    _thing("source", "kremlin", reliability="C", speaks_for=["russia"], aligned_with=["putin"]),
    _thing("source", "office", reliability="D", actor="haftar"),
    _thing("source", "nobody", named=False),
    _thing("source", "weekly", reliability="B", house=True),
    _thing("source", "insider", reliability="A", marking="amber"),
    _thing("source", "machine", reliability="B", feed=True),
    {"kind": "document", "id": id_of("letter"), "slug": "letter", "marking": "clear", "published": PUBLISHED[0]},
)
SOURCES = tuple(post["slug"] for post in CAST if post["kind"] == "source")
TIMELINES = ("all", *ACTORS, "libya")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event before it is known which events are there to be named."""

    kind: str
    occurred: str
    said: str | None
    source: str
    marking: str | None
    modality: str | None
    tense: str | None
    ground: str | None
    part: str | None
    participants: tuple[str, ...]
    topical: bool
    lettered: bool
    titled: bool
    during: int | None
    of: tuple[int, ...]

    def body(self, earlier: list[str]) -> Post:
        """The event as it is posted, naming some of these; one that must answer something is a visit where none is."""
        kind = self.kind if earlier or self.kind not in REPLIES else "visit"
        named = list(dict.fromkeys(earlier[each % len(earlier)] for each in self.of)) if earlier else []
        during = earlier[self.during % len(earlier)] if earlier and self.during is not None else None
        body: Post = {
            "kind": kind,
            "occurred": {"during": during} if during else self.occurred,
            "source": self.source,
            "participants": list(self.participants),
        }
        optional = {"said": self.said, "marking": self.marking, "modality": self.modality, "tense": self.tense}
        body |= {name: value for name, value in optional.items() if value is not None}
        body |= {"topics": ["libya"]} if self.topical else {}
        body |= {"document": "letter"} if self.lettered else {}
        return body | self._words(kind) | self._answers(kind, named, earlier)

    def _words(self, kind: str) -> Post:
        title = {"title": f"A {kind}"} if self.titled or kind not in REPLIES else {}
        return title | ({"verdict": "false"} if kind == "assessment" else {})

    def _answers(self, kind: str, named: list[str], earlier: list[str]) -> Post:
        if kind == "cancellation":
            return {"cancels": named}
        if kind not in SPEECH:
            return {}
        fields: Post = {"of": named or (earlier[-1:] if kind in REPLIES else [])}
        if self.part is not None and fields["of"]:
            fields["part"] = self.part
        if kind == "confirmation" and self.ground is not None:
            fields["ground"] = self.ground
        return fields | ({"against": list(self.participants[:1])} if kind == "accusation" else {})


def mostly(value: Any, *others: Any) -> st.SearchStrategy[Any]:
    """One value three times in four, else one of the others."""
    return st.sampled_from([value] * 3 * len(others) + list(others))


numbers = st.integers(0, 40)
"""Which of the things that are there: taken modulo how many there are."""
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "occurred": st.sampled_from(DATES),
    "said": st.sampled_from(SAID),
    "source": st.sampled_from(SOURCES),
    "marking": mostly("clear", *MARKINGS, None),
    "modality": mostly("stated", "reported", "rumoured", None),
    "tense": mostly(None, "past", "future"),
    "ground": st.sampled_from(["admission", "counterpart", "authority", "record", None]),
    "part": mostly(None, None, None, "date"),
    "participants": st.lists(st.sampled_from(ACTORS), max_size=2, unique=True).map(tuple),
    "topical": st.booleans(),
    "lettered": st.booleans(),
    "titled": st.booleans(),
    "during": mostly(None, None, None, None, 0, 1, 2),
    "of": st.lists(numbers, max_size=2).map(tuple),
}


def _drafts(*kinds: str) -> st.SearchStrategy[Draft]:
    return st.builds(Draft, kind=st.sampled_from(kinds), **_FIELDS)


drafts = _drafts(*OCCURRENCES, *SPEECH, "visit", "denial", "report")
replies = _drafts(*REPLIES, "denial", "report", "confirmation")
