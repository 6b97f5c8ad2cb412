"""Shared verification library. Test modules import from here; the runner side must not need a simulator.

`from verif.lib import simulate, Mutation` in pytest files, `from verif.lib.tb import *`-style names in testbenches.
"""

from verif.lib.runner import Mutation, Outcome, SimulationFailed, base_seed, simulate

__all__ = ["Mutation", "Outcome", "SimulationFailed", "base_seed", "simulate"]
