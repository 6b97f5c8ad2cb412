"""What the golden machine reads from an image: constants by address, and linears unpacked from streams and tables."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np

from lutloom.covq import ACT_CENTROIDS, WEIGHT_CENTROIDS
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.linear_gather import gather_jobs, row_beats, unpack_gather, unpack_search
from lutloom.linear_synth import unpack_streams
from lutloom.lut2d import unpack_index_stream
from lutloom.program import UNIT, Descriptor, Gather, LinearSynth, LinearTable, Search

KEPT_BYTES = 8 << 30  # unpacked weights kept in memory; above that they are unpacked for every use


@dataclass(frozen=True)
class SynthWeights:
    """A wvq linear, ready to run: integer weights float64 [K, N], out_scale float32 [N]."""

    dense: np.ndarray
    out_scale: np.ndarray
    act_bits: int

    @property
    def nbytes(self) -> int:
        return self.dense.nbytes


@dataclass(frozen=True)
class SearchWeights:
    """What finds the centroids of an input: pairs int32 [P, 2], scale float32 [P, 2], a_cent int8 [P, 64, 2]."""

    pairs: np.ndarray
    scale: np.ndarray
    a_cent: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.pairs.nbytes + self.scale.nbytes + self.a_cent.nbytes


@dataclass(frozen=True)
class GatherWeights:
    """A covq linear whose input is searched, ready to run; arrays as in `lutloom.covq`."""

    table: np.ndarray
    idx: np.ndarray
    exp: np.ndarray
    start: np.ndarray
    out_scale: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.table.nbytes + self.idx.nbytes


@dataclass(frozen=True)
class TableWeights(GatherWeights):
    """A group of a covq linear with what finds the centroids of its input."""

    pairs: np.ndarray
    a_exp: np.ndarray
    a_cent: np.ndarray


Weights = SynthWeights | TableWeights | SearchWeights | GatherWeights


class WeightCache:
    """Unpacked weights by the number of their descriptor; the machines of one image may share it between threads.

    keep: bytes of them to keep.
    """

    def __init__(self, keep: int = KEPT_BYTES):
        self.keep = keep
        self._weights: dict[int, Weights] = {}
        self._kept, self._lock = 0, Lock()

    def get(self, number: int, load: Callable[[], Weights]) -> Weights:
        """The weights of a descriptor, unpacked once and kept as long as there is room."""
        with self._lock:  # one thread unpacks, the others wait for the result
            if number in self._weights:
                return self._weights[number]
            weights = load()
            if self._kept + weights.nbytes <= self.keep:
                self._weights[number] = weights
                self._kept += weights.nbytes
            return weights


class WeightReader:
    """Reads the parts of an image. UserError if the image is too short, ValueError for what no compiler writes."""

    def __init__(self, image: Image, hardware: Hardware):
        self.image, self.hardware = image, hardware
        self.ports = [image.section(f"port{s}") for s in range(hardware.slices) if f"port{s}" in image.table]

    def read(self, address: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """An array at `address` (units of 64 bytes), read-only."""
        first, count = address * UNIT, int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = self.image.data
        if first + count > len(memory):
            raise UserError(f"{self.image.path}: section program: address {address}: found {count} bytes there, "
                            f"allowed within the image of {len(memory)} bytes")  # fmt: skip
        return memory[first : first + count].view(dtype).reshape(shape)

    def streams(self, first: int, beats: int) -> list[np.ndarray]:
        """Of every port the beats first..first+beats-1: uint8 [beats, beat_bytes]."""
        width = self.hardware.beat_bytes
        return [port[first * width : (first + beats) * width].reshape(-1, width) for port in self.ports]

    def pairs(self, d: LinearSynth | LinearTable | Search) -> np.ndarray:
        """The inputs of every position: int32 [P, 2]."""
        return self.read(d.pairs, (d.positions, 2), "<u2").astype(np.int32)

    def weights(self, d: Descriptor) -> Weights:
        """What a descriptor needs, ready to run."""
        match d:
            case LinearSynth():
                return self._synth(d)
            case LinearTable():
                return self._table(d)
            case Search():
                return self._search(d)
            case Gather():
                return self._gather(d)
        raise ValueError(f"operation: found {type(d).__name__}, allowed those with weights")

    def _synth(self, d: LinearSynth) -> SynthWeights:
        out_scale = self.read(d.scales, (d.outputs,), "<f4")
        linear = unpack_streams(
            self.streams(d.stream, d.beats), self.pairs(d), out_scale, subsets=d.subsets, inputs=d.inputs,
            act_bits=d.act_bits, group=d.group, centroids=d.centroids, hardware=self.hardware,
        )  # fmt: skip
        return SynthWeights(linear.dense, out_scale, d.act_bits)

    def _table(self, d: LinearTable) -> TableWeights:
        hw = self.hardware
        slots = -(-d.outputs // hw.units)
        packet = self.read(d.packet, (d.packet_beats, hw.beat_bytes), "u1")
        start_beats = slots * hw.units * 4 // hw.beat_bytes
        start = packet[:start_beats].reshape(-1).view("<i4")[: d.outputs]
        idx, exp, _ = unpack_index_stream(
            packet[start_beats:], d.positions // hw.lanes, slots, lanes=hw.lanes, units=hw.units
        )
        return TableWeights(
            pairs=self.pairs(d),
            a_exp=self.read(d.act_exp, (d.positions,), "i1"),
            a_cent=self.read(d.codebook, (d.positions, ACT_CENTROIDS, 2), "i1"),
            table=self.read(d.table, (d.positions, 1, ACT_CENTROIDS, WEIGHT_CENTROIDS), "i1"),
            idx=np.ascontiguousarray(idx[:, : d.outputs]),
            exp=exp[:, None],
            start=start,
            out_scale=self.read(d.scales, (d.outputs,), "<f4"),
        )

    def _search(self, d: Search) -> SearchWeights:
        pairs = self.pairs(d)
        if pairs.max() >= d.inputs:
            raise ValueError(f"pairs: found {pairs.max()}, allowed 0..{d.inputs - 1}")
        scale = self.read(d.scales, (d.inputs,), "<f4")[pairs]
        return SearchWeights(pairs, scale, unpack_search(self.streams(d.stream, d.beats), d.positions, self.hardware))

    def _gather(self, d: Gather) -> GatherWeights:
        hw = self.hardware
        rows = row_beats(gather_jobs(d.positions, d.outputs, d.subsets, hw), hw)
        idx, exp, table = unpack_gather(
            self.streams(d.stream, d.beats + rows),
            d.positions,
            d.outputs,
            subsets=d.subsets,
            beats=d.beats,
            hardware=hw,
        )
        start, out_scale = self.read(d.starts, (d.outputs,), "<i4"), self.read(d.scales, (d.outputs,), "<f4")
        return GatherWeights(table, idx, exp, start, out_scale)
