"""The one gate: before any route runs, who asks, how often, and whether they may.

A route's contract names the scope that it needs; nothing else asks for it. What a route finds in `identify` is who came
through here.
"""

from ipaddress import IPv6Address, ip_address
from typing import Any

from litestar.datastructures import State

from timeline.access import OWNER, Access, Identity, Scope, Unsure
from timeline.access.bucket import OWNER_TIMES, Buckets
from timeline.api.contract import Contract
from timeline.api.service import IDENTITY, Service
from timeline.errors import Forbidden, TimelineError, Unauthorised, WrongToken


class Gate:
    """Lets requests in, or says why not."""

    def __init__(self, state: State, buckets: Buckets) -> None:
        self._state = state
        self._buckets = buckets

    async def admit(self, scope: Any, contract: Contract) -> None:
        """Let a request in to a route, and leave there who sent it.

        Raises:
            NoToken, WrongToken: as `Access.identify`.
            TooManyRequests: they ask too often.
            Forbidden: their token is for less than this.
        """
        if contract.scope == "open":
            return
        try:
            who = await self._access().identified(authorization_of(scope), contract.scope)
        except Unauthorised:
            self._buckets.take(address_of(scope))
            raise
        self.count(who, scope)
        require(who, contract.scope)
        scope[IDENTITY] = who

    def known(self, scope: Any) -> Identity | None:
        """Who asks to read, where that can be said at once; None where `admit` has to find out, or to refuse."""
        try:
            return self._access().identify(authorization_of(scope))
        except (TimelineError, Unsure):
            return None

    def count(self, who: Identity, scope: Any) -> None:
        """Count a request of theirs: by token, and of those who have none by address.

        Raises:
            TooManyRequests: it is one too many.
        """
        key = address_of(scope) if who.is_public else who.token
        self._buckets.take(key, OWNER_TIMES if who.token == OWNER else 1)

    def _access(self) -> Access:
        service: Service = self._state.service
        return service.access


def require(who: Identity, scope: Scope) -> None:
    """Refuse who may not do this.

    Raises:
        Forbidden: their token is for less.
    """
    if not who.may(scope):
        raise Forbidden(
            f"Expected a token of scope {scope}, found one of scope {who.scope}. Ask an admin of this service for one.",
            scope_needed=scope,
            scope_held=who.scope,
        )


def authorization_of(scope: Any) -> str | None:
    """The Authorization header of a request, or None.

    Raises:
        WrongToken: there are several; which of them counts, no two readers would agree on.
    """
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(found) > 1:
        raise WrongToken("Expected one Authorization header, found several.")
    return found[0].decode("latin-1") if found else None


def address_of(scope: Any) -> str:
    """From where a request comes: of IPv6 the network, as a host there has 2^64 addresses."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host)
    except ValueError:
        return str(host)
    return str(int(address) >> 64) if isinstance(address, IPv6Address) else host
