"""accel_regs: three parameter sets, the counters' carries, a broken core, and what is generated from the RDL."""

import re

import pytest

from lutloom.accel_regs import AccelRegs
from lutloom.compiler import compile_model
from lutloom.hardware import Hardware
from lutloom.host import registers as regs
from lutloom.image_format import hardware_hash
from lutloom.tests.toy import build
from verif.accel_regs.generate import compile_rdl, enums, generate
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.paths import ROOT

SETS = [
    {},
    {"RingDepth": 5, "Slices": 64, "Ports": 67},
    {"RingDepth": 33, "Slices": 1, "HardwareHash": "64'h1122334455667788"},
]


def run(name, parameters, **options):
    return simulate("accel_regs", "verif.accel_regs.tb", name=name, target="sim", parameters=parameters, **options)


@pytest.mark.parametrize("index", range(len(SETS)))
def test_registers(index):
    run(f"set{index}", SETS[index], seed=base_seed() + index)


def test_counters_carry():
    simulate(
        "accel_regs", "verif.accel_regs.tb_counters", name="counters", toplevel="accel_regs_counters",
        parameters={"LoW": 13},
    )  # fmt: skip


def test_driver_on_rtl(tmp_path):
    """lutloom.host over these registers, with the image of a tiny model."""
    hardware, image = Hardware(slices=2), tmp_path / "toy.img"
    compile_model(build(tmp_path, "fused").folder, image, hardware)
    simulate(
        "accel_regs",
        "verif.accel_regs.tb_host",
        name="driver",
        target="sim",
        parameters={"HardwareHash": f"64'h{hardware_hash(hardware.dict()):016x}"},
        env={"LUTLOOM_IMAGE": image},
    )


def test_broken_core_is_caught():
    """A full output ring lets the watchdog count on."""
    broken = Mutation(
        "rtl/accel_regs/accel_regs.sv",
        "else if (s_axis_output_tvalid && !s_axis_output_tready) quiet_q",
        "else if (1'b0) quiet_q",
    )
    with pytest.raises(SimulationFailed):
        run("broken", {}, mutation=broken)


def test_generated_files_are_those_of_the_rdl():
    for path, text in generate().items():
        assert (ROOT / path).read_text() == text, f"{path}: run python -m verif.accel_regs.generate"


def test_enums_of_the_package_are_those_of_the_rdl():
    """accel_regs_pkg is written by hand: CauseBadDescriptor there is BAD_DESCRIPTOR here."""
    package = (ROOT / "rtl/accel_regs/accel_regs_pkg.sv").read_text()
    for name, prefix in (("cause_e", "Cause"), ("unit_e", "Unit"), ("ended_e", "Ended"), ("class_e", "Class")):
        members = enums(compile_rdl()[0])[name]
        for member, value, _ in members:
            camel = prefix + "".join(part.capitalize() for part in member.split("_"))
            assert re.search(rf"\b{camel}\s*= \d+'d{value}\b", package), f"{camel} is not {value}"
        body = re.search(r"typedef enum[^}]*\} " + name, package)
        assert len(re.findall(rf"\b{prefix}\w+\s*=", body[0])) == len(members), name


def test_model_refuses_what_the_map_does_not_have():
    model = AccelRegs()
    assert model.read(0x1FC) == (0, False) and not model.write(0x1FC, 0)
    assert model.read(regs.PROMPT.at()) == (0, False) and not model.write(regs.ID.at(), 0)
    with pytest.raises(IndexError):
        model.pop_prompt()
    with pytest.raises(IndexError):
        regs.END_TOKEN.at(4)
    with pytest.raises(ValueError):
        regs.OUTPUT.pack(token=1 << 31)
