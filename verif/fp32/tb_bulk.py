"""Bulk runs on tb_bulk.sv: a start, an end and the counters; all checking is in SystemVerilog."""

import os

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from verif.fp32.coverage import coverage
from verif.fp32.stimuli import UNITS
from verif.lib import record
from verif.lib.tb import CLOCK_NS, parameters


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def bulk(dut):
    """Every case of the file, stalled in an eighth of the cycles."""
    dut.rst_ni.value, dut.start_i.value, dut.stall_i.value = 0, 0, 32
    Clock(dut.clk_i, CLOCK_NS, unit="ns").start()
    await ClockCycles(dut.clk_i, 4)
    dut.rst_ni.value = 1
    await ClockCycles(dut.clk_i, 1)
    dut.start_i.value = 1
    await RisingEdge(dut.done_o)
    checked, errors = dut.checked_o.value.to_unsigned(), dut.errors_o.value.to_unsigned()
    assert errors == 0, f"Mismatch: {errors} of {checked} results are wrong"
    assert checked == int(os.environ["CASES"]), f"{checked} results compared instead of {os.environ['CASES']}"
    coverage.hit("bulk", UNITS[int(parameters().get("Unit", 0))])
    record.save()
