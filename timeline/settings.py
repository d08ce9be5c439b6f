"""Every setting: its name, its default, what it does. Each is also an environment variable, `TIMELINE_` before it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from timeline.errors import WrongSetting

PREFIX = "TIMELINE_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the service runs."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")] = 8000
    data_dir: Annotated[str, Meta(description="Where the embedded database and the owner token live.")] = "timeline-data"
    database_url: Annotated[
        str | None, Meta(description="A PostgreSQL 15-18 to use instead of the embedded one.")
    ] = None
    sample: Annotated[bool, Meta(description="Record the sample week, and let anybody read what is marked clear.")] = False
    public_audience: Annotated[
        Literal["clear"] | None, Meta(description="`clear` lets anybody read what is marked clear, without a token.")
    ] = None
    log_format: Annotated[Literal["console", "json"], Meta(description="How log lines are written.")] = "console"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="The least that is logged.")] = "info"
    body_bytes_max: Annotated[int, Meta(ge=1_024, description="The largest body of one post.")] = 1_048_576
    batch_bytes_max: Annotated[int, Meta(ge=1_024, description="The largest body of a batch.")] = 33_554_432
    batch_lines_max: Annotated[int, Meta(ge=1, description="The most lines of a batch.")] = 10_000
    queue_records_max: Annotated[int, Meta(ge=1, description="Records that may wait for the log; more get 503.")] = 20_000
    connections_max: Annotated[int, Meta(ge=2, le=100, description="Connections to the database for requests.")] = 12
    visible_wait_seconds: Annotated[
        float, Meta(ge=0, le=60, description="How long a post waits to become readable, and a read for min_position.")
    ] = 2.0
    drain_seconds: Annotated[float, Meta(ge=0, le=60, description="How long requests may finish when stopping.")] = 1.5

    @property
    def audience(self) -> Literal["clear"] | None:
        """What readers without a token may see, if anything."""
        return "clear" if self.sample else self.public_audience

    @property
    def data_path(self) -> Path:
        """The data directory, absolute."""
        return Path(self.data_dir).expanduser().resolve()


def from_environment(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings: what the command line gave, else the environment, else the defaults.

    Raises:
        WrongSetting: a value is not allowed, or a TIMELINE_ variable is not a setting.
    """
    names = set(Settings.__struct_fields__)
    found = {name[len(PREFIX) :].lower(): text for name, text in environment.items() if name.startswith(PREFIX)}
    unknown = sorted(set(found) - names - {"test_database_url", "test_home", "test_run_pid"})
    if unknown:
        raise WrongSetting(f"Expected TIMELINE_ and one of {', '.join(sorted(names))}; found {', '.join(unknown)}.")
    values: dict[str, Any] = found | {name: value for name, value in given.items() if value is not None}
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise WrongSetting(f"A setting is wrong: {error}.") from error
