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

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from lutloom.act_quant import act_quant
from lutloom.hardware import Hardware
from lutloom.lut2d import INDEX_BITS, index_values, index_words, insert_run_headers, remove_run_headers
from lutloom.wvq import WvqLinear, group_slices

CODES = {16: 0, 32: 1, 64: 2}
SYNTH, SEARCH, GATHER = 0, 1, 2  # modes of a command; the last two are `lutloom.linear_gather`'s
JOB_CYCLES = 8  # of a port for a job beside its blocks: job header, run header, from job to job
DRAIN = 8  # sums that a slice delivers a cycle


@dataclass(frozen=True)
class Command:
    """One linear: the fields of the core's command port, in its order. Those that a mode does not use are 0."""

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
    mode: int = SYNTH


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


@dataclass(frozen=True)
class Job:
    """What a slice works on at a time: blocks first..last-1 of a group."""

    group: int
    columns: slice  # the group's outputs
    first: int
    last: int
    port: int  # of the slice

    def slots(self, hardware: Hardware) -> int:
        """Outputs per unit."""
        return -(-(self.columns.stop - self.columns.start) // hardware.units)

    def header(self, centroids: int, hardware: Hardware) -> np.ndarray:
        """The first beat of the packet: uint8 [1, beat_bytes]."""
        return job_header(self.last - self.first, self.slots(hardware), centroids, self.columns.start, hardware)


def deal_jobs(columns: list[slice], blocks: int, subsets: int, slices: int) -> list[Job]:
    """The jobs of a linear whose groups have the outputs `columns`, in order: job j on slice j % slices."""
    ranges = subset_blocks(blocks, subsets)
    return [
        Job(g, cols, first, last, (g * subsets + u) % slices)
        for g, cols in enumerate(columns)
        for u, (first, last) in enumerate(ranges)
    ]


def choose_subsets(linear: WvqLinear, hardware: Hardware) -> int:
    """The number of subsets, a power of two up to the slices and the blocks, that needs the fewest cycles.

    The slices work on as many jobs at a time as there are slices. A block takes what its port, its rows or its lookups
    need, a job JOB_CYCLES more, and at least as long as its sums take to leave.
    """
    slots = -(-min(linear.group, linear.shape[0]) // hardware.units)
    block = max(block_beats(linear.centroids, slots, hardware), linear.centroids, slots)
    return fewest_cycles(linear.idx.shape[0] // hardware.lanes, linear.exp.shape[1], slots, block, hardware)


def fewest_cycles(blocks: int, groups: int, slots: int, block: int, hardware: Hardware) -> int:
    """`choose_subsets` of a linear with so many blocks and groups, a block taking `block` cycles."""
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


def pack_indices(idx: np.ndarray, centroids: int, hardware: Hardware) -> np.ndarray:
    """Index beats of every block of a group: idx uint8 [P, outputs] -> uint8 [blocks, beats of a block, beat_bytes]."""
    if idx.shape[1] % hardware.units:
        idx = np.pad(idx, ((0, 0), (0, -idx.shape[1] % hardware.units)))
    return index_words(idx, hardware.lanes, hardware.units, INDEX_BITS[centroids], hardware.beat_bytes)


def pack_group(linear: WvqLinear, g: int, columns: slice, hardware: Hardware) -> np.ndarray:
    """Codebook and index beats of every block of group `g`: uint8 [blocks, beats of a block, beat_bytes]."""
    words = pack_indices(linear.idx[:, columns], linear.centroids, hardware)
    codebooks = np.ascontiguousarray(linear.w_cent[:, g]).view(np.uint8).reshape(len(words), -1, hardware.beat_bytes)
    return np.concatenate((codebooks, words), axis=1)


def job_header(blocks: int, slots: int, centroids: int, first: int, hardware: Hardware) -> np.ndarray:
    """The first beat of a job's packet: uint8 [1, beat_bytes]. first: output."""
    header = np.zeros((1, hardware.beat_bytes), np.uint8)
    header[0, :4] = np.array([blocks, slots], "<u2").view(np.uint8)
    header[0, 4] = centroids.bit_length() - 1
    header[0, 8:12] = np.array([first], "<u4").view(np.uint8)
    return header


def pack_job(linear: WvqLinear, g: int, first: int, last: int, hardware: Hardware) -> np.ndarray:
    """The packet of group `g` and blocks first..last-1: uint8 [beats, beat_bytes]."""
    columns = group_slices(linear.shape[0], linear.group)[g]
    body, exponent = pack_group(linear, g, columns, hardware), linear.exp[:: hardware.lanes, g]
    header = Job(g, columns, first, last, 0).header(linear.centroids, hardware)
    return np.concatenate((header, insert_run_headers(body[first:last], exponent[first:last])))


def pack_streams(linear: WvqLinear, subsets: int, hardware: Hardware) -> np.ndarray:
    """The linear's part of every slice's stream: uint8 [slices, beats, beat_bytes]."""
    streams = np.zeros((hardware.slices, stream_beats(linear, subsets, hardware), hardware.beat_bytes), np.uint8)
    fill_packets(
        streams, _jobs(linear, subsets, hardware), linear.exp[:: hardware.lanes], linear.centroids,
        lambda g, columns: pack_group(linear, g, columns, hardware), hardware,
    )  # fmt: skip
    return streams


def _jobs(linear: WvqLinear, subsets: int, hardware: Hardware) -> list[Job]:
    columns = group_slices(linear.shape[0], linear.group)
    return deal_jobs(columns, len(linear.pairs) // hardware.lanes, subsets, hardware.slices)


def fill_packets(
    streams: np.ndarray,
    jobs: list[Job],
    exponent: np.ndarray,
    centroids: int,
    body: Callable[[int, slice], np.ndarray],
    hardware: Hardware,
) -> None:
    """Write the packets of a linear's jobs into the slices' streams uint8 [slices, beats, beat_bytes], from beat 0 on.

    exponent: uint8 [blocks, Gn]; body(g, columns): all blocks of a group, uint8 [blocks, beats of a block, beat_bytes].
    """
    filled = [0] * hardware.slices
    for g, of_group in groupby(jobs, key=lambda job: job.group):
        blocks = None
        for job in of_group:
            blocks = body(g, job.columns) if blocks is None else blocks
            mine = slice(job.first, job.last)
            for part in (job.header(centroids, hardware), insert_run_headers(blocks[mine], exponent[mine, g])):
                streams[job.port, filled[job.port] : filled[job.port] + len(part)] = part
                filled[job.port] += len(part)


def stream_beats(linear: WvqLinear, subsets: int, hardware: Hardware) -> int:
    """Beats of every slice's stream, as `pack_streams` makes them, without making them."""
    jobs, exponent = _jobs(linear, subsets, hardware), linear.exp[:: hardware.lanes]
    return packet_beats(jobs, exponent, lambda slots: block_beats(linear.centroids, slots, hardware), hardware)


def packet_beats(jobs: list[Job], exponent: np.ndarray, block: Callable[[int], int], hardware: Hardware) -> int:
    """Beats that the longest slice needs for the packets of its jobs, an even number.

    exponent: uint8 [blocks, Gn]; block(slots): beats of a block.
    """
    beats = [0] * hardware.slices
    for job in jobs:
        mine = exponent[job.first : job.last, job.group]
        runs = 1 + int(np.count_nonzero(mine[1:] != mine[:-1]))
        beats[job.port] += 1 + runs + len(mine) * block(job.slots(hardware))
    return even(max(beats))


def even(beats: int) -> int:
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
    jobs = deal_jobs(columns, positions // lanes, subsets, len(streams))
    packets = read_packets(streams, jobs, centroids, lambda slots: block_beats(centroids, slots, hardware), hardware)
    for job, body, exponent in packets:
        rows = slice(job.first * lanes, job.last * lanes)
        found = body[:, :book_beats].reshape(len(body) * lanes, centroids, 2).view(np.int8)
        w_cent[rows, job.group], exp[rows, job.group] = found, np.repeat(exponent, lanes)
        values = index_values(body[:, book_beats:], lanes, units, job.slots(hardware), bits)
        idx[rows, job.columns] = values[:, : job.columns.stop - job.columns.start]
    return WvqLinear(pairs, w_cent, exp, idx, out_scale, inputs, act_bits, group)


def read_packets(
    streams: list[np.ndarray], jobs: list[Job], centroids: int, block: Callable[[int], int], hardware: Hardware
) -> Iterator[tuple[Job, np.ndarray, np.ndarray]]:
    """The inverse of `fill_packets`: of every job (job, body uint8 [blocks, beats of a block, beat_bytes], exponent).

    block(slots): beats of a block; exponent: uint8 [blocks]. ValueError if a header is not the job's.
    """
    at = [0] * len(streams)
    for job in jobs:
        stream, blocks, slots = streams[job.port][at[job.port] :], job.last - job.first, job.slots(hardware)
        check_header(stream, job.port, (blocks, slots, centroids.bit_length() - 1, job.columns.start))
        body, exponent, used = remove_run_headers(stream[1:], blocks, block(slots))
        at[job.port] += 1 + used
        yield job, body, exponent


def check_header(stream: np.ndarray, port: int, expected: tuple[int, int, int, int]) -> None:
    """ValueError unless the stream begins with the header of a job of `expected` (blocks, slots, bits, output)."""
    if not len(stream):
        raise ValueError(f"port{port}: found the end of the stream, allowed a packet")
    head = stream[0]
    blocks, slots = head[:4].view("<u2")
    found = (int(blocks), int(slots), int(head[4]), int(head[8:12].view("<u4")[0]))
    if found != expected:
        raise ValueError(f"port{port}: job header: found (blocks, slots, index bits, first output) {found}, "
                         f"allowed {expected}")  # fmt: skip
