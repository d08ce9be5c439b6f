"""The leaf of a record and its hash (RFC 6962 §2.1, RFC 9162 §2.1). Pure.

The leaf is `{commitment, position, recorded_at, v}` in RFC 8785 form. Its bytes can never change: the database makes
them in `timeline.leaf`, this module checks them, a golden file holds them.
"""

import hashlib
from datetime import UTC, datetime

LEAF_PREFIX = b"\x00"
VERSION = 1


def leaf_bytes(position: int, recorded_at: datetime, commitment: bytes) -> bytes:
    """The bytes of a leaf: position from 1, time in UTC with microseconds, a 32-byte commitment."""
    when = recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f'{{"commitment":"{commitment.hex()}","position":{position},"recorded_at":"{when}","v":{VERSION}}}'.encode()


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf: SHA-256 over 0x00 and its bytes."""
    return hashlib.sha256(LEAF_PREFIX + leaf).digest()
