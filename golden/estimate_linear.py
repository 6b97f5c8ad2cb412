"""linear_synth in time: two slices stand for all, with the most and the least to do. See `lutloom.estimate_machine`."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from lutloom.estimate_ports import Machine, Port, pieces
from lutloom.linear_synth import codebook_beats, index_beats
from lutloom.program import LinearSynth

# --- linear_synth and the cores in it ---------------------------------------------------------------------------------
GATHER = 6  # linear_synth_gather: 6 + 2 Lanes, and 2 behind the last activations
ROWS = 8  # row_synth: Lanes + 10, two less without shift
BOOK_BEATS = 64  # linear_synth BookBeats: row_synth's ring
INDEX_BEATS = 512
SPLIT_JOB, SPLIT_RUN, SPLIT_COMMAND = 5, 1, 8  # linear_synth_split
LOOKUP_JOB, LOOKUP_RUN = 1, 2  # lut2d_control
FIRST_SUM = 12  # lut2d without start values: first index word of a job's last block to its first output
ROUND = 2  # linear_synth_join
COLLECT = 7  # linear_synth_collect: last chunk of a line to the line
RUNS = 2  # of exponents a group, as the quantiser makes them: the job with the border has two
COMMANDS = 4  # Depth
PLAN_FIRST, PLAN_SLICE = 5, 2  # linear_synth_plan: to the first slice, from slice to slice


@dataclass
class Slice:
    """One slice and its port: what it has read, looked up and delivered so far."""

    machine: Machine
    port: Port
    split: float = 0.0
    row: float = 0.0  # when the next block's row may begin
    lookup: float = 0.0  # when the lookups of the last block are over
    steals: int = 0  # reads that the drain still takes from the lookups
    flushed: float = 0.0  # when the bank that was closed last is drained
    left: int = 0  # beats of its stream
    gathered: bool = False
    rows_done: list[float] = field(default_factory=list)  # of every block
    lookups_done: list[float] = field(default_factory=list)

    def begin(self, d: LinearSynth, ready: float, streams: float, gathered: bool) -> None:
        """A linear: its activations are there at `ready`, its stream is asked for at `streams`."""
        self.split = max(self.split, streams)
        self.row = max(self.row, ready + GATHER + 2 * self.machine.hardware.lanes)
        self.left = d.beats
        self.gathered = gathered  # rows come from the port, and not through the splitter

    def job(self, d: LinearSynth, slots: int, blocks: int, ends: Collection[int], streams: float) -> float:
        """A job whose runs end with the blocks `ends`: when its first sums could leave, the drain apart."""
        hw = self.machine.hardware
        code_beats, idx_beats = codebook_beats(d.centroids, hw), index_beats(d.centroids, slots, hw)
        ring = max(BOOK_BEATS, codebook_beats(hw.centroids, hw)) // code_beats  # blocks that wait there
        queue = max(1, INDEX_BEATS // idx_beats)
        drain = hw.units // self.machine.drain  # cycles of a slot's sums
        rows, lookups = self.rows_done, self.lookups_done
        self.split += SPLIT_JOB - 1
        self.lookup += LOOKUP_JOB
        announced = self.split
        head, first = 1, 0.0
        for block in range(blocks):
            if block == 0 or block - 1 in ends:
                head += 1
                self.split += SPLIT_RUN
                self.lookup += LOOKUP_RUN - 1
            beats = head + code_beats + idx_beats
            arrived = self.port.read(beats, streams)
            self.left -= beats
            # codebooks into the ring, indices into their queue
            place = rows[-ring] if len(rows) >= ring else 0.0
            split = max(self.split + head + code_beats * (not self.gathered), arrived - idx_beats, place)
            half = lookups[-2] - ROWS - hw.lanes if len(lookups) > 1 else 0.0  # of the row memory
            self.row = max(split + 1, self.row, announced + GATHER + 2 * hw.lanes, half) + d.centroids
            place = lookups[-queue] if len(lookups) >= queue else 0.0
            self.split = max(split + idx_beats, arrived, place)
            self.port.take(self.split)
            rows.append(self.row)
            first = max(self.lookup, self.row + ROWS + hw.lanes, self.split - idx_beats + 1)
            stolen = min(self.steals, -(-slots // drain)) if first < self.flushed else 0
            self.steals -= stolen
            self.lookup = max(first + slots + stolen, self.split + 1)
            lookups.append(self.lookup)
            head = 0
            if block in ends:
                if block < blocks - 1:
                    self.lookup = max(self.lookup, self.flushed)
                self.lookup += 1
                self.steals = slots
                if block < blocks - 1:
                    self.flushed = self.lookup + slots * drain
        del rows[: -ring - 1], lookups[: -2 * queue]
        return max(first + FIRST_SUM, self.flushed)  # behind the lookups of the last block

    def end(self, streams: float) -> None:
        """Zeros up to the longest slice's end."""
        for beats in pieces(self.left):
            self.split = max(self.split + beats, self.port.read(beats, streams))
            self.port.take(self.split)
        self.split += SPLIT_COMMAND


@dataclass
class Linears:
    """The slices that stand for all, and what linears leave behind in them for those that follow."""

    machine: Machine
    slices: Sequence[Slice]  # that with the most to do, that with the least

    joined: float = 0.0
    banks: list[float] = field(default_factory=lambda: [0.0, 0.0])  # when the collector's banks are free
    collected: float = 0.0
    pairs_free: list[float] = field(default_factory=lambda: [0.0, 0.0])  # when each command's pairs were used
    splits: list[float] = field(default_factory=list)  # when each command's last beat was split

    def rounds(
        self,
        d: LinearSynth,
        ready: float,
        streams: float,
        ends: Sequence[Collection[int]] = (),
        gathered: bool = False,
    ) -> Iterator[tuple[float, float, list[int]]]:
        """Rounds of all slices: the first group's job is the largest, the last one's the smallest, if there is one.

        Yields when a round's sums begin to come, the cycles of a line of all its groups, and the groups' outputs.

        ends: the last blocks of the runs of every round's slowest job, where an image says them; gathered: what are
        codebooks in `d` are rows.
        """
        m, hw = self.machine, self.machine.hardware
        blocks = -(-(d.positions // hw.lanes) // d.subsets)
        at_once = hw.slices // d.subsets  # groups of a round
        groups = -(-d.outputs // d.group)
        rounds = -(-groups // at_once)
        drain = hw.units // m.drain  # cycles of a slot's sums
        levels = max(1, math.log2(hw.slices))

        def slots_of(group: int) -> int:
            return max(0, -(-min(d.group, d.outputs - group * d.group) // hw.units))

        def beats_of(slots: int) -> int:
            return codebook_beats(d.centroids, hw) + index_beats(d.centroids, slots, hw)

        spare = d.beats - sum(1 + blocks * beats_of(slots_of(r * at_once)) for r in range(rounds))
        # of the job with most; one in all of them, or the stream would be longer (it has an even number of beats)
        runs = 1 if spare <= rounds else min(max(RUNS, (spare - 1) // rounds), blocks)
        block = max(d.centroids, slots_of(0), index_beats(d.centroids, slots_of(0), hw))
        if not ends and runs == RUNS:  # one border alone, where it costs what the worst of a round's does on average
            flush = slots_of(0) * drain
            ends = [{self.border(flush, block, blocks, at_once, 1 + (r > 0)), blocks - 1} for r in range(rounds)]
        elif not ends:  # evenly
            ends = [{(run + 1) * blocks // runs - 1 for run in range(runs)}] * rounds
        for one in self.slices:
            one.begin(d, ready, streams, gathered)
        for r in range(rounds):
            slots = [slots_of(r * at_once), slots_of((r + 1) * at_once - 1)]
            jobs = [(one, count) for one, count in zip(self.slices, slots, strict=True) if count]
            self.joined = max(self.joined, self.banks[-2]) + ROUND
            left = min(at_once, groups - r * at_once)
            waves = max(1.0, left * m.drain / m.lanes)
            leaves = max(self.joined, *(one.job(d, count, blocks, ends[r], streams) for one, count in jobs))
            self.joined = leaves + slots[0] * drain * waves
            for one, _ in jobs:
                one.flushed = self.joined
            outputs = [min(d.group, d.outputs - (r * at_once + g) * d.group) for g in range(left)]
            yield leaves + levels + COLLECT, waves * m.lanes / m.drain, outputs
            self.banks.append(self.collected)
        self.end(streams)

    def end(self, streams: float) -> None:
        """The last beats of a command, in every slice."""
        for one in self.slices:
            one.end(streams)
        self.splits.append(max(one.split for one in self.slices))
        self.pairs_free.append(max(one.row for one in self.slices))

    @staticmethod
    def border(flush: int, block: float, blocks: int, groups: int, sides: int = 1) -> int:
        """The last block of a job's first run.

        A group's exponents change once, in a block that nobody knows, in one of its jobs; if it is one of the last
        ones, the drain is still busy with the sums up to there when the job ends. If it is one of the first, it is busy
        with those of the round before: 2 `sides` where there is one. The worst of a round's `groups` counts: what it
        waits on average, with borders spread evenly, it waits with this border.
        """
        share = sides * flush / block / blocks  # of a job's blocks, from its ends
        early = 1 if share >= 1 else 1 - (1 - share) ** (groups + 1)
        late = 1 - early / share / (groups + 1)
        return max(0, blocks - 2 - round((1 - late) * flush / block))
