"""Verify the whole log against itself: gapless, in time, every commitment and leaf hash right, revisions unbroken."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from timeline.log.merkle import leaf_bytes, leaf_hash
from timeline.log.read import SQL
from timeline.model.codec import Payload, canonical, read_payload
from timeline.model.edits import EDITS
from timeline.model.registry import REGISTRATIONS, keys
from timeline.model.tokens import ACCESS

STEP = 1_000


class Found(msgspec.Struct, kw_only=True):
    """What a verification found."""

    records: int = 0
    erased: int = 0
    faults: list[str] = []


class _Past(msgspec.Struct, kw_only=True):
    """What the records so far say about the next."""

    position: int = 0
    recorded_at: datetime | None = None
    revisions: dict[UUID, int] = {}
    names: dict[UUID, set[tuple[str, str, str]]] = {}
    """By what each registered thing is found: (type, form, key), as its last registration says."""


async def verify_log(
    connection: asyncpg.Connection, on_progress: Callable[[int, int], object] = lambda at, of: None
) -> Found:
    """Read every record in order and check it; `faults` tells each one that does not hold.

    All in one snapshot: what is erased or registered meanwhile would look like a payload or a name tampered with.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await _verify(connection, on_progress)


async def _verify(connection: asyncpg.Connection, on_progress: Callable[[int, int], object]) -> Found:
    found, past = Found(), _Past()
    head = int(await connection.fetchval(SQL.head) or 0)
    erased = {r["subject"]: int(r["position"]) for r in await connection.fetch(SQL.erasures)}
    while rows := await connection.fetch(SQL.whole, past.position, past.position + STEP):
        for row in rows:
            found.faults += [f"position {row['position']}: {fault}" for fault in _faults(row, past, erased)]
            found.records += 1
            found.erased += row["bytes"] is None
            past.position, past.recorded_at = row["position"], row["recorded_at"]
            past.revisions[row["subject"]] = row["revision"]
            past.names |= _names(row, erased)
        on_progress(past.position, head)
    if past.position < head:
        found.faults.append(f"position {past.position + 1}: missing, with {head} the last")
    found.faults += _name_faults(past, await connection.fetch(SQL.every_name))
    return found


def _names(row: asyncpg.Record, erased: dict[UUID, int]) -> dict[UUID, set[tuple[str, str, str]]]:
    kind = REGISTRATIONS.get(row["kind"])
    if kind is None or row["bytes"] is None or erased.get(row["subject"], 0) > row["position"]:
        return {}
    try:
        registration = msgspec.convert({"kind": row["kind"], **read_payload(row["bytes"]).body}, kind)
    except msgspec.MsgspecError:
        return {}  # told already, by its commitment or its form
    return {row["subject"]: {(row["kind"], key.form, key.text) for key in keys(registration)}}


def _name_faults(past: _Past, rows: list[asyncpg.Record]) -> list[str]:
    """What posts are resolved by must be what the log registered: a changed alias makes one actor another."""
    held = {(row["subject"], row["type"], row["form"], row["key"]) for row in rows}
    wanted = {(subject, *name) for subject, names in past.names.items() for name in names}
    return [f"name {each[3]!r} of {each[0]} is missing" for each in sorted(wanted - held, key=str)] + [
        f"name {each[3]!r} of {each[0]} was never registered" for each in sorted(held - wanted, key=str)
    ]


def _faults(row: asyncpg.Record, past: _Past, erased: dict[UUID, int]) -> list[str]:
    erased_at = erased.get(row["subject"], 0) if row["kind"] != "erasure" else 0
    told = {
        f"expected position {past.position + 1}": row["position"] == past.position + 1,
        "recorded before the record ahead of it": past.recorded_at is None or row["recorded_at"] > past.recorded_at,
        "its revision does not follow": row["revision"] == past.revisions.get(row["subject"], 0) + 1,
        "its leaf hash is wrong": row["leaf_hash"]
        == leaf_hash(leaf_bytes(row["position"], row["recorded_at"], row["commitment"])),
        "its payload is gone without an erasure": row["bytes"] is not None or erased_at > 0,
        "its payload outlived its erasure": row["bytes"] is None or row["position"] > erased_at,
    }
    faults = [fault for fault, holds in told.items() if not holds]
    return faults + (_payload_faults(row) if row["bytes"] is not None else [])


def _payload_faults(row: asyncpg.Record) -> list[str]:
    wrong = row["commitment"] != hashlib.sha256(row["salt"] + row["bytes"]).digest()
    faults = ["its commitment is wrong"] if wrong else []
    try:
        payload, again = read_payload(row["bytes"]), canonical(msgspec.json.decode(row["bytes"]))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [*faults, "its payload can't be read"]
    told = {
        "its payload is not canonical": again == row["bytes"],
        "its payload speaks of another record": (payload.id, payload.kind) == (str(row["id"]), row["kind"]),
        "its payload speaks of another subject": _subject(payload) == str(row["subject"]),
    }
    return faults + [fault for fault, holds in told.items() if not holds]


def _subject(payload: Payload) -> object:
    """What a record is about: an edit names it, a registration is the thing, an event is its own."""
    if payload.kind in EDITS:
        return payload.body.get("subject")
    return payload.body.get("id") if payload.kind in {**REGISTRATIONS, **ACCESS} else payload.id
