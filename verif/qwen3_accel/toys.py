"""Images of the toy models that the testbench runs."""

from pathlib import Path

from lutloom.compiler import compile_model
from lutloom.hardware import configuration
from lutloom.tests import toy

KINDS = {"long": "aligned-long", "short": "aligned-short", "covq": "aligned-covq"}


def toy_images(folder: Path) -> dict[str, Path]:
    """Compile them for the configuration "tiny" into `folder`: paths by kind."""
    paths = {kind: folder / f"{kind}.img" for kind in KINDS}
    for kind, path in paths.items():
        compile_model(toy.build(folder / kind, KINDS[kind]).folder, path, configuration("tiny"))
    return paths
