"""A log of dictionaries: what the service must answer to a post, known from everything that it was told before."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from tests.oracles.posts import EDITS, MARKINGS, Post

REGISTERED = ("actor", "topic", "source", "document")
EVENT_LISTS = ("of", "cancels")
TO_REGISTERED = {"source": "source", "document": "document", "participants": "actor", "against": "actor"}
TO_REGISTERED |= {"topics": "topic", "speaks_for": "actor", "aligned_with": "actor", "actor": "actor"}


def _level(post: Post) -> int:
    return MARKINGS.index(post.get("marking", "amber"))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One record of the log, its references as ids."""

    position: int
    id: str
    kind: str
    subject: str
    revision: int
    body: Post
    recorded_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a line of a post must be answered with."""

    status: int
    problem: str | None = None
    current: int | None = None
    """The revision that a refusal names."""
    row: Row | None = None
    repeated: bool = False


FALLS_WITH_ANOTHER = Verdict(status=424)


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line that names nothing unknown: what it would record, and which earlier lines of its batch it needs."""

    id: str | None
    kind: str
    subject: str | None
    replaces: int | None
    body: Post
    request: str
    needs: frozenset[str]


class Refused(Exception):
    """A line may not be recorded."""

    def __init__(self, status: int, problem: str, current: int | None = None) -> None:
        super().__init__(problem)
        self.verdict = Verdict(status=status, problem=problem, current=current)


@dataclass
class Ledger:
    """Everything recorded, and what follows from it for the next post."""

    rows: list[Row] = field(default_factory=list)
    by_id: dict[str, Row] = field(default_factory=dict)
    first: dict[str, Row] = field(default_factory=dict)
    """The first record about each subject."""
    revisions: dict[str, int] = field(default_factory=dict)
    requests: dict[str, str] = field(default_factory=dict)
    slugs: dict[tuple[str, str], str] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    keyed: dict[str, str] = field(default_factory=dict)
    """The id that was made under each Idempotency-Key."""

    @property
    def head(self) -> int:
        """The last position."""
        return len(self.rows)

    def events(self) -> list[str]:
        """The ids of the events that may still be named, oldest first."""
        return [row.subject for row in self.rows if row.revision == 1 and self._is_event(row.subject)]

    def one(self, post: Post, key: str | None = None) -> Verdict:
        """The verdict on a single post; if it is recorded, `settle` tells its id, time and position."""
        try:
            line = self._repeat(post, key) or self._admitted(post, key, {}, {})
            return self._decided(line, by_key=key is not None)
        except Refused as refused:
            return refused.verdict

    def settle(self, verdict: Verdict, own_id: str, at: datetime, key: str | None = None) -> Row:
        """Complete a single post's row with what only the server could know."""
        row = cast("Row", verdict.row)
        if verdict.repeated:
            return row
        row = replace(row, id=own_id, subject=row.subject or own_id, recorded_at=at)
        self._write(row, self.requests.pop(""))
        if key is not None:
            self.keyed[key] = own_id
        return row

    def batch(self, posts: list[Post], mode: str) -> list[Verdict]:
        """The verdicts on a batch whose lines have ids of their own, recorded as far as they are accepted."""
        before = self.copy()
        verdicts = self._each(posts)
        if mode == "atomic" and any(verdict.problem for verdict in verdicts):
            # The first refusal ends it; admission tells all of its own first.
            self.__dict__ |= before.__dict__
            admitted = self._admission(posts)
            if any(isinstance(each, Verdict) for each in admitted):
                return [each if isinstance(each, Verdict) else FALLS_WITH_ANOTHER for each in admitted]
            guilty = next(at for at, verdict in enumerate(verdicts) if verdict.problem)
            return [verdict if at == guilty else FALLS_WITH_ANOTHER for at, verdict in enumerate(verdicts)]
        return verdicts

    def copy(self) -> "Ledger":
        """The same ledger, to be changed apart."""
        return Ledger(**{name: type(value)(value) for name, value in vars(self).items()})

    # Admission: what a line names

    def _each(self, posts: list[Post]) -> list[Verdict]:
        verdicts: list[Verdict] = []
        refused: set[str] = set()
        for post, line in zip(posts, self._admission(posts), strict=True):
            try:
                if isinstance(line, Verdict):
                    raise Refused(line.status, str(line.problem), line.current)
                if line.needs & refused:
                    raise Refused(422, "unknown-reference")
                verdict = self._decided(line, by_key=False)
                if not verdict.repeated:
                    self._write(cast("Row", verdict.row), self.requests.pop(""))
                verdicts.append(verdict)
            except Refused as refusal:
                refused.add(_subject_of(post))
                verdicts.append(refusal.verdict)
        return verdicts

    def _admission(self, posts: list[Post]) -> list[_Line | Verdict]:
        refs: dict[str, str] = {}
        fresh: dict[str, str] = {}
        found: list[_Line | Verdict] = []
        for post in posts:
            try:
                line = self._repeat(post, None) or self._admitted(post, None, refs, fresh)
                subject = cast("str", line.subject)
                fresh[subject] = fresh.get(subject) or self._kind(subject) or line.kind
                refs |= {post["ref"]: subject} if "ref" in post else {}
                found.append(line)
            except Refused as refused:
                found.append(refused.verdict)
        return found

    def _repeat(self, post: Post, key: str | None) -> _Line | None:
        """The line of a post that was recorded as it came, whatever became of the names in it since."""
        own_id = post.get("id") or (self.keyed.get(key) if key else None)
        if own_id is not None and post["kind"] in REGISTERED and "revision" in post:
            own_id = f"{own_id} {post['revision'] + 1}"
        request, known = _request(post), self.by_id.get(own_id or "")
        if known is None or self.requests.get(known.id) != request:
            return None
        return _Line(
            id=known.id,
            kind=known.kind,
            subject=known.subject,
            replaces=None,
            body=known.body,
            request=request,
            needs=frozenset(),
        )

    def _admitted(self, post: Post, key: str | None, refs: dict[str, str], fresh: dict[str, str]) -> _Line:
        """The line with every name resolved, or the refusal that says which was unknown."""
        names = _Names(self, refs, fresh)
        plain = {name: value for name, value in post.items() if name != "ref"}
        body = names.resolved(plain)
        if names.unknown:
            raise Refused(422, "unknown-reference")
        self._check(plain["kind"], body, fresh)
        own_id, subject, replaces = self._identity(body, key)
        return _Line(
            id=own_id,
            kind=plain["kind"],
            subject=subject,
            replaces=replaces,
            body={name: value for name, value in body.items() if name not in ("id", "subject")},
            request=_request(post),
            needs=frozenset(names.named & fresh.keys()) - {subject},
        )

    def _check(self, kind: str, body: Post, fresh: dict[str, str]) -> None:
        """What no field alone can tell: an event names none after itself, and "last week" needs a day to count from."""
        event = body["event"] if kind == "correction" else body
        own = body["subject"] if kind == "correction" else body.get("id")
        if kind == "duplicate" and body["subject"] == body["survivor"] and body["subject"] not in self._merged():
            raise Refused(422, "invalid-record")
        if kind == "distinct" and (
            body["subject"] == body["other"] or self._marked(body["subject"]) < self._marked(body["other"])
        ):
            raise Refused(422, "invalid-record")
        known = own is not None and (own in self.first or own in fresh)
        if known and any(self._place(each, fresh) >= self._place(str(own), fresh) for each in answered(event)):
            raise Refused(422, "invalid-record")
        document = self.registered(event["document"]) if event.get("document") else {}
        above = _level(document) > _level(event)
        published = None if above else document.get("published")
        if event.get("occurred") == "last week" and published is not None and published.startswith("/"):
            raise Refused(422, "invalid-record")

    def _marked(self, event: str) -> int:
        """The level of an event, by the marking in force."""
        said = [row.body.get("event", row.body).get("marking") for row in self.rows if row.subject == event]
        return next((MARKINGS.index(each) for each in reversed(said) if each), MARKINGS.index("amber"))

    def _merged(self) -> set[str]:
        """The events that are duplicates of another, as said last."""
        said = {row.subject: row.body["survivor"] for row in self.rows if row.kind == "duplicate"}
        return {subject for subject, survivor in said.items() if survivor != subject}

    def _place(self, subject: str, fresh: dict[str, str]) -> int:
        known = self.first.get(subject)
        return known.position if known else 10_000 + list(fresh).index(subject)

    def _identity(self, body: Post, key: str | None) -> tuple[str | None, str | None, int | None]:
        kind, given = body["kind"], body.get("id") or (self.keyed.get(key) if key else None)
        if kind in REGISTERED:
            return self._registered_identity(body, given)
        if kind in EDITS:
            return given, body["subject"], body.get("revision")
        return given, given, 0

    def _registered_identity(self, body: Post, given: str | None) -> tuple[str | None, str | None, int | None]:
        kind, holder = body["kind"], self.slugs.get((body["kind"], body["slug"]))
        if "revision" not in body:
            if holder not in (None, given):
                raise Refused(409, "slug-taken", self.revisions[str(holder)])
            return given, given, 0
        subject = given or holder
        if subject is None or self._kind(subject) != kind:
            raise Refused(422, "unknown-reference")
        return f"{subject} {body['revision'] + 1}", subject, body["revision"]

    # The append: which comes first

    def _decided(self, line: _Line, *, by_key: bool) -> Verdict:
        known = self.by_id.get(line.id) if line.id else None
        if known is not None:
            if self.requests.get(known.id) == line.request:
                return Verdict(status=201, row=known, repeated=True)
            if line.kind in REGISTERED and line.replaces:
                raise Refused(409, "wrong-revision", self.revisions[known.subject])
            raise Refused(422, "key-reused") if by_key else Refused(409, "id-taken")
        current = self.revisions.get(line.subject, 0) if line.subject else 0
        if line.replaces not in (None, current):
            raise Refused(409, "wrong-revision", current)
        slug = (line.kind, line.body.get("slug"))
        if line.kind in REGISTERED and self.slugs.get(cast("Any", slug), line.subject) != line.subject:
            raise Refused(409, "slug-taken")
        self.requests[""] = line.request
        row = Row(
            position=self.head + 1,
            id=line.id or "",
            kind=line.kind,
            subject=line.subject or "",
            revision=current + 1,
            body=line.body,
        )
        return Verdict(status=201, row=row)

    def _write(self, row: Row, request: str) -> None:
        self.rows.append(row)
        self.by_id[row.id] = row
        self.first.setdefault(row.subject, row)
        self.revisions[row.subject] = row.revision
        self.requests[row.id] = request
        if row.kind in REGISTERED:
            self._forget_slugs(row.subject)
            self.slugs[row.kind, row.body["slug"]] = row.subject
        if row.kind == "erasure":
            self._erase(row.subject)

    def _erase(self, subject: str) -> None:
        """What was said is gone: nobody can repeat it, and nothing is found by its slug."""
        self.erased.add(subject)
        self._forget_slugs(subject)
        for row in self.rows:
            if row.subject == subject and row.kind != "erasure":
                self.requests.pop(row.id, None)

    def _forget_slugs(self, subject: str) -> None:
        self.slugs = {slug: holder for slug, holder in self.slugs.items() if holder != subject}

    def registered(self, subject: str) -> Post:
        """A registered thing as it stands; nothing of one whose last registration was erased."""
        row = next((row for row in reversed(self.rows) if row.subject == subject), None)
        return row.body if row is not None and row.id in self.requests and row.kind in REGISTERED else {}

    def is_gone(self, row: Row) -> bool:
        """Whether what a record said was erased."""
        return row.id not in self.requests

    def _kind(self, subject: str) -> str | None:
        return self.first[subject].kind if subject in self.first else None

    def _is_event(self, subject: str) -> bool:
        return self._kind(subject) not in (None, *REGISTERED) and subject not in self.erased


class _Names:
    """The names of one line: each replaced by its id, and which of them nobody knows."""

    def __init__(self, ledger: Ledger, refs: dict[str, str], fresh: dict[str, str]) -> None:
        self._ledger, self._refs, self._fresh = ledger, refs, fresh
        self.unknown: list[str] = []
        self.named: set[str] = set()

    def resolved(self, post: Post) -> Post:
        """The post with ids for names."""
        return {name: self._field(post, name, value) for name, value in post.items()}

    def _field(self, post: Post, name: str, value: Any) -> Any:
        if name == "event":
            return self.resolved(value)
        if name in ("subject", "survivor", "other"):
            return self._event(value, any_record=post["kind"] == "erasure")
        if name in EVENT_LISTS:
            return [self._event(each) for each in value]
        if name == "occurred" and isinstance(value, dict):
            return {"during": self._event(value["during"])}
        if name in TO_REGISTERED:
            several = [self._registered(TO_REGISTERED[name], each) for each in _listed(value)]
            return several if isinstance(value, list) else several[0]
        return value

    def _event(self, text: str, *, any_record: bool = False) -> str:
        subject = self._refs.get(text[1:]) if text.startswith("#") else text
        kind = self._fresh.get(subject or "") or self._ledger._kind(subject or "")
        fits = kind is not None and (any_record or (kind not in REGISTERED and not self._gone(str(subject))))
        return self._noted(subject if fits else None, text)

    def _gone(self, subject: str) -> bool:
        return subject in self._ledger.erased and subject not in self._fresh

    def _registered(self, kind: str, text: str) -> str:
        return self._noted(self._ledger.slugs.get((kind, text)), text)

    def _noted(self, subject: str | None, text: str) -> str:
        if subject is None:
            self.unknown.append(text)
            return text
        self.named.add(subject)
        return subject


def answered(event: Post) -> list[str]:
    """The events that a post names as what it answers, cancels, or happens during."""
    during = event["occurred"].get("during") if isinstance(event.get("occurred"), dict) else None
    named: list[str] = [*event.get("of", []), *event.get("cancels", [])]
    return named + ([during] if during else [])


def _request(post: Post) -> str:
    return json.dumps({name: value for name, value in post.items() if name != "ref"}, sort_keys=True)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _subject_of(post: Post) -> str:
    return str(post["subject"] if post["kind"] in EDITS else post["id"])
