"""The slices' streams of a wvq linear: packed, unpacked, read bit by bit from their description, damaged."""

from dataclasses import replace

import numpy as np
import pytest

from lutloom.errors import UserError
from lutloom.hardware import CONFIGURATIONS, Hardware, configuration
from lutloom.linear_synth import choose_subsets, pack_streams, stream_beats, subset_blocks, unpack_streams
from lutloom.tests.toy import SETTINGS, random_wvq
from lutloom.wvq import WvqLinear

FIELDS = ("pairs", "w_cent", "exp", "idx", "out_scale")


def unpack(linear: WvqLinear, streams: list[np.ndarray], subsets: int, hardware: Hardware) -> WvqLinear:
    """What a descriptor of `linear` reads from the streams."""
    return unpack_streams(
        streams, linear.pairs, linear.out_scale, subsets=subsets, inputs=linear.inputs, act_bits=linear.act_bits,
        group=linear.group, centroids=linear.centroids, hardware=hardware,
    )  # fmt: skip


def assert_same(found: WvqLinear, expected: WvqLinear) -> None:
    assert (found.inputs, found.act_bits, found.group) == (expected.inputs, expected.act_bits, expected.group)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("slices", [1, 2, 8, 64])
@pytest.mark.parametrize("settings", SETTINGS)
def test_round_trip(slices, settings):
    rng, hardware = np.random.default_rng(slices + settings[0]), Hardware(slices=slices)
    for outputs, inputs in ((5, 4), (203, 70), (65, 133)):
        linear = random_wvq(rng, outputs, inputs, *settings, residual=inputs == 70)
        blocks = len(linear.pairs) // 2
        for subsets in {1, 2, min(slices, blocks), choose_subsets(linear, hardware)} - {0}:
            if subsets > blocks:
                continue
            streams = pack_streams(linear, subsets, hardware)
            assert streams.shape == (slices, stream_beats(linear, subsets, hardware), 32)
            assert streams.shape[1] % 2 == 0
            assert_same(unpack(linear, list(streams), subsets, hardware), linear)


@pytest.mark.parametrize(
    "hardware", [Hardware(4, lanes=1, units=64), Hardware(2, 2, 64, beat_bytes=64), Hardware(2, 2, 16, beat_bytes=16)]
)
def test_round_trip_other_widths(hardware):
    linear = random_wvq(np.random.default_rng(1), 97, 64, 64, 9, 50)
    streams = pack_streams(linear, 2, hardware)
    assert streams.shape[1:] == (stream_beats(linear, 2, hardware), hardware.beat_bytes)
    assert_same(unpack(linear, list(streams), 2, hardware), linear)


def bits(stream: np.ndarray, first: int, count: int) -> int:
    """The number in `count` bits of a stream uint8 [beats, 32], LSB first."""
    data = stream.reshape(-1)
    return sum((int(data[b // 8]) >> (b % 8) & 1) << (b - first) for b in range(first, first + count))


def read_job(stream: np.ndarray, beat: int, width: int, lanes: int, units: int) -> tuple[dict, int]:
    """One packet, scalar by scalar as the module's text describes it: (its contents, the beat behind it)."""
    head = beat * 8 * width
    blocks, slots, index_bits = bits(stream, head, 16), bits(stream, head + 16, 16), bits(stream, head + 32, 8)
    job = {"blocks": blocks, "slots": slots, "index_bits": index_bits, "first": bits(stream, head + 64, 32)}
    job |= {"rest": bits(stream, head + 40, 24) | bits(stream, head + 96, 8 * width - 96)}
    job |= {"exp": [], "cent": {}, "idx": {}}
    beat, end = beat + 1, 0
    for block in range(blocks):
        if block == end:
            run = beat * 8 * width
            exponent, end = bits(stream, run, 3), bits(stream, run + 16, 16)
            beat += 1
        job["exp"].append(exponent)
        at = beat * 8 * width
        for lane in range(lanes):
            for c in range(1 << index_bits):
                for i in range(2):
                    raw = bits(stream, at, 8)
                    job["cent"][block * lanes + lane, c, i] = raw - 256 if raw > 127 else raw
                    at += 8
        assert at % (8 * width) == 0
        for slot in range(slots):
            for lane in range(lanes):
                for unit in range(units):
                    job["idx"][block * lanes + lane, slot * units + unit] = bits(stream, at, index_bits)
                    at += index_bits
        beat = -(-at // (8 * width))
    return job, beat


@pytest.mark.parametrize("settings", SETTINGS)
def test_bit_by_bit(settings):
    """Slices 2, subsets 2: slice s holds subset s of every group, one packet behind the other."""
    hardware, centroids = Hardware(slices=2), settings[0]
    linear = random_wvq(np.random.default_rng(2), 50, 12, *settings)
    ranges = subset_blocks(3, 2)
    assert ranges == [(0, 1), (1, 3)]
    streams = pack_streams(linear, 2, hardware)
    for u, (first, last) in enumerate(ranges):
        beat = 0
        for g in range(linear.exp.shape[1]):
            job, beat = read_job(streams[u], beat, 32, 2, 32)
            outputs = min(linear.group, 50 - g * linear.group)
            assert (job["blocks"], job["slots"]) == (last - first, -(-outputs // 32))
            assert (1 << job["index_bits"], job["first"], job["rest"]) == (centroids, g * linear.group, 0)
            assert job["exp"] == linear.exp[2 * first : 2 * last : 2, g].tolist()
            for (p, c, i), value in job["cent"].items():
                assert value == linear.w_cent[2 * first + p, g, c, i]
            for (p, n), value in job["idx"].items():
                assert value == (linear.idx[2 * first + p, g * linear.group + n] if n < outputs else 0)
        assert not streams[u, beat:].any()


def test_subsets():
    for blocks, subsets in ((1, 1), (7, 4), (64, 64), (65, 8)):
        ranges = subset_blocks(blocks, subsets)
        assert [first for first, _ in ranges] + [blocks] == [0] + [last for _, last in ranges]
        assert {last - first for first, last in ranges} <= {blocks // subsets, -(-blocks // subsets)}


@pytest.mark.parametrize(
    ("outputs", "inputs", "group", "slices", "expected"),
    [
        (64, 64, 64, 1, 1),
        (64, 64, 64, 8, 8),  # one group: its positions are spread over all slices
        (512, 64, 64, 8, 1),  # as many groups as slices
        (256, 64, 64, 8, 2),
        (64, 8, 64, 64, 2),  # no more subsets than blocks
    ],
)
def test_choice_of_subsets(outputs, inputs, group, slices, expected):
    linear = random_wvq(np.random.default_rng(3), outputs, inputs, group=group)
    assert choose_subsets(linear, Hardware(slices=slices)) == expected


@pytest.fixture
def packed() -> tuple[WvqLinear, np.ndarray]:
    """A linear of two groups in one stream, in one exponent run a packet; 7 blocks of 4 + 2 or 1 beats."""
    linear = random_wvq(np.random.default_rng(4), 70, 28, 16, 9, 40)
    linear = replace(linear, exp=np.full_like(linear.exp, 3))
    return linear, pack_streams(linear, 1, Hardware(slices=1))


@pytest.mark.parametrize(
    ("beat", "byte", "message"),
    [
        (0, 0, "job header: found .blocks, slots, index bits, first output. "),
        (0, 2, "job header"),
        (0, 4, "job header"),
        (0, 8, "job header"),
        (1, 0, "run header at beat 0: found exponent 11"),
        (1, 2, "run header at beat 0: found exponent 3, end 15"),
        (1, 3, "run header at beat 0"),
    ],
)
def test_bad_headers(packed, beat, byte, message):
    linear, streams = packed
    streams[0, beat, byte] ^= 8
    with pytest.raises(ValueError, match=message):
        unpack(linear, list(streams), 1, Hardware(slices=1))


def test_streams_that_end_too_early(packed):
    linear, streams = packed
    used = 1 + 1 + 7 * (2 + 2) + 1 + 1 + 7 * (2 + 1)
    assert streams.shape[1] == used + used % 2
    for beats in range(used):
        with pytest.raises(ValueError, match="found"):
            unpack(linear, [streams[0, :beats]], 1, Hardware(slices=1))
    assert_same(unpack(linear, [streams[0, :used]], 1, Hardware(slices=1)), linear)


# --- hardware ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slices": 3}, "slices: found 3, allowed a power of two up to 64"),
        ({"slices": 0}, "slices: found 0"),
        ({"slices": 128}, "slices: found 128"),
        ({"lanes": 16}, "lanes: found 16"),
        ({"units": 64}, "lanes x units: found 2 x 64, allowed 64 4-bit indices"),
        ({"lanes": 1, "units": 16, "beat_bytes": 8}, "beat_bytes: found 8"),
        ({"slots": 0}, "slots: found 0"),
        ({"gather": 2}, "gather: found 2, allowed 0, 1"),
        ({"gather": 1, "units": 64, "beat_bytes": 64}, "gather: found 1 with beat_bytes 64, allowed 0, or 1 with 32"),
    ],
)
def test_hardware_refuses(changes, message):
    with pytest.raises(UserError, match=f"^hardware: {message}"):
        Hardware(**changes)


def test_configurations():
    slices = {"tiny": 2, "small": 8, "v80": 64, "tiny-gather": 2, "v80-gather": 64}
    assert {name: configuration(name).slices for name in CONFIGURATIONS} == slices
    assert replace(configuration("v80-gather"), gather=0) == configuration("v80")
    assert Hardware(**configuration("v80").dict()) == configuration("v80")
    with pytest.raises(UserError, match="--hardware: found big, allowed tiny, small, v80"):
        configuration("big")
