"""Which registered actors are one, by the judgements in force: who answers for whom, at each level. Pure.

A judgement is pairwise and can be withdrawn, so nothing is merged in place: of each pair the newest judgement that was
not withdrawn counts, those who are the same form a group, and the one registered first answers for all of them. A level
knows of a judgement if it may see the judgement and both actors; so a hidden judgement merges nothing for those below.
"""

from collections.abc import Iterable
from typing import NamedTuple

from timeline.model.record import LEVELS
from timeline.model.registry import Actor, SameActor
from timeline.projections.world import FOREVER, IdentityRow, World, replace_rows


class _Judged(NamedTuple):
    """A judgement on a pair, as it stands now."""

    pair: tuple[str, str]
    position: int
    """Of the record that made it so: the newest of a pair counts."""
    level: int
    """The lowest that may see it and both actors."""
    same: bool


def group_of(world: World, actors: Iterable[str]) -> set[str]:
    """These actors, and everyone ever judged together with them, directly or through others."""
    found: set[str] = set()
    open_ = list(actors)
    while open_:
        actor = open_.pop()
        if actor in found:
            continue
        found.add(actor)
        for judgement in world.judged.get(actor, ()):
            registration = world.registration(judgement, SameActor)
            open_ += registration.actors if registration else []
    return found


def identify(world: World, actors: Iterable[str], position: int) -> set[str]:
    """Work out anew who these actors are; everyone for whom that changed, and who answers for them or did."""
    group = group_of(world, actors)
    judged = _judgements(world, group)
    answers = {level: _answering(world, group, judged, level) for level in LEVELS}
    moved: set[str] = set()
    for actor in group:
        versions = world.identity.setdefault(actor, [])
        before = [v.row for v in versions if v.to_position == FOREVER]
        wanted = _rows(actor, {level: found.get(actor, actor) for level, found in answers.items()})
        if before != wanted:
            replace_rows(versions, wanted, position)
            moved |= {actor} | {row.canonical for row in (*before, *wanted)}
    return moved


def _judgements(world: World, group: set[str]) -> list[_Judged]:
    found = []
    for judgement in {each for actor in group for each in world.judged.get(actor, ())}:
        versions = world.things.get(judgement)
        registration = world.registration(judgement, SameActor)
        if not versions or registration is None or registration.judgement == "withdrawn":
            continue
        known = [world.thing(each) for each in registration.actors]
        level = max(versions[-1].row.level, *(thing.level if thing else max(LEVELS) for thing in known))
        one, other = sorted(registration.actors)
        position = versions[-1].from_position
        found.append(_Judged((one, other), position, level, registration.judgement == "same"))
    return sorted(found, key=lambda each: each.position)


def _answering(world: World, group: set[str], judged: list[_Judged], level: int) -> dict[str, str]:
    """Who answers for each of the group, as this level knows it."""
    newest = {each.pair: each.same for each in judged if each.level <= level}
    edges: dict[str, list[str]] = {}
    for (one, other), same in newest.items():
        if same:
            edges.setdefault(one, []).append(other)
            edges.setdefault(other, []).append(one)
    found: dict[str, str] = {}
    for actor in group & edges.keys():
        if actor in found:
            continue
        members, open_ = {actor}, [actor]
        while open_:
            fresh = set(edges[open_.pop()]) - members
            members |= fresh
            open_ += fresh
        first = min(members, key=lambda each: _registered(world, each))
        found |= dict.fromkeys(members, first)
    return found


def _registered(world: World, actor: str) -> tuple[int, str]:
    thing = world.thing(actor)
    return (thing.position if thing and isinstance(thing.registration, Actor) else FOREVER), actor


def _rows(actor: str, by_level: dict[int, str]) -> list[IdentityRow]:
    """A row for each run of levels at which another answers."""
    rows: list[IdentityRow] = []
    for level, canonical in sorted(by_level.items()):
        if rows and rows[-1].canonical == canonical and rows[-1].high == level - 1:
            rows[-1] = IdentityRow(low=rows[-1].low, high=level, canonical=canonical)
        elif canonical != actor:
            rows.append(IdentityRow(low=level, high=level, canonical=canonical))
    return rows
