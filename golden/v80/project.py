"""Everything that the V80 build generates, as text: Verilog, Tcl, constraints, docs/address-map.md. No file is touched.

The templates are in constraints/v80, the facts in `lutloom.v80.map`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import jinja2

from lutloom.errors import UserError
from lutloom.qwen3_accel import CONFIGURATIONS, configuration
from lutloom.v80 import map as facts
from lutloom.v80.wrapper import Port, wrapper

TEMPLATES = Path(__file__).resolve().parents[2] / "constraints" / "v80"
WRAPPER = "qwen3_accel_v80"
CORE = "system_i/accel/inst/u_qwen3_accel/u_core"  # the accelerator's core in the whole design
HBM_CLOCK = ("hbm_clk_i", "hbm_rst_ni")

# Versions of the IP are those of Vivado 2024.2; later ones have them too.
IP = {
    "versal_cips": "xilinx.com:ip:versal_cips:3.4",
    "axi_noc": "xilinx.com:ip:axi_noc:1.1",
    "smartconnect": "xilinx.com:ip:smartconnect:1.0",
    "clk_wizard": "xilinx.com:ip:clk_wizard:1.0",
    "proc_sys_reset": "xilinx.com:ip:proc_sys_reset:5.0",
    "axi_register_slice": "xilinx.com:ip:axi_register_slice:2.1",
}

# Where the slices of eight neighbouring weight streams are, and how many borders of SLRs lie between them and HBM.
SLR_OF_EIGHT = (2, 2, 2, 1, 1, 1, 0, 0)
CELLS_OF = {  # the larger ones of the rest; Vivado places what is not named
    2: (),
    1: ("u_synth/i_join", "u_synth/i_collect", "u_synth/i_vector", "u_frame", "u_dequant", "u_sampler"),
    0: ("gen_covq.u_covq",),
}


def _cpm() -> dict[str, str]:
    """PCIe: one QDMA function, Gen5 x8 on the card's edge connector."""
    prefix, bar = "CPM_PCIE1_PF0", facts.CONTROL_BAR
    return {
        "CPM_PCIE0_MODES": "None",
        "CPM_PCIE1_MODES": "DMA",
        "CPM_PCIE1_FUNCTIONAL_MODE": "QDMA",
        "CPM_PCIE1_MODE_SELECTION": "Advanced",
        "CPM_PCIE1_MAX_LINK_SPEED": "32.0_GT/s",
        "CPM_PCIE1_PL_LINK_CAP_MAX_LINK_WIDTH": "X8",
        "CPM_PCIE1_CFG_VEND_ID": f"{facts.PCI_VENDOR:04x}",
        "CPM_PCIE1_TL_PF_ENABLE_REG": "1",
        f"{prefix}_CFG_DEV_ID": f"{facts.PCI_DEVICE:04x}",
        f"{prefix}_BASE_CLASS_VALUE": "12",
        f"{prefix}_SUB_CLASS_VALUE": "00",
        f"{prefix}_BAR0_QDMA_64BIT": "1",
        f"{prefix}_BAR0_QDMA_ENABLED": "1",
        f"{prefix}_BAR0_QDMA_TYPE": "DMA",
        f"{prefix}_BAR0_QDMA_SCALE": "Kilobytes",
        f"{prefix}_BAR0_QDMA_SIZE": "512",
        f"{prefix}_BAR{bar}_QDMA_64BIT": "1",
        f"{prefix}_BAR{bar}_QDMA_ENABLED": "1",
        f"{prefix}_BAR{bar}_QDMA_TYPE": "AXI_Bridge_Master",
        f"{prefix}_BAR{bar}_QDMA_SCALE": "Kilobytes",
        f"{prefix}_BAR{bar}_QDMA_SIZE": str(facts.CONTROL_BYTES // facts.KIB),
        f"{prefix}_PCIEBAR2AXIBAR_QDMA_{bar}": f"0x{facts.CONTROL_BASE:016X}",
    }


def _ps() -> dict[str, str]:
    """Processor system: boot flash, PCIe reset, clocks and one reset for the fabric, one interrupt from it."""
    return {
        "BOOT_MODE": "Custom",
        "CLOCK_MODE": "Custom",
        "DESIGN_MODE": "1",
        "IO_CONFIG_MODE": "Custom",
        "PS_BOARD_INTERFACE": "Custom",
        "PS_PL_CONNECTIVITY_MODE": "Custom",
        "PCIE_APERTURES_DUAL_ENABLE": "0",
        "PCIE_APERTURES_SINGLE_ENABLE": "1",
        "PMC_REF_CLK_FREQMHZ": "33.333333",
        "PMC_CRP_PL0_REF_CTRL_FREQMHZ": str(facts.FREE_RUNNING_MHZ),
        "PMC_CRP_PL2_REF_CTRL_FREQMHZ": str(facts.DMA_MHZ),
        "PMC_BANK_1_IO_STANDARD": "LVCMOS3.3",
        "PMC_OSPI_PERIPHERAL": "{ENABLE 1} {IO {PMC_MIO 0 .. 11}} {MODE Single}",
        "PMC_USE_PMC_NOC_AXI0": "1",
        "PS_NUM_FABRIC_RESETS": "1",
        "PS_USE_PMCPL_CLK0": "1",
        "PS_USE_PMCPL_CLK2": "1",
        "PS_PCIE1_PERIPHERAL_ENABLE": "0",
        "PS_PCIE2_PERIPHERAL_ENABLE": "1",
        "PS_PCIE_EP_RESET1_IO": "PMC_MIO 24",
        "PS_PCIE_EP_RESET2_IO": "PMC_MIO 25",
        "PS_PCIE_RESET": "{ENABLE 1}",
        "PS_IRQ_USAGE": " ".join(f"{{CH{n} {int(n == 0)}}}" for n in range(16)),
    }


def _render(name: str, /, **values) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template(f"{name}.j2").render(map=facts, **values)


def memory_ports(ports: Iterable[Port]) -> int:
    """AXI memory ports of the accelerator."""
    return next(port.width for port in ports if port.name == "m_axi_arvalid")


def files(name: str, ports: Iterable[Port], hbm_mhz: int = 0) -> dict[str, str]:
    """{file name: text} of the build of configuration `name`; `ports` are those of its elaborated qwen3_accel.

    hbm_mhz: clock of the memory ports in MHz if it is one of its own, else 0. Raises UserError for an unknown
    configuration, for ports that are not that configuration's, and for a clock that cannot be.
    """
    accelerator, ports = configuration(name), list(ports)
    if memory_ports(ports) != accelerator.ports:
        raise UserError(f"v80: {name}: found {memory_ports(ports)} memory ports, allowed {accelerator.ports}")
    has_clock = {port.name for port in ports}.issuperset(HBM_CLOCK)
    if hbm_mhz and not has_clock:
        raise UserError(f"v80: hbm_mhz: found {hbm_mhz}, allowed 0: qwen3_accel has no port {HBM_CLOCK[0]}")
    if not 0 <= hbm_mhz <= facts.MAX_HBM_MHZ:
        raise UserError(f"v80: hbm_mhz: found {hbm_mhz}, allowed 0..{facts.MAX_HBM_MHZ}")
    slices = range(accelerator.slices)
    slr_of = [SLR_OF_EIGHT[s % 8] for s in slices]
    mhz = hbm_mhz or facts.CLOCK_MHZ
    system = _render(
        "system.tcl",
        name=name,
        slices=accelerator.slices,
        kv_ports=accelerator.hardware.kv_ports,
        wrapper=WRAPPER,
        part=facts.PART,
        vivado=facts.VIVADO,
        ip=IP,
        cpm=_cpm(),
        ps=_ps(),
        hbm_mhz=hbm_mhz,
        memory_clock="clk_out2" if hbm_mhz else "clk_out1",
        memory_reset="reset_memory" if hbm_mhz else "reset_core",
        crossings=[2 - slr for slr in SLR_OF_EIGHT],
        # MB/s that the NoC compiler is told of; two streams leave a tenth of a pseudo-channel to the others
        mb_s={"stream": min(mhz * facts.BEAT_BYTES, facts.PSEUDO_CHANNEL_MB_S * 45 // 100), "other": 100, "host": 50},
        aperture=f"{{0x{facts.CONTROL_BASE:X} 0x{facts.CONTROL_APERTURE:X}}}",
        hbm_base=f"0x{facts.HBM_BASE:X}",
        channel_bytes=f"0x{facts.PSEUDO_CHANNEL_BYTES:X}",
        control_base=f"0x{facts.CONTROL_BASE:X}",
        control_bytes=f"0x{facts.CONTROL_BYTES:X}",
    )
    return {
        f"{WRAPPER}.v": wrapper(
            "qwen3_accel",
            ports,
            accelerator.parameters() | ({"HbmClock": 1} if hbm_mhz else {}),
            name=WRAPPER,
            tied={name: "1'b0" for name in HBM_CLOCK} if has_clock and not hbm_mhz else None,
            windows=facts.stream_windows(accelerator.slices),
        ),
        "system.tcl": system,
        "pins.xdc": _render("pins.xdc", pins=facts.PINS),
        "timing.xdc": _render("timing.xdc"),
        "floorplan.xdc": _render(
            "floorplan.xdc",
            core=CORE,
            per_slr=[SLR_OF_EIGHT.count(slr) for slr in (2, 1, 0)],
            regions=facts.CLOCK_REGIONS,
            slices_of={slr: [s for s in slices if slr_of[s] == slr] for slr in range(3)},
            cells_of={slr: [f"{CORE}/{cell}" for cell in cells] for slr, cells in CELLS_OF.items()},
        ),
        "build.tcl": _render("build.tcl", image=f"lutloom_{name}.pdi", hbm_mhz=hbm_mhz),
    } | ({"axi_cdc.tcl": (TEMPLATES / "axi_cdc.tcl").read_text()} if hbm_mhz else {})


def address_rows(name: str) -> list[tuple[str, str, int, int]]:
    """(master, segment, first byte, bytes) of everything that the block design of configuration `name` maps."""
    slices = configuration(name).slices
    rows = []
    for s in range(slices):
        controller, channel = facts.pseudo_channel(s)
        rows.append((f"accel/m_axi_{s}", f"noc/HBM{s:02d}_AXI/HBM{controller}_PC{channel}", controller, channel))
    reach_all = [(f"cips/{space}", n) for n, space in enumerate(facts.HOST_SPACES)]
    reach_all += [(f"accel/m_axi_{slices + i}", 3 + i) for i in range(len(facts.PORT_NAMES))]
    for master, port in reach_all:
        for c in range(facts.CONTROLLERS):
            rows += [(master, f"noc/S{port:02d}_AXI/HBM{c}_PC{p}", c, p) for p in (0, 1)]
    memory = [
        (master, segment, facts.pseudo_channel_address(c, p), facts.PSEUDO_CHANNEL_BYTES)
        for master, segment, c, p in rows
    ]
    control = [
        (f"cips/{space}", "accel/s_axil/reg0", facts.CONTROL_BASE, facts.CONTROL_BYTES) for space in facts.HOST_SPACES
    ]
    return memory + control


def address_map() -> str:
    """The text of docs/address-map.md."""
    return _render(
        "address-map.md",
        streams=[(s, *facts.pseudo_channel(s), facts.stream_address(s)) for s in range(CONFIGURATIONS["v80"].slices)],
    )
