"""An answer that is bytes already."""

from typing import Any

from litestar import Response
from litestar.types import Receive, Scope, Send


class Written(Response[bytes]):
    """Status, headers and body as they go out.

    The framework's own response works out what they are for each request again, which took 25 µs, a fifth of what an
    answer costs outside its route.
    """

    def __init__(self, body: bytes, media_type: str, headers: dict[str, str], status: int = 200) -> None:
        self.content = body
        self.status_code = status
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        if status != 304:  # which has neither body nor type (RFC 9110 §15.4.5)
            encoded += [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
        self.encoded = encoded
        """Its headers as they go out."""
        self._start = {"type": "http.response.start", "status": status, "headers": encoded}

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Itself: there is nothing left to work out."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send(self._start)  # type: ignore[arg-type]  # a start event, as built above
        await send({"type": "http.response.body", "body": self.content, "more_body": False})
