"""fp32: every unit on the pyuvm bench, millions of cases from files, broken units, the generated tables."""

import os
import subprocess

import numpy as np
import pytest

from verif.fp32 import tables
from verif.fp32.stimuli import UNITS, corners, golden, random
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.corefiles import core_files
from verif.lib.paths import BUILD, tool_environment
from verif.lib.runner import ElaborationRefused

TESTS = 6
MILLION = 1 << 20
CHUNK = 1 << 20
SETS = [(unit, 32) for unit in UNITS] + [("ToInt", 16), ("ToInt", 8), ("ToInt", 2), ("FromInt", 9), ("FromInt", 16)]
# The ten million of fp32_add and fp32_mul: LUTLOOM_FP32_CASES=10485760; by default a tenth of it.
PAIRS = int(os.environ.get("LUTLOOM_FP32_CASES", MILLION))
CASES = {"Add": PAIRS, "Mul": PAIRS}
LANES = {"Add": 16, "Mul": 16}


def values(unit, bits):
    return {"Unit": UNITS.index(unit)} | ({"Bits": bits} if bits != 32 else {})


@pytest.mark.parametrize("unit,bits", SETS)
def test_unit(unit, bits):
    seed = base_seed() + UNITS.index(unit)
    outcome = simulate("fp32", "verif.fp32.tb", name=f"{unit}{bits}", parameters=values(unit, bits), seed=seed)
    assert outcome.tests == TESTS


def write_cases(path, unit, bits, count, lanes):
    """Random cases and all corners; returns how many (a multiple of lanes)."""
    rng = np.random.default_rng((base_seed(), UNITS.index(unit)))
    written = 0
    with path.open("wb") as out:
        while written < count:
            size = min(CHUNK, count - written)
            cases = random(rng, unit, bits, size)
            if not written:
                directed = corners(rng, unit, bits)
                cases = np.concatenate([cases, directed, cases[: -(size + len(directed)) % lanes]])
            results, order = golden(unit, bits, cases)
            third = order if unit == "Compare" else cases[:, 2]
            np.stack([cases[:, 0], cases[:, 1], third, results], axis=1).astype(">u4").tofile(out)
            written += len(cases)
    return written


@pytest.mark.parametrize("unit,bits", SETS)
def test_bulk(unit, bits, tmp_path):
    lanes = LANES.get(unit, 4)
    vectors = tmp_path / "vectors.bin"
    count = write_cases(vectors, unit, bits, CASES.get(unit, MILLION // 8), lanes)
    simulate(
        "fp32",
        "verif.fp32.tb_bulk",
        name=f"bulk-{unit}{bits}",
        toplevel="tb_bulk",
        parameters=values(unit, bits) | {"Lanes": lanes},
        extra_sources=("verif/fp32/tb_bulk.sv",),
        env={"CASES": count},
        plusargs=(f"+vectors={vectors}",),
        waves_on_failure=False,
    )
    vectors.unlink()
