"""Memory of the device: what is kept, when it is given back, and what is said if there is none."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from support.one_thread import CountingDriver, use
from tensorwright.runtime.cuda import memory
from tensorwright.runtime.cuda.memory import Pool

MIB = 1 << 20


@pytest.fixture
def device(monkeypatch):
    device = CountingDriver(limit=100 * MIB)
    use(monkeypatch, device)
    return device


def test_blocks_hold_what_is_written(device):
    block = memory.allocate(80)
    assert block.nbytes == 80 and block.address % 256 == 0
    block.write(np.arange(10.0))
    found = np.empty(4)
    block.read(found, offset=48)
    assert found.tolist() == [6.0, 7.0, 8.0, 9.0]


def test_small_blocks_share_an_allocation(device):
    blocks = [memory.allocate(n) for n in (0, 1, 257, 5000, MIB)]
    places = sorted((b.address, b.nbytes) for b in blocks)
    assert all(a + n <= b for (a, n), (b, _) in pairwise(places))
    assert len({b.address for b in blocks}) == len(blocks)
    assert device.done["allocate"] == 1


def test_a_block_is_used_again_when_it_is_collected(device):
    block = memory.allocate(3000)
    address = block.address
    del block
    gc.collect()
    assert memory.allocate(2900).address == address


def test_large_blocks_serve_what_is_somewhat_smaller(device):
    block = memory.allocate(24 * MIB)
    address = block.address
    block.release()
    assert memory.allocate(20 * MIB).address == address
    assert memory.allocate(10 * MIB).address != address


def test_a_released_block_cannot_be_used(device):
    block = memory.allocate(8)
    block.release()
    block.release()
    with pytest.raises(ValueError, match="has been released"):
        block.read(np.empty(1))


def test_statistics(device):
    first, second = memory.allocate(8 * MIB), memory.allocate(10 * MIB)
    first.release()
    assert memory.pool().statistics() == memory.Statistics(10 * MIB, 8 * MIB, 18 * MIB)
    memory.pool().trim()
    assert memory.pool().statistics() == memory.Statistics(10 * MIB, 0, 18 * MIB)
    assert device.used == second.nbytes


def test_what_is_kept_is_given_up_for_other_sizes(device):
    for size in (40, 50, 60):
        memory.allocate(size * MIB).release()
    assert device.used <= 100 * MIB


def test_without_memory_the_sizes_are_told(device):
    kept = [memory.allocate(60 * MIB), memory.allocate(16 * MIB)]
    kept.pop().release()
    with pytest.raises(MemoryError) as caught:
        memory.allocate(48 * MIB)
    assert str(caught.value) == (
        "the GPU has not enough memory\n"
        "  got:      48.0 MiB asked for; 60.0 MiB in use, 0 B kept for reuse, "
        "40.0 MiB of 100.0 MiB free"
    )
    kept.clear()
    memory.allocate(48 * MIB)


def test_what_was_lent_is_waited_for_before_it_is_used_again(device):
    block = memory.allocate(100)
    address, block.lent = block.address, True
    block.release()
    assert device.done["synchronize"] == 0
    assert memory.allocate(100).address == address
    assert device.done["synchronize"] == 1


def test_memory_is_not_given_back_while_work_is_queued(monkeypatch):
    device = CountingDriver(limit=100 * MIB, late=True)
    use(monkeypatch, device)
    block = memory.allocate(60 * MIB)
    block.write(np.zeros(10))
    block.release()
    memory.allocate(70 * MIB)  # the driver would object


def test_threads_get_memory_of_their_own(device):
    pool = Pool(device)

    def work(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        for _ in range(50):
            blocks = [pool.allocate(int(n)) for n in rng.integers(1, 5000, 8)]
            for k, block in enumerate(blocks):
                block.write(np.full(block.nbytes, k, np.uint8))
            for k, block in enumerate(blocks):
                found = np.empty(block.nbytes, np.uint8)
                block.read(found)
                if (found != k).any():
                    return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(4)))
    gc.collect()
    assert pool.statistics().in_use == 0
