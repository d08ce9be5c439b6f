"""Every setting: its name, its default, what it does. Each is also an environment variable, `TIMELINE_` before it."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from timeline.errors import WrongSetting

PREFIX = "TIMELINE_"
_ORIGIN = r"https?://[a-z0-9.-]+(:[0-9]{1,5})?"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the service runs."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")] = 8000
    insecure: Annotated[
        bool, Meta(description="Listen on an address that others reach, without TLS: tokens pass in the clear.")
    ] = False
    trusted_proxies: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9a-fA-F.:/]+(, ?[0-9a-fA-F.:/]+)*\Z")] | None,
        Meta(
            description="Addresses or networks, with commas between, of the proxies that end TLS in front. "
            "Only their X-Forwarded-For and X-Forwarded-Proto count.",
        ),
    ] = None
    tls_cert: Annotated[
        str | None, Meta(description="File of the certificate and its chain (PEM), to end TLS ourselves.")
    ] = None
    tls_key: Annotated[str | None, Meta(description="File of its private key (PEM), of mode 0600.")] = None
    cors_origins: Annotated[
        Annotated[str, Meta(pattern=rf"^{_ORIGIN}(, ?{_ORIGIN})*\Z")] | None,
        Meta(description="Origins whose pages may read answers, with commas between: `https://desk.example`."),
    ] = None
    data_dir: Annotated[
        str, Meta(min_length=1, description="Where the embedded database and the owner token live.")
    ] = "timeline-data"
    database_url: Annotated[str | None, Meta(description="A PostgreSQL 15-18 to use instead of the embedded one.")] = (
        None
    )
    url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?\Z")],
        Meta(description="Where the service is, for the commands that ask one: post, show, week and watch."),
    ] = "http://127.0.0.1:8000"
    token_file: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="File of the token that these ask with; the owner's in the data directory, if there is one."),
    ] = None
    sample: Annotated[bool, Meta(description="Record the sample week, and let anybody read what is marked clear.")] = (
        False
    )
    public_audience: Annotated[
        Literal["clear"] | None, Meta(description="`clear` lets anybody read what is marked clear, without a token.")
    ] = None
    public_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?\Z")] | None,
        Meta(
            description="Where readers find the service, for the links in what they take away; as asked when left out.",
        ),
    ] = None
    log_format: Annotated[Literal["console", "json"], Meta(description="How log lines are written.")] = "console"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least that is logged.")
    ] = "info"
    body_bytes_max: Annotated[int, Meta(ge=1_024, description="The largest body of one post.")] = 1_048_576
    batch_bytes_max: Annotated[int, Meta(ge=1_024, description="The largest body of a batch.")] = 33_554_432
    bodies_bytes_max: Annotated[
        int,
        Meta(ge=1_024, description="Bytes of bodies held at once, of all requests; more get 503. At least one batch."),
    ] = 67_108_864
    batch_lines_max: Annotated[int, Meta(ge=1, description="The most lines of a batch.")] = 10_000
    oidc_issuer: Annotated[
        str | None,
        Meta(description="An OpenID Connect issuer whose access tokens are taken; needs the extra `oidc`."),
    ] = None
    oidc_audience: Annotated[str | None, Meta(description="What such a token names as `aud`: this service.")] = None
    oidc_scope_claim: Annotated[
        str, Meta(min_length=1, description="The claim that holds `timeline:read`, `timeline:append` and so on.")
    ] = "scope"
    oidc_level_claim: Annotated[
        str, Meta(min_length=1, description="The claim that names the highest marking to be read; `clear` without it.")
    ] = "timeline_audience"
    requests_per_second: Annotated[
        float,
        Meta(
            ge=0,
            description="Requests a second for each token, and for each address without one; 0 for no limit. "
            "Ten times as many for the owner.",
        ),
    ] = 200.0
    requests_burst: Annotated[int, Meta(ge=1, description="Requests that may come at once before that counts.")] = 1_000
    queue_records_max: Annotated[int, Meta(ge=1, description="Records that may wait for the log; more get 503.")] = (
        20_000
    )
    page_entries_max: Annotated[
        int, Meta(ge=1, le=1_000, description="The most that a page may hold: the largest `limit` that is taken.")
    ] = 1_000
    export_entries_max: Annotated[
        int, Meta(ge=1, description="Entries that one `limit=all` may hold; a larger one is broken off.")
    ] = 2_000_000
    connections_max: Annotated[int, Meta(ge=2, le=100, description="Connections to the database for requests.")] = 12
    streams_max: Annotated[int, Meta(ge=1, description="Streams and waiting reads of the feed that may be open.")] = (
        2_000
    )
    streams_per_token_max: Annotated[
        int, Meta(ge=1, description="The same of one token, or of one address without any; more get 429.")
    ] = 20
    stream_beat_seconds: Annotated[
        float, Meta(ge=0.05, le=300, description="How often a stream says how far it is, whatever comes.")
    ] = 15.0
    statement_seconds_max: Annotated[
        float, Meta(ge=0.1, le=600, description="How long a statement of the database may take.")
    ] = 30.0
    lock_seconds_max: Annotated[
        float, Meta(ge=0.1, le=600, description="How long a statement may wait for a lock of the database.")
    ] = 5.0
    clients_max: Annotated[int, Meta(ge=1, description="Connections of clients at once; more get 503.")] = 4_000
    head_bytes_max: Annotated[int, Meta(ge=8_192, description="The largest request line with all headers.")] = 65_536
    request_grace_seconds: Annotated[
        float,
        Meta(ge=0.1, le=600, description="How long a request may take to come; a second more for each 1,000 bytes."),
    ] = 20.0
    unread_seconds_max: Annotated[
        float, Meta(ge=0.1, le=3_600, description="How long an answer may wait for a client that takes no more of it.")
    ] = 60.0
    idle_seconds_max: Annotated[
        int, Meta(ge=1, le=3_600, description="How long a connection is kept between two requests.")
    ] = 5
    visible_wait_seconds: Annotated[
        float, Meta(ge=0, le=60, description="How long a post waits to become readable, and a read for min_position.")
    ] = 2.0
    drain_seconds: Annotated[float, Meta(ge=0, le=60, description="How long requests may finish when stopping.")] = 1.0

    @property
    def audience(self) -> Literal["clear"] | None:
        """What readers without a token may see, if anything."""
        return "clear" if self.sample else self.public_audience

    @property
    def tls(self) -> bool:
        """Whether clients come by TLS: to us, or to a proxy in front."""
        return self.tls_cert is not None or self.trusted_proxies is not None

    @property
    def origins(self) -> list[str]:
        """The origins whose pages may read answers."""
        return [each.strip() for each in (self.cors_origins or "").split(",") if each.strip()]

    @property
    def data_path(self) -> Path:
        """The data directory, absolute."""
        return Path(self.data_dir).expanduser().resolve()


def from_environment(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings: what the command line gave, else the environment, else the defaults. Empty variables are not set.

    Raises:
        WrongSetting: values are not allowed, or TIMELINE_ variables are not settings. Tells all of them.
    """
    found = {name: text for name, text in environment.items() if name.startswith(PREFIX) and text}
    values: dict[str, Any] = {name.removeprefix(PREFIX).lower(): text for name, text in found.items()}
    values = {name: value for name, value in values.items() if not name.startswith("test_")}
    wrong = [_unknown(name) for name in values if name not in Settings.__struct_fields__]
    values |= {name: value for name, value in given.items() if value is not None}
    wrong += [_unlike(field, values[field.name]) for field in _FIELDS if not _fits(field, values)]
    if wrong:
        raise WrongSetting("\n".join(wrong))
    return msgspec.convert(values, Settings, strict=False)


_FIELDS = msgspec.structs.fields(Settings)


def _fits(field: msgspec.structs.FieldInfo, values: Mapping[str, Any]) -> bool:
    try:
        msgspec.convert(values.get(field.name, field.default), field.type, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _unlike(field: msgspec.structs.FieldInfo, found: object) -> str:
    return f"{PREFIX}{field.name.upper()}: expected {expected(field)}, found {found!r}."


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, Settings.__struct_fields__, n=1)
    known = [PREFIX + each.upper() for each in near or sorted(Settings.__struct_fields__)]
    hint = f"Did you mean {known[0]}?" if near else f"The settings are {', '.join(known)}."
    return f"{PREFIX}{name.upper()} is not a setting. {hint}"


def expected(field: msgspec.structs.FieldInfo) -> str:
    """What a setting may be, in words."""
    return _expected(msgspec.inspect.type_info(field.type))


def _expected(wanted: msgspec.inspect.Type) -> str:
    """What a setting of this type may be, in words."""
    match wanted:
        case msgspec.inspect.Metadata(type=inner):
            return _expected(inner)
        case msgspec.inspect.UnionType(types=types):
            return _expected(next(each for each in types if not isinstance(each, msgspec.inspect.NoneType)))
        case msgspec.inspect.LiteralType(values=values):
            return " or ".join(map(str, values))
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType(ge=least, le=most):
            return f"a whole number {_between(least, most)}"
        case msgspec.inspect.FloatType(ge=least, le=most):
            return f"a number {_between(least, most)}"
        case _:
            return "a text that is not empty"


def _between(least: float | None, most: float | None) -> str:
    return f"of {least} or more" if most is None else f"from {least} to {most}"
