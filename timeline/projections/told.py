"""What readers at each level were ever told of some events: compared before and after the past is folded again.

Rows hold for several levels and are cut where any of them changes, so two stores may tell the same in other rows.
"""

from collections.abc import Iterable
from typing import Any

import asyncpg
import msgspec

from timeline.db.statements import Statements
from timeline.model.record import LEVELS
from timeline.projections.world import VoiceRow

Row = tuple[Any, ...]
_VOICE = msgspec.json.Decoder(VoiceRow)


class Told(msgspec.Struct, frozen=True):
    """What one level was told of events."""

    held: dict[Row, list[tuple[int, int]]]
    """Whatever was shown, with the positions from which and up to which it was."""
    where: set[str]
    """The events, and the timelines that they stood in."""


async def told(connection: asyncpg.Connection, sql: Statements, events: list[str]) -> dict[int, Told]:
    """What each level was told of events, from the first position on."""
    states = await connection.fetch(sql.ever_states, events)
    entries = await connection.fetch(sql.ever_entries, events)
    voices = await connection.fetch(sql.ever_voices, events)
    return {level: _told(level, states, entries, voices) for level in LEVELS}


def changed(before: dict[int, Told], after: dict[int, Told]) -> set[tuple[str, int]]:
    """The events and timelines that may show something else now, each with the level at which they do."""
    return {
        (each, level)
        for level in LEVELS
        if before[level].held != after[level].held
        for each in before[level].where | after[level].where
    }


def _told(
    level: int, states: list[asyncpg.Record], entries: list[asyncpg.Record], voices: list[asyncpg.Record]
) -> Told:
    """States and entries come as their first and last level, their positions, and then what they show."""
    shown = [tuple(row)[2:] for row in (*states, *entries) if row["low"] <= level <= row["high"]]
    heard = [
        (row["from_position"], row["to_position"], row["event"], _heard(row["body"], level))
        for row in voices
        if row["level"] <= level
    ]
    standing = [row for row in entries if row["low"] <= level <= row["high"]]
    where = {str(row["timeline"]) for row in standing} | {str(row["event"]) for row in standing}
    return Told(_spans([*shown, *heard]), where)


def _heard(body: bytes, level: int) -> bytes:
    return msgspec.json.encode(_VOICE.decode(body).heard_at(level))


def _spans(rows: Iterable[Row]) -> dict[Row, list[tuple[int, int]]]:
    """When each thing was shown; what ends and begins again at one position went on."""
    found: dict[Row, list[tuple[int, int]]] = {}
    for since, until, *what in sorted(rows, key=lambda row: row[0]):
        spans = found.setdefault(tuple(what), [])
        if spans and spans[-1][1] == since:
            spans[-1] = (spans[-1][0], until)
        else:
            spans.append((since, until))
    return found
