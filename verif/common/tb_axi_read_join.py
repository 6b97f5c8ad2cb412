"""Testbench of axi_read_join: two masters ask at random, a memory with one ID answers in order; each gets what it asked
for, master 0 goes first, and no more than Bursts bursts are under way.
"""

import random
from collections import deque

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import ReadOnly, RisingEdge

from verif.lib import record
from verif.lib.tb import CLOCK_NS, Coverage, measure, parameters

MASTERS, READS = 2, 250
FIELDS = {"araddr": 64, "arlen": 8, "arsize": 3, "arburst": 2, "arcache": 4, "arprot": 3}
WORD = (1 << 64) - 1
BURSTS = int(parameters()["Bursts"])
US = dict(timeout_time=500, timeout_unit="us")

coverage = Coverage(
    "common",
    {
        "join burst": [f"master {b} after {a}" for a in range(MASTERS) for b in range(MASTERS)],
        "join length": ["one beat", "several beats", "256 beats"],
        "join waits": ["0 for the memory", "1 for the memory", "0 for a place", "1 for a place", "1 for 0"],
        "join beat waits": ["master 0", "master 1", "master 0 with one for 1 behind", "master 1 with one for 0 behind"],
        "join under way": ["none", "Bursts"],
        "join nobody asked": ["beat"],
        "join reset": ["bursts under way"],
    },
)


def part(value: int, index: int, width: int) -> int:
    """Element of a packed array."""
    return value >> index * width & (1 << width) - 1


class Bench:
    """Masters, memory, and what is under way, cycle by cycle.

    Attributes:
        asks, takes, gives, ready: probabilities that a master asks, the memory takes an address and answers, a master
            takes a beat.
        short: bursts of one beat only.
        held: the memory does not answer.
    """

    def __init__(self, dut):
        self.dut, self.rng = dut, random.Random(cocotb.RANDOM_SEED)
        self.asks, self.takes, self.gives, self.ready = 0.6, 0.5, 0.8, 0.7
        self.short = self.held = False
        self.now = 0
        self.asked: list[int] = []  # cycles of addresses going in, coming out, and of beats
        self.passed: list[int] = []
        self.given: list[int] = []
        self.forget()

    def forget(self) -> None:
        self.left = [0] * MASTERS
        self.wanted: list[dict | None] = [None] * MASTERS
        self.inside: deque[dict] = deque()  # addresses the core holds
        self.owners: deque[int] = deque()  # of the bursts under way
        self.due: list[deque] = [deque() for _ in range(MASTERS)]  # beats each waits for: (data, last)
        self.memory: deque[tuple[int, int]] = deque()
        self.beat: tuple[int, int] | None = None
        self.address: int | None = None  # waits for the memory

    async def reset(self) -> None:
        for name in ("s_axi_arvalid", "s_axi_rready", "m_axi_arready", "m_axi_rvalid", "m_axi_rid", "rst_ni"):
            getattr(self.dut, name).value = 0
        self.forget()
        for _ in range(4):
            await RisingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1

    @classmethod
    async def start(cls, dut) -> "Bench":
        bench = cls(dut)
        dut.rst_ni.set(Immediate(0))  # before the assertions see anything: the model starts with random values
        Clock(dut.clk_i, CLOCK_NS, unit="ns").start()
        await bench.reset()
        return bench

    def busy(self) -> bool:
        return any(self.left) or any(self.wanted) or bool(self.owners)

    def request(self) -> dict:
        rng = self.rng
        length = rng.choice([1, 1, 2, 3, rng.randint(1, 16), 256 if rng.random() < 0.05 else 4])
        return {name: rng.getrandbits(width) for name, width in FIELDS.items()} | {
            "arlen": 0 if self.short else length - 1
        }

    async def cycle(self) -> None:
        """Drive what masters and memory want, look at what the core makes of it, go to the next edge."""
        dut, rng = self.dut, self.rng
        for m in range(MASTERS):
            if self.wanted[m] is None and self.left[m] and rng.random() < self.asks:
                self.left[m] -= 1
                self.wanted[m] = self.request()
        for name, width in FIELDS.items():
            values = [w[name] if w else rng.getrandbits(width) for w in self.wanted]
            getattr(dut, f"s_axi_{name}").value = sum(value << m * width for m, value in enumerate(values))
        dut.s_axi_arvalid.value = sum(bool(w) << m for m, w in enumerate(self.wanted))
        readies = [rng.random() < self.ready for _ in range(MASTERS)]
        dut.s_axi_rready.value = sum(ready << m for m, ready in enumerate(readies))
        dut.m_axi_arready.value = takes = int(rng.random() < self.takes)
        if self.beat is None and self.memory and not self.held and rng.random() < self.gives:
            self.beat = self.memory.popleft()
        dut.m_axi_rvalid.value = int(self.beat is not None)
        data, last = self.beat or (rng.getrandbits(64), rng.getrandbits(1))
        dut.m_axi_rdata.value, dut.m_axi_rlast.value, dut.m_axi_rresp.value = data, last, data & 3
        await ReadOnly()
        places, ended = len(self.owners), self.look_at_beat(readies)
        self.look_at_addresses(takes, places)
        if ended:
            owner = self.owners.popleft()
            if self.owners:
                coverage.hit("join burst", f"master {self.owners[0]} after {owner}")
        await RisingEdge(dut.clk_i)
        self.now += 1

    def look_at_beat(self, readies: list[bool]) -> bool:
        """The beat is for whose burst it is; True if it was taken and the last of the burst."""
        dut, beat = self.dut, self.beat
        if beat is None:
            assert not dut.s_axi_rvalid.value, "a beat from nowhere"
            return False
        owner = self.owners[0]
        valid = int(dut.s_axi_rvalid.value)
        assert valid == 1 << owner, f"found a beat for {valid:b}, wanted master {owner}"
        assert bool(dut.m_axi_rready.value) == readies[owner], "the port's rready is not that of the beat's master"
        widths = {"rdata": len(dut.m_axi_rdata), "rlast": 1, "rresp": 2, "rid": 1}
        found = {n: part(int(getattr(dut, f"s_axi_{n}").value), owner, width) for n, width in widths.items()}
        data, last = self.due[owner][0]
        wanted = {"rdata": data, "rlast": last, "rresp": data & 3, "rid": 0}
        assert found == wanted, f"master {owner}: found {found}, wanted {wanted}"
        if not readies[owner]:
            coverage.hit("join beat waits", f"master {owner}")
            if 1 - owner in self.owners:
                coverage.hit("join beat waits", f"master {owner} with one for {1 - owner} behind")
            return False
        self.due[owner].popleft()
        self.beat = None
        self.given.append(self.now)
        return bool(last)

    def look_at_addresses(self, takes: int, places: int) -> None:
        """Into the core: `places` bursts were under way. Out of it: in the same order."""
        dut, free, room = self.dut, places < BURSTS, len(self.inside) < 2
        ready = int(dut.s_axi_arready.value)
        assert ready & 1 == (free and room), f"s_axi_arready[0] is {ready & 1}, {places} bursts are under way"
        assert ready >> 1 == (free and room and not self.wanted[0]), (
            "master 1's address is taken while master 0 asks or there is no room" if ready & 2 else "master 1 waits"
        )
        if places in (0, BURSTS):
            coverage.hit("join under way", "Bursts" if places else "none")
        for m in range(MASTERS):
            if self.wanted[m] and not ready >> m & 1:
                why = "1 for 0" if free and room else f"{m} for {'the memory' if free else 'a place'}"
                coverage.hit("join waits", why)
        assert bool(dut.m_axi_arvalid.value) == bool(self.inside), "an address is late, lost or taken back"
        if self.inside:
            found = {name: int(getattr(dut, f"m_axi_{name}").value) for name in FIELDS}
            assert found == self.inside[0], f"the memory is asked for {found}, wanted {self.inside[0]}"
            assert dut.m_axi_arid.value == 0
            if takes:
                fields = self.inside.popleft()
                self.memory.extend(beats_of(fields))
                self.passed.append(self.now)
        for m in range(MASTERS):
            if self.wanted[m] and ready >> m & 1:
                self.inside.append(self.wanted[m])
                self.owners.append(m)
                beats = beats_of(self.wanted[m])
                self.due[m].extend(beats)
                names = {1: "one beat", 256: "256 beats"}
                coverage.hit("join length", names.get(len(beats), "several beats"))
                self.wanted[m] = None
                self.asked.append(self.now)


def beats_of(fields: dict) -> list[tuple[int, int]]:
    """What the memory answers: (data, last)."""
    return [(fields["araddr"] + n & WORD, int(n == fields["arlen"])) for n in range(fields["arlen"] + 1)]


@cocotb.test(**US)
async def everybody_gets_his_own(dut):
    """Now and then the memory stops answering until no more is asked for."""
    bench = await Bench.start(dut)
    bench.left, bench.held, full = [READS] * MASTERS, True, 0
    while bench.busy():
        await bench.cycle()
        if bench.held:
            full += len(bench.owners) == BURSTS
            if full == 10 or not any(bench.left):
                bench.held, full = False, 0
        else:
            bench.held = bench.rng.random() < 0.005
    assert not bench.memory and not any(bench.due) and len(bench.asked) == MASTERS * READS
    record.save()


@cocotb.test(**US)
async def full_rate(dut):
    """Nobody stalls: latency and throughput are the header's; master 0 has all it wants before master 1's first."""
    bench = await Bench.start(dut)
    bench.asks = bench.takes = bench.gives = bench.ready = 1.0
    bench.left, bench.short = [READS] * MASTERS, True
    while bench.busy():
        await bench.cycle()
    measure("latency axi_read_join, address", bench.passed[0] - bench.asked[0], 1)
    for what, cycles in (("addresses", bench.passed), ("beats", bench.given)):
        rate = (len(cycles) - 1) / (cycles[-1] - cycles[0])
        measure(f"throughput axi_read_join, {what}", rate, 1.0, "words/cycle", at_least=True)


@cocotb.test(**US)
async def nobody_asked(dut):
    """Beats that nobody has asked for go to master 0 and end no burst; a reset forgets what is under way."""
    bench = await Bench.start(dut)
    for _ in range(3):
        bench.left = [0, 3]
        while bench.busy():
            await bench.cycle()
        for ready in (0, 1, 1, 1):
            dut.m_axi_rvalid.value = dut.m_axi_rid.value = 1
            dut.m_axi_rlast.value, dut.s_axi_rready.value = 1, ready | 2
            await ReadOnly()
            assert dut.s_axi_rvalid.value == 1, "a beat that nobody has asked for is not master 0's"
            assert dut.m_axi_rready.value == ready and int(dut.s_axi_rid.value) & 1 == 1
            await RisingEdge(dut.clk_i)
            coverage.hit("join nobody asked", "beat")
        dut.m_axi_rid.value = 0
        bench.left = [READS // 10] * MASTERS
        while bench.busy():
            await bench.cycle()
        bench.left, bench.held = [0, 2], True
        while any(bench.left) or any(bench.wanted):
            await bench.cycle()
        coverage.hit("join reset", "bursts under way")
        await bench.reset()
        bench.left, bench.held = [3, 0], False
        while bench.busy():
            await bench.cycle()
    record.save()
