"""Breaks one valid/ready rule on purpose: the assertion named in BREAK has to stop the simulation."""

import os

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge


@cocotb.test(timeout_time=1, timeout_unit="us")
async def violate(dut):
    dut.rst_ni.value = 0
    dut.valid_i.value = dut.ready_i.value = dut.data_i.value = 0
    Clock(dut.clk_i, 4, unit="ns").start()
    for _ in range(3):
        await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    await RisingEdge(dut.clk_i)
    dut.valid_i.value = 1
    await RisingEdge(dut.clk_i)
    if os.environ["BREAK"] == "a_valid_stays":
        dut.valid_i.value = 0
    else:
        dut.data_i.value = 5
    for _ in range(3):
        await RisingEdge(dut.clk_i)
