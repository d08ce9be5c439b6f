"""An RFC 6962 tree and a verifier of its proofs, written from the text of RFC 9162 §2.1: the judge of our leaf hash."""

import hashlib
from collections.abc import Callable

Hash = Callable[[bytes], bytes]


def leaf_by_the_text(entry: bytes) -> bytes:
    """SHA-256 over 0x00 and the entry."""
    return hashlib.new("sha256", bytes([0]) + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """SHA-256 over 0x01 and both children."""
    return hashlib.new("sha256", bytes([1]) + left + right).digest()


def root(leaves: list[bytes]) -> bytes:
    """The root over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    return leaves[0] if len(leaves) == 1 else node(*(root(half) for half in _halves(leaves)))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """The inclusion proof of a leaf, from the leaf up."""
    if len(leaves) == 1:
        return []
    left, right = _halves(leaves)
    if index < len(left):
        return [*path(index, left), root(right)]
    return [*path(index - len(left), right), root(left)]


def _halves(leaves: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The largest power of two of them that leaves some, and the rest."""
    size = 1 << ((len(leaves) - 1).bit_length() - 1)
    return leaves[:size], leaves[size:]


def includes(leaf: bytes, index: int, size: int, proof: list[bytes], wanted: bytes) -> bool:
    """Whether the proof shows that the leaf is in the tree (RFC 9162 §2.1.3.2). An empty hash is none."""
    if not 0 <= index < size or not leaf or not wanted:
        return False
    at, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node(step, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == wanted


def extends(size: int, larger: int, proof: list[bytes], old: bytes, new: bytes) -> bool:
    """Whether the proof shows that a tree only grew (RFC 9162 §2.1.4.2). Nothing is proved of an empty tree."""
    if not 0 < size <= larger or not old or not new:
        return False
    if size == larger:
        return not proof and old == new
    steps = [old, *proof] if size & (size - 1) == 0 else list(proof)
    if not proof:
        return False
    at, last = size - 1, larger - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = found = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            was, found = node(step, was), node(step, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and (was, found) == (old, new)
