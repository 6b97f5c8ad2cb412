"""The slices' streams of a covq linear: packed, unpacked, walked bit by bit as the hardware does, damaged."""

from dataclasses import replace

import numpy as np
import pytest

from lutloom.covq import CovqLinear, group_slices, lookup_accumulate
from lutloom.hardware import Hardware
from lutloom.linear_gather import (
    choose_subsets,
    gather_beats,
    gather_command,
    linear_gather,
    pack_gather,
    pack_search,
    search_beats,
    search_command,
    unpack_gather,
    unpack_search,
)
from lutloom.linear_synth import Command
from lutloom.tests.test_linear_synth import bits
from lutloom.tests.toy import random_covq, random_covq_input

WIDTH = 32  # bytes of a beat
SHAPES = ((5, 8), (203, 68), (512, 36), (1300, 132))  # outputs and groups, positions and slices: whole and not


def random_linear(outputs: int, inputs: int, seed: int = 0) -> CovqLinear:
    rng = np.random.default_rng(seed)
    return random_covq(rng, outputs, random_covq_input(rng, inputs))


def unpack(linear: CovqLinear, streams, subsets: int, hardware: Hardware):
    packets, _ = gather_beats(linear, subsets, hardware)
    return unpack_gather(
        list(streams), len(linear.pairs), linear.shape[0], subsets=subsets, beats=packets, hardware=hardware
    )


def allowed_subsets(linear: CovqLinear, hardware: Hardware) -> set[int]:
    blocks = len(linear.pairs) // hardware.lanes
    return {n for n in (1, 2, hardware.slices) if n <= blocks} | {choose_subsets(linear, hardware)}


@pytest.mark.parametrize("slices", [1, 2, 8, 64])
@pytest.mark.parametrize("shape", SHAPES)
def test_round_trip(slices, shape):
    linear, hardware = random_linear(*shape), Hardware(slices=slices)
    streams = pack_search(linear.a_cent, hardware)
    assert streams.shape == (slices, search_beats(len(linear.pairs), hardware), WIDTH)
    assert streams.shape[1] % 2 == 0
    np.testing.assert_array_equal(unpack_search(list(streams), len(linear.pairs), hardware), linear.a_cent)
    for subsets in allowed_subsets(linear, hardware):
        packets, rows = gather_beats(linear, subsets, hardware)
        streams = pack_gather(linear, subsets, hardware)
        assert packets % 2 == rows % 2 == 0
        assert streams.shape == (slices, packets + rows, WIDTH)
        found = unpack(linear, streams, subsets, hardware)
        for array, expected in zip(found, (linear.idx, linear.exp, linear.table), strict=True):
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("slices", [2, 8, 64])
def test_search_bit_by_bit(slices):
    """Position p is lane p % lanes of block p // lanes, which is number block // slices on slice block % slices."""
    linear, hardware = random_linear(40, 132), Hardware(slices=slices)
    streams = pack_search(linear.a_cent, hardware)
    rounds = -(-33 // slices)
    for stream in streams:
        assert (bits(stream, 0, 16), bits(stream, 16, 16), bits(stream, 32, 8)) == (rounds, 1, 6)
        assert bits(stream, 40, 216) == 0
    seen = np.zeros(streams.shape, bool)
    seen[:, 0] = True
    for p, codebook in enumerate(linear.a_cent):
        block, lane = divmod(p, 2)
        first = 1 + block // slices * 8 + lane * 4
        found = streams[block % slices, first : first + 4]
        np.testing.assert_array_equal(found.reshape(64, 2).view(np.int8), codebook)
        seen[block % slices, first : first + 4] = True
    assert not streams[~seen].any()


def walk(stream: np.ndarray, beats: int, jobs: int, c: np.ndarray, rounds) -> dict[int, np.ndarray]:
    """What a slice computes: first output of every job -> its partial sums, from nothing but the bytes.

    c: centroid indices uint8 [P]; rounds(job): first position of the slice's job, which the sequencer knows.
    """
    at, row, sums = 0, stream[beats:].reshape(-1), {}
    done = 0
    for job in range(jobs):
        head = at * 8 * WIDTH
        blocks, slots, first = bits(stream, head, 16), bits(stream, head + 16, 16), bits(stream, head + 64, 32)
        assert bits(stream, head + 32, 8) == 4
        assert bits(stream, head + 40, 24) == bits(stream, head + 96, 160) == 0
        at, end, start = at + 1, 0, rounds(job)
        acc = np.zeros(slots * 32, np.int64)
        for block in range(blocks):
            if block == end:
                exponent, end = bits(stream, at * 256, 3), bits(stream, at * 256 + 16, 16)
                at += 1
            nibbles = stream[at : at + slots].reshape(-1)
            index = np.stack((nibbles & 15, nibbles >> 4), axis=1).reshape(slots, 2, 32)  # [slot, lane, unit]
            at += slots
            for lane in range(2):
                i = block * 2 + lane
                place = 32 * (done + i * 64 + int(c[start + i]))
                entries = row[place : place + 32].view("<i2").astype(np.int64)
                acc += entries[index[:, lane].reshape(-1)] << exponent
        done += blocks * 2 * 64
        sums.setdefault((first, start), acc)
    assert not stream[at:beats].any()
    assert not row[32 * done :].any()
    return sums


@pytest.mark.parametrize("slices", [2, 8, 64])
@pytest.mark.parametrize("shape", SHAPES)
def test_accumulators_from_the_bytes(slices, shape):
    """Rows, lookups and sums as the hardware does them are `linear_gather`, and `lookup_accumulate` minus start."""
    linear, hardware = random_linear(*shape, seed=1), Hardware(slices=slices)
    outputs, positions = shape[0], len(linear.pairs)
    c = np.random.default_rng(2).integers(0, 64, (2, positions)).astype(np.uint8)
    expected = lookup_accumulate(c, linear.table, linear.idx, linear.exp, linear.start) - linear.start
    np.testing.assert_array_equal(linear_gather(c, linear), expected)
    blocks, groups = positions // 2, len(group_slices(outputs))
    for subsets in allowed_subsets(linear, hardware):
        streams, (beats, _) = pack_gather(linear, subsets, hardware), gather_beats(linear, subsets, hardware)
        total = np.zeros(-(-outputs // 32) * 32, np.int64)
        for s, stream in enumerate(streams):
            mine = list(range(s, groups * subsets, slices))
            begins = [2 * (j % subsets * blocks // subsets) for j in mine]
            for (first, _), acc in walk(stream, beats, len(mine), c[0], begins.__getitem__).items():
                total[first : first + len(acc)] += acc
        np.testing.assert_array_equal(total[:outputs], expected[0])


def test_subsets_and_commands():
    """As many jobs as slices, if a linear has the blocks for them."""
    hardware = Hardware(slices=64, slots=16, centroids=16)
    assert choose_subsets(random_linear(40, 8), hardware) == 2
    linear = random_linear(2048, 256)
    assert choose_subsets(linear, hardware) == 16
    assert search_command(linear, 6, 10) == Command(0, 2, 256, 0, 128, 0, 0, 6, 10, 1, 1)
    assert gather_command(linear, 16, 20, 30) == Command(0, 0, 256, 2048, 128, 512, 4, 20, 30, 1, 2)


@pytest.fixture
def packed() -> tuple[CovqLinear, np.ndarray, Hardware]:
    """A linear of two groups on two slices, in one exponent run a packet."""
    linear = random_linear(600, 28)
    linear = replace(linear, exp=np.full_like(linear.exp, 3))
    hardware = Hardware(slices=2)
    return linear, pack_gather(linear, 1, hardware), hardware


@pytest.mark.parametrize(
    ("beat", "byte", "message"),
    [
        (0, 0, "port1: job header: found .blocks, slots, index bits, first output. "),
        (0, 2, "port1: job header"),
        (0, 4, "port1: job header"),
        (0, 8, "port1: job header"),
        (1, 0, "run header at beat 0: found exponent 11"),
        (1, 2, "run header at beat 0: found exponent 3, end 15"),
        (-1, 1, "port1: rows: found -?[0-9]*..-?[0-9]*, allowed -128..127"),
    ],
)
def test_bad_streams(packed, beat, byte, message):
    linear, streams, hardware = packed
    _, rows = gather_beats(linear, 1, hardware)
    assert rows == 14 * 64
    streams[1, beat, byte] ^= 8
    with pytest.raises(ValueError, match=message):
        unpack(linear, streams, 1, hardware)


def test_rows_that_are_missing(packed):
    linear, streams, hardware = packed
    with pytest.raises(ValueError, match="port0: found 895 beats of rows, allowed 896 or more"):
        unpack(linear, streams[:, :-1], 1, hardware)


@pytest.mark.parametrize("byte", [0, 2, 4, 8])
def test_bad_search_streams(byte):
    linear, hardware = random_linear(40, 28), Hardware(slices=8)
    streams = pack_search(linear.a_cent, hardware)
    with pytest.raises(ValueError, match="port0: found 9 beats, allowed 10 for 14 positions"):
        unpack_search(list(streams[:, :9]), 14, hardware)
    streams[5, 0, byte] ^= 1
    with pytest.raises(ValueError, match="port5: job header: found"):
        unpack_search(list(streams), 14, hardware)
