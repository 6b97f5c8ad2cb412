"""Runs the scripts of the V80 build under a real Tcl interpreter, with own models of the Vivado commands that they use.

What is not in catalogue.yaml is an error by its name: commands, options, IP, pins, interfaces, CONFIG keys and values.
`validate_bd_design` looks at the whole netlist: open and doubly driven pins, clocks, resets, modes, the NoC's paths and
bandwidth, address segments. This is a model, made from documents: what it accepts, Vivado may still refuse.
"""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lutloom.v80 import map as facts
from lutloom.v80.wrapper import interfaces
from verif.v80.hierarchy import Module

CATALOGUE = yaml.safe_load(Path(__file__).with_name("catalogue.yaml").read_text())
BUILTIN = ("exec", "exit", "socket", "open", "cd", "load")  # of Tcl, taken away: no script of the build needs them
KINDS = {"clock": "clk", "reset": "rst", "interrupt": "intr"}


class Refused(Exception):
    """What a script did wrong, with the name of it."""


@dataclass
class Pin:
    """A scalar pin of a cell."""

    direction: str
    kind: str = "data"  # clk, rst, intr, data
    optional: bool = False
    driver: str = ""  # of an input: the pin that drives it
    loads: list[str] = field(default_factory=list)


@dataclass
class Bus:
    """An interface pin of a cell, or a port of the design."""

    mode: str
    vlnv: str
    clock: str = ""  # pin of the cell, or `associated` by CONFIG.ASSOCIATED_BUSIF of one of them
    reset: str = ""
    optional: bool = False
    width: int = 0
    widths: tuple[int, ...] = ()
    through: str = ""  # a slave: the master of the same cell where its traffic comes out
    peer: str = ""
    is_port: bool = False
    config: dict[str, str] = field(default_factory=dict)


@dataclass
class Design:
    """What a script built."""

    part: str = ""
    cells: dict[str, str] = field(default_factory=dict)  # {name: VLNV, or the module it refers to}
    config: dict[str, dict[str, str]] = field(default_factory=dict)
    pins: dict[str, Pin] = field(default_factory=dict)
    buses: dict[str, Bus] = field(default_factory=dict)
    spaces: set[str] = field(default_factory=set)
    mapped: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # {(space, segment): (offset, range)}
    sources: list[str] = field(default_factory=list)
    valid: bool = False  # validate_bd_design found nothing
    matched: dict[str, int] = field(default_factory=dict)  # {pattern of a constraint: cells, pins, ports that it found}
    pblocks: dict[str, list[str]] = field(default_factory=dict)
    image: str = ""  # what write_device_image wrote

    def summary(self) -> str:
        """The netlist as text, a line each: cells with their keys, nets, interfaces, addresses."""
        rows = []
        for name, what in self.cells.items():
            rows.append(f"cell {name} {what}")
            rows += [f"  {key} = {' '.join(value.split())}" for key, value in self.config[name].items()]
        for name, pin in self.pins.items():
            if pin.loads:
                rows.append(f"net {name} -> {' '.join(pin.loads)}")
            rows += [f"  {key} = {value}" for key, value in self.config.get(name, {}).items()]
        for name, bus in self.buses.items():
            if (bus.peer and bus.mode == "master") or bus.is_port:
                rows.append(f"bus {name} -> {bus.peer}")
            for key, value in bus.config.items():  # of a path only the two bandwidths
                short = re.sub(r" \{read_bw \{(\d+)\} write_bw \{(\d+)\}[^}]*\}[^}]*\}\}", r":\1/\2", value)
                rows.append(f"  {name} {key} = {' '.join(short.split())}")
        for (space, segment), (offset, size) in self.mapped.items():
            rows.append(f"map {space} {segment} {offset:#x} {size:#x}")
        return "\n".join(rows) + "\n"


class Recorder:
    """One Vivado session. module: what `create_bd_cell -type module` may refer to.

    slack: what get_timing_paths answers, ns; failing: a run whose step fails; version: of Vivado.
    Raises ImportError if this Python has no tkinter (on Debian: python3-tk).
    """

    def __init__(self, module: Module, *, slack: float = 0.1, failing: str = "", version: str = facts.VIVADO):
        import tkinter  # the standard library's binding to libtcl; no window is opened

        self.design = Design()
        self.module, self.slack, self.failing, self.version = module, slack, failing, version
        self.done: dict[str, str] = {}  # run -> its STATUS
        self.TclError = tkinter.TclError
        self.tcl = tkinter.Tcl()
        for name in BUILTIN:
            self.tcl.eval(f"catch {{rename {name} {{}}}}")
        self.tcl.eval("proc puts {args} {}")
        self.tcl.eval("rename file _file; proc file {what args} { if {$what ne {mkdir}} { _file $what {*}$args } }")
        for name in CATALOGUE["commands"]:
            self.tcl.createcommand(name, lambda *args, name=name: self._call(name, args))

    # --- running ------------------------------------------------------------------------------------------------------

    def run(self, text: str, name: str = "script") -> None:
        """Run a Tcl script; Refused with what is wrong."""
        self._eval(text, name)

    def constrain(self, text: str, name: str) -> None:
        """Run a constraint file: of all commands only those that XDC has."""
        safe = self.tcl.eval("interp create")
        for command in self.tcl.eval(f"interp eval {safe} {{info commands}}").split():
            if command not in (*CATALOGUE["xdc"], "rename"):
                self.tcl.eval(f"interp eval {safe} {{rename {command} {{}}}}")
        self.tcl.eval(f"interp eval {safe} {{rename rename {{}}}}")
        for command in CATALOGUE["xdc"]:
            if command in CATALOGUE["commands"]:
                self.tcl.eval(f"interp alias {safe} {command} {{}} {command}")
        self.tcl.setvar("constraints", text)
        self._eval(f"interp eval {safe} $constraints", name)

    def _eval(self, text: str, name: str) -> None:
        self.error: Exception | None = None  # of a command: Tcl does not keep it
        try:
            self.tcl.eval(text)
        except self.TclError as error:
            if self.error and not isinstance(self.error, Refused):
                raise self.error from None
            raise Refused(f"{name}: {self.error or error}") from None

    def _call(self, name: str, args: tuple) -> str:
        try:
            least, most, options = CATALOGUE["commands"][name]
            given, positional, rest = {}, [], list(map(str, args))
            while rest:
                word = rest.pop(0)
                if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
                    if word not in options:
                        raise Refused(f"{name}: unknown option {word}")
                    if options[word] and not rest:
                        raise Refused(f"{name}: option {word} without a value")
                    given[word[1:]] = rest.pop(0) if options[word] else "1"
                else:
                    positional.append(word)
            if not least <= len(positional) + (name == "set_property" and "dict" in given) <= most:
                raise Refused(f"{name}: {len(positional)} arguments, allowed {least} to {most}")
            method = getattr(self, f"_{name}", None)
            return method(*positional, **given) or "" if method else ""
        except Exception as error:
            self.error = error
            raise

    def _list(self, text: str) -> list[str]:
        return [str(part) for part in self.tcl.splitlist(text)]

    def _pairs(self, text: str, where: str) -> dict[str, str]:
        parts = self._list(text)
        if len(parts) % 2:
            raise Refused(f"{where}: a dictionary of {len(parts)} words")
        return dict(zip(parts[::2], parts[1::2], strict=True))

    # --- project ------------------------------------------------------------------------------------------------------

    def _version(self, short="") -> str:
        return self.version

    def _create_project(self, name, folder=".", **_) -> None:
        self.design = Design()

    def _current_project(self) -> str:
        return "project:"

    def _current_fileset(self) -> str:
        return "fileset:sources_1"

    def _current_design(self) -> str:
        return "design:"

    def _get_filesets(self, name) -> str:
        if name not in ("sources_1", "constrs_1", "sim_1"):
            raise Refused(f"get_filesets: no fileset {name}")
        return f"fileset:{name}"

    def _get_files(self, name) -> str:
        found = [path for path in self.design.sources if Path(path).name == name]
        if not found:
            raise Refused(f"get_files: no file {name} in the project")
        return f"file:{found[0]}"

    def _read_verilog(self, path, **_) -> None:
        self.design.sources.append(path)

    def _read_xdc(self, path, unmanaged="") -> None:
        self.design.sources.append(path)
        (self.run if unmanaged else self.constrain)(Path(path).read_text(), path)

    def _add_files(self, path, **_) -> None:
        self.design.sources.append(path)

    def _make_wrapper(self, files="", top="") -> str:
        return files.removeprefix("file:").replace(".bd", "_wrapper.v")

    # --- properties ---------------------------------------------------------------------------------------------------

    def _set_property(self, *words, dict="") -> None:
        values = self._pairs(dict, "set_property") if dict else {words[0]: words[1]}
        targets = self._list(words[-1])
        if not targets:
            raise Refused("set_property: no object")
        for target in targets:
            self._set_properties(target, values)

    def _set_properties(self, target: str, values: dict[str, str]) -> None:
        kind, _, name = target.partition(":")
        for key, value in values.items():
            if kind == "cell":
                self._configure(name, key, value)
                continue
            if key not in CATALOGUE["properties"].get(kind, ()):
                raise Refused(f"set_property: unknown property {key} of {kind} {name}")
            if kind == "project" and key == "part":
                if value not in CATALOGUE["parts"]:
                    raise Refused(f"set_property: unknown part {value}")
                self.design.part = value
            elif kind in ("intf_pin", "intf_port"):
                self.design.buses[name].config[key.removeprefix("CONFIG.")] = value
            elif kind == "pin":
                self.design.config.setdefault(name, {})[key.removeprefix("CONFIG.")] = value
            elif kind == "run" and key == "strategy" and value not in CATALOGUE["strategies"][name]:
                raise Refused(f"set_property: unknown strategy {value} of run {name}")

    def _get_property(self, key, target) -> str:
        kind, _, name = target.partition(":")
        if key not in CATALOGUE["properties"].get(kind, ()):
            raise Refused(f"get_property: unknown property {key} of {kind} {name}")
        return {
            "PART": self.design.part,
            "STATUS": self.done.get(name, "Not started"),
            "SLACK": str(self.slack),
            "PERIOD": "2.500",
        }[key]

    def _configure(self, cell: str, key: str, value: str) -> None:
        """Set a CONFIG key of an IP; the pins that depend on it come and go."""
        vlnv = self.design.cells[cell]
        ip = CATALOGUE["ips"].get(vlnv, {})
        name = key.removeprefix("CONFIG.")
        legal, nested = ip.get("config", {}), ip.get("nested", {})
        if name in nested:
            for inner in self._pairs(value, f"{cell}: {key}"):
                if inner not in nested[name]:
                    raise Refused(f"set_property: unknown key {inner} in {key} of {cell} ({vlnv})")
        elif not key.startswith("CONFIG.") or name not in legal:
            raise Refused(f"set_property: unknown key {key} of {cell} ({vlnv})")
        elif not _allowed(value, legal[name]):
            raise Refused(f"set_property: {key} of {cell} is {value}, allowed {legal[name]}")
        self.design.config[cell][name] = value
        self._pins_of_ip(cell, ip)

    # --- block design -------------------------------------------------------------------------------------------------

    def _create_bd_design(self, name) -> None:
        self.design.sources.append(f"{name}.bd")

    def _create_bd_cell(self, name, type="", vlnv="", reference="") -> str:
        if name in self.design.cells:
            raise Refused(f"create_bd_cell: {name} is there already")
        self.design.config[name] = {}
        if type == "module":
            if reference != self.module.name:
                raise Refused(f"create_bd_cell: no module {reference} in the project")
            self.design.cells[name] = reference
            self._pins_of_module(name)
        elif type == "ip":
            if vlnv not in CATALOGUE["ips"]:
                raise Refused(f"create_bd_cell: unknown IP {vlnv}")
            self.design.cells[name] = vlnv
            self._pins_of_ip(name, CATALOGUE["ips"][vlnv])
        else:
            raise Refused(f"create_bd_cell: unknown type {type}")
        return f"cell:{name}"

    def _pins_of_ip(self, cell: str, ip: dict) -> None:
        config = self.design.config[cell]
        for name, (direction, kind, *more) in ip.get("pins", {}).items():
            flag = more[0] if more else ""
            if flag in ("", "optional"):
                self.design.pins.setdefault(f"{cell}/{name}", Pin(direction, kind, flag == "optional"))
                continue
            value = config.get(flag, "1")
            count = int(value) if value.isdigit() else value.split(",").count("true")
            first = 0 if kind == "clk" and direction == "in" else 1
            for n in range(first, first + count):
                self.design.pins.setdefault(f"{cell}/{name % n}", Pin(direction, kind))
        for name, one in ip.get("interfaces", {}).items():
            count = (
                int(config.get(one["count"], "1" if one["count"] != "NUM_HBM_BLI" else "0")) if "count" in one else 0
            )
            for label in [name % n for n in range(count)] if "count" in one else [name]:
                bus = Bus(
                    one["mode"],
                    one["vlnv"],
                    one.get("clock", ""),
                    one.get("reset", ""),
                    one.get("optional", False),
                    widths=tuple(one.get("width", ())),
                    through=one.get("through", ""),
                )
                self.design.buses.setdefault(f"{cell}/{label}", bus)
                if one.get("space"):
                    self.design.spaces.add(f"{cell}/{label}")

    def _pins_of_module(self, cell: str) -> None:
        found, rest = interfaces(self.module.ports)
        if rest:
            raise Refused(f"create_bd_cell: port {rest[0].name} of {self.module.name} is in no interface")
        resets = {bus.name: bus.name.removesuffix("clk_i") + "rst_ni" for bus in found if bus.kind == "clock"}
        for one in found:
            if one.kind in KINDS:
                port = next(iter(one.ports.values()))
                self.design.pins[f"{cell}/{one.name}"] = Pin(port.direction, KINDS[one.kind])
            else:
                width = int(one.parameters.get("DATA_WIDTH", 0))
                bus = Bus(one.mode, one.kind, one.clock, resets[one.clock], width=width)
                self.design.buses[f"{cell}/{one.name}"] = bus
                if one.mode == "master":
                    self.design.spaces.add(f"{cell}/{one.name}")

    def _create_bd_intf_port(self, name, mode="", vlnv="") -> str:
        match = re.fullmatch(r"xilinx\.com:interface:(gt|diff_clock)_rtl:1\.0", vlnv)
        if not match:
            raise Refused(f"create_bd_intf_port: unknown interface {vlnv}")
        self.design.buses[name] = Bus(mode.lower(), match[1], is_port=True)
        return f"intf_port:{name}"

    def _find(self, table, kind: str, name: str) -> str:
        if name not in table:
            raise Refused(f"no {kind} {name}")
        return f"{kind}:{name}"

    def _get_bd_cells(self, name) -> str:
        return self._find(self.design.cells, "cell", name)

    def _get_bd_pins(self, name) -> str:
        return self._find(self.design.pins, "pin", name)

    def _get_bd_intf_pins(self, name) -> str:
        return self._find([n for n, bus in self.design.buses.items() if not bus.is_port], "intf_pin", name)

    def _get_bd_intf_ports(self, name) -> str:
        return self._find([n for n, bus in self.design.buses.items() if bus.is_port], "intf_port", name)

    def _get_bd_addr_spaces(self, name) -> str:
        return self._find(self.design.spaces, "addr_space", name)

    def _get_bd_addr_segs(self, name) -> str:
        bus, _, segment = name.rpartition("/")
        slave = self.design.buses.get(bus)
        pseudo_channel = re.fullmatch(r"HBM(\d+)_PC([01])", segment)
        if self._is_noc(bus):
            channels = int(self.design.config[bus.partition("/")[0]].get("HBM_NUM_CHNL", 0))
            exists = pseudo_channel and int(pseudo_channel[1]) < channels
        else:
            exists = slave and bus.partition("/")[0] not in self._ips() and segment == "reg0"
        if not slave or slave.mode != "slave" or not exists:
            raise Refused(f"no address segment {name}")
        return f"addr_seg:{name}"

    def _ips(self) -> set[str]:
        return {name for name, vlnv in self.design.cells.items() if vlnv in CATALOGUE["ips"]}

    def _is_noc(self, bus: str) -> bool:
        return ":axi_noc:" in self.design.cells.get(bus.partition("/")[0], "")

    def _connect_bd_net(self, *ends) -> None:
        names = [end.removeprefix("pin:") for end in ends]
        pins = [self.design.pins[name] for name in names]
        drivers = [name for name, pin in zip(names, pins, strict=True) if pin.direction == "out"]
        if len(drivers) > 1:
            raise Refused(f"connect_bd_net: {drivers[0]} and {drivers[1]} drive the same net")
        if not drivers:
            raise Refused(f"connect_bd_net: neither {names[0]} nor {names[1]} drives")
        load = names[1 - names.index(drivers[0])]
        pin, driver = self.design.pins[load], self.design.pins[drivers[0]]
        if pin.driver:
            raise Refused(f"connect_bd_net: {load} is driven by {pin.driver} and by {drivers[0]}")
        if pin.kind != driver.kind:
            raise Refused(f"connect_bd_net: {drivers[0]} is {driver.kind}, {load} is {pin.kind}")
        pin.driver = drivers[0]
        driver.loads.append(load)

    def _connect_bd_intf_net(self, *ends) -> None:
        names = [end.partition(":")[2] for end in ends]
        buses = [self.design.buses[name] for name in names]
        for name, bus in zip(names, buses, strict=True):
            if bus.peer:
                raise Refused(f"connect_bd_intf_net: {name} is connected to {bus.peer} already")
        if buses[0].vlnv != buses[1].vlnv:
            raise Refused(f"connect_bd_intf_net: {names[0]} is {buses[0].vlnv}, {names[1]} is {buses[1].vlnv}")
        outside = buses[0].is_port != buses[1].is_port
        if (buses[0].mode == buses[1].mode) != outside:
            raise Refused(f"connect_bd_intf_net: {names[0]} and {names[1]} are both {buses[0].mode}")
        buses[0].peer, buses[1].peer = names[1], names[0]

    def _assign_bd_address(self, segment, offset="", range="", target_address_space="", force="") -> None:
        space, segment = target_address_space.partition(":")[2], segment.partition(":")[2]
        start, size = int(offset, 0), int(range, 0)
        if not space:
            raise Refused(f"assign_bd_address: {segment}: no -target_address_space")
        if size < 4096 or size & (size - 1) or start % size:
            raise Refused(f"assign_bd_address: {segment}: {offset} is no multiple of {range}")
        slave = self._slave_of(space)
        reached = {slave}
        if self._is_noc(slave) and "M00_AXI" in self._targets(slave):
            reached.add(self._slave_of(f"{slave.partition('/')[0]}/M00_AXI"))
        if segment.rpartition("/")[0] not in reached:
            raise Refused(
                f"assign_bd_address: {segment} cannot be reached from {space}, which ends at {slave or 'nothing'}"
            )
        for (other, name), (first, bytes_) in self.design.mapped.items():
            if other == space and start < first + bytes_ and first < start + size:
                raise Refused(f"assign_bd_address: {segment} at {offset} overlaps {name} in {space}")
        channel = re.search(r"/HBM(\d+)_PC([01])$", segment)
        if channel:
            begin = facts.pseudo_channel_address(int(channel[1]), int(channel[2]))
            if start < begin or start + size > begin + facts.PSEUDO_CHANNEL_BYTES:
                raise Refused(f"assign_bd_address: {segment} at {offset} is outside this pseudo-channel of the HBM")
            if not any(target.startswith(f"HBM{channel[1]}_PORT") for target in self._targets(slave)):
                raise Refused(f"assign_bd_address: {slave} has no path to {segment}")
        elif self._is_noc(slave):
            self._check_aperture(slave.partition("/")[0], segment, start, size)
        self.design.mapped[space, segment] = (start, size)

    def _check_aperture(self, noc: str, segment: str, start: int, size: int) -> None:
        apertures = self._list(self.design.buses[f"{noc}/M00_AXI"].config.get("APERTURES", ""))
        for aperture in apertures:
            first, bytes_ = (int(word, 0) for word in self._list(aperture))
            if first <= start and start + size <= first + bytes_:
                return
        raise Refused(f"assign_bd_address: {segment} at {start:#x} is in no aperture of {noc}/M00_AXI")

    def _slave_of(self, master: str) -> str:
        """Where a master's traffic ends: through register slices and interconnects."""
        peer = self.design.buses[master].peer
        while peer and self.design.buses[peer].through:
            peer = self.design.buses[f"{peer.partition('/')[0]}/{self.design.buses[peer].through}"].peer
        return peer

    def _targets(self, port: str) -> dict[str, dict[str, str]]:
        """{target: {read_bw: ...}} of a slave port of the NoC."""
        connections = self._pairs(self.design.buses[port].config.get("CONNECTIONS", ""), f"{port}: CONNECTIONS")
        return {target: self._pairs(values, f"{port}: {target}") for target, values in connections.items()}

    # --- the whole netlist --------------------------------------------------------------------------------------------

    def _validate_bd_design(self) -> None:
        for name, pin in self.design.pins.items():
            if pin.direction == "in" and not pin.driver and not pin.optional:
                what = {"clk": "clock", "rst": "reset", "intr": "interrupt"}.get(pin.kind, "input")
                raise Refused(f"validate_bd_design: {what} {name} is not driven")
            if pin.kind == "intr" and pin.direction == "out" and not pin.loads:
                raise Refused(f"validate_bd_design: interrupt {name} is not connected")
        for name, bus in self.design.buses.items():
            if not bus.peer and not bus.optional:
                raise Refused(f"validate_bd_design: interface {name} is not connected")
        for name, bus in self.design.buses.items():
            if bus.peer and bus.vlnv == "aximm":
                self._check_bus(name, bus)
        for noc in [name for name in self.design.cells if self._is_noc(f"{name}/")]:
            self._check_noc(noc)
        self._check_addresses()
        self.design.valid = True

    def _clock_pin(self, name: str, bus: Bus) -> str:
        cell, _, port = name.partition("/")
        if bus.clock != "associated":
            return f"{cell}/{bus.clock}"
        found = [
            pin
            for pin in self.design.pins
            if pin.startswith(f"{cell}/")
            and port in self.design.config.get(pin, {}).get("ASSOCIATED_BUSIF", "").split(":")
        ]
        if len(found) != 1:
            raise Refused(f"validate_bd_design: interface {name} has {len(found)} clocks, allowed 1")
        return found[0]

    def _clock_net(self, name: str, bus: Bus) -> str:
        """The pin that drives the clock of an interface."""
        pin = self._clock_pin(name, bus)
        return self.design.pins[pin].driver or pin

    def _check_bus(self, name: str, bus: Bus) -> None:
        other = self.design.buses[bus.peer]
        if self._clock_net(name, bus) != self._clock_net(bus.peer, other):
            nets = f"{self._clock_net(name, bus)} and {self._clock_net(bus.peer, other)}"
            raise Refused(f"validate_bd_design: {name} and {bus.peer} have different clocks: {nets}")
        if bus.reset:
            reset = self.design.pins[f"{name.partition('/')[0]}/{bus.reset}"].driver
            domain = self.design.pins[f"{reset.partition('/')[0]}/slowest_sync_clk"].driver
            if domain != self._clock_net(name, bus):
                raise Refused(f"validate_bd_design: reset {reset} of {name} belongs to clock {domain}")
        source = next((one for one in self.design.spaces if self._slave_of(one) == name), "")
        width = self.design.buses[source].width if source else 0
        if bus.widths and width not in bus.widths:
            raise Refused(f"validate_bd_design: {name} is {width} bits wide at {source}, allowed {bus.widths}")

    def _check_noc(self, noc: str) -> None:
        config = self.design.config[noc]
        used: dict[str, str] = {}
        load: dict[str, int] = defaultdict(int)
        for name, bus in self.design.buses.items():
            cell = name.partition("/")[0]
            if cell != noc or bus.vlnv != "aximm" or bus.mode != "slave":
                continue
            targets = self._targets(name)
            if not targets:
                raise Refused(f"validate_bd_design: {name} has no path to anything")
            for target, values in targets.items():
                match = re.fullmatch(r"HBM(\d+)_PORT([0-3])", target)
                if (
                    not (match and int(match[1]) < int(config["HBM_NUM_CHNL"]))
                    and f"{noc}/{target}" not in self.design.buses
                ):
                    raise Refused(f"validate_bd_design: {name} has a path to {target}, which {noc} has not")
                if match:
                    load[f"HBM{match[1]}_PC{int(match[2]) // 2}"] += int(values["read_bw"]) + int(values["write_bw"])
            if bus.widths:  # a port in the fabric beside the HBM: point to point, each controller's port once
                if len(targets) != 1:
                    raise Refused(f"validate_bd_design: {name} has {len(targets)} paths, allowed 1")
                (target,) = targets
                if target in used:
                    raise Refused(f"validate_bd_design: {target} is used by {used[target]} and by {name}")
                used[target] = name
        for channel, total in load.items():
            if total > facts.PSEUDO_CHANNEL_MB_S:
                raise Refused(
                    f"validate_bd_design: {channel}: {total} MB/s asked for, {facts.PSEUDO_CHANNEL_MB_S} there"
                )

    def _check_addresses(self) -> None:
        for space in self.design.spaces:
            slave = self._slave_of(space)
            if not self._is_noc(slave):
                continue
            noc = slave.partition("/")[0]
            mapped = {segment for owner, segment in self.design.mapped if owner == space}
            for target in self._targets(slave):
                match = re.fullmatch(r"HBM(\d+)_PORT([0-3])", target)
                if match:
                    wanted = f"{slave}/HBM{match[1]}_PC{int(match[2]) // 2}"
                else:
                    wanted = f"{self._slave_of(f'{noc}/{target}')}/reg0"
                if wanted not in mapped:
                    raise Refused(f"validate_bd_design: {wanted} has no address in {space}")

    # --- runs ---------------------------------------------------------------------------------------------------------

    def _generate_target(self, what, file) -> None:
        if not self.design.valid:
            raise Refused(f"generate_target: {file} was not validated")

    def _get_runs(self, name) -> str:
        if name not in CATALOGUE["runs"]:
            raise Refused(f"get_runs: no run {name}")
        return f"run:{name}"

    def _launch_runs(self, run, to_step="", jobs="1") -> None:
        name = run.removeprefix("run:")
        if to_step and to_step not in CATALOGUE["steps"]:
            raise Refused(f"launch_runs: {name} has no step {to_step}")
        step = to_step or "synth_design"
        self.done[name] = f"{step} {'ERROR' if name == self.failing else 'Complete!'}"

    def _open_run(self, name) -> None:
        if "Complete!" not in self.done.get(name, ""):
            raise Refused(f"open_run: {name} has not run")

    def _get_timing_paths(self, delay_type="", max_paths="") -> str:
        return "timing_path:0"

    def _write_device_image(self, path, force="") -> None:
        self.design.image = path

    # --- constraints --------------------------------------------------------------------------------------------------

    def _match(self, what: str, pattern: str, names: list[str], filter: str = "", quiet: str = "") -> str:
        """Names that a pattern of Vivado finds: `*` and `?` stop at a slash, brackets are literal."""
        pattern = pattern.replace("\\[", "[").replace("\\]", "]").removeprefix("cell:")
        regex = "".join({"*": "[^/]*", "?": "[^/]"}.get(letter, re.escape(letter)) for letter in pattern)
        found = [name for name in names if re.fullmatch(regex, name)]
        if filter:
            glob = re.fullmatch(r"\s*NAME\s*=~\s*\"?([^\"]+?)\"?\s*", filter)
            if not glob:
                raise Refused(f"{what}: filter {filter} is not understood")
            found = [name for name in names if fnmatch.fnmatchcase(name, glob[1].replace("[", "[[]"))]
        self.design.matched[f"{what} {filter or pattern}"] = len(found)
        if not found and not quiet:
            raise Refused(f"{what}: {filter or pattern} matches nothing in the design")
        kind = what.removeprefix("get_").removesuffix("s")
        return self.tcl.call("list", *(f"{kind}:{name}" for name in found))

    def _cell_names(self) -> list[str]:
        """Cells of the whole design by their names in the netlist; of IP those that the block design has."""
        inside = [f"system_i/{cell}/inst" for cell in self.design.cells]
        accel = next(cell for cell, what in self.design.cells.items() if what == self.module.name)
        return ["system_i", *(f"system_i/{cell}" for cell in self.design.cells), *inside] + [
            f"system_i/{accel}/inst/{path}" for path in self.module.cells
        ]

    def _get_cells(self, pattern="", hierarchical="", filter="", quiet="") -> str:
        return self._match("get_cells", pattern, self._cell_names(), filter, quiet)

    def _get_pins(self, pattern) -> str:
        accel = next(cell for cell, what in self.design.cells.items() if what == self.module.name)
        names = [f"system_i/{pin}" for pin in self.design.pins]
        names += [f"system_i/{accel}/inst/{pin}" for pin in self.module.pins]
        return self._match("get_pins", pattern.removeprefix("cell:"), names)

    def _get_ports(self, pattern) -> str:
        names = []
        for name, bus in self.design.buses.items():
            if bus.is_port:
                names += [f"{name}_clk_p", f"{name}_clk_n"] if bus.vlnv == "diff_clock" else [f"{name}_grx_p"]
        return self._match("get_ports", pattern, names)

    def _get_clocks(self, of_objects="") -> str:
        return "".join(f"clock:{pin.partition(':')[2]}" for pin in self._list(of_objects)[:1])

    def _get_pblocks(self, name) -> str:
        return self._find(self.design.pblocks, "pblock", name)

    def _create_pblock(self, name) -> None:
        self.design.pblocks[name] = []

    def _resize_pblock(self, block, add="") -> None:
        if add not in [region for regions in facts.CLOCK_REGIONS.values() for region in regions]:
            raise Refused(f"resize_pblock: unknown clock regions {add}")

    def _add_cells_to_pblock(self, block, cells) -> None:
        placed = {cell: name for name, members in self.design.pblocks.items() for cell in members}
        for cell in self._list(cells):
            if cell in placed:
                raise Refused(f"add_cells_to_pblock: {cell.partition(':')[2]} is in {placed[cell]} already")
            self.design.pblocks[block.removeprefix("pblock:")].append(cell)


def _allowed(value: str, legal) -> bool:
    """Whether a value is in a list of the catalogue, or in a range; `list`: several behind commas."""
    if isinstance(legal, dict) and "list" in legal:
        return all(_allowed(part, legal["list"]) for part in value.split(","))
    if isinstance(legal, dict):
        return bool(re.fullmatch(r"[0-9.]+", value)) and legal["from"] <= float(value) <= legal["to"]
    return value in [str(one).lower() if isinstance(one, bool) else str(one) for one in legal]
