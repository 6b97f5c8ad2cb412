"""Parameters that the time of a token depends on, and memory ports in time. See `lutloom.estimate_machine`."""

import math
from bisect import bisect_right
from dataclasses import dataclass

from lutloom.hardware import Hardware

# --- memory: docs/hbm2e.md, its table of figures; nanoseconds unless said otherwise -----------------------------------
NOC, FAR = 200, 150  # there and back; more to another pseudo-channel
ROW_AND_COLUMN = 12 + 18 + 2 * 0.625  # tRCDRD, tCL and the data of a lone read
REFRESH, REFRESH_EVERY = 450, 3900  # tRFC, tREFI
# Two ports of a pseudo-channel: what a read waits for others in the controller, ns, and what share of the channel's
# rate both have. In the same banks they close each other's rows. From the rates measured in docs/hbm2e.md.
BANK_ROUND, ROWS = 16384, 4096  # bytes until a bank comes again, and of the four rows that are in use at a time
OTHER_BANKS = 50, 1 - REFRESH / REFRESH_EVERY
SAME_BANKS = 170, 0.74
LONE = 0.24  # of a pseudo-channel's rate: beats from random places, docs/hbm2e.md
CHANNEL_BYTES_A_NS = 25.6  # of a pseudo-channel, which two ports share
WINDOW_BEATS = 128  # in flight at most: hbm_streamer's WindowBytes, and the window of the port
BURST = 16  # beats: hbm_streamer's MaxBurstBytes
STREAMER = 8  # hbm_streamer: descriptor to first beat, beside the memory
# Of a port whose reads go to all pseudo-channels: ns until a window of beats has come. One of the channels is being
# refreshed most of the time, and beats come in order; where streams read they wait for these, too. See docs/hbm2e.md.
FAR_WINDOW, FAR_STREAMS, PORTS = 640, 110, 64
FIXED_LATENCY = 75  # of verif/lib/axi_memory.sv


@dataclass(frozen=True)
class Machine:
    """What the time of a token depends on beside its program. Names as the RTL's parameters in snake case."""

    hardware: Hardware
    stream_beats: int = 512  # run-ahead of each weight stream
    max_hidden: int = 256
    max_positions: int = 1024
    max_head_dim: int = 64
    q_heads: int = 2
    drain_w: int | None = None  # sums that a slice delivers a cycle; default accel_core's
    clock: float = 250  # MHz of accelerator and ports; the HBM has its own time
    memory: str = "hbm"  # or "fixed", see lutloom perf
    apart: int = 0  # bytes from one port's memory to the next one's; the card's windows are multiples of BANK_ROUND

    @property
    def lanes(self) -> int:
        """Values of a line of the frame."""
        return 16 * self.hardware.kv_ways

    @property
    def drain(self) -> int:
        """SynthDrainW of accel_core, unless given."""
        return self.drain_w or (8 if self.lanes > 16 else 2)

    def latency(self, far: bool) -> float:
        """Cycles of a lone read."""
        if self.memory == "fixed":
            return FIXED_LATENCY
        return (NOC + ROW_AND_COLUMN + far * FAR) * self.clock / 1000

    @property
    def refresh_left(self) -> float:
        """Cycles that the refresh begun last still takes, on average: what the slowest of all ports waits for.

        Pseudo-channels take turns, at equal times.
        """
        if self.memory == "fixed":
            return 0.0
        pause, turn = REFRESH * self.clock / 1000, REFRESH_EVERY * self.clock / 1000 / max(1, self.hardware.slices // 2)
        return pause - turn / 2 if turn < pause else pause**2 / turn / 2

    @property
    def stream_rate(self) -> float:
        """Beats a cycle of a stream: it stays as far from its neighbour's as their memories are apart."""
        apart = self.apart % BANK_ROUND
        return self.efficiency(*(OTHER_BANKS if ROWS <= apart <= BANK_ROUND - ROWS else SAME_BANKS))

    @property
    def far_rate(self) -> float:
        """Beats a cycle of a port that reads from all pseudo-channels, beside as many streams as there are slices."""
        if self.memory == "fixed":
            return 1.0
        return min(1.0, WINDOW_BEATS / (FAR_WINDOW + FAR_STREAMS * self.hardware.slices / PORTS) / self.clock * 1000)

    @property
    def gather_rate(self) -> float:
        """Beats a cycle of a stream with the rows of its blocks between: each is a beat at a place of its own.

        A lone beat takes as long as 1 / LONE sequential ones, and closes the rows of the stream: there is nothing left
        to catch up with behind a refresh.
        """
        stream, rows = self.hardware.slots * self.hardware.units * self.hardware.lanes // 64, self.hardware.lanes
        channel = OTHER_BANKS[1] * (stream + rows) / (stream + rows / LONE)
        return self.efficiency(math.inf, channel)

    @property
    def kv_rate(self) -> float:
        """Beats a cycle of keys, or values: of the two readers one is ahead by anything that its buffer holds.

        That is a round of the banks: half of the time both are in the same ones. Behind a refresh they wait as there:
        their window is no larger than the port's, so no burst waits at the memory for its places.
        """
        return self.efficiency(SAME_BANKS[0], (SAME_BANKS[1] + OTHER_BANKS[1]) / 2)

    def efficiency(self, queue: float, channel: float) -> float:
        """Beats a cycle of a port that reads all the time, beside another one of its pseudo-channel.

        A refresh stops the pseudo-channel. What was asked for meanwhile comes faster behind it, but no more than the
        window has beside the reads that are on their way, which take `queue` ns more than a lone one. And both ports
        have no more than the share `channel` of the pseudo-channel's rate.
        """
        if self.memory == "fixed":
            return 1.0
        period, pause = REFRESH_EVERY * self.clock / 1000, REFRESH * self.clock / 1000
        lost = pause + self.latency(far=False) + queue * self.clock / 1000 - WINDOW_BEATS
        beats = CHANNEL_BYTES_A_NS * 1000 / self.clock / self.hardware.beat_bytes / min(2, self.hardware.slices)
        return min(1 - max(0.0, min(lost, pause)) / period, channel * beats)


class Port:
    """A reading port: a beat a cycle times `efficiency`, as far ahead as its buffer has room."""

    def __init__(self, latency: float, efficiency: float, buffer: int):
        self.latency, self.efficiency, self.buffer = latency + STREAMER, efficiency, buffer
        self.count, self.time = 0, 0.0  # beats asked for; when the last one came
        self.taken_counts, self.taken_times = [0], [0.0]  # beats that have left the buffer, and when
        self.others: list[list[float]] = []  # what keys and values want: from when on, for how many cycles

    def room(self) -> float:
        """When the beat asked for last has its place in the buffer; of more beats than it holds, when it is empty."""
        at = self.count - self.buffer
        if at <= 0:
            return 0.0
        return self.taken_times[min(bisect_right(self.taken_counts, at - 1), len(self.taken_times) - 1)]

    def read(self, beats: int, request: float) -> float:
        """When these beats, which follow those before, have come."""
        self.count += beats
        begin = max(self.time, request + self.latency, self.room() + self.latency - beats / self.efficiency)
        self.time = self._free(begin, beats / self.efficiency)
        return self.time

    def take(self, time: float) -> None:
        """All beats asked for have left the buffer."""
        self.taken_counts.append(self.count)
        self.taken_times.append(time)

    def share(self, begin: float, cycles: float) -> None:
        """Keys and values have the port to themselves for so many cycles."""
        self.others.append([begin, cycles])

    def _free(self, begin: float, cycles: float) -> float:
        """The end of so many cycles of a port that keys and values use too."""
        while self.others and begin + cycles > self.others[0][0]:
            first, left = self.others.pop(0)
            if begin < first:
                cycles -= first - begin
                begin = first
            begin = max(begin, first + left)
        return begin + cycles


def pieces(beats: int) -> list[int]:
    """Bursts of a read."""
    return [min(BURST, beats - at) for at in range(0, beats, BURST)]
