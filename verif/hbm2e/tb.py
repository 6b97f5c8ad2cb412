"""Testbench of hbm2e: what the model measures against what its table of timings says.

Expected numbers are computed from `Hbm.parameters()`, which is the table; nothing of it is repeated here.
"""

import json
import time
from pathlib import Path
from typing import ClassVar

import cocotb
import numpy as np
import pyuvm
from cocotb.handle import Immediate
from cocotb.triggers import Timer

from verif.lib.axi_memory import AxiMemory, Direction
from verif.lib.hbm2e import Hbm
from verif.lib.tb import CLOCK_NS, CoreTest

# bytes: of an access; of four rows side by side, one a bank group; of all banks
ATOM, ROW, BANK_ROUND = 32, 4096, 16384
GIB = 1 << 30
ENDLESS = 0xFFFF_FFFF
PAIR = GIB // 2 + 2 * ROW  # between the two ports of a pseudo-channel: they are never in the same bank
QUIET = dict.fromkeys(("active", "base", "apart", "step", "mask", "random", "bursts", "writes", "stall", "check"), 0)
QUIET |= dict(beats=1, limit=64)
WRONG = {  # who notices if the model has another figure than its table says
    "Latency": dict(noc=190_000, far=140_000, tRCDRD=0, tCL=0, tRP=0, clock=200),
    "Streams": dict(tCCD_S=0, tCCD_L=0, tREFI=5_000_000, tRFC=0, queue=4),
    "Rows": dict(tRRD_S=0, tRRD_L=0, tFAW=0, tRC=0, tRAS=0, tRTP=0, tRCDWR=0, tCWL=0, tWR=0, queue=8),
    "Turns": dict(tRTW=0, tCWL=0, tWTR_S=0, tWTR_L=0, batch=4),
    "Limits": dict(window=16, bursts=16, posted=32, age=700_000),
    "Streamers": dict(window=32),
    "Maps": dict(map=0, streams=64, far=0),
}


def ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)


def contents(first: int, count: int) -> np.ndarray:
    """uint8 [count] from address `first` on: what hbm2e_master writes and wants to read."""
    words = np.arange(first // 4, (first + count) // 4, dtype=np.uint64)
    return (words * 0x9E3779B1 & 0xFFFF_FFFF).astype("<u4").view(np.uint8)


class HbmTest(CoreTest):
    """Base: traffic and measurements."""

    wrong: ClassVar[dict[str, int]] = {}  # what the model has but the test does not know

    def build_phase(self):
        super().build_phase()
        for name, value in {**QUIET, "run": 0}.items():
            getattr(self.dut, f"{name}_i").set(Immediate(value))
        self.memory, self.hbm = AxiMemory(), Hbm()
        self.memory.erase()
        self.memory.heal()
        self.memory.limit()
        for port in range(self.param("Ports")):
            self.memory.settings(port)
        if not hasattr(HbmTest, "table"):
            HbmTest.table = {name: row.value for name, row in self.hbm.parameters().items()}
        self.setup()

    def setup(self, **values) -> None:
        """The table, without refresh, and with other values; from the next reset on."""
        self.values = {**HbmTest.table, "tREFI": 0, **values}
        self.hbm.set(**{**self.values, **self.wrong})

    def clocks(self, *names: str) -> int:
        """Memory clocks of these times, one after the other."""
        return sum(ceil(self.values[name], self.values["tCK"]) for name in names)

    def cycles_of(self, ps: int) -> int:
        return ps * self.values["clock"] // 1_000_000

    async def start(self, **traffic) -> None:
        """A reset, then this traffic; what is not named is off."""
        self.dut.run_i.value = 0
        for name, value in {**QUIET, "writers": (1 << self.param("Ports")) - 1, **traffic}.items():
            getattr(self.dut, f"{name}_i").value = value
        await self.reset()
        self.dut.run_i.value = 1

    async def pass_time(self, cycles: int) -> None:
        await Timer(cycles * CLOCK_NS, "ns")  # Python has nothing to do in a cycle

    async def finish(self, cycles: int = 200_000) -> None:
        """Until all is done; nothing may have been wrong."""
        for _ in range(cycles // 100):
            await self.pass_time(100)
            if self.dut.done_o.value == 1:
                break
        else:
            raise AssertionError(f"Mismatch: traffic did not end in {cycles} cycles")
        self.healthy()

    def healthy(self) -> None:
        errors = int(self.dut.errors_o.value.to_unsigned())
        assert errors == 0, f"Mismatch: {errors} beats or answers were wrong"

    async def efficiency(self, channel: int = 0, ps: int = 8_000_000, **traffic) -> float:
        """Of a pseudo-channel under this traffic, after some time to begin."""
        await self.start(bursts=ENDLESS, **traffic)
        await self.pass_time(self.cycles_of(1_500_000))
        self.hbm.clear()
        await self.pass_time(self.cycles_of(ps))
        found = self.hbm.channel(channel).efficiency
        self.healthy()
        return found

    def near(self, what: str, found: float, wanted: float, share: float = 0.01) -> None:
        assert abs(found - wanted) <= share * wanted, f"Mismatch: {what}: found {found:.4f}, wanted {wanted:.4f}"


MS = dict(timeout_time=5, timeout_unit="ms")
BOTH = dict(active=3, apart=PAIR, mask=GIB // 4 - 1)  # both ports of pseudo-channel 0


@pyuvm.test(**MS)
class Latency(HbmTest):
    """A lone read: bank closed, row open, other row open; own pseudo-channel and another; three clocks."""

    async def stimulus(self):
        ways = {"miss": ("tRCDRD",), "hit": (), "conflict": ("tRP", "tRCDRD")}
        for clock in (250, 300, 400):
            for far in (0, 1):
                self.setup(clock=clock)
                way = self.values["noc"] + far * self.values["far"]
                for kind, step in (("miss", 0), ("hit", 4 * ATOM), ("conflict", BANK_ROUND)):
                    bursts = 1 if kind == "miss" else 2
                    await self.start(active=1, base=far * 7 * GIB, step=step, mask=GIB - 1, bursts=bursts, limit=1)
                    await self.finish()
                    port, channel = self.hbm.port(0), self.hbm.channel(far * 7)
                    # the first read is a miss, which is slower than a hit and faster than a conflict
                    found = port.latency_sum - port.latency_most if kind == "hit" else port.latency_most
                    ps = way + self.clocks(*ways[kind], "tCL", "tCCD_S") * self.values["tCK"]
                    # the NoC and the controller each begin at an edge of their clock
                    least = ceil(ps * clock, 1_000_000)
                    most = ceil((ps + self.values["tCK"] - 1) * clock, 1_000_000)
                    cycles = round(found * clock / 1_000_000)
                    assert least <= cycles <= most, f"Mismatch: {kind}: {cycles} cycles, wanted {least} to {most}"
                    rows = (channel.misses, channel.hits, channel.conflicts)
                    wanted = (1, int(kind == "hit"), int(kind == "conflict"))
                    assert rows == wanted, f"Mismatch: {kind}: misses, hits, conflicts {rows}, wanted {wanted}"
        assert least == most, "at 400 MHz every edge is one of the memory's: the latency is exact"
        try:
            self.hbm.set(tRP=-1)
        except ValueError as error:
            assert "tRP: found -1, allowed 0 to" in str(error)
        else:
            raise AssertionError("no ValueError")
        try:
            self.hbm.port(self.param("Ports"))
        except OSError:
            return
        raise AssertionError("no OSError for a port that is not there")


@pyuvm.test(**MS)
class Streams(HbmTest):
    """Sequential reads and writes of both ports: the bus is the limit, or the ports, or refresh."""

    async def stimulus(self):
        bursts = dict(**BOTH, beats=16, step=16 * ATOM)
        self.setup(clock=400)
        for writes in (0, 256):
            found = await self.efficiency(**bursts, writes=writes)
            assert found > 0.99, f"Mismatch: {found:.4f} of the bus without refresh, wanted over 0.99"
        self.setup(clock=250)
        self.near("two ports at 250 MHz", await self.efficiency(**bursts), 2 * 8.0 / 25.6)
        interval = HbmTest.table["tREFI"]
        for factor in (1, 2):
            self.setup(clock=400, tREFI=interval, tRFC=factor * HbmTest.table["tRFC"])
            found, channel = await self.efficiency(**bursts, ps=8 * interval), self.hbm.channel(0)
            lost = self.clocks("tRFC") / self.clocks("tREFI")
            closing = self.clocks("tRAS", "tRP", "tRCDRD", "tCL") / self.clocks("tREFI")  # at most
            assert channel.refreshes == 8, f"Mismatch: {channel.refreshes} refreshes in 8 intervals"
            refreshing = channel.refresh / channel.clocks
            assert lost <= refreshing <= lost + closing, f"Mismatch: {refreshing:.4f} refreshing, wanted {lost:.4f}"
            assert 1 - lost - closing <= found <= 1 - lost, f"Mismatch: {found:.4f}, lost to refresh {lost:.4f}"
        # the same bank group again and again
        self.setup(clock=400)
        found = await self.efficiency(**BOTH, step=4 * ATOM)
        self.near("one bank group", found, self.clocks("tCCD_S") / self.clocks("tCCD_L"))


@pyuvm.test(**MS)
class Rows(HbmTest):
    """Reads of 32 bytes at random: as many as rows can be opened; in one bank: one in tRC."""

    async def stimulus(self):
        random = dict(active=3, apart=PAIR, mask=GIB // 4 - 1, random=1)
        for values in ({}, {"tFAW": 32_000}, {"tRRD_S": 9_000, "tRRD_L": 9_000}):
            self.setup(clock=400, **values)
            opened = max(self.clocks("tRRD_S"), self.clocks("tFAW") / 4)
            bound = self.clocks("tCCD_S") / max(opened, self.clocks("tRC") / 16)
            found = await self.efficiency(**random)
            assert 0.9 * bound <= found <= 1.01 * bound, f"Mismatch: {values}: {found:.4f}, bound {bound:.4f}"
            conflicts = self.hbm.channel(0).conflicts / self.hbm.channel(0).reads
            assert conflicts > 0.95, f"Mismatch: {conflicts:.3f} of the reads found another row open"
        for values in ({}, {"tRC": 60_000}, {"tRAS": 50_000}, {"tRTP": 30_000}):
            self.setup(clock=400, **values)
            bank = max(self.clocks("tRC"), self.clocks("tRAS", "tRP"), self.clocks("tRCDRD", "tRTP", "tRP"))
            found = await self.efficiency(active=1, step=BANK_ROUND, mask=GIB - 1)
            self.near(f"one bank, {values}", found, self.clocks("tCCD_S") / bank)
        for values in ({}, {"tRC": 30_000, "tRAS": 10_000}):
            self.setup(clock=400, **values)
            bank = max(self.clocks("tRC"), self.clocks("tRCDWR", "tCWL", "tCCD_S", "tWR", "tRP"))
            found = await self.efficiency(active=1, step=BANK_ROUND, mask=GIB - 1, writes=256)
            self.near(f"one bank, writes, {values}", found, self.clocks("tCCD_S") / bank)
        # one bank group: banks that are fast enough for tRRD_L
        self.setup(clock=400, tRC=16_000, tRAS=8_000, tRP=4_000, tRCDRD=4_000, tRTP=1_000)
        found = await self.efficiency(active=1, step=BANK_ROUND + ROW, mask=GIB - 1)
        self.near("one bank group", found, self.clocks("tCCD_S") / self.clocks("tRRD_L"))


@pyuvm.test(**MS)
class Turns(HbmTest):
    """Port 0 reads, port 1 writes, in the same bank group or another: the bus turns round after every batch."""

    async def stimulus(self):
        for batch in (1, 16):
            for apart, back, column in ((0, "tWTR_L", "tCCD_L"), (ATOM, "tWTR_S", "tCCD_L")):
                self.setup(clock=400, batch=batch)
                found = await self.efficiency(active=3, apart=apart, writers=2, writes=256)
                moved = 2 * batch * self.clocks("tCCD_S")
                turned = self.clocks("tRTW") + self.clocks("tCWL", "tCCD_S", back)
                wanted = moved / (2 * (batch - 1) * self.clocks(column) + turned)
                self.near(f"batches of {batch}, {back}", found, wanted)


@pyuvm.test(**MS)
class Limits(HbmTest):
    """What a port may have under way limits its rate; age limits what a stream of hits can do to another one."""

    async def stimulus(self):
        for name, writes in (("window", 0), ("bursts", 0), ("posted", 256)):
            self.setup(clock=400, **{name: 8})
            await self.efficiency(active=1, step=2 * ATOM, mask=ROW - 1, writes=writes, ps=20_000_000)
            port = self.hbm.port(0)
            found = (port.beats_written if writes else port.beats_read) / self.cycles_of(20_000_000)
            way = self.values["noc"] // 2 if writes else self.values["noc"]
            ps = way + (0 if writes else self.clocks("tCL", "tCCD_S") * self.values["tCK"])
            self.near(name, found, 8 / (ceil(ps * 400, 1_000_000) + 1), 0.03)
        for age in (1_000_000, 2_000_000):
            # so near, and with so much room, that port 0 alone keeps the bank busy
            self.setup(clock=400, age=age, noc=40_000, queue=256)
            await self.efficiency(active=3, step=4 * ATOM, mask=ROW - 1, apart=BANK_ROUND, ps=20_000_000)
            found = max(self.hbm.port(port).latency_most for port in (0, 1)) - self.values["noc"]
            assert age < found < age + 400_000, f"Mismatch: waited {found / 1000} ns, age {age / 1000} ns"


@pyuvm.test(**MS)
class Maps(HbmTest):
    """Which pseudo-channel an address belongs to, and how far it is."""

    async def stimulus(self):
        bursts = dict(beats=16, step=16 * ATOM, mask=GIB - 1, bursts=64)
        self.setup()
        for port, address, channel in ((0, 0, 0), (1, 5 * GIB, 5), (10, 5 * GIB + 4096, 5), (65, 31 * GIB, 31)):
            await self.start(active=1 << port, base=address, **bursts)
            await self.finish()
            found = [self.hbm.channel(i).reads for i in range(Hbm.CHANNELS)]
            assert found == [1024 * (i == channel) for i in range(Hbm.CHANNELS)], f"Mismatch: port {port}: {found}"
        latencies = {}
        self.setup(map=1, streams=10)
        for port in (2, 9, 10, 64):
            await self.start(active=1 << port, base=3 * GIB, **bursts | dict(limit=1))
            await self.finish()
            found = [self.hbm.channel(i).reads for i in range(Hbm.CHANNELS)]
            wanted = [1024 * (i == port // 2) if port < 10 else 32 for i in range(Hbm.CHANNELS)]
            assert found == wanted, f"Mismatch: port {port}: {found}"
            latencies[port] = self.hbm.port(port).latency
        assert latencies[9] + self.values["far"] <= min(latencies[10], latencies[64]), f"Mismatch: {latencies}"


@pyuvm.test(**MS)
class Contents(HbmTest):
    """Bursts from all ports under random stalls, in both maps: data, order, IDs; then what memory has."""

    async def stimulus(self):
        ports, span = self.param("Ports"), 1 << 14
        streamers = 3 << 62
        everybody = (1 << ports) - 1
        for number, (beats, random) in enumerate(((1, 1), (4, 1), (128, 0))):
            # own pseudo-channels; by port; across the NoC
            first = 3 * GIB if number == 2 else 0
            starts = [first + port * PAIR for port in range(ports)]
            self.setup(map=int(number == 1), tREFI=HbmTest.table["tREFI"])
            for port in range(ports):
                self.memory.settings(port, stall=60 * (port % 2))
            place = dict(base=first, apart=PAIR, step=beats * ATOM, mask=span - 1, stall=40, beats=beats)
            place["bursts"] = span // ATOM // beats
            await self.start(**place, active=everybody & ~streamers, writes=256)
            await self.finish()
            for port in 62, 63:  # the streamers do not write
                self.memory.write(starts[port], contents(starts[port], span))
            await self.start(**place, active=everybody, writes=60, random=random, check=1)
            await self.finish()
            for start in starts:
                assert (self.memory.read(start, span) == contents(start, span)).all(), "Mismatch: not what was written"
                assert not self.memory.read(start + span, ROW).any(), "Mismatch: written behind the range"
        assert int(self.dut.faults_o.value.to_unsigned()) == 0


@pyuvm.test(**MS)
class Faults(HbmTest):
    """SLVERR, DECERR and silence, which axi_memory.cpp decides."""

    async def stimulus(self):
        memory = self.memory
        reads = dict(active=3, apart=4096, beats=8, step=8 * ATOM, mask=4095, bursts=16)
        for writes, direction, bad in ((0, Direction.READ, 3), (256, Direction.WRITE, 1)):
            memory.fail(direction, 10 * ATOM, 13 * ATOM - 1)
            await self.counted(bad, **reads, writes=writes)
            memory.heal()
            memory.fail_nth(1, direction, 5, AxiMemory.DECERR)
            await self.counted(1, **reads, writes=writes)
            memory.limit(4096 + 5 * ATOM)
            await self.counted(128 - 5 if direction == Direction.READ else 16, **reads, writes=writes)
            memory.limit()
            memory.silence(0, direction, 40)
            await self.start(**reads, writes=writes)
            await self.pass_time(3000)
            port = self.hbm.port(0)
            # of writes all data is here before the first answer
            kept = port.bursts_written == 0 if writes else port.beats_read == 40
            assert kept and self.dut.done_o.value == 0, f"Mismatch: not silent: {port}"
            memory.heal()
            await self.finish()

    async def counted(self, wanted: int, **traffic) -> None:
        await self.start(**traffic)
        await self.finish()
        found = int(self.dut.faults_o.value.to_unsigned())
        assert found == wanted, f"Mismatch: {found} answers were errors, wanted {wanted}"


@pyuvm.test(**MS)
class Streamers(HbmTest):
    """hbm_streamer on two ports: right data, and the rate that its header and the latency promise."""

    async def stimulus(self):
        span = 1 << 19
        own = 31 * GIB
        for clock, noc, base, active in ((250, 200_000, own, 3), (400, 400_000, own, 1), (400, 400_000, 0, 1)):
            self.setup(clock=clock, noc=noc)
            for i in range(2):
                self.memory.write(base + i * PAIR, contents(base + i * PAIR, span))
            first = base - 62 * PAIR & (1 << 64) - 1
            await self.start(active=active << 62, base=first, apart=PAIR, mask=span - 1, check=1)
            await self.pass_time(1000)
            self.hbm.clear()
            await self.pass_time(9000)
            self.healthy()
            found = self.hbm.port(62).beats_read / 9000
            # of its header: 8 bursts of 16 beats in L + 2 + 16 cycles, or a beat a cycle; 4 KB begin with new rows
            way = noc + (base == 0) * self.values["far"] + self.clocks("tCL", "tCCD_S") * self.values["tCK"]
            least, most = (
                min(1, 128 / ((way + rows * self.values["tCK"]) * clock / 1e6 + 2 + 16))
                for rows in (self.clocks("tRP", "tRCDRD"), 0)
            )
            assert 0.98 * least <= found <= 1.01 * most, f"Mismatch: {found:.3f}, wanted {least:.3f} to {most:.3f}"


@pyuvm.test(**MS)
class Sensitivity(HbmTest):
    """A model with any other figure than the table says fails the tests above."""

    async def stimulus(self):
        for test, wrong in WRONG.items():
            for name, value in wrong.items():
                self.wrong = {name: value}
                try:
                    await globals()[test].stimulus(self)
                except AssertionError as error:
                    assert "Mismatch" in str(error), error
                    continue
                raise RuntimeError(f"{test} does not notice that {name} is {value}")


@pyuvm.test(**MS)
class Figures(HbmTest):
    """What the page and the picture show goes to figures.json; how fast the simulation is, to speed.txt."""

    async def stimulus(self):
        refresh = HbmTest.table["tREFI"]
        self.setup(tREFI=refresh)
        rows = {name: (row.value, row.unit, row.source) for name, row in self.hbm.parameters().items()}
        found = {"parameters": rows, "locality": {}, "offset": {}, "streams": {}}  # and "far"

        async def share(clock: int, **traffic) -> float:
            self.setup(clock=clock, tREFI=refresh)
            return await self.efficiency(ps=4 * refresh, **traffic)

        for name, clock, writes in (("reads", 400, 0), ("reads, ports at 250 MHz", 250, 0), ("half writes", 400, 128)):
            found["locality"][name] = {
                size * ATOM: await share(clock, **BOTH, random=1, beats=size, writes=writes)
                for size in (1, 2, 4, 8, 16, 32, 64, 128)
            }
        stream = dict(active=3, mask=GIB // 4 - 1, beats=16, step=16 * ATOM)
        for name, clock in (("reads", 400), ("reads, ports at 250 MHz", 250)):
            found["offset"][name] = {
                offset: await share(clock, **stream, apart=GIB // 2 + offset)
                for offset in range(0, BANK_ROUND + 1, 2048)
            }
        stream["apart"] = PAIR
        for name, clock, traffic in (
            ("reads, ports at 250 MHz", 250, {}),
            ("reads, 300 MHz", 300, {}),
            ("reads, 400 MHz", 400, {}),
            ("writes, 400 MHz", 400, dict(writes=256)),
            ("one reads, one writes, 400 MHz", 400, dict(writes=256, writers=2)),
            ("reads in the same banks, ports at 250 MHz", 250, dict(apart=GIB // 2)),
            ("reads in the same banks, 300 MHz", 300, dict(apart=GIB // 2)),
            ("reads in the same banks, 400 MHz", 400, dict(apart=GIB // 2)),
        ):
            found["streams"][name] = await share(clock, **stream | traffic)
        ports, found["far"] = 64, {}
        for clock in (250, 300, 400):
            self.setup(clock=clock, tREFI=refresh, map=1, streams=ports - 2)
            await self.start(**stream | dict(active=(1 << ports - 1) - 1), bursts=ENDLESS)
            await self.pass_time(1000)
            self.hbm.clear()
            await self.pass_time(cycles := self.cycles_of(4 * refresh))
            found["far"][clock] = self.hbm.port(ports - 2).beats_read / cycles
        Path("figures.json").write_text(json.dumps(found))
        self.setup(tREFI=refresh)
        cycles, ports = 6000, 64
        await self.start(**stream | dict(active=(1 << ports) - 1), bursts=ENDLESS)
        await self.pass_time(500)
        self.hbm.clear()
        began = time.process_time()
        await self.pass_time(cycles)
        seconds = time.process_time() - began
        moved = sum(self.hbm.port(port).beats_read for port in range(ports))
        assert moved > 0.9 * ports * cycles, f"Mismatch: {moved} beats of {ports} ports in {cycles} cycles"
        text = f"{ports} ports: {cycles / seconds:,.0f} cycles and {moved / seconds:,.0f} beats a CPU second"
        Path("speed.txt").write_text(text + "\n")
        cocotb.log.info(text)
