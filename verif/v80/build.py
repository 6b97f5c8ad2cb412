"""`make v80`: the project under build/v80 by FuseSoC and edalize, and with Vivado the device image.

FuseSoC calls this file itself (target v80 of qwen3_accel.core) for everything that is generated.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from lutloom.errors import UserError
from lutloom.qwen3_accel import configuration
from lutloom.v80 import map as facts
from lutloom.v80 import project
from verif.lib.corefiles import FUSESOC
from verif.lib.paths import BUILD, ROOT, tool_environment
from verif.lib.ports import ports_of

VLNV = "lutloom:ip:qwen3_accel"
WORK = BUILD / "v80"
ADDRESS_MAP = ROOT / "docs" / "address-map.md"
TYPES = {  # for edalize: what makes the project, what Vivado reads as constraints, what only `build` uses
    f"{project.WRAPPER}.v": "verilogSource",
    "system.tcl": "tclSource",
    "pins.xdc": "xdc",
    "timing.xdc": "xdc",
    "floorplan.xdc": "xdc",
    "axi_cdc.tcl": "SDC",
    "build.tcl": "user",
}


def generate(config: dict) -> None:
    """FuseSoC's generator: write the files of a configuration and a core that lists them into this folder."""
    name = config["parameters"]["configuration"]
    hbm_mhz = facts.HBM_MHZ if config["parameters"].get("hbm_clock") else 0
    ports, _ = ports_of("qwen3_accel", configuration(name).parameters())
    entries = []
    for file, text in project.files(name, ports, hbm_mhz).items():
        Path(file).write_text(text)
        entries.append({file: {"file_type": TYPES[file]}})
    core = {
        "name": config["vlnv"],
        "filesets": {"generated": {"files": entries}},
        "targets": {"default": {"filesets": ["generated"]}},
    }
    Path("v80.core").write_text("CAPI=2:\n" + yaml.safe_dump(core))


def setup(work: Path = WORK, hbm_clock: bool = False) -> Path:
    """Write the whole project into `work`; its project script. RuntimeError with FuseSoC's output if that fails.

    hbm_clock: the memory ports have a clock of their own.
    """
    shutil.rmtree(work, ignore_errors=True)
    fusesoc = str(Path(sys.executable).parent / "fusesoc")
    options = ["--setup", "--target=v80", "--work-root", str(work), *["--flag=hbm_clock"] * hbm_clock]
    done = subprocess.run(
        [fusesoc, "--cores-root", str(FUSESOC), "run", *options, VLNV],
        cwd=ROOT,
        env={**os.environ, **tool_environment()},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"FuseSoC cannot set the V80 project up:\n{done.stdout}{done.stderr}")
    return next(path for path in work.glob("*.tcl") if path.with_suffix(".eda.yml").exists())


def build(script: Path) -> Path:
    """Run Vivado over a project that is set up; the device image. UserError if it fails."""
    tcl = next((script.parent / "src").rglob("build.tcl"))
    vivado = ["vivado", "-mode", "batch", "-notrace", "-source"]
    for command in ([*vivado, script.name], [*vivado, str(tcl), script.with_suffix(".xpr").name]):
        if subprocess.run(command, cwd=script.parent).returncode:
            raise UserError(f"v80: {command[-1]}: Vivado failed, see {script.parent / 'vivado.log'}")
    return next(script.parent.glob("*.pdi"))


def main() -> None:
    setup_only = bool(os.environ.get("SETUP_ONLY"))
    if not setup_only and not shutil.which("vivado"):
        raise UserError(f"v80: vivado: found none on PATH, allowed {facts.VIVADO} or newer; SETUP_ONLY=1 needs none")
    ADDRESS_MAP.write_text(project.address_map())
    script = setup(hbm_clock=bool(os.environ.get("HBM_CLOCK")))
    print(f"project: {script}" if setup_only else f"device image: {build(script)}")


if __name__ == "__main__":
    try:
        if len(sys.argv) > 1:
            generate(yaml.safe_load(Path(sys.argv[1]).read_text()))
        else:
            main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
