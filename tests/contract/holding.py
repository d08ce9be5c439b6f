"""What the service holds when others come: the sample week, and one of each thing that the week has none of."""

from timeline.importers.libya_week import Post, id_of, posts
from timeline.model.registry import Membership, SameActor

HELD: list[Post] = [
    *posts(),
    Membership.example | {"id": id_of("membership", "held")},
    SameActor.example | {"id": id_of("same_actor", "held")},
]
