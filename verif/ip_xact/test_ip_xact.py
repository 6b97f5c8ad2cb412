"""IP-XACT: components that follow the schema, cover every port and compile; documents that are broken are refused."""

import copy
import os
import re
import subprocess

import pytest
from lxml import etree

from lutloom.errors import UserError
from lutloom.host import registers as regs
from lutloom.v80.map import STREAM_BYTES, stream_address
from lutloom.v80.wrapper import Port, flat_ports, interfaces, wrapper
from verif.ip_xact import generate as ip_xact
from verif.ip_xact.generate import NS, PATHS, generate, main, problems, schema
from verif.lib.corefiles import core_files
from verif.lib.paths import tool_environment

CORES = ["qwen3_accel", "accel_regs", "hbm_streamer", "linear_synth"]
BUS = "spirit:busInterfaces/spirit:busInterface"


@pytest.fixture(scope="module")
def components(tmp_path_factory) -> dict:
    """{core: (folder, component.xml as read back)}, of the accelerator the tiny configuration."""
    folder = tmp_path_factory.mktemp("ip-xact")
    return {c: (folder / c, etree.parse(generate(c, folder / c, name="tiny")).getroot()) for c in CORES}


def texts(component, path: str) -> list[str]:
    return [element.text for element in component.iterfind(path, NS)]


def lint(folder, files: list[str], top: str, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["verilator", "--lint-only", "--assert", "--timescale", "1ns/1ps", *options, "--top-module", top, *files],
        env={**os.environ, **tool_environment()},
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("core", CORES)
def test_component_covers_every_port(components, core):
    folder, component = components[core]
    assert schema().validate(component)
    assert problems(component) == []
    header = (folder / f"{core}_wrapper.v").read_text().partition(");")[0]
    assert texts(component, PATHS["ports"]) == re.findall(r"put +wire (?:\[\d+:0\] )?(\w+)", header)


@pytest.mark.parametrize("core", CORES[1:])
def test_file_set_compiles_in_its_order(components, core):
    folder, component = components[core]
    files = texts(component, "spirit:fileSets/spirit:fileSet/spirit:file/spirit:name")
    waivers = [str(path) for path in core_files(core).waivers]
    done = lint(folder, [*waivers, *files], f"{core}_wrapper")
    assert done.returncode == 0, done.stderr
    assert lint(folder, [*waivers, *reversed(files)], f"{core}_wrapper").returncode != 0


def test_wrapper_fits_the_accelerator(components):
    """Its toplevel and packages alone; a signal of the wrong width is found."""
    folder, component = components["qwen3_accel"]
    files = texts(component, "spirit:fileSets/spirit:fileSet/spirit:file/spirit:name")
    files = [file for file in files if file.endswith(("_pkg.sv", "/qwen3_accel.sv", ".v"))]
    options = ["-Wno-MODMISSING", "-Wno-SYMRSVDWORD"]
    done = lint(folder, files, "qwen3_accel_wrapper", *options)
    assert done.returncode == 0, done.stderr
    text = (folder / files[-1]).read_text()
    assert "        .m_axi_arvalid({" + ", ".join(f"m_axi_{n}_arvalid" for n in reversed(range(6))) + "}),\n" in text
    windows = re.findall(r"assign (\w+) = 64'h(\w+) \| \(window_\1 & 64'h(\w+)\);", text)
    assert [name for name, *_ in windows] == [
        f"m_axi_{n}_{channel}" for n in (0, 1) for channel in ("araddr", "awaddr")
    ]
    assert [int(base, 16) for _, base, _ in windows] == [stream_address(n) for n in (0, 0, 1, 1)]
    assert {int(mask, 16) for *_, mask in windows} == {STREAM_BYTES - 1}
    (folder / "broken.v").write_text(text.replace("[63:0] m_axi_3_araddr", "[62:0] m_axi_3_araddr"))
    done = lint(folder, [*files[:-1], "broken.v"], "qwen3_accel_wrapper", *options)
    assert done.returncode != 0 and "m_axi_araddr" in done.stderr


def test_slash_finds_what_it_needs(components):
    folder, component = components["qwen3_accel"]
    names = texts(component, f"{BUS}/spirit:name")
    assert {"s_axi_control", "interrupt", "clk_i", "rst_ni", *(f"m_axi_{n}" for n in range(6))} == set(names)
    binds = re.findall(r"^sp=qwen3_accel_1\.(\w+):(\w+)$", (folder / "config.cfg").read_text(), re.M)
    memories = ["HBM0", "HBM1", *["MEM"] * 4]
    assert binds == [(f"m_axi_{n}", memory) for n, memory in enumerate(memories)]


@pytest.mark.parametrize("core,bus", [("qwen3_accel", "s_axi_control"), ("accel_regs", "s_axil")])
def test_memory_map_is_that_of_the_driver(components, core, bus):
    _, component = components[core]
    memory_map = component.find("spirit:memoryMaps/spirit:memoryMap", NS)
    (reference,) = component.iterfind(f"{BUS}/spirit:slave/spirit:memoryMapRef", NS)
    assert texts(memory_map, "spirit:name") == [reference.get(f"{{{ip_xact.SPIRIT}}}memoryMapRef")] == [bus]
    block = memory_map.find("spirit:addressBlock", NS)
    assert texts(block, "spirit:range") == ["512"] and texts(block, "spirit:usage") == ["register"]
    found = {}
    for register in block.iterfind(".//spirit:register", NS):
        around = [register.getparent()] if register.getparent() is not block else []
        names, offsets, counts = (
            [x for part in [*around, register] for x in texts(part, f"spirit:{key}")]
            for key in ("name", "addressOffset", "dim")
        )
        fields = {
            texts(field, "spirit:name")[0]: tuple(
                int(texts(field, f"spirit:{k}")[0]) for k in ("bitOffset", "bitWidth")
            )
            for field in register.iterfind("spirit:field", NS)
        }
        found["_".join(names)] = (sum(int(x, 0) for x in offsets), int(counts[0]) if counts else 1, fields)
    assert found == {r.name: (r.at(), r.count, r.fields) for r in regs.REGISTERS}


def without(path: str, **changes):
    """A fault: the first element at `path` is removed, or its text changed."""

    def damage(component) -> None:
        element = component.find(path, NS)
        if changes:
            element.text = changes["text"]
        else:
            element.getparent().remove(element)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        without("spirit:version"),
        without(f"{BUS}/spirit:busType"),
        without("spirit:model/spirit:ports/spirit:port/spirit:wire/spirit:direction", text="input"),
        without("spirit:fileSets/spirit:fileSet/spirit:file/spirit:fileType", text="verilog"),
    ],
    ids=["no version", "no bus type", "direction", "file type"],
)
def test_broken_document_fails_the_schema(components, damage):
    broken = copy.deepcopy(components["hbm_streamer"][1])
    damage(broken)
    assert not schema().validate(broken)


@pytest.mark.parametrize(
    "damage,words",
    [
        (without(f"{BUS}/spirit:portMaps/spirit:portMap"), "clk_i: in no interface"),
        (without(PATHS["mapped"], text="rst_ni"), "rst_ni: in 2 interfaces"),
        (without(PATHS["mapped"], text="nothing"), "nothing: in an interface, but no port"),
        (without("spirit:model/spirit:ports/spirit:port/spirit:name", text="extra_i"), "extra_i: in no interface"),
        (without(f"{BUS}/spirit:parameters/spirit:parameter"), "m_axis: 0 clocks"),
    ],
    ids=["left out", "twice", "unknown", "undeclared", "no clock"],
)
def test_port_in_no_or_two_interfaces_is_found(components, damage, words):
    broken = copy.deepcopy(components["hbm_streamer"][1])
    damage(broken)
    assert words in problems(broken)


def test_undeclared_port_stops_the_generator(monkeypatch, tmp_path):
    monkeypatch.setattr(ip_xact, "SIDEBAND", re.compile("s_desc_.*"))
    with pytest.raises(UserError, match=r"hbm_streamer: ports: .*clear_i: in no interface"):
        generate("hbm_streamer", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "argv,words",
    [
        (["nothing", "v80"], "is not a core of this library"),
        (["qwen3_accel", "big"], "configuration: found big, allowed tiny, small, v80"),
        (["hbm_streamer", "v80", "DataW=100"], "DataW is 100, allowed: 32, 64, 128, 256"),
        (["", "v80", "DataW=32"], "PARAMS needs a CORE"),
    ],
    ids=["core", "configuration", "value", "parameters alone"],
)
def test_bad_input_is_refused_in_one_line(capsys, argv, words):
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and words in line


def test_clocks_and_tied_inputs():
    """A second clock takes the memory ports along; a tied input is a constant inside and no port outside."""
    ports = [Port(name, "in", 1) for name in ("clk_i", "rst_ni", "hbm_clk_i", "hbm_rst_ni")]
    ports += [Port("s_axis_tdata", "in", 8), Port("s_axis_tvalid", "in", 1), Port("m_axi_araddr", "out", 128)]
    ports += [Port("m_axi_arvalid", "out", 2), Port("m_axi_rdata", "in", 64)]
    found, rest = interfaces(flat_ports(ports))
    assert not rest
    clocks = {bus.name: bus.clock for bus in found if bus.clock}
    assert clocks == {"s_axis": "clk_i", "m_axi_0": "hbm_clk_i", "m_axi_1": "hbm_clk_i"}
    parameters = {bus.name: bus.parameters for bus in found}
    assert parameters["hbm_clk_i"] == {"ASSOCIATED_BUSIF": "m_axi_0:m_axi_1", "ASSOCIATED_RESET": "hbm_rst_ni"}
    text = wrapper("top", ports, {"HbmClock": 0}, tied={"hbm_clk_i": "1'b0", "hbm_rst_ni": "1'b1"}, frequency=250)
    assert ".hbm_clk_i(1'b0)" in text and "wire hbm_clk_i" not in text
    assert "ASSOCIATED_BUSIF s_axis:m_axi_0:m_axi_1, ASSOCIATED_RESET rst_ni, FREQ_HZ 250" in text
    with pytest.raises(UserError, match="tied: found clk, allowed inputs of top"):
        wrapper("top", ports, tied={"clk": "1'b0"})
