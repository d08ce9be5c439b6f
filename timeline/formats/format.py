"""What a format is."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Renderer = Callable[[Any], bytes]


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """One way to write answers down."""

    name: str
    suffix: str
    """What an address ends with to ask for it: `.csv`."""
    media_type: str
    renders: Mapping[type, Renderer]
    """Its renderer per type of answer; a base class stands for every answer below it."""

    def renderer(self, answer: type) -> Renderer | None:
        """How answers of this type are written, or None where this format does not offer them."""
        return next((self.renders[each] for each in answer.__mro__ if each in self.renders), None)
