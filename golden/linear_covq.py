"""linear_covq: a co-quantised linear layer as the hardware runs it, and the memory image it runs from.

The arithmetic is `covq`'s (search, look up, accumulate); this module adds what the core needs around it: the layout of
codebooks, packets and tables in memory, and the commands that name them.

Memory of one linear with P positions, C activation centroids, K weight centroids, groups of up to Units * Slots
outputs; every section begins at a multiple of SECTION_ALIGN bytes:

    codebook       int8 [P][C][2], one for all linears that read the same input
    packet[g]      start values int32 [slots * Units] of the group's outputs (0 behind the last), then the index stream
                   of lut2d: header beats and index words (see `lut2d.pack_index_stream`)
    gather table   int8 [P][C][Gn][K], rows of all groups of a centroid together, padded to a beat (see `row_gather`)
    table[g]       int8 [P][C][K] of one group (see `row_table`)

The gather table and the tables hold the same entries twice, once for decode and once for prefill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lutloom.centroid_search import centroid_search
from lutloom.covq import CovqLinear, group_slices, lookup_accumulate
from lutloom.lut2d import pack_index_stream
from lutloom.row_gather import pack_gather_table, row_stride
from lutloom.row_table import pack_table_stream

SECTION_ALIGN = 4096
BEAT_BYTES = 32
CODES = {16: 0, 32: 1, 64: 2}


@dataclass(frozen=True)
class Command:
    """One command of the core: a group of a linear. Fields as the ports `s_cmd_*`; addresses and sizes in bytes."""

    table: int
    search: int
    k_code: int
    c_code: int
    positions: int
    tokens: int
    slots: int
    cb_addr: int
    packet_addr: int
    packet_bytes: int
    row_addr: int
    row_stride: int
    row_offset: int


@dataclass(frozen=True)
class LinearImage:
    """Where one linear lies in the image."""

    name: str
    linear: CovqLinear
    input: str  # linears with the same input share one search
    units: int
    cb_addr: int
    gather_addr: int
    packets: tuple[tuple[int, int], ...]  # (address, bytes) of each group
    tables: tuple[int, ...]  # address of each group

    def commands(self, tokens: int, table: bool, search: bool) -> list[Command]:
        """The commands of this linear, one a group; only the first searches (if `search`)."""
        positions, groups, centroids, k = self.linear.table.shape
        stride = row_stride(groups, k)
        return [
            Command(
                table=int(table),
                search=int(search and g == 0),
                k_code=CODES[k],
                c_code=CODES[centroids],
                positions=positions,
                tokens=tokens,
                slots=-(-(columns.stop - columns.start) // self.units),
                cb_addr=self.cb_addr,
                packet_addr=self.packets[g][0],
                packet_bytes=self.packets[g][1],
                row_addr=self.tables[g] if table else self.gather_addr,
                row_stride=stride,
                row_offset=g * k,
            )
            for g, columns in enumerate(group_slices(self.linear.shape[0]))
        ]


def linear_covq(vectors: np.ndarray, linear: CovqLinear) -> np.ndarray:
    """What the core computes.

    Args:
        vectors: int8 [T, P, 2], activations as `quantize_activation` rounds them.

    Returns:
        int32 [T, N]: the accumulators, exact.
    """
    found = centroid_search(vectors, linear.a_cent)
    return lookup_accumulate(found, linear.table, linear.idx, linear.exp, linear.start)


def group_accumulators(
    found: np.ndarray, linear: CovqLinear, g: int, *, units: int = 32, tokens: int = 8, table: bool = True
) -> np.ndarray:
    """Everything the core puts out for one command, also what its caller throws away.

    Args:
        found: uint8 [T, P] centroid indices.
        g: group.
        units, tokens: of the hardware; the last pass is filled with tokens whose indices are all 0 (table) or whose
            rows are all 0 (gather), and the group with outputs that use index 0 and start at 0.

    Returns:
        int32 [ceil(T / tokens) * tokens, ceil(outputs / units) * units].
    """
    columns = group_slices(linear.shape[0])[g]
    outputs = columns.stop - columns.start
    fill = -outputs % units
    start = np.pad(linear.start[columns], (0, fill))
    idx = np.pad(linear.idx[:, columns], ((0, 0), (0, fill)))
    missing = -len(found) % tokens
    rows = np.pad(found, ((0, missing if table else 0), (0, 0)))
    acc = lookup_accumulate(rows, linear.table[:, g : g + 1], idx, linear.exp[:, g : g + 1], start)
    return acc if table else np.concatenate([acc, np.broadcast_to(start, (missing, len(start)))])


def pack_packet(linear: CovqLinear, g: int, units: int, lanes: int) -> bytes:
    """Packet of group `g`: start values, then exponents and indices."""
    columns = group_slices(linear.shape[0])[g]
    outputs = columns.stop - columns.start
    padded = -(-outputs // units) * units
    start = np.pad(linear.start[columns], (0, padded - outputs)).astype("<i4")
    idx = np.pad(linear.idx[:, columns], ((0, 0), (0, padded - outputs)))  # [P, padded]
    beats = pack_index_stream(idx, linear.exp[:, g], lanes=lanes, units=units, centroids=linear.table.shape[3])
    return start.tobytes() + beats.tobytes()


def build_image(
    linears: dict[str, CovqLinear], inputs: dict[str, str], units: int = 32, lanes: int = 2, base: int = 0
) -> tuple[bytes, list[LinearImage]]:
    """Lay `linears` out in memory.

    Args:
        linears: by name, in the order they run.
        inputs: name of the input that each reads; equal inputs share codebook and search.
        units, lanes: of the hardware.
        base: address of the image, a multiple of SECTION_ALIGN.

    Returns:
        (bytes of the image, where each linear lies). Deterministic: the same linears give the same bytes.
    """
    image = bytearray()
    codebooks: dict[str, int] = {}

    def section(data: bytes) -> int:
        image.extend(b"\0" * (-len(image) % SECTION_ALIGN))
        address = base + len(image)
        image.extend(data)
        return address

    placed = []
    for name, linear in linears.items():
        shared = inputs[name]
        if shared not in codebooks:
            codebooks[shared] = section(linear.a_cent.tobytes())
        groups = range(linear.table.shape[1])
        packets = []
        for g in groups:
            packet = pack_packet(linear, g, units, lanes)
            packets.append((section(packet), len(packet)))
        placed.append(
            LinearImage(
                name=name,
                linear=linear,
                input=shared,
                units=units,
                cb_addr=codebooks[shared],
                gather_addr=section(pack_gather_table(linear.table.transpose(0, 2, 1, 3))),
                packets=tuple(packets),
                tables=tuple(section(pack_table_stream(linear.table[:, g])) for g in groups),
            )
        )
    image.extend(b"\0" * (-len(image) % SECTION_ALIGN))
    return bytes(image), placed
