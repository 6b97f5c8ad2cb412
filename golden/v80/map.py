"""Facts of the V80 build: part, tools, clocks, memory, addresses. Tcl and docs/address-map.md are made from them.

Memory and part: data sheet of the V80 (DS1013), product guide of the NoC (PG313). Addresses: those of the reference
designs for the card (AVED, SLASH), so that tools made for these find the memory where they expect it.
"""

from __future__ import annotations

from lutloom.errors import UserError
from lutloom.qwen3_accel import PORT_NAMES as PORT_NAMES

GIB = 1 << 30
MIB = 1 << 20
KIB = 1 << 10

PART = "xcv80-lsva4737-2MHP-e-S"
VIVADO = "2024.2"  # the oldest release that is meant to work

# --- clocks, MHz ------------------------------------------------------------------------------------------------------
CLOCK_MHZ = 250  # of the accelerator and of its memory ports
FREE_RUNNING_MHZ = 100  # pl0_ref_clk of CIPS, feeds the clock wizard
DMA_MHZ = 250  # pl2_ref_clk of CIPS: the PL side of the PCIe DMA
HBM_REFERENCE_MHZ = 200  # two of them, external
PCIE_REFERENCE_MHZ = 100
HBM_MHZ = 400  # of the memory ports in a clock of their own
MAX_HBM_MHZ = 500  # of an HBM port in the fabric

# --- memory -----------------------------------------------------------------------------------------------------------
HBM_BASE = 0x40_0000_0000
CONTROLLERS = 16  # each with two pseudo-channels and four ports
PSEUDO_CHANNELS = 2 * CONTROLLERS
PSEUDO_CHANNEL_BYTES = GIB
HBM_BYTES = PSEUDO_CHANNELS * PSEUDO_CHANNEL_BYTES
HBM_PORTS = 2 * PSEUDO_CHANNELS  # in the fabric (HBM_NMU), two per pseudo-channel
BEAT_BYTES = 32  # of every port
PSEUDO_CHANNEL_MB_S = 25_600

# A weight stream and what lies behind it of the KV cache see one window of their own pseudo-channel and nothing else:
# the wrapper replaces the upper bits of the port's addresses. The windows are the topmost ones of each pseudo-channel,
# so that the image has the rest in one piece.
STREAM_BYTES = 128 * MIB  # beside them a pseudo-channel has 768 MiB: the embedding of a 4B model
PORT_BASE = 0  # what the registers PORT_BASE and PORT_STRIDE hold: addresses of a stream count from its window
PORT_STRIDE = 0
IMAGE = HBM_BASE  # where the image goes, all of it but its weight streams

# --- control ----------------------------------------------------------------------------------------------------------
CONTROL_BASE = 0x202_0000_0000  # registers of the accelerator, in the card's address space
CONTROL_BYTES = 64 * KIB
CONTROL_BAR = 2  # of the PCIe function; offset 0 of this BAR is CONTROL_BASE
CONTROL_APERTURE = 128 * MIB  # what of the address space the NoC sends to the fabric
PCI_VENDOR, PCI_DEVICE = 0x10EE, 0xB048
HOST_SPACES = ("CPM_PCIE_NOC_0", "CPM_PCIE_NOC_1", "PMC_NOC_AXI_0")  # address spaces of CIPS: PCIe twice, JTAG

# --- the package and the die ------------------------------------------------------------------------------------------
PINS = {
    "hbm_ref_clk0_clk_p": "N18",
    "hbm_ref_clk0_clk_n": "N19",
    "hbm_ref_clk1_clk_p": "N38",
    "hbm_ref_clk1_clk_n": "N37",
}
CLOCK_REGIONS = {  # of the SLRs
    2: ("CLOCKREGION_X0Y8:CLOCKREGION_X9Y10", "CLOCKREGION_X0Y11:CLOCKREGION_X8Y11"),
    1: ("CLOCKREGION_X0Y5:CLOCKREGION_X9Y7",),
    0: ("CLOCKREGION_X0Y0:CLOCKREGION_X12Y0", "CLOCKREGION_X0Y1:CLOCKREGION_X9Y4"),
}


def pseudo_channel(stream: int) -> tuple[int, int]:
    """(controller, pseudo-channel of it) of a weight stream."""
    return stream // 4, stream // 2 % 2


def pseudo_channel_address(controller: int, channel: int) -> int:
    """First byte of a pseudo-channel."""
    return HBM_BASE + (2 * controller + channel) * PSEUDO_CHANNEL_BYTES


def stream_address(stream: int) -> int:
    """First byte of a weight stream's window, in the card's address space: where the host puts section port<stream>."""
    if not 0 <= stream < HBM_PORTS:
        raise UserError(f"v80: stream: found {stream}, allowed 0..{HBM_PORTS - 1}")
    top = pseudo_channel_address(*pseudo_channel(stream)) + PSEUDO_CHANNEL_BYTES
    return top - (2 - stream % 2) * STREAM_BYTES


def stream_windows(streams: int) -> dict[str, tuple[int, int]]:
    """Addresses that the wrapper keeps in a window: output of the accelerator -> first byte and bytes of the window."""
    names = [f"m_axi_{s}_{channel}" for s in range(streams) for channel in ("araddr", "awaddr")]
    return {name: (stream_address(int(name.split("_")[2])), STREAM_BYTES) for name in names}
