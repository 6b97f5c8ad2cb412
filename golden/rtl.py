"""The accelerator's RTL in the simulator, for the commands of this package. It lies beside the package in a clone."""

import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from lutloom.errors import UserError
from lutloom.image import Image


def simulation(image: Image, **options):
    """The module `verif.qwen3_accel.simulation`, the accelerator for `image` built; options: of its `build_options`.

    UserError if this is no clone of the repository, if no configuration fits the image, or if the build fails.
    """
    root = Path(__file__).resolve().parents[1]
    if not (root / "verif" / "qwen3_accel").is_dir():
        raise UserError(f"rtl: found no testbench in {root}, allowed within a clone of the repository")
    sys.path.insert(0, str(root))
    from verif.lib.runner import SimulationFailed
    from verif.qwen3_accel import simulation as module

    with Console(stderr=True).status("building the accelerator with Verilator (once; minutes)"):
        try:
            module.build_simulation(module.configuration_of(image), **options)
        except SimulationFailed as failure:
            raise UserError(f"rtl: {failure}") from None
    return module


def rtl_trace(image: Image, tokens: np.ndarray, sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Every stage that the RTL computes for tokens int [T]: float32 [T, n], [1, n] where only the last token counts.

    sizes: n of every stage.
    """
    module = simulation(image)
    run = module.Run(image, [int(token) for token in tokens], 1, stop=False, trace=True, name="trace")
    with Console(stderr=True).status("running the RTL"):
        list(run.tokens())
    found: dict[str, list[np.ndarray]] = {}
    for stage, lines in run.stages():
        found.setdefault(stage, []).append(lines.ravel()[: sizes.get(stage, lines.size)])
    return {stage: np.stack(rows) for stage, rows in found.items()}
