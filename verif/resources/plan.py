"""Facts of the budget of the v80 configuration: parts, their places, what the card has, assumptions of energy."""

from __future__ import annotations

from lutloom.qwen3_accel import CONFIGURATIONS
from lutloom.v80 import project

CONFIGURATION = "v80"

# Modules at which the hierarchy is cut, in the order of the table. The others are part of the module around them.
PARTS = (
    "linear_synth_slice",
    "linear_synth_join",
    "linear_synth_collect",
    "linear_synth_vector",
    "linear_synth_pairs",
    "linear_synth",
    "attention_way",
    "attention",
    "attention_array",
    "axi_read_mux",
    "accel_ports",
    "rms_norm",
    "rope",
    "swiglu_lane",
    "swiglu",
    "dequant",
    "sampler_score",
    "sampler",
    "embed",
    "linear_covq",
    "accel_aux",
    "accel_vector",
    "frame",
    "accel_regs",
    "accel_core",
)

DEVICE = {"luts": 2_574_208, "ffs": 5_148_416, "dsps": 10_848, "brams": 3_741, "urams": 1_925}  # data sheet DS1013
TARGETS = {"luts": 1_300_000, **{name: DEVICE[name] * 60 // 100 for name in ("dsps", "brams", "urams")}}
SLRS = 3

# --- energy: assumptions, each with its source ---------------------------------------------------------------------
MHZ = 250  # the clock of the build, not a measurement
CYCLES = 300_000  # of a decode token: the aim for Qwen3-1.7B at context 256
MEGABYTES = 530  # that such a token reads
HBM_PJ_PER_BIT = 3.92  # HBM2 with activation, way through the die and input/output: O'Connor et al., MICRO 2017
# LUT-LLM (arXiv 2511.06174) on the same part: its artifact's utilisation and Vivado's own power estimate, HBM included
REFERENCE = {"luts": 1_270_000, "mhz": 220, "watts": 62.8}
STATIC_WATTS = (
    20.0  # taken off the reference as what does not grow with logic and clock: leakage, processor system, NoC, PHY
)


def slr_of(path: str) -> int | None:
    """The SLR that the floorplan of the V80 build names for an instance; None: Vivado places it."""
    inside = path.removeprefix("u_core/")
    for s in range(CONFIGURATIONS[CONFIGURATION].slices):
        if inside.startswith(f"u_synth/gen_slice[{s}]."):
            return project.SLR_OF_EIGHT[s % len(project.SLR_OF_EIGHT)]
    for slr, cells in project.CELLS_OF.items():
        if any(inside == cell or inside.startswith(f"{cell}/") for cell in cells):
            return slr
    return None


def energy(totals: dict[str, float]) -> dict[str, float]:
    """Watts and joules of a token from the sums of the table and the assumptions above."""
    seconds = CYCLES / (MHZ * 1e6)
    hbm = MEGABYTES * 8e6 * HBM_PJ_PER_BIT * 1e-12  # joules
    dynamic = REFERENCE["watts"] - STATIC_WATTS
    logic = dynamic * totals["luts"] / REFERENCE["luts"] * MHZ / REFERENCE["mhz"]
    watts = STATIC_WATTS + logic + hbm / seconds
    return {
        "milliseconds": round(seconds * 1e3, 3),
        "static_watts": STATIC_WATTS,
        "logic_watts": round(logic, 1),
        "hbm_watts": round(hbm / seconds, 1),
        "watts": round(watts, 1),
        "millijoules_per_token": round(watts * seconds * 1e3, 1),
        "tokens_per_joule": round(1 / (watts * seconds), 1),
    }
