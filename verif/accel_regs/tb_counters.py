"""accel_regs_counters alone, with a short lower word: both words of a counter belong to one moment."""

import pyuvm
from cocotb.handle import Immediate

from lutloom.accel_regs import UNITS
from lutloom.host.registers import PortClass
from verif.lib.tb import CoreTest

CLASSES, FIRST_BYTES = len(PortClass), len(UNITS) + 3


@pyuvm.test(timeout_time=4, timeout_unit="ms")
class Carries(CoreTest):
    def build_phase(self):
        super().build_phase()
        self.dut.lo_read_i.set(Immediate(0))

    async def stimulus(self):
        dut, rng = self.dut, self.rng
        low = self.param("LoW")
        dut.clear_i.value, dut.lo_read_i.value, dut.run_i.value = 1, 0, 1
        await self.cycles(2)
        dut.clear_i.value = 0
        expected = [0] * (FIRST_BYTES + CLASSES)
        added = list(expected)  # events of the cycle before: one counts 2 cycles later
        reads: list[int | None] = [None, None]  # upper words that must stand 2 cycles after their read
        for _ in range(4000):
            turn, stall = rng.randrange(len(UNITS)), rng.getrandbits(2)
            beats = [rng.randrange(100, 128) for _ in range(CLASSES)]
            dut.turn_i.value, dut.stall_memory_i.value, dut.stall_dependency_i.value = turn, stall & 1, stall >> 1
            dut.beats_i.value = sum(moved << 7 * i for i, moved in enumerate(beats))
            read = rng.randrange(len(expected)) if rng.random() < 0.7 else None
            dut.lo_read_i.value = 0 if read is None else 1 << read
            await self.cycles(1)
            words = dut.lo_o.value.to_unsigned()
            for i, value in enumerate(expected):
                got = words >> 32 * i & 0xFFFF_FFFF
                assert got == value % (1 << low), f"Mismatch: counter {i} is {got:x}, expected {value:x}"
            wanted = reads.pop(0)
            if wanted is not None:
                assert dut.hi_o.value == wanted, f"Mismatch: upper word {dut.hi_o.value}, expected {wanted:x}"
            reads.append(None if read is None else expected[read] >> low)
            expected = [value + more for value, more in zip(expected, added, strict=True)]
            added = [1, *(int(i == turn) for i in range(len(UNITS))), stall & 1, stall >> 1, *(32 * b for b in beats)]
        assert expected[FIRST_BYTES] >> low > 100, "too few carries"
