"""The compiler's first pass over the quantised linears: their descriptors, and where their streams and tables lie."""

from pathlib import Path

import numpy as np

from lutloom import linear_gather
from lutloom.covq import GROUP, CovqLinear, activation_scale, group_slices
from lutloom.errors import UserError
from lutloom.linear_covq import BEAT_BYTES, pack_packet
from lutloom.linear_synth import choose_subsets, pack_streams, stream_beats
from lutloom.plan import Place, Plan
from lutloom.program import LOGITS, RESIDUAL, SEARCH, Gather, LinearSynth, LinearTable, Search
from lutloom.quantized_model import QuantizedModel
from lutloom.row_gather import pack_gather_table, row_stride
from lutloom.row_table import pack_table_stream
from lutloom.wvq import WvqLinear

MAX_POSITIONS = 65535  # of a linear: 16 bits in its descriptor
MAX_INPUTS = 65535  # of a linear: 16 bits, as in the pairs


class LinearPlanner:
    """Places the quantised linears that make up the float ones, in the order they run."""

    def __init__(self, plan: Plan, model: QuantizedModel, folder: Path):
        self.plan, self.model, self.folder = plan, model, folder
        self.owner = {parts[0]: name for name, parts in model.parts.items()}
        self.used: set[str] = set()
        self.inputs: dict[str, dict[str, Place]] = {}  # covq: what linears of one input share
        self.searched: str | None = None

    def emit(
        self, outputs: dict[str, int], inputs: int, src: int, dst: int, residual: int | None = None, flags: int = 0
    ) -> None:
        """The descriptors of consecutive float linears (name -> outputs) of one input, results side by side at dst."""
        flags |= RESIDUAL if residual is not None else 0
        self.searched = None  # what is in the frame has changed
        remaining = list(outputs)
        while remaining:
            name = self.owner.get(remaining[0])
            parts = self.model.parts.get(name, ())
            if name is None or list(parts) != remaining[: len(parts)]:
                raise UserError(f"{self.folder}: linear {remaining[0]}: found no quantised one, allowed linears that "
                                f"cover {', '.join(outputs)} in this order")  # fmt: skip
            linear, width = self.model.linears[name], sum(outputs[part] for part in parts)
            if linear.shape != (width, inputs):
                found = "{} outputs and {} inputs".format(*linear.shape)
                raise UserError(f"{self.folder}: {name}: found {found}, allowed {width} and {inputs}")
            self._kind(linear)(name, linear, src, dst, residual or 0, flags)
            self.used.add(name)
            dst, remaining = dst + width, remaining[len(parts) :]

    def _kind(self, linear: WvqLinear | CovqLinear):
        """The method that makes the descriptors of a linear."""
        if isinstance(linear, WvqLinear):
            return self._synth
        return self._gather if self.plan.hardware.gather else self._table

    def check_all_used(self) -> None:
        """Refuse a linear that the model has no place for."""
        unused = sorted(set(self.model.linears) - self.used)
        if unused:
            raise UserError(f"{self.folder}: found linear {unused[0]}, allowed those of the source model")

    def _pairs(self, name: str, linear) -> Place:
        return self.plan.reserve("pairs", 4 * len(linear.pairs), lambda: self._get(name).pairs.astype("<u2").tobytes())

    def _get(self, name: str):
        return self.model.linears[name]

    def _synth(self, name: str, linear: WvqLinear, src: int, dst: int, residual: int, flags: int) -> None:
        plan, hardware = self.plan, self.plan.hardware
        outputs, inputs = linear.shape
        self._fits(name, linear.centroids <= hardware.centroids, f"{linear.centroids} centroids", hardware.centroids)
        room, largest = hardware.units * hardware.slots, min(linear.group, outputs)
        self._fits(name, largest <= room, f"groups of {largest} outputs", room)
        self._fits_blocks(name, linear)
        subsets = choose_subsets(linear, hardware)
        beats = stream_beats(linear, subsets, hardware)
        stream = plan.reserve_streams(beats, lambda: pack_streams(self._get(name), subsets, hardware))
        scales = plan.reserve("scales", 4 * outputs, lambda: self._get(name).out_scale.astype("<f4").tobytes())
        plan.emit(
            LinearSynth, name, src, dst, residual, inputs, outputs, self._pairs(name, linear), scales,
            stream, beats, linear.idx.shape[0], linear.group, linear.centroids, linear.act_bits, subsets, flags=flags,
        )  # fmt: skip

    def _gather(self, name: str, linear: CovqLinear, src: int, dst: int, residual: int, flags: int) -> None:
        """Gather of the whole linear, behind a Search if the input has not been searched."""
        plan, hardware, outputs = self.plan, self.plan.hardware, linear.shape[0]
        self._fits_table(name, linear)
        if self.searched != self.model.inputs[name]:
            self.searched = self.model.inputs[name]
            self._search(name, linear, src, flags & ~RESIDUAL & ~LOGITS)
        subsets = linear_gather.choose_subsets(linear, hardware)
        packets, rows = linear_gather.gather_beats(linear, subsets, hardware)
        stream = plan.reserve_streams(
            packets + rows, lambda: linear_gather.pack_gather(self._get(name), subsets, hardware)
        )
        starts = plan.reserve("starts", 4 * outputs, lambda: self._get(name).start.astype("<i4").tobytes())
        scales = plan.reserve("scales", 4 * outputs, lambda: self._get(name).out_scale.astype("<f4").tobytes())
        plan.emit(
            Gather, name, dst, residual, outputs, starts, scales, stream, packets, len(linear.pairs), GROUP, subsets,
            flags=flags,
        )  # fmt: skip

    def _search(self, name: str, linear: CovqLinear, src: int, flags: int) -> None:
        plan, (_, inputs) = self.plan, linear.shape
        positions, hardware = len(linear.pairs), plan.hardware
        named = np.bincount(linear.pairs.reshape(-1), minlength=inputs)
        other = int(np.argmax(named != 1))
        self._fits(name, (named == 1).all(), f"input {other} in {named[other]} positions", "every input in one")
        shared = self.inputs.setdefault(self.model.inputs[name], {})
        if not shared:
            shared["pairs"] = self._pairs(name, linear)
            shared["scales"] = plan.reserve("act_scales", 4 * inputs, lambda: _input_scales(self._get(name)).tobytes())
        beats = linear_gather.search_beats(positions, hardware)
        stream = plan.reserve_streams(beats, lambda: linear_gather.pack_search(self._get(name).a_cent, hardware))
        plan.emit(Search, name, src, inputs, shared["pairs"], shared["scales"], stream, beats, positions, flags=flags)

    def _table(self, name: str, linear: CovqLinear, src: int, dst: int, residual: int, flags: int) -> None:
        """One descriptor a group; the linears of one input share codebook and search."""
        plan = self.plan
        positions, groups, centroids, k = linear.table.shape
        self._fits_table(name, linear)
        shared = self.inputs.setdefault(self.model.inputs[name], {})
        if not shared:
            shared["pairs"] = self._pairs(name, linear)
            shared["act_exp"] = plan.reserve("act_exp", positions, lambda: self._get(name).a_exp.tobytes())
            shared["codebook"] = plan.reserve(
                "codebooks", 2 * positions * centroids, lambda: self._get(name).a_cent.tobytes()
            )
        stride = row_stride(groups, k)
        gather = plan.reserve(
            "gather",
            positions * centroids * stride,
            lambda: pack_gather_table(self._get(name).table.transpose(0, 2, 1, 3)),
        )
        scales = plan.reserve("scales", 4 * linear.shape[0], lambda: self._get(name).out_scale.astype("<f4").tobytes())
        for g, columns in enumerate(group_slices(linear.shape[0])):
            search = SEARCH if self.searched != self.model.inputs[name] else 0
            self.searched = self.model.inputs[name]
            packet, beats = self._packet(name, linear, g)
            table = plan.reserve(
                "tables", positions * centroids * k, lambda g=g: pack_table_stream(self._get(name).table[:, g])
            )
            plan.emit(
                LinearTable, name, src, dst + columns.start, residual + columns.start, shared["pairs"],
                shared["act_exp"], shared["codebook"], packet, beats, gather, table,
                Place(scales.section, scales.offset + 4 * columns.start), linear.shape[1], positions,
                columns.stop - columns.start, stride, g * k, flags=flags | search,
            )  # fmt: skip

    def _packet(self, name: str, linear: CovqLinear, g: int) -> tuple[Place, int]:
        """Room for the packet of a group, and its beats."""
        units, lanes = self.plan.hardware.units, self.plan.hardware.lanes
        size = len(pack_packet(linear, g, units, lanes))
        place = self.plan.reserve("packets", size, lambda: pack_packet(self._get(name), g, units, lanes))
        return place, size // self.plan.hardware.beat_bytes

    def _fits_blocks(self, name: str, linear: WvqLinear | CovqLinear) -> None:
        """A block's positions are looked up in one cycle and shifted together."""
        positions, lanes = len(linear.pairs), self.plan.hardware.lanes
        self._fits(name, positions % lanes == 0, f"{positions} positions", f"multiples of {lanes}")
        self._fits(name, positions <= MAX_POSITIONS, f"{positions} positions", f"up to {MAX_POSITIONS}")
        self._fits(name, linear.shape[1] <= MAX_INPUTS, f"{linear.shape[1]} inputs", f"up to {MAX_INPUTS}")
        blocks = linear.exp.reshape(-1, lanes, linear.exp.shape[1])
        self._fits(name, (blocks == blocks[:, :1]).all(), "two exponents in a block", f"one for {lanes} positions")

    def _fits_table(self, name: str, linear: CovqLinear) -> None:
        """What `lutloom.linear_covq` lays out: its beats, its centroids, its groups."""
        hardware, (_, _, act_centroids, centroids) = self.plan.hardware, linear.table.shape
        self._fits_blocks(name, linear)
        self._fits(name, hardware.beat_bytes == BEAT_BYTES, f"a covq linear for {BEAT_BYTES}-byte beats",
                   f"wvq linears with beats of {hardware.beat_bytes}")  # fmt: skip
        self._fits(name, centroids <= hardware.centroids, f"{centroids} centroids", hardware.centroids)
        self._fits(
            name, act_centroids <= hardware.act_centroids, f"{act_centroids} activation centroids",
            hardware.act_centroids,
        )  # fmt: skip
        room, largest = hardware.units * hardware.slots, min(GROUP, linear.shape[0])
        self._fits(name, largest <= room, f"groups of {largest} outputs", room)

    def _fits(self, name: str, fits: bool, found: str, allowed) -> None:
        if not fits:
            raise UserError(f"{self.folder}: {name}: found {found}, allowed {allowed} by the hardware")


def _input_scales(linear: CovqLinear) -> np.ndarray:
    """2^-a_exp of the one position that names an input: float32 [K]."""
    scales = np.empty(linear.shape[1], "<f4")
    scales[linear.pairs] = activation_scale(linear.a_exp)[:, None]
    return scales
