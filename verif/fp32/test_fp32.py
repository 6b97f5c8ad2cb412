"""fp32: every unit on the pyuvm bench, millions of cases from files, broken units, the generated tables."""

import os
import re
import subprocess

import numpy as np
import pytest

from verif.fp32 import tables
from verif.fp32.stimuli import LATENCY, UNITS, corners, golden, random
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.corefiles import core_files
from verif.lib.paths import ROOT, tool_environment
from verif.lib.runner import ElaborationRefused

TESTS = 6
MILLION = 1 << 20
CHUNK = MILLION  # cases in memory at a time
BULK = [(unit, 32) for unit in UNITS] + [("ToInt", 16), ("FromInt", 9)]  # as they are used in exp and log
SETS = [*BULK, ("ToInt", 8), ("ToInt", 2), ("FromInt", 16)]
CASES = {
    "Add": 10 * MILLION,
    "Mul": 10 * MILLION,
    "MulAdd": MILLION,
    "Dot2": MILLION,
}  # random cases in bulk; the others an eighth of a million
LANES = {"Add": 16, "Mul": 16, "MulAdd": 16, "Dot2": 16}


def values(unit, bits):
    return {"Unit": UNITS.index(unit)} | ({"Bits": bits} if bits != 32 else {})


@pytest.mark.parametrize("unit,bits", SETS)
def test_unit(unit, bits):
    seed = base_seed() + UNITS.index(unit)
    outcome = simulate("fp32", "verif.fp32.tb", name=f"{unit}{bits}", parameters=values(unit, bits), seed=seed)
    assert outcome.tests == TESTS


def write_cases(path, unit, bits, count, lanes, versal=False):
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
            results, order = golden(unit, bits, cases, versal)
            third = order if unit == "Compare" else cases[:, 2]
            np.stack([cases[:, 0], cases[:, 1], third, results], axis=1).astype(">u4").tofile(out)
            written += len(cases)
    return written


@pytest.mark.parametrize("unit,bits", BULK)
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


VERSAL = (
    "Add",
    "Mul",
    "MulAdd",
    "Dot2",
    "Exp",
    "Reciprocal",
    "Rsqrt",
    "Log",
    "Sigmoid",
)  # all that have a product or a sum


def versal_bulk(unit, vectors, count, **options):
    """tb_bulk with the units in DSPFP32 blocks, the block as its model does it."""
    return simulate(
        "fp32",
        "verif.fp32.tb_bulk",
        flags=("versal",),
        toplevel="tb_bulk",
        parameters=values(unit, 32) | {"Lanes": 4},
        extra_sources=("verif/fp32/tb_bulk.sv", "verif/fp32/DSPFP32.sv"),
        env={"CASES": count},
        plusargs=(f"+vectors={vectors}",),
        waves_on_failure=False,
        **options,
    )


@pytest.mark.parametrize("unit", VERSAL)
def test_versal(unit, tmp_path):
    """The same latency and the same bits, but for products just below 2^-126."""
    vectors = tmp_path / "vectors.bin"
    count = write_cases(vectors, unit, 32, min(CASES.get(unit, MILLION // 8), MILLION), 4, versal=True)
    versal_bulk(unit, vectors, count, name=f"versal-{unit}")
    vectors.unlink()


def test_versal_differs_where_the_page_says(tmp_path):
    """Against the golden results of the contract the one difference shows."""
    vectors = tmp_path / "vectors.bin"
    count = write_cases(vectors, "Mul", 32, 1 << 16, 4)
    with pytest.raises(SimulationFailed, match=r"Mismatch: .* results are wrong"):
        versal_bulk("Mul", vectors, count, name="versal-contract")


BROKEN_VERSAL = {
    "Mul": Mutation("rtl/fp32/versal/fp32_mul.sv", "product[31] && !nan", "product[31]"),  # a NaN keeps its sign
    "Add": Mutation("rtl/fp32/versal/fp32_dsp.sv", "subtract_i && Sum,", "1'b0,"),  # never subtracts
    "MulAdd": Mutation(
        "rtl/fp32/versal/fp32_mul_add.sv", ".Cycles(Stages - 5)", ".Cycles(Stages - 6)"
    ),  # a cycle early
    "Dot2": Mutation(
        "rtl/fp32/versal/fp32_dot2.sv", ".c_i('1), .d_i('1), .cascade_i(first)", ".c_i('1), .d_i('1), .cascade_i('0)"
    ),
}


@pytest.mark.parametrize("unit", BROKEN_VERSAL)
def test_broken_versal_unit_is_caught(unit, tmp_path):
    vectors = tmp_path / "vectors.bin"
    count = write_cases(vectors, unit, 32, 4096, 4, versal=True)
    with pytest.raises(SimulationFailed, match="Mismatch"):
        versal_bulk(unit, vectors, count, name=f"broken-versal-{unit}", mutation=BROKEN_VERSAL[unit])


BROKEN = {
    # a product just below 2^-126 is flushed instead of rounded to it
    "Mul": (
        Mutation("rtl/fp32/fp32_mul.sv", "least2_q[two] && leading == '1;", "least2_q[two] && leading == '0;"),
        "Mismatch",
    ),
    # what is shifted out does not break a tie
    "Add": (Mutation("rtl/fp32/fp32_add.sv", "{aligned, lost != '0}", "{aligned, 1'b0}"), "Mismatch"),
    # a table entry is missed at the wrap from one octave to the next
    "Exp": (Mutation("rtl/fp32/fp32_exp.sv", "ExpTable[k_table[6:0]]", "ExpTable[k_table[6:0] & 7'd126]"), "Mismatch"),
    # a subnormal comes through: the stream's assertion is alive
    "FromBf16": (
        Mutation("rtl/fp32/fp32_from_bf16.sv", "y_q <= {a_i[15], 15'b0};", "y_q <= a_i;"),
        "a_no_subnormal",
    ),
}


@pytest.mark.parametrize("unit", BROKEN)
def test_broken_unit_is_caught(unit):
    mutation, match = BROKEN[unit]
    with pytest.raises(SimulationFailed, match=match):
        simulate("fp32", "verif.fp32.tb", name=f"broken-{unit}", parameters=values(unit, 32), mutation=mutation)


def test_bulk_bench_sees_one_wrong_bit(tmp_path):
    """The last case of the file with another result expected."""
    vectors = tmp_path / "vectors.bin"
    count = write_cases(vectors, "ToBf16", 32, 4096, 4)
    with vectors.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    with pytest.raises(SimulationFailed, match=f"Mismatch: 1 of {count} results are wrong"):
        simulate(
            "fp32",
            "verif.fp32.tb_bulk",
            name="bulk-wrong",
            toplevel="tb_bulk",
            parameters=values("ToBf16", 32) | {"Lanes": 4},
            extra_sources=("verif/fp32/tb_bulk.sv",),
            env={"CASES": count},
            plusargs=(f"+vectors={vectors}",),
            waves_on_failure=False,
        )


@pytest.mark.parametrize("parameters", [{"Unit": 14}, {"Unit": 5, "Bits": 33}, {"Unit": 4, "Bits": 1}], ids=str)
def test_illegal_parameters_are_refused(parameters):
    with pytest.raises(ElaborationRefused, match=rf"{list(parameters)[-1]} is .*allowed: "):
        simulate("fp32", "verif.fp32.tb", name="illegal", parameters=parameters)


@pytest.mark.parametrize("flags,more", [((), ()), (("versal",), (ROOT / "verif" / "fp32" / "DSPFP32.sv",))], ids=str)
def test_every_unit_is_lint_clean(flags, more):
    """`make lint` elaborates the default unit; here Verilator -Wall sees all of them."""
    files = core_files("fp32", flags=flags)
    sources = [str(path) for path in [*files.waivers, *files.sources, *more]]
    options = ["--lint-only", "-Wall", "--assert", "--timescale", "1ns/1ps", "--top-module", files.toplevel]
    for unit, bits in SETS:
        generics = [f"-G{name}={value}" for name, value in values(unit, bits).items()]
        done = subprocess.run(
            ["verilator", *options, *generics, *sources],
            env={**os.environ, **tool_environment()},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and not done.stderr, f"{unit}, {bits} bits:\n{done.stderr}"


def test_tables_are_those_of_the_golden_model():
    assert tables.PACKAGE.read_text() == tables.package(), "run `python -m verif.fp32.tables`"


def test_latencies_are_written_once():
    """The testbench's figures are those of the header comments, and of the package."""
    for unit in UNITS:
        name = "".join("_" + c.lower() if c.isupper() else c for c in unit).lstrip("_")
        header = (ROOT / "rtl" / "fp32" / f"fp32_{name}.sv").read_text().partition("module ")[0]
        promised = re.search(rf"Latency: +fp32_pkg::{unit}Latency\b[^.]*?= (\d+)\.", header)
        assert promised and int(promised[1]) == LATENCY[unit], unit
