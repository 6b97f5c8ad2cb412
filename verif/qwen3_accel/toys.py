"""Images of the toy models that the testbench runs."""

from pathlib import Path

from lutloom.compiler import compile_model
from lutloom.hardware import configuration
from lutloom.tests import toy

KINDS = {  # name: toy, configuration
    "long": ("aligned-long", "tiny"),
    "short": ("aligned-short", "tiny"),
    "covq": ("aligned-covq", "tiny"),
    "gather": ("aligned-covq-all", "tiny-gather"),
    "mixed": ("aligned-covq", "tiny-gather"),  # the head is calculated
}


def toy_images(folder: Path) -> dict[str, Path]:
    """Compile them into `folder`: paths by kind."""
    paths = {kind: folder / f"{kind}.img" for kind in KINDS}
    for kind, path in paths.items():
        model, hardware = KINDS[kind]
        compile_model(toy.build(folder / kind, model).folder, path, configuration(hardware))
    return paths
