"""Builds a core with Verilator, runs cocotb tests on it, reads what came out.

An own runner of a hundred lines instead of cocotb's, for three reasons: file lists come from the .core; only the
toplevel's signals are made public (cocotb's runner makes all public, up to seven times slower); a run without tests
or with a failing one is an error here, whoever calls.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import cocotb_tools.config
from filelock import FileLock

from verif.lib.corefiles import core_files
from verif.lib.params import BadParameter
from verif.lib.paths import BUILD, ROOT, tool_environment

PARTS = BUILD / "results" / "parts"
DEFAULT_SEED = 1


class SimulationFailed(AssertionError):
    """A build failed, a test failed, or no test ran."""


class ElaborationRefused(SimulationFailed):
    """The RTL's own parameter check refused the build; the message is the RTL's."""


@dataclass(frozen=True)
class Mutation:
    """A deliberate fault: in `file` (relative to the repository) the one occurrence of `old` becomes `new`."""

    file: str
    old: str
    new: str


@dataclass
class Outcome:
    """What one simulation gave."""

    core: str
    name: str
    seed: int
    parameters: dict
    tests: int
    failures: int
    run_dir: Path
    coverage: dict = field(default_factory=dict)  # point -> {bin: hits}
    measures: list = field(default_factory=list)  # see verif.lib.results.measure


def base_seed() -> int:
    """The seed that `SEED=n` or the environment variable LUTLOOM_SEED sets; 1 otherwise. BadParameter for no number."""
    found = os.environ.get("LUTLOOM_SEED", str(DEFAULT_SEED))
    if not re.fullmatch("[0-9]{1,9}", found) or int(found) < 1:
        raise BadParameter(f"SEED (LUTLOOM_SEED): found `{found}`, allowed 1 to {10**9 - 1}")
    return int(found)


def _mutated(source: Path, mutation: Mutation | None, folder: Path) -> Path:
    if mutation is None or source != (ROOT / mutation.file).resolve():
        return source
    text = source.read_text()
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file}: the text to break occurs {text.count(mutation.old)} times, wanted once")
    copy = folder / source.name
    copy.write_text(text.replace(mutation.old, mutation.new))
    return copy


def build(
    core: str,
    *,
    target: str = "lint",
    flags: tuple[str, ...] = (),
    toplevel: str | None = None,
    parameters: dict | None = None,
    extra_sources: tuple[str, ...] = (),
    mutation: Mutation | None = None,
    waves: bool = False,
    optimise: str | None = None,
    public: tuple[str, ...] = ("*",),
    assertions: bool = True,
) -> Path:
    """Compile `core` with `parameters` set on `toplevel`; returns the executable. Builds are shared by content.

    optimise: the C++ compiler's, of the design. Default: -O0, since -O1 costs a bench of seconds more than it saves;
        -O1 where a .vlt of the core has blocks (`hier_block`): these are compiled once, not for every instance.
        What runs longer asks for -O1.
    public: which of the toplevel's signals cocotb sees; the fewer, the faster.

    Raises:
        SimulationFailed: Verilator or the C++ compiler failed (the log's end is in the message).
    """
    files = core_files(core, target, flags)
    toplevel = toplevel or files.toplevel
    parameters = parameters or {}
    sources = [*files.sources, *((ROOT / extra).resolve() for extra in extra_sources)]
    hierarchical = any("hier_block" in path.read_text() for path in files.waivers)
    optimise = optimise or ("-O1" if hierarchical else "-O0")
    digest = hashlib.sha256()
    for path in [Path(__file__), *files.waivers, *sources]:
        digest.update(path.read_bytes())
    settings = (toplevel, sorted(parameters.items()), mutation, waves, optimise, public, assertions)
    digest.update(repr(settings).encode())
    folder = BUILD / "sim" / core / f"{toplevel}-{digest.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    exe = folder / "sim"
    with FileLock(folder / ".lock"):
        if exe.exists():
            return exe
        sources = [_mutated(path, mutation, folder) for path in sources]
        if mutation and not any(folder in path.parents for path in sources):
            raise ValueError(f"{mutation.file} is not a source of {core}")
        visible = folder / "public.vlt"
        rules = [f'public_flat_rw -module "{toplevel}" -var "{name}"' for name in public]
        visible.write_text("\n".join(["`verilator_config", *rules, ""]))
        libs = cocotb_tools.config.libs_dir
        command = [
            *("verilator", "--cc", "--exe", "--vpi", "--assert" if assertions else "--no-assert", "--prefix", "Vtop"),
            *("-Mdir", str(folder / "obj"), "-o", str(exe), "--top-module", toplevel),
            *("--x-initial", "unique", "--timescale", "1ns/1ps", "-Wno-fatal", "-Wno-lint", "-Wno-style"),
            *("-Werror-USERERROR", "-Werror-USERFATAL"),  # the RTL's own parameter checks
            *("-LDFLAGS", f"-Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator"),
            *(["--trace-vcd", "--trace-structs"] if waves else []),
            *(f"-G{name}={value}" for name, value in parameters.items()),
            str(cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"),
            *(str(path) for path in [visible, *files.waivers, *sources]),
        ]
        if hierarchical:
            # Without such a file, empty or not, this Verilator compiles blocks that have parameters once more, inlined.
            (folder / "parameters.v").write_text("// none\n")
            command += ["--hierarchical", "--hierarchical-params-file", str(folder / "parameters.v")]
            command += ["--output-groups", "0"]
        else:
            # One file of C++: every other, and precompiled headers, cost a second before the first line of the design.
            command += ["--output-split", "0"]
        make = ["make", "-j", "2", "-C", "obj", "-f", "Vtop_hier.mk" if hierarchical else "Vtop.mk"]
        # What runs once stays at -O0. ccache: Verilator's runtime is compiled once for all builds, at -O1; and it has
        # what a broken core or other parameters leave as it was.
        make += [f"OPT_FAST={optimise}", "OPT_GLOBAL=-O1", "OBJCACHE=ccache"]
        log = folder / "build.log"
        with log.open("w") as out:
            tool = dict(env={**os.environ, **tool_environment()}, stdout=out, stderr=subprocess.STDOUT, cwd=folder)
            failed = subprocess.run(command, **tool).returncode or subprocess.run(make, **tool).returncode
        if failed:
            lines = log.read_text().splitlines()
            refused = [line for line in lines if "allowed:" in line and "%Error" in line]
            if refused:
                raise ElaborationRefused(
                    re.sub(r"^%Error[^:]*: [^:]*:\d+:(\d+:)? *", "", refused[0]).replace("%m", toplevel)
                )
            first = [line for line in lines if "%Error" in line] or lines[-5:]
            raise SimulationFailed(f"{core}: build failed ({log}):\n" + "\n".join(first[:10]))
        shutil.rmtree(folder / "obj", ignore_errors=True)  # objects are many times the executable's size
    return exe


def _execute(exe: Path, run_dir: Path, toplevel: str, module: str, seed: int, extra_env: dict, plusargs, waves) -> None:
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(parents=True)
    env = {
        **os.environ,
        **tool_environment(),
        "COCOTB_TEST_MODULES": module,
        "COCOTB_TOPLEVEL": toplevel,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_RESULTS_FILE": str(run_dir / "results.xml"),
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "NO_COLOR": "1",
        **extra_env,
    }
    command = [
        str(exe),
        *(["--trace"] if waves else []),
        "+verilator+rand+reset+2",
        f"+verilator+seed+{seed}",
        *plusargs,
    ]
    with (run_dir / "sim.log").open("w") as out:
        subprocess.run(command, cwd=run_dir, env=env, stdout=out, stderr=subprocess.STDOUT)


def _read(run_dir: Path) -> tuple[int, int]:
    results = run_dir / "results.xml"
    if not results.exists():
        return 0, 0
    cases = ElementTree.parse(results).getroot().iter("testcase")
    states = [case.find("failure") is None and case.find("error") is None for case in cases]
    return len(states), states.count(False)


def simulate(
    core: str,
    module: str,
    *,
    name: str,
    target: str = "lint",
    flags: tuple[str, ...] = (),
    toplevel: str | None = None,
    parameters: dict | None = None,
    seed: int | None = None,
    env: dict | None = None,
    plusargs: tuple[str, ...] = (),
    extra_sources: tuple[str, ...] = (),
    mutation: Mutation | None = None,
    waves_on_failure: bool = True,
    optimise: str | None = None,
    public: tuple[str, ...] = ("*",),
    assertions: bool = True,
) -> Outcome:
    """Build `core` and run the cocotb tests of Python module `module` on it.

    Args:
        target: of the .core, for the files and the toplevel; "sim" has the testbench's own SystemVerilog too.
        flags: FuseSoC's, for the files.
        name: names the run in reports; the run lies in build/sim/<core>/runs/<name>-<seed>.
        parameters: of the toplevel module.
        seed: of cocotb's `random`, of Verilator's initial values; default: `base_seed()`.
        env: further environment variables for the test module, values are made strings.
        extra_sources: SystemVerilog files beside the core's own, relative to the repository (testbench tops).
        mutation: break the core first (a testbench must catch it).
        waves_on_failure: run once more with waves when a test fails and name the file.
        optimise, public, assertions: see `build`.

    Raises:
        SimulationFailed: with the test's message, seed, log and wave file.
    """
    seed = base_seed() if seed is None else seed
    files = core_files(core, target, flags)
    toplevel = toplevel or files.toplevel
    plusargs = (*files.run_options, *plusargs)
    options = dict(
        target=target,
        flags=flags,
        toplevel=toplevel,
        parameters=parameters,
        extra_sources=extra_sources,
        mutation=mutation,
        optimise=optimise,
        public=public,
        assertions=assertions,
    )
    exe = build(core, **options)
    run_dir = BUILD / "sim" / core / "runs" / f"{name}-{seed}"
    extra = {key: str(value) for key, value in (env or {}).items()}
    extra["LUTLOOM_PARAMETERS"] = json.dumps(parameters or {})
    _execute(exe, run_dir, toplevel, module, seed, extra, plusargs, False)
    tests, failures = _read(run_dir)
    if tests == 0 or failures:
        log = (run_dir / "sim.log").read_text()
        reason = re.findall(r"(?:%Error: .*|\w*(?:Error|Mismatch|Exception)\b: .*)", log)
        where = f"log {run_dir / 'sim.log'}"
        if waves_on_failure and mutation is None:
            wave_exe = build(core, waves=True, **options)
            wave_dir = run_dir.with_name(run_dir.name + "-waves")
            _execute(wave_exe, wave_dir, toplevel, module, seed, extra, plusargs, True)
            where += f", waves {wave_dir / 'dump.vcd'}"
        what = f"{failures} of {tests} tests failed" if tests else "no test ran"
        raise SimulationFailed(f"{core}/{name}: {what}, seed {seed}, {where}\n" + "\n".join(reason[-3:]))
    outcome = Outcome(core, name, seed, dict(parameters or {}), tests, failures, run_dir)
    record = run_dir / "record.json"
    if record.exists():
        data = json.loads(record.read_text())
        outcome.coverage, outcome.measures = data["coverage"], data["measures"]
    if mutation is None:
        part = PARTS / core / f"{name}-{seed}.json"
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({**outcome.__dict__, "run_dir": str(run_dir.relative_to(ROOT))}, indent=1))
    return outcome
