"""Bulk runs on tb_stream.sv: a start, an end and the counters; all checking is in SystemVerilog."""

import os

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from verif.lib import record
from verif.lib.tb import CLOCK_NS, Coverage, measure

LATENCY = 75  # 300 ns at 250 MHz
MEGABYTE = 1 << 20

coverage = Coverage("hbm_streamer", {"bulk": ["long", "gather", "random stalls", "latency bound"]})


async def run(dut, mode, beats, *, latency=LATENCY, seed=1, desc=0, out=0, ar=0, gap=0):
    """One run after a reset; returns beats per cycle, descriptor to last beat. Any wrong beat fails."""
    dut.start_i.value = 0
    dut.mode_i.value, dut.total_i.value, dut.seed_i.value, dut.latency_i.value = mode, beats, seed, latency
    dut.desc_stall_i.value, dut.out_stall_i.value, dut.ar_stall_i.value, dut.r_gap_i.value = desc, out, ar, gap
    dut.rst_ni.value = 0
    await ClockCycles(dut.clk_i, 4)
    dut.rst_ni.value = 1
    dut.start_i.value = 1
    await RisingEdge(dut.done_o)
    await ClockCycles(dut.clk_i, 200)  # a beat too much would come now
    assert dut.errors_o.value == 0, f"Mismatch: {dut.errors_o.value.to_unsigned()} wrong beats, seed {seed}"
    assert dut.beats_o.value == beats, f"Mismatch: {dut.beats_o.value.to_unsigned()} beats instead of {beats}"
    return beats / dut.cycles_o.value.to_unsigned()


def setup(dut):
    Clock(dut.clk_i, CLOCK_NS, unit="ns").start()
    return dut.DataW.value.to_unsigned() // 8


def promised_rate(latency: int, burst: int, window: int, buffer: int, table: int) -> float:
    """Beats per cycle by the RTL header's formula; burst, window and buffer in beats."""

    def limit(room, cycles):
        kept = room // burst
        return kept * burst / (cycles + burst - (room - kept * burst))

    slots = (table + 1) * burst / (latency + 2 + burst)
    return min(1.0, limit(window, latency + 2), limit(buffer, latency + 5), slots)


def sizes(dut) -> dict:
    """What bounds the rate: window and buffer in beats, the table in bursts."""
    return {
        "window": dut.WindowBytes.value.to_unsigned() * 8 // dut.DataW.value.to_unsigned(),
        "buffer": dut.BufferBeats.value.to_unsigned(),
        "table": dut.FetchDescs.value.to_unsigned(),
    }


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def megabyte(dut):
    """1 MB, no stalls, 75 cycles of memory latency: one beat a cycle but for the first latency."""
    beat = setup(dut)
    beats = MEGABYTE // beat
    rate = await run(dut, 0, beats)
    cycles = dut.cycles_o.value.to_unsigned()
    name = f"{beat * 8} bit"
    measure(f"throughput 1 MB, {name}", rate, 0.95, "beats/cycle", at_least=True)
    measure(f"latency descriptor to first beat, {name}", cycles - (beats - 1) - 1, 8 + LATENCY)
    coverage.hit("bulk", "long")
    record.save()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def gather(dut):
    """One-beat descriptors at random addresses are as fast, if the table covers the latency."""
    beat = setup(dut)
    promised = promised_rate(LATENCY, 1, **sizes(dut))
    rate = await run(dut, 1, 16384)
    measure(f"throughput one-beat descriptors, {beat * 8} bit", rate, 0.99 * promised, "beats/cycle", at_least=True)
    assert dut.ars_o.value == 16384
    coverage.hit("bulk", "gather")
    record.save()


@cocotb.test(timeout_time=8, timeout_unit="ms")
async def latency_bound(dut):
    """The rate follows the header's formula: at the last latency with full rate, just beyond it, far beyond it."""
    beat = setup(dut)
    size = sizes(dut)
    for mode, burst in ((0, dut.MaxBurstBytes.value.to_unsigned() // beat), (1, 1)):
        last_full = max((n for n in range(2, 4000) if promised_rate(n, burst, **size) == 1.0), default=2)
        for where, latency in (
            ("at", last_full),
            ("just beyond", last_full + 4),
            ("far beyond", 3 * size["window"] + 20),
        ):
            beats = 16384
            await run(dut, mode, beats, latency=latency)
            rate = beats / (dut.cycles_o.value.to_unsigned() - latency - 8)
            promised = promised_rate(latency, burst, **size)
            what = f"throughput {where} full-rate latency, bursts of {burst} x {beat * 8} bit"
            measure(what, round(rate, 4), round(0.985 * promised, 4), "beats/cycle", at_least=True)
            assert rate <= 1.015 * promised, f"{what}: {rate} at latency {latency}, the formula says {promised}"
    coverage.hit("bulk", "latency bound")
    record.save()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def random_stalls(dut):
    """Stalls on all four interfaces: no beat is lost, doubled, reordered or wrong."""
    setup(dut)
    first = int(os.environ.get("COCOTB_RANDOM_SEED", "1")) & 0xFFFF_FFFF
    for seed in range(first, first + int(os.environ.get("SEEDS", "50"))):
        levels = (0, 40, 128, 220)
        desc, out, ar, gap = (levels[(seed * step >> shift) & 3] for step, shift in ((1, 0), (3, 1), (5, 2), (7, 3)))
        await run(dut, 2, 2000, latency=2 + 7 * seed % 90, seed=seed, desc=desc, out=out, ar=ar, gap=gap)
    coverage.hit("bulk", "random stalls")
    record.save()
