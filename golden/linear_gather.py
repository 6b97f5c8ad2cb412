"""linear_gather: a covq linear as the slices of `linear_synth` run it, its rows gathered from memory.

The arithmetic is `lutloom.covq`'s. Two commands: Search finds the centroids of an input, Gather looks up with them. All
slices work on both, and what a slice needs lies behind its own stream port; a block is `lanes` positions, B blocks in
all. Like a wvq linear's, the streams of all slices have the same, even number of beats, padded with zeros.

Search: slice s has the blocks k * slices + s, k = 0 .. R-1, R = ceil(B / slices); of those from B on all is zero.

    job header beat   [15:0] R, [31:16] 1, [39:32] 6; rest 0
    per block         the activation centroids, int8 [lanes][64][2]

Gather: the jobs are those of `lutloom.linear_synth`, job j on slice j % slices, and so are their packets, but without
codebooks (C = 16). Behind the packets' beats, in the same port, lie the slice's rows, job by job without gaps:

    per job           int16 [positions of the job][64][16], the table's entries, one beat a row

So the slice reads the row of its position i that the search picked, c, at beat 64 * i + c of the job's rows.

The core delivers accumulators without start values; `dequant` adds them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lutloom.covq import ACT_CENTROIDS, GROUP, WEIGHT_CENTROIDS, CovqLinear, group_slices, lookup_accumulate
from lutloom.hardware import ROW_BYTES, Hardware
from lutloom.linear_synth import (
    CODES,
    GATHER,
    SEARCH,
    Command,
    Job,
    check_header,
    deal_jobs,
    even,
    fewest_cycles,
    fill_packets,
    index_beats,
    job_header,
    pack_indices,
    packet_beats,
    read_packets,
)
from lutloom.lut2d import INDEX_BITS, index_values


def linear_gather(c: np.ndarray, linear: CovqLinear) -> np.ndarray:
    """What the core delivers: centroid indices uint8 [T, P] -> accumulators int32 [T, N], without start values."""
    return lookup_accumulate(c, linear.table, linear.idx, linear.exp, np.zeros_like(linear.start))


# --- Search -----------------------------------------------------------------------------------------------------------


def search_command(linear: CovqLinear, stream: int, beats: int) -> Command:
    """The command that finds the centroids of the linear's input, its streams (`pack_search`) from beat `stream` on."""
    return Command(
        act_bits=0, code=CODES[ACT_CENTROIDS], inputs=linear.shape[1], outputs=0, positions=len(linear.pairs), group=0,
        subsets=0, stream=stream, beats=beats, mode=SEARCH,
    )  # fmt: skip


def search_blocks(positions: int, hardware: Hardware) -> int:
    """Blocks of every slice, R."""
    return -(-positions // (hardware.lanes * hardware.slices))


def search_beats(positions: int, hardware: Hardware) -> int:
    """Beats of every slice's stream."""
    codebooks = 2 * ACT_CENTROIDS * hardware.lanes // hardware.beat_bytes
    return even(1 + search_blocks(positions, hardware) * codebooks)


def pack_search(a_cent: np.ndarray, hardware: Hardware) -> np.ndarray:
    """The activation centroids of an input, spread over the slices.

    a_cent int8 [P, 64, 2], P a multiple of the lanes -> uint8 [slices, beats, beat_bytes].
    """
    slices, blocks = hardware.slices, search_blocks(len(a_cent), hardware)
    streams = np.zeros((slices, search_beats(len(a_cent), hardware), hardware.beat_bytes), np.uint8)
    streams[:, :1] = job_header(blocks, 1, ACT_CENTROIDS, 0, hardware)
    dealt = np.zeros((blocks, slices, hardware.lanes, ACT_CENTROIDS, 2), np.int8)
    dealt.reshape(-1, ACT_CENTROIDS, 2)[: len(a_cent)] = a_cent
    body = dealt.swapaxes(0, 1).reshape(slices, -1, hardware.beat_bytes).view(np.uint8)
    streams[:, 1 : 1 + body.shape[1]] = body
    return streams


def unpack_search(streams: Sequence[np.ndarray], positions: int, hardware: Hardware) -> np.ndarray:
    """The inverse of `pack_search`: of every slice uint8 [beats, beat_bytes] -> a_cent int8 [P, 64, 2].

    Raises:
        ValueError: a port's header is not that of such an input, or its stream ends too early.
    """
    blocks, beats = search_blocks(positions, hardware), search_beats(positions, hardware)
    for port, stream in enumerate(streams):
        check_header(stream, port, (blocks, 1, INDEX_BITS[ACT_CENTROIDS], 0))
        if len(stream) < beats:
            raise ValueError(f"port{port}: found {len(stream)} beats, allowed {beats} for {positions} positions")
    size = blocks * hardware.lanes * ACT_CENTROIDS * 2
    body = np.stack([stream[1:].reshape(-1)[:size] for stream in streams]).view(np.int8)
    dealt = body.reshape(len(streams), blocks, hardware.lanes, ACT_CENTROIDS, 2).swapaxes(0, 1)
    return dealt.reshape(-1, ACT_CENTROIDS, 2)[:positions]


# --- Gather -----------------------------------------------------------------------------------------------------------


def gather_command(linear: CovqLinear, subsets: int, stream: int, beats: int) -> Command:
    """The command of a linear whose streams (`pack_gather`) have `beats` beats of packets, from beat `stream` on."""
    outputs, inputs = linear.shape
    return Command(
        act_bits=0, code=CODES[WEIGHT_CENTROIDS], inputs=inputs, outputs=outputs, positions=len(linear.pairs),
        group=GROUP, subsets=subsets.bit_length() - 1, stream=stream, beats=beats, mode=GATHER,
    )  # fmt: skip


def choose_subsets(linear: CovqLinear, hardware: Hardware) -> int:
    """As `linear_synth.choose_subsets`: a block takes its index beats and, from the same port, a row a position."""
    outputs, _ = linear.shape
    slots = -(-min(GROUP, outputs) // hardware.units)
    block = max(index_beats(WEIGHT_CENTROIDS, slots, hardware) + hardware.lanes, slots)
    return fewest_cycles(len(linear.pairs) // hardware.lanes, linear.exp.shape[1], slots, block, hardware)


def gather_jobs(positions: int, outputs: int, subsets: int, hardware: Hardware) -> list[Job]:
    """The jobs of a linear."""
    return deal_jobs(group_slices(outputs), positions // hardware.lanes, subsets, hardware.slices)


def gather_beats(linear: CovqLinear, subsets: int, hardware: Hardware) -> tuple[int, int]:
    """(beats of the packets, beats of the rows behind them) in every slice's stream; both are even."""
    jobs, exponent = gather_jobs(len(linear.pairs), linear.shape[0], subsets, hardware), linear.exp[:: hardware.lanes]
    packets = packet_beats(jobs, exponent, lambda slots: index_beats(WEIGHT_CENTROIDS, slots, hardware), hardware)
    return packets, row_beats(jobs, hardware)


def row_beats(jobs: list[Job], hardware: Hardware) -> int:
    """Beats that the longest slice needs for the rows of its jobs, an even number."""
    return even(max(last for _, _, last in row_places(jobs, hardware)))


def row_places(jobs: list[Job], hardware: Hardware) -> list[tuple[Job, int, int]]:
    """Where the rows of every job lie: (job, first beat, beat behind the last) behind the packets of its port."""
    filled, places = [0] * hardware.slices, []
    for job in jobs:
        first = filled[job.port]
        rows = (job.last - job.first) * hardware.lanes * ACT_CENTROIDS
        filled[job.port] += rows * ROW_BYTES // hardware.beat_bytes
        places.append((job, first, filled[job.port]))
    return places


def pack_gather(linear: CovqLinear, subsets: int, hardware: Hardware) -> np.ndarray:
    """The linear's part of every slice's stream: uint8 [slices, packet beats + row beats, beat_bytes]."""
    packets, rows = gather_beats(linear, subsets, hardware)
    streams = np.zeros((hardware.slices, packets + rows, hardware.beat_bytes), np.uint8)
    jobs = gather_jobs(len(linear.pairs), linear.shape[0], subsets, hardware)
    fill_packets(
        streams, jobs, linear.exp[:: hardware.lanes], WEIGHT_CENTROIDS,
        lambda g, columns: pack_indices(linear.idx[:, columns], WEIGHT_CENTROIDS, hardware), hardware,
    )  # fmt: skip
    for job, first, last in row_places(jobs, hardware):
        entries = linear.table[job.first * hardware.lanes : job.last * hardware.lanes, job.group]
        _rows(streams[job.port, packets + first : packets + last])[:] = entries
    return streams


def _rows(beats: np.ndarray) -> np.ndarray:
    """Beats as the rows of a job: uint8 [beats, beat_bytes] -> view int16 [positions, 64, 16]."""
    return beats.reshape(-1).view("<i2").reshape(-1, ACT_CENTROIDS, WEIGHT_CENTROIDS)


def unpack_gather(
    streams: Sequence[np.ndarray], positions: int, outputs: int, *, subsets: int, beats: int, hardware: Hardware
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The inverse of `pack_gather`.

    Args:
        streams: of every slice the linear's packets and rows, uint8 [beats, beat_bytes].
        beats: of the packets.

    Returns:
        (idx uint8 [P, N], exp uint8 [P, Gn], table int8 [P, Gn, 64, 16]).

    Raises:
        ValueError: the packets are not those of such a linear, rows are missing, or an entry needs more than 8 bits.
    """
    lanes, groups = hardware.lanes, len(group_slices(outputs))
    exp, idx = np.empty((positions, groups), np.uint8), np.empty((positions, outputs), np.uint8)
    jobs = gather_jobs(positions, outputs, subsets, hardware)
    packets = read_packets(
        [stream[:beats] for stream in streams], jobs, WEIGHT_CENTROIDS,
        lambda slots: index_beats(WEIGHT_CENTROIDS, slots, hardware), hardware,
    )  # fmt: skip
    for job, body, exponent in packets:
        mine = slice(job.first * lanes, job.last * lanes)
        values = index_values(body, lanes, hardware.units, job.slots(hardware), INDEX_BITS[WEIGHT_CENTROIDS])
        idx[mine, job.columns] = values[:, : job.columns.stop - job.columns.start]
        exp[mine, job.group] = np.repeat(exponent, lanes)
    return idx, exp, _unpack_rows([stream[beats:] for stream in streams], jobs, positions, groups, hardware)


def _unpack_rows(
    streams: Sequence[np.ndarray], jobs: list[Job], positions: int, groups: int, hardware: Hardware
) -> np.ndarray:
    """The table int8 [P, Gn, 64, 16] from what lies behind the packets."""
    table = np.empty((positions, groups, ACT_CENTROIDS, WEIGHT_CENTROIDS), np.int8)
    for job, first, last in row_places(jobs, hardware):
        port = streams[job.port]
        if last > len(port):
            raise ValueError(f"port{job.port}: found {len(port)} beats of rows, allowed {last} or more")
        rows, mine = _rows(port[first:last]), slice(job.first * hardware.lanes, job.last * hardware.lanes)
        table[mine, job.group] = rows
        if (table[mine, job.group] != rows).any():
            raise ValueError(f"port{job.port}: rows: found {rows.min()}..{rows.max()}, allowed -128..127")
    return table
