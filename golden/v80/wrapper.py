"""Bus interfaces of a toplevel, found by the names of its ports, and a wrapper in plain Verilog without arrays.

Block designs and IP packagers take a Verilog module whose ports are vectors; the RTL has its memory ports as packed
arrays. The wrapper renames `m_axi_araddr[3]` to `m_axi_3_araddr` and carries the X_INTERFACE attributes of Vivado.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import jinja2

from lutloom.errors import UserError


@dataclass(frozen=True)
class Port:
    """A port of a module, a packed array as one vector. Direction `in` or `out`."""

    name: str
    direction: str
    width: int


@dataclass
class Interface:
    """A bus interface: {logical name: port}. clock: the clock's port; parameters: those that Vivado reads."""

    name: str
    kind: str  # aximm, axis, clock, reset, interrupt
    mode: str  # master or slave
    ports: dict[str, Port]
    clock: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


AXI = {
    "AW": ("ID", "ADDR", "LEN", "SIZE", "BURST", "CACHE", "PROT", "VALID", "READY"),
    "W": ("DATA", "STRB", "LAST", "VALID", "READY"),
    "B": ("ID", "RESP", "VALID", "READY"),
    "AR": ("ID", "ADDR", "LEN", "SIZE", "BURST", "CACHE", "PROT", "VALID", "READY"),
    "R": ("ID", "DATA", "RESP", "LAST", "VALID", "READY"),
}
AXI_SIGNALS = {channel + signal for channel, signals in AXI.items() for signal in signals}
AXIS_SIGNALS = {"TDATA", "TSTRB", "TKEEP", "TLAST", "TUSER", "TVALID", "TREADY"}
VALIDS = {"awvalid", "arvalid", "tvalid"}
VLNV = {
    "aximm": "xilinx.com:interface:aximm:1.0",
    "axis": "xilinx.com:interface:axis:1.0",
    "clock": "xilinx.com:signal:clock:1.0",
    "reset": "xilinx.com:signal:reset:1.0",
    "interrupt": "xilinx.com:signal:interrupt:1.0",
}
SINGLE = {
    "clk_i": ("clock", "CLK"),
    "rst_ni": ("reset", "RST"),
    "irq_o": ("interrupt", "INTERRUPT"),
    "interrupt": ("interrupt", "INTERRUPT"),
}


def split(ports: Iterable[Port], names: Mapping[str, str] | None = None) -> dict[str, list[Port]]:
    """{port: what the wrapper has for it}: the port itself, or of an array of buses `m_axi_<n>_<signal>` for every n.

    Buses are an array if their valid signal has more than one bit. names: {port or bus: its name in the wrapper}.
    """
    ports, names = list(ports), names or {}
    counts: dict[str, int] = {}
    for port in ports:
        bus, _, signal = port.name.rpartition("_")
        if _is_bus(bus) and signal in VALIDS:
            counts[bus] = port.width
    flat = {}
    for port in ports:
        bus, _, signal = port.name.rpartition("_")
        n = counts.get(bus, 1)
        outer = names.get(port.name) or (f"{names[bus]}_{signal}" if bus in names else port.name)
        parts = [f"{bus}_{i}_{signal}" for i in range(n)] if n > 1 else [outer]
        flat[port.name] = [Port(part, port.direction, port.width // n) for part in parts]
    return flat


def flat_ports(ports: Iterable[Port], names: Mapping[str, str] | None = None) -> list[Port]:
    """The ports of the wrapper, arrays of buses bus by bus. names: see `split`."""
    parts = list(split(ports, names).values())
    flat = [part[0] for part in parts if len(part) == 1]
    arrays = [part for part in parts if len(part) > 1]
    for n in range(max(map(len, arrays), default=0)):
        flat += [part[n] for part in arrays if n < len(part)]
    return flat


def _is_bus(name: str) -> bool:
    return re.fullmatch(r"[sm]_axi[ls]?(_\w+)?", name) is not None


def interfaces(ports: Iterable[Port]) -> tuple[list[Interface], list[Port]]:
    """Group flat ports into (interfaces, ports in none of them).

    `[sm]_axil*`, `[sm]_axi*` and `[sm]_axis*` are buses, `*clk_i` is a clock, `*rst_ni` a reset, `*irq_o` or
    `interrupt` an interrupt. A bus belongs to the first there is of `s_clk_i` or `m_clk_i` by its own letter,
    `hbm_clk_i` for AXI4 masters, and `clk_i`; `<x>_rst_ni` goes with `<x>_clk_i`.
    """
    found: dict[str, Interface] = {}
    rest = []
    for port in ports:
        bus, _, signal = port.name.rpartition("_")
        mode = {"s": "slave", "m": "master"}.get(bus[:1])
        axis = bus[1:6] == "_axis"
        legal = AXIS_SIGNALS if axis else AXI_SIGNALS
        single = next((key for key in SINGLE if port.name == key or port.name.endswith(f"_{key}")), None)
        if single:
            kind, logical = SINGLE[single]
            side = "master" if port.direction == "out" else "slave"
            found[port.name] = Interface(port.name, kind, side, {logical: port})
        elif _is_bus(bus) and signal.upper() in legal:
            one = found.setdefault(bus, Interface(bus, "axis" if axis else "aximm", mode, {}))
            one.ports[signal.upper()] = port
        else:
            rest.append(port)
    _associate(found)
    return list(found.values()), rest


def _associate(found: dict[str, Interface]) -> None:
    """Clocks of the buses, and the parameters of all."""
    for name, one in found.items():
        if one.kind in ("aximm", "axis"):
            memory = ["hbm_clk_i"] if one.kind == "aximm" and one.mode == "master" else []
            one.clock = next((clock for clock in (f"{name[0]}_clk_i", *memory, "clk_i") if clock in found), "")
            one.parameters = _aximm(one.ports) if one.kind == "aximm" else _axis(one.ports)
        elif one.kind == "reset":
            one.parameters = {"POLARITY": "ACTIVE_LOW"}
        elif one.kind == "interrupt":
            one.parameters = {"SENSITIVITY": "LEVEL_HIGH"}
    for name, one in found.items():
        if one.kind == "clock":
            buses = [bus.name for bus in found.values() if bus.clock == name]
            reset = name.removesuffix("clk_i") + "rst_ni"
            one.parameters = {"ASSOCIATED_BUSIF": ":".join(buses)} if buses else {}
            one.parameters |= {"ASSOCIATED_RESET": reset} if reset in found else {}


def _aximm(ports: dict[str, Port]) -> dict[str, str]:
    reads, writes = "ARADDR" in ports, "AWADDR" in ports
    side = "R" if reads else "W"
    parameters = {
        "PROTOCOL": "AXI4" if f"A{side}LEN" in ports else "AXI4LITE",
        "READ_WRITE_MODE": "READ_WRITE" if reads and writes else "READ_ONLY" if reads else "WRITE_ONLY",
        "DATA_WIDTH": str(ports[f"{side}DATA"].width),
        "ADDR_WIDTH": str(ports[f"A{side}ADDR"].width),
    }
    if parameters["PROTOCOL"] == "AXI4":
        parameters |= {"ID_WIDTH": str(ports[f"A{side}ID"].width), "SUPPORTS_NARROW_BURST": "0"}
    return parameters


def _axis(ports: dict[str, Port]) -> dict[str, str]:
    user = ports["TUSER"].width if "TUSER" in ports else 0
    has = {f"HAS_{signal}": str(int(signal in ports)) for signal in ("TREADY", "TSTRB", "TKEEP", "TLAST")}
    return {"TDATA_NUM_BYTES": str(-(-ports["TDATA"].width // 8)), "TUSER_WIDTH": str(user), **has}


TEMPLATE = """\
// {{ name }}: {{ module }} without arrays of buses, for Vivado. Generated by lutloom.v80.wrapper.
module {{ name }} (
{%- for port, attributes in ports %}
{%- for attribute in attributes %}
    (* {{ attribute }} *)
{%- endfor %}
    {{ "input " if port.direction == "in" else "output" }} wire {{ "[%d:0] " % (port.width - 1) if port.width > 1 }}
    {{- port.name }}
    {{- "," if not loop.last }}
{%- endfor %}
);
{%- for port, (base, bytes) in windows.items() %}
    wire [63:0] window_{{ port }};
    assign {{ port }} = 64'h{{ "%016x" % base }} | (window_{{ port }} & 64'h{{ "%016x" % (bytes - 1) }});
{%- endfor %}
    {{ module }}{% if parameters %} #(
{%- for key, value in parameters.items() %}
        .{{ key }}({{ value }}){{ "," if not loop.last }}
{%- endfor %}
    ){% endif %} u_{{ module }} (
{%- for pin, value in pins.items() %}
        .{{ pin }}({{ value }}){{ "," if not loop.last }}
{%- endfor %}
    );
endmodule
"""


def _attributes(flat: list[Port], frequency: int) -> list[tuple[Port, list[str]]]:
    """Every flat port with its attributes; those of the whole interface at its first port."""
    grouped, _ = interfaces(flat)
    of = {port.name: (one, logical) for one in grouped for logical, port in one.ports.items()}
    begun = set()
    rows = []
    for port in flat:
        shown = []
        if port.name in of:
            one, logical = of[port.name]
            if one.name not in begun:
                begun.add(one.name)
                given = dict(one.parameters) | (
                    {"FREQ_HZ": str(frequency)} if frequency and one.kind == "clock" else {}
                )
                values = ", ".join([f"XIL_INTERFACENAME {one.name}", *(f"{k} {v}" for k, v in given.items())])
                shown.append(f'X_INTERFACE_PARAMETER = "{values}"')
            shown.append(f'X_INTERFACE_INFO = "{VLNV[one.kind]} {one.name} {logical}"')
        rows.append((port, shown))
    return rows


def wrapper(
    module: str,
    ports: Iterable[Port],
    parameters: Mapping[str, str | int] | None = None,
    *,
    name: str = "",
    names: Mapping[str, str] | None = None,
    tied: Mapping[str, str] | None = None,
    frequency: int = 0,
    windows: Mapping[str, tuple[int, int]] | None = None,
) -> str:
    """Verilog-2001 text of a module `name` (default <module>_wrapper) that holds one `module`.

    ports: of the elaborated RTL, in order. parameters: values to instantiate with. names: see `split`.
    tied: {input: constant} for inputs that the wrapper does not bring out. frequency: of the clocks in Hz, if it is to
    be declared. windows: {64-bit output of the wrapper: (base, bytes)}: only the lower bits of this address come from
    the module, it stays within `bytes`, a power of two, from `base` on, a multiple of it.
    UserError if `tied` names no input.
    """
    ports, tied, windows = list(ports), dict(tied or {}), dict(windows or {})
    for one in tied:
        if one not in {port.name for port in ports if port.direction == "in"}:
            raise UserError(f"wrapper: tied: found {one}, allowed inputs of {module}")
    outer = [port for port in ports if port.name not in tied]
    parts, pins = split(ports, names), {}
    for port in ports:
        nets = ", ".join(
            f"window_{part.name}" * (part.name in windows) or part.name for part in reversed(parts[port.name])
        )
        pins[port.name] = tied.get(port.name) or (f"{{{nets}}}" if len(parts[port.name]) > 1 else nets)
    return jinja2.Template(TEMPLATE, keep_trailing_newline=True).render(
        module=module,
        name=name or f"{module}_wrapper",
        ports=_attributes(flat_ports(outer, names), frequency),
        parameters=parameters,
        pins=pins,
        windows=windows,
    )
