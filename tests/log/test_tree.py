"""Our leaf hash in trees that others made: published vectors, and a verifier written from the RFC."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.log.appending import append, fetch, topic, visit, writer_on
from tests.log.trees import extends, includes, leaf_by_the_text, path, root
from timeline.log.merkle import leaf_bytes, leaf_hash

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "merkle"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the published Merkle vectors are not at {DATA}")
QUICK = settings(max_examples=150, derandomize=True, database=None, deadline=None)


def vectors(name: str) -> Any:
    return json.loads((DATA / name).read_text("utf-8"))


def raw(text: str | None) -> bytes:
    """Base64; nothing for what a vector leaves out."""
    return base64.b64decode(text or "")


@needs_data
def test_our_leaf_hashes_prove_inclusion_in_the_published_tree() -> None:
    found = vectors("rfc6962-8-leaves-all-proofs.json")
    leaves = [leaf_hash(bytes.fromhex(each)) for each in found["leaves"]]
    roots = {int(size): bytes.fromhex(each) for size, each in found["roots"].items()}

    proved = [
        includes(leaves[index], index, size, [bytes.fromhex(each) for each in proof], roots[size])
        for index, size, proof in found["inclusion"]
    ]
    grown = [
        extends(size, larger, [bytes.fromhex(each) for each in proof], roots[size], roots[larger])
        for size, larger, proof in found["consistency"]
    ]

    assert {size: root(leaves[:size]) for size in roots} == roots
    assert (len(proved) + len(grown), all(proved), all(grown)) == (72, True, True)


@needs_data
def test_the_verifier_takes_and_refuses_what_the_transparency_vectors_say() -> None:
    cases = vectors("transparency-dev-vectors.json")

    wrong = [case["file"] for case in cases if verdict(case) == case["wantErr"]]

    assert (len(cases), sum(case["wantErr"] for case in cases)) == (96, 89)
    assert wrong == []


def verdict(case: dict[str, Any]) -> bool:
    """Whether a vector's proof holds."""
    proof = [raw(each) for each in case["proof"] or []]
    if "size1" in case:
        return extends(case["size1"], case["size2"], proof, raw(case["root1"]), raw(case["root2"]))
    return includes(raw(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, raw(case["root"]))


@given(st.binary(max_size=200))
@QUICK
def test_the_hash_of_a_leaf_is_that_of_the_rfc(entry: bytes) -> None:
    assert leaf_hash(entry) == leaf_by_the_text(entry)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
@QUICK
def test_a_leaf_proves_its_own_place_and_no_other(entries: list[bytes], data: st.DataObject) -> None:
    hashes = [leaf_hash(each) for each in entries]
    index = data.draw(st.integers(0, len(entries) - 1))
    proof, wanted = path(index, hashes), root(hashes)

    assert includes(hashes[index], index, len(hashes), proof, wanted)
    assert not includes(leaf_hash(entries[index] + b"\x00"), index, len(hashes), proof, wanted)
    assert not includes(entries[index], index, len(hashes), proof, wanted)
    assert not includes(hashes[index], index, len(hashes), [*proof, wanted], wanted)


async def test_what_the_database_stored_is_a_tree_in_which_every_record_proves_its_place(db: str) -> None:
    async with writer_on(db) as writer:
        for n in range(11):
            await append(writer, visit(), topic(f"topic-{n}"))
    rows = await fetch(db, "SELECT * FROM timeline.log ORDER BY position")

    stored = [row["leaf_hash"] for row in rows]
    wanted = root(stored)

    for row in rows:
        index = row["position"] - 1  # positions begin at 1, leaves at 0
        leaf = leaf_by_the_text(leaf_bytes(row["position"], row["recorded_at"], row["commitment"]))
        assert includes(leaf, index, len(rows), path(index, stored), wanted)
