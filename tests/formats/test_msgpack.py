"""MessagePack holds what JSON holds, as another library reads it."""

import json

import msgpack
import pytest

from tests.formats import golden
from timeline.formats import FORMATS, render


@pytest.mark.parametrize("name", golden.ANSWERS)
def test_every_answer_is_that_of_json(name: str) -> None:
    answer = golden.ANSWERS[name]

    packed = render(FORMATS["msgpack"], answer)

    assert msgpack.unpackb(packed) == json.loads(render(FORMATS["json"], answer))
