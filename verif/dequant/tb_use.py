"""Breaks one rule of the uses on purpose, the one named in BREAK: an assertion has to stop the simulation."""

import os

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import RisingEdge

USES = ("use_start_i", "use_act_scale_i", "use_residual_i", "tokens_i")
STREAMS = ("s_axis", "s_axis_scale", "s_axis_act", "s_axis_residual", "s_axis_start")


@cocotb.test(timeout_time=1, timeout_unit="us")
async def violate(dut):
    """Two vectors of two beats: the one that breaks the rule is the second beat of all, the third or the first."""
    wrong, beat = os.environ["BREAK"].split()
    dut.rst_ni.set(Immediate(0))
    for stream in STREAMS:
        getattr(dut, f"{stream}_tvalid").value = 0
    dut.s_axis_tlast.value, dut.m_axis_tready.value = 0, 1
    Clock(dut.clk_i, 4, unit="ns").start()
    for _ in range(3):
        await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    await RisingEdge(dut.clk_i)
    for stream in STREAMS:
        getattr(dut, f"{stream}_tvalid").value = 1
    for now in range(4):
        for name in USES:
            right = 0 if name == "use_start_i" else 2 if name == "tokens_i" else 1
            broken = name == wrong and now == int(beat)
            getattr(dut, name).value = right if not broken else 0 if name == "tokens_i" and now == 0 else right ^ 1
        dut.s_axis_tlast.value = int(now == 3)
        await RisingEdge(dut.clk_i)
