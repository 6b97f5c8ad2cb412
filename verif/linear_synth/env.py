"""The environment of linear_synth's testbench: commands, activations and pairs in, accumulators and scales out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from functools import partial

import cocotb
import numpy as np
from cocotb.handle import Immediate
from pyuvm import uvm_env

from lutloom.covq import CovqLinear
from lutloom.hardware import Hardware
from lutloom.linear_gather import (
    gather_beats,
    gather_command,
    linear_gather,
    pack_gather,
    pack_search,
    search_command,
)
from lutloom.linear_synth import Command, command, linear_synth, pack_streams
from lutloom.wvq import WvqLinear
from verif.lib.tb import CoreTest, Scoreboard, Stall, StreamBus, make_agent

CONTROLS = ("clear_i", "latency_i", "ar_stall_i", "r_gap_i", "err_en_i", "err_addr_i", "load_i")
BASE = 4096  # of the first port's stream


class Env(uvm_env):
    """Three sources, two sinks, a scoreboard for each sink."""

    stall_in = stall_out = None
    seed = 0

    def build_phase(self):
        dut = cocotb.top
        fields = {name: f"s_cmd_{name}" for name in Command.__dataclass_fields__}
        sources = {
            "commands": StreamBus(dut, "cmd", "s_cmd_tvalid", "s_cmd_tready", fields),
            "vectors": StreamBus.axis(dut, "s_axis", "data last"),
            "factors": StreamBus.axis(dut, "s_axis_factor"),
            "pairs": StreamBus.axis(dut, "s_axis_pairs", "data last"),
        }
        for n, (name, bus) in enumerate(sources.items()):
            stall = Stall.pick(self.stall_in and name != "commands", self.seed + n)
            setattr(self, name, make_agent(self, name, bus, "source", stall))
        stall = Stall.pick(self.stall_out, self.seed + 7)
        self.acc = make_agent(self, "acc", StreamBus.axis(dut, "m_axis_acc", "data last"), "sink", stall)
        stall = Stall.pick(self.stall_out, self.seed + 8)
        self.scale = make_agent(self, "scale", StreamBus.axis(dut, "m_axis_act"), "sink", stall)
        self.sums = Scoreboard("sums", self)
        self.scales = Scoreboard("scales", self)

    def connect_phase(self):
        self.acc.ap.connect(self.sums.analysis_export)
        self.scale.ap.connect(self.scales.analysis_export)


class Placed:
    """A linear with its command and where its streams lie."""

    def __init__(self, linear: WvqLinear, subsets: int, hardware: Hardware, stream: int):
        self.linear, self.subsets, self.inputs = linear, subsets, linear.inputs
        self.streams = pack_streams(linear, subsets, hardware)
        self.command = command(linear, subsets, stream, self.streams.shape[1])


class PlacedSearch:
    """The centroids of a covq linear's input."""

    def __init__(self, linear: CovqLinear, hardware: Hardware, stream: int):
        self.linear, self.inputs = linear, linear.shape[1]
        self.streams = pack_search(linear.a_cent, hardware)
        self.command = search_command(linear, stream, self.streams.shape[1])


class PlacedGather:
    """A covq linear whose input was searched."""

    def __init__(self, linear: CovqLinear, subsets: int, hardware: Hardware, stream: int):
        self.linear, self.subsets = linear, subsets
        self.streams = pack_gather(linear, subsets, hardware)
        self.command = gather_command(linear, subsets, stream, gather_beats(linear, subsets, hardware)[0])


class LinearTest(CoreTest):
    """Base: an image of some linears, commands on them, what must come out. `width` values are in a beat."""

    width = 16

    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        for name in CONTROLS:
            getattr(self.dut, name).set(Immediate(0))
        self.dut.seed_i.set(Immediate(self.seed & 0xFFFF))
        self.dut.port_base_i.set(Immediate(BASE))
        self.dut.port_stride_i.set(Immediate(BASE))
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))
        Env.stall_in, Env.stall_out = self.stalls
        Env.seed = self.seed
        self.env = Env("env", self)

    def place(self, hardware: Hardware, linears: Iterable[tuple[WvqLinear, int]], image) -> list[Placed]:
        """Lay out linears with their numbers of subsets, one behind the other, as the file `image`."""
        return self.lay_out([partial(Placed, linear, subsets, hardware) for linear, subsets in linears], image)

    def lay_out(self, makers: Iterable[Callable], image) -> list:
        """The same for anything with a command and streams; a maker is told its first beat."""
        self.placed, stream = [], 3  # not at the border of a burst
        for maker in makers:
            self.placed.append(maker(stream))
            stream += self.placed[-1].streams.shape[1]
        self.stride = -(-stream * 32 // 4096) * 4096
        self.image = image
        return self.placed

    async def load(self, changes: dict[tuple[int, int], bytes] | None = None) -> None:
        """Write the image, with (slice, byte of its stream) -> other bytes, and load it."""
        slices = len(self.placed[0].streams)
        data = np.zeros(BASE + slices * self.stride, np.uint8)
        for placed in self.placed:
            for s, stream in enumerate(placed.streams):
                first = self.address(s, placed.command.stream)
                data[first : first + stream.size] = stream.reshape(-1)
        assert len(data) <= self.param("MemBytes"), f"the image has {len(data)} bytes"
        for (s, byte), text in (changes or {}).items():
            first = self.address(s, 0) + byte
            data[first : first + len(text)] = np.frombuffer(text, np.uint8)
        self.image.write_bytes(data.tobytes())
        self.dut.port_stride_i.value = self.stride
        await self.pulse("load_i")

    def address(self, s: int, beat: int) -> int:
        return BASE + s * self.stride + 32 * beat

    def expect(self, placed: Placed | PlacedSearch | PlacedGather, x: np.ndarray | None) -> None:
        """Put what must come for a command to the scoreboards; a search is remembered for the gathers behind it."""
        scale = np.empty(0, np.float32)
        if isinstance(placed, PlacedSearch):
            self.found = placed.linear.search(x[None])
            return
        if isinstance(placed, PlacedGather):
            acc = linear_gather(self.found, placed.linear)
        else:
            acc, scale = linear_synth(np.atleast_2d(x), placed.linear)
        lines = np.pad(acc.astype("<i4"), ((0, 0), (0, -acc.shape[1] % self.width))).reshape(len(acc), -1, self.width)
        beats = lines.swapaxes(0, 1).reshape(-1, self.width)  # a line of every token, then the next one
        last = len(beats) - 1
        self.env.sums.expect([(int.from_bytes(b.tobytes(), "little"), int(i == last)) for i, b in enumerate(beats)])
        self.env.scales.expect([int(bits) for bits in scale.astype("<f4").view("<u4")])

    def vectors(self, placed: Placed, tokens: int) -> np.ndarray:
        return np.stack([self.vector(placed) for _ in range(tokens)])

    def vector(self, placed: Placed) -> np.ndarray:
        return (self.np_rng.normal(0, 1, placed.inputs) * 2.0 ** self.np_rng.integers(-9, 9)).astype(np.float32)

    async def play(self, work: list[tuple[Placed, np.ndarray]], cycles: int = 60_000) -> None:
        """All commands, vectors and lists as fast as they are taken; until everything has come."""
        for placed, x in work:
            self.expect(placed, x)
        tasks = self.start(work)
        await self.env.sums.drain(self.dut.clk_i, cycles)
        await self.env.scales.drain(self.dut.clk_i, 1000)
        for task in tasks:
            await task

    def start(self, work: list[tuple[Placed, np.ndarray]]) -> list:
        env, rng = self.env, self.np_rng
        vectors = [v for _, x in work if x is not None for v in np.atleast_2d(x)]
        searches = [p for p, _ in work if isinstance(p, PlacedSearch)]
        return [
            cocotb.start_soon(agent.send(words))
            for agent, words in (
                (env.commands, [astuple(replace(p.command, tokens=tokens_of(x))) for p, x in work]),
                (env.pairs, [word for p, x in work if x is not None for word in pair_words(p.linear.pairs, rng)]),
                (env.vectors, [w for v in vectors for w in vector_words(v, rng, self.width)]),
                (env.factors, [w for p in searches for w in factor_words(p.linear, rng, self.width)]),
            )
        ]

    async def reported(self, what: str) -> tuple[tuple[int, int], tuple[int, int]]:
        """Wait for the error that `what` must give: its (source, cause) and (slice, address)."""
        dut = self.dut
        for _ in range(6000):
            await self.cycles(1)
            if dut.error_o.value == 1:
                break
        else:
            raise AssertionError(f"{what}: no error was reported")
        names = ("source", "cause", "slice", "addr")
        source, cause, s, address = (getattr(dut, f"error_{name}_o").value.to_unsigned() for name in names)
        return (source, cause), (s, address)

    async def restart(self) -> None:
        """Clear, after which nothing is left of what went before."""
        await self.pulse("clear_i")
        await self.idle(3000)
        assert self.dut.error_o.value == 0
        self.env.sums.muted = self.env.scales.muted = False

    async def break_off(self, work: list, wait: int, clear: bool) -> None:
        """Begin `work`; after `wait` cycles a clear, or a reset."""
        self.env.sums.muted = self.env.scales.muted = True
        tasks = self.start(work)
        await self.cycles(wait)
        await self.withdraw(tasks)
        if not clear:
            await self.reset()
            self.env.sums.muted = self.env.scales.muted = False
        else:
            await self.restart()

    async def withdraw(self, tasks: list) -> None:
        """Take the agents off their streams."""
        for agent in (self.env.commands, self.env.vectors, self.env.factors, self.env.pairs):
            agent.abort()
        for task in tasks:
            await task

    def port_beats(self) -> list[int]:
        value = self.dut.beats_o.value.to_unsigned()
        return [value >> 32 * s & 0xFFFFFFFF for s in range(len(self.placed[0].streams))]


def tokens_of(x: np.ndarray | None) -> int:
    """Of a command with these vectors; a gather has none."""
    return 1 if x is None else len(np.atleast_2d(x))


def factor_words(linear: CovqLinear, rng: np.random.Generator, width: int) -> list[int]:
    """tdata beats: 2^-a_exp of the position of every input."""
    factors = np.empty(linear.shape[1], np.float32)
    factors[linear.pairs] = np.ldexp(np.float32(1), -linear.a_exp.astype(np.int32))[:, None]
    return [data for data, _ in vector_words(factors, rng, width)]


def vector_words(x: np.ndarray, rng: np.random.Generator, width: int) -> list[tuple[int, int]]:
    """float32 [K] -> (tdata, tlast) beats; what stands behind the last value must not matter."""
    bits = np.concatenate((x.astype("<f4").view("<u4"), rng.integers(0, 1 << 32, -len(x) % width).astype("<u4")))
    beats = bits.reshape(-1, width)
    return [(int.from_bytes(b.tobytes(), "little"), int(i == len(beats) - 1)) for i, b in enumerate(beats)]


def pair_words(pairs: np.ndarray, rng: np.random.Generator) -> list[tuple[int, int]]:
    """int32 [P, 2] -> (tdata, tlast) beats of eight; what stands behind the last pair must not matter."""
    filled = np.concatenate((pairs.astype("<u2"), rng.integers(0, 1 << 16, (-len(pairs) % 8, 2)).astype("<u2")))
    beats = filled.reshape(-1, 16)
    return [(int.from_bytes(b.tobytes(), "little"), int(i == len(beats) - 1)) for i, b in enumerate(beats)]
