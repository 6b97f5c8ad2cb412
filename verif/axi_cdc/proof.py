"""Proof of async_fifo (async_fifo_proof.sv) in Yosys and its ABC: induction, and what can be reached in a few steps.

The RTL is read as it is, but for two things: the pointers go to the synchronisers by way of the lateness of
async_fifo_proof, and every flip-flop takes its clock as an enable of one clock that all share. The solver drives both.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from verif.lib.corefiles import core_files
from verif.lib.paths import ROOT

TOP = "async_fifo_proof"
EDGE_IS_ENABLE = r"""
(* techmap_celltype = "$dff" *)
module edge_is_enable #(parameter WIDTH = 1, CLK_POLARITY = 1) (input CLK, input [WIDTH-1:0] D, output [WIDTH-1:0] Q);
  \$ff #(.WIDTH(WIDTH)) ff (.D(CLK ? D : Q), .Q(Q));
endmodule
"""


@dataclass(frozen=True)
class Model:
    """An async_fifo of some size, perhaps a broken one, as a netlist of gates and one-step flip-flops.

    Attributes:
        outputs: async_fifo_proof's by number, the bad_* first; one that is constant may lack.
    """

    path: Path
    outputs: dict[int, str]

    @staticmethod
    def make(folder: Path, depth: int, stages: int = 2, broken: tuple[tuple[str, str], ...] = ()) -> Model:
        """Translate. `broken`: texts of async_fifo.sv and what stands there instead."""
        sources = [path for path in core_files("axi_cdc").own_sources if path.stem != "axi_cdc"]
        copy = folder / "async_fifo.sv"
        text = next(path for path in sources if path.stem == "async_fifo").read_text()
        late = tuple((f".d_i({side}_gray_q)", f".d_i({TOP}.{side}_late)") for side in ("wr", "rd"))
        for old, new in (*broken, *late):
            if text.count(old) != 1:
                raise ValueError(f"async_fifo.sv: `{old}` occurs {text.count(old)} times, wanted once")
            text = text.replace(old, new)
        copy.write_text(text)
        (folder / "edge.v").write_text(EDGE_IS_ENABLE)
        files = [path for path in sources if path.stem != "async_fifo"] + [copy, ROOT / f"verif/axi_cdc/{TOP}.sv"]
        commands = [
            f"read_slang --top {TOP} -GDepth={depth} -GStages={stages} --ignore-assertions {' '.join(map(str, files))}",
            *("opt", "memory -nomap", "memory_map", "opt", "dffunmap", "opt_clean"),
            f"techmap -map {folder / 'edge.v'}",
            *("delete -input w:step_i", "connect -set step_i 1'1"),  # a step is always
            "setattr -set init 0 w:u_fifo.*_q",  # what the reset leaves
            *("opt", "simplemap", "setundef -anyseq", "aigmap", "opt_clean"),
            f"write_aiger -zinit -map {folder / 'model.map'} {folder / 'model.aig'}",
        ]
        passes = "; ".join(f"y.run_pass({command!r}, d)" for command in commands)
        script = f"from pyosys import libyosys as y; d = y.Design(); {passes}"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"Yosys:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
        rows = re.findall(r"^output (\d+) 0 (\w+)$", (folder / "model.map").read_text(), re.M)
        return Model(folder / "model.aig", {int(number): name for number, name in rows})

    def _abc(self, outputs: range, script: str) -> str:
        """What ABC says to `script`, run on these outputs only."""
        # Found, not imported: the import makes every extension that is loaded after it share its symbols (RTLD_GLOBAL),
        # and matplotlib's do not bear that.
        tool = Path(find_spec("pyosys").origin).parent / "yosys-abc"
        cone = f"read_aiger {self.path}; strash; cone -O {outputs.start} -R {len(outputs)}; orpos; {script}"
        return subprocess.run([str(tool), "-c", cone], capture_output=True, text=True, check=True).stdout

    def reached(self, steps: int) -> set[str]:
        """Outputs that can be 1 within so many steps from the reset on."""
        found = ((name, self._abc(range(n, n + 1), f"bmc3 -F {steps}")) for n, name in self.outputs.items())
        return {name for name, answer in found if "was asserted in frame" in answer}

    def inductive(self) -> bool:
        """All outputs bad_* that are 0 in a step, in any state, are 0 in the next: with the base case, always."""
        bad = range(min(number for number, name in self.outputs.items() if name.startswith("can_")))
        return "Networks are equivalent" in self._abc(bad, "dc2; ind -F 2")
