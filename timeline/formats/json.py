"""JSON (RFC 8259): every answer, in full, its fields named as the shapes name them."""

import msgspec

from timeline.formats.format import Format, alone
from timeline.model.entry import Shape

# RFC 8259 defines no charset parameter: JSON between systems is UTF-8.
FORMAT = Format(
    name="json",
    suffix=".json",
    media_type="application/json",
    about="every answer, in full",
    renders={Shape: alone(msgspec.json.Encoder().encode)},
)
