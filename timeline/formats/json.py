"""JSON (RFC 8259): every answer, in full, its fields named as the shapes name them."""

import msgspec

from timeline.formats.format import Format, Portions, Where, alone
from timeline.model.entry import NameShown, Page, Shape

_ENCODER = msgspec.json.Encoder()


class _Timeline(Portions):
    """The same bytes as a page that holds as much; the names come last, so they are kept until then."""

    def __init__(self, where: Where) -> None:
        super().__init__(where)
        self._names: dict[str, NameShown] = {}

    def head(self, page: Page) -> bytes:
        told = {"position": page.position, "as_of": page.as_of, "subject": page.subject}
        return _ENCODER.encode(told)[:-1] + b',"entries":['

    def entries(self, page: Page) -> bytes:
        self._names |= page.names
        return self.joined([_ENCODER.encode(each) for each in page.entries], b",")

    def tail(self, page: Page) -> bytes:
        return b'],"names":' + _ENCODER.encode(dict(sorted(self._names.items()))) + b',"next":null}'


# RFC 8259 defines no charset parameter: JSON between systems is UTF-8.
FORMAT = Format(
    name="json",
    suffix=".json",
    media_type="application/json",
    about="every answer, in full",
    renders={Shape: alone(_ENCODER.encode), Page: alone(_ENCODER.encode)},
    portions=_Timeline,
)
