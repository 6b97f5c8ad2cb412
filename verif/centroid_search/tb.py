"""Testbench of centroid_search: codebooks and vectors in, indices out, compared with golden/centroid_search.py."""

import cocotb
import numpy as np
import pyuvm
from pyuvm import uvm_env

from lutloom.centroid_search import METRICS, centroid_search
from verif.centroid_search import stimuli
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure, parameters

DEFAULTS = {"Centroids": 64, "Units": 16, "ChainLen": 1, "BeatW": 256, "ActW": 8, "Metric": 0}
STALLS = ["none", "input", "output", "both"]

coverage = Coverage(
    "centroid_search",
    {
        "metric": METRICS,
        "count": [16, 32, 64],  # runtime centroid count
        "row": ["count below Units", "one row", "several rows"],
        "beat": ["part of a row", "one row", "several rows"],
        "winner": ["first", "last", "between"],
        "tie": ["none", "same unit", "same row", "different row and unit", "all equal"],
        "values": ["lowest", "highest", "largest distance"],
        "codebook": ["streaming", "held"],
        "ring": ["full", "empty"],
        "stall": STALLS,
        "reset": ["while searching", "while loading"],
    },
)


class Shape:
    """The build's parameters and what the RTL header promises for them."""

    def __init__(self):
        for name, value in (DEFAULTS | parameters()).items():
            setattr(self, name, int(value))
        self.metric = METRICS[self.Metric]
        self.per_beat = self.BeatW // (2 * self.ActW)
        self.Banks = int(parameters().get("Banks", max(2, 32 * self.Units // self.Centroids)))
        self.low, self.high = -(1 << self.ActW - 1), (1 << self.ActW - 1) - 1
        least = max(self.per_beat, min(16, self.Centroids))
        self.counts = [1 << n for n in range(9) if least <= 1 << n <= self.Centroids]

    def rows(self, count: int) -> int:
        return max(1, count // self.Units)

    def latency(self, count: int) -> int:
        levels = (self.Units // self.ChainLen).bit_length() - 1
        return self.rows(count) + self.ChainLen + levels + 5

    def load_latency(self) -> int:
        return 1 + max(1, self.per_beat // self.Units)

    def period(self, count: int) -> int:
        """Cycles per codebook when streaming, if the ring hides the pipeline; else 0 (no promise)."""
        beats = count // self.per_beat
        period = max(beats, self.rows(count))
        need = self.rows(count) * (1 - (-(beats + self.ChainLen + 3) // period))
        return period if self.Banks * self.Centroids // self.Units >= need else 0

    def beats(self, codebook: np.ndarray) -> list[tuple[int, int, int]]:
        """int [c, 2] -> words (tdata, tlast, centroids_i)."""
        count, width = len(codebook), 2 * self.ActW
        points = [self.point(row) for row in codebook]
        words = []
        for start in range(0, count, self.per_beat):
            end = start + self.per_beat
            data = sum(p << (i * width) for i, p in enumerate(points[start:end]))
            words.append((data, int(end == count), count))
        return words

    def point(self, x) -> int:
        mask = (1 << self.ActW) - 1
        return (int(x[0]) & mask) | (int(x[1]) & mask) << self.ActW


class SearchEnv(uvm_env):
    """Two sources, one sink; `expect` asks the golden model."""

    stalls = (Stall.none(), Stall.none(), Stall.none())  # codebooks, vectors, indices

    def build_phase(self):
        dut = cocotb.top
        # the runtime count is sampled with the first beat, so it travels like a payload field
        beats = {"data": "s_axis_cb_tdata", "last": "s_axis_cb_tlast", "count": "centroids_i"}
        cb = StreamBus(dut, "s_axis_cb", "s_axis_cb_tvalid", "s_axis_cb_tready", beats)
        self.cb = make_agent(self, "cb", cb, "source", self.stalls[0])
        self.vec = make_agent(self, "vec", StreamBus.axis(dut, "s_axis_vec", "data last"), "source", self.stalls[1])
        self.idx = make_agent(self, "idx", StreamBus.axis(dut, "m_axis_idx", "data last"), "sink", self.stalls[2])
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.idx.ap.connect(self.scoreboard.analysis_export)


class SearchTest(CoreTest):
    stalls = (False, False)  # inputs, output

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        into, out = self.stalls
        picks = (Stall.pick(into, self.seed), Stall.pick(into, self.seed + 1), Stall.pick(out, self.seed))
        SearchEnv.stalls = picks
        self.env = SearchEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def words(self, jobs):
        """Jobs (codebook [c, 2], vectors [n, 2]) -> codebook words, vector words, expected words; counts coverage."""
        beats, vectors, expected = [], [], []
        for codebook, points in jobs:
            index = centroid_search(points, codebook, self.shape.metric)
            last = [0] * (len(points) - 1) + [1]
            beats += self.shape.beats(codebook)
            vectors += zip(map(self.shape.point, points), last, strict=True)
            expected += zip(map(int, index), last, strict=True)
            stimuli.cover(coverage, self.shape, codebook, points, index)
        return beats, vectors, expected

    async def play(self, jobs, limit=40_000):
        beats, vectors, expected = self.words(jobs)
        self.env.scoreboard.expect(expected)
        loading = cocotb.start_soon(self.env.cb.send(beats))
        await self.env.vec.send(vectors)
        await loading
        await self.env.scoreboard.drain(self.dut.clk_i, limit)

    async def stimulus(self):
        await self.play(stimuli.mixed(self.np_rng, self.shape, 40))
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])
        coverage.hit("metric", self.shape.metric)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class NoStall(SearchTest):
    pass


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class InputStalls(SearchTest):
    stalls = (True, False)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class OutputStalls(SearchTest):
    stalls = (False, True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class BothStall(SearchTest):
    stalls = (True, True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Corners(SearchTest):
    """Extremes, equal centroids, a tie of every pair of indices (a sample of the pairs for 64), first and last."""

    async def stimulus(self):
        await self.play(stimuli.corners(self.np_rng, self.shape))


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Promises(SearchTest):
    """Latency and throughput of the RTL header, for every runtime count."""

    async def stimulus(self):
        for count in self.shape.counts:
            await self.latency(count)
            await self.held(count)
            await self.streaming(count)

    def jobs(self, count, books, vectors):
        return [stimuli.uniform(self.np_rng, self.shape, count, vectors) for _ in range(books)]

    async def latency(self, count):
        env = self.env
        await self.play(self.jobs(count, 1, 1))  # the vector waits for its codebook here
        loaded, taken = env.cb.monitor.cycles[-1], env.vec.monitor.cycles[-1]
        measure(f"latency codebook to vector, c={count}", taken - loaded, self.shape.load_latency())
        measure(f"latency, c={count}", env.idx.monitor.cycles[-1] - taken, self.shape.latency(count))

    async def held(self, count):
        await self.play(self.jobs(count, 1, 64))
        out = self.env.idx.monitor.cycles[-64:]
        rate = (len(out) - 1) / (out[-1] - out[0])
        measure(f"throughput held, c={count}", rate, 1 / self.shape.rows(count), "vectors/cycle", True)

    async def streaming(self, count):
        books = 64
        await self.play(self.jobs(count, books, 1))
        period = self.shape.period(count)
        if period:
            out = self.env.idx.monitor.cycles[-books:]
            rate = (books - 1) / (out[-1] - out[0])
            measure(f"throughput streaming, c={count}", rate, 1 / period, "codebooks/cycle", True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class RunAhead(SearchTest):
    """Codebooks run ahead of the vectors until the ring is full; vectors wait for codebooks when it is empty."""

    async def stimulus(self):
        for count in self.shape.counts:
            capacity = self.shape.Banks * self.shape.Centroids // max(count, self.shape.Units)
            jobs = [stimuli.uniform(self.np_rng, self.shape, count, 2) for _ in range(capacity + 4)]
            beats, vectors, expected = self.words(jobs)
            self.env.scoreboard.expect(expected)
            before = len(self.env.cb.monitor.cycles)
            loading = cocotb.start_soon(self.env.cb.send(beats))
            await self.cycles(len(beats) * self.shape.load_latency() + 20)
            taken = len(self.env.cb.monitor.cycles) - before
            promised = capacity * (count // self.shape.per_beat)
            assert taken == promised, f"c={count}: {taken} beats ran ahead, the ring holds {promised}"
            coverage.hit("ring", "full")
            await self.env.vec.send(vectors)
            await loading
            await self.env.scoreboard.drain(self.dut.clk_i, 1000)

            beats, vectors, expected = self.words(jobs[:2])
            self.env.scoreboard.expect(expected)
            before = len(self.env.vec.monitor.cycles)
            sending = cocotb.start_soon(self.env.vec.send(vectors))
            await self.cycles(20)
            assert len(self.env.vec.monitor.cycles) == before, "a vector was taken without a codebook"
            coverage.hit("ring", "empty")
            await self.env.cb.send(beats)
            await sending
            await self.env.scoreboard.drain(self.dut.clk_i, 1000)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Reset(SearchTest):
    """A reset in mid-flight forgets codebooks, vectors and results; the core works afterwards."""

    async def stimulus(self):
        for point in ["while searching"] * 3 + ["while loading"] * 3:
            beats, vectors, expected = self.words(stimuli.mixed(self.np_rng, self.shape, 6))
            loading = cocotb.start_soon(self.env.cb.send(beats))
            if point == "while searching":
                self.env.scoreboard.expect(expected)
                sending = cocotb.start_soon(self.env.vec.send(vectors))
            first = len(self.env.vec.monitor.cycles)
            await self.cycles(self.rng.randint(3, 7))
            while point == "while searching" and len(self.env.vec.monitor.cycles) == first:
                await self.cycles(1)
            await self.cycles(self.rng.randint(0, 6))
            self.env.scoreboard.flush()
            await self.reset()
            coverage.hit("reset", point)
            await loading
            if point == "while searching":
                await sending
            assert self.dut.m_axis_idx_tvalid.value == 0, "a result survived the reset"
            await self.play(stimuli.mixed(self.np_rng, self.shape, 4))
