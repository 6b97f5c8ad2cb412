"""The commands themselves: FuseSoC runs that tell the truth, refusals with exit code 2, the density target of lut2d."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from verif.lib import readme
from verif.lib.corefiles import FUSESOC, cores
from verif.lib.paths import ROOT, tool_environment
from verif.lib.readme import FIGURES, best, pages
from verif.lib.synth import CLOCK_NS, lookups_per_cycle, synthesise

LUTS_PER_LOOKUP = 25.0  # at 8-bit entries, 2 lanes x 32 units, one token


def run(command: list[str], cwd: Path = ROOT, **changes) -> subprocess.CompletedProcess:
    environment = {**os.environ, **tool_environment(), **changes}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def fusesoc(folder: Path, **changes) -> subprocess.CompletedProcess:
    tool = str(Path(sys.executable).parent / "fusesoc")
    changes = {"PYTHONPATH": str(folder), **changes}
    return run([tool, "--cores-root", ".", "run", "--target=sim", "lutloom:ip:common"], folder, **changes)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the sources that a test may break."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("rtl", "verif", "fusesoc"):
        shutil.copytree(ROOT / part, folder / part, symlinks=True)
    return folder


def test_fusesoc_runs_the_testbench_and_fails_with_it(checkout):
    """One build tree, three runs: the good core passes, a broken core and a missing environment end non-zero."""
    done = fusesoc(checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TESTS=6 PASS=6 FAIL=0" in done.stdout + done.stderr
    source = checkout / "rtl" / "common" / "fifo.sv"
    source.write_text(source.read_text().replace("if (push) mem[wr_q]", "if (push && wr_q != 3) mem[wr_q]"))
    done = fusesoc(checkout)
    assert done.returncode != 0
    assert "Mismatch" in done.stdout + done.stderr
    done = fusesoc(checkout, GPI_USERS="")
    assert done.returncode != 0
    assert "make -s env" in done.stdout + done.stderr


def test_the_command_line_imports_what_its_package_depends_on():
    """A plain install runs every command but those that need the simulator (verif) or torch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = {requirement.partition("==")[0] for requirement in project["dependencies"]}
    allowed |= {"lutloom", "verif", "torch", *sys.stdlib_module_names}
    for path in [*(ROOT / "golden").glob("*.py"), *(ROOT / "golden" / "host").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert {name.partition(".")[0] for name in names} <= allowed, path


def test_every_core_has_lint_and_sim_targets():
    for core in cores():
        targets = yaml.safe_load((FUSESOC / f"{core}.core").read_text().partition("\n")[2])["targets"]
        assert {"lint", "sim"} <= set(targets), core
        assert targets["sim"]["hooks"]["pre_build"] == ["preflight"], core


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["sim", "CORE=nothing"], "CORE=nothing is not a core of this library; allowed: accel_regs, "),
        (["sim"], "is not a core of this library; allowed:"),
        (["sim", "CORE=common", "PARAMS=Depht=4"], "common has no parameter Depht; allowed: Width, Depth"),
        (["sim", "CORE=common", "PARAMS=Depth=1"], "Depth is 1, allowed: >= 2"),
        (["sim", "CORE=centroid_search", "PARAMS=Units=7"], "Units is 7, allowed: powers of two"),
        (["sim", "CORE=common", "SEED=abc"], "SEED (LUTLOOM_SEED): found `abc`, allowed 1 to 999999999"),
        (["sim", "CORE=common", "SEED=0"], "SEED (LUTLOOM_SEED): found `0`, allowed 1 to"),
        (["regression", "SEED=-1"], "SEED (LUTLOOM_SEED): found `-1`, allowed 1 to"),
        (["synth", "CORE=common", "PARAMS=Depth=1"], "Depth is 1, allowed: >= 2"),
        (["synth", "CORE=common", "PARAMS=Depth"], "`Depth` is not Name=value"),
    ],
    ids=" ".join,
)
def test_bad_input_is_refused_in_one_line(arguments, words):
    target, *assignments = arguments
    values = dict(item.split("=", 1) for item in assignments)
    command = [sys.executable, "-m", f"verif.lib.{target}", values.get("CORE", "")]
    done = run([*command, *values.get("PARAMS", "").split()], LUTLOOM_SEED=values.get("SEED", "1"))
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and words in lines[0], done.stderr


@pytest.mark.parametrize(
    "figures,cell",
    [
        ([(128, "cycles/window"), (134, "cycles/window"), (571, "cycles/window")], "128 cycles/window"),
        ([(8192, "cycles"), (8190, "cycles"), (0.9, "beats/cycle"), (1, "beats/cycle")], "1 beats/cycle, 8,190 cycles"),
        ([], ""),
    ],
)
def test_best_rate_of_a_row_of_the_readme(figures, cell):
    """Where a unit counts cycles fewer are better, in all other units more."""
    rows = [{"parameters": "defaults", "measured": value, "unit": unit} for value, unit in figures]
    assert best(rows) == cell


def test_tables_are_those_of_the_figures():
    """README and the cores' pages have what docs/figures.json has; every core is in it."""
    figures = json.loads(FIGURES.read_text())
    assert list(figures["cores"]) == list(cores())
    for page, text in pages(figures).items():
        assert page.read_text() == text, f"{page}: `make readme` writes it"


def test_new_results_take_the_place_of_old_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "RESULTS", tmp_path)
    old = json.loads(FIGURES.read_text())
    assert readme.updated(old) == old
    area = {name: 7 for name in readme.AREA}
    (tmp_path / "synth-lut2d.json").write_text(json.dumps(area))
    lut2d = old["cores"]["lut2d"] | {"area": area}
    assert readme.updated(old) == old | {"cores": old["cores"] | {"lut2d": lut2d}}
    with pytest.raises(FileNotFoundError, match="accel_regs: no coverage; `make sim CORE=accel_regs` measures it"):
        readme.updated({})


def test_lut2d_density():
    """LUTs per lookup and cycle, and the longest path, in Yosys' UltraScale+ proxy: deterministic, so a gate."""
    figures = synthesise("lut2d", {})
    assert figures["luts"] / lookups_per_cycle({}) <= LUTS_PER_LOOKUP
    assert figures["path_ns"] <= CLOCK_NS
