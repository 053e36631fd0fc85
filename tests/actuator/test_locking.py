"""The target lock: never two heads, none starves, whoever dies in between."""

from __future__ import annotations

import asyncio
import random

import pytest

from crossfade.testing import MemoryStore
from crossfade_actuator.locking import TargetLock


async def test_the_first_to_enter_holds_and_the_others_queue_by_their_init_time():
    lock = TargetLock(MemoryStore())
    assert await lock.enter("iris", "a", 3.0)
    assert not await lock.enter("iris", "b", 2.0)
    assert not await lock.enter("iris", "c", 1.0)
    assert await lock.queue("iris") == ["a", "c", "b"]
    assert await lock.leave("iris", "a") == "c"
    assert await lock.enter("iris", "c", 1.0)


async def test_entering_and_leaving_twice_changes_nothing():
    store = MemoryStore()
    lock = TargetLock(store)
    await lock.enter("iris", "a", 1.0)
    revision = store.revision
    assert await lock.enter("iris", "a", 1.0)
    assert store.revision == revision
    await lock.leave("iris", "b")
    assert store.revision == revision


async def test_targets_do_not_know_each_other():
    lock = TargetLock(MemoryStore())
    assert await lock.enter("iris", "a", 1.0)
    assert await lock.enter("ns/iris", "b", 2.0)


class SlowStore(MemoryStore):
    """Lets the others in between a read and a write."""

    async def get(self, key):
        await asyncio.sleep(0)
        return await super().get(key)

    async def put(self, key, value, revision):
        await asyncio.sleep(0)
        return await super().put(key, value, revision)


@pytest.mark.parametrize("seed", range(5))
async def test_three_replicas_fifty_contenders_and_kills(seed):
    dice = random.Random(seed)
    store, holders, served = SlowStore(), set(), []
    locks = [TargetLock(store) for _ in range(3)]

    async def contend(number: int) -> None:
        uid, since = f"run-{number:02}", float(dice.randrange(1000))
        while True:
            lock = dice.choice(locks)  # any replica may look at any run
            try:
                # A kill: the replica dies in the midst, the next one looks again.
                async with asyncio.timeout(0 if dice.random() < 0.2 else None):
                    held = await lock.enter("iris", uid, since)
            except TimeoutError:
                continue
            if held:
                break
            await asyncio.sleep(0)
        holders.add(uid)
        assert holders == {uid}, "never two heads"
        await asyncio.sleep(0)
        holders.remove(uid)
        served.append(uid)
        await lock.leave("iris", uid)
        await lock.leave("iris", uid)

    async with asyncio.timeout(60):
        await asyncio.gather(*(contend(number) for number in range(50)))
    assert len(served) == 50
    assert await TargetLock(store).queue("iris") == []
