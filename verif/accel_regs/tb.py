"""Testbench of accel_regs: the host's accesses and the sequencer's events, against lutloom.accel_regs.

Accesses go out in batches (writes in order, then reads in order), events happen between batches; the model, which has
no clock, takes the same steps. A background task plays the sequencer cycle by cycle: who has the turn, stalls, beats.
"""

import contextlib

import cocotb
import pyuvm
from cocotb.handle import Immediate
from cocotb.triggers import RisingEdge
from pyuvm import uvm_env

from lutloom.accel_regs import UNITS, AccelRegs
from lutloom.host import registers as regs
from lutloom.host.registers import Cause, Ended, PortClass, Unit
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure

SLVERR = 2
SETTLE = 8  # cycles after which an event is seen by an access
INPUTS = "done_i ended_by_i error_i cause_i place_i addr_i descriptor_i position_i progress_i turn_i stall_i beats_i"

coverage = Coverage(
    "accel_regs",
    {
        "register": [register.name for register in regs.REGISTERS],
        "access": [
            *("read", "write", "partial write", "read of nothing", "write to nothing", "read of write-only"),
            *("write to read-only", "write during a run", "unaligned"),
        ],
        "order": ["address first", "data first", "read and write at once"],
        "stall": ["none", "requests", "answers", "rings", "all"],
        "start": ["taken", "refused: busy", "refused: error", "refused: sequencer not idle", "continues", "no prompt"],
        "prompt ring": ["empty", "full", "overflow", "more than this run's"],
        "output ring": ["empty", "full", "pop of nothing"],
        "ended": [ended.name for ended in Ended if ended],
        "cause": [cause.name for cause in Cause if cause],
        "end": ["done and error at once", "event without a run", "token with done"],
        "abort": ["in a run", "without a run"],
        "clear": ["idle", "in a run", "error", "on the way to done", "sequencer busy after it"],
        "watchdog": ["expires", "progress in time", "off", "full output ring", "rewritten in a run"],
        "interrupt": ["done", "error", "output available", "masked", "event while cleared"],
        "turn": [unit.name for unit in UNITS] + ["no such unit"],
        "counters": [
            "stall memory",
            "stall dependency",
            *(kind.name for kind in PortClass),
            "cleared by start",
            "kept",
        ],
        "seek": ["taken", "ignored: busy", "ignored: error"],
        "reset": ["in a run", "in an access"],
    },
)


class RegsEnv(uvm_env):
    """Agents on the five channels and both rings; scoreboards behind the answers and the prompt."""

    stall_request = stall_answer = stall_prompt = stall_output = None

    def build_phase(self):
        dut = cocotb.top

        def channel(name, fields, role, stall):
            bus = StreamBus(dut, name, f"s_axil_{name}valid", f"s_axil_{name}ready", fields)
            return make_agent(self, name, bus, role, stall)

        self.aw = channel("aw", {"addr": "s_axil_awaddr"}, "source", self.stall_request)
        self.w = channel("w", {"data": "s_axil_wdata", "strb": "s_axil_wstrb"}, "source", self.stall_request)
        self.ar = channel("ar", {"addr": "s_axil_araddr"}, "source", self.stall_request)
        self.b = channel("b", {"resp": "s_axil_bresp"}, "sink", self.stall_answer)
        self.r = channel("r", {"data": "s_axil_rdata", "resp": "s_axil_rresp"}, "sink", self.stall_answer)
        prompt = StreamBus.axis(dut, "m_axis_prompt", "data last")
        prompt.rst_n = dut.live_o
        self.prompt = make_agent(self, "prompt", prompt, "sink", self.stall_prompt)
        self.output = make_agent(self, "output", StreamBus.axis(dut, "s_axis_output"), "source", self.stall_output)
        self.boards = {name: Scoreboard(f"{name}_board", self) for name in ("b", "r", "prompt")}

    def connect_phase(self):
        for name, board in self.boards.items():
            getattr(self, name).ap.connect(board.analysis_export)


class RegsTest(CoreTest):
    """Helpers of all tests; `stalls` names what stalls."""

    stalls = ()

    def build_phase(self):
        super().build_phase()
        dut = self.dut
        for name in INPUTS.split():
            getattr(dut, name).set(Immediate(0))
        dut.idle_i.set(Immediate(1))
        for name in ("awvalid", "wvalid", "arvalid", "bready", "rready"):
            getattr(dut, f"s_axil_{name}").set(Immediate(0))
        self.depth = self.param("RingDepth")
        self.model = AccelRegs(
            ring_depth=self.depth,
            slices=self.param("Slices"),
            ports=self.param("Ports"),
            hardware_hash=self.param("HardwareHash"),
        )
        self.held = True  # prompt tokens are not taken
        self.quiet_turns = False
        self.running = False
        pattern = Stall.pick("rings" in self.stalls, self.seed + 2)
        RegsEnv.stall_request = Stall.pick("requests" in self.stalls, self.seed)
        RegsEnv.stall_answer = Stall.pick("answers" in self.stalls, self.seed + 1)
        RegsEnv.stall_prompt = Stall("held", iter(lambda: self.held or pattern(), None))
        RegsEnv.stall_output = Stall.pick("rings" in self.stalls, self.seed + 3)
        self.env = RegsEnv("env", self)

    async def run_phase(self):
        cocotb.start_soon(self.sequencer())
        await super().run_phase()

    # ---- the sequencer, cycle by cycle ----

    async def sequencer(self):
        """Random turns, stalls and beats; counts them in the model while a run is under way."""
        dut, rng = self.dut, self.rng
        now = (0, 0, 0, [0] * len(PortClass))
        while True:
            await RisingEdge(dut.clk_i)
            if dut.rst_ni.value != 1 or dut.clear_o.value == 1:
                self.running = False
            elif dut.start_o.value == 1:
                self.running = True
            if self.running:
                turn, memory, dependency, beats = now
                self.model.count(turn, bool(memory), bool(dependency), beats)
                coverage.hit("turn", UNITS[turn].name if turn < len(UNITS) else "no such unit")
                for kind, moved in zip(PortClass, beats, strict=True):
                    if moved:
                        coverage.hit("counters", kind.name)
                if memory:
                    coverage.hit("counters", "stall memory")
                if dependency:
                    coverage.hit("counters", "stall dependency")
                if dut.done_i.value == 1 or dut.error_i.value == 1:
                    self.running = False
            if self.quiet_turns:
                now = (0, 0, 0, [0] * len(PortClass))
            else:
                turn = rng.randrange(len(UNITS) + 1) if rng.random() < 0.95 else 15
                beats = [rng.choice((0, 0, 1, rng.randrange(128))) for _ in PortClass]
                now = (turn, rng.getrandbits(1), rng.getrandbits(1), beats)
            dut.turn_i.value = now[0]
            dut.stall_i.value = now[1] | now[2] << 1
            dut.beats_i.value = sum(moved << 7 * i for i, moved in enumerate(now[3]))

    async def event(self, **values) -> None:
        """Drive status inputs for one cycle."""
        for name, value in values.items():
            getattr(self.dut, f"{name}_i").value = value
        await self.cycles(1)
        for name in ("done", "error", "progress"):
            if name in values:
                getattr(self.dut, f"{name}_i").value = 0

    async def finish(self, why: Ended = Ended.COUNT) -> None:
        await self.event(done=1, ended_by=int(why))
        self.model.end(why)
        coverage.hit("ended", why.name)
        await self.cycles(SETTLE)

    async def fail(self, cause: Cause, place: int, descriptor: int = 0, address: int = 0, **more) -> None:
        await self.event(error=1, cause=int(cause), place=place, descriptor=descriptor, addr=address, **more)
        self.model.fail(cause, place, descriptor, address)
        coverage.hit("cause", cause.name)
        await self.cycles(SETTLE)

    # ---- the host ----

    async def write(self, *accesses) -> None:
        """(address, value) or (address, value, strobe), in order; every answer as the model says."""
        accesses = [(*access, 15)[:3] for access in accesses]
        env, addresses, words = self.env, [a for a, _, _ in accesses], [(v, s) for _, v, s in accesses]
        for address, value, strobe in accesses:
            env.boards["b"].expect([0 if self.model.write(address, value, strobe) else SLVERR])
        tasks = [cocotb.start_soon(env.aw.send(addresses)), cocotb.start_soon(env.w.send(words))]
        for task in tasks:
            await task
        await env.boards["b"].drain(self.dut.clk_i, 4000)
        await self.cycles(SETTLE)

    async def read(self, *addresses: int) -> list[int]:
        """Read words, in order; each as the model says. Returns what it says."""
        found = []
        for address in addresses:
            value, allowed = self.model.read(address)
            found.append(value)
            self.env.boards["r"].expect([(value, 0) if allowed else (0, SLVERR)])
        await self.env.ar.send(addresses)
        await self.env.boards["r"].drain(self.dut.clk_i, 4000)
        return found

    async def set(self, register, index: int = 0, **fields: int) -> None:
        await self.write((register.at(index), register.pack(**fields)))

    async def check_all(self) -> None:
        """Every readable register, but OUTPUT, which pops."""
        await self.cycles(SETTLE)
        addresses = [
            register.at(index)
            for register in regs.REGISTERS
            for index in range(register.count)
            if "r" in register.access and register is not regs.OUTPUT
        ]
        self.rng.shuffle(addresses)
        await self.read(*addresses)
        assert self.dut.irq_o.value == int(self.model.irq), f"irq_o is {self.dut.irq_o.value}"

    async def control(self, **bits: int) -> None:
        await self.set(regs.CONTROL, **bits)

    async def start(self, taken: bool = True) -> None:
        await self.control(start=1)
        run = self.model.run
        if taken:
            assert run is not None
            coverage.hit("start", "taken")
            dut = self.dut
            sampling = int(dut.sampling_o.value.to_unsigned())
            ends = dut.end_tokens_o.value.to_unsigned()
            ends = [ends >> 32 * i & 0xFFFF_FFFF for i in range(4)]
            names = "prompt_tokens image program port_base port_stride max_context vocab chunk new_tokens inv_temp seed"
            got = {name: int(getattr(dut, f"{name}_o").value.to_unsigned()) for name in names.split()}
            got |= {"noise": bool(sampling & 1), "stop": bool(sampling & 2)}
            got["end_tokens"] = tuple(end & 0x7FFF_FFFF for end in ends if end >> 31)
            assert got == run.__dict__, f"Mismatch: the run has {got}, the model {run}"

    async def push(self, tokens) -> None:
        await self.write(*((regs.PROMPT.at(), token) for token in tokens))

    async def take_prompt(self) -> None:
        """Let the sequencer take the prompt of the run."""
        board = self.env.boards["prompt"]
        with contextlib.suppress(IndexError):  # the end of the prompt
            while True:
                token, last = self.model.pop_prompt()
                board.expect([(token, int(last))])
        self.held = False
        await board.drain(self.dut.clk_i, 4000)
        self.held = True
        await self.cycles(2)

    async def produce(self, tokens) -> None:
        """The sequencer puts tokens into the output ring, which has room."""
        await self.env.output.send(tokens)
        for token in tokens:
            assert self.model.push_output(token)
        await self.cycles(SETTLE)

    async def pop(self, count: int) -> None:
        await self.read(*[regs.OUTPUT.at()] * count)

    def tokens(self, count: int) -> list[int]:
        return [self.rng.getrandbits(31) for _ in range(count)]

    async def configure(self) -> None:
        """Random values in everything a run is started with."""
        accesses = []
        for register in regs.REGISTERS:
            if register.locked:
                accesses += [(register.at(i), self.rng.getrandbits(32) & register.mask) for i in range(register.count)]
        self.rng.shuffle(accesses)
        await self.write(*accesses)


MS = dict(timeout_time=400, timeout_unit="us")


@pyuvm.test(**MS)
class Access(RegsTest):
    """Reset values, rights, partial writes; the header's latencies and throughput."""

    async def stimulus(self):
        env, rng = self.env, self.rng
        await self.check_all()
        for register in regs.REGISTERS:
            coverage.hit("register", register.name)
            if "r" not in register.access:
                await self.read(register.at())
                coverage.hit("access", "read of write-only")
            if "w" not in register.access:
                await self.write((register.at(), rng.getrandbits(32)))
                coverage.hit("access", "write to read-only")
        mapped = {register.at(i) for register in regs.REGISTERS for i in range(register.count)}
        for address in sorted(set(range(0, 512, 4)) - mapped):
            await self.read(address)
            await self.write((address, rng.getrandbits(32)))
        coverage.hit("access", "read of nothing")
        coverage.hit("access", "write to nothing")
        await self.check_all()
        plain = [r for r in regs.REGISTERS if r.access == "rw" and r not in (regs.CONTROL, regs.IRQ_STATUS)]
        for _ in range(3):
            accesses = [
                (r.at(i), rng.getrandbits(32), rng.choice((0, 1, 2, 4, 8, 3, 12, 15, 15)))
                for r in plain
                for i in range(r.count)
            ]
            rng.shuffle(accesses)
            await self.write(*accesses)
            await self.check_all()
        coverage.hit("access", "read")
        coverage.hit("access", "write")
        coverage.hit("access", "partial write")
        await self.write((regs.SEED.at() + 3, 0x1234_5678))  # AXI: the strobes say which bytes, not the address
        await self.read(regs.SEED.at(), regs.SEED.at() + 1)
        coverage.hit("access", "unaligned")
        for first, second, bin_name in ((env.aw, env.w, "address first"), (env.w, env.aw, "data first")):
            word = {env.aw: [regs.SEED.at()], env.w: [(5, 15)]}
            env.boards["b"].expect([0 if self.model.write(regs.SEED.at(), 5) else SLVERR])
            await first.send(word[first])
            await self.cycles(5)
            await second.send(word[second])
            await env.boards["b"].drain(self.dut.clk_i, 100)
            coverage.hit("order", bin_name)
            last = max(env.aw.monitor.cycles[-1], env.w.monitor.cycles[-1])
            measure("latency write", env.b.monitor.cycles[-1] - last, 3)
        await self.read(regs.SEED.at())
        measure("latency read", env.r.monitor.cycles[-1] - env.ar.monitor.cycles[-1], 5)
        await self.read(*[regs.ID.at()] * 9)
        measure("throughput reads", env.r.monitor.cycles[-1] - env.r.monitor.cycles[-9], 8 * 5, "cycles/8 reads")
        await self.write(*[(regs.SEED.at(), i) for i in range(9)])
        measure("throughput writes", env.b.monitor.cycles[-1] - env.b.monitor.cycles[-9], 8 * 3, "cycles/8 writes")
        value, _ = self.model.read(regs.ID.at())
        env.boards["r"].expect([(value, 0)] * 4)
        env.boards["b"].expect([0] * 4)
        tasks = [cocotb.start_soon(env.ar.send([regs.ID.at()] * 4))]
        tasks += [cocotb.start_soon(env.aw.send([regs.SEED.at()] * 4)), cocotb.start_soon(env.w.send([(7, 15)] * 4))]
        for task in tasks:
            await task
        await env.boards["r"].drain(self.dut.clk_i, 200)
        await env.boards["b"].drain(self.dut.clk_i, 200)
        turns = sorted([(c, 0) for c in env.r.monitor.cycles[-4:]] + [(c, 1) for c in env.b.monitor.cycles[-4:]])
        assert [kind for _, kind in turns][:6] in ([0, 1] * 3, [1, 0] * 3), f"no turns: {turns}"
        coverage.hit("order", "read and write at once")
        self.model.write(regs.SEED.at(), 7)
        coverage.hit("stall", "none")


class Runs(RegsTest):
    """Whole runs: configuration, prompt, tokens, end; rings to their brims; everything read again at every step."""

    async def stimulus(self):
        rng = self.rng
        for number, why in enumerate((Ended.COUNT, Ended.END_TOKEN, Ended.CACHE_FULL)):
            await self.configure()
            prompt = self.tokens(rng.randrange(1, self.depth))
            await self.push(prompt)
            await self.check_all()
            await self.start()
            if number:
                coverage.hit("start", "continues")
            await self.write(*((r.at(), 1) for r in regs.REGISTERS if r.locked))
            coverage.hit("access", "write during a run")
            await self.push(self.tokens(self.depth - len(prompt)))  # for the next run
            coverage.hit("prompt ring", "full")
            await self.push([1])
            coverage.hit("prompt ring", "overflow")
            await self.control(start=1)
            coverage.hit("start", "refused: busy")
            await self.check_all_but_counters()
            await self.take_prompt()
            await self.check_all_but_counters()
            coverage.hit("prompt ring", "more than this run's")
            await self.event(position=rng.getrandbits(32))
            self.model.position = int(self.dut.position_i.value.to_unsigned())
            await self.produce(self.tokens(3))
            await self.pop(4)
            coverage.hit("output ring", "pop of nothing")
            await self.produce(self.tokens(self.depth))
            coverage.hit("output ring", "full")
            waiting = cocotb.start_soon(self.env.output.send([77]))
            await self.cycles(SETTLE)
            assert self.dut.s_axis_output_tready.value == 0, "a full ring is ready"
            await self.pop(2)
            await waiting
            self.model.push_output(77)
            await self.finish(why)
            await self.check_all()
            await self.pop(self.depth)
            coverage.hit("output ring", "empty")
            await self.start()  # with what was pushed during the run
            await self.take_prompt()
            coverage.hit("prompt ring", "empty")
            await self.finish()
            await self.set(regs.IRQ_STATUS, done=1, error=1, output_available=1)
            await self.control(clear=1)
            coverage.hit("clear", "idle")
            self.model.position = int(self.dut.position_i.value.to_unsigned())
            await self.check_all()
            coverage.hit("counters", "kept")
        await self.start()
        coverage.hit("start", "no prompt")
        await self.fail(Cause.PROMPT_EMPTY, Unit.CONTROL)
        await self.check_all()
        coverage.hit("counters", "cleared by start")
        await self.control(clear=1)
        coverage.hit("stall", "all" if len(self.stalls) > 1 else (*self.stalls, "none")[0])

    async def check_all_but_counters(self) -> None:
        """In a run the counters move; the rest must be as the model says."""
        await self.cycles(SETTLE)
        await self.read(
            *(r.at() for r in regs.REGISTERS if "r" in r.access and r is not regs.OUTPUT and r.at() < 0x100)
        )


@pyuvm.test(**MS)
class RunsNoStall(Runs):
    pass


@pyuvm.test(**MS)
class RunsRequestStalls(Runs):
    stalls = ("requests",)


@pyuvm.test(**MS)
class RunsAnswerStalls(Runs):
    stalls = ("answers",)


@pyuvm.test(**MS)
class RunsRingStalls(Runs):
    stalls = ("rings",)


@pyuvm.test(**MS)
class RunsAllStall(Runs):
    stalls = ("requests", "answers", "rings")


@pyuvm.test(**MS)
class Errors(RegsTest):
    """Every cause; what a failed run leaves; abort and clear at every stage; a start that cannot be taken."""

    async def stimulus(self):
        rng, dut = self.rng, self.dut
        for cause in Cause:
            if cause in (Cause.NONE, Cause.WATCHDOG):
                continue
            await self.push(self.tokens(2))
            await self.start()
            await self.take_prompt()
            await self.produce(self.tokens(1))
            place = rng.choice((*UNITS, Unit.PORT + rng.randrange(64)))
            await self.fail(cause, place, rng.getrandbits(16), rng.getrandbits(64))
            await self.check_all()
            await self.pop(2)  # tokens stay
            await self.start(taken=False)
            coverage.hit("start", "refused: error")
            assert self.model.run is None
            await self.fail(Cause.SLAVE_ERROR, 1)  # the first stays
            await self.check_all()
            await self.control(clear=1)
            coverage.hit("clear", "error")
            await self.check_all()
        # the sequencer speaks without a run
        await self.finish()
        await self.fail(Cause.SLAVE_ERROR, 1)
        coverage.hit("end", "event without a run")
        await self.check_all()
        # both at once: an error
        await self.push([1])
        await self.start()
        await self.fail(Cause.DECODE_ERROR, 6, 3, 99, done=1)
        coverage.hit("end", "done and error at once")
        await self.check_all()
        await self.control(clear=1)
        # a token in the cycle of the end can be popped by whoever sees done
        await self.push([1])
        await self.start()
        began = self.env.output.monitor.cycle
        await self.produce([122])
        lead = self.env.output.monitor.cycles[-1] - began
        sent = cocotb.start_soon(self.env.output.send([123]))
        await self.cycles(lead - 1)
        ends_at = self.env.output.monitor.cycle + 1
        await self.finish(Ended.ABORT)
        await sent
        assert self.env.output.monitor.cycles[-1] == ends_at, "the token was not taken in the cycle of done"
        self.model.push_output(123)
        coverage.hit("end", "token with done")
        await self.check_all()
        await self.pop(3)
        # abort: held until the run ends
        await self.control(abort=1)
        assert dut.abort_o.value == 0
        coverage.hit("abort", "without a run")
        await self.start()
        await self.control(abort=1)
        assert dut.abort_o.value == 1 and self.model.aborting
        await self.cycles(20)
        assert dut.abort_o.value == 1
        coverage.hit("abort", "in a run")
        await self.finish(Ended.ABORT)
        assert dut.abort_o.value == 0
        await self.check_all()
        # clear in a run; the sequencer is busy with it for a while
        for stage in ("in a run", "on the way to done"):
            await self.push(self.tokens(3))
            await self.start()
            await self.produce(self.tokens(2))
            if stage == "on the way to done":
                self.model.run = None  # the clear takes the end away
                cocotb.start_soon(self.end_before_clear())
            dut.idle_i.value, self.model.idle = 0, False
            await self.control(clear=1)
            coverage.hit("clear", stage)
            await self.check_all()
            await self.start(taken=False)
            coverage.hit("start", "refused: sequencer not idle")
            coverage.hit("clear", "sequencer busy after it")
            dut.idle_i.value, self.model.idle = 1, True
            await self.check_all()
        await self.push([3])
        await self.start()
        await self.take_prompt()
        await self.finish()
        await self.check_all()
        await self.set(regs.IRQ_STATUS, done=1, error=1)

    async def end_before_clear(self) -> None:
        """done, 2 cycles before the clear is seen."""
        env = self.env
        seen = len(env.aw.monitor.cycles)
        while len(env.aw.monitor.cycles) == seen:
            await self.cycles(1)
        self.dut.done_i.value = 1
        await self.cycles(1)
        self.dut.done_i.value = 0


@pyuvm.test(**MS)
class Watchdog(RegsTest):
    """Expires exactly; progress and a full output ring hold it off; 0 is never."""

    async def stimulus(self):
        dut = self.dut
        for limit in (1, 20, 300):
            await self.set(regs.WATCHDOG, value=limit)
            await self.push([1])
            self.quiet_turns = True
            counted = cocotb.start_soon(self.expiry(dut.start_o))
            await self.control(start=1)
            cycles = await counted
            measure(f"latency watchdog of {limit} cycles", cycles, limit + 2)
            self.expired(cycles)
            coverage.hit("watchdog", "expires")
            coverage.hit("cause", "WATCHDOG")
            await self.check_all()
            assert dut.watchdog_o.value == 1
            await self.control(clear=1)
            assert dut.watchdog_o.value == 0
        await self.set(regs.WATCHDOG, value=80)
        await self.push([1])
        await self.start()
        for _ in range(8):
            await self.cycles(60)
            await self.event(progress=1)
        coverage.hit("watchdog", "progress in time")
        await self.set(regs.WATCHDOG, value=0)
        await self.cycles(400)
        coverage.hit("watchdog", "off")
        await self.set(regs.WATCHDOG, value=40)
        await self.event(progress=1)
        coverage.hit("watchdog", "rewritten in a run")
        for token in self.tokens(self.depth):
            await self.event(progress=1)
            await self.produce([token])
        waiting = cocotb.start_soon(self.env.output.send([9]))
        await self.cycles(200)
        assert dut.watchdog_o.value == 0, "the watchdog bit a host that does not read"
        coverage.hit("watchdog", "full output ring")
        await self.pop(1)
        await waiting
        self.model.push_output(9)
        await self.finish()
        await self.check_all()
        self.quiet_turns = False

    async def expiry(self, since) -> int:
        """Cycles from `since` to watchdog_o."""
        while since.value != 1:
            await self.cycles(1)
        cycles = 0
        while self.dut.watchdog_o.value != 1:
            await self.cycles(1)
            cycles += 1
            assert cycles < 2000, "the watchdog sleeps"
        return cycles

    def expired(self, cycles: int) -> None:
        """What the model must say after a run of that many cycles, all of unit 0."""
        self.running = False
        for address in self.model.counters:
            self.model.counters[address] = 0
        self.model.count(0, cycles=cycles)
        self.model.fail(Cause.WATCHDOG, 0)


@pyuvm.test(**MS)
class Interrupts(RegsTest):
    """Every event, masked and not; an event in the very cycle of its clearing is not lost."""

    async def stimulus(self):
        dut = self.dut
        for mask in range(8):
            await self.write((regs.IRQ_ENABLE.at(), mask))
            await self.push([1])
            await self.start()
            await self.produce([5])
            await self.check_irq()
            coverage.hit("interrupt", "output available")
            await self.set(regs.IRQ_STATUS, output_available=1)
            await self.check_irq()
            if mask % 2:
                await self.finish()
                coverage.hit("interrupt", "done")
            else:
                await self.fail(Cause.SLAVE_ERROR, 3)
                coverage.hit("interrupt", "error")
            await self.check_irq()
            if not self.model.irq:
                coverage.hit("interrupt", "masked")
            await self.write((regs.IRQ_STATUS.at(), 7 ^ 1 << mask % 3))  # not all of them
            await self.check_irq()
            await self.write((regs.IRQ_STATUS.at(), 7))
            await self.check_irq()
            assert dut.irq_o.value == 0
            await self.control(clear=1)
            await self.take_prompt()
        # the write that clears moves through the cycles around the event
        await self.write((regs.IRQ_ENABLE.at(), 4))
        seen = set()
        await self.push([1])
        await self.start()
        for delay in range(12):
            await self.write((regs.IRQ_STATUS.at(), 7))
            sent = cocotb.start_soon(self.env.output.send([1]))
            await self.cycles(delay)
            await self.write((regs.IRQ_STATUS.at(), 4))
            await sent
            self.model.push_output(1)
            await self.pop(1)
            event = self.env.output.monitor.cycles[-1] + 4
            cleared = max(self.env.aw.monitor.cycles[-1], self.env.w.monitor.cycles[-1]) + 2
            self.model._events["output_available"] = int(event >= cleared)
            seen.add((event > cleared) - (event < cleared))
            await self.cycles(SETTLE)
            await self.check_irq()
        assert seen == {-1, 0, 1}, f"the sweep missed a case: {seen}"
        coverage.hit("interrupt", "event while cleared")
        await self.finish()
        await self.write((regs.IRQ_STATUS.at(), 7))

    async def check_irq(self) -> None:
        await self.cycles(SETTLE)
        await self.read(regs.IRQ_STATUS.at(), regs.IRQ_ENABLE.at())
        assert self.dut.irq_o.value == int(self.model.irq)


@pyuvm.test(**MS)
class Seek(RegsTest):
    """A position is handed on between runs and at no other time."""

    async def stimulus(self):
        self.seen = []
        cocotb.start_soon(self.watch())
        for position in (0, 1, (1 << 32) - 1, self.rng.getrandbits(32)):
            await self.seek(position, "taken")
        await self.push([1])
        await self.start()
        await self.seek(5, "ignored: busy")
        await self.fail(Cause.SLAVE_ERROR, 3)
        await self.seek(6, "ignored: error")
        await self.control(clear=1)
        await self.seek(7, "taken")

    async def watch(self) -> None:
        dut = self.dut
        while True:
            await RisingEdge(dut.clk_i)
            if dut.seek_o.value == 1:
                self.seen.append(int(dut.seek_position_o.value.to_unsigned()))

    async def seek(self, position: int, what: str) -> None:
        self.seen.clear()
        self.model.sought = None
        await self.write((regs.SEEK.at(), position))
        await self.cycles(SETTLE)
        wanted = [position] if what == "taken" else []
        assert self.seen == wanted and self.model.sought == (wanted or [None])[0], (self.seen, self.model.sought)
        coverage.hit("seek", what)


@pyuvm.test(**MS)
class Reset(RegsTest):
    """A reset in a run and in an access: everything as new."""

    async def stimulus(self):
        for _ in range(3):
            await self.configure()
            await self.push(self.tokens(5))
            await self.start()
            await self.produce(self.tokens(3))
            access = cocotb.start_soon(self.env.ar.send([regs.ID.at()] * 4))
            self.env.boards["r"].muted = True
            await self.cycles(self.rng.randrange(2, 12))
            self.env.ar.abort()
            coverage.hit("reset", "in a run")
            coverage.hit("reset", "in an access")
            await self.reset()
            await access
            await self.cycles(10)
            self.env.boards["r"].muted = False
            self.model.reset()
            self.model.position = int(self.dut.position_i.value.to_unsigned())
            await self.check_all()
            await self.push([1, 2])
            await self.start()
            await self.take_prompt()
            await self.finish()
            await self.check_all()
