"""Testbench of axi_memory, the memory of system simulations, with hbm_streamer and hbm_writer as its masters."""

import time
from pathlib import Path

import cocotb
import numpy as np
import pyuvm
from cocotb.handle import Immediate
from cocotb.triggers import Timer
from pyuvm import uvm_env

from lutloom.hbm_streamer import Cause
from verif.lib.axi_memory import AxiMemory, Direction
from verif.lib.tb import CLOCK_NS, CoreTest, Scoreboard, StreamBus, make_agent

BEAT = 32
HIGH = 0x3_1234_5000  # more than 32 bits


class MemoryEnv(uvm_env):
    def build_phase(self):
        dut = cocotb.top
        for name in ("read", "write"):
            fields = {"addr": f"s_{name}_addr", "bytes": f"s_{name}_bytes"}
            bus = StreamBus(dut, name, f"s_{name}_tvalid", f"s_{name}_tready", fields)
            setattr(self, name, make_agent(self, name, bus, "source"))
        self.data_in = make_agent(self, "data_in", StreamBus.axis(dut, "s_axis"), "source")
        self.data_out = make_agent(self, "data_out", StreamBus.axis(dut, "m_axis"), "sink")
        done = StreamBus(dut, "m_done", "m_done_tvalid", "m_done_tready", {"cause": "m_done_cause"})
        self.done = make_agent(self, "done", done, "sink")
        self.beats, self.answers = Scoreboard("beats", self), Scoreboard("answers", self)

    def connect_phase(self):
        self.data_out.ap.connect(self.beats.analysis_export)
        self.done.ap.connect(self.answers.analysis_export)


class MemoryTest(CoreTest):
    agents = True

    def build_phase(self):
        super().build_phase()
        self.dut.flood_i.set(Immediate(0))
        self.dut.strobes_i.set(Immediate(0xFFFF_FFFF))
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))
        self.memory = AxiMemory()
        self.memory.erase()
        self.memory.heal()
        self.memory.limit()
        self.memory.settings(0)
        if self.agents:
            self.env = MemoryEnv("env", self)

    def bytes(self, count: int) -> np.ndarray:
        return self.np_rng.integers(0, 256, count, np.uint8)

    def pieces(self, address: int, count: int) -> list[tuple[int, int]]:
        """(address, bytes) of descriptors that cover a range, in order."""
        found = []
        while count:
            size = min(count, BEAT * self.rng.choice((1, 1, 2, 7, 40, 200)))
            found.append((address, size))
            address, count = address + size, count - size
        return found

    @staticmethod
    def words(data: np.ndarray) -> list[int]:
        return [int.from_bytes(beat.tobytes(), "little") for beat in data.reshape(-1, BEAT)]

    async def read(self, address: int, expected: np.ndarray) -> None:
        self.env.beats.expect(self.words(expected))
        await self.env.read.send(self.pieces(address, expected.size))
        await self.env.beats.drain(self.dut.clk_i, 20_000)

    async def write(self, address: int, data: np.ndarray) -> None:
        pieces = self.pieces(address, data.size)
        self.env.answers.expect([0] * len(pieces))
        beats = cocotb.start_soon(self.env.data_in.send(self.words(data)))
        await self.env.write.send(pieces)
        await beats
        await self.env.answers.drain(self.dut.clk_i, 20_000)

    async def until(self, signal, cycles: int = 5000) -> None:
        for _ in range(cycles):
            if signal.value == 1:
                return
            await self.cycles(1)
        raise AssertionError(f"{signal._name} is not 1 after {cycles} cycles")

    async def clear(self) -> None:
        self.dut.clear_i.value = 1
        for agent in (self.env.read, self.env.write, self.env.data_in):
            agent.abort()
        await self.cycles(1)
        self.dut.clear_i.value = 0
        await self.cycles(2)
        await self.until(self.dut.read_idle_o)
        await self.until(self.dut.write_idle_o)
        self.env.beats.flush()
        self.env.answers.flush()


MS = dict(timeout_time=1, timeout_unit="ms")


@pyuvm.test(**MS)
class Traffic(MemoryTest):
    """Reads and writes at once, with every kind of settings, against what Python put there and finds there."""

    async def stimulus(self):
        memory = self.memory
        settings = (-1, -1, -1), (2, 512, 0), (90, 100, 0), (20, 200, 120)
        for number, (latency, rate, stall) in enumerate(settings):
            memory.settings(0, latency, rate, stall)
            await self.reset()
            read_at = self.rng.randrange(1 << 20) * BEAT
            write_at = HIGH + (number << 16) + self.rng.randrange(1 << 10) * BEAT
            old, new = self.bytes(250 * BEAT), self.bytes(200 * BEAT)
            memory.write(read_at, old)
            reading = cocotb.start_soon(self.read(read_at, old))
            await self.write(write_at, new)
            await reading
            assert (memory.read(write_at, new.size) == new).all(), "Mismatch: the memory has not what was written"
            around = memory.read(write_at - BEAT, BEAT), memory.read(write_at + new.size, BEAT)
            assert not np.any(around), "Mismatch: written beside the range"
            await self.read(write_at, new)
        # strobes
        mask = self.rng.getrandbits(32)
        self.dut.strobes_i.value = mask
        keep = self.bytes(3 * BEAT)
        memory.write(HIGH, keep)
        await self.write(HIGH, new[: 3 * BEAT])
        chosen = np.tile([mask >> i & 1 for i in range(BEAT)], 3).astype(bool)
        assert (memory.read(HIGH, 3 * BEAT) == np.where(chosen, new[: 3 * BEAT], keep)).all(), "Mismatch: strobes"
        # a burst takes effect with its answer
        self.dut.strobes_i.value = 0xFFFF_FFFF
        memory.settings(0, 150)
        await self.reset()
        writing = cocotb.start_soon(self.write(HIGH, keep[:BEAT]))
        await self.until(self.dut.wlast_o)
        await self.cycles(100)
        assert (memory.read(HIGH, BEAT) != keep[:BEAT]).any(), "seen before its answer"
        await writing
        assert (memory.read(HIGH, BEAT) == keep[:BEAT]).all()


@pyuvm.test(**MS)
class Timing(MemoryTest):
    """Latency and bandwidth are what was set."""

    async def stimulus(self):
        dut, memory = self.dut, self.memory
        for latency in (2, 37):
            memory.settings(0, latency)
            await self.reset()
            reading = cocotb.start_soon(self.read(0, np.zeros(BEAT, np.uint8)))
            await self.until(dut.arvalid_o)
            assert dut.arready_o.value == 1
            waited = await self.wait(dut.rvalid_o)
            assert waited == latency, f"Mismatch: latency {waited}, set {latency}"
            await reading
            writing = cocotb.start_soon(self.write(0, np.zeros(BEAT, np.uint8)))
            await self.until(dut.wlast_o)
            waited = await self.wait(dut.bvalid_o)
            assert waited == latency, f"Mismatch: latency of an answer {waited}, set {latency}"
            await writing
        for rate in (256, 100, 7):
            memory.settings(0, 10, rate)
            await self.reset()
            dut.flood_i.value = 1
            await self.cycles(400)
            before = memory.beats(0, Direction.READ)
            await self.cycles(2560)
            moved = memory.beats(0, Direction.READ) - before
            dut.flood_i.value = 0
            assert abs(moved - 10 * rate) <= 2, f"Mismatch: {moved} beats in 2560 cycles at {rate}/256"
            await self.reset()

    async def wait(self, signal) -> int:
        cycles = 0
        while signal.value != 1:
            await self.cycles(1)
            cycles += 1
        return cycles


@pyuvm.test(**MS)
class Faults(MemoryTest):
    """Errors by range, by number and outside; silence, and its end."""

    async def stimulus(self):
        memory, dut, env = self.memory, self.dut, self.env
        data = self.bytes(64 * BEAT)
        memory.write(0, data)
        for response, cause in ((AxiMemory.SLVERR, Cause.SLVERR), (AxiMemory.DECERR, Cause.DECERR)):
            memory.fail(Direction.READ, 20 * BEAT + 5, 20 * BEAT + 6, response)
            await self.failing_read(20 * BEAT, cause)
            memory.heal()
            memory.fail_nth(0, Direction.READ, 13, response)
            await self.failing_read(13 * BEAT, cause)
            await self.read(0, data)  # once only
            memory.fail(Direction.WRITE, 9 * BEAT, 9 * BEAT, response)
            await self.failing_write(cause)
            assert (memory.read(0, 64 * BEAT) == data).all(), "a burst that failed was written"
            memory.heal()
        memory.fail(Direction.READ, 0, 1 << 30, port=1)
        await self.read(0, data)  # another port's
        memory.limit(32 * BEAT)
        await self.failing_read(32 * BEAT, Cause.DECERR)
        memory.limit()
        memory.silence(0, Direction.READ, 10)
        reading = cocotb.start_soon(self.read(0, data))
        await self.cycles(300)
        assert dut.read_idle_o.value == 0 and memory.beats(0, Direction.READ) % 1 == 0
        assert len(env.beats.expected) == 54, f"{64 - len(env.beats.expected)} beats came, wanted 10"
        memory.heal()
        await reading
        memory.silence(0, Direction.WRITE)
        writing = cocotb.start_soon(self.write(0, data))
        await self.cycles(300)
        assert env.answers.expected and dut.write_idle_o.value == 0
        memory.heal()
        await writing

    async def failing_read(self, address: int, cause: Cause) -> None:
        self.env.beats.muted = True
        await self.env.read.send([(0, 64 * BEAT)])
        for _ in range(500):
            await self.cycles(1)
            if self.dut.read_cause_o.value != 0:
                break
        found = int(self.dut.read_cause_o.value.to_unsigned()), int(self.dut.read_error_addr_o.value.to_unsigned())
        assert found == (cause, address), f"Mismatch: cause and address {found}, wanted {(cause, address)}"
        await self.clear()
        self.env.beats.muted = False

    async def failing_write(self, cause: Cause) -> None:
        self.env.answers.muted = True
        beats = cocotb.start_soon(self.env.data_in.send(self.words(self.bytes(16 * BEAT))))
        await self.env.write.send([(0, 16 * BEAT)])
        await beats
        for _ in range(500):
            await self.cycles(1)
            if self.dut.write_cause_o.value != 0:
                break
        assert self.dut.write_cause_o.value == int(cause)
        await self.clear()
        self.env.answers.muted = False


@pyuvm.test(**MS)
class Files(MemoryTest):
    """A file at any address; what lies beside it stays; a broken path is an error."""

    async def stimulus(self):
        memory = self.memory
        content = self.bytes(3 * 4096 + 100)
        path = Path("content.bin")
        path.write_bytes(content.tobytes())
        for address in (0x10_0000, HIGH + 64):
            memory.write(address + content.size, np.full(64, 7, np.uint8))
            memory.load(path, address)
            assert (memory.read(address, content.size) == content).all(), "Mismatch: not the file's bytes"
            assert (memory.read(address + content.size, 64) == 7).all(), "Mismatch: written behind the file"
            await self.read(address, content[: 64 * BEAT])
        memory.write(0x10_0000, np.zeros(64, np.uint8))  # the file stays as it was
        assert path.read_bytes() == content.tobytes()
        for attempt in (lambda: memory.load("nothing.bin"), lambda: memory.read((1 << 36) - 8, 16)):
            try:
                attempt()
            except OSError:
                continue
            raise AssertionError("no OSError")


@pyuvm.test(**MS)
class Speed(MemoryTest):
    """All ports at full rate: a beat a cycle and port; how fast the simulation is goes to speed.txt.

    Without agents: Python has nothing to do in a cycle, as in a system simulation.
    """

    agents = False

    async def stimulus(self):
        cycles, ports = 20_000, self.param("Ports")
        self.dut.flood_i.value = 1
        await self.cycles(200)
        before, began = int(self.dut.beats_o.value.to_unsigned()), time.process_time()
        await Timer(cycles * CLOCK_NS, "ns")
        seconds = time.process_time() - began
        moved = int(self.dut.beats_o.value.to_unsigned()) - before
        assert moved >= 0.98 * cycles * ports, f"{moved} beats of {ports} ports in {cycles} cycles"
        Path("speed.txt").write_text(
            f"{ports} ports: {cycles / seconds:,.0f} cycles and {moved / seconds:,.0f} beats a CPU second\n"
        )
        self.dut.flood_i.value = 0
        await self.reset()
