"""linear_synth: a wvq linear as the hardware runs it, spread over slices, and the streams it runs from.

The outputs are split into groups, the positions into `subsets` ranges of blocks (a block is `lanes` positions). A
(group, subset) job is one packet; job j = group * subsets + subset runs on slice j % slices, so the partial sums of a
group lie on neighbouring slices, where `segment_reduce` adds them. A packet is self-contained:

    job header beat   [15:0] blocks, [31:16] slots, [39:32] log2 of the centroids, [95:64] first output; rest 0
    per run of blocks with one exponent: its header beat (see `lut2d.pack_index_stream`), then per block
        codebook beats    int8 [lanes][C][2]
        index beats       the block's words, as in `lut2d`

The jobs of a slice follow each other without gaps; at the end of a linear every slice is padded with zeros to the
longest one, so that all streams have the same length and one number per linear addresses them all.

The core of this name delivers what `linear_synth` says, the accumulators and the scale of the activations; `dequant`
makes the outputs of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lutloom.act_quant import act_quant
from lutloom.hardware import Hardware
from lutloom.lut2d import INDEX_BITS, index_values, index_words, insert_run_headers, remove_run_headers
from lutloom.wvq import WvqLinear, group_slices

CODES = {16: 0, 32: 1, 64: 2}
JOB_CYCLES = 8  # of a port for a job beside its blocks: job header, run header, from job to job
DRAIN = 8  # sums that a slice delivers a cycle


@dataclass(frozen=True)
class Command:
    """One linear: the fields of the core's command port, in its order."""

    act_bits: int
    code: int  # 16 << code centroids
    inputs: int
    outputs: int  # a multiple of 16
    positions: int
    group: int  # a multiple of the units and of the core's width
    subsets: int  # log2 of their number
    stream: int  # the linear's first beat in every slice's stream
    beats: int  # of every slice
    tokens: int = 1  # that share the linear's weights


def command(linear: WvqLinear, subsets: int, stream: int, beats: int) -> Command:
    """The command of a linear whose streams (see `pack_streams`) have `beats` beats and begin at beat `stream`."""
    return Command(
        act_bits=linear.act_bits,
        code=CODES[linear.centroids],
        inputs=linear.inputs,
        outputs=linear.shape[0],
        positions=len(linear.pairs),
        group=linear.group,
        subsets=subsets.bit_length() - 1,
        stream=stream,
        beats=beats,
    )


def linear_synth(x: np.ndarray, linear: WvqLinear) -> tuple[np.ndarray, np.ndarray]:
    """What the core delivers: x float32 [T, K] -> (accumulators int32 [T, N], scale of the activations float32 [T])."""
    q, scale = act_quant(x, linear.act_bits)
    return linear.accumulate(q), scale


def subset_blocks(blocks: int, subsets: int) -> list[tuple[int, int]]:
    """The half-open range of blocks of every subset."""
    return [(u * blocks // subsets, (u + 1) * blocks // subsets) for u in range(subsets)]


def choose_subsets(linear: WvqLinear, hardware: Hardware) -> int:
    """The number of subsets, a power of two up to the slices and the blocks, that needs the fewest cycles.

    The slices work on as many jobs at a time as there are slices. A block takes what its port, its rows or its lookups
    need, a job JOB_CYCLES more, and at least as long as its sums take to leave.
    """
    blocks, groups = linear.idx.shape[0] // hardware.lanes, linear.exp.shape[1]
    slots = -(-min(linear.group, linear.shape[0]) // hardware.units)
    block = max(block_beats(linear.centroids, slots, hardware), linear.centroids, slots)
    leaving = slots * (hardware.units // DRAIN + 3)

    def cost(subsets: int) -> tuple[int, int]:
        job = max(-(-blocks // subsets) * block + JOB_CYCLES, leaving)
        return -(-groups * subsets // hardware.slices) * job, subsets

    allowed = [1 << n for n in range(hardware.slices.bit_length()) if 1 << n <= blocks]
    return min(allowed, key=cost)


def codebook_beats(centroids: int, hardware: Hardware) -> int:
    """Beats of a block's codebooks."""
    return 2 * centroids * hardware.lanes // hardware.beat_bytes


def index_beats(centroids: int, slots: int, hardware: Hardware) -> int:
    """Beats of a block's indices in a group with so many slots."""
    return -(-slots * hardware.lanes * hardware.units * INDEX_BITS[centroids] // (8 * hardware.beat_bytes))


def block_beats(centroids: int, slots: int, hardware: Hardware) -> int:
    """Beats of a block of a group with so many slots: codebooks and indices."""
    return codebook_beats(centroids, hardware) + index_beats(centroids, slots, hardware)


def pack_group(linear: WvqLinear, g: int, columns: slice, hardware: Hardware) -> np.ndarray:
    """Codebook and index beats of every block of group `g`: uint8 [blocks, beats of a block, beat_bytes]."""
    lanes, units, width = hardware.lanes, hardware.units, hardware.beat_bytes
    idx = linear.idx[:, columns]
    if idx.shape[1] % units:
        idx = np.pad(idx, ((0, 0), (0, -idx.shape[1] % units)))
    words = index_words(idx, lanes, units, INDEX_BITS[linear.centroids], width)
    codebooks = np.ascontiguousarray(linear.w_cent[:, g]).view(np.uint8).reshape(len(words), -1, width)
    return np.concatenate((codebooks, words), axis=1)


def job_header(linear: WvqLinear, columns: slice, blocks: int, hardware: Hardware) -> np.ndarray:
    """The first beat of a job's packet: uint8 [1, beat_bytes]."""
    header = np.zeros((1, hardware.beat_bytes), np.uint8)
    slots = -(-(columns.stop - columns.start) // hardware.units)
    header[0, :4] = np.array([blocks, slots], "<u2").view(np.uint8)
    header[0, 4] = linear.centroids.bit_length() - 1
    header[0, 8:12] = np.array([columns.start], "<u4").view(np.uint8)
    return header


def pack_job(linear: WvqLinear, g: int, first: int, last: int, hardware: Hardware) -> np.ndarray:
    """The packet of group `g` and blocks first..last-1: uint8 [beats, beat_bytes]."""
    columns, lanes = group_slices(linear.shape[0], linear.group)[g], hardware.lanes
    body = insert_run_headers(pack_group(linear, g, columns, hardware)[first:last], linear.exp[::lanes, g][first:last])
    return np.concatenate((job_header(linear, columns, last - first, hardware), body))


def pack_streams(linear: WvqLinear, subsets: int, hardware: Hardware) -> np.ndarray:
    """The linear's part of every slice's stream: uint8 [slices, beats, beat_bytes]."""
    ranges = subset_blocks(linear.idx.shape[0] // hardware.lanes, subsets)
    streams = np.zeros((hardware.slices, stream_beats(linear, subsets, hardware), hardware.beat_bytes), np.uint8)
    filled = [0] * hardware.slices
    for g, columns in enumerate(group_slices(linear.shape[0], linear.group)):
        body, exponents = pack_group(linear, g, columns, hardware), linear.exp[:: hardware.lanes, g]
        for u, (first, last) in enumerate(ranges):
            s = (g * subsets + u) % hardware.slices
            header = job_header(linear, columns, last - first, hardware)
            for part in (header, insert_run_headers(body[first:last], exponents[first:last])):
                streams[s, filled[s] : filled[s] + len(part)] = part
                filled[s] += len(part)
    return streams


def stream_beats(linear: WvqLinear, subsets: int, hardware: Hardware) -> int:
    """Beats of every slice's stream, as `pack_streams` makes them, without making them."""
    lanes, units = hardware.lanes, hardware.units
    beats = [0] * hardware.slices
    ranges = subset_blocks(linear.idx.shape[0] // lanes, subsets)
    for g, columns in enumerate(group_slices(linear.shape[0], linear.group)):
        slots = -(-(columns.stop - columns.start) // units)
        block = block_beats(linear.centroids, slots, hardware)
        for u, (first, last) in enumerate(ranges):
            exponent = linear.exp[first * lanes : last * lanes : lanes, g]
            runs = 1 + int(np.count_nonzero(exponent[1:] != exponent[:-1]))
            beats[(g * subsets + u) % hardware.slices] += 1 + runs + (last - first) * block
    return _even(max(beats))


def _even(beats: int) -> int:
    """Whole 64-byte address units of 32-byte beats."""
    return beats + beats % 2


def unpack_streams(
    streams: list[np.ndarray],
    pairs: np.ndarray,
    out_scale: np.ndarray,
    *,
    subsets: int,
    inputs: int,
    act_bits: int,
    group: int,
    centroids: int,
    hardware: Hardware,
) -> WvqLinear:
    """The inverse of `pack_streams`: the linear that a descriptor and the slices' streams name.

    Args:
        streams: of every slice the linear's beats, uint8 [beats, beat_bytes].
        pairs: int32 [P, 2]; out_scale: float32 [N].

    Raises:
        ValueError: the packets are not those of such a linear.
    """
    lanes, units = hardware.lanes, hardware.units
    positions, outputs = len(pairs), len(out_scale)
    columns = group_slices(outputs, group)
    w_cent = np.empty((positions, len(columns), centroids, 2), np.int8)
    exp, idx = np.empty((positions, len(columns)), np.uint8), np.empty((positions, outputs), np.uint8)
    book_beats, bits = codebook_beats(centroids, hardware), INDEX_BITS[centroids]
    at = [0] * len(streams)
    for g, cols in enumerate(columns):
        slots = -(-(cols.stop - cols.start) // units)
        for u, (first, last) in enumerate(subset_blocks(positions // lanes, subsets)):
            port = (g * subsets + u) % len(streams)
            stream = streams[port][at[port] :]
            _check_header(stream, port, (last - first, slots, bits, cols.start))
            body, exponent, used = remove_run_headers(stream[1:], last - first, block_beats(centroids, slots, hardware))
            at[port] += 1 + used
            rows = slice(first * lanes, last * lanes)
            found = body[:, :book_beats].reshape(len(body) * lanes, centroids, 2).view(np.int8)
            w_cent[rows, g], exp[rows, g] = found, np.repeat(exponent, lanes)
            values = index_values(body[:, book_beats:], lanes, units, slots, bits)
            idx[rows, cols] = values[:, : cols.stop - cols.start]
    return WvqLinear(pairs, w_cent, exp, idx, out_scale, inputs, act_bits, group)


def _check_header(stream: np.ndarray, port: int, expected: tuple[int, int, int, int]) -> None:
    if not len(stream):
        raise ValueError(f"port{port}: found the end of the stream, allowed a packet")
    head = stream[0]
    blocks, slots = head[:4].view("<u2")
    found = (int(blocks), int(slots), int(head[4]), int(head[8:12].view("<u4")[0]))
    if found != expected:
        raise ValueError(f"port{port}: job header: found (blocks, slots, index bits, first output) {found}, "
                         f"allowed {expected}")  # fmt: skip
