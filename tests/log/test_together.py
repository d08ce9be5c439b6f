"""Look-ups of many callers, answered together."""

import asyncio

import pytest

from timeline.log.read import _Together


async def test_after_a_look_up_that_was_ended_the_next_is_answered() -> None:
    begun, held = asyncio.Event(), asyncio.Event()

    async def ask(keys: list[str]) -> dict[str, int]:
        begun.set()
        if not held.is_set():
            await asyncio.Event().wait()
        return {key: len(key) for key in keys}

    together = _Together(ask)
    first = asyncio.create_task(together.get(["one"]))
    await begun.wait()
    assert together._task is not None
    together._task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    held.set()

    assert await asyncio.wait_for(together.get(["four"]), 5) == {"four": 4}


async def test_who_asks_meanwhile_is_told_of_the_fault_and_who_asks_later_is_answered() -> None:
    faults = [OSError("gone")]

    async def ask(keys: list[str]) -> dict[str, int]:
        await asyncio.sleep(0)
        if faults:
            raise faults.pop()
        return {key: len(key) for key in keys}

    together = _Together(ask)
    first = await asyncio.gather(together.get(["a"]), together.get(["b"]), return_exceptions=True)

    assert [type(each) for each in first] == [OSError, OSError]
    assert await together.get(["c"]) == {"c": 1}
