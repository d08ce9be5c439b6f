"""Streams of records that no analyst would post: everything about everything, in any order that admission allows."""

import random
from typing import Any

from timeline.importers.libya_week import REGISTRATIONS, Post, id_of
from timeline.model.kinds import EVENTS, Reply, Speech
from timeline.model.record import MARKINGS

SOURCES = [post for post in REGISTRATIONS if post["kind"] == "source"]
ACTORS = [post["slug"] for post in REGISTRATIONS if post["kind"] == "actor"]
JUDGED = ACTORS[:5]
"""Few actors are judged to be one another, so that whoever stands for several does so often."""
REPORT = next(post for post in REGISTRATIONS if post["slug"] == "weekly-report")
DATES = ["2019-06-07", "early June 2019", "last week", "ongoing", "/2019-06-09", "2019", "[2019-06-03..2019-06-14]"]
PUBLISHED = ["/..", "2019-06-20", "[2019-06-01..2019-06-20]", "/2019-06-01"]
OCCURRENCES = ["visit", "meeting", "policy", "cancellation"]
SPEECH = ["denial", "confirmation", "report", "statement", "publication", "accusation", "assessment"]
EDITS = ["correction", "correction", "retraction", "recall", "duplicate", "duplicate", "distinct", "marking", "erasure"]


class Stream:
    """An endless stream of posts, the same for the same seed. Each can be admitted after those before it.

    Two streams into one log need names of their own, or they post different events under the same ids.
    """

    def __init__(self, seed: int, name: str = "X") -> None:
        self._random = random.Random(seed)
        self._name = name
        self._events: list[str] = []
        self._kinds: dict[str, str] = {}
        self._judged: dict[str, int] = {}
        self._merged: set[str] = set()

    def post(self) -> Post:
        """The next post."""
        chance = self._random.random()
        if not self._events or chance < 0.25:
            return self._new(self._random.choice(OCCURRENCES))
        if chance < 0.65:
            return self._new(self._random.choice(SPEECH))
        if chance < 0.75:
            return self._registered_anew()
        return self._edit(self._random.choice(EDITS))

    def _new(self, kind: str) -> Post:
        event = id_of("event", f"{self._name}{len(self._events)}")
        post = {"id": event, **self._event(kind, self._events)}
        self._events.append(event)
        self._kinds[event] = kind
        return post

    def _event(self, kind: str, earlier: list[str]) -> Post:
        """An event of this kind that names only earlier ones, where it must."""
        cls, some = EVENTS[kind], self._some(earlier, 1 if issubclass(EVENTS[kind], Reply) else 0)
        fields: Post = {
            "kind": kind,
            "title": "An event",
            "occurred": {"during": self._pick(self._events)} if self._events and self._rarely() else self._pick(DATES),
            "participants": self._actors(),
            "marking": self._pick(MARKINGS[: self._pick([1, 2, 4])]),
            "source": self._pick(SOURCES)["slug"],
            "modality": self._pick(["stated", "reported", "rumoured", "alleged"]),
        }
        fields |= {"document": "weekly-report"} if self._random.random() < 0.5 else {}
        fields |= {"tense": self._pick(["past", "future"])} if self._rarely() else {}
        fields |= {"of": some} if issubclass(cls, Speech) and some else {}
        fields |= {"cancels": some} if kind == "cancellation" else {}
        fields |= {"against": self._actors()} if kind == "accusation" else {}
        fields |= {"ground": self._pick(["admission", "authority", "counterpart"])} if kind == "confirmation" else {}
        return fields | ({"verdict": "false"} if kind == "assessment" else {})

    def _judgement(self) -> Post:
        """A judgement of identity: the first of its pair, or that one stated anew."""
        pair = self._random.sample(JUDGED, 2)
        own = id_of("same_actor", f"{self._name} {' '.join(sorted(pair))} {self._pick('ab')}")
        judgement = self._pick(["same", "same", "same", "different", "unsure", "withdrawn"])
        post: Post = {"kind": "same_actor", "id": own, "actors": pair, "judgement": judgement}
        post |= {"marking": self._pick(MARKINGS[: self._pick([1, 1, 4])])}
        post |= {"revision": self._judged[own]} if own in self._judged else {}
        self._judged[own] = self._judged.get(own, 0) + 1
        return post

    def _registered_anew(self) -> Post:
        if self._rarely():
            return self._judgement()
        if self._rarely():
            return {**REPORT, "revision": 1, "published": self._pick(PUBLISHED)}
        return {
            **self._pick(SOURCES),
            "revision": 1,
            "reliability": self._pick("ABCDEF"),
            "named": not self._rarely(),
            "speaks_for": self._actors(),
            "aligned_with": self._actors(),
        }

    def _edit(self, kind: str) -> Post:
        subject = self._pick(self._events)
        edit: Post = {"kind": kind, "subject": subject, "reason": "A reason."}
        match kind:
            case "correction":
                edit |= {"revision": 1, "ground": "our_error", "event": self._corrected(subject)}
            case "duplicate":
                edit |= {"survivor": subject if subject in self._merged else self._pick(self._events)}
                (self._merged.remove if subject in self._merged else self._merged.add)(subject)
            case "distinct":
                edit |= {"other": self._pick([each for each in self._events if each != subject] or [subject])}
                edit |= {"withdrawn": True} if self._rarely() else {}
            case "marking":
                edit |= {"marking": self._pick(MARKINGS)}
            case "erasure":
                edit |= {"authority": "An officer"}
        if edit.get("survivor") == subject and subject in self._merged:  # it was merged with nothing
            self._merged.remove(subject)
            return self.post()
        return edit

    def _corrected(self, subject: str) -> Post:
        earlier = self._events[: self._events.index(subject)]
        kind = self._kinds[subject]
        return self._event("statement" if not earlier and issubclass(EVENTS[kind], Reply) else kind, earlier)

    def _some(self, earlier: list[str], least: int) -> list[str]:
        return self._random.sample(earlier, min(len(earlier), self._random.randint(least, 2)))

    def _actors(self) -> list[str]:
        return [self._pick(ACTORS) for _ in range(self._random.randint(0, 2))]

    def _pick(self, several: Any) -> Any:
        return self._random.choice(several)

    def _rarely(self) -> bool:
        return self._random.random() < 0.25
