"""Who asks: their pseudonym, what they may see, and what they may do."""

import msgspec

from timeline.model.record import LEVEL_MAX
from timeline.model.tokens import SCOPES, Scope

OWNER = "owner"


FOREIGN = "oidc:"
"""What the public id of an issuer's token begins with; a pseudonym follows."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    subject: str
    """The pseudonym that goes into `recorded_by`; empty for a reader without a token."""
    level: int
    """The highest level (index of a marking) that they may read."""
    scope: Scope = "read"
    """What they may do."""
    token: str = ""
    """The public id of their token, which may be logged; empty for a reader without one."""
    desk: str | None = None
    """The desk that the token is of: desks may take back and correct their own together."""
    expires_at: float | None = None
    """When it ends, in seconds since 1970; None for one that does not."""

    @property
    def is_public(self) -> bool:
        """Whether this is anybody, without a token."""
        return not self.token

    def may(self, scope: Scope) -> bool:
        """Whether the scope held is that one, or holds it."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


OWNER_IDENTITY = Identity(subject=OWNER, level=LEVEL_MAX, scope="admin", token=OWNER)
"""Whoever holds the owner's token, or the database itself."""
