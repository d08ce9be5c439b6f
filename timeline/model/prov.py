"""Provenance as W3C PROV has it: the shape of PROV-JSON, whose member names are the standard's."""

from typing import Any

from msgspec import field

from timeline.model.entry import Shape

Statements = dict[str, dict[str, Any]]
"""Statements of one kind, by their identifiers."""


class Provenance(Shape, frozen=True, kw_only=True):
    """Where an event comes from, as a PROV-JSON document (https://www.w3.org/submissions/prov-json/)."""

    prefix: dict[str, str]
    """What the prefixes of identifiers stand for."""
    entity: Statements
    """The event, the voices it rests on as they were quoted, and the documents they were read in."""
    activity: Statements
    """Each recording of a voice or an edit."""
    agent: Statements
    """The sources, publishers and those who recorded, by pseudonym."""
    generated: Statements = field(name="wasGeneratedBy")
    """Which recording a voice came in by, and when."""
    used: Statements
    """Which document a recording was made from."""
    associated: Statements = field(name="wasAssociatedWith")
    """Who made a recording."""
    attributed: Statements = field(name="wasAttributedTo")
    """Whose words a voice is, and who published a document."""
    derived: Statements = field(name="wasDerivedFrom")
    """What the event rests on, and which document a voice is quoted from."""
    influenced: Statements = field(name="wasInfluencedBy")
    """What else bears on the event: denials, judgements and edits."""
