"""MessagePack: the document that JSON is, value for value, in fewer bytes; days and instants are texts as there."""

from typing import Any

import msgspec

from timeline.formats.format import Format, alone
from timeline.model.entry import Shape


def _packed(answer: Any) -> bytes:
    return msgspec.msgpack.encode(msgspec.to_builtins(answer))


FORMAT = Format(
    name="msgpack",
    suffix=".msgpack",
    media_type="application/vnd.msgpack",
    about="programs: the same as JSON, in fewer bytes",
    renders={Shape: alone(_packed)},
)
