"""The V80 build without Vivado: what is generated, that the strict recorder takes it and refuses what is wrong.

verif/v80/tiny.txt is the netlist of configuration tiny; after a change that is meant:
    .venv/bin/python -m verif.v80.test_v80
"""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lutloom.errors import UserError
from lutloom.qwen3_accel import configuration
from lutloom.v80 import map as facts
from lutloom.v80 import project
from lutloom.v80.wrapper import flat_ports
from verif.lib.paths import ROOT
from verif.lib.ports import ports_of
from verif.v80 import build
from verif.v80.hierarchy import Module, elaborate
from verif.v80.recorder import Recorder, Refused

NETLIST = Path(__file__).with_name("tiny.txt")
PROJECT = f"create_project test -force; set_property part {facts.PART} [current_project]"
CONSTRAINTS = ("pins.xdc", "timing.xdc", "floorplan.xdc")


@functools.cache
def generated(name: str, hbm_mhz: int = 0) -> tuple[dict[str, str], Module]:
    """The build's files, and the wrapped accelerator as it is elaborated from them."""
    ports, _ = ports_of("qwen3_accel", configuration(name).parameters())
    files = project.files(name, ports, hbm_mhz)
    outer = [port for port in ports if hbm_mhz or port.name not in project.HBM_CLOCK]
    return files, elaborate(project.WRAPPER, tuple(flat_ports(outer)), files[f"{project.WRAPPER}.v"])


def record(files: dict[str, str], module: Module, **options) -> Recorder:
    """Everything that Vivado would run, in its order."""
    recorder = Recorder(module, **options)
    recorder.run(PROJECT)
    recorder.run(f"read_verilog {project.WRAPPER}.v")
    recorder.run(files["system.tcl"], "system.tcl")
    for name in CONSTRAINTS:
        recorder.design.sources.append(name)
        recorder.constrain(files[name], name)
    if "axi_cdc.tcl" in files:
        recorder.design.sources.append("axi_cdc.tcl")
        recorder.run(files["axi_cdc.tcl"], "axi_cdc.tcl")
    recorder.run(files["build.tcl"], "build.tcl")
    return recorder


def check(design, name: str) -> None:
    """What is mapped is what the address map says; all ports of the accelerator end where it says."""
    slices = configuration(name).slices
    assert design.valid and design.image == f"lutloom_{name}.pdi"
    rows = {(space, segment): (first, size) for space, segment, first, size in project.address_rows(name)}
    assert design.mapped == rows
    for s in range(slices):
        assert design.buses[f"slice_{s:02d}/M_AXI"].peer == f"noc/HBM{s:02d}_AXI"
        window = facts.stream_address(s)
        ((first, size),) = [at for (space, _), at in design.mapped.items() if space == f"accel/m_axi_{s}"]
        assert first <= window and window + facts.STREAM_BYTES <= first + size
    assert len({facts.stream_address(s) for s in range(slices)}) == slices
    assert sum(map(len, design.pblocks.values())) == slices + sum(map(len, project.CELLS_OF.values()))
    assert all(design.matched.values())


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_the_recorder_accepts_the_build(name):
    check(record(*generated(name)).design, name)


def test_memory_ports_in_a_clock_of_their_own():
    """Every port of the NoC has the clock of the memory side; every path of the crossings is constrained."""
    files, module = generated("tiny", facts.HBM_MHZ)
    design = record(files, module).design
    check(design, "tiny")
    assert design.pins["accel/hbm_clk_i"].driver == design.pins["noc/aclk4"].driver == "clocks/clk_out2"
    assert design.config["clocks"]["CLKOUT_REQUESTED_OUT_FREQUENCY"] == f"{facts.CLOCK_MHZ},{facts.HBM_MHZ}"
    fifos = configuration("tiny").ports * 5  # a port has five channels
    assert len([pattern for pattern in design.matched if pattern.endswith("/u_rd_seen/sync_q_reg[0][*]")]) == fifos
    for old, new, words in (
        ("u_wr_seen", "u_wr_sync", "found no async_fifo"),
        ("wr_gray_q_reg", "wr_grey_q_reg", "no cell"),
    ):
        with pytest.raises(Refused, match=words):
            record(files | {"axi_cdc.tcl": files["axi_cdc.tcl"].replace(old, new)}, module)


def test_the_project_that_make_writes_is_accepted(tmp_path, monkeypatch):
    """`make v80 SETUP_ONLY=1`: the whole project by FuseSoC and edalize, 64 streams; its scripts as they stand."""
    script = build.setup(tmp_path / "v80")
    files, module = generated("v80")
    monkeypatch.chdir(script.parent)
    recorder = Recorder(module)
    recorder.run(script.read_text(), script.name)
    assert recorder.design.part == facts.PART
    folder = next(script.parent.glob("src/*/build.tcl")).parent
    recorder.run((folder / "build.tcl").read_text(), "build.tcl")
    check(recorder.design, "v80")
    written = {path.name: path.read_text() for path in folder.iterdir()}
    assert written == files
    sources = [line for line in script.read_text().splitlines() if line.startswith("read_verilog")]
    assert all((script.parent / line.split("{")[1].rstrip("}")).exists() for line in sources) and len(sources) > 100
    assert sum("/fp32/versal/" in line for line in sources) == 5, "fp32 not in DSPFP32 blocks"
    for parameter, value in configuration("v80").parameters().items():
        assert f".{parameter}({value})" in written[f"{project.WRAPPER}.v"]


def test_the_netlist_is_the_known_one():
    assert record(*generated("tiny")).design.summary() == NETLIST.read_text(), __doc__


def test_the_address_map_is_fresh():
    assert build.ADDRESS_MAP.read_text() == project.address_map(), "docs/address-map.md is stale: make v80 SETUP_ONLY=1"


FAULTS = {
    "unknown command": ("save_bd_design", "save_bd_desing", 'invalid command name "save_bd_desing"'),
    "unknown option": ("-norecurse", "-norecursive", "add_files: unknown option -norecursive"),
    "argument count": ("[get_bd_pins $load] }", "}", "connect_bd_net: 1 arguments, allowed 2 to 2"),
    "unknown IP": ("clk_wizard:1.0", "clk_wiz:6.0", "unknown IP xilinx.com:ip:clk_wiz:6.0"),
    "unknown module": ("-reference qwen3_accel_v80", "-reference qwen3_accel_v81", "no module qwen3_accel_v81"),
    "wrong part": (f'current_project]] ne "{facts.PART}', 'current_project]] ne "xcvc1902', "this design for xcv80"),
    "unknown key": ("CONFIG.NUM_HBM_BLI", "CONFIG.NUM_HBM_PORTS", "unknown key CONFIG.NUM_HBM_PORTS of noc"),
    "unknown inner key": ("CPM_PCIE1_MODES", "CPM_PCIE1_MODE", "unknown key CPM_PCIE1_MODE in CONFIG.CPM_CONFIG"),
    "value out of range": ("set controllers 16", "set controllers 17", "CONFIG.HBM_NUM_CHNL of noc is 17"),
    "wrong pin": ("clocks/clk_in1", "clocks/clk_in", "no pin clocks/clk_in"),
    "wrong interface": ("cips/PCIE1_GT", "cips/PCIE0_GT", "no intf_pin cips/PCIE0_GT"),
    "wrong mode": ("bus noc/M00_AXI control/S00_AXI", "bus noc/M00_AXI control/M00_AXI", "are both master"),
    "wrong kind of interface": (
        "_ports pcie] ",
        "_ports hbm_ref_clk0] ",
        "hbm_ref_clk0 is diff_clock, cips/PCIE1_GT is gt",
    ),
    "wrong kind of pin": ("accel/rst_ni", "accel/clk_i", "accel/clk_i is driven by"),
    "clock as reset": ("net accel/irq_o cips/pl_ps_irq0", "net accel/irq_o accel/rst_ni", "accel/rst_ni is driven by"),
    "doubly driven": (
        "net cips/pl0_ref_clk clocks/clk_in1",
        "net cips/pl0_ref_clk cips/pl2_ref_clk",
        "drive the same net",
    ),
    "missing clock": ("net clocks/clk_out1 control/aclk\n", "", "clock control/aclk is not driven"),
    "missing reset": ("net reset_core/peripheral_aresetn accel/rst_ni\n", "", "reset accel/rst_ni is not driven"),
    "wrong clock": ("net clocks/clk_out1 control/aclk", "net cips/pl2_ref_clk control/aclk", "have different clocks"),
    "wrong reset": ("net reset_core/interconnect", "net reset_dma/interconnect", "belongs to clock cips/pl2_ref_clk"),
    "missing interrupt": ("net accel/irq_o cips/pl_ps_irq0\n", "", "interrupt cips/pl_ps_irq0 is not driven"),
    "open interface": ("bus control/M00_AXI accel/s_axil\n", "", "cannot be reached from cips/CPM_PCIE_NOC_0"),
    "open port": ("    bus $name/M_AXI noc/$slave\n", "", "cannot be reached from accel/m_axi_0"),
    "no associated clock": ("ASSOCIATED_BUSIF $port", "ASSOCIATED_BUSIF {}", "interface noc/S00_AXI has 0 clocks"),
    "HBM port twice": ("PORT[expr {$s % 4}]", "PORT0", "HBM0_PORT0 is used by noc/HBM00_AXI and by noc/HBM01_AXI"),
    "controller that is none": (
        "HBM[expr {$s / 4}]_PORT",
        "HBM16_PORT",
        "HBM00_AXI has no path to noc/HBM00_AXI/HBM0_PC0",
    ),
    "too much bandwidth": ("8000 [", "16000 [", "HBM0_PC0: 3"),
    "overlap": ("(2 * $c + $p)", "(2 * $c)", "HBM0_PC1 at 0x004000000000 overlaps noc/S00_AXI/HBM0_PC0"),
    "overlap of controls": (
        "accel/s_axil/reg0 0x20200000000",
        "accel/s_axil/reg0 0x4000000000",
        "overlaps noc/S00_AXI/HBM0_PC0",
    ),
    "outside HBM": ("expr {0x4000000000", "expr {0x5000000000", "is outside this pseudo-channel of the HBM"),
    "outside the aperture": ("accel/s_axil/reg0 0x20200000000", "accel/s_axil/reg0 0x30200000000", "is in no aperture"),
    "not aligned": ("reg0 0x20200000000", "reg0 0x20200001000", "0x20200001000 is no multiple of 0x10000"),
    "wrong slave": (
        "channel accel/m_axi_$s [format HBM%02d_AXI $s]",
        "channel accel/m_axi_$s HBM01_AXI",
        "cannot be reached",
    ),
    "no segment": ("accel/s_axil/reg0", "accel/s_axil/reg1", "no address segment accel/s_axil/reg1"),
    "address left out": ("foreach p {0 1} {\n", "foreach p {0} {\n", "has no address in"),
    "old Vivado": ("version -short] 2024.2", "version -short] 2025.2", "Vivado 2024.2 is too old"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_block_design_is_named(fault):
    old, new, words = FAULTS[fault]
    files, module = generated("tiny")
    text = files["system.tcl"]
    assert old in text
    with pytest.raises(Refused) as refused:
        record(files | {"system.tcl": text.replace(old, new, 1)}, module)
    assert words in str(refused.value) and str(refused.value).startswith("system.tcl: ")


CONSTRAINT_FAULTS = {
    "cell": ("floorplan.xdc", "u_core/gen_covq.u_covq", "u_core/gen_covq.u_covk", "u_covk matches nothing"),
    "slice": ("floorplan.xdc", "gen_slice[1]", "gen_slice[2]", "gen_slice[2].i_slice matches nothing"),
    "cell twice": ("floorplan.xdc", "u_core/gen_covq.u_covq", "u_core/u_frame", "u_frame is in slr1 already"),
    "region": ("floorplan.xdc", "X9Y7", "X9Y70", "unknown clock regions CLOCKREGION_X0Y5:CLOCKREGION_X9Y70"),
    "pblock": ("floorplan.xdc", "[get_pblocks slr1] [get", "[get_pblocks slr7] [get", "no pblock slr7"),
    "pin": ("timing.xdc", "accel/irq_o", "accel/irq", "system_i/accel/irq matches nothing"),
    "port": ("pins.xdc", "hbm_ref_clk0_clk_p", "hbm_ref_clk_0_clk_p", "hbm_ref_clk_0_clk_p matches nothing"),
    "loop": ("timing.xdc", "set_false_path", "foreach x {1} {}\nset_false_path", 'invalid command name "foreach"'),
    "negative slack": ("build.tcl", "", "", "timing: setup slack is -0.001 ns"),
    "failed run": ("build.tcl", "", "", "impl_1: post_route_phys_opt_design ERROR"),
}


@pytest.mark.parametrize("fault", CONSTRAINT_FAULTS)
def test_a_fault_in_constraints_or_build_is_named(fault):
    name, old, new, words = CONSTRAINT_FAULTS[fault]
    files, module = generated("tiny")
    options = {"negative slack": {"slack": -0.001}, "failed run": {"failing": "impl_1"}}.get(fault, {})
    assert old in files[name]
    with pytest.raises(Refused) as refused:
        record(files | {name: files[name].replace(old, new, 1)}, module, **options)
    assert words in str(refused.value) and str(refused.value).startswith(f"{name}: ")


def test_what_cannot_be_generated_is_refused():
    ports, _ = ports_of("qwen3_accel", configuration("tiny").parameters())
    with pytest.raises(UserError, match="found 6 memory ports, allowed 68"):
        project.files("v80", ports)
    with pytest.raises(UserError, match="configuration: found large, allowed tiny, small, v80"):
        project.files("large", ports)
    with pytest.raises(UserError, match=r"stream: found 64, allowed 0\.\.63"):
        facts.stream_address(64)


def test_without_vivado_one_line_tells_what_is_missing():
    environment = {**os.environ, "PATH": "/usr/bin:/bin", "SETUP_ONLY": ""}
    done = subprocess.run(
        [sys.executable, "-m", "verif.v80.build"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: v80: vivado: found none on PATH") and "SETUP_ONLY=1" in line


if __name__ == "__main__":
    NETLIST.write_text(record(*generated("tiny")).design.summary())
