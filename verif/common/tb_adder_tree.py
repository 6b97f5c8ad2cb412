"""Testbench of adder_tree (combinational): corners and random data against the golden model."""

import random

import cocotb
import numpy as np
from cocotb.triggers import Timer

from lutloom.common import adder_tree
from verif.lib.tb import parameters


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def sums(dut):
    values = {"Inputs": 4, "Width": 8, "Signed": 1} | parameters()
    inputs, width, signed = values["Inputs"], values["Width"], bool(values["Signed"])
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    rng = random.Random(cocotb.RANDOM_SEED)
    cases = [[low] * inputs, [high] * inputs, [0] * inputs]
    cases += [[rng.randint(low, high) for _ in range(inputs)] for _ in range(300)]
    for case in cases:
        dut.data_i.value = sum((value & ((1 << width) - 1)) << (i * width) for i, value in enumerate(case))
        await Timer(1, unit="ns")
        got = dut.sum_o.value.to_signed() if signed else dut.sum_o.value.to_unsigned()
        assert got == int(adder_tree(np.array(case), width, signed)), f"{case}: got {got}"
